/*
 * The start of the C test guests, the call into the firmware, and the callback out of it.
 *
 * A client program is started big-endian, and calls are made big-endian; a 64-bit one may find itself in 32-bit mode,
 * when it was started by `chain`. So a 64-bit program goes to its own mode first, and a little-endian one changes byte
 * order at its start and around every call: what the CPU meets in the other order is written as bytes (`big`).
 * Everything is linked below 2 GiB.
 */
        .machine power8

        .macro  address register, symbol
        lis     \register, \symbol@ha
        addi    \register, \register, \symbol@l
        .endm

        .macro  big word
        .byte   (\word) >> 24 & 0xff, (\word) >> 16 & 0xff, (\word) >> 8 & 0xff, (\word) & 0xff
        .endm

        .text
        .globl  _start, of_enter, callback_entry
        .type   _start, @function
        .type   of_enter, @function
        .type   callback_entry, @function

_start:
#ifdef __LITTLE_ENDIAN__
        big     0x429f0005                      # bcl   20, 31, .+4
        big     0x7d8802a6                      # mflr  12      which is _start + 4
        big     0x398c003c                      # addi  12, 12, 0x3c
        big     0x7d6000a6                      # mfmsr 11
        big     0x616b0001                      # ori   11, 11, 1       little-endian
        big     0x38000001                      # li    0, 1
        big     0x780bf80e                      # rldimi 11, 0, 63, 0   64 bits
        big     0x7d9a03a6                      # mtsrr0 12
        big     0x7d7b03a6                      # mtsrr1 11
        big     0x4c000024                      # rfid
        .org    _start + 0x40
#elif defined(__powerpc64__)
        mfmsr   11
        li      0, 1
        rldimi  11, 0, 63, 0
        mtmsrd  11
        isync
#endif
        address 1, stack_top
        li      0, 0
#ifdef __powerpc64__
        std     0, 0(1)
        address 2, .TOC.
#else
        stw     0, 0(1)
#endif
        lis     12, client_interface@ha
        stw     5, client_interface@l(12)
        mr      5, 6
        mr      6, 7
        bl      client_run
        nop
        trap

#ifndef __powerpc64__

of_enter:
        mflr    0
        stw     0, 4(1)
        stwu    1, -16(1)
        lis     12, client_interface@ha
        lwz     12, client_interface@l(12)
        mtctr   12
        bctrl
        addi    1, 1, 16
        lwz     0, 4(1)
        mtlr    0
        blr

callback_entry:
        b       client_callback

#elif !defined(__LITTLE_ENDIAN__)

of_enter:
        mflr    0
        std     0, 16(1)
        stdu    1, -112(1)
        lis     12, client_interface@ha
        lwz     12, client_interface@l(12)
        mtctr   12
        bctrl
        extsw   3, 3
        addi    1, 1, 112
        ld      0, 16(1)
        mtlr    0
        blr

callback_entry:
        mflr    0
        std     0, 16(1)
        std     2, -8(1)
        stdu    1, -128(1)
        address 2, .TOC.
        clrldi  3, 3, 32
        bl      client_callback
        nop
        addi    1, 1, 128
        ld      2, -8(1)
        ld      0, 16(1)
        mtlr    0
        blr

#else

of_enter:
        mflr    0
        std     0, 16(1)
        std     31, -8(1)
        stdu    1, -128(1)
        lis     12, client_interface@ha
        lwz     12, client_interface@l(12)
        address 31, little_again
        address 11, big_return
        mtlr    11
        mfmsr   11
        li      0, 1
        andc    11, 11, 0
        mtsrr0  12
        mtsrr1  11
        rfid
big_return:
        big     0x7d6000a6                      # mfmsr 11
        big     0x616b0001                      # ori   11, 11, 1
        big     0x7ffa03a6                      # mtsrr0 31
        big     0x7d7b03a6                      # mtsrr1 11
        big     0x4c000024                      # rfid
little_again:
        extsw   3, 3
        addi    1, 1, 128
        ld      31, -8(1)
        ld      0, 16(1)
        mtlr    0
        blr

        # The firmware's LR, r2 and r31 are kept big-endian, by code that is.
callback_entry:
        big     0x7c0802a6                      # mflr  0
        big     0xf8010010                      # std   0, 16(1)
        big     0xf841fff8                      # std   2, -8(1)
        big     0xfbe1fff0                      # std   31, -16(1)
        big     0xf821ff81                      # stdu  1, -128(1)
        big     0x429f0005                      # bcl   20, 31, .+4
        big     0x7d8802a6                      # mflr  12      which is callback_entry + 0x18
        big     0x398c0028                      # addi  12, 12, 0x28
        big     0x7d6000a6                      # mfmsr 11
        big     0x616b0001                      # ori   11, 11, 1
        big     0x7d9a03a6                      # mtsrr0 12
        big     0x7d7b03a6                      # mtsrr1 11
        big     0x4c000024                      # rfid
        .org    callback_entry + 0x40
        address 2, .TOC.
        clrldi  3, 3, 32
        bl      client_callback
        nop
        address 12, big_done
        mfmsr   11
        li      0, 1
        andc    11, 11, 0
        mtsrr0  12
        mtsrr1  11
        rfid
big_done:
        big     0x38210080                      # addi  1, 1, 128
        big     0xebe1fff0                      # ld    31, -16(1)
        big     0xe841fff8                      # ld    2, -8(1)
        big     0xe8010010                      # ld    0, 16(1)
        big     0x7c0803a6                      # mtlr  0
        big     0x4e800020                      # blr

#endif

        .bss
        .balign 16
        .space  0x10000
stack_top:
        .space  0x100                           # what a callee stores above
        .section .note.GNU-stack, "", @progbits
