"""What a file is that is no client program, and what to do about it."""

from __future__ import annotations

__all__ = ["describe"]

_UNPACK = "the file is compressed ({0}): unpack it first"
_LOOKS: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", _UNPACK.format("gzip")),
    (b"\xfd7zXZ\0", _UNPACK.format("xz")),
    (b"BZh", _UNPACK.format("bzip2")),
    (b"\x28\xb5\x2f\xfd", _UNPACK.format("zstd")),
    (b"\x04\x22\x4d\x18", _UNPACK.format("lz4")),
    (b"\x01\xdf", "the file is XCOFF, and only ELF can be used here: take an ELF file of the same program"),
    (b"\x01\xf7", "the file is 64-bit XCOFF, which can't be loaded: 32-bit XCOFF or ELF of the same program would do"),
    (b"\xfe\xed\xfa", "the file is Mach-O: only its own boot loader (BootX) loads it; an ELF file would do"),
    (b"\x27\x05\x19\x56", "the file is a U-Boot image: take the ELF file (vmlinux, zImage) that it was made from"),
    (b"\xd0\x0d\xfe\xed", "the file is a flattened device tree, not a program: an ELF file would do"),
    (b"070701", "the file is a cpio archive: it may be an initial RAM disk (-initrd), but not a program"),
    (b"MZ", "the file is a DOS or EFI program: build it as ELF for PowerPC"),
    (b"!<arch>", "the file is an archive of objects: link it into a program first"),
    (b"#!", "the file is a script for a shell: an ELF file would do"),
)


def describe(start: bytes) -> str:
    """One line for the user on a file that isn't a program, or not one of a format that is read where it was given.

    Args:
        start: its first bytes, 64 if it has so many.
    """
    if not start:
        return "the file is empty: a program (ELF, XCOFF) is wanted"
    for magic, text in _LOOKS:
        if start.startswith(magic):
            return text
    if start.lstrip()[:10].upper() == b"<CHRP-BOOT":
        return "the file is a CHRP boot script, for `boot` to take from a disk: a program (ELF, XCOFF) is wanted here"
    if b"\x7fELF".startswith(start):
        return "the file is cut off after a few bytes: get it again"
    return f"the file is not ELF (it begins with {start[:4].hex(' ')}): an ELF program for PowerPC is wanted"
