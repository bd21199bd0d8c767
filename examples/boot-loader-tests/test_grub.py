"""A boot loader's behaviour, as its users see it and as the firmware sees it."""

from __future__ import annotations

import pytest

from conftest import FOLDER, usual

pytestmark = pytest.mark.vof(needs=["unicorn", f"file:{FOLDER / 'core.elf'}", f"file:{FOLDER / 'disk.img'}"])


def test_the_menu_appears(grub, vof_trace):
    vm = grub()
    menu = vm.expect("automatically in")
    assert b"Boot the client" in menu and b"Say hello" in menu
    vof_trace.assert_called("open", text="disk:0")
    assert not vof_trace.failed("claim")


def test_a_key_chooses_an_entry(grub):
    vm = grub()
    vm.expect("automatically in")
    vm.send("\x1b[B\r")  # down, Enter
    vm.expect("hello from the menu")


def test_it_leaves_memory_to_the_kernel(grub, vof_trace):
    """What GRUB claims begins above its own code and leaves the first megabyte alone."""
    vm = grub(memory="256")
    vm.expect("automatically in")
    claims = [call for call in vof_trace.calls("claim") if not call.fault]
    assert claims
    assert all(call.arguments[1] < 256 << 20 for call in claims)


@pytest.mark.parametrize(
    ("fault", "shown"), [("disk", "grub> "), ("memory", "out of memory"), ("interpret", "GNU GRUB")]
)
def test_what_fails_is_told(grub, vof_trace, fault, shown):
    vm = grub(inject=[fault])
    vm.expect(shown)
    assert vof_trace.injected


def test_a_firmware_whose_clock_stands_still_is_survived(grub):
    vm = grub()

    @vm.on("milliseconds", "instead")
    def stand_still(call):
        return 0

    vm.expect("Boot the client")


def to_prompt(boot):
    """Brings GRUB to its command line, once for all tests below."""
    vm = boot(**usual())
    vm.expect("automatically in")
    vm.send("c")
    vm.expect("grub> ")
    return vm


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("ls", "(ieee1275/disk,msdos1)"),
        ("ls /boot/grub/", "grub.cfg"),
        ("echo $prefix", "/boot/grub"),
        ("xyzzy", "error: "),
    ],
)
def test_commands(vof_snapshot, command, answer):
    vm = vof_snapshot(to_prompt)
    vm.send(command + "\r")
    vm.expect(answer)
