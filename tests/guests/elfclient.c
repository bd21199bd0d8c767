/* What GRUB starts by `linux` and `initrd`: tells its command line and what is in its initial RAM disk. */
#include "client.h"

void client_main(cell r3, cell r4, cell r6, cell r7)
{
    char arguments[128] = "";
    unsigned sum = 0;
    (void)r6, (void)r7;
    get_property("/chosen", "bootargs", arguments, sizeof arguments);
    say("client: %s\n", arguments);
    for (cell index = 0; index < r4; index++)
        sum = sum * 31 + ((const unsigned char *)(uintptr_t)r3)[index];
    say("initrd: %d bytes, %x\n", r4, sum);
    of_call("exit", 0, 0);
}
