"""The firmware: Open Firmware's client interface over ports, with no I/O of its own."""

from vof.firmware.outcomes import Departed, Enter, Exit, Jump, Outcome, Reset, Return
from vof.firmware.system import Hooks, OpenFirmware
from vof.firmware.table import SERVICES, Argument, Kind, Service

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
