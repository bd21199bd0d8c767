"""Mac-on-Linux's calls as lines of text."""

from __future__ import annotations

import pytest

from vof.events import OsiCall
from vof.trace.osi_text import osi_text

CALLS: tuple[tuple[OsiCall, str], ...] = (
    (OsiCall(40, "OSI_SYNC_TIME", (0, 7), (1, None), "", ""), "osi OSI_SYNC_TIME(0, 7)                  = 1, -"),
    (
        OsiCall(40, "OSI_X", (999, 1000, 1 << 31), (0xFFFFFFFF,), "", ""),
        "osi OSI_X(999, 0x3e8, 0x80000000)        = -1",
    ),
    (
        OsiCall(40, "OSI_X", (0xFFFFFFEF,), (0xFFFFFFF0,), "bad", ""),
        "osi OSI_X(0xffffffef)                    = -16 (bad)",
    ),
    (
        OsiCall(40, "OSI_X", (), (), "\x1b[31m", "PowerOff"),
        "osi OSI_X()                              = PowerOff (\\x1b[31m)",
    ),
)


@pytest.mark.parametrize(("event", "line"), CALLS)
def test_line(event: OsiCall, line: str) -> None:
    assert osi_text(event) == line
