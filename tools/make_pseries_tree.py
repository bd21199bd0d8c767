"""Make the tree of `pseries` for the in-process engine from one that QEMU 7.2 gave: src/vof/machines/pseries.dtb.

.venv/bin/python tools/make_pseries_tree.py

What is left out has no counterpart in that engine: PCI, network and SCSI adapters, events, the interrupt controller's
windows stay out of reach.
"""

from __future__ import annotations

import gzip
from pathlib import Path

from vof.tree import build_fdt, parse_fdt

REPOSITORY = Path(__file__).parents[1]
RECORDED = REPOSITORY / "tests" / "data" / "pseries.dtb.gz"
SHIPPED = REPOSITORY / "src" / "vof" / "machines" / "pseries.dtb"
LEFT_OUT = ("/ibm,persistent-memory", "/event-sources", "/vdevice/l-lan", "/vdevice/v-scsi")
SECRETS = ("rng-seed",)


def reduced(recorded: bytes) -> bytes:
    """The recorded tree without what isn't there in process."""
    tree = parse_fdt(recorded)
    hosts = [node.path for node in tree.root.children if node.base == "pci"]
    for path in (*LEFT_OUT, *hosts):
        node = tree.find(path)
        if node is not None:
            tree.remove(node)
    chosen = tree.find("/chosen")
    assert chosen is not None
    for name in SECRETS:  # the same in every run would be worse than none
        chosen.properties.pop(name, None)
    return build_fdt(tree)


def main() -> None:
    SHIPPED.write_bytes(reduced(gzip.decompress(RECORDED.read_bytes())))
    print(SHIPPED)


if __name__ == "__main__":
    main()
