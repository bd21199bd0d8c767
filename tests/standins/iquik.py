"""A stand-in for iQUIK, which descends from quik: what its sources tell of its calls. It is not the program.

Ref: second/prom.c, second/disk.c. Its `call_prom` never looks at r3, has one static block, and reads the cell behind
the arguments even where it asked for no result.
"""

from __future__ import annotations

from sequence import Buffer, Expect, Ref, Repeat, Search, Sequence, Step

__all__ = ["IQUIK"]

_MIB = 0x100000
_LAST = 0x10000000

IQUIK: Sequence = (
    # prom_init
    Step("finddevice", ("/chosen",), Expect.HANDLE, "chosen"),
    Step(
        "open", ("/memory",), Expect.HANDLE, "memory", quirk="opened, though /chosen has one, and without its address"
    ),
    Step("getprop", (Ref("chosen"), "mmu", Buffer(4, "mmu"), 4), 4),
    Step("getprop", (Ref("chosen"), "stdout", Buffer(4, "stdout"), 4), 4),
    Step("getprop", (Ref("chosen"), "stdin", Buffer(4, "stdin"), 4), 4),
    Step("finddevice", ("/options",), Expect.HANDLE, "options"),
    Step("write", (Ref("stdout"), "\r\n", 2), 2),
    Step("finddevice", ("/openprom",), Expect.HANDLE, "openprom"),
    Step("getprop", (Ref("openprom"), "model", Buffer(64), 64), Expect.POSITIVE),
    Step("finddevice", ("/bandit/ohare/media-bay/ata",), Expect.FAILED),
    Step("getprop", (Ref("chosen"), "bootargs", Buffer(512), 512), Expect.NOT_NEGATIVE),
    # disk_init
    Step("getprop", (Ref("chosen"), "bootpath", Buffer(512), 512), Expect.POSITIVE),
    Step("getprop", (Ref("options"), "boot-device", Buffer(512), 512), Expect.ANYTHING),
    Step("open", ("/disks/disk@0",), Expect.HANDLE, "boot", quirk="bootpath up to its colon"),
    Step("close", (Ref("boot"),), Expect.ANYTHING, results=1, quirk="disk_close: a result, which close has not"),
    # memory
    Step("claim", (0x500000, 3 * _MIB, 0), 0x500000, quirk="malloc's"),
    Step("claim", (0x500000, 0x1000, 1), Expect.HANDLE, quirk="prom_ensure_claimed: an address and an alignment of 1"),
    Search(
        Step("claim", (Ref("kernel"), 4 * _MIB, 0), Expect.ANYTHING, quirk="prom_claim_chunk: up in steps of 1 MiB"),
        "kernel",
        range(_MIB * 4, _LAST, _MIB),
    ),
    Step("release", (Ref("kernel"), 4 * _MIB), Expect.ANYTHING, results=0),
    # what it does where /openprom's model is "Open Firmware, 1.0.5"
    Step("call-method", ("claim", Ref("memory"), 0, _MIB, 0x3800000), Expect.ZERO, "base", results=2),
    Step("call-method", ("claim", Ref("mmu"), 0, _MIB, 0x3800000), Expect.ZERO, results=2),
    Step("call-method", ("map", Ref("mmu"), 0x12, _MIB, 0x3800000, 0x3800000), Expect.ZERO, results=1),
    Step(
        "call-method",
        ("unmap", Ref("mmu"), _MIB, 0x3800000),
        Expect.ANYTHING,
        results=0,
        quirk="prom_release: no result at all, not even the catch-result",
    ),
    Step("call-method", ("release", Ref("mmu"), _MIB, 0x3800000), Expect.ANYTHING, results=0),
    Step("call-method", ("release", Ref("memory"), _MIB, 0x3800000), Expect.ANYTHING, results=0),
    Step("release", (0x3800000, _MIB), Expect.ANYTHING, results=0, quirk="and once more, though nobody has it"),
    Step("claim", (0x3800000, _MIB, 0), 0x3800000, quirk="checked here: all of it was given back"),
    # disk, console
    Step("open", ("disk:0",), Expect.HANDLE, "disk"),
    Step("seek", (Ref("disk"), 0, 512), Expect.ZERO),
    Step("read", (Ref("disk"), Buffer(512), 512), 512),
    Step("close", (Ref("disk"),), Expect.ANYTHING, results=1),
    Step("milliseconds", (), Expect.NOT_NEGATIVE),
    Repeat(Step("read", (Ref("stdin"), Buffer(1), 1), Expect.NOT_NEGATIVE), 1),
    Step("read", (Ref("stdin"), Buffer(1), 1), Expect.ZERO),
    # the kernel's: setprop must copy what it is given
    Step("setprop", (Ref("chosen"), "linux,initrd-start", "\1\0\0\0", 4), 4),
    Step("getprop", (Ref("chosen"), "linux,initrd-start", Buffer(4), 4), 4, holds=b"\1\0\0\0"),
    Step("setprop", (Ref("chosen"), "bootargs", "root=/dev/hda5\0", 15), 15),
)
