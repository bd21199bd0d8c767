"""A recording beside the log of QEMU's own VOF: how both firmwares answered one kernel, and what only one has.

The kernel asks both the same, but not in the same order, and the log lacks calls: so what was asked is paired, not the
runs. What is known to differ has its reason here, and is told apart from what is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from vof.events import ClientReturn
from vof.trace.qemu_log import TRACED
from vof.trace.saying import said_by

__all__ = ["KNOWN", "Beside", "Known", "Unlike", "compare_with_qemu"]

_FAILED = 0xFFFFFFFF
_PATHS = ("package-to-path", "instance-to-path")


@dataclass(frozen=True, slots=True)
class Unlike:
    """What two firmwares don't have in common.

    Attributes:
        ours: the call, as ours answered it; None if it wasn't asked.
        theirs: as QEMU's did.
        reason: why, where that is known; else "".
    """

    ours: ClientReturn | None
    theirs: ClientReturn | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """What came of it.

    Attributes:
        asked: how many calls of the one have one of the other that asks the same.
        different: how many of these were answered differently.
        unlike: those, each question once; then what only one was asked.
    """

    asked: int
    different: int
    unlike: tuple[Unlike, ...]

    @property
    def same(self) -> bool:
        """Whether all that differs is known."""
        return all(each.reason for each in self.unlike)


@dataclass(frozen=True, slots=True)
class Known:
    """Something in which the two firmwares are known to differ.

    Attributes:
        services: the services where it shows.
        about: a pattern for what a call is about: a property's path, as `/chosen:stdin`, or a node's.
        reason: why it is no defect.
        test: whether two answers differ in just that; for what only one was asked, with None for the other.
    """

    services: tuple[str, ...]
    about: str
    reason: str
    test: Callable[[ClientReturn | None, ClientReturn | None], bool]


def compare_with_qemu(
    ours: Iterable[ClientReturn], theirs: Iterable[ClientReturn], *, ignore: Sequence[str] = ()
) -> Beside:
    """Compare what both firmwares were asked, and answered: the first time, the second time, and so on.

    Args:
        ours: the calls of a recording.
        theirs: those of a log.
        ignore: services that are left out.
    """
    mine, yours = (_by_question(calls, ignore) for calls in (ours, theirs))
    asked = different = 0
    unlike: list[Unlike] = []
    for question, calls in mine.items():
        pairs = list(zip(calls, yours.get(question, ()), strict=False))
        differing = [pair for pair in pairs if not _alike(*pair)]
        asked += len(pairs)
        different += len(differing)
        # A client that asks again and is told the same again has nothing new to show.
        reasons = [(_reason(*pair), pair) for pair in differing]
        unlike += [Unlike(*pair, reason) for reason, pair in dict(reversed(reasons)).items()]
    for calls in _missing(mine, yours):
        unlike.append(Unlike(calls[0], None, _reason(calls[0], None)))
    for calls in _missing(yours, mine):
        unlike.append(Unlike(None, calls[0], _reason(None, calls[0])))
    return Beside(asked, different, tuple(unlike))


def _missing(
    one: dict[tuple[object, ...], list[ClientReturn]], other: dict[tuple[object, ...], list[ClientReturn]]
) -> Iterator[list[ClientReturn]]:
    return (calls for question, calls in one.items() if question not in other)


def _by_question(calls: Iterable[ClientReturn], ignore: Sequence[str]) -> dict[tuple[object, ...], list[ClientReturn]]:
    found: dict[tuple[object, ...], list[ClientReturn]] = {}
    for event in calls:
        if event.service in TRACED and event.service not in ignore:
            found.setdefault(_question(event), []).append(event)
    return found


def _question(event: ClientReturn) -> tuple[object, ...]:
    """What was asked. The log knows of no buffer's size."""
    question = said_by(event).question
    return question[: _LOGGED.get(event.service, len(question))]


_LOGGED = {"getprop": 3, "package-to-path": 2, "instance-to-path": 2}


def _alike(ours: ClientReturn, theirs: ClientReturn) -> bool:
    one, other = said_by(ours), said_by(theirs)
    if one.cells != other.cells:
        return False
    # Of data the log has the beginning, and a client's buffer may be short.
    return one.data is None or all(
        mine.head[: len(yours.head)] == yours.head[: len(mine.head)]
        for mine, yours in zip(ours.writes, theirs.writes, strict=False)
    )


def _reason(ours: ClientReturn | None, theirs: ClientReturn | None) -> str:
    event = ours or theirs
    assert event is not None
    about = _about(event)
    for row in KNOWN:
        if event.service in row.services and re.fullmatch(row.about, about) and row.test(ours, theirs):
            return row.reason
    return ""


def _about(event: ClientReturn) -> str:
    """The property or the node that a call is about."""
    path = event.paths.get(event.arguments[0], "") if event.arguments else ""
    if event.service in ("getprop", "getproplen", "setprop"):
        return f"{path}:{event.texts.get(1, '')}"
    return event.texts.get(0) or path


def _one_more(ours: ClientReturn | None, theirs: ClientReturn | None) -> bool:
    return ours is not None and theirs is not None and ours.results[0] + 1 == theirs.results[0]


def _half(ours: ClientReturn | None, theirs: ClientReturn | None) -> bool:
    return ours is not None and (theirs is None or ours.results[0] == 2 * theirs.results[0])


def _one_failed(ours: ClientReturn | None, theirs: ClientReturn | None) -> bool:
    return ours is not None and theirs is not None and (ours.results[0] == _FAILED) != (theirs.results[0] == _FAILED)


def _theirs_lacks(ours: ClientReturn | None, theirs: ClientReturn | None) -> bool:
    return ours is not None and (theirs is None or theirs.results[0] == _FAILED)


def _ours_lacks(ours: ClientReturn | None, theirs: ClientReturn | None) -> bool:
    return theirs is not None and (ours is None or ours.results[0] == _FAILED)


def _any(ours: ClientReturn | None, theirs: ClientReturn | None) -> bool:
    return True


_VALUES = ("getprop", "getproplen")
KNOWN: tuple[Known, ...] = (
    Known(_PATHS, ".*", "QEMU counts the NUL in the length; IEEE 1275 §6.3.2.2 doesn't", _one_more),
    Known(_VALUES, "/chosen:linux,initrd-(start|end)", "QEMU's new tree has it in one cell", _half),
    Known(_VALUES, "/memory@[0-9a-f]+:available", "other memory is claimed", _any),
    Known(("claim",), ".*", "the firmwares themselves lie elsewhere in memory", _one_failed),
    Known(_VALUES, ".*:phandle", "QEMU gives each node one; IEEE 1275 has no such property", _ours_lacks),
    Known(_VALUES, "/chosen:qemu,boot-kernel(-le)?", "QEMU tells its own loader where the kernel is", _ours_lacks),
    Known(("open",), "/vdevice/vty@[0-9a-f]+", "QEMU's machine opens its console by a call", _ours_lacks),
    Known(("call-method",), "instantiate-rtas", "QEMU's program in the guest answers it without a call", _theirs_lacks),
    Known(_VALUES, "/chosen:(stdin|cpu|memory|mmu)", "IEEE 1275 §3.5 and its binding ask for it", _theirs_lacks),
    Known(("instance-to-package",), "/cpus/.*", "QEMU has no /chosen:cpu", _theirs_lacks),
    Known(
        (*_VALUES, "package-to-path", "finddevice"),
        "/(aliases|options|packages|openprom)(/.*)?(:.*)?",
        "IEEE 1275 §3.5 asks for the node, QEMU has none",
        _theirs_lacks,
    ),
)
"""What the two are known to differ in."""
