# The client interface's entry for the trap `osi`: a plain system call with Mac-on-Linux's two magic numbers. Selector
# 20, which Mac-on-Linux left free, takes the argument block in r6.
        .set    MAGIC_R3,       0x113724fa
        .set    MAGIC_R4,       0x77810f9b
        .set    SELECTOR,       20
        .machine power8
        .text
entry:  mr      6, 3
        lis     3, MAGIC_R3@h
        ori     3, 3, MAGIC_R3@l
        lis     4, MAGIC_R4@h
        ori     4, 4, MAGIC_R4@l
        li      5, SELECTOR
        sc
        blr

        .org    0x20
return: .long   0                               # where a guest function that the host called returns to: no instruction
