"""Words for configuration variables, and for the script in NVRAM."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import Throw, ThrowCode
from vof.firmware.options import VARIABLES, find_variable
from vof.firmware.words import boot as boot  # whose load-base isn't the variable's own
from vof.firmware.words import console as console  # nor are its input-device and output-device
from vof.firmware.words.engine import DEVICE, faults
from vof.firmware.words.tree import set_alias

if TYPE_CHECKING:
    from vof.firmware.options import Options
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__: list[str] = []

_A = "1275 A"
_NAME, _VALUE = 24, 32
"""Columns of `printenv`."""


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


def _options(forth: Forth) -> Options:
    options = _fw(forth).firmware.options
    if options is None:
        raise Throw(ThrowCode.UNSUPPORTED_OPERATION, "this machine has no configuration variables")
    return options


def _name(forth: Forth, options: Options) -> str:
    name = forth.parse_name()
    if name:
        with faults():
            find_variable(name)
    return name


def _line(name: str, value: str, default: str) -> str:
    """A line of `printenv`; further lines of a value are below its first."""
    value, *more = value.split("\n")
    if more and default == "":
        return "\r\n".join([f"{name:{_NAME}}{value}", *(" " * _NAME + line for line in more)])
    return f"{name:{_NAME - 1}} {value:{_VALUE - 1}} {default}".rstrip()


@DEVICE.word("printenv", "( -- )", _A)
def printenv(forth: Forth) -> None:
    """Type a variable, or all of them, with their defaults."""
    options = _options(forth)
    wanted = _name(forth, options)
    if not wanted:
        forth.type(f"{_line('Variable', 'Value', 'Default')}\r\n")
    for name in options:
        if wanted in ("", name):
            forth.type(f"{_line(name, options[name], options.default(name))}\r\n")


@DEVICE.word("setenv", "( -- )", _A)
def setenv(forth: Forth) -> None:
    """Set a variable: `setenv boot-device disk`."""
    options = _options(forth)
    name = _name(forth, options)
    if not name:
        raise Throw(ThrowCode.ABORT, "setenv NAME VALUE")
    with faults():
        options.set(name, forth.parse_line().strip())


@DEVICE.word("$setenv", "( value count name count -- )", _A)
def dollar_setenv(forth: Forth) -> None:
    """The same, with both on the stack."""
    options = _options(forth)
    name, value = forth.pop_text(), forth.pop_text()
    with faults():
        options.set(name, value)


@DEVICE.word("set-default", "( -- )", _A)
def set_default(forth: Forth) -> None:
    """Set a variable to its default."""
    options = _options(forth)
    name = _name(forth, options)
    if not name:
        raise Throw(ThrowCode.ABORT, "set-default NAME")
    with faults():
        options.set(name, options.default(name))


@DEVICE.word("set-defaults", "( -- )", _A)
def set_defaults(forth: Forth) -> None:
    """Set all variables to their defaults."""
    options = _options(forth)
    for name in list(options):
        if options.is_set(name):
            with faults():
                options.set(name, options.default(name))


@DEVICE.word("nvramrc", "( -- text count )", _A)
def nvramrc(forth: Forth) -> None:
    """The script in NVRAM."""
    forth.push_text(_options(forth)["nvramrc"])


@DEVICE.word("nvrun", "( -- )", _A)
def nvrun(forth: Forth) -> None:
    """Run the script that is being edited, or the one in NVRAM."""
    self = _fw(forth)
    forth.evaluate(self.script if self.script is not None else _options(forth)["nvramrc"])


@DEVICE.word("nvedit", "( -- )", _A)
def nvedit(forth: Forth) -> None:
    """Edit the script line by line, up to Ctrl-C or a line with a full stop alone; nvstore keeps it."""
    self = _fw(forth)
    if self.script is None:
        self.script = _options(forth)["nvramrc"]
    self.editing, self.edited = True, 0


@DEVICE.word("nvstore", "( -- )", _A)
def nvstore(forth: Forth) -> None:
    """Keep the script that was edited in NVRAM."""
    self = _fw(forth)
    if self.script is not None:
        options = _options(forth)
        with faults():
            options.set("nvramrc", self.script)
        self.script = None
        if options["nvramrc"] and options["use-nvramrc?"] != "true":
            forth.type("It is run at power-on after: setenv use-nvramrc? true\r\n")


@DEVICE.word("nvquit", "( -- )", _A)
def nvquit(forth: Forth) -> None:
    """Forget the script that was edited."""
    _fw(forth).script = None


@DEVICE.word("nvrecover", "( -- )", _A)
def nvrecover(forth: Forth) -> None:
    """Edit the script that set-defaults or nvquit forgot: here the one in NVRAM."""
    nvedit(forth)


@DEVICE.word("nvalias", "( -- )", _A)
def nvalias(forth: Forth) -> None:
    """Set an alias for good: `nvalias disk /pci/disk`."""
    name, path = forth.parse_name(), forth.parse_name()
    if not path:
        raise Throw(ThrowCode.ABORT, "nvalias NAME PATH")
    _keep_alias(forth, name, path)


@DEVICE.word("$nvalias", "( name count path count -- )", _A)
def dollar_nvalias(forth: Forth) -> None:
    """The same, with both on the stack."""
    path, name = forth.pop_text(), forth.pop_text()
    _keep_alias(forth, name, path)


@DEVICE.word("nvunalias", "( -- )", _A)
def nvunalias(forth: Forth) -> None:
    """Set such an alias no more."""
    _keep_alias(forth, forth.parse_name(), "")


@DEVICE.word("$nvunalias", "( name count -- )", _A)
def dollar_nvunalias(forth: Forth) -> None:
    """The same, with its name on the stack."""
    _keep_alias(forth, forth.pop_text(), "")


def _keep_alias(forth: Forth, name: str, path: str) -> None:
    """Have `nvramrc` set an alias, or not, and the tree too."""
    self, options = _fw(forth), _options(forth)
    lines = [line for line in options["nvramrc"].split("\n") if line and not line.startswith(f"devalias {name} ")]
    if path:
        lines.append(f"devalias {name} {path}")
    with faults():
        options.set("nvramrc", "\n".join(lines))
        if path:
            options.set("use-nvramrc?", "true")
    set_alias(self, name, path)


class _Variable:
    """What the word of a configuration variable does: it gives the value."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, forth: Forth) -> None:
        value, kind = _options(forth)[self._name], VARIABLES[self._name].kind
        if kind == "boolean":
            forth.stack.append(forth.mask if value == "true" else 0)
        elif kind == "text":
            forth.push_text(value)
        else:
            forth.stack.append(int(value, 16 if kind == "hex" else 10) & forth.mask)


_EFFECTS = {"boolean": "( -- flag )", "text": "( -- text count )"}

for _row in VARIABLES.values():
    if _row.name not in DEVICE.words:
        _give = _Variable(_row.name)
        _give.__doc__ = f"The configuration variable: {_row.meaning}."
        DEVICE.word(_row.name, _EFFECTS.get(_row.kind, "( -- n )"), _row.clause)(_give)
