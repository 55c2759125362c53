"""`python -m chimera_storage`: the command `chimera-storage`."""

from chimera_storage.cli import main

main()
