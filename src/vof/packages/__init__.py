"""Packages: device and support packages, and the instances that clients open of them."""

from vof.packages.console import ConsolePackage
from vof.packages.disk import DiskPackage
from vof.packages.instance import Instance, Method, Stack, find_method
from vof.packages.mmu import Mmu
from vof.packages.openable import OPENABLE
from vof.packages.page_table import PageTable
from vof.packages.ram import MemoryPackage
from vof.packages.rtc import RtcPackage

__all__ = [
    "OPENABLE",
    "ConsolePackage",
    "DiskPackage",
    "Instance",
    "MemoryPackage",
    "Method",
    "Mmu",
    "PageTable",
    "RtcPackage",
    "Stack",
    "find_method",
]
