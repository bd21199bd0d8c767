"""The stubs that are shipped are their sources' bytes, and both sides of the mailbox mean the same places."""

from __future__ import annotations

import re
from pathlib import Path

import make_stubs
import pytest

from vof.engines import mailbox

SOURCES = sorted(make_stubs.GUEST.glob("*.S"))


def test_there_are_stubs() -> None:
    assert [source.name for source in SOURCES] == [
        "breakpoint.S",
        "hypercall.S",
        "illegal.S",
        "mailbox32.S",
        "osi.S",
        "pseries.S",
        "rom32.S",
        "rtas_pegasos2.S",
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_shipped_bytes_are_what_the_source_assembles_to(source: Path) -> None:
    assert make_stubs.assemble(source) == source.with_suffix(".bin").read_bytes()


def layout() -> dict[str, int]:
    """The symbols of mailbox.inc."""
    symbols: dict[str, int] = {}
    for name, value in re.findall(r"\.set\s+(\w+),\s*([^#\n]+)", (make_stubs.GUEST / "mailbox.inc").read_text()):
        symbols[name] = sum(int(part, 0) if part[0].isdigit() else symbols[part] for part in value.split(" + "))
    return symbols


def test_both_sides_agree_on_the_layout() -> None:
    symbols = layout()
    box = symbols["BOX"]
    assert box == mailbox._BOX
    assert symbols["BATCH"] == mailbox._BATCH
    assert box + 8 * mailbox._REQUEST == symbols["REQUEST_SEQ"]
    assert box + 8 * mailbox._ORDER == symbols["ORDER_SEQ"]
    assert box + 8 * mailbox._ORDER_ARGUMENT == symbols["ORDER_ARGS"]
    for prefix, kinds in (("REQUEST_", mailbox.RequestKind), ("ORDER_", mailbox.OrderKind)):
        for kind in kinds:
            assert symbols[prefix + kind.name] == kind


def test_the_documented_layout_is_the_source_s() -> None:
    symbols = layout()
    text = (Path(__file__).parents[1] / "docs" / "mailbox.md").read_text()
    for name in ("REQUEST_SEQ", "NONCE", "REQUEST_KIND", "REQUEST_ARGS", "ORDER_SEQ", "ORDER_KIND", "ORDER_ARGS"):
        assert f"| {symbols[name]:#x} |" in text, name
    for name in ("FLAGS", "SPINS", "FIRST_NAP", "FRAMES", "BATCH"):
        assert f"| {symbols[name]:#x} |" in text, name
