"""ELF client programs: 32 and 64 bits, either byte order.

pyelftools knows the format; what is here decides whether a file can be a client program, and says why not. Only the ELF
header and the program headers are read: sections may be damaged or missing, as in what GRUB installs.
"""

from __future__ import annotations

import struct
from io import BytesIO
from itertools import pairwise
from typing import Any

from vof.errors import UsageError
from vof.loaders.foreign import describe
from vof.loaders.notes import ChrpNote, RpaNote, decode_notes
from vof.loaders.program import Bits, Endian, Program, ProgramFile, Segment, SegmentFlags

__all__ = ["read_elf"]

_SEEK_END = 2
_MAGIC = b"\x7fELF"
_BITS: dict[bytes, Bits] = {b"\1": 32, b"\2": 64}
_ENDIAN: dict[bytes, Endian] = {b"\1": "little", b"\2": "big"}
_HEADER_SIZE = {32: 52, 64: 64}
_PROGRAM_HEADER_SIZE = {32: 32, 64: 56}
_LINEAR_MAP = {32: 0xC << 28, 64: 0xC << 60}
_SEGMENTS_LIMIT = 256
_NOTES_LIMIT = 0x10000
_ABI_MASK = 3
_DESCRIPTOR = 16


def read_elf(file: ProgramFile) -> Program:
    """Read what an ELF file says of itself. None of its code is read, and nothing is kept of `file`.

    Args:
        file: the file, which must be able to seek.

    Returns:
        The program. Segments have the *physical* addresses of the file, as QEMU and SLOF load them: a Linux kernel's
        virtual ones begin at 0xc000000000000000. Where the physical ones are in Linux's linear map, too, it is taken
        off; where the linker left them all blank, the virtual ones stand in.

    Raises:
        UsageError: the file can't be a client program. The message has one line, without the file's name.
    """
    try:
        return _read_program(file)
    except OSError as error:
        raise UsageError(f"the file can't be read: {error.strerror or error}") from None


def _read_program(file: ProgramFile) -> Program:
    size = file.seek(0, _SEEK_END)
    start = _read(file, 0, _HEADER_SIZE[64])
    if not start.startswith(_MAGIC):
        raise UsageError(describe(start))
    bits, endian = _BITS.get(start[4:5]), _ENDIAN.get(start[5:6])
    if bits is None or endian is None or len(start) < _HEADER_SIZE[bits]:
        raise UsageError("the ELF header is damaged or cut off: get the file again")
    header, headers = _parse(file, start, size, bits, endian)
    loads = [one for one in headers if one["p_type"] == "PT_LOAD" and one["p_memsz"]]
    if not loads:
        raise UsageError("the ELF file has nothing to load: it may hold debug data only; take the linked program")
    segments = _segments(loads, bits, size)
    entry, toc = _entry(file, header, segments, bits, endian)
    chrp, rpa = _notes(file, headers, endian)
    return Program(
        bits=bits,
        endian=endian,
        entry=entry,
        toc=toc,
        segments=segments,
        movable=header["e_type"] == "ET_DYN" or any(one.address != one.virtual for one in segments),
        chrp=chrp,
        rpa=rpa,
    )


def _read(file: ProgramFile, offset: int, size: int) -> bytes:
    """So many bytes of the file, or fewer where it ends."""
    if offset >> 63:
        return b""
    file.seek(offset)
    return file.read(size) or b""


def _parse(file: ProgramFile, start: bytes, size: int, bits: Bits, endian: Endian) -> tuple[Any, list[Any]]:
    """The ELF header and the program headers, as pyelftools has them."""
    # Here and not above: the import takes as long as all the rest of a short command.
    from elftools.common.exceptions import ELFError
    from elftools.common.utils import struct_parse
    from elftools.elf.structs import ELFStructs

    structs = ELFStructs(little_endian=endian == "little", elfclass=bits)
    try:
        structs.create_basic_structs()
        header = struct_parse(structs.Elf_Ehdr, BytesIO(start))
        _check_header(header, bits, size)
        structs.create_advanced_structs(header["e_type"], header["e_machine"], header["e_ident"]["EI_OSABI"])
        count, step = header["e_phnum"], header["e_phentsize"]
        table = BytesIO(_read(file, header["e_phoff"], count * step))
        return header, [struct_parse(structs.Elf_Phdr, table, step * index) for index in range(count)]
    except (ELFError, struct.error, ValueError, LookupError, ArithmeticError) as error:
        raise UsageError(f"the ELF headers are damaged: {error}") from None


def _check_header(header: Any, bits: Bits, size: int) -> None:
    machine = header["e_machine"]
    if machine not in ("EM_PPC", "EM_PPC64"):
        name = (
            machine.removeprefix("EM_").lower().replace("_", "-") if isinstance(machine, str) else f"number {machine}"
        )
        raise UsageError(f"the ELF file is for another machine ({name}): build it for PowerPC")
    if (machine == "EM_PPC64") != (bits == 64):
        raise UsageError("the ELF file is 32-bit for a 64-bit PowerPC or the reverse: link it as elf32ppc or elf64ppc")
    if header["e_type"] == "ET_REL":
        raise UsageError("the ELF file is a relocatable object (.o): link it into a program first")
    if header["e_type"] not in ("ET_EXEC", "ET_DYN"):
        raise UsageError(
            "the ELF file is neither an executable nor a position-independent program: it can't be started"
        )
    count, step = header["e_phnum"], header["e_phentsize"]
    if not count:
        raise UsageError("the ELF file has no program headers: link it into a program first")
    if count > _SEGMENTS_LIMIT or step < _PROGRAM_HEADER_SIZE[bits]:
        raise UsageError(f"the ELF headers are damaged: {count} program headers of {step} bytes")
    if header["e_phoff"] + count * step > size:
        raise UsageError("the ELF file is cut off within its program headers: get the file again")


def _segments(loads: list[Any], bits: Bits, size: int) -> tuple[Segment, ...]:
    blank = len(loads) > 1 and not any(one["p_paddr"] for one in loads)
    segments = []
    for one in loads:
        offset, file_size, memory_size = one["p_offset"], one["p_filesz"], one["p_memsz"]
        virtual = one["p_vaddr"]
        address = _physical(virtual if blank else one["p_paddr"], bits)
        if file_size and offset + file_size > size:
            raise UsageError(
                f"the ELF file is cut off: it ends at byte {size}, and a segment at {offset + file_size}: get it again"
            )
        if file_size > memory_size or max(address, virtual) + memory_size > 1 << bits:
            raise UsageError(
                f"the ELF headers are damaged: a segment of {file_size:#x} bytes in the file is {memory_size:#x} bytes "
                f"at {address:#x} in memory"
            )
        flags = SegmentFlags(one["p_flags"] & 7)
        segments.append(Segment(address, virtual, offset, file_size, memory_size, flags))
    segments.sort(key=lambda segment: segment.address)
    for low, high in pairwise(segments):
        if low.address + low.memory_size > high.address:
            raise UsageError(
                f"the ELF headers are damaged: segments at {low.address:#x} and {high.address:#x} overlap in memory"
            )
    return tuple(segments)


def _physical(address: int, bits: Bits) -> int:
    """The address without Linux's linear map. Old kernels are linked with physical addresses inside of it."""
    base = _LINEAR_MAP[bits]
    return address - base if address >= base else address


def _entry(
    file: ProgramFile, header: Any, segments: tuple[Segment, ...], bits: Bits, endian: Endian
) -> tuple[int, int]:
    """The physical address of the first instruction, and what it wants in r2.

    An entry is the address of code, but in 64-bit programs of ABI version 1 it is that of a function descriptor, unless
    the program is a Linux kernel. A descriptor begins with an address in the program; two instructions never are one.
    """
    address = header["e_entry"]
    segment = _holding(address, segments)
    if segment is None:
        raise UsageError(
            f"the entry {address:#x} is in no segment of the ELF file: link it with an entry point (ld -e)"
        )
    place = address - segment.virtual
    if bits == 64 and header["e_flags"] & _ABI_MASK != 2 and place + _DESCRIPTOR <= segment.file_size:
        descriptor = _read(file, segment.file_offset + place, _DESCRIPTOR)
        if len(descriptor) == _DESCRIPTOR:
            code, toc = struct.unpack(">2Q" if endian == "big" else "<2Q", descriptor)
            code_segment = _holding(code, segments)
            if code and code_segment is not None and code_segment.flags & SegmentFlags.EXECUTE:
                return code - code_segment.virtual + code_segment.address, toc
    if (
        not segment.flags & SegmentFlags.EXECUTE
        or place >= segment.file_size
        or segment.file_offset + place < _HEADER_SIZE[bits]
    ):
        raise UsageError(f"there is no code at the entry {address:#x}: a shared library is no client program")
    return place + segment.address, 0


def _holding(address: int, segments: tuple[Segment, ...]) -> Segment | None:
    """The segment with this virtual address."""
    return next((one for one in segments if one.virtual <= address < one.virtual + one.memory_size), None)


def _notes(file: ProgramFile, headers: list[Any], endian: Endian) -> tuple[ChrpNote | None, RpaNote | None]:
    chrp: ChrpNote | None = None
    rpa: RpaNote | None = None
    for one in headers:
        if one["p_type"] == "PT_NOTE":
            data = _read(file, one["p_offset"], min(one["p_filesz"], _NOTES_LIMIT))
            found_chrp, found_rpa = decode_notes(data, endian)
            chrp, rpa = chrp or found_chrp, rpa or found_rpa
    return chrp, rpa
