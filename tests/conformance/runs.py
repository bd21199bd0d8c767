"""Runs of the conformance client on a machine, an engine and a trap; a run's transcript."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build import GUESTS, build_c
from subtree import flattened, install_methods

from vof.events import ConsoleOutput, Event, Phase
from vof.vm import VM

__all__ = ["ENDINGS", "MEMORY", "Row", "build", "transcript"]

MEMORY = 256 << 20
ENDINGS = ("", "exit", "exit-in-callback", "boot", "chain", "chain-in-callback", "enter", "quiesce")
"""What the client is told to end with, one run each; in the first it runs all groups."""
_PATIENCE = 60.0
_ENDED = ("ended", "reset")


@dataclass(frozen=True, slots=True)
class Row:
    """What the client runs on.

    Attributes:
        machine, engine, trap: as for `VM`.
        bits, endian: what the client is built for.
        options: more for `VM`.
    """

    machine: str
    engine: str
    trap: str
    bits: int
    endian: str
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        more = [f"{name}={value}" for name, value in self.options]
        return "-".join([self.machine, self.engine, self.trap, f"{self.bits}{self.endian}", *more])


def build(row: Row, folder: Path) -> Path:
    """The client, as the row wants it."""
    sources = sorted((GUESTS / "conformance").glob("*.c"))
    return build_c("conformance", row.bits, row.endian, folder, sources=sources)


def transcript(row: Row, client: Path, endings: Iterable[str] = ENDINGS) -> str:
    """All runs on a row, one after the other, with a headline for each and how it ended."""
    overlay = client.with_suffix(".dtb")
    overlay.write_bytes(flattened(_memory(row)))
    runs = []
    for ending in endings:
        arguments = f"end={ending}" if ending else ""
        runs.append(f"= {arguments or 'all groups'}\n{_run(row, client, overlay, arguments)}")
    return "\n".join(runs)


def _memory(row: Row) -> int:
    """Bytes of RAM: fewer where the machine takes no more."""
    given = dict(row.options).get("memory", "")
    return int(given.removesuffix("M")) << 20 if given else MEMORY


def _run(row: Row, client: Path, overlay: Path, arguments: str) -> str:
    shown = bytearray()
    ends: list[Phase] = []

    def hear(event: Event) -> None:
        if isinstance(event, ConsoleOutput):
            shown.extend(event.data)
        elif isinstance(event, Phase) and event.name in _ENDED:
            ends.append(event)
            vm.quit()  # it would start again after a reset

    options = {
        "machine": row.machine,
        "engine": row.engine,
        "trap": row.trap,
        "kernel": str(client),
        "memory": f"{_memory(row) >> 20}M",
        "append": arguments,
        "dtb": str(overlay),
        **dict(row.options),
    }
    with VM(**options) as vm:
        vm.listen(hear)
        vm.run_to_client()
        assert vm.firmware is not None
        install_methods(vm.firmware)
        vm.wait(_PATIENCE)
    text = shown.decode("latin-1").replace("\r\n", "\n")
    end = f"{ends[0].name}: {ends[0].detail}" if ends else f"still running after {_PATIENCE:g} s"
    return f"{text}{'' if text.endswith(chr(10)) else chr(10)}= {end}\n"
