"""PAPR's hypervisor in this process: the hypercalls and RTAS calls that client programs make before they take over.

For `pseries` on the in-process engine, where there is no QEMU to answer them. There are no devices but the console.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from vof.errors import GuestFault, MemoryFault, PortError
from vof.firmware.hypervisor import Answer, Hcall, HcallRow, RtasRow, RtasStatus, VirtualHypervisor, call_rtas
from vof.machines.machine import memory_nodes, memory_ranges
from vof.machines.nvram import Nvram
from vof.machines.papr_cas import agreed_options, read_support
from vof.outcomes import Outcome, Panic, PowerOff, Reset
from vof.ports import Clock, Console, Memory, Store
from vof.tree import CellError, DeviceTree, build_fdt, decode_cells, decode_int, parse_fdt

__all__ = ["HYPERCALLS", "RTAS_CALLS", "Papr"]

HYPERCALLS: dict[int, HcallRow] = {}
"""Every hypercall, by number."""
RTAS_CALLS: dict[str, RtasRow] = {}
"""Every RTAS call, by name."""

_DISPLAY_TOKEN = 0xA
"""Linux's early debugging code takes this for `display-character` without asking, and QEMU humours it."""
_CAS_HEADER = b"\0\0\0\1"
_TERM_LIMIT = 16
_WIDTHS = (1, 2, 4, 8)
_RUNNING = 2
_MAX_MEMOP = 1 << 24
_MAX_NVRAM = 1 << 20
_EPOCH = datetime.fromtimestamp(0, UTC)
_LPAR_CHARACTERISTICS, _DIAGNOSTICS_MODE, _UUID = 20, 42, 48
"""System parameters (PAPR 7.3.16); nobody may set these."""

_Method = Callable[..., Any]
_M = TypeVar("_M", bound=_Method)


def _hypercall(number: int, name: str, arguments: str, clause: str) -> Callable[[_M], _M]:
    """Declare the method below as a hypercall."""

    def declare(method: _M) -> _M:
        summary = (method.__doc__ or "").split("\n\n")[0]
        HYPERCALLS[number] = HcallRow(number, name, tuple(arguments.split()), clause, summary, method.__name__)
        return method

    return declare


def _rtas(name: str, arguments: str, results: str, clause: str) -> Callable[[_M], _M]:
    """Declare the method below as an RTAS call."""

    def declare(method: _M) -> _M:
        summary = (method.__doc__ or "").split("\n\n")[0]
        row = RtasRow(name, tuple(arguments.split()), tuple(results.split()), clause, summary, method.__name__)
        RTAS_CALLS[name] = row
        return method

    return declare


class Papr:
    """The hypervisor of one boot.

    Args:
        tree: what it tells the firmware the machine is; `ibm,client-architecture-support` gets it again.
        memory: guest memory.
        console: the console, for the virtual terminal.
        clock: the time.
        nvram: non-volatile memory; None for some of the size that the tree tells of, if it does.
        clock_offset: seconds that the machine's time is ahead of the clock's.

    Attributes:
        nvram: as above, or None.
        clock_offset: as above; a guest may set it.
        hypervisor: what the engine asks.
    """

    def __init__(
        self,
        tree: DeviceTree,
        memory: Memory,
        console: Console,
        clock: Clock,
        *,
        nvram: Store | None = None,
        clock_offset: int = 0,
    ) -> None:
        self._flattened = build_fdt(tree)
        self._memory = memory
        self._console = console
        self._clock = clock
        self.nvram = nvram if nvram is not None else _nvram(tree)
        self.clock_offset = clock_offset
        self._terminals = _terminals(tree)
        self._cpu_version = _cpu_version(tree)
        self._memory_size = _memory_size(tree)
        self._tokens = _tokens(tree)
        self._calls: Mapping[str, tuple[RtasRow, _Method]] = {
            name: (row, getattr(self, row.method)) for name, row in RTAS_CALLS.items()
        }
        self.hypervisor = VirtualHypervisor(
            hypercalls={number: getattr(self, row.method) for number, row in HYPERCALLS.items()}
        )

    # Hypercalls: each gets r4 … r12

    @_hypercall(0x3C, "H_LOGICAL_CI_LOAD", "size addr", "PAPR 14.5.4.2.3; r4 is the value")
    def h_ci_load(self, size: int, address: int, *_: int) -> Answer:
        """Load 1, 2, 4 or 8 bytes, past the caches."""
        if size not in _WIDTHS:
            return Hcall.PARAMETER
        try:
            return Hcall.SUCCESS, int.from_bytes(self._memory.read(address, size))
        except MemoryFault:
            return Hcall.PARAMETER

    @_hypercall(0x40, "H_LOGICAL_CI_STORE", "size addr value", "PAPR 14.5.4.2.4")
    def h_ci_store(self, size: int, address: int, value: int, *_: int) -> Answer:
        """Store 1, 2, 4 or 8 bytes, past the caches."""
        if size not in _WIDTHS:
            return Hcall.PARAMETER
        try:
            self._memory.write(address, (value & (1 << 8 * size) - 1).to_bytes(size))
        except MemoryFault:
            return Hcall.PARAMETER
        return Hcall.SUCCESS

    @_hypercall(0x44, "H_LOGICAL_CACHE_LOAD", "size addr", "PAPR 14.5.4.2.5; r4 is the value")
    def h_cache_load(self, size: int, address: int, *rest: int) -> Answer:
        """Load 1, 2, 4 or 8 bytes."""
        return self.h_ci_load(size, address, *rest)

    @_hypercall(0x48, "H_LOGICAL_CACHE_STORE", "size addr value", "PAPR 14.5.4.2.6")
    def h_cache_store(self, size: int, address: int, value: int, *rest: int) -> Answer:
        """Store 1, 2, 4 or 8 bytes."""
        return self.h_ci_store(size, address, value, *rest)

    @_hypercall(0x4C, "H_LOGICAL_ICBI", "addr", "PAPR 14.5.4.2.7")
    def h_icbi(self, *_: int) -> Answer:
        """Invalidate the instruction cache: there is none."""
        return Hcall.SUCCESS

    @_hypercall(0x50, "H_LOGICAL_DCBF", "addr", "PAPR 14.5.4.2.8")
    def h_dcbf(self, *_: int) -> Answer:
        """Write the data cache back: there is none."""
        return Hcall.SUCCESS

    @_hypercall(0x54, "H_GET_TERM_CHAR", "termno", "PAPR 16.2.1; r4 is how many, r5 and r6 are they")
    def h_get_term_char(self, terminal: int, *_: int) -> Answer:
        """Read at most 16 bytes from a virtual terminal."""
        if not self._has_terminal(terminal):
            return Hcall.PARAMETER
        try:
            data = self._console.read(_TERM_LIMIT)
        except PortError:
            return Hcall.HARDWARE
        padded = data.ljust(_TERM_LIMIT, b"\0")
        return Hcall.SUCCESS, len(data), int.from_bytes(padded[:8]), int.from_bytes(padded[8:])

    @_hypercall(0x58, "H_PUT_TERM_CHAR", "termno len char0-7 char8-15", "PAPR 16.2.2")
    def h_put_term_char(self, terminal: int, length: int, first: int, second: int, *_: int) -> Answer:
        """Write at most 16 bytes to a virtual terminal."""
        if length > _TERM_LIMIT or not self._has_terminal(terminal):
            return Hcall.PARAMETER
        try:
            self._console.write((first.to_bytes(8) + second.to_bytes(8))[:length])
        except PortError:
            return Hcall.HARDWARE
        return Hcall.SUCCESS

    @_hypercall(0xE0, "H_CEDE", "", "PAPR 14.11.3.3")
    def h_cede(self, *_: int) -> Answer:
        """Give the CPU up until an interrupt: it comes at once."""
        self._clock.sleep(1)
        return Hcall.SUCCESS

    @_hypercall(0xF000, "H_RTAS", "block", "QEMU hw/ppc/spapr_rtas.c")
    def h_rtas(self, block: int, *_: int) -> Answer:
        """Make an RTAS call."""
        return call_rtas(self._memory, block, self._tokens, self._calls)

    @_hypercall(0xF001, "H_LOGICAL_MEMOP", "dst src esize count op", "QEMU hw/ppc/spapr_hcall.c, for SLOF")
    def h_memop(self, target: int, source: int, log_size: int, count: int, operation: int, *_: int) -> Answer:
        """Copy memory (op 0), or copy it inverted (op 1)."""
        size = count << (log_size & 3)
        if log_size > 3 or operation > 1 or (target | source) & (1 << log_size) - 1 or size > _MAX_MEMOP:
            return Hcall.PARAMETER
        try:
            data = self._memory.read(source, size)
            if operation:
                data = bytes(byte ^ 0xFF for byte in data)
            self._memory.write(target, data)
        except MemoryFault:
            return Hcall.PARAMETER
        return Hcall.SUCCESS

    @_hypercall(0xF002, "H_CAS", "vector buffer size", "QEMU hw/ppc/spapr_hcall.c")
    def h_cas(self, vector: int, buffer: int, size: int, *_: int) -> Answer:
        """Answer `ibm,client-architecture-support` with a header and a whole flattened tree."""
        try:
            support = read_support(self._memory, vector)
            if not support.runs_on(self._cpu_version):
                return Hcall.HARDWARE
            if len(support.options) < 5:
                return Hcall.PARAMETER
            answer = _CAS_HEADER + self._agreed_tree(support.options[4])
            if size < len(answer):
                return Hcall.PARAMETER
            self._memory.write(buffer, answer)
        except GuestFault:
            return Hcall.PARAMETER
        return Hcall.SUCCESS

    # RTAS calls: each gets its argument cells

    @_rtas("display-character", "value", "", "PAPR 7.3.5")
    def display_character(self, value: int) -> int:
        """Show a character on the console."""
        try:
            self._console.write(bytes([value & 0xFF]))
        except PortError:
            return RtasStatus.HARDWARE_ERROR
        return RtasStatus.SUCCESS

    @_rtas("get-time-of-day", "", "year month day hour minute second nanosecond", "PAPR 7.3.2.1")
    def get_time_of_day(self) -> tuple[int, ...] | int:
        """The time of day, UTC."""
        try:
            now = _EPOCH + timedelta(seconds=self._clock.wall() + self.clock_offset)
        except OverflowError:  # a guest set it to the end of the year 9999, and that is over
            return RtasStatus.HARDWARE_ERROR
        return RtasStatus.SUCCESS, now.year, now.month, now.day, now.hour, now.minute, now.second, 0

    @_rtas("set-time-of-day", "year month day hour minute second nanosecond", "", "PAPR 7.3.2.2")
    def set_time_of_day(self, year: int, month: int, day: int, hour: int, minute: int, second: int, _: int) -> int:
        """Set the time of day."""
        try:
            wanted = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except (ValueError, OverflowError):
            return RtasStatus.PARAMETER_ERROR
        self.clock_offset = (wanted - _EPOCH) // timedelta(seconds=1) - self._clock.wall()
        return RtasStatus.SUCCESS

    @_rtas("power-off", "mask-high mask-low", "", "PAPR 7.3.6.1")
    def power_off(self, high: int, low: int) -> Outcome:
        """Switch the machine's power off."""
        return PowerOff()

    @_rtas("system-reboot", "", "", "PAPR 7.3.6.3")
    def system_reboot(self) -> Outcome:
        """Start the machine afresh."""
        return Reset()

    @_rtas("query-cpu-stopped-state", "cpu", "state", "PAPR 7.3.8.2")
    def query_cpu_stopped_state(self, cpu: int) -> tuple[int, ...] | int:
        """Whether a CPU runs (2) or is stopped (0): there is one."""
        return (RtasStatus.SUCCESS, _RUNNING) if cpu == 0 else RtasStatus.PARAMETER_ERROR

    @_rtas("start-cpu", "cpu address value", "", "PAPR 7.3; status as QEMU")
    def start_cpu(self, cpu: int, address: int, value: int) -> int:
        """Start a stopped CPU: there is one, and it runs."""
        return RtasStatus.HARDWARE_ERROR if cpu == 0 else RtasStatus.PARAMETER_ERROR

    @_rtas("ibm,os-term", "message", "", "PAPR 7.3")
    def os_term(self, message: int) -> Outcome:
        """The operating system has panicked."""
        return Panic()

    @_rtas("event-scan", "mask critical buffer length", "", "PAPR 7.3")
    def event_scan(self, mask: int, critical: int, buffer: int, length: int) -> int:
        """What the machine has to report: nothing, status 1."""
        return RtasStatus.NO_ERRORS_FOUND

    @_rtas("ibm,get-system-parameter", "parameter buffer length", "", "PAPR 7.3.16; values as QEMU")
    def get_system_parameter(self, parameter: int, buffer: int, length: int) -> int:
        """Read a system parameter: 20 (what the partition has), 42 (no diagnostics) or 48 (no UUID)."""
        if parameter not in self._system_parameters:
            return RtasStatus.NOT_SUPPORTED
        if length < 2:
            return RtasStatus.SYSTEM_PARAMETER_ERROR
        value = self._system_parameters[parameter]
        try:
            self._memory.write(buffer, (len(value).to_bytes(2) + value)[:length])
        except MemoryFault:
            return RtasStatus.SYSTEM_PARAMETER_ERROR
        return RtasStatus.SUCCESS

    @_rtas("ibm,set-system-parameter", "parameter buffer", "", "PAPR 7.3.16; statuses as QEMU")
    def set_system_parameter(self, parameter: int, buffer: int) -> int:
        """Set a system parameter: none may be."""
        known = parameter in self._system_parameters
        return RtasStatus.NOT_AUTHORIZED if known else RtasStatus.NOT_SUPPORTED

    @_rtas("ibm,read-pci-config", "address buid-high buid-low size", "value", "PAPR 7.3; status as QEMU")
    @_rtas("read-pci-config", "address size", "value", "PAPR 7.3; status as QEMU")
    def read_pci_config(self, *_: int) -> int:
        """Read a PCI device's register: there is no device, status -1."""
        return RtasStatus.HARDWARE_ERROR

    @_rtas("ibm,write-pci-config", "address buid-high buid-low size value", "", "PAPR 7.3; status as QEMU")
    @_rtas("write-pci-config", "address size value", "", "PAPR 7.3; status as QEMU")
    def write_pci_config(self, *_: int) -> int:
        """Write a PCI device's register: there is no device, status -1."""
        return RtasStatus.HARDWARE_ERROR

    @_rtas("nvram-fetch", "index buffer length", "done", "PAPR 7.3.1.1")
    def nvram_fetch(self, index: int, buffer: int, length: int) -> tuple[int, ...] | int:
        """Read non-volatile memory."""
        store = self.nvram
        if store is None:
            return RtasStatus.HARDWARE_ERROR
        if index + length > store.size:
            return RtasStatus.PARAMETER_ERROR
        try:
            self._memory.write(buffer, store.read(index, length))
        except MemoryFault:
            return RtasStatus.PARAMETER_ERROR
        except PortError:
            return RtasStatus.HARDWARE_ERROR
        return RtasStatus.SUCCESS, length

    @_rtas("nvram-store", "index buffer length", "done", "PAPR 7.3.1.2")
    def nvram_store(self, index: int, buffer: int, length: int) -> tuple[int, ...] | int:
        """Write non-volatile memory."""
        store = self.nvram
        if store is None:
            return RtasStatus.HARDWARE_ERROR
        if index + length > store.size:
            return RtasStatus.PARAMETER_ERROR
        try:
            store.write(index, self._memory.read(buffer, length))
        except MemoryFault:
            return RtasStatus.PARAMETER_ERROR
        except PortError:
            return RtasStatus.HARDWARE_ERROR
        return RtasStatus.SUCCESS, length

    @property
    def _system_parameters(self) -> dict[int, bytes]:
        lpar = f"MaxEntCap=1,DesMem={self._memory_size >> 20},DesProcs=1,MaxPlatProcs=1\0"
        return {_LPAR_CHARACTERISTICS: lpar.encode(), _DIAGNOSTICS_MODE: b"\0", _UUID: b""}

    def _agreed_tree(self, asked: bytes) -> bytes:
        tree = parse_fdt(self._flattened)
        chosen = tree.find("/chosen")
        if chosen is not None:
            chosen.properties["ibm,architecture-vec-5"] = agreed_options(asked)
        return build_fdt(tree)

    def _has_terminal(self, number: int) -> bool:
        return number == 0 or number in self._terminals


def _nvram(tree: DeviceTree) -> Nvram | None:
    """Memory for the tree's NVRAM."""
    for node in tree.walk():
        if node.properties.get("device_type") == b"nvram\0":
            size = int.from_bytes(node.properties.get("#bytes", b""))
            if 0 < size <= _MAX_NVRAM:
                return Nvram(size)
    return None


def _cpu_version(tree: DeviceTree) -> int:
    cpus = tree.find("/cpus")
    for node in cpus.children if cpus is not None else ():
        try:
            return decode_int(node.properties["cpu-version"])
        except (KeyError, CellError):
            continue
    return 0


def _memory_size(tree: DeviceTree) -> int:
    try:
        return sum(size for node in memory_nodes(tree) for _, size in memory_ranges(node))
    except (KeyError, CellError):
        return 0


def _terminals(tree: DeviceTree) -> frozenset[int]:
    """The numbers of the virtual terminals; 0 stands for the first."""
    found = set()
    for node in tree.walk():
        if node.base == "vty":
            try:
                found.add(decode_cells(node.properties["reg"])[0])
            except (KeyError, CellError, IndexError):
                continue
    return frozenset(found)


def _tokens(tree: DeviceTree) -> dict[int, str]:
    """The names of the RTAS calls by token."""
    tokens = {_DISPLAY_TOKEN: "display-character"}
    rtas = tree.find("/rtas")
    for name, value in rtas.properties.items() if rtas is not None else ():
        if name in RTAS_CALLS and len(value) == 4:
            tokens[int.from_bytes(value)] = name
    return tokens
