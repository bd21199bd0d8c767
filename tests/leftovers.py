"""One run of `vof` on a terminal of its own, and a look at what it leaves behind."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import guest_files

DRIVER = Path(__file__).with_name("leftovers_driver.py")
MARK = "VOF_TEST_RUN"
PATIENCE = 20.0


def guest_arguments(append: str = "console=hvc0") -> list[str]:
    folder = guest_files.guests_folder()
    files = ["-kernel", str(folder / "vmlinux"), "-initrd", str(folder / "initrd.gz")]
    return ["-machine", "pseries", "-m", "512M", *files, "-append", append]


def marked_processes(mark: str) -> dict[int, str]:
    """Number and command line of the processes whose environment holds `mark`. Those of a zombie can't be read."""
    wanted = f"{MARK}={mark}".encode()
    found = {}
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it ended meanwhile
            continue
    return found


def until(done: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait for `done` to return something true, and return that."""
    end = time.monotonic() + patience
    while not (result := done()):
        assert time.monotonic() < end, f"{what}: not within {patience} s"
        time.sleep(1e-3)
    return result


class Run:
    """`vof` under the driver, the leader of a session with a terminal.

    Args:
        folder: an empty folder: the run's working folder is in it, and its temporary one.
        moment: where the driver stops.
        arguments: the command line of `vof`.
        redirect: have standard output and error in pipes, so that the console is no terminal.
    """

    def __init__(self, folder: Path, moment: str, arguments: Sequence[str], *, redirect: bool = False) -> None:
        self.mark = uuid.uuid4().hex
        self.folders = [folder / "work", folder / "temporary"]
        for each in self.folders:
            each.mkdir(exist_ok=True)
        self.shared = set(os.listdir("/dev/shm"))
        self.output = bytearray()
        self._master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.marks, marks = os.pipe()
        go, self._go = os.pipe()
        output, writing = os.pipe() if redirect else (-1, self.slave)
        self.process = subprocess.Popen(
            # Signals have their usual effect, even if a shell that ignores some started the tests in the background.
            ["env", "--default-signal", sys.executable, DRIVER, moment, str(marks), str(go), *arguments],
            stdin=self.slave,
            stdout=writing,
            stderr=writing,
            pass_fds=(marks, go),
            cwd=self.folders[0],
            env={**os.environ, MARK: self.mark, "TMPDIR": str(self.folders[1])},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        for end in (marks, go, *((writing,) if redirect else ())):
            os.close(end)
        self._sources = [self._master, *((output,) if redirect else ())]
        self._hanging_up = self._stopping = False
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        for pid in marked_processes(self.mark):
            os.kill(pid, signal.SIGKILL)
        os.close(self.slave)
        self._reader.join()
        for end in (*self._sources, self.marks, self._go):
            os.close(end)

    @property
    def text(self) -> str:
        """What it printed. A line that was erased, as that of the progress is, counts as one of its own."""
        return self.output.decode(errors="replace").replace("\r\n", "\n").replace("\r\x1b[K", "\n")

    @property
    def raw(self) -> bool:
        local: int = termios.tcgetattr(self.slave)[3]
        return not local & (termios.ICANON | termios.ECHO | termios.ISIG)

    @property
    def qemu(self) -> int:
        """The number of the QEMU process, waiting for it to be there, if only as the shell that becomes it."""

        def look() -> int:
            found = marked_processes(self.mark).items()
            return next((pid for pid, command in found if "-nodefaults" in command), 0)

        return int(until(look, "a QEMU"))

    def wait_for_mark(self) -> None:
        ready, _, _ = select.select([self.marks], [], [], PATIENCE)
        assert ready and os.read(self.marks, 100), f"the driver didn't get there:\n{self.text}"

    def wait_for_text(self, text: str, patience: float = 60) -> None:
        end = time.monotonic() + patience
        while text not in self.text and self.process.poll() is None and time.monotonic() < end:
            time.sleep(1e-3)
        assert text in self.text, self.text

    def go_on(self) -> None:
        """Let a driver that waits go on."""
        os.write(self._go, b"\n")

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def hang_up(self) -> None:
        """Close the terminal's other side, as a terminal's window does."""
        self._hanging_up = True
        until(lambda: self._master not in self._sources, "the terminal's end")

    def stop_reading(self) -> None:
        """Close the other side of redirected output."""
        self._stopping = True

    def ended(self) -> int:
        """Wait for the end and return the exit status as Popen has it."""
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it runs on: {marked_processes(self.mark)}\n{self.text}") from None

    def assert_nothing_left(self, *, terminal: bool = True) -> None:
        until(lambda: not marked_processes(self.mark), f"the end of {marked_processes(self.mark)}", 5)
        if terminal:
            assert termios.tcgetattr(self.slave) == self.before
        assert set(os.listdir("/dev/shm")) <= self.shared
        assert [path for folder in self.folders for path in folder.iterdir()] == []
        assert "Traceback" not in self.text
        assert "Exception ignored" not in self.text

    def _read(self) -> None:
        # The slave's side is held open by the test: what has an end is the test itself.
        while True:
            try:
                os.fstat(self.slave)
            except OSError:
                return
            if self._hanging_up and self._master in self._sources:
                os.close(self._master)
                self._sources.remove(self._master)
            if self._stopping and len(self._sources) > 1:
                os.close(self._sources.pop())
            ready, _, _ = select.select(self._sources, [], [], 0.05)
            for source in ready:
                try:
                    data = os.read(source, 0x10000)
                except OSError:
                    data = b""
                if data:
                    self.output += data
                else:
                    time.sleep(0.01)
