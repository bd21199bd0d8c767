"""`-bios vof.bin`: QEMU's own virtual Open Firmware as the part that is in the guest, unmodified.

It is a few instructions and a client interface that passes every call on by the hypercall 0xf005. QEMU answers it in
C; here `vof` does. It is loaded at 0 and entered at 0x100, and starts what `/chosen` `qemu,boot-kernel` says.

Ref: QEMU pc-bios/vof, hw/ppc/vof.c.
"""

from __future__ import annotations

import os

from vof.errors import UsageError
from vof.firmware import OpenFirmware
from vof.outcomes import Jump
from vof.tree import encode_int64

__all__ = ["GuestFirmware", "announce"]

_FOLDERS = ("/usr/share/qemu", "/usr/local/share/qemu")
_MOST = 0x8000
_ENTRY = 0x100
_STACK = 0xFFE0
_TAKES = 0x10000


class GuestFirmware:
    """The file, read.

    Args:
        path: where it is; a plain name is looked for where QEMU keeps its files, too.

    Raises:
        UsageError: it isn't there, or is nothing of the kind.
    """

    def __init__(self, path: str) -> None:
        places = [path] if os.sep in path else [path, *(os.path.join(folder, path) for folder in _FOLDERS)]
        found = next((place for place in places if os.path.isfile(place)), None)
        if found is None:
            raise UsageError(f"-bios {path}: there is no such file; apt-get install qemu-system-data has vof.bin")
        try:
            with open(found, "rb") as file:
                self.code = file.read(_MOST + 1)
        except OSError as error:
            raise UsageError(f"-bios {path}: {error.strerror}") from None
        if not _ENTRY < len(self.code) <= _MOST:
            raise UsageError(f"-bios {path}: {len(self.code)} bytes or more are not QEMU's vof.bin")

    def prepare(self, firmware: OpenFirmware, entry: int, size: int) -> None:
        """Put it into memory and have it find the client program.

        Args:
            firmware: who answers it.
            entry: the client program's first instruction.
            size: the client program's bytes in memory.
        """
        announce(firmware, entry, size)
        firmware.memory.write(0, self.code)

    def start(self, plain: Jump) -> Jump:
        """How to start it, where the client program alone would be started so."""
        return Jump(_ENTRY, r3=plain.r3, r4=plain.r4, stack=_STACK)


def announce(firmware: OpenFirmware, entry: int, size: int) -> None:
    """Have a firmware tell of the client program as QEMU's `vof.bin` expects it, and keep that one's memory."""
    firmware.claims.claim(0, _TAKES, 0)
    firmware.tree.set("/chosen", "qemu,boot-kernel", encode_int64(entry) + encode_int64(size))
