"""Stand-ins for FreeBSD's boot1.chrp and loader: what their sources tell of their calls. They are not the programs.

Ref: stand/powerpc/boot1.chrp/boot1.c; stand/libofw/openfirm.c, ofw_disk.c, ofw_copy.c, ofw_console.c,
ofw_time.c; stand/powerpc/ofw/main.c, ofwfdt.c.
"""

from __future__ import annotations

from sequence import At, Buffer, Expect, Ref, Repeat, Sequence, Step

__all__ = ["FREEBSD", "FREEBSD_BOOT1"]

FREEBSD_BOOT1: Sequence = (
    # Any r3 but 0 is an error, wherever: what fails must fail by its result cell.
    Step("finddevice", ("/chosen",), Expect.HANDLE, "chosen"),
    Step("getprop", (Ref("chosen"), "stdin", Buffer(4, "stdin"), 4), 4),
    Step("getprop", (Ref("chosen"), "stdout", Buffer(4, "stdout"), 4), 4),
    Step("getprop", (Ref("chosen"), "bootargs", Buffer(128), 128), Expect.NOT_NEGATIVE),
    Step("getprop", (Ref("chosen"), "bootpath", Buffer(128), 128), Expect.POSITIVE, holds=b":"),
    Step("close", (0,), Expect.ANYTHING, results=0, quirk="ofw_init: closes what it has not opened yet"),
    Step("open", ("disk:0",), Expect.HANDLE, "raw"),
    Step("seek", (Ref("raw"), 0, 65536), Expect.ZERO, quirk="dskread: looks at neither result"),
    Step("read", (Ref("raw"), Buffer(8192), 8192), 8192),
    Step("close", (Ref("raw"),), Expect.ANYTHING, results=0),
    Step("open", ("disk:1",), Expect.HANDLE, "partition", quirk="offset 0 is where the partition begins"),
    Step("close", (Ref("partition"),), Expect.ANYTHING, results=0),
    Step("open", ("disk:15",), Expect.ZERO, "none", quirk="main: tries 16 partitions, whether they are there or not"),
    Step("seek", (Ref("none"), 0, 65536), Expect.FAILED, quirk="domount: 0 is a device as good as any, and is used"),
    Step("read", (Ref("none"), Buffer(8192), 8192), Expect.FAILED),
    Step("setprop", (Ref("chosen"), "bootargs", "disk:1\0", 7), 7),
    Step("claim", (0x01C00000, 0x60123, 0), 0x01C00000, quirk="load: as large as the segment is, to the byte"),
    Step("claim", (0x01C00000, 0x60123, 0), Expect.FAILED, quirk="only printed, and loads all the same"),
    Step("write", (Ref("stdout"), "\r", 1), 1, quirk="putchar: a call for each character"),
    Step("write", (Ref("stdout"), "\n", 1), 1),
)

FREEBSD: Sequence = (
    # OF_init
    Step("finddevice", ("/chosen",), Expect.HANDLE, "chosen"),
    Step("getprop", (Ref("chosen"), "memory", Buffer(4, "memory"), 4), 4),
    Step("getprop", (Ref("chosen"), "mmu", Buffer(4, "mmu"), 4), 4, quirk="exits without one"),
    Step("finddevice", ("/options",), Expect.HANDLE, "options"),
    Step("getprop", (Ref("options"), "real-mode?", Buffer(5), 5), Expect.POSITIVE, quirk='"true" and no other'),
    # main
    Step("getprop", (Ref("chosen"), "stdin", Buffer(4, "stdin"), 4), 4),
    Step("getprop", (Ref("chosen"), "stdout", Buffer(4, "stdout"), 4), 4),
    Step(
        "getprop", (Ref("chosen"), "bootpath", Buffer(64), 64), Expect.POSITIVE, holds=b":", quirk="looks for a colon"
    ),
    Step("peer", (0,), Expect.HANDLE, "root"),
    Step("instance-to-package", (Ref("memory"),), Expect.HANDLE, "ram"),
    Step("getproplen", (Ref("ram"), "available"), Expect.POSITIVE),
    Step("getprop", (Ref("ram"), "reg", Buffer(64), 64), Expect.POSITIVE),
    Step("instance-to-package", (Ref("mmu"),), Expect.HANDLE, "mmu package"),
    Step("getproplen", (Ref("mmu package"), "translations"), Expect.NOT_NEGATIVE),
    # ofw_copy: memory by the methods of the two nodes
    Step(
        "call-method",
        ("claim", Ref("memory"), 0, 0x80000, 0x3000000),
        Expect.ZERO,
        "base",
        results=2,
        quirk="OF_call_method turns its arguments round: the last one comes first",
    ),
    Step("call-method", ("claim", Ref("mmu"), 0, 0x80000, 0x3000000), Expect.ZERO, results=2),
    Step("call-method", ("map", Ref("mmu"), 0, 0x80000, 0x3000000, 0x3000000), Expect.ZERO, results=1),
    Step("call-method", ("claim", Ref("memory"), 0, 0x80000, 0x3000000), Expect.THROWN, results=2),
    # ofw_disk
    Step("open", ("disk:0",), Expect.HANDLE, "disk"),
    Step(
        "block-size", (Ref("disk"), 0), Expect.UNKNOWN, results=1, quirk="OF_block_size: asked as a service; 512 then"
    ),
    Step("#blocks", (Ref("disk"), 0), Expect.UNKNOWN, results=1, quirk="OF_blocks: two arguments; -1 then"),
    Step("seek", (Ref("disk"), 0, 512), Expect.ZERO),
    Step("read", (Ref("disk"), Buffer(2048), 2048), 2048),
    Step("open", ("disk:1",), Expect.HANDLE, "again", quirk="ofwd_strategy: the one before is not closed on PowerPC"),
    Step("seek", (Ref("again"), 0, 0), Expect.ZERO),
    Step("read", (Ref("disk"), Buffer(512), 512), 512, quirk="checked here: each has its own position"),
    Step("close", (Ref("disk"),), Expect.ANYTHING, results=0),
    Step("close", (Ref("disk"),), Expect.ANYTHING, results=0, quirk="ofwd_open: may close what is closed"),
    Step("read", (Ref("disk"), Buffer(512), 512), Expect.FAILED),
    Step("open", ("disk:15",), Expect.ZERO),
    Step("read", (0, Buffer(4), 4), Expect.FAILED),
    # ofw_console, ofw_time
    Repeat(Step("read", (Ref("stdin"), Buffer(1), 1), Expect.ANYTHING), 1),
    Step("read", (Ref("stdin"), Buffer(1), 1), Expect.ZERO),
    Step("milliseconds", (), Expect.NOT_NEGATIVE),
    Step("test", ("quiesce",), Expect.ZERO),
    # ofwfdt: the whole tree is copied
    Step("child", (Ref("root"),), Expect.HANDLE, "node"),
    Step("nextprop", (Ref("node"), 0, Buffer(255, "name")), 1, quirk="a null pointer asks for the first"),
    Repeat(
        Step(
            "nextprop",
            (Ref("node"), At("name"), At("name")),
            Expect.NOT_NEGATIVE,
            quirk="add_node_to_fdt: one buffer for both names",
        ),
        0,
    ),
    Step("getproplen", (Ref("node"), "phandle"), Expect.ANYTHING),
    Step(
        "package-to-path",
        (Ref("root"), Buffer(255, was=b"x"), 255),
        1,
        holds=b"/\0",
        quirk="into the buffer of the names, and looks for the last slash: the path needs its end",
    ),
    Repeat(
        Step(
            "peer",
            (Ref("node"),),
            Expect.NOT_NEGATIVE,
            "node",
            quirk="-1 at the end would be a node, for it has no sign",
        ),
        0,
    ),
    # ofwfdt_fixups
    Step("finddevice", ("/rtas",), Expect.ANYTHING, "rtas package", quirk="what follows if the tree has RTAS"),
    Step("getprop", (Ref("rtas package"), "rtas-size", Buffer(4), 4), 4, given="rtas package"),
    Step("claim", (0, 0x1000, 4096), Expect.HANDLE, "room", given="rtas package"),
    Step("open", ("/rtas",), Expect.HANDLE, "rtas", given="rtas package"),
    Step(
        "call-method",
        ("instantiate-rtas", Ref("rtas"), Ref("room")),
        Expect.ZERO,
        "entry",
        results=2,
        given="rtas package",
    ),
    *(Step("instance-to-package", (Ref(name),), Expect.HANDLE) for name in ("stdout", "stdin", "mmu")),
    Step("instance-to-path", (Ref("again"), Buffer(64), 64), Expect.POSITIVE),
    Step("canon", ("disk", Buffer(64), 64), Expect.POSITIVE, holds=b"/disk"),
    Step("quiesce", (), Expect.ANYTHING, results=0),
    Step("write", (Ref("stdout"), "booting\n", 8), 8, quirk="and goes on calling"),
)
