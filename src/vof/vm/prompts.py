"""Who is given the firmware's prompt: the user at the console, or whom a script names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vof.backends import SocketEnd, StreamEnd
from vof.outcomes import Departed, Outcome
from vof.vm.machinery import Machinery

if TYPE_CHECKING:
    from vof.firmware import OpenFirmware
    from vof.firmware.prompt import Prompt
    from vof.vm.prompt import Countdown, Session

__all__ = ["Prompts"]


class Prompts:
    """The prompt of one VM.

    Args:
        machinery: the VM's.

    Attributes:
        handler, asks: `VM.prompt` and `VM.asks`.
        wanted: whether the prompt is to be given once the client call under way is answered.
    """

    def __init__(self, machinery: Machinery) -> None:
        self.handler: Callable[[], None] | None = None
        self.asks: Callable[[Prompt], Outcome] | None = None
        self.wanted = False
        self._machinery = machinery
        self._session: Session | Countdown | None = None

    @property
    def someone_is_there(self) -> bool:
        """Whether somebody can type at the console."""
        console = self._machinery.console
        types = isinstance(console.user, StreamEnd | SocketEnd) and not console.at_end
        return self._machinery.config.prompt or types

    @property
    def is_open(self) -> bool:
        """Whether somebody has the prompt, or may have it in a moment: nobody runs the guest meanwhile."""
        return self._session is not None

    @property
    def entered(self) -> bool:
        """Whether it is open because a client program called `enter`, and is gone back to."""
        return self._session is not None and self._session.entered

    def open(self, firmware: OpenFirmware, *, entered: bool) -> None:
        """Give the user at the console the prompt.

        Args:
            firmware: whose.
            entered: whether a client program called `enter`; else none was started yet.
        """
        from vof.vm.prompt import Session

        machinery = self._machinery
        machinery.observers.phase("prompt", "of a client program" if entered else "before a client program")
        with machinery.observers.unseen():
            self._session = Session(firmware, machinery.console, entered=entered, asks=self.asks)

    def count_down(self, seconds: float) -> None:
        """Give the user at the console so long to ask for the prompt."""
        from vof.vm.prompt import Countdown

        self._session = Countdown(self._machinery.console, self._machinery.clock, seconds)

    def tend(self) -> Outcome | None:
        """Let whoever has the prompt take what was typed; what shall become of the machine, None if he goes on."""
        assert self._session is not None
        try:
            with self._machinery.observers.unseen():
                return self._session.tend()
        except Departed as departed:
            return departed.outcome

    def refuse(self, reason: str) -> None:
        """What he wanted can't be, for this reason: he goes on.

        Raises:
            UsageError: he can't.
        """
        assert self._session is not None
        self._session.refuse(reason)

    def close(self) -> None:
        """Nobody has the prompt any more, or is to have it."""
        self._session, self.wanted = None, False

    def give(self) -> None:
        """Have the script's handler called, where there is one."""
        self.wanted = False
        if self.handler is not None:
            self.handler()
            self._machinery.observers.go_on()
        else:
            notice = b"\r\n[vof: the prompt was asked for, and nobody is there: the client goes on]\r\n"
            self._machinery.console.write(notice)
