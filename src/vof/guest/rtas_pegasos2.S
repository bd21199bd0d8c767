# RTAS for `pegasos2`, whole in the guest: `instantiate-rtas` copies it to where the client program wants it, and the
# operating system calls it when the firmware is long gone. Position independent, in real mode, with no stack of its own.
#
# In: r3 = the argument block: token, count of arguments, count of results, arguments, results, of which the first is the
# status. Only r0, r3 … r12, CTR and XER change. One CPU at a time, as the operating system's lock has it.
# Ref: PAPR 7.2, 7.3; the table below and `vof.machines.rtas` are to say the same.

        .set    HARDWARE_ERROR, -1
        .set    BUSY,           -2
        .set    PARAMETER_ERROR, -3
        .set    NO_EVENT,       1

        .set    MOST_ARGUMENTS, 16
        .set    NVRAM,          0x0fe0          # magic, generation, bytes, checksum; then, at 0x1000, the bytes
        .set    NVRAM_GENERATION, NVRAM + 4
        .set    NVRAM_CHECKSUM, NVRAM + 12
        .set    NVRAM_DATA,     0x1000
        .set    NVRAM_SIZE,     0x2000

        .set    BRIDGE_HIGH,    0xf100          # the MV64361
        .set    PCI0,           0xcf8           # configuration address and, behind it, data
        .set    PCI1,           0xc78
        .set    IO_HIGH,        0xfe00          # I/O ports behind the second PCI bus
        .set    CMOS,           0x70
        .set    UART,           0x2f8
        .set    LINE_STATUS,    UART + 5
        .set    MAY_SEND,       0x20
        .set    VIA_POWER,      0x6400          # device 12, function 4
        .set    POWER_PORT,     0xf04
        .set    ROM_HIGH,       0xfff0
        .set    RESET_VECTOR,   0x100
        .set    MSR_IP,         0x0040
        .set    UPDATING,       0x80
        .set    HALT,           0x80
        .set    IS_BINARY,      0x04
        .set    HOURS_24,       0x02
        .set    AFTERNOON,      0x80
        .set    LONG_HIGH,      0x0010          # turns of a loop that waits for a device, / 65536
        .set    UPDATE_HIGH,    0x0002          # the clock's update takes 2 ms

        # Calls of a function here, from one that doesn't call others but by this.
        .macro  invoke function
        mflr    0
        stw     0, caller - rtas(12)
        bl      \function
        lwz     0, caller - rtas(12)
        mtlr    0
        .endm

        .macro  row arguments, results, handler
        .long   \arguments << 16 | \results, \handler - rtas
        .endm

        .machine ppc
        .text
rtas:   mflr    0
        bcl     20, 31, 1f
1:      mflr    12
        addi    12, 12, rtas - 1b
        mfcr    11
        stw     0, saved_lr - rtas(12)
        stw     11, saved_cr - rtas(12)
        stw     3, block - rtas(12)
        lwz     5, 0(3)
        lwz     6, 4(3)
        lwz     7, 8(3)
        cmplwi  6, MOST_ARGUMENTS               # there is no telling where the status should go
        bgt     leave
        cmpwi   7, 0
        beq     leave
        li      9, 0
        stw     9, shape - rtas(12)
        cmplwi  5, (table_end - table) / 8
        bge     refuse
        slwi    5, 5, 3
        add     5, 5, 12
        lwz     9, table - rtas(5)
        lwz     10, table + 4 - rtas(5)
        srwi    8, 9, 16
        cmpw    8, 6
        bne     refuse
        stw     9, shape - rtas(12)
        add     10, 10, 12
        mtctr   10
        addi    4, 3, 12
        bctrl                                   # r4 = arguments, r12 = base; r3 = status
        b       answer
refuse: li      3, PARAMETER_ERROR
answer: lwz     4, block - rtas(12)
        lwz     6, 4(4)
        lwz     7, 8(4)
        slwi    6, 6, 2
        add     4, 4, 6
        stwu    3, 12(4)
        cmpwi   3, 0
        bne     leave
        lwz     8, shape - rtas(12)
        clrlwi  8, 8, 16
        addi    7, 7, -1
        cmplw   7, 8
        bge     1f
        mr      8, 7                            # the caller has room for fewer
1:      cmpwi   8, 0
        beq     leave
        mtctr   8
        addi    5, 12, results - rtas - 4
2:      lwzu    0, 4(5)
        stwu    0, 4(4)
        bdnz    2b
leave:  lwz     0, saved_lr - rtas(12)
        lwz     11, saved_cr - rtas(12)
        mtlr    0
        mtcr    11
        blr

no_such_call:
        li      3, PARAMETER_ERROR
        blr
done:   li      3, 0
        blr
no_event:
        li      3, NO_EVENT
        blr

# PCI configuration space. The operating system counts host bridges as the tree does: 0 is the second PCI bus.

# In: r4 = address, r5 = width. Out: r8 = address of the data, r6 = width; CR0 = eq, unless the two are none.
configuration:
        mr      6, 5
        cmplwi  6, 1
        beq     1f
        cmplwi  6, 2
        beq     1f
        cmplwi  6, 4
        bnelr
1:      addi    7, 6, -1
        and.    7, 7, 4                         # not aligned
        bnelr
        lis     8, BRIDGE_HIGH
        srwi.   7, 4, 24
        ori     8, 8, PCI1
        beq     2f
        addi    8, 8, PCI0 - PCI1
2:      rlwinm  7, 4, 0, 8, 29
        oris    7, 7, 0x8000
        stwbrx  7, 0, 8
        eieio
        clrlwi  7, 4, 30
        addi    8, 8, 4
        add     8, 8, 7
        cmpw    8, 8
        blr

# ( address width -- value )
read_pci_config:
        lwz     5, 4(4)
        lwz     4, 0(4)
        invoke  configuration
        bne     no_such_call
        cmplwi  6, 2
        blt     1f
        beq     2f
        lwbrx   5, 0, 8
        b       3f
1:      lbz     5, 0(8)
        b       3f
2:      lhbrx   5, 0, 8
3:      eieio
        stw     5, results - rtas(12)
        b       done

# ( address width value -- )
write_pci_config:
        lwz     9, 8(4)
        lwz     5, 4(4)
        lwz     4, 0(4)
        invoke  configuration
        bne     no_such_call
        cmplwi  6, 2
        blt     1f
        beq     2f
        stwbrx  9, 0, 8
        b       3f
1:      stb     9, 0(8)
        b       3f
2:      sthbrx  9, 0, 8
3:      eieio
        b       done

# The clock: an MC146818. It counts years from 2000.

# In: r5 = a register's number. Out: r6 = its value.
read_clock:
        lis     10, IO_HIGH
        stb     5, CMOS(10)
        eieio
        lbz     6, CMOS + 1(10)
        eieio
        blr

# In: r5 = a register's number, r6 = its value.
write_clock:
        lis     10, IO_HIGH
        stb     5, CMOS(10)
        eieio
        stb     6, CMOS + 1(10)
        eieio
        blr

# In: r6 = a value of the clock's, r8 = its mode. Out: r6 = the number.
decode: andi.   0, 8, IS_BINARY
        bnelr
        srwi    7, 6, 4
        mulli   7, 7, 6                         # a digit of tens counts 16 here
        subf    6, 7, 6
        blr

# In: r6 = a number, r8 = the clock's mode. Out: r6 = how the clock has it.
encode: andi.   0, 8, IS_BINARY
        bnelr
        li      7, 10
        divwu   7, 6, 7
        mulli   7, 7, 6
        add     6, 6, 7
        blr

# ( -- year month day hour minute second nanosecond )
get_time_of_day:
        mflr    0
        stw     0, caller - rtas(12)
        lis     9, UPDATE_HIGH
1:      addi    9, 9, -1
        cmpwi   9, 0
        blt     6f
        li      5, 10
        bl      read_clock
        andi.   0, 6, UPDATING
        bne     1b
        li      5, 11
        bl      read_clock
        mr      8, 6
        li      5, 0
        bl      read_clock
        bl      decode
        stw     6, second - rtas(12)
        addi    11, 12, clock_registers - rtas - 1
        addi    4, 12, results - rtas - 4
        li      3, 6
2:      lbzu    5, 1(11)
        bl      read_clock
        cmpwi   5, 4
        bne     3f
        mr      0, 6
        stw     0, afternoon - rtas(12)
        andi.   0, 8, HOURS_24
        bne     3f
        clrlwi  6, 6, 25
3:      bl      decode
        stwu    6, 4(4)
        addi    3, 3, -1
        cmpwi   3, 0
        bne     2b
        li      5, 10
        bl      read_clock
        andi.   0, 6, UPDATING                  # it was about to change: all again
        bne     1b
        lwz     6, second - rtas(12)
        lwz     7, results + 20 - rtas(12)
        cmpw    6, 7                            # a second has passed meanwhile
        bne     1b
        lwz     5, results - rtas(12)
        addi    5, 5, 2000
        stw     5, results - rtas(12)
        li      5, 0
        stw     5, results + 24 - rtas(12)
        andi.   0, 8, HOURS_24
        bne     5f
        lwz     5, results + 12 - rtas(12)      # 12, 1, 2 … 11 in each half of the day
        cmpwi   5, 12
        bne     4f
        li      5, 0
4:      lwz     6, afternoon - rtas(12)
        andi.   6, 6, AFTERNOON
        beq     7f
        addi    5, 5, 12
7:      stw     5, results + 12 - rtas(12)
5:      lwz     0, caller - rtas(12)
        mtlr    0
        b       done
6:      lwz     0, caller - rtas(12)
        mtlr    0
        li      3, HARDWARE_ERROR
        blr

# ( year month day hour minute second nanosecond -- )
set_time_of_day:
        mflr    0
        stw     0, caller - rtas(12)
        lwz     5, 0(4)
        addi    5, 5, -2000
        cmplwi  5, 99
        bgt     7f
        stw     5, results - rtas(12)
        lwz     5, 4(4)
        addi    6, 5, -1
        cmplwi  6, 11
        bgt     7f
        stw     5, results + 4 - rtas(12)
        add     7, 5, 12
        lbz     7, days - rtas - 1(7)
        cmpwi   5, 2
        bne     1f
        lwz     6, 0(4)
        andi.   6, 6, 3                         # all leap years from 2000 to 2099
        bne     1f
        li      7, 29
1:      lwz     5, 8(4)
        addi    6, 5, -1
        cmplw   6, 7
        bge     7f
        stw     5, results + 8 - rtas(12)
        lwz     5, 12(4)
        cmplwi  5, 23
        bgt     7f
        stw     5, results + 12 - rtas(12)
        lwz     5, 16(4)
        cmplwi  5, 59
        bgt     7f
        stw     5, results + 16 - rtas(12)
        lwz     5, 20(4)
        cmplwi  5, 59
        bgt     7f
        stw     5, results + 20 - rtas(12)
        li      5, 11
        bl      read_clock
        ori     6, 6, HALT | HOURS_24
        mr      8, 6
        bl      write_clock
        addi    11, 12, clock_registers - rtas - 1
        addi    4, 12, results - rtas - 4
        li      3, 6
2:      lbzu    5, 1(11)
        lwzu    6, 4(4)
        bl      encode
        bl      write_clock
        addi    3, 3, -1
        cmpwi   3, 0
        bne     2b
        li      5, 11
        clrlwi  6, 8, 25
        bl      write_clock
        lwz     0, caller - rtas(12)
        mtlr    0
        b       done
7:      lwz     0, caller - rtas(12)
        mtlr    0
        b       no_such_call

# NVRAM: RAM behind this. The generation is odd while a store is under way: the host keeps no half of one.

# In: r4 = arguments. Out: r5 = offset, r6 = buffer, r7 = bytes; CR0 = lt or eq, unless they are too many.
extent: lwz     5, 0(4)
        lwz     6, 4(4)
        lwz     7, 8(4)
        cmplwi  5, NVRAM_SIZE
        bgtlr
        subfic  8, 5, NVRAM_SIZE
        cmplw   7, 8
        blr

# ( offset buffer bytes -- bytes )
nvram_fetch:
        invoke  extent
        bgt     no_such_call
        stw     7, results - rtas(12)
        cmpwi   7, 0
        beq     done
        mtctr   7
        add     5, 5, 12
        addi    5, 5, NVRAM_DATA - 1
        addi    6, 6, -1
1:      lbzu    0, 1(5)
        stbu    0, 1(6)
        bdnz    1b
        b       done

# ( offset buffer bytes -- bytes )
nvram_store:
        invoke  extent
        bgt     no_such_call
        stw     7, results - rtas(12)
        cmpwi   7, 0
        beq     done
        lwz     8, NVRAM_GENERATION(12)
        ori     8, 8, 1
        stw     8, NVRAM_GENERATION(12)
        eieio
        mtctr   7
        add     5, 5, 12
        addi    5, 5, NVRAM_DATA - 1
        addi    6, 6, -1
1:      lbzu    0, 1(6)
        stbu    0, 1(5)
        bdnz    1b
        li      5, NVRAM_SIZE / 4
        mtctr   5
        addi    5, 12, NVRAM_DATA - 4
        li      6, 0
2:      lwzu    0, 4(5)
        rotlwi  6, 6, 1
        add     6, 6, 0
        bdnz    2b
        stw     6, NVRAM_CHECKSUM(12)
        eieio
        addi    8, 8, 1
        stw     8, NVRAM_GENERATION(12)
        b       done

# ( character -- )
display_character:
        lwz     4, 0(4)
        lis     10, IO_HIGH
        lis     5, LONG_HIGH
        mtctr   5
1:      lbz     6, LINE_STATUS(10)
        eieio
        andi.   6, 6, MAY_SEND
        bne     2f
        bdnz    1b
        li      3, BUSY
        blr
2:      stb     4, UART(10)
        eieio
        b       done

# ( mask mask -- ): nothing switches the machine on again.
power_off:
        lis     8, BRIDGE_HIGH
        ori     8, 8, PCI1
        lis     7, 0x8000
        ori     7, 7, VIA_POWER | 0x48          # where the power management's ports are
        stwbrx  7, 0, 8
        eieio
        li      6, POWER_PORT & 0xff00
        addi    9, 8, 4
        stwbrx  6, 0, 9
        eieio
        xori    7, 7, 0x08                      # register 0x40
        stwbrx  7, 0, 8
        eieio
        lis     6, 0x0055                       # they answer
        ori     6, 6, 0x8020
        stwbrx  6, 0, 9
        eieio
        lis     10, IO_HIGH
        ori     10, 10, POWER_PORT
        li      6, 0x2000
        sthbrx  6, 0, 10
        sync
        lis     5, LONG_HIGH
        mtctr   5
1:      bdnz    1b                              # it takes its time
        li      3, HARDWARE_ERROR
        blr

# ( -- ): back to the ROM, since a reset of QEMU's board takes the bridge's registers away.
system_reboot:
        li      5, MSR_IP
        mtmsr   5
        isync
        lis     5, ROM_HIGH
        ori     5, 5, RESET_VECTOR
        mtctr   5
        bctr

        .align  2
table:  row     0, 0, done                      # 0  restart-rtas
        row     3, 1, nvram_fetch               # 1
        row     3, 1, nvram_store               # 2
        row     0, 7, get_time_of_day           # 3
        row     7, 0, set_time_of_day           # 4
        row     0, 0, no_such_call              # 5
        row     4, 0, no_event                  # 6  event-scan
        row     6, 0, no_event                  # 7  check-exception
        row     2, 1, read_pci_config           # 8
        row     3, 0, write_pci_config          # 9
        row     1, 0, display_character         # 10
        row     3, 0, no_such_call              # 11 set-indicator: there is none
        row     2, 1, no_such_call              # 12 get-sensor-state: there is none
        row     0, 0, no_such_call              # 13
        row     0, 0, no_such_call              # 14
        row     0, 0, no_such_call              # 15
        row     0, 0, no_such_call              # 16
        row     2, 0, power_off                 # 17
        row     0, 0, no_such_call              # 18
        row     0, 0, no_such_call              # 19
        row     0, 0, system_reboot             # 20
table_end:
clock_registers:
        .byte   9, 8, 7, 4, 2, 0                # year month day hour minute second
days:   .byte   31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
        .align  2
saved_lr: .long 0
saved_cr: .long 0
caller: .long   0
block:  .long   0
shape:  .long   0
afternoon: .long 0
second: .long   0
results: .space 32
        .org    NVRAM                           # the assembler refuses, should the code grow into it
        .ascii  "vofn"
        .long   0, NVRAM_SIZE, 0
