"""A stand-in for yaboot 1.3.17: what its sources tell of its calls. It is not the program.

Ref: second/prom.c, second/file.c, second/fs_of.c, second/yaboot.c. Its `call_prom` never looks at r3: what fails must
say so in the result cell, which was 0 before the call.
"""

from __future__ import annotations

from sequence import Buffer, Expect, Ref, Repeat, Search, Sequence, Step

__all__ = ["YABOOT"]

_WORDS = (
    "hex : D2NIP decode-int nip nip ;\r: GPP$ get-package-property 0= ;\r: ^on0 0= if -1 throw then ;\r"
    ": $CM $call-method ;\r"
)
_HANDLES = (
    ' " /chosen" find-package if dup " memory" rot GPP$ if D2NIP swap " mmu" rot GPP$ if D2NIP else 0 then '
    "else 0 0 then else 0 0 then\rvalue mmu# value mem# "
)
_TOP = 0x10000000
_STRIDE = 0x40000
_HEAP = 0x100000

YABOOT: Sequence = (
    # prom_init
    Step("finddevice", ("/chosen",), Expect.HANDLE, "chosen"),
    Step("finddevice", ("/options",), Expect.ANYTHING, "options"),
    Step("getprop", (Ref("chosen"), "stdout", Buffer(4, "stdout"), 4), 4),
    Step("getprop", (Ref("chosen"), "stdin", Buffer(4, "stdin"), 4), 4),
    Step("getprop", (Ref("chosen"), "memory", Buffer(4, "memory"), 4), 4, quirk="must be there, or it gives up"),
    Step("getprop", (Ref("chosen"), "mmu", Buffer(4, "mmu"), 4), 4, quirk="must be there, or it gives up"),
    Step("getprop", (Ref("options"), "linux,yaboot-debug", Buffer(4), 4), Expect.FAILED),
    Step("write", (Ref("stdout"), "\r\n", 2), 2, quirk="prom_puts: each line's end is a write of its own"),
    Step("interpret", (_WORDS,), Expect.FORTH, results=1, quirk="lines end in CR; the result is ignored"),
    Step("interpret", (_HANDLES,), Expect.FORTH, results=1),
    Step("interpret", (": ^mem mem# $CM ; : ^mmu mmu# $CM ; ",), Expect.FORTH, results=1),
    # yaboot_start, yaboot_main
    Search(
        Step(
            "claim",
            (Ref("heap"), _HEAP, 0),
            Expect.ANYTHING,
            quirk="prom_claim_chunk_top: from 256 MiB, which is more than there may be, down in steps of 256 KiB",
        ),
        "heap",
        range(_TOP, _HEAP, -_STRIDE),
    ),
    Step("claim", (Ref("heap"), _HEAP, 0), Expect.FAILED, quirk="checked here: it has it"),
    Step("finddevice", ("/",), Expect.HANDLE, "root"),
    Step("getprop", (Ref("root"), "CODEGEN,vendor", Buffer(64), 64), Expect.FAILED),
    Step("getprop", (Ref("root"), "device_type", Buffer(64), 64), Expect.ANYTHING),
    Step("getprop", (Ref("root"), "compatible", Buffer(256), 256), Expect.POSITIVE),
    Step("getprop", (Ref("chosen"), "bootargs", Buffer(256), 255), Expect.NOT_NEGATIVE, quirk="-1 would be an index"),
    Step("getprop", (Ref("chosen"), "bootpath", Buffer(256), 256), Expect.POSITIVE),
    # prom_get_devtype, and the scan of the partitions
    Step("finddevice", ("disk:0",), Expect.HANDLE, "device", quirk="a path with open arguments"),
    Step("getprop", (Ref("device"), "device_type", Buffer(64), 63), 6, holds=b"block\0"),
    Step("open", ("disk:0",), Expect.HANDLE, "raw", quirk=":0 is the whole disk"),
    Step("call-method", ("block-size", Ref("raw")), Expect.ZERO, "block", results=2),
    Step("seek", (Ref("raw"), 0, 0), Expect.ZERO, quirk="0 and 1 both mean that it worked"),
    Step("read", (Ref("raw"), Buffer(512), 512), 512, quirk="anything but the whole count fails the scan"),
    Step("close", (Ref("raw"),), Expect.ANYTHING, results=0),
    Step("read", (Ref("raw"), Buffer(512), 512), Expect.FAILED, quirk="checked here: the handle has gone"),
    # fs_of: the firmware's own file systems
    Step("open", ("disk:01,\\yaboot.conf",), Expect.HANDLE, "file", quirk='"%02d", and backslashes for slashes'),
    Step("close", (Ref("file"),), Expect.ANYTHING, results=0),
    Step("finddevice", ("/packages/cas",), Expect.FAILED),
    Step("find-package", ("/packages/cas",), Expect.UNKNOWN, results=1, quirk="prom_findpackage: not a service"),
    # the prompt
    Repeat(
        Step("read", (Ref("stdin"), Buffer(1), 1), Expect.NOT_NEGATIVE, quirk="prom_getchar: -2 would be a character"),
        1,
    ),
    Step("read", (Ref("stdin"), Buffer(1), 1), Expect.ZERO, quirk="prom_nbgetchar"),
    Step("interpret", (" 10 ms",), Expect.FORTH, results=1, quirk="prom_read: after a read that brought nothing"),
    # the kernel
    Search(
        Step(
            "claim", (Ref("kernel"), 0x300000, 0), Expect.ANYTHING, quirk="prom_claim_chunk: from 0, which is no error"
        ),
        "kernel",
        range(0, _TOP, _STRIDE),
    ),
    Step("claim", (Ref("kernel"), 0x300000, 0), Expect.FAILED, quirk="checked here: it has it"),
    Step("setprop", (Ref("chosen"), "bootargs", "root=/dev/sda3\0", 15), 15, quirk="must return the length"),
    Step("write", (Ref("stdout"), "Please wait, loading kernel...", 30), 30),
    Step("release", (Ref("heap"), _HEAP), Expect.ANYTHING, results=0),
)
