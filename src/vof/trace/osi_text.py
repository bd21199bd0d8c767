"""Mac-on-Linux's calls as lines of text."""

from __future__ import annotations

from vof.events import OsiCall
from vof.trace.quoting import printable

__all__ = ["osi_text"]

_WIDTH = 40
_SMALL = 1000
_NEGATIVE = 0xFFFF_FFF0
"""From here on a number of 32 bits is more likely a small negative one."""


def osi_text(event: OsiCall) -> str:
    """One call as one line; a register that it left as it was is a dash."""
    arguments = ", ".join(_number(value) for value in event.arguments)
    results = ", ".join("-" if value is None else _number(value) for value in event.results)
    why = f" ({printable(event.fault)})" if event.fault else ""
    return f"osi {event.name}({arguments})".ljust(_WIDTH) + f" = {event.outcome or results}{why}"


def _number(value: int) -> str:
    if value >= _NEGATIVE:
        return str(value - (1 << 32))
    return str(value) if value < _SMALL else f"{value:#x}"
