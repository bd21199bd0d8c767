/* What is copied to the vectors: it keeps what C code may change, and calls handle() with the vector's offset. */
        .text
        .globl  vectors, vectors_end
vectors:
        mtsprg  0, 3
        mflr    3
        mtsprg  1, 3
        bl      1f
1:      mflr    3
        mtsprg  2, 4
        rlwinm  4, 3, 0, 16, 23                 # the vector: what the address is without its last byte
        lis     3, enter@ha
        addi    3, 3, enter@l
        mtlr    3
        blr
vectors_end:

enter:
        stwu    1, -176(1)
        stw     0, 8(1)
        stmw    5, 20(1)
        mfsprg  3, 0
        stw     3, 12(1)
        mfsprg  3, 2
        stw     3, 16(1)
        mfsprg  3, 1
        stw     3, 128(1)
        mfcr    3
        stw     3, 132(1)
        mfctr   3
        stw     3, 136(1)
        mfxer   3
        stw     3, 140(1)
        mfsrr0  3
        stw     3, 144(1)
        mfsrr1  3
        stw     3, 148(1)
        mr      3, 4
        bl      handle
        lwz     3, 144(1)
        mtsrr0  3
        lwz     3, 148(1)
        mtsrr1  3
        lwz     3, 128(1)
        mtlr    3
        lwz     3, 132(1)
        mtcr    3
        lwz     3, 136(1)
        mtctr   3
        lwz     3, 140(1)
        mtxer   3
        lmw     5, 20(1)
        lwz     4, 16(1)
        lwz     0, 8(1)
        lwz     3, 12(1)
        addi    1, 1, 176
        rfi
        .section .note.GNU-stack, "", @progbits
