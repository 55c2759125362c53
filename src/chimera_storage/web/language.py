"""POST /language: the language of the pages, for this browser, in place of the one it prefers."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import RedirectResponse, Response

from chimera_storage.errors import InvalidInputError
from chimera_storage.web.account import safe_next
from chimera_storage.web.pages import LANGUAGE_COOKIE
from chimera_storage.web.pages.texts import LANGUAGES
from chimera_storage.web.parsing import Body, given, read_body, shown
from chimera_storage.web.ports import Services

ReadBody = Annotated[Body, Depends(read_body)]
YEAR_S = 365 * 86_400


def language_router(services: Services) -> APIRouter:
    """A form's answer, so that it works without scripts; `next` is the page to go on with."""
    router = APIRouter(include_in_schema=False)

    @router.post("/language")
    async def choose(body: ReadBody) -> Response:
        language = given(body, "language")
        if language not in LANGUAGES:
            raise InvalidInputError(
                f"language is {shown(language)}; right would be one of {', '.join(LANGUAGES)}"
            )
        answer = RedirectResponse(services.root + safe_next(body.get("next")), status_code=303)
        answer.set_cookie(
            LANGUAGE_COOKIE,
            str(language),
            max_age=YEAR_S,
            path=services.root or "/",
            httponly=True,
            samesite="lax",
        )
        return answer

    return router
