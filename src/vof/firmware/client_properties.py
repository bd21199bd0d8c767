"""What the client program may change of the device tree's properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vof.errors import GuestFault
from vof.tree import Node

if TYPE_CHECKING:
    from vof.firmware.system import OpenFirmware

__all__ = ["ClientProperties"]

PROPERTIES_LIMIT = 16 << 20
"""Bytes that a client's properties may take beyond those that they replace, names and some book-keeping counted."""
PROPERTY_OVERHEAD = 256


class ClientProperties:
    """Properties that the client program sets and deletes, within its budget.

    Args:
        firmware: has the configuration variables, and the machine's answers.
    """

    def __init__(self, firmware: OpenFirmware) -> None:
        self._firmware = firmware
        self._budget = PROPERTIES_LIMIT

    def set(self, node: Node, name: str, value: bytes) -> None:
        """Set a property for the client program.

        Raises:
            GuestFault: the machine says no, the firmware keeps that property itself, or the client has set too much.
        """
        options, may_set, properties = self._firmware.options, self._firmware.hooks.may_set, node.properties
        if options is not None and options.client_sets(node, name, value):
            return
        if properties.is_computed(name):
            raise GuestFault('"{}" in {} is the firmware\'s to say', name, node.path)
        if may_set is not None and not may_set(node, name, value):
            raise GuestFault('"{}" in {} may not be set', name, node.path)
        before = properties.get(name)
        cost = len(value) + (PROPERTY_OVERHEAD + len(name) if before is None else -len(before))
        if cost > self._budget:
            raise GuestFault("the client program has set {} bytes of properties", PROPERTIES_LIMIT)
        self._budget -= cost
        properties[name] = value

    def delete(self, node: Node, name: str) -> None:
        """Take a property away for the client program, or do nothing where there is none.

        Raises:
            GuestFault: the firmware keeps that property itself, or the machine says that it may not be changed.
        """
        may_set, properties = self._firmware.hooks.may_set, node.properties
        value = properties.get(name)
        if value is None:
            return
        if properties.is_computed(name):
            raise GuestFault('"{}" in {} is the firmware\'s to say', name, node.path)
        if may_set is not None and not may_set(node, name, b""):
            raise GuestFault('"{}" in {} may not be set', name, node.path)
        del properties[name]
        given_back = len(value) + PROPERTY_OVERHEAD + len(name)
        self._budget = min(PROPERTIES_LIMIT, self._budget + given_back)
