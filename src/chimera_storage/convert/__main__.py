"""`python -m chimera_storage.convert`: one conversion, at low priority from its first import on."""

import os
import sys

os.nice(10)  # before the imports: they take half a second, which recorders need more

from chimera_storage.convert.child import main  # noqa: E402

exit_code = main()
sys.stderr.flush()
os._exit(exit_code)  # the work is on disk or sent; taking the libraries down takes 0.1 s
