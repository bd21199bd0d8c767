"""`--break`: the machine stops at a client call, and the user looks around."""

from __future__ import annotations

import os
import shlex
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from vof.cli.report import say
from vof.errors import GuestFault, UsageError

if TYPE_CHECKING:
    from vof.backends import UserEnd
    from vof.events import ClientReturn, Event, OsiCall
    from vof.tree import Node
    from vof.vm import VM
    from vof.vm.hooks import Call, OsiHookCall

__all__ = ["BreakPrompt", "set_breaks"]

_ANY = "*"
_FAILED = "failed"
_KEPT = 100
_SHOWN = 10
_DUMPED = 64
_DUMP_LIMIT = 4096
_LINE = 16


def set_breaks(vm: VM, values: Sequence[str]) -> None:
    """Have a machine stop at the calls that `--break` values name, and have its prompt on the terminal.

    Raises:
        UsageError: one names none.
    """
    prompt = BreakPrompt(vm)
    vm.prompt = prompt.run
    for value in values:
        _set(vm, prompt, value)


def _set(vm: VM, prompt: BreakPrompt, value: str) -> None:
    from vof.firmware.table import SERVICES
    from vof.vm.hooks import find_call

    service, colon, text = value.partition(":")
    names = [*SERVICES, *_mol_calls(vm)] if service == _ANY else [find_call(service).name]
    failed = text == _FAILED
    wanted: int | None = None
    if colon and not failed:
        try:
            wanted = int(text, 0) & 0xFFFFFFFF
        except ValueError:
            raise UsageError(
                f"--break {value}: after the colon comes the result to stop at, a number or {_FAILED}, as in claim:-1"
            ) from None

    def look(call: Call | OsiHookCall) -> None:
        if failed and not call.fault:
            return
        if wanted is not None and call.results[:1] != (wanted,):
            return
        prompt.why = f"--break {value}"
        call.prompt()

    for name in names:
        vm.on(name, "after")(look)


def _mol_calls(vm: VM) -> list[str]:
    """The names of Mac-on-Linux's calls, where the machine has any."""
    if vm.config.profile.name != "mol":
        return []
    from vof.firmware.osi.table import SELECTORS

    return [row.name for row in SELECTORS.values() if row.device]


class BreakPrompt:
    """A prompt between two client calls, or two of Mac-on-Linux's.

    Attributes:
        why: what it is there for.
    """

    def __init__(self, vm: VM) -> None:
        from vof.events import ClientReturn, OsiCall

        self.why = ""
        self._vm = vm
        self._calls: deque[ClientReturn | OsiCall] = deque(maxlen=_KEPT)
        self._stepping = False
        self._again = False
        vm.listen(self._hear, ClientReturn, OsiCall)

    def run(self) -> None:
        """Let the user look around until he wants the machine to go on, or to end."""
        from vof.vm import EndReason

        vm, why = self._vm, self.why or "the client program asked for the prompt"
        self.why = ""
        if not (os.isatty(0) and os.isatty(1)):
            self._show_calls(_SHOWN)
            vm.end(EndReason.BREAK, f"stopped at a call ({why}), and there is no terminal to ask at")
            return
        with suppress(ImportError):
            import readline

            assert readline  # line editing and history for input()
        end: UserEnd = vm.console.user
        lend, take_back = getattr(end, "lend", _nothing), getattr(end, "take_back", _nothing)
        lend()
        try:
            say(f"{why}; help lists the commands")
            self._show_calls(1)
            self._ask()
        finally:
            take_back()

    def _ask(self) -> None:
        while True:
            try:
                words = shlex.split(input("vof> "))
            except EOFError:
                print()
                self._quit()
                return
            except ValueError as error:
                print(f"{error}: close what is open")
                continue
            name, *arguments = words or ["help"]
            command = _COMMANDS.get(name)
            if command is None:
                print(f'no command "{name}"; help lists those there are')
                continue
            try:
                if command[1](self, arguments):
                    return
            except (UsageError, GuestFault) as error:
                print(error)

    def _hear(self, event: Event) -> None:
        from vof.events import ClientReturn, OsiCall

        if isinstance(event, ClientReturn | OsiCall):
            self._calls.append(event)
            if self._stepping:
                self._stepping = False
                self.why = "step"
                self._vm.ask_for_prompt()

    # Commands: each says whether the prompt is over

    def _go(self, arguments: list[str]) -> bool:
        return True

    def _step(self, arguments: list[str]) -> bool:
        self._stepping = True
        return True

    def _quit(self, arguments: Sequence[str] = ()) -> bool:
        self._vm.quit()
        return True

    def _list_calls(self, arguments: list[str]) -> bool:
        self._show_calls(_number(arguments[0]) if arguments else _SHOWN)
        return False

    def _list_nodes(self, arguments: list[str]) -> bool:
        node = self._node(arguments)
        for child in node.children:
            print(f"{child.phandle:#010x}  {child.path}")
        return False

    def _properties(self, arguments: list[str]) -> bool:
        from vof.tree import assignment

        for name, value in self._node(arguments).properties.items():
            print(f"{name}{assignment(value)}")
        return False

    def _dump(self, arguments: list[str]) -> bool:
        if not arguments:
            raise UsageError("dump ADDRESS [LENGTH]")
        address = _number(arguments[0])
        length = _number(arguments[1]) if len(arguments) > 1 else _DUMPED
        firmware = self._vm.firmware
        assert firmware is not None
        data = firmware.memory.read(address, min(length, _DUMP_LIMIT))
        for start in range(0, len(data), _LINE):
            line = data[start : start + _LINE]
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in line)
            print(f"{address + start:08x}  {line.hex(' ', 4):{_LINE * 2 + 3}}  {text}")
        return False

    def _claims(self, arguments: list[str]) -> bool:
        from vof.machines.machine import memory_nodes
        from vof.tree import child_address_cells, child_size_cells, decode_reg

        for node in memory_nodes(self._vm.tree):
            above = node.parent
            assert above is not None
            free = decode_reg(node.properties["available"], child_address_cells(above), child_size_cells(above))
            for start, size in free:
                print(f"free {start:#010x} … {start + size - 1:#010x}  {size >> 10} KiB")
        return False

    def _help(self, arguments: list[str]) -> bool:
        for name, (text, _) in _COMMANDS.items():
            print(f"  {name:<12} {text}")
        return False

    def _show_calls(self, count: int) -> None:
        from vof.events import OsiCall
        from vof.trace.call_text import call_text
        from vof.trace.osi_text import osi_text

        for event in list(self._calls)[-count:] if count > 0 else ():
            print(osi_text(event) if isinstance(event, OsiCall) else call_text(event), file=sys.stderr)

    def _node(self, arguments: list[str]) -> Node:
        path = arguments[0] if arguments else "/"
        node = self._vm.tree.find(path)
        if node is None:
            raise UsageError(f'no device "{path}"')
        return node


_COMMANDS: dict[str, tuple[str, Callable[[BreakPrompt, list[str]], bool]]] = {
    "go": ("go on", BreakPrompt._go),
    "step": ("go on to the next call", BreakPrompt._step),
    "calls": ("[N]: the last calls", BreakPrompt._list_calls),
    "ls": ("[PATH]: a node's children", BreakPrompt._list_nodes),
    ".properties": ("[PATH]: a node's properties", BreakPrompt._properties),
    "dump": ("ADDRESS [LENGTH]: guest memory, as the firmware reaches it", BreakPrompt._dump),
    "claims": ("what of memory is free", BreakPrompt._claims),
    "quit": ("end the machine", BreakPrompt._quit),
    "help": ("this", BreakPrompt._help),
}


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise UsageError(f'"{text}" is no number; write 4096 or 0x1000') from None


def _nothing() -> None:
    pass
