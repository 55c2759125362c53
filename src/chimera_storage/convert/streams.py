"""Videos and archives that are sent while they are made, and stored nowhere."""

from collections.abc import AsyncGenerator

from chimera_storage.convert.job import EXIT_MADE, EXIT_NO_IMAGES, NO_IMAGES, Job
from chimera_storage.convert.output import UNKNOWN_REASON
from chimera_storage.convert.process import Child, Children
from chimera_storage.errors import ConflictError, ConversionError, NotFoundError

# Each has a process of its own: who asks for very many gets an answer, not a machine that crawls.
MAX_STREAMS = 4


class Streams:
    """The processes whose output goes straight to clients. Used from one event loop."""

    def __init__(self, processes: Children) -> None:
        self._processes = processes
        self._open = 0
        self._children: set[Child] = set()
        self._closed = False

    async def read(self, job: Job) -> AsyncGenerator[bytes, None]:
        """The file in pieces. Closing the generator, or cancelling its reader, kills the process.

        Raises ConflictError before the first piece where MAX_STREAMS are under way, NotFoundError
        where none of the images can be read, ConversionError where it cannot be made to the end.
        """
        if self._open >= MAX_STREAMS:
            raise ConflictError(
                f"{MAX_STREAMS} unsaved videos and archives are being made already;"
                " wait for one to end, or ask for a saved one"
            )
        self._open += 1
        try:
            child = await self._processes.start(job)
            self._children.add(child)
            try:
                if self._closed:
                    child.kill()
                while piece := await child.read():
                    yield piece
                self._judge(await child.wait())
            finally:
                child.kill()  # at once: the wait below ends early where the reader is cancelled
                try:
                    await child.wait()
                finally:
                    self._children.discard(child)
        finally:
            self._open -= 1

    def _judge(self, code: int) -> None:
        if self._closed:
            raise ConversionError("the server is stopping; ask again when it is back")
        if code == EXIT_NO_IMAGES:
            raise NotFoundError(NO_IMAGES)
        if code != EXIT_MADE:
            raise ConversionError(UNKNOWN_REASON)

    async def close(self) -> None:
        """Kill all processes and wait until they are over."""
        self._closed = True
        for child in list(self._children):
            child.kill()
            await child.wait()
