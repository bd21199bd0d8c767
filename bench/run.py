"""Run the benchmarks: `.venv/bin/python bench/run.py [NAME…] [--json FILE] [--quick] [--runs N]`."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from bench.program import main

    sys.exit(main())
