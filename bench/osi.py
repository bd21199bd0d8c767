"""Mac-on-Linux's calls on `mol`: one call beside one hypercall, a disk copied through the ring, frames."""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from bench.options import BenchError, Options
from bench.report import Report
from vof.vm import VM

__all__ = ["measure"]

_SOURCES = Path(__file__).resolve().parent
_LIBRARY = _SOURCES.parent / "guests" / "osi"
_MEGABYTE = 1 << 20
_DISK = 256
"""Megabytes that are copied."""
_CALL_LIMIT = 1.2
"""At most so many times a hypercall's time."""
_COPY_LIMIT = 1 / 0.3
"""At most so many times the time of a plain copy: 30 % of its throughput."""
_TIMEOUT = 120.0
_CALL, _COPY, _FRAMES = "one call", f"{_DISK} MB copied, 1 MB a request", "frames there and back"


def measure(options: Options) -> Report:
    """Run the guest program, and copy the same file in Python, in turns."""
    report = Report("osi", "Mac-on-Linux's calls on mol, in process")
    calls, frames, size = (2_000, 200, 16) if options.quick else (200_000, 20_000, _DISK)
    samples: dict[str, list[float]] = {"osi": [], "hypercall": [], "ring": [], "python": [], "frames": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = _build(folder)
        (folder / "counts").write_bytes(struct.pack(">II", calls, frames))
        (folder / "from").write_bytes(bytes(range(256)) * (size * _MEGABYTE // 256))
        for _ in range(options.times(usual=3)):
            (folder / "to").write_bytes(bytes(size * _MEGABYTE))
            called, hypercalled, copied, framed = _run(program, folder)
            if (folder / "to").read_bytes() != (folder / "from").read_bytes():
                raise BenchError("the disk that the guest copied isn't the same")
            samples["osi"].append(called / calls * 1e6)
            samples["hypercall"].append(hypercalled / calls * 1e6)
            samples["ring"].append(copied)
            samples["frames"].append(frames / framed)
            samples["python"].append(_copy(folder / "from", folder / "to"))
    report.add(_CALL, "mol", "µs", samples["osi"])
    report.add(_CALL, "hypercall", "µs", samples["hypercall"])
    report.add(_COPY, "mol", "s", samples["ring"])
    report.add(_COPY, "Python", "s", samples["python"])
    report.add(_FRAMES, "mol", "1/s", samples["frames"])
    report.expect_ratio(_CALL, "mol", "hypercall", _CALL_LIMIT)
    report.expect_ratio(_COPY, "mol", "Python", _COPY_LIMIT)
    return report


def _build(folder: Path) -> Path:
    program = folder / "osi.elf"
    command = ["powerpc-linux-gnu-gcc", "-m32", "-mbig", "-O2", "-ffreestanding", "-fno-pic", "-msoft-float"]
    command += ["-fno-stack-protector", "-nostdlib", "-static", "-Wl,-Ttext=0x100000,-e,_start,--build-id=none"]
    sources = [_LIBRARY / "start.S", _LIBRARY / "osi.c", _SOURCES / "osi.c"]
    try:
        subprocess.run([*command, "-I", _LIBRARY, "-o", program, *sources], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"the guest program can't be built: {error}") from None
    return program


def _run(program: Path, folder: Path) -> tuple[float, float, float, float]:
    """Seconds of the calls, the hypercalls, the copy and the frames."""
    drives = [f"file={folder / name},format=raw" for name in ("from", "to")]
    files = [f"counts={folder / 'counts'}"]
    with VM(machine="mol", kernel=str(program), drives=drives, netdevs=["user"], pseudo_files=files) as vm:
        vm.run_to_client()
        assert vm.hypervisor is not None
        vm.hypervisor.hypercalls = {0x7000: _nothing}
        times = []
        for word in ("begin", "called\r", "hypercalled", "copied: 0", "framed: 0"):
            vm.expect(word, _TIMEOUT)
            times.append(time.monotonic())
    first, second, third, fourth = (after - before for before, after in pairwise(times))
    return first, second, third, fourth


def _nothing(*_: int) -> int:
    """What the hypercall does: as much as the call does that it is compared with."""
    return 0


def _copy(source: Path, target: Path) -> float:
    start = time.monotonic()
    with source.open("rb") as reading, target.open("r+b") as writing:
        shutil.copyfileobj(reading, writing, _MEGABYTE)
    return time.monotonic() - start
