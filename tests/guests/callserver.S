# A client program that makes the client calls that a test asks for.
#
# The test puts a number into `request` and waits until it stands in `done`. `command` says what is wanted:
#
#   1  call the client interface with `block`; r3, and every register that a call must keep, are left in `r3` and `after`
#   2  call it `count` times; `wrong` counts the calls that did not return 0 or changed the block's results
#   3  store `value` to `count` words from `block`
#
# It runs in 32-bit and in 64-bit mode, on a stack as small as the smallest known (amigaboot.of's 2.7 KiB).

        .set    CALL, 1
        .set    CALL_OFTEN, 2
        .set    STORE, 3

        .macro  address register, symbol
        lis     \register, \symbol@ha
        addi    \register, \register, \symbol@l
        .endm
        .macro  load register, symbol
        lis     \register, \symbol@ha
        lwz     \register, \symbol@l(\register)
        .endm
        .macro  store register, symbol, by
        lis     \by, \symbol@ha
        stw     \register, \symbol@l(\by)
        .endm

        .machine power8
        .text
        .globl  _start, second, callback
_start: li      0, 1
        b       1f
second: li      0, 2                            # where `chain` goes to
1:      store   0, program, 12
        address 12, start_registers
        stw     1, 0(12)
        stw     3, 8(12)
        stw     4, 12(12)
        stw     5, 16(12)
        stw     6, 20(12)
        stw     7, 24(12)
        store   5, entry, 12
        b       finish

next:   load    4, request
        load    5, done
        cmplw   4, 5
        beq     next
        lwsync
        load    6, command
        cmplwi  6, CALL
        beq     call
        cmplwi  6, CALL_OFTEN
        beq     call_often
        cmplwi  6, STORE
        beq     fill
finish: load    4, request
        lwsync
        store   4, done, 12
        b       next

call:   address 12, before
        lmw     13, 0(12)                       # r13 … r31
        lwz     2, 76(12)
        lwz     4, 80(12)
        mtcr    4
        address 1, stack
        load    6, entry
        mtctr   6
        load    3, block
        bctrl
        address 12, after
        stmw    13, 0(12)
        stw     2, 76(12)
        mfcr    4
        stw     4, 80(12)
        stw     1, 84(12)
        store   3, r3, 12
        b       finish

call_often:
        address 1, stack
        load    31, block
        load    30, count
        li      29, 0
        lwz     28, 4(31)                       # the first result cell: 12 bytes and the arguments behind the block
        slwi    28, 28, 2
        addi    28, 28, 12
        lwzx    27, 28, 31
1:      li      26, -1
        stwx    26, 28, 31
        mr      3, 31
        load    6, entry
        mtctr   6
        bctrl
        cmpwi   3, 0
        bne     2f
        lwzx    26, 28, 31
        cmplw   26, 27
        beq     3f
2:      addi    29, 29, 1
3:      addi    30, 30, -1
        cmpwi   30, 0
        bne     1b
        store   29, wrong, 12
        b       finish

fill:   load    3, block
        load    4, count
        load    5, value
        mtctr   4
1:      stw     5, 0(3)
        addi    3, 3, 4
        bdnz    1b
        b       finish

# The callback, asked for n: it answers n + 1. For n > 0 it gets there by calling the method `up` of `instance` for
# n - 1; for 0 it first makes the call in `leave`, if there is one, which may not come back.
callback:
        mflr    0
        stw     0, 4(1)
        stwu    1, -80(1)
        stw     3, 8(1)
        lwz     4, 12(3)
        load    5, asked                        # note n
        address 6, trace
        slwi    7, 5, 2
        stwx    4, 6, 7
        addi    5, 5, 1
        store   5, asked, 7
        cmpwi   4, 0
        beq     1f
        addi    4, 4, -1
        stw     4, 16+20(1)
        address 5, call_method
        stw     5, 16(1)
        li      5, 3
        stw     5, 16+4(1)
        li      5, 2
        stw     5, 16+8(1)
        address 5, up
        stw     5, 16+12(1)
        load    5, instance
        stw     5, 16+16(1)
        addi    3, 1, 16
        load    5, entry
        mtctr   5
        bctrl
        lwz     4, 16+28(1)
        b       2f
1:      load    3, leave
        cmpwi   3, 0
        beq     3f
        load    5, entry
        mtctr   5
        bctrl
3:      li      4, 0
2:      addi    4, 4, 1
        lwz     3, 8(1)
        stw     4, 16(3)
        li      3, 0
        addi    1, 1, 80
        lwz     0, 4(1)
        mtlr    0
        blr

        .data
call_method:
        .asciz  "call-method"
up:     .asciz  "up"

        .balign 16
        .globl  request, done, command, block, count, value, wrong, r3, program, start_registers, before, after
        .globl  asked, trace, instance, leave, entry, stack, stack_end, arena, arena_end
entry:  .long   0
request: .long  0
done:   .long   0
command: .long  0
block:  .long   0
count:  .long   0
value:  .long   0
wrong:  .long   0
r3:     .long   0
program: .long  0
start_registers:                                # r1 … r7
        .space  7*4
before: .space  22*4                            # r13 … r31, r2, CR
after:  .space  22*4                            # … and r1
instance: .long 0
leave:  .long   0
asked:  .long   0
trace:  .space  64*4

        .bss
        .balign 16
stack_end:
        .space  0xa80
stack:  .space  16                              # the callback stores its LR above
        .balign 4096
arena:  .space  0x80000
arena_end:
