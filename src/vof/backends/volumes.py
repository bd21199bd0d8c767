"""Partitions and files of disks, read by a worker process that a damaged image may crash without taking us along.

The library that knows them is C and reads what a guest may have written, so it runs in `vof.reader`. The worker is
started when it is first asked something, and serves all disks. It is killed when it takes too long or
says what no honest worker says; then, or when it has died, the next question starts another. It reads through this
side, from the `Block` of the question, so overlays, faults and replay hold.
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
from collections.abc import Mapping
from dataclasses import dataclass

import vof.reader
from vof.errors import PortError
from vof.ports import Block, Partition
from vof.reader.protocol import HEAD, READ, READ_LIMIT, Kind

__all__ = ["SCRIPT", "DiskFiles", "DiskPartitions", "Volumes"]

SCRIPT = os.path.join(os.path.dirname(vof.reader.__file__), "main.py")
"""What is started."""
_DEADLINE = 10.0
_ANSWER_LIMIT = 2 << 20
_REASON_LIMIT = 200


class Volumes:
    """The worker, and what it is asked. One serves all disks of a VM; it is used by one thread.

    Args:
        deadline: seconds that a question may take, the start of the worker included.
    """

    def __init__(self, *, deadline: float = _DEADLINE) -> None:
        self.deadline = deadline
        self._worker: _Worker | None = None
        self._closed = False
        _volumes.add(self)

    @property
    def pid(self) -> int | None:
        """The worker's process number, if there is one now."""
        return None if self._worker is None else self._worker.process.pid

    def partitions(self, block: Block) -> DiskPartitions:
        """The partitions of a disk. Nothing is read or started yet."""
        return DiskPartitions(self, block)

    def files(self, block: Block) -> DiskFiles:
        """The files on a disk. Nothing is read or started yet."""
        return DiskFiles(self, block)

    def ask(self, block: Block, operation: str, arguments: Mapping[str, object]) -> dict[str, object]:
        """Ask the worker something about a disk.

        Args:
            block: the disk that it may read meanwhile.
            operation: a row of `vof.reader.main.OPERATIONS`.
            arguments: what that takes; plain values.

        Returns:
            Its answer, unchecked: it was made from a guest's bytes. A part of a file is under `bytes`.

        Raises:
            PortError: there is no answer: the reason is the worker's, or what became of it.
        """
        if self._closed:
            raise PortError("the virtual machine has ended")
        end = time.monotonic() + self.deadline
        try:
            if self._worker is None or self._worker.process.poll() is not None:
                self._stop()  # somebody may have killed it since
                self._worker = _Worker()
            question = {**arguments, "do": operation, "size": block.size}
            self._worker.send(Kind.QUESTION, json.dumps(question).encode(), end)
            return self._converse(self._worker, block, end)
        except _Refused as refused:
            raise PortError(str(refused)) from None
        except TimeoutError:
            self._stop()
            raise PortError(f"no answer about what is on the disk within {self.deadline:g} s") from None
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

    def close(self) -> None:
        """End the worker. May be called more than once; questions after it fail."""
        self._closed = True
        self._stop()

    def _converse(self, worker: _Worker, block: Block, end: float) -> dict[str, object]:
        """Serve the worker's reads until it has an answer. Nothing that it says is trusted."""
        while True:
            kind, payload = worker.receive(end)
            if kind == Kind.ANSWER:
                answer = json.loads(payload)
                if not isinstance(answer, dict):
                    raise ValueError("an answer that is none")
                return answer
            if kind == Kind.BYTES:
                return {"bytes": payload}
            if kind == Kind.FAILED:
                reason = payload[:_REASON_LIMIT].decode(errors="replace")
                raise _Refused("".join(c if c.isprintable() else "?" for c in reason))
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
        answer = self.volumes.ask(self.block, "list", {}).get("partitions")
        partitions = []
        for entry in answer if isinstance(answer, list) else ():
            try:
                partition = Partition(**entry)
            except TypeError:
                raise PortError("the reader of disks is out of its mind") from None
            if 0 <= partition.start < self.block.size:
                partitions.append(partition._replace(size=min(partition.size, self.block.size - partition.start)))
        return partitions


class DiskFiles:
    """The port `Files` of one disk.

    Args:
        volumes: who reads its file systems.
        block: the disk.
    """

    def __init__(self, volumes: Volumes, block: Block) -> None:
        self._volumes = volumes
        self._block = block
        self._next: tuple[int, str, int] | None = None

    def size(self, partition: int, path: str) -> int:
        """Port `Files`."""
        answer = self._ask("stat", partition, path=path)
        size = answer.get("size")
        if answer.get("folder"):
            raise PortError(f"{path} is a folder")
        if not isinstance(size, int) or size < 0:
            raise PortError(f"{path} has no size that can be")
        self._next = partition, path, 0
        return size

    def read(self, partition: int, path: str, offset: int, length: int) -> bytes:
        """Port `Files`."""
        goes_on = self._next == (partition, path, offset)
        length = min(length, READ_LIMIT)
        data = self._ask("read", partition, path=path, offset=offset, length=length, goes_on=goes_on).get("bytes")
        if not isinstance(data, bytes) or len(data) > length:
            raise PortError(f"{path} can't be read")
        self._next = partition, path, offset + len(data)
        return data

    def list(self, partition: int, path: str) -> list[str]:
        """Port `Files`."""
        names = self._ask("names", partition, path=path).get("names")
        return [str(name) for name in names] if isinstance(names, list) else []

    def blessed(self, partition: int, kind: str) -> str:
        """Port `Files`."""
        return str(self._ask("blessed", partition, type=kind).get("path", ""))

    def _ask(self, operation: str, partition: int, **arguments: object) -> dict[str, object]:
        self._next = None
        return self._volumes.ask(self._block, operation, {**arguments, "partition": partition, "key": id(self)})


class _Refused(Exception):
    """The worker's honest no."""


class _Worker:
    """The process and the socket to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            self.process = subprocess.Popen(
                # -P: the modules beside the script are not to be found by their bare names
                [sys.executable, "-P", SCRIPT],
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
            return f"died ({signal.strsignal(-code)}): what is on the disk may be damaged"
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
        data = bytearray()
        while len(data) < length:
            self._wait_at_most(end)
            piece = self.socket.recv(length - len(data))
            if not piece:
                raise ConnectionError("it hung up")
            data += piece
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
