"""The command interpreter of the firmware (1275 §7.2): takes lines, and says what came of each."""

from __future__ import annotations

from collections.abc import Callable

from vof.errors import GuestFault, PortError, Throw
from vof.firmware.system import OpenFirmware
from vof.outcomes import Departed, Outcome

__all__ = ["Prompt"]

_OK = "ok "
_COMPILING = "] "
_COMPLETIONS = 200


class Prompt:
    """One user's.

    Args:
        firmware: the firmware.
        show: gets what is to be shown, with `\\r\\n` between lines.
    """

    def __init__(self, firmware: OpenFirmware, show: Callable[[str], None]) -> None:
        self._firmware = firmware
        self._show = show

    @property
    def text(self) -> str:
        """What to ask with: `ok`, `]` inside a definition, the number of a line that `nvedit` takes."""
        forth = self._firmware.forth
        if forth.editing:
            return f"{len(forth.script.splitlines()) if forth.script else 0}: "
        return _COMPILING if forth.compiling else _OK

    def open(self, *, entered: bool) -> None:
        """Say who is there."""
        if entered:
            self._show("\r\nThe client program has entered the firmware; go goes back to it.\r\n")
        else:
            self.line("banner")

    def line(self, text: str) -> Outcome | None:
        """Run a line.

        Args:
            text: the line.

        Returns:
            What is to become of the machine; None where the prompt goes on.
        """
        forth = self._firmware.forth
        if forth.editing:
            self._edit(text)
            return None
        try:
            forth.evaluate(text)
        except Departed as departed:
            return departed.outcome
        except Throw as thrown:
            self._failed(thrown.reason or f"threw {thrown.code}")
        except (GuestFault, PortError) as fault:
            self._failed(str(fault))
        else:
            if forth.shows_stack and not forth.compiling:
                forth.evaluate(".s")
            self._fresh_line()
        return None

    def give_up(self) -> None:
        """Forget a definition that was begun, or end `nvedit`."""
        forth = self._firmware.forth
        if forth.editing:
            forth.editing = False
        else:
            forth.abort()

    def _edit(self, line: str) -> None:
        """Add a line to the script that `nvedit` edits."""
        forth = self._firmware.forth
        if line.strip() == ".":
            forth.editing = False
        else:
            forth.script = f"{forth.script}\n{line}" if forth.script else line

    def complete(self, text: str) -> list[str]:
        """What the last word of a text may be: words, or paths and aliases of devices."""
        word = text.rpartition(" ")[2]
        if word.startswith("/"):
            above, _, begun = word.rpartition("/")
            node = self._firmware.tree.find(above or "/")
            names = [f"{above}/{child.name}" for child in node.children] if node is not None else []
            begun = word
        else:
            names, begun = self._firmware.forth.words(), word.lower()
        return sorted(name for name in names if name.lower().startswith(begun))[:_COMPLETIONS]

    def _failed(self, reason: str) -> None:
        self._fresh_line()
        self._show(f"{reason}\r\n")
        self._firmware.forth.abort()

    def _fresh_line(self) -> None:
        """Have what comes next begin a line."""
        if self._firmware.forth.column:
            self._show("\r\n")
            self._firmware.forth.column = 0
