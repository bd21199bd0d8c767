"""The prompts of SLOF and OpenBIOS under QEMU, at which lines are typed."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = [
    "OPENBIOS",
    "RECORDS",
    "REPORT",
    "SLOF",
    "Answer",
    "Prompt",
    "one_liners",
    "read_answer",
    "read_records",
    "write_records",
]

RECORDS = Path(__file__).resolve().parent / "oracles"
_PLAIN = ("-nographic", "-vga", "none", "-prom-env", "auto-boot?=false")
SLOF = ("qemu-system-ppc64", "-machine", "pseries,x-vof=off", *_PLAIN)
OPENBIOS = ("qemu-system-ppc", "-machine", "g3beige", *_PLAIN)
REPORT = (
    ": cells-out depth begin dup while swap u. 1- repeat drop ; "
    ": report hex 3c emit 3c emit cells-out 3e emit 3e emit ;"
)
"""What each line ends with: the cells of the stack, the top first."""
_TIMEOUT, _BOOT = 5.0, 60.0
"""Seconds for a line, and for a start."""
_WIDTH = 75
_WORD = re.compile(r'\S*" [^"]*"\s*|\.?\( [^)]*\)\s*|\S+\s*')
_ERROR = re.compile(r"(?i)undefinedword|stackunderflow")
_REMARKS = re.compile(r"\S+ isn't unique\.|\b(ok|compiled)\n")
_NO_TEXT = re.compile(rb"\r|\x1b(\[[0-9;]*[A-Za-z]|[78])")
_PROMPT = re.compile(rb"(?m)^-?[0-9a-fA-F]+ > $")

Answer = tuple[tuple[int, ...], str] | None
"""The stack, the top first, and what was typed, without blanks; None where it was an error."""


class Prompt:
    """A machine at its prompt.

    Args:
        command: what starts it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._output = b""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def _start(self) -> None:
        self._output = b""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )
        assert self._process.stdout is not None
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._wait(_BOOT)
        for piece in ("device-end", *pieces(REPORT)):  # OpenBIOS has a package active, whose words would be these
            self.line(piece)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        self._selector.close()
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def ask(self, line: str) -> Answer:
        """Type a line on an empty stack. What fails is tried once more with a machine where nothing else failed."""
        for _ in range(2):
            try:
                self.line("clear hex")
                answer = read_answer("".join(map(self.line, pieces(f"{line} report"))))
            except (TimeoutError, EOFError):
                answer = None
            if answer is not None:
                return answer
            self._end()
            self._start()
        return None

    def line(self, line: str) -> str:
        """Type a line; what is printed up to the next prompt, without the line's echo."""
        assert self._process.stdin is not None
        self._output = b""
        self._process.stdin.write(line.encode("latin-1") + b"\r")
        printed = self._wait()
        return printed.rpartition(line)[2] if line in printed else printed

    def _wait(self, timeout: float = _TIMEOUT) -> str:
        """Wait for the prompt; what was printed before."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + timeout
        while not (found := _PROMPT.search(self._output)):
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f"{self._command[0]}: no prompt; it printed {self._output[-400:]!r}")
            data = os.read(self._process.stdout.fileno(), 65536)
            if not data:
                raise EOFError(f"{self._command[0]} ended; it printed {self._output[-400:]!r}")
            self._output = _NO_TEXT.sub(b"", self._output + data)
        return self._output[: found.start()].decode("latin-1")


def pieces(line: str) -> list[str]:
    """A line as several of at most 75 characters: OpenBIOS takes no more than 80; texts in it stay whole."""
    found = [""]
    for word in _WORD.findall(line):
        if len(found[-1]) + len(word) > _WIDTH:
            found.append("")
        found[-1] += word
    return [piece.strip() for piece in found]


def read_answer(printed: str) -> Answer:
    """What a line and its report printed."""
    found = re.search(r"<<([0-9a-fA-F ]*)>>", printed)
    if found is None:
        return None
    text = "".join(_REMARKS.sub(" ", printed[: found.start()]).split())
    if _ERROR.search(text):
        return None
    return tuple(int(cell, 16) for cell in found[1].split()), text


def one_liners() -> list[str]:
    """What is typed."""
    text = (Path(__file__).resolve().parent / "one_liners.txt").read_text()
    return [line for line in text.splitlines() if line and not line.startswith("# ")]


def write_records(path: Path, answers: dict[str, Answer]) -> None:
    """Write answers: after each line the cells of the stack, the top first, and what was typed; or `error`."""
    with path.open("w") as file:
        for line, answer in answers.items():
            file.write(f"{line}\n")
            file.write(
                "\terror\n" if answer is None else f"\t<<{' '.join(f'{cell:x}' for cell in answer[0])}>> {answer[1]}\n"
            )


def read_records(path: Path) -> dict[str, Answer]:
    """Read them."""
    lines = path.read_text().splitlines()
    answers: dict[str, Answer] = {}
    for line, record in zip(lines[::2], lines[1::2], strict=True):
        cells, _, text = record.strip("\t").removeprefix("<<").partition(">>")
        answers[line] = None if record == "\terror" else (tuple(int(cell, 16) for cell in cells.split()), text.strip())
    return answers
