"""The QEMU engine: a stock QEMU in a process of its own, its RAM shared, and the mailbox as the trap."""

from vof.engines.qemu.command import MemoryNode, QemuOptions, find_qemu, qemu_version
from vof.engines.qemu.engine import QemuEngine

__all__ = ["MemoryNode", "QemuEngine", "QemuOptions", "find_qemu", "qemu_version"]
