"""Partitions and files of disks, read by a worker process that a damaged image may crash without taking us along.

The library that knows tables and file systems is C and reads what a guest may have written, so it runs in
`volume_worker`. The worker is started when a partition is first looked for, and serves all disks. It is killed when
it takes too long or says what no honest worker says; then, or when it has died, the next question starts another. It
reads through this side, from the `Block` of the question, so overlays, faults and replay hold.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from vof.backends import volume_worker
from vof.backends.volume_worker import HEAD, READ, READ_LIMIT, Kind
from vof.errors import PortError
from vof.ports import Block, Partition

__all__ = ["DiskFiles", "DiskPartitions", "Volumes"]

_DEADLINE = 10.0
_ANSWER_LIMIT = 1 << 20
_REASON_LIMIT = 200
_KINDS = {"number": int, "start": int, "size": int, "kind": str, "name": str, "active": bool}
_T = TypeVar("_T")


class Volumes:
    """The worker, and what it is asked. One serves all disks of a VM; it is used by one thread.

    Args:
        deadline: seconds that a question may take, the start of the worker included.
    """

    def __init__(self, *, deadline: float = _DEADLINE) -> None:
        self.deadline = deadline
        self._worker: _Worker | None = None
        self._closed = False
        self._disks = 0
        _volumes.add(self)

    @property
    def pid(self) -> int | None:
        """The worker's process number, if there is one now."""
        return None if self._worker is None else self._worker.process.pid

    def partitions(self, block: Block) -> DiskPartitions:
        """The partitions of a disk. Nothing is read or started yet."""
        return DiskPartitions(self, block)

    def files(self, block: Block, generation: Callable[[], int] | None = None) -> DiskFiles:
        """The files of a disk. Nothing is read or started yet.

        Args:
            block: the disk.
            generation: a number that changes with each write to the disk and whatever else changes its content. With
                it the worker keeps a file system open from question to question; without it each opens it anew.
        """
        self._disks += 1
        return DiskFiles(self, block, self._disks, generation)

    def ask(self, block: Block, operation: str, arguments: Mapping[str, object]) -> dict[str, object]:
        """Ask the worker something about a disk.

        Args:
            block: the disk that it may read meanwhile.
            operation: a row of `volume_operations.Operations`.
            arguments: what that takes; plain values.

        Returns:
            Its answer, unchecked: it was made from a guest's bytes.

        Raises:
            PortError: there is no answer: the reason is the worker's, or what became of it.
        """
        answer: dict[str, object] = self._ask(block, operation, arguments, Kind.ANSWER, _parse)
        return answer

    def ask_bytes(self, block: Block, operation: str, arguments: Mapping[str, object]) -> bytes:
        """As `ask`, for an operation whose answer is bytes: at most `READ_LIMIT`."""
        return self._ask(block, operation, arguments, Kind.DATA, bytes)

    def close(self) -> None:
        """End the worker. May be called more than once; questions after it fail."""
        self._closed = True
        self._stop()

    def _ask(
        self, block: Block, operation: str, arguments: Mapping[str, object], kind: bytes, parse: Callable[[bytes], _T]
    ) -> _T:
        if self._closed:
            raise PortError("the virtual machine has ended")
        end = time.monotonic() + self.deadline
        try:
            if self._worker is None or self._worker.process.poll() is not None:
                self._stop()  # somebody may have killed it since
                self._worker = _Worker()
            question = {**arguments, "do": operation, "size": block.size}
            self._worker.send(Kind.QUESTION, json.dumps(question).encode(), end)
            return parse(self._converse(self._worker, block, kind, end))
        except _Refused as refused:
            raise PortError(str(refused)) from None
        except TimeoutError:
            self._stop()
            raise PortError(f"no answer about the disk within {self.deadline:g} s") from None
        except OSError as error:
            died = "" if self._worker is None else self._worker.how_it_died()
            self._stop()
            raise PortError(f"the reader of disks {died or f'failed: {error}'}") from None
        except (ValueError, RecursionError) as error:  # JSON's errors are among them
            self._stop()
            raise PortError(f"the reader of disks is out of its mind: {error}") from None
        except BaseException:  # a keyboard interrupt, or the disk's own error: the conversation is out of step
            self._stop()
            raise

    def _converse(self, worker: _Worker, block: Block, wanted: bytes, end: float) -> bytes:
        """Serve the worker's reads until it has an answer. Nothing that it says is trusted."""
        while True:
            kind, payload = worker.receive(end)
            if kind == wanted:
                return payload
            if kind == Kind.FAILED:
                reason = payload[:_REASON_LIMIT].decode(errors="replace")
                raise _Refused(_printable(reason))
            if kind != Kind.READ or len(payload) != READ.size:
                raise ValueError("a message that is none")
            offset, length = READ.unpack(payload)
            if length > READ_LIMIT:
                raise ValueError(f"it asked for {length} bytes")
            try:
                data = block.read(offset, length)
            except PortError as error:
                worker.send(Kind.FAILED, str(error).encode(errors="replace"), end)
            else:
                worker.send(Kind.DATA, data, end)

    def _stop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()

    def _forget(self) -> None:
        """In a forked child: the worker is the parent's, and must see that one alone."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.process.returncode = 0  # not our child: nothing to wait for
            worker.let_go()


@dataclass(frozen=True, slots=True)
class DiskPartitions:
    """The port `Partitions` of one disk.

    Attributes:
        volumes: who reads its table, anew each time: the guest may have written one.
        block: the disk.
    """

    volumes: Volumes
    block: Block

    def find(self, number: int) -> tuple[int, int]:
        """Port `Partitions`."""
        answer = self.volumes.ask(self.block, "find", {"number": number})
        start, size = answer.get("start"), answer.get("size")
        if not isinstance(start, int) or not isinstance(size, int) or not 0 <= start < self.block.size or size < 0:
            raise PortError(f"partition {number} lies outside the disk")
        return start, min(size, self.block.size - start)

    def list(self) -> list[Partition]:
        """Port `Partitions`."""
        rows = self.volumes.ask(self.block, "list", {}).get("partitions")
        if not isinstance(rows, list):
            raise PortError("the disk's partitions can't be listed")
        found = [_partition(row, self.block.size) for row in rows]
        return [partition for partition in found if partition is not None]


@dataclass(frozen=True, slots=True)
class DiskFiles:
    """The port `Files` of one disk; `Volumes.files` makes it.

    Attributes:
        volumes: who reads it.
        block: the disk.
        number: what the worker keeps things under.
        generation: see `Volumes.files`.
    """

    volumes: Volumes
    block: Block
    number: int
    generation: Callable[[], int] | None = None

    def size(self, partition: int, path: str) -> int:
        """Port `Files`."""
        size = self._ask("file-size", partition, path).get("size")
        if not isinstance(size, int) or not 0 <= size < 1 << 63:
            raise PortError(f"{path} has a size that no file has")
        return size

    def read(self, partition: int, path: str, offset: int, length: int) -> bytes:
        """Port `Files`. What it takes is as long as what there is: a caller bounds `length` by his own room."""
        if offset < 0 or length < 0:
            raise PortError(f"{length} bytes from {offset} are in no file")
        pieces = []
        while length > 0:
            asked = min(length, READ_LIMIT)
            question = self._question(partition, path, offset=offset, length=asked)
            data = self.volumes.ask_bytes(self.block, "file-read", question)
            if len(data) > asked:
                raise PortError(f"{path} can't be read: the reader of disks is out of its mind")
            pieces.append(data)
            if len(data) < asked:
                break
            offset += asked
            length -= asked
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def list(self, partition: int, path: str) -> list[str]:
        """Port `Files`."""
        names = self._ask("file-list", partition, path).get("names")
        if not isinstance(names, list):
            raise PortError(f"{path} can't be listed")
        return [name for name in names if isinstance(name, str)]

    def blessed(self, partition: int) -> str:
        """Port `Files`."""
        return self._path(self._ask("file-blessed", partition, ""))

    def of_type(self, partition: int, folder: str, kind: str) -> str:
        """Port `Files`."""
        return self._path(self._ask("file-of-type", partition, folder, kind=kind))

    def _path(self, answer: Mapping[str, object]) -> str:
        path = answer.get("path")
        if not isinstance(path, str):
            raise PortError("the reader of disks found no path")
        return path

    def _ask(self, operation: str, partition: int, path: str, **more: object) -> dict[str, object]:
        return self.volumes.ask(self.block, operation, self._question(partition, path, **more))

    def _question(self, partition: int, path: str, **more: object) -> dict[str, object]:
        kept = {} if self.generation is None else {"disk": self.number, "generation": self.generation()}
        return {"partition": partition, "path": path, **more, **kept}


def _parse(payload: bytes) -> dict[str, object]:
    answer = json.loads(payload)
    if not isinstance(answer, dict):
        raise ValueError("an answer that is none")
    return answer


def _partition(row: object, size: int) -> Partition | None:
    """What the worker says of a partition, as far as it lies on the disk; nothing of it is trusted."""
    if not isinstance(row, dict):
        return None
    try:
        found = Partition(**row)
    except TypeError:
        return None
    sound = all(type(getattr(found, field)) is _KINDS[field] for field in Partition._fields)
    if not sound or not 0 <= found.start < size or found.size < 0:
        return None
    kind, name = _printable(found.kind), _printable(found.name)
    return found._replace(size=min(found.size, size - found.start), kind=kind, name=name)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text)


class _Refused(Exception):
    """The worker's honest no."""


class _Worker:
    """The process and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            self.process = subprocess.Popen(
                # -P: the modules beside the script are not to be found by their bare names
                [sys.executable, "-P", volume_worker.__file__],
                stdin=subprocess.PIPE,  # never written to: its end tells the worker that we are gone
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # the terminal's keys are not for it
                cwd="/",
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.socket = ours

    def send(self, kind: bytes, payload: bytes, end: float) -> None:
        self._wait_at_most(end)
        self.socket.sendall(HEAD.pack(kind, len(payload)) + payload)

    def receive(self, end: float) -> tuple[bytes, bytes]:
        kind, length = HEAD.unpack(self._exactly(HEAD.size, end))
        if length > _ANSWER_LIMIT:
            raise ValueError(f"a message of {length} bytes")
        return kind, self._exactly(length, end)

    def how_it_died(self) -> str:
        """What ended it, if it was not us."""
        try:
            code = self.process.wait(1)
        except subprocess.TimeoutExpired:
            return ""
        if code < 0:
            return f"died ({signal.strsignal(-code)}): the disk's partition table or file system may be damaged"
        return f"ended with status {code}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.let_go()

    def let_go(self) -> None:
        self.socket.close()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def _exactly(self, length: int, end: float) -> bytes:
        data = bytearray(length)
        rest = memoryview(data)
        while rest:
            self._wait_at_most(end)
            count = self.socket.recv_into(rest)
            if not count:
                raise ConnectionError("it hung up")
            rest = rest[count:]
        return bytes(data)

    def _wait_at_most(self, end: float) -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.socket.settimeout(left)


_volumes: weakref.WeakSet[Volumes] = weakref.WeakSet()


def _forked() -> None:
    # A child that never calls exec would keep the pipe open when this process dies, and mix its words with ours.
    for volumes in list(_volumes):
        with contextlib.suppress(OSError):
            volumes._forget()


os.register_at_fork(after_in_child=_forked)
