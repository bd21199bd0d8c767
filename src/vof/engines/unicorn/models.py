"""The CPU models that the in-process engine has, by QEMU's names."""

from __future__ import annotations

from dataclasses import dataclass

from vof.engines.unicorn.model_table import ALIASES as _ALIASES
from vof.engines.unicorn.model_table import MODELS as _ROWS
from vof.errors import UsageError

__all__ = ["ALIASES", "MODELS", "CpuModel", "find_model"]

_USUAL = {32: "750_v3.1", 64: "power10"}
_PREFIX = "UC_CPU_PPC32_"


@dataclass(frozen=True, slots=True)
class CpuModel:
    """A row of the table.

    Attributes:
        name: QEMU's name, in lower case.
        bits: 32 or 64.
        pvr: its processor version; 0 where QEMU doesn't say.
        constant: the name of Unicorn's constant; "" for the default model.
        hashed: whether address translation by a hashed page table works on it.
        works: whether a client program runs on it at all.
    """

    name: str
    bits: int
    pvr: int
    constant: str
    hashed: bool
    works: bool = True


def _parse(row: str) -> CpuModel:
    name, pvr, constant, what = row.split()
    return CpuModel(name, 32, int(pvr, 16), _PREFIX + constant, what == "hash", what != "none")


MODELS: dict[str, CpuModel] = {model.name: model for model in map(_parse, _ROWS.strip().splitlines())}
# The one that 64-bit guests get. Named models of 64 bits are 32-bit ones in Unicorn.
MODELS["power10"] = CpuModel("power10", 64, 0x00800200, "", hashed=False)
_PAIRS = (line.split() for line in _ALIASES.strip().splitlines())
ALIASES: dict[str, str] = {pair[0]: pair[1] for pair in _PAIRS}


def find_model(name: str, bits: int, *, hashed: bool = False) -> CpuModel:
    """The model of this name; the usual one of so many bits if the name is empty.

    Args:
        name: QEMU's name or alias, in any case.
        bits: of the machine's CPU.
        hashed: whether a hashed page table is needed.

    Raises:
        UsageError: this engine has none, or can't run it.
    """
    wanted = name.lower() or _USUAL[bits]
    model = MODELS.get(ALIASES.get(wanted, wanted))
    if model is None:
        from difflib import get_close_matches

        near = get_close_matches(wanted, [*MODELS, *ALIASES], 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"-cpu {name}: {hint}`vof machines --cpus` lists what the unicorn engine has")
    if model.bits != bits:
        raise UsageError(
            f"-cpu {name} is a {model.bits}-bit CPU, and this machine has a {bits}-bit one: {_USUAL[bits]}"
        )
    if not model.works:
        raise UsageError(f"-cpu {name}: client programs don't run on it in the unicorn engine; {_USUAL[bits]} would do")
    if hashed and not model.hashed:
        raise UsageError(
            f"-cpu {name}: its address translation doesn't work in the unicorn engine; {_USUAL[bits]}'s does"
        )
    return model
