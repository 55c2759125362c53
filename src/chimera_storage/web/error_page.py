"""An error as a page, for a browser that was led to where there is nothing for it to see.

Programs and the pages' own modules do not ask for HTML and get `{"error": …}` as ever (errors.py).
"""

import json

from starlette.requests import Request
from starlette.responses import Response

from chimera_storage.access import Kind
from chimera_storage.web.pages import page
from chimera_storage.web.ports import Services
from chimera_storage.web.sight import who

# With words of their own in the catalogues (error.title_404, error.text_404); all else is "rest".
WORDED = frozenset({403, 404, 405, 500, 503})


def wants_page(request: Request) -> bool:
    """Whether a browser's address bar, link or form asks, which is to be shown a page."""
    return "text/html" in request.headers.get("accept", "")


def error_page(request: Request, services: Services, answer: Response) -> Response:
    """What `answer` says (`{"error": sentence}`), as a page; status and headers are the same."""
    said = json.loads(bytes(answer.body))
    found = page(
        request,
        services,
        "error.html",
        status=answer.status_code,
        kind=str(answer.status_code) if answer.status_code in WORDED else "rest",
        sentence=said["error"],
        # Of a crash nobody knows any more who asked; home leads to the log-in page then.
        leads_home=who().kind is not Kind.NOBODY or answer.status_code == 500,
        is_known=who().kind is not Kind.NOBODY,
    )
    for name, value in answer.headers.items():
        if name not in found.headers:
            found.headers[name] = value
    return found
