"""`python -m chimera_storage.convert [video]`: one conversion, low in priority from its start on.

With `video` the libraries of videos are loaded before the job is there. An archive's process has to
stay below 60 MB, most of which is imports.
"""

import gc
import os
import sys

is_for_video = sys.argv[1:] == ["video"]
if is_for_video:  # somebody waits: a fifth of the imports' time would go into looking for garbage
    gc.disable()
os.nice(10)  # before the imports: they take half a second, which recorders need more
# structlog would load it to draw tracebacks, which stand in JSON here: 4 MB.
sys.modules["rich"] = None  # type: ignore[assignment]

from chimera_storage.convert.child import main  # noqa: E402

exit_code = main(for_video=is_for_video)
sys.stderr.flush()
os._exit(exit_code)  # the work is on disk or sent; taking the libraries down takes 0.1 s
