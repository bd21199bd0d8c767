"""Finding the symbol that an address of a placed program belongs to."""

from __future__ import annotations

from typing import Any, cast

from vof.loaders.placement import Placement
from vof.loaders.program import ProgramFile

__all__ = ["nearest_symbol"]

_SYMBOLS_LIMIT = 1 << 18
"""Symbols that are looked at. A Linux kernel with all of them has some 150,000."""
_KINDS = ("STT_FUNC", "STT_NOTYPE")


def nearest_symbol(file: ProgramFile, placement: Placement, address: int) -> str:
    """The symbol at an address or nearest below it, with the distance: "start+0x4".

    Args:
        file: the ELF file.
        placement: where it was loaded.
        address: a physical address.

    Returns:
        "" if the address is outside the program, or the file has no symbols or damaged ones.
    """
    virtual = _linked(placement, address)
    if virtual is None:
        return ""
    try:
        name, value = _nearest(file, virtual)
    except Exception:  # the library raises whatever a damaged table leads it to, and this is only a hint
        return ""
    distance = virtual - value
    return (f"{name}+{distance:#x}" if distance else name) if name else ""


def _linked(placement: Placement, address: int) -> int | None:
    """The address that the program is linked to have there."""
    for placed, linked in zip(placement.segments, placement.program.segments, strict=True):
        if placed.address <= address < placed.address + placed.memory_size:
            return address - placed.address + linked.virtual
    return None


def _nearest(file: ProgramFile, address: int) -> tuple[str, int]:
    from elftools.elf.elffile import ELFFile

    section: Any = ELFFile(cast(Any, file)).get_section_by_name(".symtab")
    name, value = "", -1
    if section is not None and section.num_symbols() <= _SYMBOLS_LIMIT:
        for symbol in section.iter_symbols():
            here = symbol["st_value"]
            if value < here <= address and symbol.name and symbol["st_info"]["type"] in _KINDS:
                name, value = symbol.name, here
    return name, value
