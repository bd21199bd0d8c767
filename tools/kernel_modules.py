"""Choose kernel modules out of an unpacked kernel package: those that the boot tests' disks and networks need."""

from __future__ import annotations

import io
import re
import tarfile
from pathlib import Path

__all__ = ["WANTED", "archive", "members"]

WANTED = (
    *("virtio_pci", "virtio_blk", "virtio_scsi", "virtio_net", "ibmvscsi", "ibmveth", "sd_mod", "sr_mod"),
    *("crc32c_generic", "ext4", "isofs", "nls_ascii", "vfat"),
)
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def archive(root: Path) -> bytes:
    """A tar file of the modules wanted and of what they depend on, in the order in which they can be loaded.

    What isn't there is built in, and left out.
    """
    found = {path.stem.replace("-", "_"): path for path in root.glob("**/lib/modules/**/*.ko")}
    order: dict[str, bytes] = {}

    def take(name: str) -> None:
        if name in order or name not in found:
            return
        data = found[name].read_bytes()
        depends = _DEPENDS.search(data)
        for other in depends[1].decode().split(",") if depends else ():
            take(other.replace("-", "_"))
        order[name] = data

    for name in WANTED:
        take(name)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in order.items():
            entry = tarfile.TarInfo(f"{name}.ko")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def members(data: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of an archive's modules, in their order."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(entry.name, _contents(tar, entry)) for entry in tar]


def _contents(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(entry)
    assert file is not None
    return file.read()
