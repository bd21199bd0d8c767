"""The virtual hypervisor without a machine: what is absent, what a callback may return, and RTAS argument blocks."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vof.errors import MemoryFault
from vof.firmware.hypervisor import Answer, RtasRow, VirtualHypervisor, call_rtas
from vof.memory import GuestMemory
from vof.outcomes import Outcome, PowerOff

BLOCK, RAM = 0x100, 0x1000
GUARD = 0xFEEDFACE
NOTHING = (0,) * 9


def add(first: int, second: int, *_: int) -> int:
    return first + second


def pair(*_: int) -> tuple[int, ...]:
    return 0, 7


def off(*_: int) -> Outcome:
    return PowerOff()


@pytest.mark.parametrize("number", [0, 1, 0x58, 0xF000, 0xF005, (1 << 64) - 1])
def test_a_hypercall_that_is_absent_is_h_function(number: int) -> None:
    assert VirtualHypervisor().hypercall(number, NOTHING) == (-2,)


@pytest.mark.parametrize(
    ("selector", "answer"),
    [(0, (0,)), (47, (0,)), (99, (0,)), (100, None), ((1 << 64) - 1, None)],
)
def test_an_osi_call_that_is_absent_is_as_mol_has_it(selector: int, answer: tuple[int, ...] | None) -> None:
    """MOL answers a selector below 100 with 0, and writes no register for one above."""
    assert VirtualHypervisor().osi_call(selector, NOTHING[:6]) == answer


@pytest.mark.parametrize(
    ("function", "answer"), [(add, (3,)), (pair, (0, 7)), (off, PowerOff())], ids=["int", "tuple", "outcome"]
)
def test_what_a_callback_returns(function: Callable[..., Answer], answer: tuple[int, ...] | Outcome) -> None:
    hypervisor = VirtualHypervisor(hypercalls={5: function}, osi={6: function})
    assert hypervisor.hypercall(5, (1, 2, *NOTHING[2:])) == answer
    assert hypervisor.osi_call(6, (1, 2, 0, 0, 0, 0)) == answer


def test_it_can_be_pickled_with_its_callbacks() -> None:
    again = pickle.loads(pickle.dumps(VirtualHypervisor(hypercalls={5: add})))
    assert again.hypercall(5, (1, 2, *NOTHING[2:])) == (3,)


# RTAS


def row(name: str, arguments: str = "", results: str = "") -> RtasRow:
    return RtasRow(name, tuple(arguments.split()), tuple(results.split()), "", "", "")


def refuse() -> int:
    return -3


def many() -> tuple[int, ...]:
    return 0, 1, 2, 3, 4


def wild() -> int:
    raise MemoryFault("{} bytes at {:#x}", 1, -1)


CALLS: dict[str, tuple[RtasRow, Callable[..., Answer]]] = {
    "add": (row("add", "first second"), add),
    "pair": (row("pair", "", "value"), pair),
    "refuse": (row("refuse", "", "value"), refuse),
    "many": (row("many"), many),
    "off": (row("off"), off),
    "wild": (row("wild"), wild),
}
TOKENS = dict(enumerate([*CALLS, "missing"], 0x2000))
BY_NAME = {name: number for number, name in TOKENS.items()}

RTAS: list[tuple[str, str, tuple[int, ...], int, int | Outcome, tuple[int, ...]]] = [
    # what, name, arguments, result cells wanted, hypercall status, result cells
    ("the status alone", "add", (1, 2), 1, 0, (3,)),
    ("a status and a result", "pair", (), 2, 0, (0, 7)),
    ("a status where a result was wanted, too", "refuse", (), 2, 0, (0xFFFFFFFD, 0)),
    ("a function that says too much", "many", (), 1, 0, (0,)),
    ("the end of the machine", "off", (), 1, PowerOff(), (0,)),
    ("an argument too few", "add", (1,), 1, 0, (0xFFFFFFFD,)),
    ("an argument too many", "add", (1, 2, 3), 1, 0, (0xFFFFFFFD,)),
    ("a result too many", "add", (1, 2), 2, 0, (0xFFFFFFFD, GUARD)),
    ("no room for the status", "add", (1, 2), 0, 0, ()),
    ("a token without a function", "missing", (), 1, -4, (0xFFFFFFFD,)),
    ("no token", "nosuch", (), 1, -4, (0xFFFFFFFD,)),
    ("no token, and no room for the status", "nosuch", (), 0, -4, ()),
    ("a pointer that leads nowhere", "wild", (), 1, -4, (GUARD,)),
]


@pytest.mark.parametrize(
    ("name", "arguments", "wanted", "status", "results"), [case[1:] for case in RTAS], ids=[case[0] for case in RTAS]
)
def test_rtas(
    name: str, arguments: tuple[int, ...], wanted: int, status: int | Outcome, results: tuple[int, ...]
) -> None:
    memory = GuestMemory(bytearray(RAM))
    head = (BY_NAME.get(name, 0x7777), len(arguments), wanted, *arguments)
    memory.write_cells(BLOCK, (*head, *[GUARD] * (wanted + 1)))
    assert call_rtas(memory, BLOCK, TOKENS, CALLS) == status
    assert memory.read_cells(BLOCK, len(head)) == head
    assert memory.read_cells(BLOCK + 4 * len(head), wanted + 1) == (*results, GUARD)


@given(
    address=st.integers(0, RAM + 8) | st.integers(0, (1 << 64) - 1),
    head=st.tuples(
        st.sampled_from([*TOKENS, 0, 0xFFFFFFFF]),
        st.integers(0, 20) | st.integers(0, 0xFFFFFFFF),
        st.integers(0, 20) | st.integers(0, 0xFFFFFFFF),
    ),
)
def test_no_block_does_more_than_fail(address: int, head: tuple[int, int, int]) -> None:
    memory = GuestMemory(bytearray(RAM))
    if address <= RAM - 12:
        memory.write_cells(address, head)
    before = memory.read(0, RAM)
    answer = call_rtas(memory, address, TOKENS, CALLS)
    assert answer in (0, -4, PowerOff())
    start = address + 12 + 4 * head[1]
    inside = range(start, start + 4 * head[2])
    after = memory.read(0, RAM)
    assert all(at in inside for at in range(RAM) if before[at] != after[at])
