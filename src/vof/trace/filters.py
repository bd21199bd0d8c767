"""Which calls are shown: strace's `-e` expressions, by service, path and status."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

import vof.firmware  # noqa: F401 - it fills the table of services
from vof.errors import UsageError
from vof.events import ClientCall, ClientReturn, OsiCall
from vof.firmware.table import SERVICES, Kind

__all__ = ["GROUPS", "STATUSES", "CallFilter", "parse_filter"]

GROUPS = {
    "%tree": "1275 §6.3.2.2",
    "%io": "1275 §6.3.2.3",
    "%memory": "1275 §6.3.2.4",
    "%control": "1275 §6.3.2.5",
    "%user": "1275 §6.3.2.6",
    "%time": "1275 §6.3.2.7",
}
"""Names for the services that one clause lays down."""
STATUSES = ("successful", "failed", "unfinished")
CONSOLE = "console"
"""The word for what is shown and typed on the console."""
OSI = "osi"
"""The word for all of Mac-on-Linux's calls."""
_MINUS_ONE = 0xFFFFFFFF
_SPECIFIERS = ("bootspec", "device-specifier")
_HANDLES = (Kind.PACKAGE, Kind.INSTANCE)


@dataclass(frozen=True, slots=True)
class _Places:
    """Which cells of a service are handles, and which arguments strings that name a device."""

    handles: tuple[int, ...]
    specifiers: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What is to be shown.

    Attributes:
        only: the services; None for all.
        without: those of them that are not.
        paths: a call must have or give a handle of one of these paths, or name it; with `*` for anything.
        statuses: of `STATUSES`; none of them for all.
        console: whether console lines were asked for.
    """

    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    statuses: frozenset[str] = frozenset()
    console: bool = False

    def wants(self, event: ClientReturn) -> bool:
        """Whether a call that returned is shown."""
        if (self.only is not None and event.service not in self.only) or event.service in self.without:
            return False
        if self.statuses and ("failed" if event.fault else "successful") not in self.statuses:
            return False
        return not self.paths or self._has_path(event)

    def may_want(self, call: ClientCall) -> bool:
        """Whether a call that has not returned is shown."""
        if (self.only is not None and call.service not in self.only) or call.service in self.without:
            return False
        if self.statuses and "unfinished" not in self.statuses:
            return False
        return not self.paths or self._has_path(call)

    def wants_osi(self, event: OsiCall) -> bool:
        """Whether one of Mac-on-Linux's calls is shown."""
        if (self.only is not None and OSI not in self.only) or OSI in self.without or self.paths:
            return False
        failed = bool(event.fault) or event.results[:1] == (_MINUS_ONE,)
        return not self.statuses or ("failed" if failed else "successful") in self.statuses

    def _has_path(self, event: ClientCall | ClientReturn) -> bool:
        return any(_is_at(found, path) for found in _paths_of(event) for path in self.paths)


def parse_filter(expressions: Iterable[str], paths: Iterable[str] = ()) -> CallFilter:
    """Read `-e` expressions; together they must all be met, but services of several add up.

    Args:
        expressions: `claim,open`, `trace=claim`, `!nextprop`, `%memory`, `path=/chosen`, `status=failed`, `console`.
        paths: further paths.

    Raises:
        UsageError: one is none, or names a service that there isn't.
    """
    only: set[str] = set()
    without: set[str] = set()
    wanted_paths = list(paths)
    statuses: set[str] = set()
    positive = console = False
    for expression in expressions:
        qualifier, equals, value = expression.partition("=")
        if not equals:
            qualifier, value = "trace", expression
        if qualifier in ("trace", "t"):
            negated = value.startswith("!")
            names, has_console = _services(expression, value.removeprefix("!"))
            console = (console or has_console) and not (negated and has_console)
            if negated:
                without |= names
            else:
                positive |= bool(names) or not has_console
                only |= names
        elif qualifier in ("path", "P"):
            wanted_paths += _named(expression, re.split(",(?=/)", value))  # names of nodes have commas, too
        elif qualifier == "status":
            statuses |= _statuses(expression, value)
        else:
            raise UsageError(f'-e {expression}: "{qualifier}" is none of trace, path and status')
    for path in wanted_paths:
        if not path:
            raise UsageError("-P takes a path, as in -P /chosen")
    positive |= console and not without  # the console alone
    return CallFilter(
        frozenset(only) if positive else None, frozenset(without), tuple(wanted_paths), frozenset(statuses), console
    )


def _services(expression: str, value: str) -> tuple[set[str], bool]:
    """The services that a list names, and whether the console is in it."""
    found: set[str] = set()
    console = False
    for name in _list(expression, value):
        if name == CONSOLE:
            console = True
        elif name == OSI:
            found.add(OSI)
        elif name == "all":
            found |= SERVICES.keys()
        elif name == "none":
            continue
        elif name in GROUPS:
            found |= {row.name for row in SERVICES.values() if row.clause == GROUPS[name]}
        elif name.startswith("?"):  # as in strace: be it there or not
            found.add(name[1:])
        elif "*" in name and (matching := {each for each in SERVICES if fnmatchcase(each, name)}):
            found |= matching
        elif name in SERVICES:
            found.add(name)
        else:
            near = get_close_matches(name, [*SERVICES, *GROUPS, CONSOLE], 1)
            hint = f"did you mean {near[0]}?" if near else f"?{name} if a client calls it all the same"
            raise UsageError(f'-e {expression}: there is no service "{name}": {hint}')
    return found, console


def _statuses(expression: str, value: str) -> set[str]:
    negated = value.startswith("!")
    given = set(_list(expression, value.removeprefix("!")))
    if unknown := given.difference(STATUSES):
        raise UsageError(f'-e {expression}: "{min(unknown)}" is none of {", ".join(STATUSES)}')
    return set(STATUSES) - given if negated else given


def _list(expression: str, value: str) -> Sequence[str]:
    return _named(expression, value.split(","))


def _named(expression: str, names: Sequence[str]) -> Sequence[str]:
    if not all(names):
        raise UsageError(f"-e {expression}: a name is missing, as in -e claim,open or -e path=/chosen")
    return names


def _is_at(found: str, path: str) -> bool:
    """Whether a path is the wanted one; what follows a colon, an instance's arguments, makes no difference."""
    if "*" in path:
        return fnmatchcase(found, path.replace("[", "[[]").replace("?", "[?]"))
    return found == path or (found.startswith(path) and found[len(path)] == ":")


def _paths_of(event: ClientCall | ClientReturn) -> list[str]:
    places = _PLACES.get(event.service)
    if places is None:
        return []
    arguments, paths = event.arguments, event.paths
    handles = [arguments[place] for place in places.handles if place < len(arguments)]
    if type(event) is ClientReturn and not event.fault:
        handles += [event.results[place] for place in places.results if place < len(event.results)]
    named = [event.texts[place] for place in places.specifiers if place in event.texts]
    return [*[paths[handle] for handle in handles if handle in paths], *named]


_PLACES = {
    row.name: _Places(
        tuple(place for place, each in enumerate(row.arguments) if each.kind in _HANDLES),
        tuple(place for place, each in enumerate(row.arguments) if each.name in _SPECIFIERS),
        tuple(place for place, each in enumerate(row.results) if each.kind in _HANDLES),
    )
    for row in SERVICES.values()
}
