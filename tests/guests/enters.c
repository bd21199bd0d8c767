/* Enters the firmware's prompt, and tells what the user left there; and adds by the firmware's Forth. */
#include "client.h"

void client_main(cell r3, cell r4, cell r6, cell r7)
{
    char note[64] = "";
    cell caught = 1, sum = 0;
    (void)r3, (void)r4, (void)r6, (void)r7;
    say("enters\n");
    of_call("enter", 0, 0);
    get_property("/chosen", "note", note, sizeof note);
    say("note: %s\n", note);
    of_call("interpret", 3, 2, address_of("+"), (cell)3, (cell)4, &caught, &sum);
    say("sum %d\n", caught ? -1 : (int)sum);
    of_call("exit", 0, 0);
}
