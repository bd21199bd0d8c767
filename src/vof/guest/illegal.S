# The client interface's entry for the trap `illegal`: an instruction that no CPU has. It is the one that KVM takes for
# a software breakpoint. r3 = the argument block, which is left where it is.
        .machine power8
        .text
entry:  .long   0x00dddd00
        blr

        .org    0x20
return: .long   0                               # where a guest function that the host called returns to: no instruction
