# The stub for machines that PAPR describes: a 64-bit CPU in big-endian real mode under a hypervisor.
#
# QEMU loads this file at 0 and enters it at 0x100 with the flattened tree's address in r3, at power-on and at every
# reset. It copies its second and third pages, the resident ones, to the place that the host has patched in, and says
# hello from there; low memory is the client program's from then on. All that outlives a call lies in those pages; the
# client's stack is never used, for it may be tiny.
        .include "mailbox.inc"

        .set    H_CEDE,                 0xe0
        .set    H_LOGICAL_CI_LOAD,      0x3c
        .set    H_LOGICAL_CI_STORE,     0x40
        .set    DECREMENTER_VECTOR,     0x900
        .set    MSR_RI,                 0x2
        .set    MSR_IR_DR,              0x30
        .set    RESIDENT_WORDS,         0x2000 / 8

        # r12 = the resident page's address. All resident code is on it, so dropping the low bits finds it.
        .macro  find_page
        bcl     20, 31, 99f
99:     mflr    12
        clrrwi  12, 12, 12
        .endm

        .machine power8
        .text
        .org    0x20
place:  .quad   0                               # the host writes the resident page's address here

        .org    0x100
reset:  bcl     20, 31, 1f
1:      mflr    4
        clrrdi  4, 4, 12
        ld      12, place(4)
        li      6, RESIDENT_WORDS
        mtctr   6
        addi    5, 4, 0xff8
        addi    7, 12, -8
2:      ldu     6, 8(5)
        stdu    6, 8(7)
        bdnz    2b
        sync
        li      6, 0x1000                       # the code that was written is about to be run
        li      7, 0
3:      icbi    7, 12
        addi    7, 7, 128
        cmpw    7, 6
        blt     3b
        isync
        std     3, REQUEST_ARGS(12)
        addi    6, 12, 4
        mtctr   6
        bctr

        .org    0x1000
resident:
        b       client_entry
        b       hello

# A client call: r3 = its argument block. What a function must keep is kept: only r0, r3-r12, CTR and XER change.
client_entry:
        mflr    0
        find_page
        lwz     11, DEPTH(12)
        andi.   10, 11, FRAMES_MASK
        add     10, 10, 12
        std     0, FRAMES(10)
        mfcr    0
        std     0, FRAMES + 8(10)
        addi    11, 11, 16
        stw     11, DEPTH(12)
        clrldi  3, 3, 32
        std     3, REQUEST_ARGS(12)
        li      4, REQUEST_CALL

# Post the request of kind r4, wait for its order, obey.
post:   lwz     5, SEQ(12)
        addi    5, 5, 1
        clrlwi  5, 5, 1
post_numbered:
        stw     5, SEQ(12)
        stw     4, REQUEST_KIND(12)
        addi    11, 12, REQUEST_SEQ
        lwsync
        stwbrx  5, 0, 11
spin:   lwz     6, SPINS(12)
        addi    11, 12, ORDER_SEQ
        mtctr   6
1:      lwbrx   6, 0, 11
        cmplw   6, 5
        beq     obey
        bdnz    1b
        b       give_up_cpu

obey:   lwsync
        lwz     6, ORDER_KIND(12)
        cmplwi  6, ORDER_RETURN
        bne     2f
        lwz     11, DEPTH(12)
        addi    11, 11, -16
        stw     11, DEPTH(12)
        andi.   10, 11, FRAMES_MASK
        add     10, 10, 12
        ld      3, ORDER_ARGS(12)
        ld      0, FRAMES(10)
        mtlr    0
        ld      0, FRAMES + 8(10)
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
        b       done                            # an order of a later version: nothing done

# order: r3 … r12; results: r3 … r11
make_hypercall:
        ld      3, ORDER_ARGS(12)
        ld      4, ORDER_ARGS + 0x08(12)
        ld      5, ORDER_ARGS + 0x10(12)
        ld      6, ORDER_ARGS + 0x18(12)
        ld      7, ORDER_ARGS + 0x20(12)
        ld      8, ORDER_ARGS + 0x28(12)
        ld      9, ORDER_ARGS + 0x30(12)
        ld      10, ORDER_ARGS + 0x38(12)
        ld      11, ORDER_ARGS + 0x40(12)
        ld      12, ORDER_ARGS + 0x48(12)
        sc      1
        find_page
        std     3, REQUEST_ARGS(12)
        std     4, REQUEST_ARGS + 0x08(12)
        std     5, REQUEST_ARGS + 0x10(12)
        std     6, REQUEST_ARGS + 0x18(12)
        std     7, REQUEST_ARGS + 0x20(12)
        std     8, REQUEST_ARGS + 0x28(12)
        std     9, REQUEST_ARGS + 0x30(12)
        std     10, REQUEST_ARGS + 0x38(12)
        std     11, REQUEST_ARGS + 0x40(12)
done:   li      4, REQUEST_DONE
        b       post

# order: entry, r3 … r10; result: r3. The client program's own r1, r2 and r13 … r31 are still in place.
call_function:
        ld      0, ORDER_ARGS(12)
        mtctr   0
        ld      3, ORDER_ARGS + 0x08(12)
        ld      4, ORDER_ARGS + 0x10(12)
        ld      5, ORDER_ARGS + 0x18(12)
        ld      6, ORDER_ARGS + 0x20(12)
        ld      7, ORDER_ARGS + 0x28(12)
        ld      8, ORDER_ARGS + 0x30(12)
        ld      9, ORDER_ARGS + 0x38(12)
        ld      10, ORDER_ARGS + 0x40(12)
        bctrl
        find_page
        std     3, REQUEST_ARGS(12)
        b       done

# order: entry, MSR, r1 … r9. The start of a program: nothing of an earlier one is owed anything.
jump:   li      0, 0
        stw     0, DEPTH(12)
        ld      0, ORDER_ARGS(12)
        mtsrr0  0
        ld      0, ORDER_ARGS + 0x08(12)
        mtsrr1  0
        ld      1, ORDER_ARGS + 0x10(12)
        ld      2, ORDER_ARGS + 0x18(12)
        ld      3, ORDER_ARGS + 0x20(12)
        ld      4, ORDER_ARGS + 0x28(12)
        ld      5, ORDER_ARGS + 0x30(12)
        ld      6, ORDER_ARGS + 0x38(12)
        ld      7, ORDER_ARGS + 0x40(12)
        ld      8, ORDER_ARGS + 0x48(12)
        ld      9, ORDER_ARGS + 0x50(12)
        li      13, 0
        isync
        rfid

# order: how many of the accesses in BATCH. Real mode reaches no device, so the hypervisor does each.
# result: the status of the first that failed, or 0
run_batch:
        ld      0, ORDER_ARGS(12)
        li      3, 0
        std     3, REQUEST_ARGS(12)
        stw     0, NAP(12)
        addi    11, 12, BATCH
1:      lwz     10, NAP(12)
        cmplwi  10, 0
        beq     done
        addi    10, 10, -1
        stw     10, NAP(12)
        ld      4, 0(11)
        ld      5, 8(11)
        ld      6, 16(11)
        andi.   0, 4, 0x100
        clrldi  4, 4, 56
        li      3, H_LOGICAL_CI_LOAD
        beq     2f
        li      3, H_LOGICAL_CI_STORE
2:      std     11, SAVED_TB(12)
        sc      1
        find_page
        ld      11, SAVED_TB(12)
        std     4, 16(11)
        addi    11, 11, 24
        cmpdi   3, 0
        beq     1b
        std     3, REQUEST_ARGS(12)
        b       done

# order: address, bytes, both multiples of 128. Zeroes memory by the guest's own stores, so that an emulator forgets
# what it translated from there; the host's writes to shared RAM don't tell it.
clear:  ld      3, ORDER_ARGS(12)
        ld      4, ORDER_ARGS + 8(12)
        srdi.   4, 4, 7
        beq     done
        mtctr   4
1:      dcbz    0, 3
        addi    3, 3, 128
        bdnz    1b
        b       done

# The host takes its time: give the CPU up, for naps that double. H_CEDE turns interrupts on, so the decrementer's
# vector is borrowed meanwhile, from whoever owns it. With translation on, or once the client has taken the machine
# over (FLAG_MAY_NAP), vectors are not ours to borrow: spin.
give_up_cpu:
        lwz     6, FLAGS(12)
        andi.   6, 6, FLAG_MAY_NAP
        beq     spin
        mfmsr   7
        andi.   6, 7, MSR_IR_DR
        bne     spin
        std     7, SAVED_MSR(12)
        mfdec   8
        std     8, SAVED_DEC(12)
        mftb    8
        std     8, SAVED_TB(12)
        lwz     8, FIRST_NAP(12)
        stw     8, NAP(12)
        li      9, DECREMENTER_VECTOR
        addi    10, 12, tick - resident
        addi    11, 12, SAVED_VECTOR
        li      0, 4
        mtctr   0
1:      ld      6, 0(9)
        std     6, 0(11)
        ld      6, 0(10)
        std     6, 0(9)
        addi    9, 9, 8
        addi    10, 10, 8
        addi    11, 11, 8
        bdnz    1b
        li      9, DECREMENTER_VECTOR
        dcbst   0, 9
        sync
        icbi    0, 9
        isync
nap:    lwz     8, NAP(12)
        mtdec   8
        lwz     6, LAST_NAP(12)
        add     8, 8, 8
        cmplw   8, 6
        ble     2f
        mr      8, 6
2:      stw     8, NAP(12)
        li      3, H_CEDE
        sc      1
        find_page
        li      0, MSR_RI
        mtmsrd  0, 1                            # interrupts off, if none came to do it
        lwz     5, SEQ(12)
        addi    11, 12, ORDER_SEQ
        lwbrx   6, 0, 11
        cmplw   6, 5
        bne     nap
        li      9, DECREMENTER_VECTOR
        addi    11, 12, SAVED_VECTOR
        li      0, 4
        mtctr   0
3:      ld      6, 0(11)
        std     6, 0(9)
        addi    9, 9, 8
        addi    11, 11, 8
        bdnz    3b
        li      9, DECREMENTER_VECTOR
        dcbst   0, 9
        sync
        icbi    0, 9
        isync
        ld      8, SAVED_DEC(12)                # as if nobody had touched it
        ld      6, SAVED_TB(12)
        mftb    7
        subf    6, 6, 7
        subf    8, 6, 8
        mtdec   8
        ld      7, SAVED_MSR(12)
        mtmsrd  7, 1
        b       obey

        .balign 8
tick:   lis     0, 0x7fff                       # exactly 32 bytes: copied to the vector
        mtdec   0
        mfsrr1  0
        rldicl  0, 0, 48, 1                     # clear MSR[EE] in what is returned to
        rotldi  0, 0, 16
        mtsrr1  0
        rfid
        nop

# The first words after a reset. The number's high bit says "hello"; the time in it tells two hellos apart.
hello:  find_page
        mftb    5
        oris    5, 5, 0x8000
        clrldi  5, 5, 32
        li      4, REQUEST_HELLO
        b       post_numbered

        box_contents 0x1000, 4000, 25600, 1638400 # naps of 50 µs and 3.2 ms at 512 MHz
        .org    0x3000
