"""The client services, grouped as IEEE 1275 §6.3.2 groups them. Importing this package fills the table."""

from vof.firmware.services import control, device, memory, packages

__all__ = ["control", "device", "memory", "packages"]
