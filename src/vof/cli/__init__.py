"""The command line: `vof boot`, `vof tree` and their like. Thin: what they do, the library does."""

from vof.cli.main import main

__all__ = ["main"]
