        .macro  magic
        lis     3, 0x1137
        ori     3, 3, 0x24fa
        lis     4, 0x7781
        ori     4, 4, 0x0f9b
        .endm

        .text
        .globl  enter_user, user_start, user_end, sc_vector, sc_vector_end, user_results

/* r3: where user mode begins; r4: its MSR. Back by the plain system call with 0x600d in r3. */
enter_user:
        mflr    0
        mtsprg  3, 0
        mtsrr0  3
        mtsrr1  4
        rfi

user_start:
        lis     30, (user_results + 0xa0000000)@ha
        addi    30, 30, (user_results + 0xa0000000)@l
        magic                                   # CALL_AVAILABLE of itself
        li      5, 0
        li      6, 0
        sc
        stw     3, 0(30)
        magic                                   # GET_VMODE_INFO of nothing: r4 stays as it was
        li      5, 29
        li      6, 99
        sc
        stw     3, 4(30)
        stw     4, 8(30)
        magic                                   # a selector that nobody has
        li      5, 100
        sc
        stw     3, 12(30)
        li      3, 0x1234                       # the guest's own: its handler gives 0x5678
        sc
        stw     3, 16(30)
        li      3, 0x600d
        sc
user_end:
        b       user_end

/* At 0xc00. What comes here with the magic number was not taken as a call: it is told by 0xdead. */
sc_vector:
        mtsprg  0, 4
        mfcr    4
        mtsprg  1, 4
        cmplwi  3, 0x600d
        beq     1f
        cmplwi  3, 0x1234
        li      3, 0x5678
        beq     2f
        li      3, 0x0ead
2:      mfsprg  4, 1
        mtcr    4
        mfsprg  4, 0
        rfi
1:      li      4, 0
        mtsrr1  4
        mfsprg  4, 3
        mtsrr0  4
        rfi
sc_vector_end:

        .bss
        .balign 4
user_results:
        .space  32
        .section .note.GNU-stack, "", @progbits
