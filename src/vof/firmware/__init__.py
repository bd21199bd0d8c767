"""The firmware: Open Firmware's client interface over ports, with no I/O of its own."""

from vof.firmware.hooks import Hooks
from vof.firmware.system import OpenFirmware
from vof.firmware.table import SERVICES, Argument, Kind, Service
from vof.outcomes import Departed, Enter, Exit, Jump, Outcome, Reset, Return

__all__ = [
    "SERVICES",
    "Argument",
    "Departed",
    "Enter",
    "Exit",
    "Hooks",
    "Jump",
    "Kind",
    "OpenFirmware",
    "Outcome",
    "Reset",
    "Return",
    "Service",
]
