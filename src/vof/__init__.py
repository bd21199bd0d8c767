"""Virtual Open Firmware in Python: IEEE 1275 for PowerPC client programs, answered outside the guest.

    from vof import VM

    with VM(kernel="vmlinux", initrd="initrd.gz", append="console=hvc0") as vm:
        vm.expect("~ #", timeout=120)
        vm.send("poweroff -f\\n")
        print(vm.wait())

The public names are imported when they are first used: a program that only reads a tree doesn't load a virtual machine.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing takes longer to import than all the rest; checkers know the name

if TYPE_CHECKING:
    from vof.errors import EngineError, GuestFault, PortError, UsageError, VofError
    from vof.firmware import SERVICES, OpenFirmware
    from vof.machines import MACHINES
    from vof.tree import DeviceTree, Node, build_fdt, parse_fdt, to_dts, to_json
    from vof.vm import VM, Config, Ending, EndReason, ExpectTimeout
    from vof.vm.snapshots import Snapshot

__all__ = [
    "MACHINES",
    "SERVICES",
    "VM",
    "Config",
    "DeviceTree",
    "EndReason",
    "Ending",
    "EngineError",
    "ExpectTimeout",
    "GuestFault",
    "Node",
    "OpenFirmware",
    "PortError",
    "Snapshot",
    "UsageError",
    "VofError",
    "__version__",
    "build_fdt",
    "parse_fdt",
    "to_dts",
    "to_json",
]

__version__: str

_HOMES = {
    "vof.errors": ("EngineError", "GuestFault", "PortError", "UsageError", "VofError"),
    "vof.firmware": ("OpenFirmware", "SERVICES"),
    "vof.machines": ("MACHINES",),
    "vof.tree": ("DeviceTree", "Node", "build_fdt", "parse_fdt", "to_dts", "to_json"),
    "vof.vm.snapshots": ("Snapshot",),
    "vof.vm": ("VM", "Config", "EndReason", "Ending", "ExpectTimeout"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    value: object
    if name == "__version__":
        from vof.version import VERSION

        value = VERSION
    elif name in _HOME_OF:
        from importlib import import_module

        value = getattr(import_module(_HOME_OF[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
