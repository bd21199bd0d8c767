"""Forth: the language of Open Firmware, without its devices."""

from vof.forth import ans as ans
from vof.forth import control as control  # filling the table is what they are imported for
from vof.forth import defining as defining
from vof.forth import fcode_words as fcode_words
from vof.forth import memory as memory
from vof.forth import number_words as number_words
from vof.forth import text as text
from vof.forth import tokens as tokens
from vof.forth import wide as wide
from vof.forth.core import CORE
from vof.forth.engine import Forth
from vof.forth.runtime import DEFAULT_BUDGET
from vof.forth.space import Space
from vof.forth.word import TABLES, Kind, Table, Vocabulary, Word

__all__ = ["CORE", "DEFAULT_BUDGET", "TABLES", "Forth", "Kind", "Space", "Table", "Vocabulary", "Word"]
