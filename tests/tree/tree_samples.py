"""Trees for the tests: real blobs that QEMU wrote, made-up ones, and `dtc` to judge them."""

import gzip
import re
import subprocess
from pathlib import Path

from hypothesis import strategies as st

from vof.tree import DeviceTree

DATA = Path(__file__).parent.parent / "data"
FIXTURES = ("pseries", "pseries-pci-8cpus", "pegasos2")

bases = st.text("abc,-", min_size=1, max_size=3).filter(lambda text: text[0] not in "-,")
units = st.sampled_from(["0", "1", "c", "C", "0,1", "1,0", "71000000", "i3f8", "zz", "00001"])
components = st.one_of(bases, st.builds("{}@{}".format, bases, units))
property_names = st.text("abcdefg#-", min_size=1, max_size=4)
values = st.one_of(
    st.binary(max_size=12),
    st.lists(st.integers(0, 0xFFFF_FFFF), max_size=4).map(lambda cells: b"".join(c.to_bytes(4, "big") for c in cells)),
    st.lists(st.text('ab\\"\n\a é01', max_size=5), min_size=1, max_size=3).map(
        lambda texts: b"".join(text.encode("latin-1") + b"\0" for text in texts)
    ),
    st.text("ab\0", max_size=6).map(lambda text: text.encode() + b"\0"),
)


@st.composite
def trees(draw: st.DrawFn) -> DeviceTree:
    """A tree of up to a dozen nodes, no two siblings of the same name."""
    tree = DeviceTree()
    nodes = [tree.root]
    for _ in range(draw(st.integers(0, 12))):
        parent = draw(st.sampled_from(nodes))
        name = draw(components)
        if name not in [child.name for child in parent.children]:
            nodes.append(tree.add(parent, name, draw(st.dictionaries(property_names, values, max_size=4))))
    tree.reservations = draw(st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(1, 2**64 - 1)), max_size=2))
    tree.boot_cpuid = draw(st.integers(0, 2**32 - 1))
    return tree


def fixture(name: str) -> bytes:
    """The blob that QEMU made for a machine, as `-M …,dumpdtb=` writes it."""
    return gzip.decompress((DATA / f"{name}.dtb.gz").read_bytes())


def dtc(blob: bytes, *options: str) -> str:
    """What `dtc` reads in `blob`, in the words of dtc 1.7: 1.6 joins the strings of a list with "\\0"."""
    command = ["dtc", "-f", "-q", "-q", "-I", "dtb", "-O", "dts", *options]
    text = subprocess.run(command, input=blob, capture_output=True, check=True).stdout.decode("latin-1")
    return re.sub(r"\\(.)", lambda escape: '", "' if escape[1] == "0" else escape[0], text)
