# The stub of the trap `mailbox` for 32-bit CPUs, and the reference for whoever writes another: docs/mailbox.md.
#
# Its page may be anywhere in the first 4 GiB that is claimed and 4096-aligned; the mailbox follows it. The machine
# starts it at its second word with the address of a flattened tree in r3, or 0, in big-endian supervisor mode. All that
# outlives a call lies in the mailbox's page; the client program's stack is never used, for it may be tiny.
        .include "mailbox.inc"

        # r12 = the page's address. All code is on it, so dropping the low bits finds it.
        .macro  find_page
        bcl     20, 31, 99f
99:     mflr    12
        clrrwi  12, 12, 12
        .endm

        .macro  wait_for_order
        addi    11, 12, ORDER_SEQ
1:      lwbrx   6, 0, 11                        # an engine in the same process has its turn here
        cmplw   6, 5
        bne     1b
        .endm

        .machine ppc
        .text
        b       client_entry
        .include "mailbox32.inc"

        box_contents 0, 4000, 25600, 1638400
        .org    0x2000
