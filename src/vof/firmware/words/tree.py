"""Words for the device tree: looking at it, and building it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import Throw, ThrowCode, UsageError
from vof.firmware.words.engine import DEVICE, faults
from vof.firmware.words.instances import begin_select_dev, unselect_dev
from vof.tree import (
    CellError,
    Node,
    assignment,
    child_address_cells,
    child_size_cells,
    decode_cells,
    encode_unit,
)

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth
    from vof.packages import Instance

__all__ = ["set_alias", "set_property"]

_A = "1275 A"
_LONGEST = 1 << 16
_MOST_NODES = 4096
_SHOWN = 4096
_LONGEST_TEMPORARY = 0x1000
_PROPERTY_STEPS = 60
"""What it costs to set one."""
_ALIAS_STEPS = 200


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


def _find(forth: FirmwareForth, path: str) -> Node | None:
    """A node by a path, which may begin at the active package."""
    node = forth.firmware.tree.find(path) if path else None
    if node is None and path and not path.startswith("/") and forth.active is not None:
        node = forth.firmware.tree.find(f"{forth.active.path.rstrip('/')}/{path}")
    return node


def _need(forth: FirmwareForth, path: str) -> Node:
    node = _find(forth, path)
    if node is None:
        raise Throw(ThrowCode.ABORT, f'no device "{path}"')
    return node


# --- the active package ---


@DEVICE.word("find-device", "( path count -- )", _A)
def find_device(forth: Forth) -> None:
    """Make the package that a path leads to the active one."""
    self = _fw(forth)
    path = self.pop_text()
    self.activate(self.need_active().parent if path == ".." else _need(self, path))


@DEVICE.word("dev", "( -- )", _A)
def dev(forth: Forth) -> None:
    """The same, with the path that follows."""
    self = _fw(forth)
    path = self.parse_name()
    if not path:
        raise Throw(ThrowCode.ABORT, "dev PATH: which device?")
    self.activate((self.need_active().parent or self.active) if path == ".." else _need(self, path))


@DEVICE.word("device-end", "( -- )", _A)
def device_end(forth: Forth) -> None:
    """Have no active package. What new-device began ends with it: BootX has no finish-device for its memory-map."""
    self = _fw(forth)
    while self.new_devices:
        finish_device(forth)
    self.activate(None)


@DEVICE.word("active-package", "( -- phandle )", "Apple, OpenBIOS")
def active_package(forth: Forth) -> None:
    """The active package, or 0."""
    self = _fw(forth)
    forth.stack.append(0 if self.active is None else self.active.phandle)


@DEVICE.word("pwd", "( -- )", _A)
def pwd(forth: Forth) -> None:
    """Type the active package's path."""
    forth.type(_fw(forth).need_active().path + " ")


@DEVICE.word("ls", "( -- )", _A)
def ls(forth: Forth) -> None:
    """Type the children of the active package, or of the root."""
    self = _fw(forth)
    node = self.active or self.firmware.tree.root
    for child in node.children:
        forth.type(f"{child.phandle:08x}: {child.name}\r\n")


@DEVICE.word(".properties", "( -- )", _A)
def dot_properties(forth: Forth) -> None:
    """Type the properties of the active package."""
    for name, value in _fw(forth).need_active().properties.items():
        forth.type(f"{name:24}{assignment(value)[:_SHOWN].removeprefix(' = ')}\r\n")


@DEVICE.word("show-devs", "( -- )", _A)
def show_devs(forth: Forth) -> None:
    """Type the paths of all packages, or of those below the one that follows."""
    self = _fw(forth)
    path = self.parse_name()
    top = _need(self, path) if path else self.firmware.tree.root
    for node in top.walk():
        forth.type(f"{node.path}\r\n")


@DEVICE.word("devalias", "( -- )", _A)
def devalias(forth: Forth) -> None:
    """Type the aliases, or one, or set one: `devalias`, `devalias disk`, `devalias disk /pci/disk`."""
    self = _fw(forth)
    node = self.firmware.tree.find("/aliases")
    if node is None:
        raise Throw(ThrowCode.ABORT, "there is no /aliases")
    name, path = self.parse_name(), self.parse_name()
    if path:
        set_alias(self, name, path)
    elif name and name not in node.properties:
        raise Throw(ThrowCode.ABORT, f'no alias "{name}"')
    else:
        for alias, value in node.properties.items():
            if alias == name or (not name and alias != "name"):
                text = value.rstrip(b"\0").decode("latin-1")
                forth.type(f"{alias:16}{text}\r\n")


def set_alias(self: FirmwareForth, name: str, path: str) -> None:
    """Have an alias stand for a path, or for nothing where that is empty.

    Raises:
        Throw: it can't be a name.
    """
    self.pay(_ALIAS_STEPS)
    if len(name) > 63 or "/" in name or ":" in name:
        raise Throw(ThrowCode.ABORT, f'"{name[:63]}" can\'t be an alias: it takes 63 characters, none of them / or :')
    with faults():
        aliases = self.firmware.tree.find("/aliases") or self.firmware.tree.add(self.firmware.tree.root, "aliases")
        if path:
            self.firmware.client_properties.set(aliases, name, path.encode("latin-1") + b"\0")
        else:
            self.firmware.client_properties.delete(aliases, name)


# --- finding ---


@DEVICE.word("find-package", "( name count -- false | phandle true )", _A)
def find_package(forth: Forth) -> None:
    """The package that a path leads to, or the support package of a name."""
    self = _fw(forth)
    name = self.pop_text()
    tree = self.firmware.tree
    node = tree.find(name) if name.startswith("/") else tree.find(f"/packages/{name}")
    forth.stack += (0,) if node is None else (node.phandle, forth.mask)


@DEVICE.word("find-method", "( name count phandle -- false | xt true )", _A)
def find_method(forth: Forth) -> None:
    """A package's method."""
    self = _fw(forth)
    node = self.node_of(forth.stack.pop())
    word = self.method_word(node, self.pop_text())
    forth.stack += (0,) if word is None else (forth.token(word), forth.mask)


@DEVICE.word("peer", "( phandle -- phandle )", _A)
def peer(forth: Forth) -> None:
    """The next sibling of a package, 0 after the last; of 0, the root."""
    self = _fw(forth)
    phandle = forth.stack.pop()
    node = self.node_of(phandle).next_sibling if phandle else self.firmware.tree.root
    forth.stack.append(0 if node is None else node.phandle)


@DEVICE.word("child", "( phandle -- phandle )", _A)
def child(forth: Forth) -> None:
    """The first child of a package, or 0."""
    node = _fw(forth).node_of(forth.stack.pop()).first_child
    forth.stack.append(0 if node is None else node.phandle)


@DEVICE.word("parent", "( phandle -- phandle )", "SLOF, OpenBIOS")
def parent(forth: Forth) -> None:
    """The parent of a package, or 0."""
    node = _fw(forth).node_of(forth.stack.pop()).parent
    forth.stack.append(0 if node is None else node.phandle)


@DEVICE.word("package-to-path", "( phandle -- path count )", "OpenBIOS: get-package-path")
def package_to_path(forth: Forth) -> None:
    """The path of a package."""
    self = _fw(forth)
    forth.push_text(self.node_of(forth.stack.pop()).path)


@DEVICE.word("next-property", "( name count phandle -- false | name count true )", _A)
def next_property(forth: Forth) -> None:
    """The name of the property after one; after none for the empty name."""
    self = _fw(forth)
    node = self.node_of(forth.stack.pop())
    name = self.pop_text()
    try:
        following = node.properties.following(name)
    except KeyError:
        following = None
    if following is None:
        forth.stack.append(0)
    else:
        forth.push_text(following)
        forth.stack.append(forth.mask)


# --- properties ---


def _push_property(forth: Forth, node: Node, name: str) -> None:
    value = node.properties.get(name)
    if value is None:
        forth.stack.append(forth.mask)
        return
    forth.pay(len(value) // 16)
    self = _fw(forth)
    address = forth.put_temporary(value) if len(value) < _LONGEST_TEMPORARY else self.put_large(value)
    forth.stack += (address, len(value), 0)


@DEVICE.word("get-package-property", "( name count phandle -- true | value count false )", _A)
def get_package_property(forth: Forth) -> None:
    """A package's property."""
    self = _fw(forth)
    node = self.node_of(forth.stack.pop())
    _push_property(forth, node, self.pop_text())


@DEVICE.word("get-property", "( name count phandle -- true | value count false )", "SLOF")
def get_property(forth: Forth) -> None:
    """A package's property."""
    get_package_property(forth)


@DEVICE.word("get-my-property", "( name count -- true | value count false )", _A)
def get_my_property(forth: Forth) -> None:
    """A property of the current instance's package."""
    self = _fw(forth)
    _push_property(forth, _own(self), self.pop_text())


@DEVICE.word("get-inherited-property", "( name count -- true | value count false )", _A)
def get_inherited_property(forth: Forth) -> None:
    """The same, or of the nearest package above that has it."""
    self = _fw(forth)
    name, node = self.pop_text(), _own(self)
    while name not in node.properties and node.parent is not None:
        node = node.parent
    _push_property(forth, node, name)


def _own(self: FirmwareForth) -> Node:
    """The current instance's package, or the active one where there is none (1275 on `property`)."""
    return self.my_self.node if self.my_self is not None else self.need_active()


def set_property(self: FirmwareForth, name: str, value: bytes) -> None:
    """Set a property of the current instance's package, or of the active one; `reg` makes its unit address, too.

    Raises:
        Throw: it has no name, or it can't be set.
    """
    node = _own(self)
    self.pay(_PROPERTY_STEPS + len(value) // 64)
    if not name or len(name) > 63:
        raise Throw(ThrowCode.ABORT, f"a property's name of {len(name)} characters")
    with faults():
        self.firmware.client_properties.set(node, name, value)
    if name == "reg" and node.parent is not None:
        _name_unit(self, node)


def _name_unit(self: FirmwareForth, node: Node) -> None:
    """Have a node's unit address be what its `reg` says."""
    parent = node.parent
    assert parent is not None
    try:
        cells = decode_cells(node.properties["reg"])
        unit = encode_unit(parent, cells[: child_address_cells(parent)])
        if node.base:
            self.firmware.tree.rename(node, f"{node.base}@{unit}")
    except (CellError, UsageError, ValueError, KeyError):
        return  # a reg that says no address leaves the node without one


@DEVICE.word("property", "( value count name count -- )", _A)
def property_(forth: Forth) -> None:
    """Set a property of the current instance's package, or of the active one."""
    self = _fw(forth)
    name = self.pop_text()
    set_property(self, name, _value(self))


def _value(self: FirmwareForth) -> bytes:
    length, address = self.stack.pop(), self.stack.pop()
    if length > _LONGEST:
        raise Throw(ThrowCode.ABORT, f"a value of {length} bytes")
    self.pay(_PROPERTY_STEPS + length // 64)
    return self.memory.read(address, length) if length else b""


@DEVICE.word("delete-property", "( name count -- )", _A)
def delete_property(forth: Forth) -> None:
    """Take a property away from there."""
    self = _fw(forth)
    self.pay(_PROPERTY_STEPS)
    with faults():
        self.firmware.client_properties.delete(_own(self), self.pop_text())


@DEVICE.word("device-name", "( name count -- )", _A)
def device_name(forth: Forth) -> None:
    """Name the active package."""
    self = _fw(forth)
    name, node = self.pop_text(), self.active if self.active is not None else _own(self)
    with faults():
        unit = f"@{node.unit}" if node.unit else ""
        self.firmware.tree.rename(node, f"{name}{unit}")
        node.properties["name"] = name.encode("latin-1") + b"\0"
    if "reg" in node.properties and not node.unit:
        _name_unit(self, node)


@DEVICE.word("name", "( value count -- )", _A)
def name_(forth: Forth) -> None:
    """Name the active package, by an encoded name."""
    forth.stack[-1] = max(0, forth.stack[-1] - 1)
    device_name(forth)


@DEVICE.word("device-type", "( type count -- )", _A)
def device_type(forth: Forth) -> None:
    """Set `device_type`."""
    self = _fw(forth)
    set_property(self, "device_type", self.pop_text().encode("latin-1") + b"\0")


@DEVICE.word("model", "( value count -- )", _A)
def model(forth: Forth) -> None:
    """Set `model`, by an encoded value."""
    self = _fw(forth)
    set_property(self, "model", _value(self))


@DEVICE.word("reg", "( physical… size -- )", _A)
def reg(forth: Forth) -> None:
    """Set `reg` to one range."""
    self = _fw(forth)
    node = self.active if self.active is not None else _own(self)
    above = node.parent or node
    addresses, sizes = child_address_cells(above), child_size_cells(above)
    size = [self.stack.pop() for _ in range(1)]
    physical = [self.stack.pop() for _ in range(addresses)]  # the high cell is on top
    cells = [*physical, *[0] * (sizes - 1), *size][: addresses + sizes]
    set_property(self, "reg", b"".join((cell & 0xFFFFFFFF).to_bytes(4) for cell in cells))


# --- encoding ---


def _encoded(forth: Forth, data: bytes) -> None:
    """Put a piece of a property into the dictionary, where pieces lie behind each other."""
    address = forth.space.take(len(data))
    forth.memory.write(address, data)
    forth.stack += (address, len(data))


@DEVICE.word("encode-int", "( n -- value count )", _A)
def encode_int(forth: Forth) -> None:
    """A number as a property's value."""
    _encoded(forth, (forth.stack.pop() & 0xFFFFFFFF).to_bytes(4))


@DEVICE.word("encode-string", "( text count -- value count )", _A)
def encode_string(forth: Forth) -> None:
    """A text as a property's value."""
    _encoded(forth, _value(_fw(forth)) + b"\0")


@DEVICE.word("encode-bytes", "( data count -- value count )", _A)
def encode_bytes(forth: Forth) -> None:
    """Bytes as a property's value."""
    _encoded(forth, _value(_fw(forth)))


@DEVICE.word("encode-phys", "( physical… -- value count )", _A)
def encode_phys(forth: Forth) -> None:
    """A physical address as a property's value."""
    self = _fw(forth)
    cells = [forth.stack.pop() for _ in range(_address_cells(self))]
    _encoded(forth, b"".join((cell & 0xFFFFFFFF).to_bytes(4) for cell in cells))


def _address_cells(self: FirmwareForth) -> int:
    node = self.my_self.node if self.my_self is not None else self.active or self.firmware.tree.root
    return child_address_cells(node.parent or node)


@DEVICE.word("encode+", "( value1 count value2 count -- value count )", _A)
def encode_plus(forth: Forth) -> None:
    """Join two values."""
    second_length, second = forth.stack.pop(), forth.stack.pop()
    length, first = forth.stack.pop(), forth.stack.pop()
    if not length:
        forth.stack += (second, second_length)
    elif first + length == second:
        forth.stack += (first, length + second_length)
    elif length + second_length > _LONGEST:
        raise Throw(ThrowCode.ABORT, "the value is too long")
    else:
        _encoded(forth, forth.memory.read(first, length) + forth.memory.read(second, second_length))


@DEVICE.word("encode-start", "( -- value 0 )", "OpenBIOS, SLOF")
def encode_start(forth: Forth) -> None:
    """A value of nothing."""
    forth.stack += (forth.space.here, 0)


@DEVICE.word("decode-int", "( value count -- value count n )", _A)
def decode_int(forth: Forth) -> None:
    """Take a number from the front of a value."""
    length, address = forth.stack.pop(), forth.stack.pop()
    if length < 4:
        raise Throw(ThrowCode.ABORT, f"no number in {length} bytes")
    number = int.from_bytes(forth.memory.read(address, 4))
    forth.stack += (address + 4, length - 4, number)


@DEVICE.word("decode-string", "( value count -- value count text count )", _A)
def decode_string(forth: Forth) -> None:
    """Take a text from the front of a value."""
    length, address = forth.stack.pop(), forth.stack.pop()
    if length > _LONGEST:
        raise Throw(ThrowCode.ABORT, f"a value of {length} bytes")
    text = forth.memory.read(address, length).split(b"\0")[0]
    taken = min(len(text) + 1, length)
    forth.stack += (address + taken, length - taken, address, len(text))


@DEVICE.word("decode-bytes", "( value count n -- value count data n )", _A)
def decode_bytes(forth: Forth) -> None:
    """Take bytes from the front of a value."""
    count, length, address = forth.stack.pop(), forth.stack.pop(), forth.stack.pop()
    count = min(count, length)
    forth.stack += (address + count, length - count, address, count)


@DEVICE.word("decode-phys", "( value count -- value count physical… )", _A)
def decode_phys(forth: Forth) -> None:
    """Take a physical address from the front of a value."""
    self = _fw(forth)
    length, address = forth.stack.pop(), forth.stack.pop()
    count = _address_cells(self)
    if length < 4 * count:
        raise Throw(ThrowCode.ABORT, f"no address in {length} bytes")
    cells = forth.memory.read_cells(address, count)
    forth.stack += (address + 4 * count, length - 4 * count, *reversed(cells))


# --- new packages ---


@DEVICE.word("new-device", "( -- )", _A)
def new_device(forth: Forth) -> None:
    """Make a package below the active one, and have it be active until finish-device."""
    self = _fw(forth)
    firmware = self.firmware
    above = self.active if self.active is not None else _own(self)
    if len(firmware.tree) >= _MOST_NODES:
        raise Throw(ThrowCode.ABORT, f"the tree has {_MOST_NODES} nodes")
    with faults():
        firmware.instances.need_room(1)
        node = firmware.tree.add(above, "device")
    del node.properties["name"]
    instance = firmware.instances.add(node, self.my_self)
    self.new_devices.append((instance, self.active, self.my_self))
    self.my_self = instance
    self.activate(node)


@DEVICE.word("finish-device", "( -- )", _A)
def finish_device(forth: Forth) -> None:
    """End what new-device began; a package that got no name is removed."""
    self = _fw(forth)
    if not self.new_devices:
        raise Throw(ThrowCode.ABORT, "finish-device without new-device")
    instance, before, above = self.new_devices.pop()
    node = instance.node
    self.firmware.instances.remove(instance)
    self.enter_instance(_still(self, above))
    self.activate(_in_tree(self, before))
    if "name" not in node.properties and _in_tree(self, node) is not None:
        self.remove(node)


def _still(self: FirmwareForth, instance: Instance | None) -> Instance | None:
    """An instance, if it wasn't closed."""
    if instance is None or instance not in self.firmware.instances:
        return None
    return instance


def _in_tree(self: FirmwareForth, node: Node | None) -> Node | None:
    """A package, if it wasn't removed."""
    return node if node is not None and self.firmware.tree.by_phandle.get(node.phandle) is node else None


@DEVICE.word("set-args", "( arguments count unit count -- )", _A)
def set_args(forth: Forth) -> None:
    """Give the new device its unit address and arguments."""
    self = _fw(forth)
    if not self.new_devices:
        raise Throw(ThrowCode.ABORT, "set-args without new-device")
    instance = self.new_devices[-1][0]
    instance.unit, instance.arguments = self.pop_text(), self.pop_text()


@DEVICE.word("begin-package", "( arguments count unit count path count -- )", _A)
def begin_package(forth: Forth) -> None:
    """new-device below the package that a path leads to, which is selected, with unit address and arguments."""
    self = _fw(forth)
    path = self.pop_text()
    _need(self, path)
    self.push_text(path)
    begin_select_dev(forth)
    new_device(forth)
    set_args(forth)


@DEVICE.word("end-package", "( -- )", _A)
def end_package(forth: Forth) -> None:
    """End what begin-package began."""
    finish_device(forth)
    unselect_dev(forth)
