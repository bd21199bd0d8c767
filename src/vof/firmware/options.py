"""Configuration variables (1275 §7.4.4): properties of `/options`, kept in NVRAM where the machine has one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial

from vof.errors import GuestFault, PortError, UsageError
from vof.packages.nvram import NvramPartitions
from vof.ports import Store
from vof.tree import DeviceTree, Node, encode_string

__all__ = ["VARIABLES", "Options", "Variable", "check_variable", "find_variable"]

_PATH = "/options"
_LONGEST = 2048


@dataclass(frozen=True, slots=True)
class Variable:
    """A row of the table of variables.

    Attributes:
        name: its name.
        kind: `boolean` (true or false), `decimal`, `hex` or `text`.
        default: its value unless the machine has another, or the user.
        meaning: what it is for.
        clause: where it is laid down.
    """

    name: str
    kind: str
    default: str
    meaning: str
    clause: str

    def check(self, value: str) -> str | None:
        """What is wrong with a value; None for nothing."""
        if self.kind == "boolean" and value not in ("true", "false"):
            return "it is true or false"
        if self.kind == "decimal" and not (value.lstrip("-").isascii() and value.lstrip("-").isdigit()):
            return "it is a number"
        if self.kind == "hex":
            digits = value.lower().removeprefix("0x").removeprefix("-")
            if not digits or len(digits) > 16 or set(digits) - set("0123456789abcdef"):
                return "it is a hexadecimal number"
        if len(value) > _LONGEST:
            return f"it has at most {_LONGEST} characters"
        if "\0" in value or not all(ord(character) < 256 for character in value):
            return "it is text in Latin-1"
        return None


VARIABLES: Mapping[str, Variable] = {
    row.name: row
    for row in (
        Variable("auto-boot?", "boolean", "true", "whether to boot after power-on", "1275 §7.4.3.5"),
        Variable("boot-command", "text", "boot", "what to do then", "1275 §7.4.3.5"),
        Variable("boot-device", "text", "disk cdrom net", "what to boot from, one after the other", "1275 §7.4.3.5"),
        Variable("boot-file", "text", "", "the program's arguments", "1275 §7.4.3.5"),
        Variable("boot-args", "text", "", "the same, on Macs", "Apple"),
        Variable("diag-device", "text", "net", "what to boot from for diagnosis", "1275 §7.4.3.5"),
        Variable("diag-file", "text", "diag", "the arguments then", "1275 §7.4.3.5"),
        Variable("diag-switch?", "boolean", "false", "whether to boot so", "1275 §7.4.3.5"),
        Variable("load-base", "hex", "4000000", "where a program's file is loaded to", "1275 §7.4.3.1"),
        Variable(
            "real-mode?", "boolean", "true", "whether clients run without address translation", "PowerPC binding §8"
        ),
        Variable(
            "real-base", "hex", "-1", "where the firmware is in memory; -1 for where it likes", "PowerPC binding §8"
        ),
        Variable("real-size", "hex", "-1", "and how much it takes", "PowerPC binding §8"),
        Variable("virt-base", "hex", "-1", "where the firmware is in virtual memory", "PowerPC binding §8"),
        Variable("virt-size", "hex", "-1", "and how much it takes", "PowerPC binding §8"),
        Variable("little-endian?", "boolean", "false", "whether clients run little-endian", "PowerPC binding §8"),
        Variable("input-device", "text", "ttya", "the console's input", "1275 §7.4.5"),
        Variable("output-device", "text", "ttya", "the console's output", "1275 §7.4.5"),
        Variable("screen-#columns", "decimal", "80", "its columns", "1275 §7.4.5"),
        Variable("screen-#rows", "decimal", "24", "its rows", "1275 §7.4.5"),
        Variable("use-nvramrc?", "boolean", "false", "whether nvramrc is run at power-on", "1275 §7.4.4.2"),
        Variable("nvramrc", "text", "", "Forth to run then", "1275 §7.4.4.2"),
        Variable("oem-banner", "text", "", "what the banner says", "1275 §7.4.4.1"),
        Variable("oem-banner?", "boolean", "false", "whether it says so", "1275 §7.4.4.1"),
        Variable("oem-logo?", "boolean", "false", "whether the banner has a logo", "1275 §7.4.4.1"),
        Variable(
            "security-mode", "text", "none", "what a password is wanted for: none, command or full", "1275 §7.4.4"
        ),
        Variable("security-#badlogins", "decimal", "0", "wrong passwords so far", "1275 §7.4.4"),
        Variable("selftest-#megs", "decimal", "1", "MiB of memory that are tested", "1275 §7.4.4"),
        Variable("fcode-debug?", "boolean", "false", "whether FCode keeps its names", "1275 §7.7"),
    )
}


class Options:
    """The variables of one machine.

    Args:
        defaults: the machine's own, where they differ from the table's.
        chosen: the user's for this run, which are not kept.
        store: the machine's NVRAM; None for none.

    Attributes:
        notice: what the user should know of the NVRAM; "" for nothing.

    Raises:
        UsageError: the user's can't be.
    """

    def __init__(
        self, defaults: Mapping[str, str], chosen: Mapping[str, str] | None = None, store: Store | None = None
    ) -> None:
        self._defaults = {name: row.default for name, row in VARIABLES.items()} | dict(defaults)
        self._chosen = dict(chosen or {})
        self._partitions = NvramPartitions(store) if store is not None else None
        self._kept: dict[str, str] = {}
        self.notice = ""
        for name, value in self._chosen.items():
            check_variable(name, value)
        self._load()

    def __getitem__(self, name: str) -> str:
        """A variable's value."""
        return self._chosen.get(name, self._kept.get(name, self._defaults[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._defaults)

    def default(self, name: str) -> str:
        """What a variable is where nobody set it."""
        return self._defaults[name]

    def is_set(self, name: str) -> bool:
        """Whether somebody gave it another value than the machine does."""
        return name in self._chosen or name in self._kept

    def set(self, name: str, value: str) -> None:
        """Give a variable a value, for good.

        Raises:
            UsageError: there is none of that name, or it can't be that.
            PortError: it can't be kept; it has the value for now.
        """
        check_variable(name, value)
        self._chosen.pop(name, None)
        if value == self._defaults[name]:
            self._kept.pop(name, None)
        else:
            self._kept[name] = value
        self._save()

    def furnish(self, tree: DeviceTree) -> None:
        """Have `/options` tell of them."""
        node = tree.find(_PATH)
        assert node is not None
        for name in self:
            node.properties.compute(name, partial(self._encoded, name))

    def client_sets(self, node: Node, name: str, value: bytes) -> bool:
        """A client program sets a property: whether that was a variable, which has the value now.

        Raises:
            GuestFault: a variable can't be that.
            PortError: it can't be kept.
        """
        if node.path != _PATH or name not in self._defaults:
            return False
        try:
            self.set(name, value.rstrip(b"\0").decode("latin-1"))
        except UsageError as error:
            raise GuestFault("{}", error) from None
        return True

    def _encoded(self, name: str) -> bytes:
        return encode_string(self[name])

    def _load(self) -> None:
        if self._partitions is None:
            return
        try:
            if not self._partitions.list():
                self._partitions.format()
            found = self._partitions.variables()
        except PortError as error:
            self.notice = f"{error}: the configuration variables have their defaults"
            return
        for name, value in found.items():
            row = VARIABLES.get(name)
            if row is not None and row.check(value) is None:
                self._kept[name] = value

    def _save(self) -> None:
        if self._partitions is None:
            return
        try:
            others = {name: value for name, value in self._partitions.variables().items() if name not in VARIABLES}
        except PortError:
            self._partitions.format()
            others = {}
        self._partitions.write_variables({**self._kept, **others})


def check_variable(name: str, value: str) -> None:
    """See whether a variable may have a value.

    Raises:
        UsageError: it may not.
    """
    wrong = find_variable(name).check(value)
    if wrong is not None:
        raise UsageError(f"{name} can't be that: {wrong}")


def find_variable(name: str) -> Variable:
    """The row of a variable.

    Raises:
        UsageError: there is none of that name.
    """
    row = VARIABLES.get(name)
    if row is None:
        near = get_close_matches(name, VARIABLES, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(VARIABLES)}"
        raise UsageError(f'no configuration variable is called "{name}": {hint}')
    return row
