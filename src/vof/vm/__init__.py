"""The virtual machine: machine, engine, back ends, firmware and client program, put together, and the one run loop."""

from vof.vm.config import Config
from vof.vm.ending import Ending, EndReason, ExpectTimeout
from vof.vm.vm import VM

__all__ = ["VM", "Config", "EndReason", "Ending", "ExpectTimeout"]
