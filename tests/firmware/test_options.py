"""Configuration variables: checked, kept in NVRAM, seen and set by clients."""

from __future__ import annotations

import pytest
from fakes import World

from vof.errors import GuestFault, UsageError
from vof.firmware.boot_order import boot_order, check_order
from vof.firmware.options import VARIABLES, Options
from vof.machines.nvram import Nvram
from vof.packages.nvram import NvramPartitions
from vof.tree import DeviceTree, encode_string


def tree() -> DeviceTree:
    made = DeviceTree()
    made.add("/", "options")
    made.add("/", "aliases")
    return made


def test_every_default_is_good() -> None:
    for name, row in VARIABLES.items():
        assert row.name == name and row.check(row.default) is None


def test_what_is_set_is_kept_and_the_rest_has_its_default() -> None:
    store = Nvram(1 << 16)
    options = Options({"load-base": "800000"}, None, store)
    assert (options["load-base"], options["boot-device"], options.is_set("boot-device")) == (
        "800000",
        "disk cdrom net",
        False,
    )
    options.set("boot-device", "net")
    again = Options({"load-base": "800000"}, None, store)
    assert (again["boot-device"], again.is_set("boot-device")) == ("net", True)
    again.set("boot-device", "disk cdrom net")
    assert NvramPartitions(store).variables() == {}


def test_the_users_own_hold_for_this_run_only() -> None:
    store = Nvram(1 << 16)
    options = Options({}, {"auto-boot?": "false"}, store)
    assert options["auto-boot?"] == "false" and options.is_set("auto-boot?")
    assert Options({}, None, store)["auto-boot?"] == "true"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("auto-boot?", "maybe", "it is true or false"),
        ("load-base", "here", "hexadecimal"),
        ("screen-#rows", "many", "it is a number"),
        ("boot-device", "x" * 3000, "at most 2048"),
        ("boot-device", "a\0b", "Latin-1"),
        ("boot-devices", "disk", "did you mean boot-device?"),
        ("xyzzy", "1", "there are auto-boot?"),
    ],
)
def test_what_cannot_be(name: str, value: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("?", r"\?")):
        Options({}, {name: value})
    with pytest.raises(UsageError, match=words.replace("?", r"\?")):
        Options({}).set(name, value)


def test_a_damaged_nvram_is_told_and_made_anew_when_something_is_set() -> None:
    store = Nvram(1 << 16)
    store.write(0, b"nonsense" * 100)
    options = Options({}, None, store)
    assert "damaged" in options.notice and options["boot-device"] == "disk cdrom net"
    assert store.read(0, 8) == b"nonsense"
    options.set("boot-device", "net")
    assert Options({}, None, store)["boot-device"] == "net"


def test_names_of_others_stay() -> None:
    store = Nvram(1 << 16)
    partitions = NvramPartitions(store)
    partitions.format()
    partitions.write_variables({"ibm,own": "x", "load-base": "no number"})
    options = Options({}, None, store)
    assert options["load-base"] == "4000000"
    options.set("boot-file", "-v")
    assert partitions.variables() == {"boot-file": "-v", "ibm,own": "x"}


def test_clients_see_and_set_them() -> None:
    world = World()
    made = world.firmware.tree
    if made.find("/options") is None:
        made.add("/", "options")
    options = world.firmware.options = Options({}, None, Nvram(1 << 16))
    options.furnish(made)
    node = made.find("/options")
    assert node is not None
    assert node.properties["boot-device"] == b"disk cdrom net\0"
    world.firmware.client_properties.set(node, "boot-device", b"net\0")
    assert (node.properties["boot-device"], options["boot-device"]) == (b"net\0", "net")
    with pytest.raises(GuestFault, match="true or false"):
        world.firmware.client_properties.set(node, "auto-boot?", b"x\0")
    world.firmware.client_properties.set(node, "boot-last-label", b"the client's own\0")
    assert node.properties["boot-last-label"] == b"the client's own\0"


def test_the_order() -> None:
    made = tree()
    for name in ("disk1", "disk0", "disk", "cdrom0", "net0", "disk10"):
        made.add("/", f"{name}@1")
        made.set("/aliases", name, encode_string(f"/{name}@1"))
    assert boot_order(made, "", ()) == ["disk0", "disk1", "disk10", "cdrom0", "net0"]
    assert boot_order(made, "nd", ()) == ["net0", "cdrom0"]
    assert boot_order(made, "", ["/disk1@1"]) == ["/disk1@1", "disk0", "disk10", "cdrom0", "net0"]
    for order, words in (("x", "called x"), ("cc", "twice")):
        with pytest.raises(UsageError, match=words):
            check_order(order)
