"""Client calls to ask and to assert on, from a recording or from a machine that runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from vof.events import ClientReturn, ConsoleOutput, Event, Injected

__all__ = ["CallLog"]

_SHOWN = 8


class CallLog:
    """The calls of a run, and its console.

    It is a listener, too: `vm.listen(log)`.

    Attributes:
        events: every call, in the order in which they returned.
        injected: the faults that struck.
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.events: list[ClientReturn] = []
        self.injected: list[Injected] = []
        self._console = bytearray()
        for event in events:
            self(event)

    def __call__(self, event: Event) -> None:
        """Take an event: a log is a listener."""
        if type(event) is ClientReturn:
            self.events.append(event)
        elif type(event) is ConsoleOutput:
            self._console += event.data
        elif type(event) is Injected:
            self.injected.append(event)

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[ClientReturn]:
        return iter(self.events)

    @property
    def console(self) -> str:
        """All that was shown, as Latin-1."""
        return self._console.decode("latin-1")

    def calls(
        self, service: str = "", *, path: str = "", text: str = "", failed: bool | None = None
    ) -> list[ClientReturn]:
        """The calls that fit.

        Args:
            service: the service's name; any if "".
            path: the path of a package or instance among its arguments; any if "".
            text: a string among its arguments, such as a property's or a device's name; any if "".
            failed: whether it failed; None for either.
        """
        return [
            event
            for event in self.events
            if (not service or event.service == service)
            and (not path or path in [event.paths.get(cell) for cell in event.arguments])
            and (not text or text in event.texts.values())
            and (failed is None or failed == bool(event.fault))
        ]

    def failed(self, service: str = "") -> list[ClientReturn]:
        """The calls that failed."""
        return self.calls(service, failed=True)

    def assert_called(
        self, service: str, *, path: str = "", text: str = "", failed: bool | None = None, times: int | None = None
    ) -> list[ClientReturn]:
        """See that there are such calls; they are returned.

        Args:
            service, path, text, failed: as for `calls`.
            times: how many there have to be; None for one or more.

        Raises:
            AssertionError: there are none, or not so many. It shows the service's calls that there are.
        """
        found = self.calls(service, path=path, text=text, failed=failed)
        if len(found) != times if times is not None else not found:
            wanted = _described(service, path, text, failed)
            count = f"{len(found)} times, not {times}" if times is not None else "never"
            raise AssertionError(f"{wanted} was called {count}; {self._others(service)}")
        return found

    def assert_not_called(self, service: str, *, path: str = "", text: str = "", failed: bool | None = None) -> None:
        """See that there is no such call.

        Raises:
            AssertionError: there is one. It shows the first.
        """
        found = self.calls(service, path=path, text=text, failed=failed)
        if found:
            from vof.trace.text import call_text

            raise AssertionError(f"{_described(service, path, text, failed)} was called: {call_text(found[0])}")

    def tail(self, count: int) -> str:
        """The last calls as a trace has them, a line each, without those that only ask for the time or for a key."""
        from vof.trace.saying import is_poll
        from vof.trace.text import call_text

        last = islice((event for event in reversed(self.events) if not is_poll(event)), count)
        return "\n".join([call_text(event) for event in last][::-1])

    def _others(self, service: str) -> str:
        from vof.trace.text import call_text

        others = self.calls(service)
        if not others:
            return f"there is no call of {service} among {len(self.events)}"
        lines = [call_text(event) for event in others[-_SHOWN:]]
        return f"the last of its {len(others)} calls:\n  " + "\n  ".join(lines)


def _described(service: str, path: str, text: str, failed: bool | None) -> str:
    parts = [service, *(f'with "{each}"' for each in (path, text) if each)]
    if failed is not None:
        parts.append("failing" if failed else "without failing")
    return " ".join(parts)
