"""Words for looking at the device tree: the active package, aliases, finding packages."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from vof.errors import Throw, ThrowCode
from vof.firmware.words.engine import DEVICE, faults
from vof.tree import Node, assignment

if TYPE_CHECKING:
    from vof.firmware.words.engine import FirmwareForth
    from vof.forth import Forth

__all__ = ["need_package", "set_alias"]

_A = "1275 A"
_SHOWN = 4096
_ALIAS_STEPS = 200


def _fw(forth: Forth) -> FirmwareForth:
    return cast("FirmwareForth", forth)


def _find(forth: FirmwareForth, path: str) -> Node | None:
    """A node by a path, which may begin at the active package."""
    node = forth.firmware.tree.find(path) if path else None
    if node is None and path and not path.startswith("/") and forth.active is not None:
        node = forth.firmware.tree.find(f"{forth.active.path.rstrip('/')}/{path}")
    return node


def need_package(forth: FirmwareForth, path: str) -> Node:
    """A package by its path, which may begin at the active package.

    Raises:
        Throw: there is none.
    """
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
    self.activate(self.need_active().parent if path == ".." else need_package(self, path))


@DEVICE.word("dev", "( -- )", _A)
def dev(forth: Forth) -> None:
    """The same, with the path that follows."""
    self = _fw(forth)
    path = self.parse_name()
    if not path:
        raise Throw(ThrowCode.ABORT, "dev PATH: which device?")
    self.activate((self.need_active().parent or self.active) if path == ".." else need_package(self, path))


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
    top = need_package(self, path) if path else self.firmware.tree.root
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
