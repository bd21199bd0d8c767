"""Boards: a machine on an engine. Which of them a configuration asks for, and how each is made."""

from vof.vm.boards.board import Board, BoardPlan
from vof.vm.boards.choice import make_board

__all__ = ["Board", "BoardPlan", "make_board"]
