"""PCI for every machine: find what is on the buses, give it addresses and interrupts, and tell of it in the tree.

Nothing here does I/O: configuration space is reached over the `Bus` port, in a few batches.
"""

from vof.pci.assign import Assignment, Windows, assign
from vof.pci.config import ConfigAccess, ConfigSpace, Form, IndirectConfig
from vof.pci.describe import describe
from vof.pci.scan import Bar, Function, Space, scan

__all__ = [
    "Assignment",
    "Bar",
    "ConfigAccess",
    "ConfigSpace",
    "Form",
    "Function",
    "IndirectConfig",
    "Space",
    "Windows",
    "assign",
    "describe",
    "scan",
]
