/* Builds a tree in Forth and walks it through the client interface; calls methods of Forth, and is told what they throw. */
#include "client.h"

static cell service(const char *name, cell a, cell b, cell c)
{
    cell result = (cell)-1;
    of_call(name, 3, 1, a, b, c, &result);
    return result;
}

static void walk(cell node, unsigned depth)
{
    static char name[32], value[64];
    cell length;

    for (unsigned i = 0; i < depth; i++)
        say("  ");
    memset(value, 0, sizeof value);
    of_call("package-to-path", 3, 1, node, address_of(value), (cell)sizeof value - 1, &length);
    say("%s", value);
    name[0] = 0;
    while (service("nextprop", node, address_of(name), address_of(name)) == 1) {
        memset(value, 0, sizeof value);
        of_call("getprop", 4, 1, node, address_of(name), address_of(value), (cell)sizeof value, &length);
        say(" %s=", name);
        say_bytes(value, length);
    }
    end_line();
    of_call("child", 1, 1, node, &length);
    for (cell child = length; child;) {
        walk(child, depth + 1);
        of_call("peer", 1, 1, child, &length);
        child = length;
    }
}

static const char *const tree[] = {
    "dev / new-device \" forth-tree\" device-name 1 encode-int \" #address-cells\" property 0 encode-int \" #size-cells\" property",
    ": open true ; : close ; : decode-unit $number drop ;",
    "new-device \" first\" device-name 1 encode-int \" reg\" property \" one\" encode-string \" text\" property",
    "0 instance value kept : open my-args nip to kept true ; : close ; : kept? kept ; : keep to kept ; : fails 2a throw ;",
    ": twice ( a b -- b a b a ) swap 2dup ; finish-device",
    "new-device \" second\" device-name 2 encode-int \" reg\" property",
    "new-device \" leaf\" device-name 12345678 encode-int 9 encode-int encode+ \" cells\" property finish-device finish-device",
    "finish-device device-end",
};

void client_main(cell r3, cell r4, cell r6, cell r7)
{
    cell caught, node = 0, handle = 0, one = 0, two = 0, three = 0, four = 0, status;
    (void)r3, (void)r4, (void)r6, (void)r7;
    for (unsigned i = 0; i < sizeof tree / sizeof *tree; i++) {
        caught = 1;
        of_call("interpret", 1, 1, address_of(tree[i]), &caught);
        if (caught)
            say("line %d threw %x\n", (int)i, caught);
    }
    of_call("finddevice", 1, 1, address_of("/forth-tree"), &node);
    walk(node, 0);

    of_call("open", 1, 1, address_of("/forth-tree/first:abcde"), &handle);
    status = of_call("call-method", 2, 2, address_of("kept?"), handle, &caught, &one);
    say("kept: %d %x %d\n", status, caught, (int)one);
    status = of_call("call-method", 3, 1, address_of("keep"), handle, (cell)77, &caught);
    of_call("call-method", 2, 2, address_of("kept?"), handle, &caught, &one);
    say("kept: %d %x %d\n", status, caught, (int)one);
    of_call("call-method", 4, 5, address_of("twice"), handle, (cell)5, (cell)6, &caught, &one, &two, &three, &four);
    say("twice: %x %d %d %d %d\n", caught, (int)one, (int)two, (int)three, (int)four);
    of_call("call-method", 4, 3, address_of("twice"), handle, (cell)5, (cell)6, &caught, &one, &two);
    say("twice, two of it: %x %d %d\n", caught, (int)one, (int)two);
    of_call("call-method", 2, 1, address_of("fails"), handle, &caught);
    say("fails: %x\n", caught);
    status = of_call("call-method", 2, 1, address_of("none"), handle, &caught);
    say("none: %d %x\n", status, caught != 0);
    of_call("close", 1, 0, handle);

    of_call("interpret", 3, 2, address_of("over -"), (cell)3, (cell)10, &caught, &one);
    say("interpret: %x %d\n", caught, (int)one);
    of_call("interpret", 1, 2, address_of("5 6 7"), &caught, &one);
    say("interpret, the top of it: %x %d\n", caught, (int)one);
    of_call("interpret", 1, 4, address_of("5"), &caught, &one, &two, &three);
    say("interpret, more than there is: %x %d %d %d\n", caught, (int)one, (int)two, (int)three);
    of_call("interpret", 1, 1, address_of("1 2 nosuchword"), &caught);
    say("nosuchword: %d\n", (int)caught);
    of_call("interpret", 1, 1, address_of("begin again"), &caught);
    say("endless: %d\n", (int)caught);
    of_call("interpret", 1, 1, address_of("drop"), &caught);
    say("too few: %d\n", (int)caught);
    of_call("interpret", 1, 1, address_of("ffffff00 @"), &caught);
    say("outside: %d\n", (int)caught);
    of_call("interpret", 1, 1, address_of("2a throw"), &caught);
    say("throw: %x\n", caught);
    of_call("exit", 0, 0);
}
