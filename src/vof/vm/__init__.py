"""The virtual machine: machine, engine, back ends, firmware and client program, put together, and the one run loop."""

from vof.vm.config import Config
from vof.vm.vm import VM, Ending, EndReason, ExpectTimeout

__all__ = ["VM", "Config", "EndReason", "Ending", "ExpectTimeout"]
