"""Records what SLOF and OpenBIOS answer to tests/forth/one_liners.txt: tests/forth/oracles/*.txt.

.venv/bin/python tools/record_prompts.py
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "forth"))

from prompts import OPENBIOS, RECORDS, SLOF, Prompt, one_liners, write_records


def main() -> None:
    """Ask both, and write."""
    for name, command in (("slof", SLOF), ("openbios", OPENBIOS)):
        with Prompt(command) as prompt:
            write_records(RECORDS / f"{name}.txt", {line: prompt.ask(line) for line in one_liners()})


if __name__ == "__main__":
    main()
