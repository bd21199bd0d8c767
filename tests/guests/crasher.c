/* Does what its command line says, for which the CPU has an exception, and which is nobody's but the firmware's. */
#include "client.h"

void client_main(cell r3, cell r4, cell r6, cell r7)
{
    char how[64] = "";
    (void)r3, (void)r4, (void)r6, (void)r7;
    get_property("/chosen", "bootargs", how, sizeof how);
    say("crasher: %s\n", how);
    if (!strcmp(how, "illegal"))
        __asm__ volatile("li 31,0x1234; .long 0" ::: "31");
    if (!strcmp(how, "trap"))
        __asm__ volatile("trap");
    if (!strcmp(how, "sc"))
        __asm__ volatile("sc");
    if (!strcmp(how, "align"))
        __asm__ volatile("lmw 30,1(%0)" : : "b"(how) : "30", "31");
    if (!strcmp(how, "vector"))
        __asm__ volatile(".long 0x100004c4"); /* vxor 0,0,0 */
    if (!strcmp(how, "translation"))
        __asm__ volatile("mfmsr 3; ori 3,3,0x10; mtmsr 3; isync; lwz 3,0(4)" ::: "3");
    if (!strcmp(how, "decrementer")) {
        __asm__ volatile("li 3,100; mtdec 3; mfmsr 3; ori 3,3,0x8000; mtmsr 3" ::: "3");
        for (int count = 0; count < 10000000; count++)
            __asm__ volatile("");
    }
    say("nothing happened\n");
    of_call("exit", 0, 0);
}
