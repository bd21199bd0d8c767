# A client program that calls `getprop` many times, and says how long that took by the time base. It runs under every
# firmware: it is position independent, uses no stack, and prints by hypercall.
#
# bootargs: the name of a property. The whole tree is walked, and the last node that has the property is the one asked.
# Output, a letter and eight hexadecimal digits a line: N nodes; then ROUNDS times G and H, the ticks that CALLS calls
# of getprop, or of milliseconds, the cheapest service, took; then E, getprop's result. ROUNDS and CALLS are given to the
# assembler.
#
# r31 data and argument block, r30 client interface, r29 node, r28 the node asked, r24 count, r25 start

        .set    H_PUT_TERM_CHAR, 0x58
        .set    ROOM,           block - data + 64       # 64 bytes for the property's name, then 64 for its value

        .macro  invoke  name, count             # a client call: arguments in r5 … r8, its result cell to r3
        .subsection 1
8:      .asciz  "\name"
        .subsection 0
        addi    3, 31, 8b - data
        li      4, \count
        bl      call
        .endm
        .macro  measure letter, name, count     # CALLS calls of a service with these arguments
        li      24, CALLS
        mftb    25
1:      mr      5, 28
        addi    6, 31, ROOM
        addi    7, 31, ROOM + 64
        li      8, 64
        invoke  \name, \count
        addic.  24, 24, -1
        bne     1b
        mr      23, 3
        mftb    3
        subf    3, 25, 3
        li      4, \letter
        bl      show
        .endm

        .machine power8
        .text
        .globl  _start
_start: mr      30, 5
        bcl     20, 31, 1f
1:      mflr    31
        addi    31, 31, data - 1b

        addi    5, 31, chosen - data
        invoke  finddevice, 1
        mr      5, 3
        addi    6, 31, bootargs - data
        addi    7, 31, ROOM
        li      8, 64
        invoke  getprop, 4

        li      24, 0                           # walk the tree
        li      28, 0
        li      5, 0
        invoke  peer, 1
visit:  mr      29, 3
        addi    24, 24, 1
        mr      5, 29
        addi    6, 31, ROOM
        invoke  getproplen, 2
        cmpwi   3, 0
        blt     1f
        mr      28, 29
1:      mr      5, 29
        invoke  child, 1
        cmplwi  3, 0
        bne     visit
2:      mr      5, 29
        invoke  peer, 1
        cmplwi  3, 0
        bne     visit
        mr      5, 29
        invoke  parent, 1
        mr      29, 3
        cmplwi  3, 0
        bne     2b
        mr      3, 24
        li      4, 'N'
        bl      show

        li      22, ROUNDS
round:  measure 'G', getprop, 4
        mr      21, 23
        measure 'H', milliseconds, 0
        addic.  22, 22, -1
        bne     round
        mr      3, 21
        li      4, 'E'
        bl      show
        b       .

call:   mflr    27
        li      0, 1
        stw     3, block - data(31)
        stw     4, block - data + 4(31)
        stw     0, block - data + 8(31)
        stw     5, block - data + 12(31)
        stw     6, block - data + 16(31)
        stw     7, block - data + 20(31)
        stw     8, block - data + 24(31)
        slwi    4, 4, 2
        add     26, 31, 4
        addi    3, 31, block - data
        mtctr   30
        bctrl
        lwz     3, block - data + 12(26)
        mtlr    27
        blr

show:   stb     4, line - data(31)
        li      5, 8
        mtctr   5
        addi    6, 31, line - data
1:      rlwinm  3, 3, 4, 0, 31
        andi.   5, 3, 15
        addi    5, 5, digits - data
        lbzx    5, 5, 31
        stbu    5, 1(6)
        bdnz    1b
        li      3, H_PUT_TERM_CHAR
        li      4, 0                            # the default terminal
        li      5, 11
        ld      6, line - data(31)
        ld      7, line - data + 8(31)
        sc      1
        blr

        .balign 0x1000                          # stores next to code are slow in an emulator, and clients make none
data:
line:   .ascii  "?00000000\r\n     "
digits: .ascii  "0123456789abcdef"
chosen:         .asciz "/chosen"
bootargs:       .asciz "bootargs"
        .balign 16
block:  .space  64 + 128
