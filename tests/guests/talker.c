/* Tells what it sees of the machine, counts calls, and resets or switches off as its command line says. */
#include "client.h"

static unsigned char zeroes[0x10003] = {0};

void client_main(cell r3, cell r4, cell r6, cell r7)
{
    char arguments[64] = "";
    unsigned sum = 0;
    (void)r3, (void)r4, (void)r6, (void)r7;
    get_property("/chosen", "bootargs", arguments, sizeof arguments);
    say("talker: %s\n", arguments);
    say("memory %x\n", get_cell_property("/memory@0", "reg"));
    for (unsigned index = 0; index < sizeof zeroes; index++)
        sum += zeroes[index];
    say("zeroes %d\n", sum);
    memset(zeroes, 0xff, sizeof zeroes);
    cell before = 0, after = 0, root = 0;
    unsigned good = 0;
    of_call("milliseconds", 0, 1, &before);
    for (unsigned count = 0; count < 1000; count++)
        good += of_call("peer", 1, 1, (cell)0, &root) == 0 && root != 0;
    of_call("milliseconds", 0, 1, &after);
    say("calls %d in %d ms\n", good, after - before);
    if (!strcmp(arguments, "reset"))
        of_call("boot", 1, 0, address_of(""));
    if (!strcmp(arguments, "spin"))
        for (;;)
            continue;
    say("bye\n");
    of_call("exit", 0, 0);
}
