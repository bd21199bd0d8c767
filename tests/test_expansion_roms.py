"""Drivers in the expansion ROMs of QEMU's cards: their packages are below the PCI bus, and they reach the card."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from build import build_c

from vof.vm import VM

pytestmark = pytest.mark.guest

SOURCE = """
tokenizer[ h# 8086 h# 100e h# 020000 pci-header ]tokenizer
fcode-version2 hex headers
" my-card" device-name
" my-model" encode-string " model" property
: config-l@ ( register -- value ) my-space + " config-l@" $call-parent ;
: config-w! ( value register -- ) my-space + " config-w!" $call-parent ;
: mapped ( -- address ) 0 0 my-space 2000010 + 20000 " map-in" $call-parent ;
0 config-l@ encode-int " ids" property
external
: status ( -- value ) 4 config-l@ 2 or 4 config-w! mapped dup 8 + rl@ swap 20000 " map-out" $call-parent ;
status encode-int " status" property
new-device " port" device-name 1 encode-int " reg" property finish-device
: open true ;
: close ;
." the ROM says hello" cr
fcode-end
pci-end
"""
STATUS = 0x80080783
"""The e1000's status register after power-on: full duplex, link up, 1000 Mb/s and what QEMU has besides."""

HOSTS = {"pegasos2": "/pci@80000000", "mac99": "/pci@f2000000", "g3beige": "/pci@80000000", "pseries": "/pci"}
BRIDGED = ("-device", "pci-bridge,id=bridge,chassis_nr=1")


@pytest.fixture(scope="module")
def rom(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("rom")
    (folder / "card.fs").write_text(SOURCE)
    subprocess.run(["toke", "-o", folder / "card.rom", folder / "card.fs"], capture_output=True, check=True)
    return str(folder / "card.rom")


def ok(machine: str, typed: str, *options: str) -> str:
    command = [sys.executable, "-m", "vof", "ok", "-machine", machine, "--", "-nic", "none", *options]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout


@pytest.mark.parametrize("machine", HOSTS)
def test_its_package_and_properties(machine: str, rom: str) -> None:
    path = f"{HOSTS[machine]}/my-card"
    said = ok(
        machine,
        f'dev {path} ls .properties\n" {path}" open-dev " status" rot $call-method u.\n',
        *("-device", f"e1000,romfile={rom}"),
    )
    assert "the ROM says hello" in said and ": port@1" in said
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert {
        'name "my-card"',
        'model "my-model"',
        "ids <0x100e8086>",
        f"status <{STATUS:#x}>",
        "fcode-rom-offset <0x34>",
        f"{STATUS:x}",
    } <= set(lines)


@pytest.mark.parametrize("machine", ["pegasos2", "pseries"])
def test_behind_a_bridge(machine: str, rom: str) -> None:
    path = f"{HOSTS[machine]}/pci/my-card"
    said = ok(
        machine,
        f'dev {path} pwd\n" {path}" open-dev " status" rot $call-method u.\n',
        *BRIDGED,
        *("-device", f"e1000,bus=bridge,addr=2,romfile={rom}"),
    )
    assert "/my-card@2" in said and f"{STATUS:x}" in said


def test_it_outlives_a_new_tree(rom: str) -> None:
    """`ibm,client-architecture-support` replaces all nodes; the hypervisor knows none of those that the driver made."""
    vector = "200000 80 erase ffff0000 200000 l! 4e0000 200004 l! ffffffff 20000c l! 4 200010 c! 19 200019 c! 200000"
    said = ok(
        "pseries",
        f'" /" open-dev value root\n{vector} " ibm,client-architecture-support" root $call-method .s clear\n'
        'dev /pci/my-card ls .properties\n" /pci/my-card" open-dev " status" rot $call-method u.\n',
        *("-device", f"e1000,romfile={rom}"),
    )
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "0" in lines, "the hypervisor has accepted it"
    assert ": port@1" in said and 'model "my-model"' in lines and f"{STATUS:x}" in lines


def test_a_client_program_sees_it(rom: str, tmp_path: Path) -> None:
    walker = str(build_c("walker", 32, "big", tmp_path))
    with VM(machine="pegasos2", kernel=walker, extra=["-nic", "none", "-device", f"e1000,romfile={rom}"]) as vm:
        assert b"the ROM says hello" in vm.expect("/pci@80000000/my-card@1")
        vm.wait(30)


def test_a_failure_is_told_and_nothing_else_fails(rom: str, tmp_path: Path) -> None:
    broken, data = tmp_path / "broken.rom", bytearray(Path(rom).read_bytes())
    data[0x34 + 8] = 0xFC  # the first number of the program: ferror
    broken.write_bytes(data)
    talker = str(build_c("talker", 32, "big", tmp_path))
    with VM(machine="pegasos2", kernel=talker, extra=["-nic", "none", "-device", f"e1000,romfile={broken}"]) as vm:
        vm.expect("bye")
        assert any("(8086:100e): the FCode in its ROM: " in each for each in vm.notices)
