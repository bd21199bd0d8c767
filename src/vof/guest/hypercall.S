# The client interface's entry for the trap `hypercall`: PAPR's instruction, with the number that QEMU's own VOF uses.
# r3 = the argument block. Anything that a called function may change may change here.
        .set    H_VOF_CLIENT,   0xf005
        .machine power8
        .text
entry:  mr      4, 3
        lis     3, 0
        ori     3, 3, H_VOF_CLIENT
        sc      1
        blr

        .org    0x20
return: .long   0                               # where a guest function that the host called returns to: no instruction
