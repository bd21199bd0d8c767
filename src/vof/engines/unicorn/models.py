"""The CPU models that the in-process engine has, by QEMU's names."""

from __future__ import annotations

from dataclasses import dataclass

from vof.errors import UsageError

__all__ = ["MODELS", "CpuModel", "find_model"]


@dataclass(frozen=True, slots=True)
class CpuModel:
    """A row of the table.

    Attributes:
        name: QEMU's name, in lower case.
        bits: 32 or 64.
        pvr: its processor version.
        constant: the name of Unicorn's constant, "" for the default model.
    """

    name: str
    bits: int
    pvr: int
    constant: str


MODELS: dict[str, CpuModel] = {
    model.name: model
    for model in (
        CpuModel("750", 32, 0x00080301, "UC_CPU_PPC32_750_V3_1"),
        CpuModel("power10", 64, 0x00800200, ""),
    )
}


def find_model(name: str, bits: int) -> CpuModel:
    """The model of this name; the usual one of so many bits if the name is empty.

    Raises:
        UsageError: this engine has none, or can't run it.
    """
    model = MODELS.get(name.lower() or {32: "750", 64: "power10"}[bits])
    if model is None or model.bits != bits:
        names = ", ".join(each.name for each in MODELS.values() if each.bits == bits)
        raise UsageError(f"-cpu {name}: the unicorn engine has {names} for this machine; --engine qemu has more")
    return model
