"""Why QEMU didn't start, and what would help."""

from __future__ import annotations

import pytest

from vof.engines.qemu.command import find_qemu
from vof.engines.qemu.refusal import refusal


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ('-device VGA: failed to find romfile "vgabios-stdvga.bin"', "apt-get install seabios"),
        ('-device e1000: failed to find romfile "efi-e1000.rom"', "apt-get install ipxe-qemu"),
        ("", "said nothing"),
    ],
)
def test_a_hint_where_one_is_known(words: str, hint: str) -> None:
    assert hint in str(refusal(find_qemu("qemu-system-ppc"), words))


def test_a_rom_of_the_users_own_is_his_to_find() -> None:
    words = '-device e1000,romfile=none.rom: failed to find romfile "none.rom"'
    assert str(refusal(find_qemu("qemu-system-ppc"), words)).endswith('"none.rom"')
