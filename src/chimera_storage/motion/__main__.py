"""`python -m chimera_storage.motion`: a recorder process, started by `supervisor`."""

import os
import signal
import sys

# Before NumPy is imported, whose threads would else take SIGTERM and die of it, and all with them.
# Every thread inherits this mask; the one that waits for SIGTERM gets it.
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

from chimera_storage.motion.process import main  # noqa: E402

code = main()
sys.stderr.flush()
os._exit(code)  # threads that hang in a read do not keep the process, nor crash in its last moment
