"""QEMU's command line: found, checked and put together."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from vof.errors import UsageError

__all__ = ["MemoryNode", "QemuOptions", "find_qemu", "parse_numa", "parse_size", "qemu_version"]

OLDEST_QEMU = (7, 0)
_UNITS = {"": 20, "K": 10, "M": 20, "G": 30, "T": 40}


@dataclass(frozen=True, slots=True)
class MemoryNode:
    """A NUMA node with memory of its own.

    Attributes:
        size: its bytes.
        options: what else QEMU is told of it (`nodeid=0,cpus=0-1`).
    """

    size: int
    options: str = ""


@dataclass(slots=True)
class QemuOptions:
    """What the QEMU engine is to start.

    Attributes:
        program: the QEMU program's name or path.
        machine: the machine type with its options, as for `-machine`.
        memory: RAM in bytes.
        cpu: as for `-cpu`.
        smp: as for `-smp`.
        nodes: NUMA nodes with memory; empty where there is just one.
        extra: further arguments, passed on as they are.
        memory_options: what follows the size in `-m` (`slots=2,maxmem=4G`).
        trap: the way into the firmware: `mailbox` or `breakpoint`.
        shares_memory: whether the machine takes `memory-backend`; the trap `breakpoint` can do without.
        firmware_size: bytes of the file that the machine's firmware is loaded from.
        reset_vector: the address of the first instruction.
        firmware_at: where the firmware is loaded to, if that is RAM; -1 for ROM.
        resets: whether QEMU's machine can be reset.
        stub: which stub the trap `mailbox` has there: see `vof.engines.qemu.stubs`.
        stub_at: where in the firmware's file that is.
        environment: variables for QEMU, unless the user has set them.
    """

    program: str
    machine: str
    memory: int
    cpu: str = ""
    smp: str = ""
    nodes: Sequence[MemoryNode] = ()
    extra: Sequence[str] = field(default=())
    memory_options: str = ""
    trap: str = "mailbox"
    shares_memory: bool = True
    firmware_size: int = 0x1000
    reset_vector: int = 0x100
    firmware_at: int = 0
    resets: bool = True
    stub: str = "pseries"
    stub_at: int = 0
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def first_memory(self) -> int:
        """Bytes in the first memory range, which is all that a client program in real mode reaches."""
        return self.nodes[0].size if self.nodes else self.memory


def find_qemu(program: str) -> str:
    """The full path of a QEMU program.

    Raises:
        UsageError: there is none.
    """
    places = [""] if "/" in program else os.get_exec_path()
    paths = [os.path.join(place, program) for place in places]
    path = next((path for path in paths if os.access(path, os.X_OK) and os.path.isfile(path)), None)
    if path is None:
        raise UsageError(
            f"{program} is not installed, or not on the PATH: `apt-get install qemu-system-ppc` has it on Debian; "
            "or name another with --qemu"
        )
    return path


def qemu_version(program: str) -> tuple[int, ...]:
    """The version of a QEMU program.

    Raises:
        UsageError: it is too old, or no QEMU.
    """
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UsageError(f"{program} can't be run: {error}") from None
    found = re.search(r"version (\d+)\.(\d+)(?:\.(\d+))?", answer)
    if not found:
        raise UsageError(f"{program} doesn't say that it is QEMU; name one with --qemu")
    version = tuple(int(number) for number in found.groups("0"))
    if version < OLDEST_QEMU:
        raise UsageError(
            f"{program} is QEMU {'.'.join(map(str, version))}; {'.'.join(map(str, OLDEST_QEMU))} or newer is needed"
        )
    return version


def parse_size(text: str) -> int:
    """A memory size as QEMU spells it: a number of MiB, or with K, M, G or T; `size=…` and further options may follow.

    Returns:
        Bytes.

    Raises:
        UsageError: it is not one.
    """
    first = text.split(",")[0]
    found = re.fullmatch(r"(?:size=)?(\d+(?:\.\d+)?)([KMGT]?)", first, re.IGNORECASE)
    size = int(float(found[1]) * (1 << _UNITS[found[2].upper()])) if found else 0
    if not size:
        raise UsageError(f'"{text}" is no memory size: 512M or 2G would be')
    if size % (1 << 20):
        raise UsageError(f'"{text}" is no whole number of MiB: {-(-size >> 20)}M would do')
    return size


def parse_numa(values: Sequence[str], memory: int) -> tuple[list[MemoryNode], list[str]]:
    """Take `-numa` options apart: nodes get memory from us, everything else is QEMU's.

    Nodes without `mem=` share equally what is left.

    Returns:
        The nodes, and the values that are passed on.

    Raises:
        UsageError: a node's memory comes from elsewhere, or the sizes don't add up.
    """
    found: list[tuple[int | None, str]] = []
    others = []
    for value in values:
        kind, *options = value.split(",")
        if kind != "node":
            others.append(value)
            continue
        sizes = [option[4:] for option in options if option.startswith("mem=")]
        if any(option.startswith("memdev=") for option in options):
            raise UsageError(f'"-numa {value}": vof makes the memory; write mem=SIZE in place of memdev=')
        rest = ",".join(option for option in options if not option.startswith("mem="))
        found.append((parse_size(sizes[0]) if sizes else None, rest))
    if not found:
        return [], others
    unsized = sum(size is None for size, _ in found)
    left = memory - sum(size or 0 for size, _ in found)
    share = left // unsized if unsized else 0
    nodes = [MemoryNode(share if size is None else size, rest) for size, rest in found]
    if left < 0 or sum(node.size for node in nodes) != memory or nodes[0].size == 0:
        total = sum(node.size for node in nodes)
        raise UsageError(f"the NUMA nodes have {total >> 20} MiB in all, the machine {memory >> 20} (-m)")
    return nodes, others


def command_line(
    program: str,
    options: QemuOptions,
    *,
    firmware: int,
    memories: Sequence[int],
    console: int,
    monitor: int,
    gdb: int = -1,
) -> list[str]:
    """The whole command line.

    Args:
        program: QEMU's path.
        options: what to start.
        firmware: the descriptor of the file that QEMU loads as its firmware.
        memories: the descriptors of the memories, one a node.
        console: the descriptor of the console's socket.
        monitor: the descriptor of the monitor's socket.
        gdb: the descriptor of the gdb server's socket; -1 for none. With one, the guest waits for it.
    """
    size = f"size={options.memory >> 20}M,{options.memory_options}".rstrip(",")
    command = [program, "-nodefaults", "-display", "none", "-m", size]
    machine = options.machine
    if options.nodes:
        for index, (node, memory) in enumerate(zip(options.nodes, memories, strict=True)):
            command += ["-object", _memory_object(f"vof-ram{index}", node.size, memory)]
            rest = f",{node.options}" if node.options else ""
            command += ["-numa", f"node{rest},memdev=vof-ram{index}"]
    elif memories:
        command += ["-object", _memory_object("vof-ram", options.memory, memories[0])]
        machine += ",memory-backend=vof-ram"
    command += ["-machine", machine]
    if options.cpu:
        command += ["-cpu", options.cpu]
    if options.smp:
        command += ["-smp", options.smp]
    command += ["-bios", f"/proc/self/fd/{firmware}"]
    command += ["-chardev", f"socket,id=vof-console,fd={console}", "-serial", "chardev:vof-console"]
    command += ["-chardev", f"socket,id=vof-monitor,fd={monitor}", "-mon", "chardev=vof-monitor,mode=control"]
    if gdb >= 0:
        command += ["-chardev", f"socket,id=vof-gdb,fd={gdb}", "-gdb", "chardev:vof-gdb", "-S"]
    return command + list(options.extra)


def _memory_object(name: str, size: int, descriptor: int) -> str:
    return f"memory-backend-file,id={name},size={size},share=on,mem-path=/proc/self/fd/{descriptor}"
