"""QEMU's monitor (QMP), by QEMU's own client library.

The library takes 70 ms to import, so it is not until somebody needs it: the guest is running by then.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING, Any

from vof.errors import EngineError

if TYPE_CHECKING:
    from qemu.qmp.legacy import QEMUMonitorProtocol

__all__ = ["Monitor"]

_PATIENCE = 10.0
_GATHER = 0.002


class Monitor:
    """A connection to the monitor over one end of a socket pair.

    Args:
        own: this process's end.
    """

    def __init__(self, own: socket.socket) -> None:
        self._socket = own
        self._protocol: QEMUMonitorProtocol | None = None

    @property
    def connected(self) -> bool:
        """Whether the greeting is over."""
        return self._protocol is not None

    def fileno(self) -> int:
        """For a selector: readable when events wait."""
        return self._socket.fileno()

    def connect(self) -> None:
        """Greet, once.

        Raises:
            EngineError: QEMU doesn't answer.
        """
        if self._protocol is not None:
            return
        import logging

        from qemu.qmp import QMPError
        from qemu.qmp.legacy import QEMUMonitorProtocol

        logging.getLogger("qemu.qmp").setLevel(logging.CRITICAL)
        self._socket.setblocking(False)
        protocol = QEMUMonitorProtocol(self._socket)
        protocol.settimeout(_PATIENCE)
        try:
            protocol.connect()
        except (QMPError, OSError, TimeoutError, EOFError) as error:
            raise EngineError(f"QEMU's monitor does not answer: {error}") from None
        self._protocol = protocol

    def execute(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command and return what it returns.

        Raises:
            EngineError: it failed.
        """
        self.connect()
        assert self._protocol is not None
        from qemu.qmp import QMPError

        try:
            return self._protocol.cmd(command, **arguments)
        except (QMPError, OSError, TimeoutError, EOFError) as error:
            raise EngineError(f"QEMU's monitor refuses {command}: {error}") from None

    def events(self) -> list[dict[str, Any]]:
        """The events that have come since the last time; none where the connection is gone."""
        if self._protocol is None:
            return []
        from qemu.qmp import QMPError

        try:
            return [dict(event) for event in self._protocol.get_events(_GATHER)]
        except (QMPError, OSError, TimeoutError, EOFError):
            return []

    def close(self) -> None:
        """Hang up."""
        if self._protocol is not None:
            from qemu.qmp import QMPError

            protocol, self._protocol = self._protocol, None
            with contextlib.suppress(QMPError, OSError, TimeoutError, EOFError):
                protocol.close()
        self._socket.close()
