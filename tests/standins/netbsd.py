"""A stand-in for NetBSD's ofwboot: what its sources tell of its calls. It is not the program.

Ref: sys/arch/macppc/stand/ofwboot and sys/arch/ofppc/stand/ofwboot: Locore.c, boot.c, ofdev.c, alloc.c; for the
kernel's own calls sys/arch/macppc/dev/ofb.c.
"""

from __future__ import annotations

from sequence import Buffer, Expect, Ref, Repeat, Sequence, Step

__all__ = ["NETBSD"]

NETBSD: Sequence = (
    Step("finddevice", ("/chosen",), Expect.HANDLE, "chosen"),
    Step("getprop", (Ref("chosen"), "stdin", Buffer(4, "stdin"), 4), 4, quirk="4 bytes and no other number"),
    Step("getprop", (Ref("chosen"), "stdout", Buffer(4, "stdout"), 4), 4),
    Step("finddevice", ("/openprom",), Expect.HANDLE, "openprom"),
    Step("getprop", (Ref("openprom"), "model", Buffer(32), 32), Expect.POSITIVE, quirk="its first digit is a version"),
    Step(
        "getprop",
        (Ref("chosen"), "bootpath", Buffer(128), 128),
        Expect.POSITIVE,
        holds=b":",
        quirk="prom2boot: without a colon it looks for one below its buffer",
    ),
    Step("getprop", (Ref("chosen"), "bootargs", Buffer(512), 512), Expect.NOT_NEGATIVE, quirk="-1 would be an error"),
    Step("claim", (0, 0x40000, 0x1000), Expect.HANDLE, "heap"),
    # filename, devopen
    Step("finddevice", ("/disks",), Expect.HANDLE, quirk="filename: finddevice on each prefix of the path"),
    Step("finddevice", ("/disks/disk@0",), Expect.HANDLE, "disk"),
    Step("finddevice", ("/disks/disk@0/netbsd",), Expect.FAILED, quirk="-1 is where the file's name begins"),
    Step("finddevice", ("/disks/disk@0:0",), Expect.HANDLE),
    Step("finddevice", ("/disks/disk@0:0/netbsd",), Expect.FAILED, quirk="behind a device's arguments, too"),
    Step("finddevice", ("/netbsd",), Expect.FAILED),
    Step("getprop", (Ref("disk"), "device_type", Buffer(16), 16), 6, holds=b"block\0"),
    Step("open", ("/disks/disk@0:0",), Expect.HANDLE, "raw"),
    Step("call-method", ("dma-alloc", Ref("raw"), 0x10000), Expect.THROWN, results=2, quirk="failure is ignored"),
    Step("seek", (Ref("raw"), 0, 512), Expect.ZERO),
    Step("read", (Ref("raw"), Buffer(512), 512), 512),
    Repeat(Step("read", (Ref("stdin"), Buffer(1), 1), Expect.NOT_NEGATIVE), 1),
    Step("read", (Ref("stdin"), Buffer(1), 1), Expect.ZERO, quirk="0 and -2 both: try again"),
    Step("call-method", ("dma-free", Ref("raw"), 0x10000, 0), Expect.THROWN, results=1),
    Step("close", (Ref("raw"),), Expect.ANYTHING, results=0),
    Step("milliseconds", (), Expect.NOT_NEGATIVE),
    Step("interpret", ("#lines 2 - to line#",), Expect.FORTH, results=1, quirk="by the kernel"),
    Step("release", (Ref("heap"), 0x40000), Expect.ANYTHING, results=0),
)
