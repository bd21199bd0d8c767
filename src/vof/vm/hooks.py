"""Hooks: a user's functions at client services and at Mac-on-Linux's calls, before, after or instead of them.

@vm.on("claim")
def refuse(call):
    if call["size"] > 64 << 20:
        call.fail("too much at once")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from vof.errors import GuestFault, PortError, Throw, UsageError
from vof.firmware.table import SERVICES, Kind, Service

if TYPE_CHECKING:
    from vof.firmware import OpenFirmware
    from vof.firmware.osi.table import Selector
    from vof.vm.vm import VM

__all__ = ["WHEN", "Call", "Hook", "Hooks", "OsiHookCall", "find_call", "find_service"]

WHEN = ("before", "after", "instead")
_TEXT_LIMIT = 2048


class Call:
    """A client call, as a hook sees it.

    `call["size"]` is the argument cell of that name, unsigned; the names are those of the reference page of services.

    Attributes:
        vm: the machine.
        firmware: its firmware.
        service: the service's name.
        arguments: all argument cells, unsigned.
        results: for a hook that comes after, the result cells; those of a failed call are its failure value.
        fault: for a hook that comes after, why the call failed; "" if it did not.
    """

    def __init__(self, vm: VM, firmware: OpenFirmware, row: Service, cells: tuple[int, ...]) -> None:
        self.vm = vm
        self.firmware = firmware
        self.service = row.name
        self.arguments = cells
        self.results: tuple[int, ...] = ()
        self.fault = ""
        self._row = row

    def __getitem__(self, name: str) -> int:
        return self.arguments[self._place(name)]

    def __repr__(self) -> str:
        return f"<Call {self.service} {' '.join(f'{cell:#x}' for cell in self.arguments)}>"

    def text(self, name: str) -> str:
        """The string that an argument points to.

        Raises:
            GuestFault: it points to none; left alone, it fails the call as it would have failed anyway.
        """
        return self.firmware.memory.read_string(self[name], _TEXT_LIMIT)

    def path(self, name: str) -> str:
        """The path of the package or instance whose handle an argument is.

        Raises:
            GuestFault: there is none.
        """
        handle = self[name]
        if self._row.arguments[self._place(name)].kind is Kind.INSTANCE:
            return self.firmware.instances.need(handle).path
        node = self.firmware.tree.by_phandle.get(handle)
        if node is None:
            raise GuestFault("no package {:#x}", handle)
        return node.path

    def fail(self, why: str) -> NoReturn:
        """Have the call fail: its first result is the service's failure value.

        Args:
            why: what a trace says.
        """
        raise GuestFault("{}", why)

    def stop(self) -> None:
        """Have the run loop stop once this call is answered: `VM.wait` and the like return, `VM.stopped` is this."""
        self.vm.stop(self)

    def prompt(self) -> None:
        """Have the user get the prompt once this call is answered: what `VM.prompt` says that is."""
        self.vm.ask_for_prompt()

    def _place(self, name: str) -> int:
        return _place(self.service, [argument.name for argument in self._row.arguments], name)


class OsiHookCall:
    """One of Mac-on-Linux's calls, as a hook sees it: as `Call`, with registers for cells.

    Attributes:
        vm: the machine.
        service: the call's name, `ABLK_KICK`.
        arguments: its arguments, unsigned: r6 and so on.
        results: for a hook that comes after, r3 and so on; None for a register that it leaves as it was.
        fault: for a hook that comes after, why the call failed; "" if it did not.
    """

    def __init__(self, vm: VM, row: Selector, arguments: tuple[int, ...]) -> None:
        self.vm = vm
        self.service = row.name
        self.arguments = arguments
        self.results: tuple[int | None, ...] = ()
        self.fault = ""
        self._row = row

    def __getitem__(self, name: str) -> int:
        return self.arguments[_place(self.service, self._row.arguments, name)]

    def __repr__(self) -> str:
        return f"<OsiHookCall {self.service} {' '.join(f'{cell:#x}' for cell in self.arguments)}>"

    def text(self, name: str) -> str:
        """The string that an argument points to.

        Raises:
            GuestFault: it points to none; left alone, it fails the call as it would have failed anyway.
        """
        return self.vm.engine.memory.read_string(self[name], _TEXT_LIMIT)

    def fail(self, why: str) -> NoReturn:
        """Have the call fail: r3 is the failure value of its row in the table. A trace says why."""
        raise GuestFault("{}", why)

    def stop(self) -> None:
        """Have the run loop stop once this call is answered: see `Call`."""
        self.vm.stop(self)

    def prompt(self) -> None:
        """Have the user get the prompt once this call is answered."""
        self.vm.ask_for_prompt()


def _place(call: str, names: Sequence[str], name: str) -> int:
    if name not in names:
        raise UsageError(f'{call} has no argument "{name}"; it has {", ".join(names) or "none"}')
    return names.index(name)


Hook = Callable[[Any], Any]
"""Gets the call, a `Call` or an `OsiHookCall`. What it returns, unless None, is the call's answer: its first result, or
a tuple of them."""
_Function = TypeVar("_Function", bound=Hook)


class Hooks:
    """The hooks of one VM.

    Attributes:
        rows: the table of services with the hooks in it.
        selectors: what is called in place of Mac-on-Linux's calls, by number: see `vof.firmware.osi.dispatch.Osi`.
    """

    def __init__(self, vm: VM) -> None:
        self.rows: Mapping[str, Service] = SERVICES
        self._vm = vm
        self.selectors: dict[int, _HookedSelector] = {}
        self._hooked: dict[str, _Hooked | _HookedSelector] = {}

    def add(self, service: str, when: str, hook: Hook) -> None:
        """Have a hook called at a service, or at one of Mac-on-Linux's calls.

        Raises:
            UsageError: there is no such service, or no such moment.
        """
        row = find_call(service)
        if not isinstance(row, Service) and self._vm.config.profile.name != "mol":
            raise UsageError(f"{service} is one of Mac-on-Linux's calls, which -machine mol has")
        if when not in WHEN:
            raise UsageError(f'a hook comes {", ".join(WHEN[:-1])} or {WHEN[-1]} of a service, not "{when}"')
        if service not in self._hooked:
            if isinstance(row, Service):
                hooked = self._hooked[service] = _Hooked(self._vm, row)
                self.rows = {**self.rows, service: replace(row, function=hooked)}
            else:
                self._hooked[service] = self.selectors[row.number] = _HookedSelector(self._vm, row)
        getattr(self._hooked[service], when).append(hook)

    def clear(self) -> None:
        """Have none called any more."""
        for hooked in self._hooked.values():
            for hooks in (hooked.before, hooked.after, hooked.instead):
                hooks.clear()

    def remove(self, hook: Hook) -> None:
        """Have a hook called no more, at whatever service it is."""
        for hooked in self._hooked.values():
            for hooks in (hooked.before, hooked.after, hooked.instead):
                if hook in hooks:
                    hooks.remove(hook)


@dataclass(slots=True)
class _Hooked:
    """The function of a service that has hooks."""

    vm: VM
    row: Service
    before: list[Hook] = field(default_factory=list)
    after: list[Hook] = field(default_factory=list)
    instead: list[Hook] = field(default_factory=list)

    def __call__(self, firmware: OpenFirmware, *cells: Any) -> Any:
        plain = (*cells[:-2], *cells[-2]) if self.row.variadic else cells
        call = Call(self.vm, firmware, self.row, plain)
        if not self.after:
            return self._answer(call, cells)
        fault: GuestFault | PortError | Throw | None = None
        try:
            answer = self._answer(call, cells)
        except (GuestFault, PortError, Throw) as failed:
            fault, call.fault = failed, str(failed)
            answer = failed.code if isinstance(failed, Throw) else self.row.failure
        if isinstance(answer, int | tuple):
            results = (answer,) if isinstance(answer, int) else answer
            call.results = tuple([cell & 0xFFFFFFFF for cell in results])
        for hook in self.after:
            changed = hook(call)
            if changed is not None:
                firmware.hooked = firmware.hooked or "after"
                return changed
        if fault is not None:
            raise fault
        return answer

    def _answer(self, call: Call, cells: tuple[Any, ...]) -> Any:
        """What comes of it before those who come after."""
        firmware = call.firmware
        firmware.hooked = "instead"  # should the hook fail the call
        answered, answer = _answer_first(self, call)
        if answered:
            return answer
        firmware.hooked = ""
        return self.row.function(firmware, *cells)


@dataclass(slots=True)
class _HookedSelector:
    """What is called in place of one of Mac-on-Linux's calls that has hooks."""

    vm: VM
    row: Selector
    before: list[Hook] = field(default_factory=list)
    after: list[Hook] = field(default_factory=list)
    instead: list[Hook] = field(default_factory=list)

    def __call__(self, function: Callable[..., Any], arguments: tuple[int, ...]) -> Any:
        call = OsiHookCall(self.vm, self.row, arguments)
        fault: GuestFault | PortError | None = None
        try:
            answer = self._answer(call, function)
        except (GuestFault, PortError) as failed:
            fault, call.fault, answer = failed, str(failed), self.row.failure
        if isinstance(answer, int | tuple):
            results = (answer,) if isinstance(answer, int) else answer
            call.results = tuple([None if value is None else value & 0xFFFFFFFF for value in results])
        for hook in self.after:
            changed = hook(call)
            if changed is not None:
                return changed
        if fault is not None:
            raise fault
        return answer

    def _answer(self, call: OsiHookCall, function: Callable[..., Any]) -> Any:
        answered, answer = _answer_first(self, call)
        return answer if answered else function(*call.arguments)


def _answer_first(hooked: _Hooked | _HookedSelector, call: Any) -> tuple[bool, Any]:
    """Call those who come before, and instead; whether one of them answers the call, and with what."""
    for hook in (*hooked.before, *hooked.instead):
        answer = hook(call)
        if answer is not None or hook in hooked.instead:
            return True, answer
    return False, None


def find_call(name: str) -> Service | Selector:
    """The row of a service, or of one of Mac-on-Linux's calls, whose names are in capitals.

    Raises:
        UsageError: there is none of this name.
    """
    if name.isupper():
        from vof.firmware.osi.table import SELECTORS

        calls = {row.name: row for row in SELECTORS.values() if row.device}
        if name in calls:
            return calls[name]
        near = get_close_matches(name, calls, 1)
        hint = f'did you mean "{near[0]}"?' if near else "`vof osi` lists those there are"
        raise UsageError(f'no call "{name}": {hint}')
    return find_service(name)


def find_service(name: str) -> Service:
    """The row of a service.

    Raises:
        UsageError: there is none of this name.
    """
    row = SERVICES.get(name)
    if row is None:
        near = get_close_matches(name, SERVICES, 1)
        hint = f'did you mean "{near[0]}"?' if near else "docs/services.md lists those there are"
        raise UsageError(f'no service "{name}": {hint}')
    return row
