"""Running a snapshot many times, in forked workers: each guest has a process of its own, which it may take down.

A hostile guest can end the process that Unicorn runs in (it can abort the library). So whoever runs many guests, or
guests that he doesn't trust, runs them here: a worker's death is one result that says so, and the others go on.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import selectors
import signal
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from vof.vm.snapshots import Snapshot
    from vof.vm.vm import VM

__all__ = ["Result", "run_in_workers"]

_Item = TypeVar("_Item")
_LENGTH = struct.Struct("!Q")
_CHUNK = 1 << 16
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Result(Generic[_Item]):
    """What became of one run.

    Attributes:
        item: what it was given.
        value: what the function returned.
        error: why there is no value, in one line; "" if there is one.
    """

    item: _Item
    value: object = None
    error: str = ""


def run_in_workers(
    vm: VM,
    snapshot: Snapshot,
    function: Callable[[VM, _Item], object],
    items: Iterable[_Item],
    *,
    workers: int = 2,
    timeout: float = 60,
) -> Iterator[Result[_Item]]:
    """Restore a snapshot for each item, and call the function with the VM and the item, in forked processes.

    Args:
        vm: the VM, which is left as it is.
        snapshot: the state that each run begins with.
        function: what to run. What it returns is pickled.
        items: one for each run. They need not be pickled.
        workers: how many processes at a time, at least 1.
        timeout: seconds that one run may take.

    Yields:
        A result for each item, as they come.
    """
    pool = _Pool(vm, snapshot, function, timeout)
    waiting = iter(items)
    try:
        for _ in range(max(1, workers)):
            pool.start_next(waiting)
        while pool.running:
            for worker, result in pool.wait():
                yield result
                pool.go_on(worker, waiting)
    finally:
        pool.close()


class _Worker(Generic[_Item]):
    """A child process. It is forked with its first item and is sent the rest."""

    def __init__(self, pid: int, results: int, orders: int, item: _Item, deadline: float) -> None:
        self.pid = pid
        self.results = results
        self.orders = orders
        self.item = item
        self.deadline = deadline
        self.received = bytearray()


class _Pool(Generic[_Item]):
    def __init__(self, vm: VM, snapshot: Snapshot, function: Callable[[VM, _Item], object], timeout: float) -> None:
        self._vm = vm
        self._snapshot = snapshot
        self._function = function
        self._timeout = timeout
        self._selector = selectors.DefaultSelector()
        self.running: dict[int, _Worker[_Item]] = {}

    def start_next(self, waiting: Iterator[_Item]) -> None:
        """Fork a worker for the next item, if there is one."""
        for item in waiting:
            self._fork(item)
            return

    def go_on(self, worker: _Worker[_Item], waiting: Iterator[_Item]) -> None:
        """Have a worker that is alive do the next item, and one that isn't be replaced."""
        if worker.pid not in self.running:
            self.start_next(waiting)
            return
        for item in waiting:
            worker.item, worker.deadline = item, time.monotonic() + self._timeout
            try:
                data = pickle.dumps(item)
                _send(worker.orders, data)
            except (OSError, pickle.PicklingError, TypeError, AttributeError):
                self._end(worker)
                self._fork(item)
            return
        self._end(worker)

    def wait(self) -> Iterator[tuple[_Worker[_Item], Result[_Item]]]:
        """The results that are there, after waiting for one or for the next deadline."""
        soonest = min(worker.deadline for worker in self.running.values())
        for key, _ in self._selector.select(max(0.0, soonest - time.monotonic())):
            worker: _Worker[_Item] = key.data
            data = os.read(worker.results, _CHUNK)
            worker.received += data
            if not data:
                yield worker, Result(worker.item, error=self._death(worker))
            elif len(worker.received) >= _LENGTH.size:
                size = _LENGTH.unpack_from(worker.received)[0]
                if len(worker.received) >= _LENGTH.size + size:
                    value, error = pickle.loads(bytes(worker.received[_LENGTH.size :]))
                    worker.received.clear()
                    yield worker, Result(worker.item, value, error)
        now = time.monotonic()
        for worker in [worker for worker in self.running.values() if worker.deadline <= now]:
            self._end(worker)
            yield worker, Result(worker.item, error=f"no result within {self._timeout:g} s")

    def close(self) -> None:
        """End all that is left."""
        for worker in list(self.running.values()):
            self._end(worker)
        self._selector.close()

    def _fork(self, item: _Item) -> None:
        results, their_results = os.pipe()
        their_orders, orders = os.pipe()
        pid = os.fork()
        if not pid:
            for worker in self.running.values():
                os.close(worker.results)
                os.close(worker.orders)
            os.close(results)
            os.close(orders)
            self._work(item, their_orders, their_results)
        os.close(their_results)
        os.close(their_orders)
        worker = _Worker(pid, results, orders, item, time.monotonic() + self._timeout)
        self.running[pid] = worker
        self._selector.register(results, selectors.EVENT_READ, worker)

    def _work(self, item: _Item, orders: int, results: int) -> None:
        """The child: never returns."""
        status = 1
        try:
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # a guest's loop would outlive the parent
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            self._vm.reopen()
            while True:
                try:
                    self._vm.restore(self._snapshot)
                    answer = pickle.dumps((self._function(self._vm, item), ""))
                except Exception as error:
                    answer = pickle.dumps((None, f"{type(error).__name__}: {error}"))
                _send(results, answer)
                order = _receive(orders)
                if order is None:
                    break
                item = pickle.loads(order)
            status = 0
        finally:
            os._exit(status)

    def _end(self, worker: _Worker[_Item]) -> int:
        """End a worker and wait for it; its status."""
        self.running.pop(worker.pid, None)
        self._selector.unregister(worker.results)
        os.close(worker.results)
        os.close(worker.orders)
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)
        return os.waitpid(worker.pid, 0)[1]

    def _death(self, worker: _Worker[_Item]) -> str:
        """A worker has hung up: how it ended."""
        self.running.pop(worker.pid)
        self._selector.unregister(worker.results)
        os.close(worker.results)
        os.close(worker.orders)
        status = os.waitstatus_to_exitcode(os.waitpid(worker.pid, 0)[1])
        if status < 0:
            return f"the guest brought its process down ({signal.Signals(-status).name})"
        return f"the guest's process ended with status {status}"


def _send(descriptor: int, data: bytes) -> None:
    rest = memoryview(_LENGTH.pack(len(data)) + data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _receive(descriptor: int) -> bytes | None:
    """A message; None if the other side has hung up."""
    head = _read(descriptor, _LENGTH.size)
    return None if head is None else _read(descriptor, _LENGTH.unpack(head)[0])


def _read(descriptor: int, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = os.read(descriptor, min(_CHUNK, size - len(data)))
        if not piece:
            return None
        data += piece
    return bytes(data)
