# The stub of the trap `mailbox` in ROM, for boards with a 32-bit CPU that starts at 0xfff00100 and has its exception
# vectors there until a client program moves them (MSR[IP]).
#
# Nothing of it but the mailbox is in RAM: a client program that overwrites what it likes can still call. The host
# writes the mailbox's place, and the mailbox's first contents, to this file before it is loaded.
        .include "mailbox.inc"

        .set    ROM_HIGH,               0xfff0
        .set    BOX_WORDS,              BOX_SIZE / 4
        .set    PLACE,                  0x3ffc
        .set    RESIDENT,               0x8000  # from 0x4000 to 0x7fff is NVRAM on mac99
        .set    HID0,                   1008
        .set    HID0_NAP_HIGH,          0x0040  # the high half: HID0 allows the nap that mtmsr with POW is
        .set    MSR_POW_HIGH,           0x0004
        .set    MSR_EE,                 0x8000
        .set    MSR_IP,                 0x0040
        .set    MSR_EE_IR_DR,           0x8030
        .set    MSR_EE_ME_IP_RI,        0x9042
        .set    LONG_TIME,              0x7fff

        # r12 = the page's address. Position independent, so that it may be tried elsewhere.
        .macro  find_page
        bcl     20, 31, 99f
99:     mflr    12
        lwz     12, place - 99b(12)
        .endm

        .macro  wait_for_order
spin:   lwz     6, SPINS(12)
        addi    11, 12, ORDER_SEQ
        mtctr   6
1:      lwbrx   6, 0, 11
        cmplw   6, 5
        beq     obey
        bdnz    1b
        b       nap_if_allowed
        .endm

        # An exception goes to the host. LR tells which one it was.
        .macro  vector at
        .org    \at
        mtsprg  1, 3
        mflr    3
        mtsprg  2, 3
        bl      exception
        .endm

        .macro  vectors at, count
        .set    _at, \at
        .rept   \count
        vector  _at
        .set    _at, _at + 0x100
        .endr
        .endm

        .macro  interrupt at
        .org    \at
        mtsprg  1, 3
        mtsprg  2, 4
        mfcr    4
        mtsprg  3, 4
        b       interrupted
        .endm

        .machine ppc
        .text
rom:
        .org    0x100
reset:  li      0, MSR_IP
        mtmsr   0
        isync
        find_page
        li      0, BOX_WORDS
        mtctr   0
        lis     4, ROM_HIGH
        ori     4, 4, box - rom - 4
        addi    5, 12, BOX - 4
2:      lwzu    0, 4(4)
        stwu    0, 4(5)
        bdnz    2b
        mfpvr   0                               # who shall describe the CPU wants to know which it is
        stw     0, REQUEST_ARGS + 0x0c(12)
        li      3, 0
        b       hello

        vectors 0x200, 3
        interrupt 0x500
        vectors 0x600, 3
        interrupt 0x900
        vectors 0xa00, 6
        vector  0xf20
        vectors 0x1000, 0x10

        .org    0x2000
# An exception while the vectors are the firmware's: the host gets the registers.
# In: SPRG1 = r3, SPRG2 = LR, LR = behind the vector's branch.
exception:
        mtsprg  3, 12
        lis     12, ROM_HIGH
        lwz     12, place - rom(12)
        .set    _register, 0
        .rept   32
        .if     _register != 3 && _register != 12
        stw     _register, REGISTERS + 8 * _register + 4(12)
        .endif
        .set    _register, _register + 1
        .endr
        mfsprg  0, 1
        stw     0, REGISTERS + 8 * 3 + 4(12)
        mfsprg  0, 3
        stw     0, REGISTERS + 8 * 12 + 4(12)
        mflr    3
        addi    3, 3, -4
        rlwinm  0, 3, 0, 16, 26                 # the offset of the vector
        stw     0, REGISTERS + 8 * 32 + 4(12)
        mfsrr0  0
        stw     0, REGISTERS + 8 * 33 + 4(12)
        mfsrr1  0
        stw     0, REGISTERS + 8 * 34 + 4(12)
        mfsprg  0, 2
        stw     0, REGISTERS + 8 * 35 + 4(12)
        mfcr    0
        stw     0, REGISTERS + 8 * 36 + 4(12)
        mfctr   0
        stw     0, REGISTERS + 8 * 37 + 4(12)
        mfxer   0
        stw     0, REGISTERS + 8 * 38 + 4(12)
        mfdar   0
        stw     0, REGISTERS + 8 * 39 + 4(12)
        mfdsisr 0
        stw     0, REGISTERS + 8 * 40 + 4(12)
        li      4, REQUEST_EXCEPTION
        b       post

# The decrementer, or a device: they end the nap below. A client program that wants interrupts before it has vectors of
# its own gets none: the decrementer is put off, and a device's interrupt turns interrupts off.
# In: SPRG1 = r3, SPRG2 = r4, SPRG3 = CR.
interrupted:
        lis     4, LONG_TIME
        mtdec   4
        mfsrr0  3
        lis     4, ROM_HIGH
        ori     4, 4, napping - rom
        subf    3, 4, 3
        mfsrr1  4
        cmplwi  3, napped - napping
        rlwinm  4, 4, 0, 17, 15                 # no EE
        rlwinm  4, 4, 0, 14, 12                 # no POW
        mtsrr1  4
        bge     1f
        lis     4, ROM_HIGH
        ori     4, 4, napped - rom
        mtsrr0  4
1:      mfsprg  4, 3
        mtcrf   0xff, 4
        mfsprg  4, 2
        mfsprg  3, 1
        rfi

# The host takes its time: have the CPU sleep, which an emulator's does for good, for a little longer each time. Its
# decrementer wakes it. Not so where a client program has translation or interrupts on, or has taken the machine over
# (FLAG_MAY_NAP): what a nap changes is its own then. r5 is the request's number; only r0, r6 … r11 are free.
nap_if_allowed:
        lwz     6, FLAGS(12)
        andi.   6, 6, FLAG_MAY_NAP
        beq     spin
        mfmsr   7
        andi.   6, 7, MSR_EE_IR_DR
        bne     spin
        stw     7, SAVED_MSR(12)
        mfsrr0  6
        stw     6, SAVED_VECTOR(12)
        mfsrr1  6
        stw     6, SAVED_VECTOR + 4(12)
        mfspr   6, HID0
        stw     6, SAVED_VECTOR + 8(12)
        oris    6, 6, HID0_NAP_HIGH
        mtspr   HID0, 6
        mfdec   6
        stw     6, SAVED_DEC(12)
        mftb    6
        stw     6, SAVED_TB(12)
        lwz     8, FIRST_NAP(12)
nap:    mtdec   8
        lwz     6, LAST_NAP(12)
        add     8, 8, 8
        cmplw   8, 6
        ble     1f
        mr      8, 6
1:      lis     7, MSR_POW_HIGH
        ori     7, 7, MSR_EE_ME_IP_RI
        sync
        mtmsr   7
napping:
        isync
        b       .
napped: addi    11, 12, ORDER_SEQ
        lwbrx   6, 0, 11
        cmplw   6, 5
        bne     nap
        lwz     6, SAVED_VECTOR(12)
        mtsrr0  6
        lwz     6, SAVED_VECTOR + 4(12)
        mtsrr1  6
        lwz     6, SAVED_VECTOR + 8(12)
        mtspr   HID0, 6
        lwz     6, SAVED_DEC(12)                # as if nobody had touched it
        lwz     7, SAVED_TB(12)
        mftb    8
        subf    7, 7, 8
        subf    6, 7, 6
        mtdec   6
        lwz     7, SAVED_MSR(12)
        mtmsr   7
        isync
        b       obey

        .org    PLACE
place:  .long   0                               # the host writes the address of the mailbox's page here

        .org    RESIDENT                        # the client interface's entry
        b       client_entry
        .include "mailbox32.inc"

        .org    RESIDENT + BOX                  # copied to the mailbox
box:    box_contents RESIDENT, 20000, 1250, 100000 # naps of 50 µs to 4 ms at 25 MHz
        .org    RESIDENT + BOX + BOX_SIZE
