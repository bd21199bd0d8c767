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

        .machine ppc
        .text
        b       client_entry
hello:  find_page
        stw     3, REQUEST_ARGS + 4(12)
        li      0, 0
        stw     0, REQUEST_ARGS(12)
        mftb    5                               # the time tells two hellos apart; the high bit says that it is one
        oris    5, 5, 0x8000
        li      4, REQUEST_HELLO
        b       post_numbered

# A client call: r3 = its argument block. What a function must keep is kept: only r0, r3-r12, CTR and XER change.
client_entry:
        mflr    0
        find_page
        lwz     11, DEPTH(12)
        andi.   10, 11, FRAMES_MASK
        add     10, 10, 12
        stw     0, FRAMES(10)
        mfcr    0
        stw     0, FRAMES + 8(10)
        addi    11, 11, 16
        stw     11, DEPTH(12)
        li      4, REQUEST_CALL
post_r3:
        stw     3, REQUEST_ARGS + 4(12)
        li      0, 0
        stw     0, REQUEST_ARGS(12)

# Post the request of kind r4, wait for its order, obey.
post:   lwz     5, SEQ(12)
        addi    5, 5, 1
        clrlwi  5, 5, 1
post_numbered:
        stw     5, SEQ(12)
        stw     4, REQUEST_KIND(12)
        addi    11, 12, REQUEST_SEQ
        sync
        stwbrx  5, 0, 11
        addi    11, 12, ORDER_SEQ
1:      lwbrx   6, 0, 11                        # an engine in the same process has its turn here
        cmplw   6, 5
        bne     1b
        sync
        lwz     6, ORDER_KIND(12)
        cmplwi  6, ORDER_RETURN
        bne     2f
        lwz     11, DEPTH(12)
        addi    11, 11, -16
        stw     11, DEPTH(12)
        andi.   10, 11, FRAMES_MASK
        add     10, 10, 12
        lwz     3, ORDER_ARGS + 4(12)
        lwz     0, FRAMES(10)
        mtlr    0
        lwz     0, FRAMES + 8(10)
        mtcr    0
        blr
2:      cmplwi  6, ORDER_HYPERCALL
        beq     make_hypercall
        cmplwi  6, ORDER_CALL
        beq     call_function
        cmplwi  6, ORDER_JUMP
        beq     jump
        cmplwi  6, ORDER_BATCH
        beq     run_batch
        cmplwi  6, ORDER_CLEAR
        beq     clear
        li      4, REQUEST_DONE                 # an order of a later version: nothing done
        b       post

# order: r3 … r12; results: r3 … r11. For the low halves: a 32-bit CPU has no others.
make_hypercall:
        lwz     3, ORDER_ARGS + 4(12)
        lwz     4, ORDER_ARGS + 0x0c(12)
        lwz     5, ORDER_ARGS + 0x14(12)
        lwz     6, ORDER_ARGS + 0x1c(12)
        lwz     7, ORDER_ARGS + 0x24(12)
        lwz     8, ORDER_ARGS + 0x2c(12)
        lwz     9, ORDER_ARGS + 0x34(12)
        lwz     10, ORDER_ARGS + 0x3c(12)
        lwz     11, ORDER_ARGS + 0x44(12)
        lwz     12, ORDER_ARGS + 0x4c(12)
        .long   0x44000022                      # sc 1, which older assemblers don't know
        find_page
        stw     4, REQUEST_ARGS + 0x0c(12)
        stw     5, REQUEST_ARGS + 0x14(12)
        stw     6, REQUEST_ARGS + 0x1c(12)
        stw     7, REQUEST_ARGS + 0x24(12)
        stw     8, REQUEST_ARGS + 0x2c(12)
        stw     9, REQUEST_ARGS + 0x34(12)
        stw     10, REQUEST_ARGS + 0x3c(12)
        stw     11, REQUEST_ARGS + 0x44(12)
        stw     3, REQUEST_ARGS + 4(12)
        srawi   0, 3, 31                        # the status is signed
        stw     0, REQUEST_ARGS(12)
        li      4, REQUEST_DONE
        b       post

# order: entry, r3 … r10; result: r3. The client program's own r1, r2 and r13 … r31 are still in place.
call_function:
        lwz     0, ORDER_ARGS + 4(12)
        mtctr   0
        lwz     3, ORDER_ARGS + 0x0c(12)
        lwz     4, ORDER_ARGS + 0x14(12)
        lwz     5, ORDER_ARGS + 0x1c(12)
        lwz     6, ORDER_ARGS + 0x24(12)
        lwz     7, ORDER_ARGS + 0x2c(12)
        lwz     8, ORDER_ARGS + 0x34(12)
        lwz     9, ORDER_ARGS + 0x3c(12)
        lwz     10, ORDER_ARGS + 0x44(12)
        bctrl
        find_page
        li      4, REQUEST_DONE
        b       post_r3

# order: entry, MSR, r1 … r9. The start of a program: nothing of an earlier one is owed anything.
jump:   li      0, 0
        stw     0, DEPTH(12)
        lwz     0, ORDER_ARGS + 4(12)
        mtsrr0  0
        lwz     0, ORDER_ARGS + 0x0c(12)
        mtsrr1  0
        lwz     1, ORDER_ARGS + 0x14(12)
        lwz     2, ORDER_ARGS + 0x1c(12)
        lwz     3, ORDER_ARGS + 0x24(12)
        lwz     4, ORDER_ARGS + 0x2c(12)
        lwz     5, ORDER_ARGS + 0x34(12)
        lwz     6, ORDER_ARGS + 0x3c(12)
        lwz     7, ORDER_ARGS + 0x44(12)
        lwz     8, ORDER_ARGS + 0x4c(12)
        lwz     9, ORDER_ARGS + 0x54(12)
        li      13, 0
        isync
        rfi

# order: how many of the accesses in BATCH, one, two or four bytes each; result: 0
run_batch:
        lwz     7, ORDER_ARGS + 4(12)
        addi    11, 12, BATCH - 24
        li      3, 0
1:      addi    7, 7, -1
        cmpwi   7, 0
        blt     done
        addi    11, 11, 24
        lwz     4, 4(11)
        lwz     5, 12(11)
        lwz     6, 20(11)
        andi.   0, 4, 0x100
        clrlwi  4, 4, 24
        eieio
        bne     3f
        cmpwi   4, 1
        bne     2f
        lbz     6, 0(5)
        b       5f
2:      cmpwi   4, 2
        bne     2f
        lhz     6, 0(5)
        b       5f
2:      lwz     6, 0(5)
        b       5f
3:      cmpwi   4, 1
        bne     4f
        stb     6, 0(5)
        b       5f
4:      cmpwi   4, 2
        bne     4f
        sth     6, 0(5)
        b       5f
4:      stw     6, 0(5)
5:      eieio
        stw     6, 20(11)
        b       1b
done:   li      4, REQUEST_DONE
        b       post_r3

# order: address, bytes, both multiples of 128. Zeroes memory by the guest's own stores, so that an emulator forgets
# what it translated from there; the host's writes to shared RAM don't tell it.
clear:  lwz     3, ORDER_ARGS + 4(12)
        lwz     4, ORDER_ARGS + 0x0c(12)
        li      0, 0
        srwi.   4, 4, 2
        beq     2f
        mtctr   4
        addi    3, 3, -4
1:      stwu    0, 4(3)
        bdnz    1b
2:      li      3, 0
        b       done

        .org    BOX                     # the assembler refuses, should the code grow into the mailbox
        .long   MAGIC, VERSION
        .org    NONCE
        .long   0                               # the host writes the nonce here, and what follows
        .org    FLAGS
        .long   FLAG_MAY_NAP
        .long   4000                            # SPINS
        .long   25600, 1638400                  # FIRST_NAP, LAST_NAP
        .org    0x2000
