"""PCI expansion ROMs: the images that one has, of which some are FCode (PCI 2.1 §6.3, PCI binding §9)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vof.errors import UsageError

__all__ = ["LONGEST_PROGRAM", "OPEN_FIRMWARE", "Image", "Read", "find_images", "starts_rom"]

Read = Callable[[int, int], bytes]
"""Bytes of a ROM from a place on, so many; fewer where it ends."""

OPEN_FIRMWARE = 1
"""The code type of FCode."""
_KINDS = {0: "x86 PC", OPEN_FIRMWARE: "Open Firmware", 2: "HP PA RISC", 3: "EFI"}
LONGEST_PROGRAM = 1 << 20
"""Bytes that an FCode program may have with its header, in a ROM or elsewhere."""
_SIGNATURE = b"\x55\xaa"
_HEADER = struct.Struct("<2xH20xH")
"""The pointers to the FCode and to the data structure."""
_STRUCTURE = struct.Struct("<4xHHHHBBHHHBB")
_BLOCK = 512
_MOST = 64


@dataclass(frozen=True, slots=True)
class Image:
    """One image.

    Attributes:
        at: where it begins in the ROM.
        length: in bytes, as its data structure has it.
        vendor, device: the card's.
        class_code: 24 bits.
        revision: of the code.
        code_type: 1 is FCode.
        last: whether no image follows.
        fcode: where in the ROM its FCode begins, if it is of that kind.
        structure, structure_size, structure_revision: of its data structure: where in the ROM, how many bytes.
        product_data: where the vital product data are, from the image's beginning; 0 for none.
    """

    at: int
    length: int
    vendor: int
    device: int
    class_code: int
    revision: int
    code_type: int
    last: bool
    fcode: int
    structure: int
    structure_size: int
    structure_revision: int
    product_data: int

    @property
    def kind_name(self) -> str:
        """The code type in words."""
        return _KINDS.get(self.code_type, f"code type {self.code_type}")


def starts_rom(data: bytes) -> bool:
    """Whether data look like an expansion ROM."""
    return data[:2] == _SIGNATURE


def find_images(rom: bytes | Read) -> Iterator[Image]:
    """The images of an expansion ROM, at most 64.

    Args:
        rom: its bytes, or what reads them: two headers of each image.

    Raises:
        UsageError: a header is not where it should be, or says what can't be.
    """
    read = (lambda at, count: rom[at : at + count]) if isinstance(rom, bytes) else rom
    at = 0
    for _ in range(_MOST):
        header = read(at, _HEADER.size)
        if at and not header:
            return  # none has said to be the last one
        if not starts_rom(header):
            raise UsageError(f"no image's header (55 AA) at {at:#x} of the expansion ROM")
        program, pointer = _unpack(_HEADER, header, at)
        structure = at + pointer
        data = read(structure, _STRUCTURE.size)
        if data[:4] != b"PCIR":
            raise UsageError(f"no PCI data structure (PCIR) at {structure:#x} of the expansion ROM")
        vendor, device, product_data, size, structure_revision, *rest = _unpack(_STRUCTURE, data, structure)
        low, high, blocks, revision, kind, indicator = rest
        length = blocks * _BLOCK
        if not length:
            raise UsageError(f"the image at {at:#x} of the expansion ROM says that it has no bytes")
        fcode = at + program if kind == OPEN_FIRMWARE else 0
        last = bool(indicator & 0x80)
        told = structure, size, structure_revision, product_data
        yield Image(at, length, vendor, device, high << 8 | low, revision, kind, last, fcode, *told)
        if last:
            return
        at += length
    raise UsageError(f"the expansion ROM has more than {_MOST} images")


def _unpack(form: struct.Struct, data: bytes, at: int) -> tuple[int, ...]:
    if len(data) < form.size:
        raise UsageError(f"the expansion ROM ends at {at + len(data):#x}, in the middle of the header at {at:#x}")
    return form.unpack(data)
