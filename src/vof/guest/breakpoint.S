# What the trap `breakpoint` needs in the guest: places to stop at, and a few instructions that only the guest's own CPU
# can execute. The page is written when the machine starts; nothing outlives a call in it. 32 and 64 bits.
        .machine ppc
        .text
entry:  blr                                     # the client interface's entry: the guest stops here, r3 = the block

        .org    0x20
done:   b       done                            # the guest stops here when it has obeyed

        .org    0x40
hypercall:
        .long   0x44000022                      # sc 1, which older assemblers don't know
        b       done

        .org    0x60
clear:  stwu    0, 4(3)                         # zeroes CTR words behind r3, by stores that the emulator sees
        bdnz    clear
        b       done
