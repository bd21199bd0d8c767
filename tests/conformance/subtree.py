"""The subtree that the conformance client works on, the same on every machine: /conformance, and some aliases."""

from __future__ import annotations

from functools import partial

from vof.errors import Throw
from vof.firmware import OpenFirmware
from vof.packages import OPENABLE, Instance, Method, Stack
from vof.tree import DeviceTree, build_fdt, encode_cells, encode_int, encode_string, encode_strings

__all__ = ["flattened", "install_methods"]

_LONG_NAME = "a-name-of-sixty-three-characters-which-is-what-linux-would-read"
_STORE_SIZE = 16

_NODES: tuple[tuple[str, dict[str, bytes]], ...] = (
    ("/aliases", {}),
    ("/conformance", {"#address-cells": encode_int(1), "#size-cells": encode_int(0)}),
    (
        "/conformance/values",
        {
            "empty": b"",
            "cell": encode_int(0x12345678),
            "bytes": bytes((1, 2, 3, 4)),
            "text": encode_string("some text"),
            "texts": encode_strings(("one", "two", "")),
            "no-nul": b"no end",
            "long": bytes(index & 0xFF for index in range(1000)),
            _LONG_NAME: b"63",
            "last": b"\xff",
        },
    ),
    ("/conformance/writable", {"old": encode_string("before"), "after": b"\1"}),
    ("/conformance/plain", {}),
    ("/conformance/plain-bus", {"#address-cells": encode_int(1)}),
    ("/conformance/plain-bus/unit@100000002", {}),
    ("/conformance/siblings", {}),
    ("/conformance/siblings/first", {}),
    ("/conformance/siblings/second", {}),
    ("/conformance/siblings/second/below", {}),
    ("/conformance/siblings/second/below/lowest", {}),
    ("/conformance/siblings/third", {}),
    ("/conformance/bus", {"#address-cells": encode_int(1), "#size-cells": encode_int(1)}),
    ("/conformance/bus/device@10", {"reg": encode_cells(0x10, 4)}),
    ("/conformance/bus/device@1f", {"reg": encode_cells(0x1F, 4)}),
    ("/conformance/bus/device@20", {"reg": encode_cells(0x20, 4)}),
    ("/conformance/bus/other@10", {"reg": encode_cells(0x10, 8)}),
    ("/conformance/bus/vendor,gadget@30", {"reg": encode_cells(0x30, 4)}),
    ("/conformance/bus/wild", {}),
    ("/conformance/bus/fixed", {"reg": encode_cells(0x40, 4)}),
    ("/conformance/wide", {"#address-cells": encode_int(2), "#size-cells": encode_int(0)}),
    ("/conformance/wide/unit@1,2", {"reg": encode_cells(1, 2)}),
    ("/conformance/wide/unit@2", {"reg": encode_cells(0, 2)}),
    (
        "/conformance/pci",
        {"device_type": encode_string("pci"), "#address-cells": encode_int(3), "#size-cells": encode_int(2)},
    ),
    ("/conformance/pci/net@3", {"reg": encode_cells(0x1800, 0, 0, 0, 0)}),
    ("/conformance/pci/net@3,1", {"reg": encode_cells(0x1900, 0, 0, 0, 0)}),
    (
        "/conformance/scsi",
        {"device_type": encode_string("scsi"), "#address-cells": encode_int(2), "#size-cells": encode_int(0)},
    ),
    ("/conformance/scsi/disk@2,0", {"reg": encode_cells(2, 0)}),
    ("/conformance/scsi/disk@3,1", {"reg": encode_cells(3, 1)}),
    ("/conformance/store", {}),
    ("/conformance/openable", {}),
    ("/conformance/openable/child", {}),
    ("/conformance/refuses", {}),
    ("/conformance/refuses/child", {}),
    ("/conformance/throws", {}),
    ("/conformance/methods", {}),
    ("/conformance/limits", {}),
)

_ALIASES = {
    "conf": "/conformance",
    "conf-bus": "/conformance/bus",
    "conf-dev": "/conformance/bus/device@10:own",
    "conf-hop": "conf-bus/other@10",
    "conf-ring": "conf-ring",
    "conf-nowhere": "/conformance/nowhere",
}


def flattened(memory: int) -> bytes:
    """The flattened tree to lay over a machine's.

    Args:
        memory: bytes of RAM, which the client is told.
    """
    tree = DeviceTree()
    for path, properties in _NODES:
        parent, _, name = path.rpartition("/")
        tree.add(parent or "/", name, properties)
    for name, value in _ALIASES.items():
        tree.set("/aliases", name, encode_string(value))
    tree.set("/aliases", "conf-bare", b"/conformance/values")
    tree.set("/conformance/limits", "end-of-memory", encode_int(memory))
    return build_fdt(tree)


def install_methods(firmware: OpenFirmware) -> None:
    """Put the methods of the subtree's packages on its nodes."""
    methods: dict[str, dict[str, Method]] = {
        "/conformance/store": {
            **OPENABLE,
            "read": partial(_read, firmware),
            "write": partial(_write, firmware),
            "seek": _seek,
        },
        "/conformance/openable": OPENABLE,
        "/conformance/openable/child": OPENABLE,
        "/conformance/bus/wild": OPENABLE,
        "/conformance/bus/device@10": OPENABLE,
        "/conformance/refuses": {"open": _refuse},
        "/conformance/refuses/child": OPENABLE,
        "/conformance/throws": {"open": _throw_five},
        "/conformance/methods": {
            **OPENABLE,
            "minus": _minus,
            "three": _three,
            "nothing": _nothing,
            "throw": _throw,
            "peek": partial(_peek, firmware),
            "ring": partial(_ring, firmware),
        },
    }
    for path, table in methods.items():
        node = firmware.tree.find(path)
        assert node is not None, path
        node.methods.update(table)


def _read(firmware: OpenFirmware, instance: Instance, stack: Stack) -> None:
    """( addr len -- actual )."""
    length, address = stack.pop(), stack.pop()
    position = instance.state.get("position", 0)
    data = _contents(instance)[position : position + length]
    if data:
        firmware.memory.write(address, bytes(data))
    instance.state["position"] = position + len(data)
    stack.append(len(data))


def _write(firmware: OpenFirmware, instance: Instance, stack: Stack) -> None:
    """( addr len -- actual )."""
    length, address = stack.pop(), stack.pop()
    position = instance.state.get("position", 0)
    data = firmware.memory.read(address, length)[: _STORE_SIZE - position]
    _contents(instance)[position : position + len(data)] = data
    instance.state["position"] = position + len(data)
    stack.append(len(data))


def _seek(instance: Instance, stack: Stack) -> None:
    """( pos.lo pos.hi -- status )."""
    high, low = stack.pop(), stack.pop()
    if high or low > _STORE_SIZE:
        stack.append(-1)
        return
    instance.state["position"] = low
    stack.append(0)


def _contents(instance: Instance) -> bytearray:
    contents: bytearray = instance.state.setdefault("contents", bytearray(b"." * _STORE_SIZE))
    return contents


def _refuse(instance: Instance, stack: Stack) -> None:
    """( -- false )."""
    stack.append(0)


def _throw_five(instance: Instance, stack: Stack) -> None:
    """( -- )."""
    raise Throw(5, "as it does")


def _minus(instance: Instance, stack: Stack) -> None:
    """( minuend subtrahend -- difference )."""
    subtrahend = stack.pop()
    stack.append(stack.pop() - subtrahend)


def _three(instance: Instance, stack: Stack) -> None:
    """( -- 1 2 3 )."""
    stack += [1, 2, 3]


def _nothing(instance: Instance, stack: Stack) -> None:
    """( -- )."""


def _throw(instance: Instance, stack: Stack) -> None:
    """( code -- )."""
    code = stack.pop()
    if code:
        raise Throw(code - (code >> 31 << 32), "as it was told")


def _peek(firmware: OpenFirmware, instance: Instance, stack: Stack) -> None:
    """( addr -- cell )."""
    stack += firmware.memory.read_cells(stack.pop(), 1)


def _ring(firmware: OpenFirmware, instance: Instance, stack: Stack) -> None:
    """( n -- result ): ask the client's callback."""
    _, result = firmware.callbacks.call("ring", [stack.pop()], 1)
    stack.append(result)
