"""Client services on memory (1275 §6.3.2.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.firmware.table import service

if TYPE_CHECKING:
    from vof.firmware.system import OpenFirmware

__all__: list[str] = []


@service("claim", "virt:address size:size align:size", "baseaddr:address", -1, "1275 §6.3.2.4")
def claim(firmware: OpenFirmware, virt: int, size: int, align: int) -> int:
    """Claim memory: at `virt` if `align` is 0, else wherever a block so aligned is free."""
    return firmware.claims.claim(virt, size, align)


@service("release", "virt:address size:size", "", None, "1275 §6.3.2.4")
def release(firmware: OpenFirmware, virt: int, size: int) -> None:
    """Give claimed memory back, or a part of it."""
    firmware.claims.release(virt, size)
