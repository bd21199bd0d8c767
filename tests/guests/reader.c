/* Reads 64 MiB of the first disk through the firmware, a MiB at a time, and says how long it took. */
#include "client.h"

#define SIZE ((cell)0x100000)
#define COUNT 64

void client_main(cell r3, cell r4, cell r6, cell r7)
{
    cell disk = 0, base = 0, actual = 0, before = 0, after = 0;
    unsigned total = 0;
    (void)r3, (void)r4, (void)r6, (void)r7;
    of_call("open", 1, 1, address_of("disk"), &disk);
    of_call("claim", 3, 1, (cell)0x8000000, SIZE, (cell)0, &base);
    of_call("seek", 3, 1, disk, (cell)0, (cell)0, &actual);
    of_call("milliseconds", 0, 1, &before);
    for (unsigned done = 0; done < COUNT; done++) {
        if (of_call("read", 3, 1, disk, base, SIZE, &actual) || actual != SIZE)
            break;
        total += actual;
    }
    of_call("milliseconds", 0, 1, &after);
    say("reader: %d KiB in %d ms\n", total >> 10, after - before);
    of_call("exit", 0, 0);
}
