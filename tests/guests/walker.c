/* Prints the path of every node of the device tree, with its vendor-id where there is one. */
#include "client.h"

static void walk(cell node)
{
    for (; node && node != ~(cell)0;) {
        char path[256] = "";
        cell length = 0, vendor[1] = {0}, got = 0, next = 0;
        of_call("package-to-path", 3, 1, node, address_of(path), (cell)sizeof path - 1, &length);
        of_call("getprop", 4, 1, node, address_of("vendor-id"), address_of(vendor), (cell)sizeof vendor, &got);
        if (got == 4)
            say("%s %x\n", path, get_cell(vendor));
        else
            say("%s\n", path);
        of_call("child", 1, 1, node, &next);
        walk(next);
        of_call("peer", 1, 1, node, &next);
        node = next;
    }
}

void client_main(cell r3, cell r4, cell r6, cell r7)
{
    cell root = 0;
    (void)r3, (void)r4, (void)r6, (void)r7;
    of_call("peer", 1, 1, (cell)0, &root);
    walk(root);
    say("bye\n");
    of_call("exit", 0, 0);
}
