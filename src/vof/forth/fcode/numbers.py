"""The table of FCode numbers: what each is called, and what stands behind it in a program (IEEE 1275 annex H)."""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["FERROR", "FIRST_PROGRAM_NUMBER", "NAMES", "Behind", "behind"]


class Behind(Enum):
    """What stands behind a number."""

    NOTHING = auto()
    CELL = auto()  # four bytes
    NUMBER = auto()  # another FCode number
    TEXT = auto()  # a byte with its length, and so many bytes
    OFFSET = auto()  # a branch's, from its own first byte: one byte with `version1`, else two
    NEW = auto()  # the FCode number that a definition gets
    NAMED = auto()  # a name, and that number
    HEADER = auto()  # the rest of a program's header


_ROWS = (
    (0x000, "end0"),
    (
        0x010,
        """
        b(lit) b(') b(") bbranch b?branch b(loop) b(+loop) b(do) b(?do) i j b(leave) b(of) execute + - * / mod and
        or xor invert lshift rshift >>a /mod u/mod negate abs min max >r r> r@ exit 0= 0<> 0< 0<= 0> 0>= < > = <> u>
        u<= u< u>= >= <= between within drop dup over swap rot -rot tuck nip pick roll ?dup depth 2drop 2dup 2over
        2swap 2rot 2/ u2/ 2* /c /w /l /n ca+ wa+ la+ na+ char+ wa1+ la1+ cell+ chars /w* /l* cells on off +! @ l@ w@
        <w@ c@ ! l! w! c! 2@ 2! move fill comp noop lwsplit wljoin lbsplit bljoin wbflip upc lcc pack count body>
        >body fcode-revision span unloop expect alloc-mem free-mem key? key emit type (cr cr #out #line hold <# u#>
        sign u# u#s u. u.r . .r .s base convert $number digit -1 0 1 2 3 bl bs bell bounds here aligned wbsplit
        bwjoin b(<mark) b(>resolve) set-token-table set-table new-token named-token b(:) b(value) b(variable)
        b(constant) b(create) b(defer) b(buffer:) b(field) b(code) instance
        """,
    ),
    (0x0C2, "b(;) b(to) b(case) b(endcase) b(endof) # #s #> external-token $find offset16 evaluate"),
    (0x0D0, "c, w, l, , um* um/mod"),
    (0x0D8, "d+ d- get-token set-token state compile behavior"),
    (0x0F0, "start0 start1 start2 start4"),
    (0x0FC, "ferror version1 4-byte-id end1"),
    (0x101, "dma-alloc my-address my-space memmap free-virtual >physical"),
    (
        0x10F,
        """
        my-params property encode-int encode+ encode-phys encode-string encode-bytes reg intr driver model
        device-type parse-2int is-install is-remove is-selftest new-device diagnostic-mode? display-status
        memory-test-issue group-code mask get-msecs ms finish-device decode-phys
        """,
    ),
    (0x12B, "interpose"),
    (0x130, "map-low sbus-intr>cpu"),
    (
        0x150,
        """
        #lines #columns line# column# inverse? inverse-screen? frame-buffer-busy? draw-character reset-screen
        toggle-cursor erase-screen blink-screen invert-screen insert-characters delete-characters insert-lines
        delete-lines draw-logo frame-buffer-adr screen-height screen-width window-top window-left
        """,
    ),
    (
        0x16A,
        """
        default-font set-font char-height char-width >font fontbytes fb1-draw-character fb1-reset-screen
        fb1-toggle-cursor fb1-erase-screen fb1-blink-screen fb1-invert-screen fb1-insert-characters
        fb1-delete-characters fb1-insert-lines fb1-delete-lines fb1-draw-logo fb1-install fb1-slide-up
        """,
    ),
    (
        0x180,
        """
        fb8-draw-character fb8-reset-screen fb8-toggle-cursor fb8-erase-screen fb8-blink-screen fb8-invert-screen
        fb8-insert-characters fb8-delete-characters fb8-insert-lines fb8-delete-lines fb8-draw-logo fb8-install
        """,
    ),
    (0x1A0, "return-buffer xmit-packet poll-packet"),
    (0x1A4, "mac-address"),
    (
        0x201,
        """
        device-name my-args my-self find-package open-package close-package find-method call-package $call-parent
        my-parent ihandle>phandle
        """,
    ),
    (
        0x20D,
        """
        my-unit $call-method $open-package processor-type firmware-version fcode-version alarm (is-user-word)
        suspend-fcode abort catch throw user-abort get-my-property decode-int decode-string get-inherited-property
        delete-property get-package-property cpeek wpeek lpeek cpoke wpoke lpoke lwflip lbflip lbflips adr-mask
        """,
    ),
    (0x22E, "rx@ rx! rb@ rb! rw@ rw! rl@ rl! wbflips lwflips probe probe-virtual"),
    (
        0x23B,
        """
        child peer next-property byte-load set-args left-parse-string bxjoin <l@ lxjoin wxjoin x, x@ x! /x /x* xa+
        xa1+ xbflip xbflips xbsplit xlflip xlflips xlsplit xwflip xwflips xwsplit
        """,
    ),
)
"""The first number of a run, and the names from there on."""

NAMES: dict[int, str] = {number: name for first, names in _ROWS for number, name in enumerate(names.split(), first)}
"""Names by number, 0x000 … 0x7FF."""

FIRST_PROGRAM_NUMBER = 0x800
"""From here on, up to 0xFFF, numbers are a program's own."""

FERROR = 0xFC
"""What an unassigned number means."""

_BEHIND = {
    0x10: Behind.CELL,
    0x11: Behind.NUMBER,
    0x12: Behind.TEXT,
    0x13: Behind.OFFSET,
    0x14: Behind.OFFSET,
    0x15: Behind.OFFSET,
    0x16: Behind.OFFSET,
    0x17: Behind.OFFSET,
    0x18: Behind.OFFSET,
    0x1C: Behind.OFFSET,
    0xB5: Behind.NEW,
    0xB6: Behind.NAMED,
    0xC3: Behind.NUMBER,
    0xC6: Behind.OFFSET,
    0xCA: Behind.NAMED,
    0xF0: Behind.HEADER,
    0xF1: Behind.HEADER,
    0xF2: Behind.HEADER,
    0xF3: Behind.HEADER,
    0xFD: Behind.HEADER,
}


def behind(number: int) -> Behind:
    """What stands behind a number."""
    return _BEHIND.get(number, Behind.NOTHING)
