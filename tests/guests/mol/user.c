/*
 * Calls from user mode with address translation on, to where a virtual address isn't its physical one; then a plain
 * `sc`, which is the guest's own; then, where the machine keeps calls from user mode, what becomes of one.
 */
#include "osi.h"

extern char user_start[], user_end[], sc_vector[], sc_vector_end[];
extern volatile uint32_t user_results[8];

void enter_user(uint32_t entry, uint32_t msr);

void mol_main(uint32_t entry)
{
    (void)entry;
    memcpy((void *)0xc00, sc_vector, (size_t)(sc_vector_end - sc_vector));
    __asm__ volatile("icbi 0, %0; sync; isync" : : "r"(0xc00) : "memory");
    /* Block 0: 16 MiB at effective 0xA0000000 are physical 0, for user and supervisor, read and write. */
    __asm__ volatile("mtibatu 0, %0; mtibatl 0, %1; mtdbatu 0, %0; mtdbatl 0, %1; isync"
                     :
                     : "r"(0xa0000000u | 0x1ff << 2 | 3), "r"(0x12u));
    enter_user(0xa0000000u + osi_address(user_start), 0x4030);
    osi_print("results: %x %x %x %x %x %x\n", user_results[0], user_results[1], user_results[2], user_results[3], user_results[4], user_results[5]);
    osi_print("done\n");
}
