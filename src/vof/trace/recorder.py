"""`Recorder`: writes a run to a file, such that it can be read, compared and replayed.

It stands between the firmware and its ports: each question with its answer goes into the recording, and so does what
the firmware reads of guest memory. Nothing else can make a firmware answer differently.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal

from vof.errors import PortError, UsageError
from vof.events import ClientReturn, Event
from vof.memory import MemoryAccess
from vof.outcomes import Departed, Suspended, describe
from vof.trace.lines import Line, call_line, event_line, port_value, shortened, written_value
from vof.trace.recording import is_recording
from vof.trace.watcher import digest_of

__all__ = ["METHODS", "Recorder"]

METHODS: Mapping[str, tuple[str, ...]] = {
    "block": ("read", "write"),
    "bus": ("run",),
    "clock": ("milliseconds", "sleep", "wall"),
    "console": ("write", "read", "wait"),
    "cpu": ("call",),
    "files": ("size", "read", "list", "blessed", "of_type"),
    "hypervisor": ("hypercall",),
    "network": ("send", "receive"),
    "partitions": ("find", "list"),
    "store": ("read", "write"),
}
"""The methods of each port but `Memory`."""
_CONSTANTS = ("block_size", "size", "mac")
_WITHOUT = ("partitions", "files")
"""Ports that have none of these."""
_WHOLE_READ = 1 << 20
"""Bytes of guest memory read at once which are written out: the firmware's answer rests on them."""
_REPEATED = 1 << 12
"""Bytes of guest memory from which on the same data is written out once only."""
_EVERY = 0.25
"""Seconds between two moments at which all is on the disk."""
_LITTLE = 8
"""Lines that are written while the guest may call at any moment."""
_LEVEL = 6
_GZIP = 16 + zlib.MAX_WBITS

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Recorder:
    """Writes a recording. Lines are kept for a moment, and written where the run waits anyway or has gone on for long.

    Args:
        path: the file. One that is there is replaced, as the run begins, if it is a recording, and else left alone.
        append: add a run to the recording that is there, if there is one.

    Raises:
        UsageError: the file can't be written, or is something else.
    """

    def __init__(self, path: str | Path, *, append: bool = False) -> None:
        self.path = Path(path)
        _check(self.path)
        self.aside: tuple[Callable[[], None], Callable[[], None]] = (_nothing, _nothing)
        self._mode: Literal["ab", "wb"] = "ab" if append else "wb"
        self._file: BinaryIO | None = None
        self._packer = zlib.compressobj(_LEVEL, wbits=_GZIP)
        self._waiting: list[Line] = []
        self._asked: list[Any] | None = None
        self._calls: list[Line] | None = None
        self._constants: dict[str, dict[str, Any]] = {}
        self._names: dict[int, str] = {}
        self._kept: set[str] = set()
        self._virtual = False
        self._flushed = time.monotonic()

    def write_header(self, header: Line, *, virtual_clock: bool) -> None:
        """Begin a run. From here on every method may raise `UsageError`, once: the file can't be written any more.

        Args:
            header: what to say of it; see `vof.trace.lines`.
            virtual_clock: whether the machine's clock is none of the host's.
        """
        try:
            self._file = self.path.open(self._mode, buffering=0)
        except OSError as error:
            raise UsageError(f"--record {self.path}: {error.strerror}") from None
        self._virtual = virtual_clock
        self._write({"is": "header", **header})
        self.flush()

    def port(self, name: str, kind: str, port: Any) -> Any:
        """A port whose every call is recorded.

        Args:
            name: what to call it: its kind, or with a number, `block0`.
            kind: a key of `METHODS`.
            port: the port.
        """
        names = () if kind in _WITHOUT else _CONSTANTS
        constants = {each: getattr(port, each) for each in names if hasattr(port, each)}
        if constants:
            self._constants[name] = {
                each: value.decode("latin-1") if isinstance(value, bytes) else value
                for each, value in constants.items()
            }
        return _RecordedPort(self, name, kind, port)

    # A firmware's start

    def begin_boot(self) -> None:
        """A machine is about to make its firmware."""
        self._asked = []
        self._names.clear()

    def end_boot(self, facts: Line, log: Sequence[MemoryAccess]) -> None:
        """It has.

        Args:
            facts: what it was given, and its tree.
            log: the accesses to memory.
        """
        line = {"is": "boot", **facts, "constants": self._constants}
        self._add_log(line, log)
        line["wrote"] = [[address, port_value(data)] for wrote, address, data in log if wrote]
        self._write(line)
        self.flush()

    # Calls

    def begin(self) -> None:
        """A client call begins."""
        self._asked = []

    def keep(self, event: ClientReturn, log: list[MemoryAccess]) -> None:
        """A client call ended, with these accesses to memory."""
        line = call_line(event)
        if self._virtual:
            line["clock"] = event.clock // 1000
        names = {handle: path for handle, path in event.paths.items() if self._names.get(handle) != path}
        if names:
            self._names |= names
            line["names"] = [*names.items()]
        if event.writes:
            line["wrote"] = [written_value(write) for write in event.writes]
        self._add_log(line, log)
        if self._calls is not None:
            self._calls.append(line)
        else:
            self._write(line)
            if time.monotonic() - self._flushed > _EVERY:
                self.flush()

    def hear(self, event: Event) -> None:
        """Take any other event."""
        line = event_line(event)
        if line is not None:
            self._write(line)
            if line["is"] == "phase":
                self.flush()

    def note(self, kind: str, **facts: Any) -> None:
        """Write a line of another kind."""
        self._write({"is": kind, **facts})

    def flush(self) -> None:
        """Have all on the disk that is known by now."""
        self._pack(len(self._waiting))
        self._put(self._packer.flush(zlib.Z_SYNC_FLUSH))
        self._flushed = time.monotonic()

    def tend(self) -> None:
        """Do a little of what there is to do; to be called while the guest is left to itself."""
        if time.monotonic() - self._flushed > _EVERY:
            self.flush()
        elif self._waiting:
            self._pack(_LITTLE)

    def close(self) -> None:
        """End the recording."""
        if self._file is not None:
            self._pack(len(self._waiting))
            self._put(self._packer.flush())
            self._file.close()
            self._file = None

    def ask(self, name: str, method: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Have a port do something, and write down what it answers."""
        asked = self._asked
        if asked is None:  # the guest's hypervisor, not the firmware
            return function(*arguments)
        entry: list[Any] = [name, method, port_value(arguments), None]
        asked.append(entry)
        try:
            answer = function(*arguments) if name != "cpu" else self._ask_guest(entry, function, arguments)
        except PortError as error:
            entry[3] = {"error": str(error)}
            raise
        except Departed as departed:
            entry[3] = {"departed": describe(departed.outcome)}
            raise
        except Suspended:
            self._asked = None
            raise
        entry[3] = port_value(answer)
        return answer

    def _ask_guest(self, entry: list[Any], function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        """Run a guest function: the client calls that it makes stand beside its answer."""
        asked, calls, aside = self._asked, self._calls, self.aside
        nested: list[Line] = []
        entry.append(nested)
        self._asked, self._calls = None, nested
        aside[0]()
        try:
            return function(*arguments)
        finally:
            aside[1]()
            self._asked, self._calls = asked, calls

    def _add_log(self, line: Line, log: Sequence[MemoryAccess]) -> None:
        line["reads"] = [[address, self._read_value(data)] for wrote, address, data in log if not wrote]
        if self._asked:
            line["ports"] = self._asked
        self._asked = None

    def _read_value(self, data: bytes | str | tuple[int, ...]) -> Any:
        if isinstance(data, str):
            return {"z": data}
        if isinstance(data, tuple) or len(data) < _REPEATED:
            return data if isinstance(data, tuple) else data.decode("latin-1")
        digest = digest_of(data)
        if digest in self._kept or len(data) > _WHOLE_READ:
            return shortened(data, 0)
        self._kept.add(digest)
        return {"whole": data.decode("latin-1"), "digest": digest}

    def _write(self, line: Line) -> None:
        self._waiting.append(line)

    def _pack(self, count: int) -> None:
        lines, self._waiting[:count] = self._waiting[:count], ()
        if lines:
            self._put(
                self._packer.compress(
                    "".join([_encode(line) + "\n" for line in lines]).encode("utf-8", "surrogatepass")
                )
            )

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        while self._file is not None and rest:
            try:
                rest = rest[self._file.write(rest) :]
            except OSError as error:
                self._file.close()
                self._file = None
                raise UsageError(f"--record {self.path}: {error.strerror}: it ends here") from None


class _RecordedPort:
    """Any port but `Memory`, for a firmware that is recorded."""

    def __init__(self, recorder: Recorder, name: str, kind: str, port: Any) -> None:
        self._port = port
        for method in METHODS[kind]:
            setattr(self, method, partial(recorder.ask, name, method, getattr(port, method)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_port"], name)


def _check(path: Path) -> None:
    """See whether a recording may be written there."""
    try:
        if path.exists():
            if path.stat().st_size > 0 and not is_recording(path):
                raise UsageError(f"--record {path}: the file is there and is no recording; it stays as it is")
        elif not os.access(path.parent, os.W_OK):
            why = "Permission denied" if path.parent.exists() else "No such file or directory"
            raise UsageError(f"--record {path}: {why}")
    except OSError as error:
        raise UsageError(f"--record {path}: {error.strerror}") from None


def _nothing() -> None:
    pass
