"""Which board a configuration asks for."""

from __future__ import annotations

from vof.errors import UsageError
from vof.vm.boards.board import Board, BoardPlan

__all__ = ["make_board"]

_KEEPS_NVRAM = ("pseries", "pegasos2", "mol")


def make_board(plan: BoardPlan) -> Board:
    """The board that a configuration asks for.

    Args:
        plan: what it is made from.

    Raises:
        UsageError: there is none, or an option doesn't go with it.
    """
    config = plan.config
    name, engine = config.profile.name, config.engine_name
    if config.nvram and name not in _KEEPS_NVRAM:
        raise UsageError(f"--nvram {config.nvram}: {', '.join(_KEEPS_NVRAM)} have an NVRAM that can be kept")
    if name == "mol":
        from vof.vm.boards.mol import MolBoard

        return MolBoard(plan)
    if config.paravirtual:
        raise UsageError(f"{config.paravirtual} is for -machine mol: {name} has nothing that it could be of")
    if engine == "qemu":
        return _on_qemu(plan)
    if name != "pseries":
        from vof.vm.boards.generic import GenericBoard

        return GenericBoard(plan)
    if engine == "external":
        from vof.vm.boards.board_engines import external_engine
        from vof.vm.boards.pseries import PseriesBoard

        return PseriesBoard(external_engine(plan, bits=64), plan)
    from vof.vm.boards.unicorn_pseries import UnicornPseriesBoard

    return UnicornPseriesBoard(plan)


def _on_qemu(plan: BoardPlan) -> Board:
    from vof.vm.boards.board_engines import qemu_engine

    profile, engine = plan.config.profile, qemu_engine(plan.config)
    if profile.name == "40p":
        from vof.vm.boards.generic import Prep40Board

        return Prep40Board(engine)
    from vof.vm.boards.qemu_devices import QemuDevices

    found = QemuDevices(engine, plan)
    if profile.stub == "rom32":
        from vof.vm.boards.rom import RomBoard

        return RomBoard(engine, plan, found)
    from vof.vm.boards.pseries import PseriesBoard

    return PseriesBoard(engine, plan, found)
