"""The command interpreter of the firmware (1275 §7.2): takes lines, and says what came of each."""

from __future__ import annotations

from collections.abc import Callable

from vof.errors import GuestFault, PortError, Throw, ThrowCode
from vof.firmware.system import OpenFirmware
from vof.outcomes import Departed, Outcome

__all__ = ["Prompt", "explain"]

_OK = "ok "
_COMPILING = "] "
_COMPLETIONS = 200
_BEFORE_VARIABLES = ("printenv", "setenv", "set-default")
_BEFORE_DEVICES = ("dev", "boot", "load", "show-devs", "devalias", "nvalias", "nvunalias")


def explain(error: Throw | GuestFault | PortError) -> str:
    """What went wrong, as a text that does nothing to a terminal: its control characters are shown by number."""
    reason = error.reason or f"threw {error.code}" if isinstance(error, Throw) else str(error)
    return "".join(each if " " <= each != "\x7f" else f"\\x{ord(each):02x}" for each in reason)


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
            return f"{forth.edited}: "
        return _COMPILING if forth.compiling else _OK

    @property
    def offered(self) -> str:
        """What the line to be typed has already: one of the script that `nvedit` edits."""
        forth = self._firmware.forth
        lines = (forth.script or "").split("\n")
        return lines[forth.edited] if forth.editing and forth.edited < len(lines) else ""

    @property
    def editing(self) -> bool:
        """Whether lines go to the script that `nvedit` edits."""
        return self._firmware.forth.editing

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
        except (Throw, GuestFault, PortError) as error:
            if isinstance(error, Throw) and error.code == ThrowCode.QUIT:  # no error, and the stack stays
                forth.drop_definition()
                self._fresh_line()
            else:
                self._failed(explain(error))
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
        """Put a line into the script that `nvedit` edits, in place of the one that was offered; an empty one goes."""
        forth = self._firmware.forth
        if line.strip() == ".":
            forth.editing = False
            return
        lines = forth.script.split("\n") if forth.script else []
        kept = [line] if line.strip() else []
        lines[forth.edited : forth.edited + 1] = kept
        forth.edited += len(kept)
        forth.script = "\n".join(lines)

    def complete(self, text: str) -> list[str]:
        """What the last word of a text may be: a variable, a device or a word, by what is before it."""
        before, _, word = text.rpartition(" ")
        after = before.split()[-1].lower() if before.split() else ""
        if after in _BEFORE_VARIABLES:
            names = list(self._firmware.options or ())
        elif "/" in word or after in _BEFORE_DEVICES:
            names = self._devices(word)
        else:
            names = self._firmware.forth.words()
        return sorted({name for name in names if name.lower().startswith(word.lower())})[:_COMPLETIONS]

    def _devices(self, word: str) -> list[str]:
        """Paths below the node that a word leads to up to its last slash; aliases and children where it has none."""
        firmware = self._firmware
        above, slash, _ = word.rpartition("/")
        node = firmware.tree.find(above or "/") if slash else firmware.forth.active or firmware.tree.root
        names = [f"{above}{slash}{child.name}" for child in node.children] if node is not None else []
        aliases = firmware.tree.find("/aliases")
        if not slash and aliases is not None:
            names += [name for name in aliases.properties if name != "name"]
        return names

    def _failed(self, reason: str) -> None:
        self._fresh_line()
        self._show(f"{reason}\r\n")
        self._firmware.forth.abort()

    def _fresh_line(self) -> None:
        """Have what comes next begin a line."""
        if self._firmware.forth.column:
            self._show("\r\n")
            self._firmware.forth.column = 0
