"""A stand-in for Haiku's boot loader for Open Firmware: what its sources tell of its calls. It is not the program.

Ref: src/system/boot/platform/openfirmware: openfirmware.c, console.cpp, devices.cpp, Handle.cpp, cpu.cpp,
real_time_clock.cpp, arch/ppc/mmu.cpp, video.cpp.
"""

from __future__ import annotations

from sequence import Buffer, Expect, Ref, Repeat, Sequence, Step

__all__ = ["HAIKU"]

HAIKU: Sequence = (
    Step("finddevice", ("/chosen",), Expect.HANDLE, "chosen"),
    Step("finddevice", ("/",), Expect.HANDLE, "root"),
    Step("getprop", (Ref("root"), "device_type", Buffer(64), 64), Expect.ANYTHING),
    Step("getprop", (Ref("root"), "model", Buffer(64), 64), Expect.POSITIVE),
    # console
    Step("getprop", (Ref("chosen"), "stdin", Buffer(4, "stdin"), 4), 4),
    Step("getprop", (Ref("chosen"), "stdout", Buffer(4, "stdout"), 4), 4),
    Step("interpret", ("erase-screen",), Expect.FORTH, results=1),
    Step("interpret", ("#columns",), Expect.FORTH, results=2, quirk="of_interpret: a width of 0 then"),
    Step("interpret", ("toggle-cursor to line# to column# toggle-cursor", 1, 2), Expect.FORTH, results=1),
    Step("interpret", ("toggle-cursor", 1, 2, 3, 4, 5, 6), Expect.FORTH, results=7, quirk="room for 13 cells and more"),
    # memory
    Step("getprop", (Ref("chosen"), "memory", Buffer(4, "memory"), 4), 4),
    Step("instance-to-package", (Ref("memory"),), Expect.HANDLE, "ram"),
    Step("getprop", (Ref("root"), "#address-cells", Buffer(4), 4), 4),
    Step("getprop", (Ref("root"), "#size-cells", Buffer(4), 4), 4, quirk="2, as on pseries, would make it panic"),
    Step("getprop", (Ref("ram"), "reg", Buffer(256), 256), Expect.POSITIVE),
    Step("getprop", (Ref("chosen"), "mmu", Buffer(4, "mmu"), 4), 4),
    Step("instance-to-package", (Ref("mmu"),), Expect.HANDLE, "mmu package"),
    Step("getprop", (Ref("mmu package"), "translations", Buffer(1024), 1024), Expect.NOT_NEGATIVE),
    Step("claim", (0, 0x100000, 0x100000), Expect.HANDLE, "table", quirk="aligned to its size; 0 is a broken Pegasos"),
    Step("set-callback", (0x202000,), Expect.ZERO, quirk="it wants to be asked for map, unmap and translate"),
    Step("set-callback", (0x202000,), 0x202000),
    # disks
    Step("getprop", (Ref("chosen"), "bootpath", Buffer(192, "bootpath"), 192), Expect.POSITIVE),
    Step(
        "finddevice", ("/disks/disk@0:1,\\loader",), Expect.HANDLE, "boot", quirk="bootpath as it is, arguments and all"
    ),
    Step("getprop", (Ref("boot"), "device_type", Buffer(16), 16), 6, holds=b"block\0"),
    Step("open", ("disk",), Expect.HANDLE, "disk"),
    Step("open", ("disk:0",), Expect.HANDLE, "again", quirk="platform_add_block_devices: the boot disk once more"),
    Step("open", ("disk:nolabel",), Expect.HANDLE, "sun", quirk="checked here: named in a comment there, for OpenBoot"),
    Step("block-size", (Ref("disk"),), Expect.UNKNOWN, results=1),
    Step("#blocks", (Ref("disk"),), Expect.UNKNOWN, results=1),
    Step("seek", (Ref("disk"), 0, 1024), Expect.ZERO),
    Step("read", (Ref("disk"), Buffer(1024), 1024), 1024),
    Step("seek", (Ref("disk"), 255, 0), Expect.FAILED, quirk="Handle::Size: it takes each disk for a tebibyte"),
    # CPUs, clock
    Step("finddevice", ("/cpus",), Expect.HANDLE, "cpus"),
    Step("child", (Ref("cpus"),), Expect.HANDLE, "cpu"),
    Step("getprop", (Ref("cpu"), "device_type", Buffer(16), 16), 4, holds=b"cpu\0"),
    Step("getprop", (Ref("cpu"), "clock-frequency", Buffer(4), 4), 4),
    Step("getprop", (Ref("cpu"), "timebase-frequency", Buffer(4), 4), 4),
    Step("getprop", (Ref("cpu"), "bus-frequency", Buffer(4), 4), 4),
    Repeat(Step("peer", (Ref("cpu"),), Expect.NOT_NEGATIVE, "cpu"), 0),
    Step("open", ("/rtc",), Expect.HANDLE, "rtc"),
    Step("call-method", ("get-time", Ref("rtc")), Expect.ZERO, results=7, quirk="the year is the top of the stack"),
    Step("finddevice", ("screen",), Expect.FAILED),
    Step("open", ("screen",), Expect.ZERO),
    # the menu
    Repeat(
        Step(
            "read", (Ref("stdin"), Buffer(3), 3), Expect.NOT_NEGATIVE, quirk="console_wait_for_key: three bytes at once"
        ),
        1,
    ),
    Step("read", (Ref("stdin"), Buffer(3), 3), Expect.ZERO, quirk="-1 or -2 would make it give up"),
    Step("write", (Ref("stdout"), "\r\n", 2), 2),
    Step("close", (Ref("sun"),), Expect.ANYTHING, results=0),
)
