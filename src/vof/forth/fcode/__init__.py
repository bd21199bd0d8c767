"""FCode: Forth as expansion ROMs have it, each word a number of one byte or two (IEEE 1275 §5.2.2 and annex H)."""

from vof.forth.fcode.detokenizer import Look, detokenize
from vof.forth.fcode.evaluator import byte_load
from vof.forth.fcode.program import Program, Step, find_programs, starts_program
from vof.rom import OPEN_FIRMWARE, find_images, starts_rom

__all__ = ["Look", "Program", "Step", "byte_load", "detokenize", "find_fcode", "find_programs"]


def find_fcode(data: bytes) -> bytes:
    """The FCode program that a file begins with, or that of the first image for Open Firmware in an expansion ROM.

    Returns:
        Its bytes and what follows; none where the file is neither, or has no such image.
    """
    if starts_rom(data):
        for image in find_images(data):
            if image.code_type == OPEN_FIRMWARE:
                return data[image.fcode : image.at + image.length]
        return b""
    return data if starts_program(data) else b""
