"""Stand-ins for BootX, the loader of Mac OS X: what its sources tell of its calls. They are not the program.

Ref: BootX-81, bootx.tproj: sl.subproj/main.c, device_tree.c, display.c; ci.subproj/ci.c, ci_io.c, sl_words.c;
include.subproj/sl.h. Any r3 but 0 is an error for it. Its Forth is real Forth, with local variables; the package's
words here are of the same kinds as the real ones (`Expect.FORTH`).
"""

from __future__ import annotations

from sequence import Buffer, Expect, Ref, Repeat, Sequence, Step

__all__ = ["BOOTX", "BOOTX_OLD"]

_WORDS = (
    'hex unselect-dev " /packages" find-device new-device " sl_words" device-name '
    "0 value sl_count 400 buffer: sl_sum "
    ": open true ; : close ; "
    ": sl_depth { ; dpth } depth -> dpth dpth ; "
    ": sl_check { adr len } 0 len 0 ?do adr i + c@ + loop ; "
    ": sl_fill sl_sum 400 0 fill sl_sum 400 sl_check ; "
    ": sl_spin get-msecs d# 10 >> 5 mod to sl_count sl_count ; "
    ": sl_or sl_sum tuck l@ or swap l! ; "
    ": sl_emit (emit) drop debug-cr ; : sl_start ['] sl_spin to spin ; "
    ": sl_pwd ['] pwd 138 - execute ; "
    'finish-device device-end 0 0 " sl_words" $open-package'
)
_MEMORY_MAP = ' dev /chosen new-device " memory-map" device-name active-package device-end'

_START: Sequence = (
    # GetOFVersion, InitSLWords, InitEverything
    Step("finddevice", ("/openprom",), Expect.HANDLE, "openprom"),
    Step("getprop", (Ref("openprom"), "model", Buffer(256), 255), Expect.POSITIVE, quirk="GetOFVersion: see BOOTX_OLD"),
    Step("interpret", (_WORDS,), Expect.FORTH, results=2, quirk="a package of a dozen words, with locals"),
    Step("finddevice", ("/options",), Expect.HANDLE, "options"),
    Step("finddevice", ("/chosen",), Expect.HANDLE, "chosen"),
    Step("interpret", (_MEMORY_MAP,), Expect.FORTH, results=2, quirk="InitMemoryMap"),
    Step("getprop", (Ref("chosen"), "mmu", Buffer(4, "mmu"), 4), 4),
    Step("getprop", (Ref("chosen"), "memory", Buffer(4, "memory"), 4), 4),
    Step("getprop", (Ref("chosen"), "stdout", Buffer(4, "stdout"), 4), 4),
    Step("instance-to-package", (Ref("stdout"),), Expect.HANDLE),
    Step("getprop", (Ref("chosen"), "stdin", Buffer(4, "stdin"), 4), 4),
    Step("instance-to-package", (Ref("stdin"),), Expect.HANDLE, "keyboard package"),
    Step("getprop", (Ref("keyboard package"), "name", Buffer(32), 31), Expect.POSITIVE, quirk='"keyboard" or "kbd"?'),
    Step("open", ("keyboard",), Expect.ZERO),
    Step("open", ("kbd",), Expect.ZERO),
    Step(
        "call-method", ("slw_cr", 0), Expect.THROWN, results=1, quirk="putchar: each character is a method of its own"
    ),
)

_IMAGE: Sequence = (
    Step("claim", (0x01D00000, 0x100000, 0), 0x01D00000, quirk="fixed ranges, which must be free"),
    Step("claim", (0x01400000, 0x800000, 0), 0x01400000),
    Step("claim", (0x4000, 0x013FC000, 0), 0x4000, quirk="from 16 KiB up: only the vectors are anybody's"),
    Step("claim", (0x4000, 0x1000, 0), Expect.FAILED, quirk="it tests for 0 alone"),
)

_OLD_IMAGE: Sequence = (
    # Claim, where the version is below 2, or none: memory, then addresses, then both together
    *(
        Step(service, arguments, expect, results=results)
        for start, size in ((0x01D00000, 0x100000), (0x01400000, 0x800000), (0x4000, 0x2FC000), (0x500000, 0xF00000))
        for service, arguments, expect, results in (
            ("call-method", ("claim", Ref("memory"), 0, size, start), Expect.ZERO, 2),
            ("call-method", ("claim", Ref("mmu"), 0, size, start), Expect.ZERO, 2),
            ("call-method", ("map", Ref("mmu"), 0, size, start, start), Expect.ZERO, 1),
        )
    ),
    Step(
        "call-method",
        ("unmap", Ref("mmu"), 0x80000, 0x380000),
        Expect.ANYTHING,
        results=1,
        quirk="the old firmware's stack; the result is not looked at",
    ),
    Step("call-method", ("claim", Ref("memory"), 0, 0x200000, 0x01E00000), Expect.ANYTHING, results=2),
    Step("call-method", ("claim", Ref("mmu"), 0, 0x200000, 0x300000), Expect.ANYTHING, results=2),
    Step(
        "call-method",
        ("map", Ref("mmu"), 0, 0x200000, 0x300000, 0x01E00000),
        Expect.ANYTHING,
        results=1,
        quirk="not 1:1: refused in real mode, which it doesn't notice",
    ),
)

_REST: Sequence = (
    # InitDisplays
    Step("interpret", ("get-package-property if 0 0 then", Ref("chosen"), 6, "stdout"), Expect.FORTH, results=3),
    Step("interpret", ('" _screen-ihandle" $find if execute else 0 then',), Expect.FORTH, results=2),
    Step("finddevice", ("screen",), Expect.FAILED),
    Step("interpret", ("ms", 10), Expect.FORTH, results=1),
    # GetBootPaths, the loader's own file systems
    Step("getprop", (Ref("chosen"), "bootpath", Buffer(256), 256), Expect.POSITIVE),
    Step("open", ("disk:1",), Expect.HANDLE, "partition", quirk="raw: it knows HFS itself"),
    Step("seek", (Ref("partition"), 0, 1024), Expect.ZERO, quirk="a status, or r3, that isn't 0 is an error"),
    Step("read", (Ref("partition"), Buffer(512), 512), 512),
    Step("close", (Ref("partition"),), Expect.ANYTHING, results=0),
    # SetUpBootArgs
    Step("setprop", (Ref("chosen"), "BootXCacheHits", "\0\0\0\1", 4), 4),
    Step("setprop", (Ref("chosen"), "rootpath", "hd:3,\\mach_kernel\0", 18), 18),
    Step("getprop", (Ref("options"), "security-mode", Buffer(33), 32), 5),
    Step("getprop", (Ref("options"), "boot-args", Buffer(128), 127), Expect.ANYTHING),
    Step("finddevice", ("/memory",), Expect.HANDLE, "ram", quirk="without its unit address"),
    Step("getprop", (Ref("ram"), "reg", Buffer(256), 256), Expect.POSITIVE),
    # FlattenDeviceTree
    Step("peer", (0,), Expect.HANDLE, "root"),
    Step("nextprop", (Ref("root"), "", Buffer(32)), 1),
    Step("child", (Ref("root"),), Expect.HANDLE, "node"),
    Repeat(Step("peer", (Ref("node"),), Expect.NOT_NEGATIVE, "node"), 0),
    # CallKernel
    Step("quiesce", (), Expect.ANYTHING, results=0),
    Step("call-method", ("slw_cr", 0), Expect.THROWN, results=1, quirk="prints once more"),
)

BOOTX: Sequence = (*_START, *_IMAGE, *_REST)
"""For an `/openprom` `model` that begins with "OpenFirmware 3" or "Open Firmware, 3"."""

BOOTX_OLD: Sequence = (*_START, *_OLD_IMAGE, *_REST)
"""For a model of version 1, and for one that it doesn't know: its `GetOFVersion` answers -1 then, which is not the 0
that its caller tests for, and is below 2."""
