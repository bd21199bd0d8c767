"""`Recording`: a run that was written to a file, to be read."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vof.errors import UsageError
from vof.events import ClientReturn, Event, Phase
from vof.trace.lines import VERSION, Line, event_of

__all__ = ["Recording", "is_recording", "read_lines"]

_CHUNK = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS
_MAGIC = b"\x1f\x8b"
_LONGEST = 1 << 26
"""Characters of a line: none that we write comes near, so a damaged or hostile file ends here."""


@dataclass(slots=True)
class Recording:
    """One run of a machine.

    Attributes:
        path: its file.
        header: what was recorded, and how; see `vof.trace.lines`.
        complete: whether its end is there; known once all of its lines were read.

    Its lines are read anew by each method that goes through them.
    """

    path: Path
    header: Line
    complete: bool = field(default=False, init=False)

    @classmethod
    def open(cls, path: str | Path) -> Recording:
        """Look into a file.

        Raises:
            UsageError: it can't be read, is no recording, or one of a later version.
        """
        path = Path(path)
        header = next(read_lines(path), None)
        if header is None or header.get("is") != "header":
            raise UsageError(f"{path} is no recording; `vof boot --record FILE` makes one")
        version = header.get("recording")
        if version != VERSION:
            raise UsageError(f"{path} is a recording of version {version!r:.20}; this vof reads version {VERSION}")
        return cls(path, header)

    @property
    def machine(self) -> str:
        """The machine's name."""
        name: str = self.header["machine"]
        return name

    def lines(self) -> Iterator[Line]:
        """Every line, as it was written."""
        self.complete = False
        for line in read_lines(self.path):
            if line["is"] in ("header", "end"):  # of several runs, the last one counts
                self.complete = line["is"] == "end"
            yield line

    def boots(self) -> Iterator[Line]:
        """The line of each start of the firmware: what it was given, and its tree."""
        return (line for line in self.lines() if line["is"] == "boot")

    def events(self) -> Iterator[Event]:
        """Every event but the calls' beginnings, in the order in which they came to an end."""
        return events_of(self.lines())

    def calls(self) -> Iterator[ClientReturn]:
        """The client calls, in the order in which they returned."""
        return (event for event in self.events() if type(event) is ClientReturn)

    def console(self) -> bytes:
        """All that was shown on the console."""
        return b"".join(line["data"].encode("latin-1") for line in self.lines() if line["is"] == "out")


def events_of(lines: Iterable[Line]) -> Iterator[Event]:
    """The events that lines tell."""
    paths: dict[int, str] = {}
    phase = engine = trap = ""
    for line in lines:
        kind = line["is"]
        if kind == "call":
            if "ports" in line:
                for nested in _nested(line):
                    paths.update(nested.get("names", ()))
                    event = event_of(nested, paths, phase=phase, engine=engine, trap=trap)
                    assert event is not None
                    yield event
            if "names" in line:
                paths.update(line["names"])  # a handle is never given to another
            event = event_of(line, paths, phase=phase, engine=engine, trap=trap)
        else:
            if kind == "boot":
                paths = {}
            elif kind == "header":
                engine, trap = line["engine"], line["trap"]
            event = event_of(line)
            if type(event) is Phase:
                phase = event.name
        if event is not None:
            yield event


def is_recording(path: Path) -> bool:
    """Whether a file is one."""
    try:
        first = next(read_lines(path), None)
    except UsageError:
        return False
    return first is not None and first.get("is") == "header"


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file; where it was cut off, those that are whole.

    Raises:
        UsageError: it can't be read, or is no recording.
    """
    kept: list[bytes] = []
    size = 0
    for data in _decompress(path):
        cut = data.rfind(b"\n")
        if cut >= 0:
            yield from _parse(path, b"".join([*kept, data[:cut]]))
            kept.clear()
            size = 0
        kept.append(data[cut + 1 :])
        size += len(kept[-1])
        if size > _LONGEST:
            raise UsageError(f"{path} is damaged: a line has no end")


def _parse(path: Path, text: bytes) -> Iterator[Line]:
    try:
        # One list for all: a call of the parser for each line takes twice as long.
        lines: Iterable[Any] = json.loads(b"[%b]" % text.replace(b"\n", b","))
    except (ValueError, RecursionError):
        lines = map(_parse_line, text.split(b"\n"))  # as far as they are sound
    for line in lines:
        if not isinstance(line, dict):
            raise UsageError(f"{path} is damaged, or no recording")
        if "is" not in line:
            raise UsageError(f"{path} is no recording; `vof boot --record FILE` makes one")
        yield line


def _parse_line(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _decompress(path: Path) -> Iterator[bytes]:
    """The file's contents; of a file that was cut off, all that is there."""
    try:
        with path.open("rb") as file:
            data = file.read(_CHUNK)
            if data[:2] != _MAGIC:
                raise UsageError(f"{path} is no recording; `vof boot --record FILE` makes one")
            member = zlib.decompressobj(_GZIP)
            while data:
                piece = member.decompress(data, _CHUNK)
                if piece:
                    yield piece
                if member.eof:
                    data = member.unused_data or file.read(_CHUNK)
                    member = zlib.decompressobj(_GZIP)
                else:
                    data = member.unconsumed_tail or file.read(_CHUNK)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except zlib.error:
        raise UsageError(f"{path} is damaged: its compressed data can't be read") from None


def _nested(line: Line) -> Iterator[Line]:
    """The calls that were made inside of a call, the innermost first."""
    for _, _, _, _, *calls in line.get("ports", ()):
        for each in calls:
            for call in each:
                yield from _nested(call)
                yield call
