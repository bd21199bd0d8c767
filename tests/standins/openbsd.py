"""A stand-in for OpenBSD's ofwboot for macppc: what its sources tell of its calls. It is not the program.

Ref: sys/arch/macppc/stand: Locore.c, main.c, alloc.c, ofdev.c.
"""

from __future__ import annotations

from sequence import Buffer, Expect, Ref, Repeat, Sequence, Step

__all__ = ["OPENBSD"]

_KERNEL_AT = 0x00100000
_LIMIT = 0x00C00000
_KERNEL_END = 0x00500000

OPENBSD: Sequence = (
    # setup, main
    Step("finddevice", ("/chosen",), Expect.HANDLE, "chosen"),
    Step("getprop", (Ref("chosen"), "stdin", Buffer(4, "stdin"), 4), 4),
    Step("getprop", (Ref("chosen"), "stdout", Buffer(4, "stdout"), 4), 4),
    Step("getprop", (Ref("chosen"), "bootpath", Buffer(128), 128), Expect.POSITIVE),
    Step("getprop", (Ref("chosen"), "bootargs", Buffer(512), 512), Expect.NOT_NEGATIVE),
    Step("claim", (_KERNEL_AT, _LIMIT, 0), _KERNEL_AT, quirk="OF_claim: takes the address asked for as the result"),
    Step("claim", (0, 0x1000, 0x1000), Expect.HANDLE, quirk="alloc: a page at a time, and never gives one back"),
    Step("claim", (0, 0x1000, 0x1000), Expect.HANDLE),
    # parsename, devopen
    Step("finddevice", ("/aliases",), Expect.HANDLE, "aliases"),
    Step("getprop", (Ref("aliases"), "disk", Buffer(256), 256), Expect.POSITIVE, quirk="resolves aliases itself"),
    Step("getprop", (Ref("aliases"), "nosuch", Buffer(256), 256), Expect.FAILED),
    Step("finddevice", ("disk",), Expect.HANDLE, "disk"),
    Step("getprop", (Ref("disk"), "name", Buffer(512), 512), 5, holds=b"disk\0"),
    Step("getprop", (Ref("disk"), "device_type", Buffer(512), 512), 6, holds=b"block\0"),
    Step("open", ("disk:0",), Expect.HANDLE, "raw", quirk="devopen: -1 alone would be a failure"),
    Step("call-method", ("dma-alloc", Ref("raw"), 0x10000), Expect.THROWN, results=2, quirk="not looked at"),
    Step("seek", (Ref("raw"), 0, 0), Expect.ZERO, quirk="strategy: any status that isn't negative"),
    Step("read", (Ref("raw"), Buffer(512), 512), 512, quirk="a disklabel without partitions"),
    Step("seek", (Ref("raw"), 0, 512), Expect.ZERO),
    Step("read", (Ref("raw"), Buffer(512), 512), 512, quirk="read_mac_label: block 1"),
    Step("seek", (Ref("raw"), 0, 0), Expect.ZERO),
    Step("read", (Ref("raw"), Buffer(512), 512), 512, quirk="search_label: the MBR"),
    Step("close", (Ref("raw"),), Expect.ANYTHING, results=0),
    Repeat(Step("read", (Ref("stdin"), Buffer(1), 1), Expect.NOT_NEGATIVE), 1),
    Step("read", (Ref("stdin"), Buffer(1), 1), Expect.ZERO),
    Step("milliseconds", (), Expect.NOT_NEGATIVE),
    # run_loadfile
    Step(
        "release",
        (_KERNEL_END, _LIMIT - _KERNEL_END),
        Expect.ANYTHING,
        results=0,
        quirk="a part of what it claimed; the limit is taken for an address, so a MiB stays claimed",
    ),
    Step("claim", (_LIMIT, 0x100000, 0), Expect.FAILED, quirk="checked here: that MiB"),
    Step("claim", (_KERNEL_AT, 0x1000, 0), Expect.FAILED, quirk="checked here: the kernel's part"),
    Step("claim", (_KERNEL_END, _LIMIT - _KERNEL_END, 0), _KERNEL_END, quirk="checked here: what was released"),
    Step("write", (Ref("stdout"), "\r", 1), 1, quirk="putchar"),
    Step("write", (Ref("stdout"), "\n", 1), 1),
)
