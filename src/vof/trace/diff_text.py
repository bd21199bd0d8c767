"""A comparison of two runs as text, in the manner of `diff -u`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from vof.trace.beside_qemu import Beside, Unlike
from vof.trace.diff import Comparison, Difference, Side, must_make_sense
from vof.trace.recording import Recording
from vof.trace.text import call_text

__all__ = ["beside_lines", "comparison_lines"]

_SHOWN = 12
"""Calls of one side at one place; the rest is counted."""
_TREES = 20


def comparison_lines(
    comparison: Comparison, recordings: tuple[Recording, Recording], *, everything: bool
) -> Iterator[str]:
    """Lines whose first character says whose they are: `-` the first's, `+` the second's, ` ` of both, `@` a headline.

    Args:
        comparison: what was found.
        recordings: what was compared.
        everything: all places, not only the first.
    """
    for sign, recording, calls in zip(("---", "+++"), recordings, comparison.calls, strict=True):
        how = ", ".join(str(recording.header.get(name, "")) for name in ("machine", "engine", "trap"))
        yield f"{sign} {recording.path}  {how}, {calls} calls"
    for name, one, other in comparison.headers:
        yield f"  {name}: {one or '–'} → {other or '–'}"
    for path, one, other in comparison.trees[: None if everything else _TREES]:
        yield f"@@ the tree at the start: {path} @@"
        yield from (f"{sign}{text}" for sign, text in (("-", one), ("+", other)) if text)
    if not everything and len(comparison.trees) > _TREES:
        yield f"  {len(comparison.trees) - _TREES} more differences of the trees; --all shows them"
    shown = comparison.differences if everything else comparison.differences[:1]
    for difference in shown:
        with must_make_sense(recordings[0]):
            lines = list(_place(difference))
        yield from lines
    if comparison.found > len(shown):
        yield f"  {comparison.found - len(shown)} more places differ" + ("" if everything else "; --all shows them")
    if comparison.ends is not None:
        yield from ("@@ the end @@", f"-{comparison.ends[0]}", f"+{comparison.ends[1]}")
    if comparison.same:
        yield "  they are alike"


def beside_lines(beside: Beside, *, everything: bool) -> Iterator[str]:
    """Lines like those of `comparison_lines`: `-` is ours, `+` QEMU's.

    Args:
        beside: what was found.
        everything: what is known to differ, too, and all of what isn't.
    """
    yield f"  {beside.asked} calls asked both the same, {beside.asked - beside.different} were answered alike"
    known = Counter((each.reason, _service(each)) for each in beside.unlike if each.reason)
    for (reason, service), count in sorted(known.items()):
        yield f"  known, {count} of {service}: {reason}"
    news = [each for each in beside.unlike if everything or not each.reason]
    for each in news[: None if everything else _TREES]:
        yield f"@@ {_HOW[each.ours is None, each.theirs is None]}{': ' if each.reason else ''}{each.reason} @@"
        yield from (f"{sign}{call_text(call)}" for sign, call in (("-", each.ours), ("+", each.theirs)) if call)
    if not everything and len(news) > _TREES:
        yield f"  {len(news) - _TREES} more; --all shows them"


_HOW = {
    (False, False): "another answer",
    (True, False): "asked of QEMU's only",
    (False, True): "asked of ours only",
}


def _service(unlike: Unlike) -> str:
    call = unlike.ours or unlike.theirs
    return call.service if call is not None else ""


def _place(difference: Difference) -> Iterator[str]:
    yield f"@@ call {difference.good.number} and call {difference.bad.number}: {difference.why} @@"
    yield from (f" {call_text(event)}" for event in difference.before)
    yield from _side("-", difference.good)
    yield from _side("+", difference.bad)
    yield from (f" {call_text(event)}" for event in difference.after)


def _side(sign: str, side: Side) -> Iterator[str]:
    yield from (f"{sign}{call_text(event)}" for event in side.calls[:_SHOWN])
    if len(side.calls) > _SHOWN:
        yield f"{sign}… {len(side.calls) - _SHOWN} more"
