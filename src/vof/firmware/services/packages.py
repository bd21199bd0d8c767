"""Client services on the device tree (1275 §6.3.2.1 and §6.3.2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.errors import GuestFault
from vof.firmware.table import SERVICES, service
from vof.packages import Stack
from vof.tree import Node

if TYPE_CHECKING:
    from vof.firmware.system import OpenFirmware

__all__: list[str] = []

NAME_LIMIT = 64
"""Bytes of a property, method or service name with its NUL: the standard says 32, Linux and SLOF's trees go to 63."""
PATH_LIMIT = 1024
"""Bytes of a device specifier with its NUL. GRUB's network paths come to some 200."""
VALUE_LIMIT = 1 << 20
"""Bytes of a property that a client sets."""


@service("test", "name:string", "missing:cell", -1, "1275 §6.3.2.1")
def test(firmware: OpenFirmware, name: int) -> int:
    """Whether a service exists: 0 if it does, -1 if it is missing."""
    return 0 if firmware.memory.read_string(name, NAME_LIMIT) in SERVICES else -1


@service("peer", "phandle:package", "peer:package", 0, "1275 §6.3.2.2")
def peer(firmware: OpenFirmware, phandle: int) -> int:
    """The next sibling of a package, 0 after the last; of 0, the root."""
    if phandle == 0:
        return firmware.tree.root.phandle
    sibling = _package(firmware, phandle).next_sibling
    return 0 if sibling is None else sibling.phandle


@service("child", "phandle:package", "child:package", 0, "1275 §6.3.2.2")
def child(firmware: OpenFirmware, phandle: int) -> int:
    """The first child of a package, 0 if it has none."""
    first = _package(firmware, phandle).first_child
    return 0 if first is None else first.phandle


@service("parent", "phandle:package", "parent:package", 0, "1275 §6.3.2.2")
def parent(firmware: OpenFirmware, phandle: int) -> int:
    """The parent of a package, 0 for the root."""
    above = _package(firmware, phandle).parent
    return 0 if above is None else above.phandle


@service("instance-to-package", "ihandle:instance", "phandle:package", -1, "1275 §6.3.2.2")
def instance_to_package(firmware: OpenFirmware, ihandle: int) -> int:
    """The package that an instance is of."""
    return firmware.instances.need(ihandle).node.phandle


@service("getproplen", "phandle:package name:string", "proplen:size", -1, "1275 §6.3.2.2")
def getproplen(firmware: OpenFirmware, phandle: int, name: int) -> int:
    """The length of a property's value in bytes, -1 if there is no such property."""
    return len(_property(firmware, phandle, name))


@service("getprop", "phandle:package name:string buf:pointer buflen:size", "size:size", -1, "1275 §6.3.2.2")
def getprop(firmware: OpenFirmware, phandle: int, name: int, buf: int, buflen: int) -> int:
    """Copy a property's value, as far as the buffer takes it; its whole length is returned."""
    value = _property(firmware, phandle, name)
    size = len(value)
    if size and buflen:
        firmware.memory.write(buf, value if size <= buflen else value[:buflen])
    return size


@service("nextprop", "phandle:package previous:string buf:pointer", "flag:cell", -1, "1275 §6.3.2.2")
def nextprop(firmware: OpenFirmware, phandle: int, previous: int, buf: int) -> int:
    """Write the name of the property after `previous`: 1 if there is one, 0 after the last, -1 if none is called so.

    An empty name or a null pointer asks for the first. FreeBSD passes one buffer for both, so it is read to its end
    before it is written.
    """
    node = _package(firmware, phandle)
    name = firmware.memory.read_string(previous, NAME_LIMIT) if previous else ""
    try:
        following = node.properties.following(name)
    except KeyError:
        raise GuestFault('no property "{}" in {}', name, node.path) from None
    firmware.memory.write(buf, b"\0" if following is None else following.encode("latin-1") + b"\0")
    return 0 if following is None else 1


@service("setprop", "phandle:package name:string buf:pointer len:size", "size:size", -1, "1275 §6.3.2.2")
def setprop(firmware: OpenFirmware, phandle: int, name: int, buf: int, length: int) -> int:
    """Set a property to a copy of the given bytes; their number is returned."""
    node = _package(firmware, phandle)
    key = firmware.memory.read_string(name, NAME_LIMIT)
    if not key:
        raise GuestFault("a property in {} without a name", node.path)
    if length > VALUE_LIMIT:
        raise GuestFault('{} bytes for "{}" in {}: at most {}', length, key, node.path, VALUE_LIMIT)
    value = firmware.memory.read(buf, length) if length else b""
    firmware.client_properties.set(node, key, value)
    return length


@service("canon", "device-specifier:string buf:pointer buflen:size", "length:size", -1, "1275 §6.3.2.2")
def canon(firmware: OpenFirmware, specifier: int, buf: int, buflen: int) -> int:
    """Write the full path that a device specifier stands for; its length without the NUL is returned."""
    path = firmware.memory.read_string(specifier, PATH_LIMIT)
    full = firmware.tree.canon(path)
    if full is None:
        raise GuestFault('no device "{}"', path)
    return _write_path(firmware, full, buf, buflen)


@service("finddevice", "device-specifier:string", "phandle:package", -1, "1275 §6.3.2.2")
def finddevice(firmware: OpenFirmware, specifier: int) -> int:
    """The package that a path or alias leads to."""
    path = firmware.memory.read_string(specifier, PATH_LIMIT)
    node = firmware.tree.find(path)
    if node is None:
        raise GuestFault('no device "{}"', path)
    return node.phandle


@service("instance-to-path", "ihandle:instance buf:pointer buflen:size", "length:size", -1, "1275 §6.3.2.2")
def instance_to_path(firmware: OpenFirmware, ihandle: int, buf: int, buflen: int) -> int:
    """Write an instance's path with its arguments; its length without the NUL is returned."""
    return _write_path(firmware, firmware.instances.need(ihandle).path, buf, buflen)


@service(
    "instance-to-interposed-path",
    "ihandle:instance buf:pointer buflen:size",
    "length:size",
    -1,
    "1275 practice: Interposition",
)
def instance_to_interposed_path(firmware: OpenFirmware, ihandle: int, buf: int, buflen: int) -> int:
    """The same, with the packages that were interposed, which begin with a %."""
    return _write_path(firmware, firmware.instances.need(ihandle).interposed_path, buf, buflen)


@service("package-to-path", "phandle:package buf:pointer buflen:size", "length:size", -1, "1275 §6.3.2.2")
def package_to_path(firmware: OpenFirmware, phandle: int, buf: int, buflen: int) -> int:
    """Write a package's path; its length without the NUL is returned."""
    return _write_path(firmware, _package(firmware, phandle).path, buf, buflen)


@service("call-method", "method:string ihandle:instance", "catch-result:cell", -1, "1275 §6.3.2.2", variadic=True)
def call_method(
    firmware: OpenFirmware, method: int, ihandle: int, arguments: tuple[int, ...], wanted: int
) -> tuple[int, ...]:
    """Call an instance's method: further arguments and results are its stack, top first; 0, or what it threw.

    Clients ask for fewer results than a method leaves, and sometimes for none, not even the catch result: what they
    don't ask for is dropped.
    """
    name = firmware.memory.read_string(method, NAME_LIMIT)
    instance = firmware.instances.need(ihandle)
    stack: Stack = list(reversed(arguments))
    instance.call(name, stack)
    return (0, *reversed(stack))[:wanted]


def _package(firmware: OpenFirmware, phandle: int) -> Node:
    node = firmware.tree.by_phandle.get(phandle)
    if node is None:
        raise GuestFault("no package {:#x}", phandle)
    return node


def _property(firmware: OpenFirmware, phandle: int, name: int) -> bytes:
    node = firmware.tree.by_phandle.get(phandle)
    if node is None:
        raise GuestFault("no package {:#x}", phandle)
    key = firmware.memory.read_string(name, NAME_LIMIT)
    value = node.properties.get(key)
    if value is None:
        raise GuestFault('no property "{}" in {}', key, node.path)
    return value


def _write_path(firmware: OpenFirmware, path: str, buf: int, buflen: int) -> int:
    # Linux ends the string at the length returned; others expect a NUL where there is room for one.
    if buflen:
        firmware.memory.write(buf, (path.encode("latin-1") + b"\0")[:buflen])
    return len(path)
