"""`python -m vof`: the command line."""

import sys

from vof.cli import main

if __name__ == "__main__":
    sys.exit(main())
