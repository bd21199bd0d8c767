"""The in-process engine: Unicorn as the CPU, and every trap but the gdb stub's.

Unicorn is licensed under the GPL, version 2: who distributes a program that is linked to it is bound by that.
"""

from vof.engines.unicorn.engine import UnicornEngine, UnicornOptions

__all__ = ["UnicornEngine", "UnicornOptions"]
