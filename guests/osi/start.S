/*
 * The start of a program on a machine of Mac-on-Linux's kind: nothing is in the registers, so the stack is its own.
 *
 * mol_main gets what r5 held: 0, or the client interface's entry where the machine was started with start=client.
 */
        .text
        .globl  _start
_start:
        lis     1, mol_stack_top@ha
        addi    1, 1, mol_stack_top@l
        li      0, 0
        stw     0, 0(1)
        mr      3, 5
        bl      mol_main
        bl      osi_exit

        .bss
        .balign 16
        .space  0x8000
mol_stack_top:
        .space  0x40
        .section .note.GNU-stack, "", @progbits
