"""The same tests on fake ports and on QEMU: CAS, callbacks, a console read that blocks, and the ports themselves."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from benches import FIRST, H_LOGICAL_CI_STORE, LINKED_AT, SECOND, Bench, FakeBench, QemuBench
from fakes import LOST

from vof.events import ClientCall, Event
from vof.packages import Instance, Stack
from vof.ports import Access, BusOp

DATA = Path(__file__).parent.parent / "data"
FAILED = 0xFFFFFFFF
GOOD_VECTOR = bytes(8) + bytes(4) + b"\xff" * 4 + b"\x04" + bytes(10)
"""Any CPU will do, the terminator, and five option vectors that ask for nothing."""
BAD_VECTOR = bytes(4) + b"\xff" * 4 + b"\x04" + bytes(10)
"""No CPU will do."""


def fixture(name: str) -> bytes:
    return gzip.decompress((DATA / f"{name}.dtb.gz").read_bytes())


def fake_bench() -> Bench:
    return FakeBench(fixture("pseries"), fixture("pseries-pci-8cpus"))


BENCHES: dict[str, Callable[[], Bench]] = {
    "fake": fake_bench,
    "qemu-32": lambda: QemuBench(32),
    "qemu-64": lambda: QemuBench(64),
    "qemu-32-breakpoint": lambda: QemuBench(32, "breakpoint"),
    "qemu-64-breakpoint": lambda: QemuBench(64, "breakpoint"),
}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.guest if name != "fake" else ()) for name in BENCHES])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = BENCHES[request.param]()
    yield made
    made.close()


@pytest.fixture(
    params=[(32, "mailbox"), (64, "mailbox"), (32, "breakpoint"), (64, "breakpoint")], ids="{0[0]}-{0[1]}".format
)
def qemu(request: pytest.FixtureRequest) -> Iterator[QemuBench]:
    made = QemuBench(*request.param)
    yield made
    made.close()


def give_method(bench: Bench, name: str, method: Callable[[Instance, Stack], None]) -> None:
    """Give the root a method of this name."""
    bench.firmware.tree.root.methods[name] = method


def opened(bench: Bench, path: str) -> int:
    (ihandle,) = bench.call("open", path).results
    assert ihandle
    return ihandle


def cell(bench: Bench, path: str, name: str) -> int:
    (phandle,) = bench.call("finddevice", path).results
    answer = bench.call("getprop", phandle, name, bytes(4), 4)
    assert answer.results == (4,)
    return int.from_bytes(answer.buffers[0], "big")


# Plain calls


def test_plain_calls(bench: Bench) -> None:
    (root,) = bench.call("peer", 0).results
    assert bench.call("parent", root).results == (0,)
    assert bench.call("finddevice", "/").results == (root,)
    assert bench.call("finddevice", "/nowhere").results == (FAILED,)
    assert bench.call("open", "/nowhere").results == (0,)
    assert bench.call("getprop", root, "name", 0xFFFFFFF0, 4).r3 == -1
    assert bench.call("no-such-service", 1, nret=1).r3 == -1
    assert bench.call("nextprop", root, "", bytes(32)).results == (1,)
    assert bench.call("close", 0).r3 == 0


def test_claims(bench: Bench) -> None:
    (base,) = bench.call("claim", 0, 0x12345, 0x1000).results
    assert base % 0x1000 == 0 and base not in (0, FAILED)
    assert bench.call("claim", base, 0x1000, 0).results == (FAILED,)
    assert bench.call("claim", LINKED_AT, 0x1000, 0).results == (FAILED,)
    region = bench.firmware.scratch
    assert bench.call("claim", region, 0x1000, 0).results == (FAILED,)
    bench.call("release", base, 0x12345)
    assert bench.call("claim", base, 0x1000, 0).results == (base,)


def test_console_output(bench: Bench) -> None:
    stdout = cell(bench, "/chosen", "stdout")
    assert bench.call("write", stdout, b"Hello from the client program", 29).results == (29,)
    assert bench.shown().endswith(b"Hello from the client program")


# A blocking read


def test_a_read_that_waits_for_a_key(bench: Bench) -> None:
    stdin = cell(bench, "/chosen", "stdin")
    assert bench.call("read", stdin, bytes(8), 8).results == (0,)
    assert bench.call("call-method", "key?", stdin, nret=2).results == (0, 0)
    bench.type_later(b"yes")
    assert bench.call("call-method", "key", stdin, nret=2).results == (0, ord("y"))
    assert bench.call("call-method", "key?", stdin, nret=2).results == (0, FAILED)
    assert bench.call("read", stdin, bytes(8), 8).buffers == (b"es" + bytes(6),)


# CAS


def test_client_architecture_support(bench: Bench) -> None:
    chosen = bench.call("finddevice", "/chosen").results[0]
    bench.call("setprop", chosen, "linux,own", b"the client's own\0", 17)
    cpu_path = next(path for node in bench.firmware.tree if (path := node.path).startswith("/cpus/PowerPC"))
    paths = (
        "/",
        "/chosen",
        "/cpus",
        cpu_path,
        "/memory",
        "/rtas",
        "/vdevice/vty",
        "/aliases",
        "/openprom",
        "/packages",
    )
    before = [bench.call("finddevice", path).results for path in paths]
    kept = {name: cell(bench, "/chosen", name) for name in ("stdin", "stdout", "memory", "cpu")}
    (base,) = bench.call("claim", 0x6000000, 0x1000, 0).results
    root = opened(bench, "/")

    assert bench.call("call-method", "ibm,client-architecture-support", root, GOOD_VECTOR, nret=2).results == (0, 0)

    assert bench.call("close", root).r3 == 0
    assert [bench.call("finddevice", path).results for path in paths] == before
    assert {name: cell(bench, "/chosen", name) for name in kept} == kept
    assert bench.call("getproplen", chosen, "linux,own").results == (17,)
    assert bench.call("getproplen", chosen, "bootargs").results[0] != FAILED
    assert bench.call("instance-to-package", kept["stdout"]).results == before[paths.index("/vdevice/vty")]
    assert bench.call("write", kept["stdout"], b"after CAS", 9).results == (9,)
    memory = before[paths.index("/memory")][0]
    (length,) = bench.call("getproplen", memory, "available").results
    bench.call("release", base, 0x1000)
    assert bench.call("getproplen", memory, "available").results == (length - 16,), "two ranges became one"
    assert opened(bench, cpu_path) and opened(bench, "/rtas") and opened(bench, "/vdevice/vty")


def test_bridges_say_that_they_are(bench: Bench) -> None:
    """Or Linux, which scans PCI by the tree, finds nothing behind them."""
    root = opened(bench, "/")
    bench.call("call-method", "ibm,client-architecture-support", root, GOOD_VECTOR, nret=2)
    (bridge,) = [node for node in bench.firmware.tree if node.properties.get("class-code", b"")[:3] == b"\0\6\4"]
    answers = [
        bench.call("getprop", bridge.phandle, name, bytes(8), 8) for name in ("device_type", "bus-range", "ranges")
    ]
    assert [answer.results for answer in answers] == [(4,), (8,), (0,)]
    assert answers[0].buffers[0].startswith(b"pci\0")
    assert answers[1].buffers[0] == bytes((0, 0, 0, 1, 0, 0, 0, 1))


def test_a_vector_that_is_refused_changes_nothing(bench: Bench) -> None:
    tree = bench.firmware.tree
    before = [(node.path, dict(node.properties)) for node in tree]
    root = opened(bench, "/")
    answer = bench.call("call-method", "ibm,client-architecture-support", root, BAD_VECTOR, nret=2)
    assert answer.r3 == 0 and answer.results == (0, FAILED)
    assert [(node.path, dict(node.properties)) for node in tree] == before


# Callbacks


def callback_bench(bench: Bench, leave: int = 0) -> int:
    """Give the root a method `up`, which asks the client; an ihandle to call it with."""

    def up(instance: Instance, stack: Stack) -> None:
        status, value = bench.firmware.callbacks.call("up", (stack.pop(),), 1)
        assert status == 0
        stack.append(value)

    give_method(bench, "up", up)
    root = opened(bench, "/")
    assert bench.call("set-callback", bench.callback_entry).results == (0,)
    bench.use_callback(root, leave)
    return root


@pytest.mark.parametrize("depth", [0, 1, 4, 14])
def test_callbacks_nest(bench: Bench, depth: int) -> None:
    root = callback_bench(bench)
    events: list[Event] = []
    bench.firmware.listeners.append(events.append)
    assert bench.call("call-method", "up", root, depth, nret=2).results == (0, depth + 1)
    assert bench.asked() == list(range(depth, -1, -1))
    calls = [event for event in events if isinstance(event, ClientCall)]
    assert [call.depth for call in calls] == list(range(depth + 1))
    assert [call.arguments[2] for call in calls] == list(range(depth, -1, -1))
    assert bench.call("call-method", "up", root, 0, nret=2).results == (0, 1)


def test_callbacks_are_bounded(bench: Bench) -> None:
    root = callback_bench(bench)
    assert bench.call("call-method", "up", root, 100, nret=2).r3 == 0
    assert bench.asked() == list(range(100, 85, -1))
    assert bench.firmware.depth == 0
    assert bench.call("call-method", "up", root, 1, nret=2).results == (0, 2)


def test_exit_from_inside_a_callback(bench: Bench) -> None:
    root = callback_bench(bench, leave=bench.call.block("exit", (), 0))
    assert bench.call("call-method", "up", root, 5, nret=2).r3 == LOST
    assert bench.has_exited
    assert bench.firmware.depth == 0


def test_enter_from_inside_a_callback_goes_on(bench: Bench) -> None:
    root = callback_bench(bench, leave=bench.call.block("enter", (), 0))
    assert bench.call("call-method", "up", root, 3, nret=2).results == (0, 4)


def test_chain_from_inside_a_callback(bench: Bench) -> None:
    leave = bench.call.block("chain", (0, 0, bench.second_entry, 0, 0), 0)
    root = callback_bench(bench, leave)
    assert bench.program == FIRST
    assert bench.call("call-method", "up", root, 5, nret=2).r3 == LOST
    assert bench.program == SECOND
    bench.use_callback(root)
    assert bench.call("call-method", "up", root, 2, nret=2).results == (0, 3)


# Leaving


def test_exit(bench: Bench) -> None:
    assert bench.call("exit").r3 == LOST
    assert bench.has_exited


def test_chain(bench: Bench) -> None:
    assert bench.call("chain", 0x800000, 0x1000, bench.second_entry, 0x5000, 16).r3 == LOST
    assert bench.program == SECOND
    assert bench.call("finddevice", "/nowhere").results == (FAILED,)


# Ports


def test_device_accesses_of_every_width(bench: Bench) -> None:
    (base,) = bench.call("claim", 0, 0x1000, 0x1000).results
    values = {1: 0x12, 2: 0x3456, 4: 0x789ABCDE, 8: 0xF0E1D2C3B4A59687}
    read: list[int] = []

    def access(instance: Instance, stack: Stack) -> None:
        batch = [Access(BusOp.WRITE, base + 0x10 * width, width, value) for width, value in values.items()]
        batch += [Access(BusOp.READ, base + 0x10 * width, width) for width in values]
        batch += [Access(BusOp.READ, base + 0x80, 1), Access(BusOp.READ, base + 0x86, 2)]
        read.extend(bench.bus.run(batch))

    give_method(bench, "access", access)
    assert bench.call("call-method", "access", opened(bench, "/"), nret=1).results == (0,)
    assert read == [*values.values(), 0xF0, 0x9687]
    assert bench.memory.read(base + 0x40, 4) == bytes.fromhex("789abcde")


def test_more_accesses_than_a_batch_holds(bench: Bench) -> None:
    (base,) = bench.call("claim", 0, 0x2000, 0x1000).results
    read: list[int] = []

    def access(instance: Instance, stack: Stack) -> None:
        writes = [Access(BusOp.WRITE, base + 4 * index, 4, index) for index in range(500)]
        reads = [Access(BusOp.READ, base + 4 * index, 4) for index in range(500)]
        read.extend(bench.bus.run([both for pair in zip(writes, reads, strict=True) for both in pair]))

    give_method(bench, "access", access)
    assert bench.call("call-method", "access", opened(bench, "/"), nret=1).results == (0,)
    assert read == list(range(500))


def test_hypercalls(bench: Bench) -> None:
    (base,) = bench.call("claim", 0, 0x1000, 0x1000).results
    statuses: list[int] = []

    def hypercall(instance: Instance, stack: Stack) -> None:
        statuses.append(bench.hypervisor.hypercall(H_LOGICAL_CI_STORE, 8, base, 0x0123456789ABCDEF)[0])
        statuses.append(bench.hypervisor.hypercall(0xFFFC)[0])

    give_method(bench, "hypercall", hypercall)
    assert bench.call("call-method", "hypercall", opened(bench, "/"), nret=1).results == (0,)
    assert statuses == [0, -2], "H_SUCCESS, H_FUNCTION"
    assert bench.memory.read(base, 8) == bytes.fromhex("0123456789abcdef")


def test_rtas_is_instantiated(bench: Bench) -> None:
    (base,) = bench.call("claim", 0, 0x1000, 0x1000).results
    assert bench.call("call-method", "instantiate-rtas", opened(bench, "/rtas"), base, nret=2).results == (0, base)
    assert bench.memory.read_cells(base, 5)[3:] == (0x44000022, 0x4E800020)
    assert bench.call("call-method", "instantiate-rtas", opened(bench, "/rtas"), FAILED, nret=2).results[0] == FAILED


# What only a real CPU has to keep


@pytest.mark.guest
def test_the_start_of_a_program(qemu: QemuBench) -> None:
    r1, r2, r3, r4, r5, r6, r7 = qemu.start_registers()
    region = qemu.vm.engine.layout.page
    assert r1 % 16 == 0 and region < r1 - 0x8000 < r1 < region + 0x20000, "32 KiB of stack"
    assert (r2, r3, r4, r6, r7) == (0, 0, 0, 0, 0)
    assert r5 == qemu.vm.engine.layout.client_entry
    assert qemu.call("claim", r1 - 0x1000, 0x1000, 0).results == (FAILED,), "it is nobody's to claim"


@pytest.mark.guest
def test_chain_passes_arguments(qemu: QemuBench) -> None:
    qemu.call("chain", 0, 0, qemu.second_entry, 0x5000, 16)
    r1, _, r3, r4, r5, r6, r7 = qemu.start_registers()
    assert (r3, r4, r5, r6, r7) == (0, 0, qemu.vm.engine.layout.client_entry, 0x5000, 16)
    assert r1 == qemu.vm.engine.layout.stack


@pytest.mark.guest
def test_low_memory_is_the_clients(qemu: QemuBench) -> None:
    """Linux copies its vectors to 0 … 0x100 before its last calls; others bring all of theirs."""
    for start, size in ((0, 0x100), (0x900, 0x80), (0, 0x3000)):
        qemu.store(start, 0x00C0FFEE, size // 4)
        stdin = cell(qemu, "/chosen", "stdin")
        qemu.type_later(b"x")
        assert qemu.call("call-method", "key", stdin, nret=2).results == (0, ord("x")), "the stub naps meanwhile"
        assert qemu.memory.read_cells(start, size // 4) == (0x00C0FFEE,) * (size // 4), "and puts back what it borrows"


@pytest.mark.guest
def test_a_script_may_stop_while_the_client_waits_for_a_key(qemu: QemuBench, monkeypatch: pytest.MonkeyPatch) -> None:
    wait_for = qemu.wait_for

    def in_slices(done: Callable[[], bool]) -> bool:
        for _ in range(3):
            assert not qemu.vm.run_until(lambda: False, timeout=0.05), "the run loop came back"
        return wait_for(done)

    monkeypatch.setattr(qemu, "wait_for", in_slices)
    stdin = cell(qemu, "/chosen", "stdin")
    qemu.type_later(b"k")
    assert qemu.call("call-method", "key", stdin, nret=2).results == (0, ord("k"))


@pytest.mark.guest
def test_the_clients_stack_is_not_used(qemu: QemuBench) -> None:
    start = qemu.symbol("stack_end")
    size = qemu.symbol("stack") - start
    qemu.memory.write(start, b"\xa5" * size)
    for _ in range(20):
        qemu.call("finddevice", "/chosen")
    assert qemu.memory.read(start, size) == b"\xa5" * size


@pytest.mark.guest
def test_no_call_is_lost(qemu: QemuBench) -> None:
    count = 20_000
    block = qemu.call.block("finddevice", (qemu.call.put(b"/chosen\0"),), 1)
    qemu.memory.write_cells(block + 16, qemu.call("finddevice", "/chosen").results)
    answered: list[Event] = []
    qemu.firmware.listeners.append(answered.append)
    assert qemu.call_often(block, count) == 0
    assert sum(isinstance(event, ClientCall) for event in answered) == count


@pytest.mark.guest
def test_exit_has_a_status_of_its_own(qemu: QemuBench) -> None:
    qemu.call("exit")
    assert qemu.vm.ending is not None and qemu.vm.ending.status == 3


@pytest.mark.guest
def test_enter_comes_back(qemu: QemuBench) -> None:
    qemu.vm.send("dev /cpus pwd\rgo\r")
    assert qemu.call("enter").r3 == 0


@pytest.mark.guest
def test_boot_starts_everything_afresh(qemu: QemuBench) -> None:
    qemu.put("value", 1234)
    qemu.call("setprop", qemu.firmware.tree.root.phandle, "x", b"y", 1)
    first = qemu.firmware
    qemu.put("block", qemu.call.block("boot", (qemu.call.put(b"disk:2\0"),), 0))
    qemu.put("command", 1)
    qemu.put("request", qemu.get("request") + 1)
    assert qemu.wait_for(lambda: qemu.vm.boots == 2)
    qemu.wait_for_start()
    assert qemu.firmware is not first
    assert "x" not in qemu.firmware.tree.root.properties
    assert qemu.get("value") == 0
    assert qemu.call("finddevice", "/").results == (qemu.firmware.tree.root.phandle,)
