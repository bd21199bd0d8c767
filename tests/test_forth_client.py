"""A client program in C that builds a tree in Forth, walks it, and calls methods of Forth."""

from __future__ import annotations

from pathlib import Path

import pytest
from build import build_c

from vof.vm import VM, EndReason
from vof.vm.config import Config

BOOT = 60
MACHINES = {
    "pseries, 64 bits": ({"machine": "pseries"}, 64),
    "pseries, 32 bits": ({"machine": "pseries"}, 32),
    "generic": ({"machine": "generic", "engine": "unicorn"}, 32),
}
SAYS = [
    '/forth-tree name="forth-tree\\x00" #address-cells="\\x00\\x00\\x00\\x01" #size-cells="\\x00\\x00\\x00\\x00"',
    '  /forth-tree/first@1 name="first\\x00" reg="\\x00\\x00\\x00\\x01" text="one\\x00"',
    '  /forth-tree/second@2 name="second\\x00" reg="\\x00\\x00\\x00\\x02"',
    '    /forth-tree/second@2/leaf name="leaf\\x00" cells="\\x124Vx\\x00\\x00\\x00\\x09"',
    "kept: 0 0x0 5",
    "kept: 0 0x0 77",
    "twice: 0x0 6 5 6 5",  # the first argument is on top of the stack, and the top is the first result
    "twice, two of it: 0x0 6 5",
    "fails: 0x2a",
    "none: 0 0x1",
    "interpret: 0x0 -7",
    "interpret, the top of it: 0x0 7",
    "interpret, more than there is: 0x0 5 0 0",
    "nosuchword: -13",
    "endless: -28",
    "too few: -4",
    "outside: -9",
    "throw: 0x2a",
]


@pytest.mark.guest
@pytest.mark.parametrize("name", MACHINES)
def test_a_client_program(name: str, tmp_path: Path) -> None:
    options, bits = MACHINES[name]
    program = build_c("forth", bits, "big", tmp_path)
    with VM(Config(kernel=str(program), **options)) as vm:  # type: ignore[arg-type]
        said = vm.expect(SAYS[-1], BOOT).decode().replace("\r", "")
        ending = vm.wait(BOOT)
    assert ending is not None and ending.reason is EndReason.EXIT
    assert said.splitlines()[-len(SAYS) :] == SAYS
