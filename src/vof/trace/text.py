"""Events as lines of text in strace's manner: a call a line, decoded by the row of its service.

    getprop(/cpus/PowerPC,POWER9@0, "reg", 0x2f0e1b8, 4) = 4 [00000000]

A recording tells calls as they return, a running machine also as they begin. Either way a call that others were made
inside of stands around them, in two parts, as in strace's output.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from vof.events import (
    ClientCall,
    ClientReturn,
    ConsoleInput,
    ConsoleOutput,
    Event,
    Injected,
    OsiCall,
    Phase,
    TreeReplaced,
)
from vof.trace.call_text import DEEPEST, CallText, Stamp, TextStyle, call_text
from vof.trace.filters import CallFilter
from vof.trace.osi_text import osi_text
from vof.trace.quoting import printable, quoted

__all__ = ["CallText", "Stamp", "TextStyle", "TextTrace", "call_text"]

_LATEST = 1 << 40
"""Seconds since 1970 that every host can tell the time of day of."""


@dataclass(slots=True)
class _Held:
    """A call that returned, and the calls that were made inside of it.

    Its depth is that of the call that it is told of in place of, where a filter took that out.
    """

    event: ClientReturn
    depth: int
    inner: list[_Held]


@dataclass(slots=True)
class _Begun:
    """A call that has not returned."""

    call: ClientCall
    split: bool = field(default=False)


class TextTrace:
    """Writes events as they come.

    Args:
        write: takes a line, with its end.
        style: how a line looks.
        wanted: which calls are shown.
        started: when the machine was started, in seconds since 1970, for the time of day.

    Listening to `ClientCall` is not needed; who does is shown a call that never returned.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        style: TextStyle | None = None,
        *,
        wanted: CallFilter | None = None,
        started: float = 0.0,
    ) -> None:
        self._write = write
        self._style = style = style or TextStyle()
        self._text = CallText(style)
        self._wanted = wanted
        self._started = started
        self._last = 0
        self._begun: list[_Begun] = []
        self._held: list[_Held] = []
        tellers: dict[type, Callable[..., None]] = {ClientReturn: self._tell_return, ClientCall: self._tell_call}
        tellers[OsiCall] = self._tell_osi
        if not style.quiet:
            tellers |= {Phase: self._tell_phase, TreeReplaced: self._tell_tree, Injected: self._tell_injected}
        if style.console:
            tellers |= {ConsoleOutput: self._tell_console, ConsoleInput: self._tell_console}
        self._tellers = tellers

    def hear(self, event: Event) -> None:
        """Write what there is to say of an event."""
        tell = self._tellers.get(type(event))
        if tell is not None:
            tell(event)

    def close(self) -> None:
        """No more events come: write what waits for them."""
        for held in self._held:
            self._put(held)
        self._held.clear()
        for begun in self._begun:
            if not begun.split:
                self._split(begun)
        self._begun.clear()

    def _tell_call(self, call: ClientCall) -> None:
        del self._begun[call.depth :]  # of a call that was put off, there is no return
        self._begun.append(_Begun(call))

    def _tell_return(self, event: ClientReturn) -> None:
        wanted = self._wanted is None or self._wanted.wants(event)
        depth = min(event.depth, DEEPEST)
        if len(self._begun) > depth:
            begun = self._begun[depth]
            del self._begun[depth:]
            if wanted:
                for outer in self._begun:
                    if not outer.split:
                        self._split(outer)
                self._line(event.started, self._text.resumed(event) if begun.split else self._text.line(event))
            return
        if not depth and not self._held:
            if wanted:
                self._line(event.started, self._text.line(event))
            return
        place = len(self._held)
        while place and self._held[place - 1].depth > depth:
            place -= 1
        inner = self._held[place:]
        del self._held[place:]
        if wanted:
            inner = [_Held(event, depth, inner)]
        for held in inner:
            held.depth = depth
            if depth:
                self._held.append(held)
            else:
                self._put(held)

    def _put(self, held: _Held) -> None:
        event = held.event
        if not held.inner:
            self._line(event.started, self._text.line(event))
        else:
            self._line(event.started, self._text.unfinished(event))
            for inner in held.inner:
                self._put(inner)
            self._line(event.started + event.duration, self._text.resumed(event))

    def _split(self, begun: _Begun) -> None:
        if self._wanted is None or self._wanted.may_want(begun.call):
            begun.split = True
            self._line(begun.call.started, self._text.unfinished(begun.call))

    def _tell_phase(self, event: Phase) -> None:
        detail = f" ({event.detail})" if event.detail else ""
        self._line(int(event.seconds * 1e9), f"+++ phase: {printable(event.name + detail)} +++")

    def _tell_tree(self, event: TreeReplaced) -> None:
        self._line(self._last, f"+++ the device tree was replaced: {event.nodes} nodes +++")

    def _tell_injected(self, event: Injected) -> None:
        self._line(event.at, f"+++ injected {printable(event.fault)}: {printable(event.what)} +++")

    def _tell_osi(self, event: OsiCall) -> None:
        if self._wanted is None or self._wanted.wants_osi(event):
            self._line(event.at, osi_text(event))

    def _tell_console(self, event: ConsoleOutput | ConsoleInput) -> None:
        what = "console" if type(event) is ConsoleOutput else "typed"
        self._line(event.at, f"--- {what}: {quoted(event.data.decode('latin-1'), len(event.data))} ---")

    def _line(self, at: int, text: str) -> None:
        self._write(f"{self._stamp(at)}{text}\n" if self._style.stamp else f"{text}\n")
        self._last = at

    def _stamp(self, at: int) -> str:
        stamp = self._style.stamp
        if stamp is Stamp.RELATIVE:
            return f"{max(0, at - self._last) / 1e9:13.6f} "
        if stamp is Stamp.START:
            return f"{at / 1e9:10.6f} "
        seconds, micro = divmod(int(self._started * 1_000_000) + at // 1000, 1_000_000)
        day = time.strftime("%H:%M:%S", time.localtime(min(max(0, seconds), _LATEST)))
        return f"{day} " if stamp is Stamp.DAY else f"{day}.{micro:06} "
