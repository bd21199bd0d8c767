"""The registers of a PowerPC as gdb's remote serial protocol names and packs them.

Ref: Debugging with GDB, appendix G "Target Descriptions"; the feature org.gnu.gdb.power.core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from vof.errors import EngineError

__all__ = ["Register", "RegisterImage", "RegisterSet", "read_description"]

_CORE = "org.gnu.gdb.power.core"
_NEEDED = (*(f"r{number}" for number in range(32)), "pc", "msr", "cr", "lr", "ctr", "xer")
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Register:
    """One register.

    Attributes:
        number: as in the packets p and P.
        size: bytes.
        offset: its place in the packets g and G; -1 if it isn't in them.
    """

    number: int
    size: int
    offset: int


class RegisterSet:
    """All registers by name.

    Args:
        registers: r0 … r31, pc, msr, cr, lr, ctr, xer and any others.
    """

    def __init__(self, registers: Mapping[str, Register]) -> None:
        self.by_name = registers
        self.word = registers["r3"].size

    @property
    def bits(self) -> int:
        """32 or 64: the CPU's."""
        return 8 * self.word

    def put(self, name: str, value: int, *, little: bool = False) -> bytes:
        """The packet that sets a register."""
        register = self.by_name[name]
        return b"P%x=%b" % (register.number, _packed(value, register.size, little).hex().encode())


class RegisterImage:
    """The contents of the packets g and G: what the core's registers hold.

    Args:
        registers: where each one is.
        data: the packet's bytes.
    """

    def __init__(self, registers: RegisterSet, data: bytes) -> None:
        self._registers = registers
        self._data = bytearray(data)
        msr = registers.by_name["msr"]
        self.little = _is_little(data[msr.offset : msr.offset + msr.size])

    def __getitem__(self, name: str) -> int:
        register = self._registers.by_name[name]
        return _value_of(bytes(self._data[register.offset : register.offset + register.size]), self.little)

    def __setitem__(self, name: str, value: int) -> None:
        register = self._registers.by_name[name]
        data = _packed(value, register.size, self.little)
        self._data[register.offset : register.offset + register.size] = data

    def packet(self) -> bytes:
        """The packet that sets them all."""
        return b"G" + bytes(self._data).hex().encode()


def _is_little(msr: bytes) -> bool:
    """Whether the CPU is in little-endian mode, from its MSR as it came.

    QEMU swaps every register then, the MSR too: its lowest bit, LE, is in the first byte, where the highest are
    otherwise; bit 24 of those means nothing on any CPU with this bit.
    """
    return bool(msr[0] & 1)


def _value_of(data: bytes, little: bool = False) -> int:
    """A register's value."""
    return int.from_bytes(data, "little" if little else "big")


def _packed(value: int, size: int, little: bool = False) -> bytes:
    """A value as a register of so many bytes takes it."""
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little" if little else "big")


def read_description(fetch: Callable[[str], bytes]) -> RegisterSet:
    """Make a register set of a target description.

    Args:
        fetch: gets one of its files by name.

    Raises:
        EngineError: it describes no PowerPC.
    """
    registers: dict[str, Register] = {}
    try:
        _read(fetch, "target.xml", registers, [0, 0], 0)
    except (ElementTree.ParseError, ValueError, RecursionError) as error:
        raise EngineError(f"QEMU's description of the CPU for gdb can't be read: {error}") from None
    if any(name not in registers or registers[name].offset < 0 for name in _NEEDED):
        raise EngineError("QEMU's description of the CPU for gdb is none of a PowerPC")
    return RegisterSet(registers)


def _read(
    fetch: Callable[[str], bytes], name: str, registers: dict[str, Register], place: list[int], depth: int
) -> None:
    """Add a file's registers. `place` holds the next register's number and the next offset in the packet g."""
    if depth > _DEEPEST:
        raise ValueError("too deep")
    # QEMU writes no declaration for the prefix of its includes.
    text = fetch(name).replace(b"xi:include", b"include")
    for element in ElementTree.fromstring(text).iter():
        if element.tag == "include":
            _read(fetch, element.attrib["href"], registers, place, depth + 1)
        elif element.tag == "feature":
            in_core = element.attrib.get("name") == _CORE
            for reg in element.iter("reg"):
                number = int(reg.attrib.get("regnum", place[0]))
                size = int(reg.attrib["bitsize"]) // 8
                registers.setdefault(reg.attrib["name"], Register(number, size, place[1] if in_core else -1))
                place[0] = number + 1
                if in_core:
                    place[1] += size
