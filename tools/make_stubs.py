"""Assemble the stubs: src/vof/guest/NAME.S into NAME.bin, which is what is shipped.

.venv/bin/python tools/make_stubs.py
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

GUEST = Path(__file__).parents[1] / "src" / "vof" / "guest"


def assemble(source: Path) -> bytes:
    """The bytes of one stub, linked to 0."""
    with tempfile.TemporaryDirectory() as folder:
        thing, image = Path(folder, "stub.o"), Path(folder, "stub.bin")
        _run("powerpc-linux-gnu-as", "-a64", "-mbig", "-I", str(GUEST), "-o", str(thing), str(source))
        _run(
            "powerpc-linux-gnu-ld",
            "-m",
            "elf64ppc",
            "-Ttext=0",
            "-e0",
            "--oformat=binary",
            "-o",
            str(image),
            str(thing),
        )
        return image.read_bytes()


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def main() -> None:
    for source in sorted(GUEST.glob("*.S")):
        source.with_suffix(".bin").write_bytes(assemble(source))
        print(source.with_suffix(".bin"))


if __name__ == "__main__":
    main()
