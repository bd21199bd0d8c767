"""The table of Mac-on-Linux's calls: every selector, what it takes and gives, and which device registers it.

Numbers, names and meanings are those of Mac-on-Linux 0.9.72. Dispatch, `vof osi`, the trace and docs/osi.md go by it. A
device answers the call of a row by the method of that name in small letters: `ABLK_KICK` by `ablk_kick`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["SELECTORS", "Selector", "Status"]

_MINUS_ONE = -1


class Status(Enum):
    """What becomes of a call."""

    IMPLEMENTED = "implemented"
    """Every machine with these calls has it."""
    CONDITIONAL = "conditional"
    """There where its device is: `CALL_AVAILABLE` tells."""
    RESERVED = "reserved"
    """The number is taken, or was once, and nothing answers: r3 is 0."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A row of the table.

    Attributes:
        number: in r5.
        name: Mac-on-Linux's, without its `OSI_`.
        device: who registers it; "" for nobody.
        arguments: what r6 and the registers behind it hold.
        results: what r3 and the registers behind it hold afterwards. Others are as they were.
        status: whether there is a call of this number.
        failure: r3 where a pointer leads outside RAM.
        summary: what it does.
    """

    number: int
    name: str
    device: str
    arguments: tuple[str, ...]
    results: tuple[str, ...]
    status: Status
    failure: int
    summary: str

    @property
    def method(self) -> str:
        """The name of the device's method that answers it."""
        return self.name.lower()


def _rows() -> dict[int, Selector]:
    rows = {}
    lines = _TABLE.strip().splitlines()
    for line, summary in zip(lines[::2], lines[1::2], strict=True):
        head, device, arguments, results, failure = (part.strip() for part in line.split("|"))
        number, name = head.split()
        status = Status.RESERVED
        if device:
            status = Status.IMPLEMENTED if device in ALWAYS else Status.CONDITIONAL
        rows[int(number)] = Selector(
            number=int(number),
            name=name,
            device=device,
            arguments=tuple(arguments.split()),
            results=tuple(results.split()),
            status=status,
            failure=int(failure or _MINUS_ONE),
            summary=summary.strip(),
        )
    return rows


ALWAYS = ("services", "nvram", "keyboard", "prom", "boot", "files")
"""Devices that Mac-on-Linux registers whatever the tree and its configuration say."""

_TABLE = """
0 CALL_AVAILABLE | services | selector | available | 0
    Whether there is a call of this number.
1 DEBUGGER | services | number | zero | 0
    Note the number in the log; vof's option --break DEBUGGER stops there.
2 OLD_ENET |  |  |  |
    Obsolete.
3 LOG_STR |  |  |  |
    Obsolete: LOG_PUTC is there instead.
4 CMOUNT_DRV_VOL | blocks |  | zero | 0
    Tell of the driver disk as inserted, where a guest has waited for its drivers.
5 OLD_SCSI_1 |  |  |  |
    Obsolete.
6 OLD_SCSI_2 |  |  |  |
    Obsolete.
7 GET_GMT_TIME | services |  | seconds | 0
    The time: seconds since 1970 began, UTC.
8 MOUSE_CNTRL | mouse | command parameter | value |
    0: the mouse's dots per inch; 1: route its interrupt.
9 GET_LOCALTIME | services |  | seconds | 0
    The time: seconds since 1904 began, in local time.
10 ENET_OPEN | enet | unit | id |
    Open a network card of the older kind.
11 ENET_CLOSE | enet | id | status |
    Close it.
12 ENET_GET_ADDR | enet | id buffer | status |
    Write its six-byte address.
13 ENET_GET_STATUS | enet | id | state | 0
    0x10000 and the length of the first frame that waits, or 0.
14 ENET_CONTROL | enet | id command parameter | value |
    0: acknowledge the interrupt; 1: start; 2: stop; 3: route the interrupt.
15 ENET_15 |  |  |  |
    Unassigned.
16 ENET_ADD_MULTI | enet | id address | status |
    Receive what is sent to a multicast address.
17 ENET_DEL_MULTI | enet | id address | status |
    Receive it no more.
18 ENET_GET_PACKET | enet | id buffer | status |
    Take the first frame that waits; buffer 0 drops it.
19 ENET_SEND_PACKET | enet | id buffer length | status |
    Send a frame of at most 1514 bytes.
20 OF_INTERFACE |  |  |  |
    A number without a known meaning.
21 OF_TRAP |  |  |  |
    A number without a known meaning.
22 OF_RTAS | rtas | block | status |
    Make the RTAS call whose argument block this is.
23 SCSI_CNTRL | scsi | command | status |
    1: start; 2: end. Both forget what was completed.
24 SCSI_SUBMIT | scsi | request | status | 1
    Carry a request out.
25 SCSI_ACK | scsi |  | completed | 0
    The first of the completed requests, with bit 0 set; 0 for none.
26 GET_MOUSE | mouse |  | pending x y width height event |
    What the mouse did, and acknowledge its interrupt.
27 ACK_MOUSE_IRQ | mouse |  | pending | 0
    Acknowledge the mouse's interrupt.
28 SET_VMODE | video | mode depth | status | 1
    Set a video mode, from 1 up, at one of its depths, from 0 up.
29 GET_VMODE_INFO | video | mode depth | status modes depths size refresh bits row | 1
    What a video mode is; mode 0 is the default one.
30 GET_MOUSE_DPI |  |  |  |
    A number without a handler: MOUSE_CNTRL tells.
31 SET_VIDEO_POWER | video | power | status | 0
    0: off; 1: stand-by; 2: suspend; 3: on.
32 GET_FB_INFO | video |  | status address row width height depth | 1
    Where the frame buffer is, and its shape.
33 SOUND_WRITE | sound | buffer length restart | status |
    Play samples.
34 OLD_SOUND |  |  |  |
    Obsolete.
35 SOUND_SET_VOLUME | sound | volume speaker mute | status | 0
    Volume, left in the upper half and right in the lower.
36 SOUND_CNTL | sound | command parameter rate | value |
    Everything else of sound, by its command.
37 OLD_SOUND_2 |  |  |  |
    Obsolete.
38 VIDEO_ACK_IRQ | video |  | pending events | 0
    Acknowledge the screen's interrupt.
39 VIDEO_CNTRL | video | command parameter | value |
    0, 1: stop and start the refresh interrupt; 2: route it; 3: whether the cursor is hardware's.
40 SOUND_IRQ_ACK | sound |  | pending upper lower | 0
    Acknowledge the sound's interrupt, with the time base at which it came.
41 SOUND_START_STOP |  |  |  |
    A number without a handler.
42 REGISTER_IRQ |  |  |  |
    A number without a handler.
43 OLD_IRQ_1 |  |  |  |
    Obsolete.
44 OLD_IRQ_2 |  |  |  |
    Obsolete.
45 OLD_IRQ_3 |  |  |  |
    Obsolete.
46 OLD_IRQ_4 |  |  |  |
    Obsolete.
47 LOG_PUTC | services | character | zero | 0
    Write a character to the log.
48 UNASSIGNED_48 |  |  |  |
    Unassigned.
49 UNASSIGNED_49 |  |  |  |
    Unassigned.
50 KBD_CNTRL | keyboard | command | status | 0
    1: keys come by these calls; 2: they don't. Both release all keys.
51 GET_ADB_KEY | keyboard |  | key raw |
    The next key as ADB code, bit 7 set where it went up; -1 for none.
52 WRITE_NVRAM_BYTE | nvram | offset value | zero | 0
    Write a byte of the NVRAM.
53 READ_NVRAM_BYTE | nvram | offset | value | 0
    Read a byte of the NVRAM.
54 EXIT | services |  |  | 0
    End the machine.
55 KEYCODE_TO_ADB | keyboard | keycode | key |
    The ADB code of a host's key code.
56 MAP_ADB_KEY | keyboard | keycode key | zero |
    Map a host's key code to an ADB code.
57 SAVE_KEYMAPPING | keyboard |  | zero |
    Keep the mapping.
58 USLEEP | services | microseconds | zero | 0
    Sleep; a million microseconds and more don't.
59 SET_COLOR | video | index color | status |
    Set a colour of the palette; index -1 shows it.
60 PIC_MASK_IRQ | pic | number | zero | 0
    Keep an interrupt from the CPU.
61 PIC_UNMASK_IRQ | pic | number | zero | 0
    Let an interrupt reach the CPU.
62 PIC_ACK_IRQ |  |  |  |
    A number without a handler: interrupts are levels.
63 PIC_GET_ACTIVE_IRQ | pic |  | active | 0
    The interrupts that are raised and not masked, as bits.
64 GET_COLOR | video | index | color |
    A colour of the palette.
65 IRQTEST |  |  |  |
    A test card that is never there.
66 OLD_BLOCK_1 |  |  |  |
    Obsolete.
67 OLD_BLOCK_2 |  |  |  |
    Obsolete.
68 ENET2_OPEN | enet2 |  | status |
    Open the network card.
69 ENET2_CLOSE | enet2 |  | status |
    Close it.
70 ENET2_CNTRL | enet2 | command parameter | status |
    0: check the interface; 1: start; 2: stop; 3: reset; 4: the driver's version.
71 ENET2_RING_SETUP | enet2 | ring address elements | status |
    Tell where a ring is: 1 for receiving, 2 for sending, 3 and 4 for what overflows.
72 ENET2_KICK | enet2 |  | status | 1
    Send what waits in the ring.
73 ENET2_GET_HWADDR | enet2 |  | status upper lower |
    The card's address.
74 ENET2_IRQ_ACK | enet2 | enable index | pending | 0
    Acknowledge the interrupt and tell whether a frame waits at this index.
75 UNASSIGNED_75 |  |  |  |
    Unassigned.
76 PROM_IFACE | prom | what phandle a b c | value |
    The device tree, by handle.
77 PROM_PATH_IFACE | prom | what path | phandle |
    The device tree, by path.
78 BOOT_HELPER | boot | what a b c d e | value |
    Conversions, resources and the size of RAM, for a boot loader.
79 ABLK_RING_SETUP | blocks | channel ring elements | status |
    Tell where the ring of requests is.
80 ABLK_CNTRL | blocks | channel command parameter | value |
    1: reset; 2: stop; 3: start; 4: route the interrupt; 5: a unit's events.
81 ABLK_DISK_INFO | blocks | channel unit | status blocks flags zero zero |
    How large a disk is, in 512 bytes, and what it can.
82 ABLK_KICK | blocks | channel | zero |
    Carry the ring's requests out.
83 ABLK_IRQ_ACK | blocks | channel | pending requests running events |
    Acknowledge the interrupt and tell how far it came.
84 ABLK_SYNC_READ | blocks | channel unit block buffer length | status |
    Read at once, past the ring.
85 ABLK_SYNC_WRITE | blocks | channel unit block buffer length | status |
    Write at once, past the ring.
86 ABLK_BLESS_DISK | blocks | channel unit | zero |
    Hint at this disk to boot from.
87 UNASSIGNED_87 |  |  |  |
    Unassigned.
88 UNASSIGNED_88 |  |  |  |
    Unassigned.
89 EMUACCEL |  |  |  |
    An optimisation for Mac OS X, not there: nothing needs it.
90 MAPIN_MREGS |  |  |  |
    An optimisation for Mac OS X, not there: nothing needs it.
91 NVRAM_SIZE | nvram |  | size | 0
    Bytes of the NVRAM.
92 MTICKS_TO_USECS | services | ticks | microseconds | 0
    Ticks of the time base in microseconds.
93 USECS_TO_MTICKS | services | microseconds | ticks | 0
    Microseconds in ticks of the time base.
94 OLD_BLOCK_3 |  |  |  |
    Obsolete.
95 OLD_BLOCK_4 |  |  |  |
    Obsolete.
96 PSEUDO_FS | files | what a b c d | value |
    The files that the user names, and no others.
97 TTY_PUTC | tty | character | written | 0
    Write a character to the terminal.
98 TTY_GETC | tty |  | character |
    A character from the terminal; -1 for none.
99 TTY_IRQ_ACK | tty |  | zero | 0
    Acknowledge the terminal's interrupt, and have the next.
"""

SELECTORS: dict[int, Selector] = _rows()
"""Every selector, by number."""
