"""Client services on devices (1275 §6.3.2.3). They are the instance's methods of the same names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.errors import GuestFault, Throw
from vof.firmware.services.packages import PATH_LIMIT
from vof.firmware.table import service

if TYPE_CHECKING:
    from vof.firmware.system import OpenFirmware

__all__: list[str] = []


@service("open", "device-specifier:string", "ihandle:instance", 0, "1275 §6.3.2.3")
def open_device(firmware: OpenFirmware, specifier: int) -> int:
    """Open the device that a path or alias leads to; 0 if it can't be opened."""
    return firmware.instances.open(firmware.memory.read_string(specifier, PATH_LIMIT)).ihandle


@service("close", "ihandle:instance", "", None, "1275 §6.3.2.3")
def close(firmware: OpenFirmware, ihandle: int) -> None:
    """Close an instance."""
    firmware.instances.close(firmware.instances.need(ihandle))


@service("read", "ihandle:instance addr:pointer len:size", "actual:size", -1, "1275 §6.3.2.3")
def read(firmware: OpenFirmware, ihandle: int, address: int, length: int) -> int:
    """Read into memory; the number of bytes read. On the console 0 means that nothing is waiting."""
    return _transfer(firmware, "read", ihandle, address, length)


@service("write", "ihandle:instance addr:pointer len:size", "actual:size", -1, "1275 §6.3.2.3")
def write(firmware: OpenFirmware, ihandle: int, address: int, length: int) -> int:
    """Write from memory; the number of bytes written."""
    return _transfer(firmware, "write", ihandle, address, length)


@service("seek", "ihandle:instance pos.hi:cell pos.lo:cell", "status:cell", -1, "1275 §6.3.2.3")
def seek(firmware: OpenFirmware, ihandle: int, high: int, low: int) -> int:
    """Set the position of the next read or write: 0 or 1 if it worked, -1 if not."""
    return _transfer(firmware, "seek", ihandle, low, high)


def _transfer(firmware: OpenFirmware, method: str, ihandle: int, first: int, second: int) -> int:
    stack = [first, second]
    try:
        firmware.instances.need(ihandle).call(method, stack)
    except Throw as thrown:
        raise GuestFault("{} threw {}: {}", method, thrown.code, thrown.reason) from None
    return stack.pop() if stack else 0
