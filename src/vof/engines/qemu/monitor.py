"""QEMU's monitor (QMP), by QEMU's own client library.

The library takes 70 ms to import, so it is not until somebody needs it: the guest is running by then. It is made for
asyncio; its loop is ours alone, runs only while one of the methods here does, and so works for a caller who has a loop
of his own, running or not.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from vof.errors import EngineError

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from qemu.qmp import QMPClient

__all__ = ["Monitor"]

_T = TypeVar("_T")

_PATIENCE = 10.0
_GATHER = 0.002


class Monitor:
    """A connection to the monitor over one end of a socket pair.

    Args:
        own: this process's end.
    """

    def __init__(self, own: socket.socket) -> None:
        self._socket = own
        self._loop: AbstractEventLoop | None = None
        self._client: QMPClient | None = None
        self._meanwhile: tuple[int, Callable[[], bool]] | None = None

    def tend(self, descriptor: int, ready: Callable[[], bool]) -> None:
        """While this side waits for the monitor, call `ready` whenever `descriptor` can be read, until it says False.

        QEMU answers nothing while the console's socket, which is small, is full of what the guest has to say.
        """
        self._meanwhile = (descriptor, ready)

    @property
    def connected(self) -> bool:
        """Whether the greeting is over."""
        return self._client is not None

    @property
    def has_events(self) -> bool:
        """Whether events were received that nobody has taken."""
        return self._client is not None and not self._client.events.empty()

    def fileno(self) -> int:
        """For a selector: readable when events wait."""
        return self._socket.fileno()

    def connect(self) -> None:
        """Greet, once.

        Raises:
            EngineError: QEMU doesn't answer.
        """
        if self._client is not None:
            return
        import asyncio
        import logging

        from qemu.qmp import QMPClient, QMPError

        logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        client = QMPClient()
        # The library closes its socket when QEMU hangs up; the selector goes on watching ours.
        theirs = self._socket.dup()
        theirs.setblocking(False)
        try:
            self._run(client.connect(theirs))
        except (QMPError, OSError, TimeoutError, EOFError) as error:
            theirs.close()
            raise EngineError(f"QEMU's monitor does not answer: {error or 'it takes too long'}") from None
        self._client = client

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command and return what it returns.

        Raises:
            EngineError: it failed.
        """
        self.connect()
        assert self._client is not None
        from qemu.qmp import QMPError

        try:
            return self._run(self._client.execute(command, arguments))
        except (QMPError, OSError, TimeoutError, EOFError) as error:
            raise EngineError(f"QEMU's monitor refuses {command}: {error or 'it takes too long'}") from None

    def events(self) -> list[dict[str, Any]]:
        """The events that have come since the last time, with those that QEMU said last if the connection is gone."""
        if self._client is None:
            return []
        import asyncio

        self._run(asyncio.sleep(_GATHER))
        return [dict(event) for event in self._client.events.clear()]

    def close(self) -> None:
        """Hang up."""
        self._meanwhile = None
        if self._client is not None:
            from qemu.qmp import QMPError

            client, self._client = self._client, None
            with contextlib.suppress(QMPError, OSError, TimeoutError, EOFError):
                self._run(client.disconnect())
        if self._loop is not None:
            self._cancel_tasks()
            self._loop.close()
            self._loop = None
        self._socket.close()

    def _cancel_tasks(self) -> None:
        """End what an exception, such as KeyboardInterrupt, left under way."""
        import asyncio

        assert self._loop is not None
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self._run(asyncio.wait(tasks))

    def _tend(self) -> None:
        if self._meanwhile is not None and not self._meanwhile[1]():
            self._stop_tending()
            self._meanwhile = None

    def _stop_tending(self) -> None:
        if self._meanwhile is not None and self._loop is not None:
            self._loop.remove_reader(self._meanwhile[0])

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        import asyncio

        assert self._loop is not None
        callers = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        if self._meanwhile is not None:
            self._loop.add_reader(self._meanwhile[0], self._tend)
        try:
            return self._loop.run_until_complete(asyncio.wait_for(work, _PATIENCE))
        finally:
            self._stop_tending()
            asyncio._set_running_loop(callers)
