/* 1275 §6.3.2.2: getproplen, getprop, nextprop, setprop. */
#include "conformance.h"

#define VALUES P("/conformance/values")
#define WRITABLE P("/conformance/writable")
#define LONG_NAME "a-name-of-sixty-three-characters-which-is-what-linux-would-read"

static const struct trial reading[] = {
    CALL("getproplen", VALUES, S("empty")),
    CALL("getproplen", VALUES, S("cell")),
    CALL("getproplen", VALUES, S("text")),
    CALL("getproplen", VALUES, S("long")),
    CALL("getproplen", VALUES, S("name")),
    CALL("getproplen", VALUES, S("nothing")),
    CALL("getproplen", VALUES, S("Cell")),
    CALL("getproplen", VALUES, S("")),
    CALL("getproplen", VALUES, S(LONG_NAME)),
    CALL("getproplen", VALUES, XS(63)),
    CALL("getproplen", VALUES, XS(64)),
    CALL("getproplen", NO_PACKAGE, S("cell")),
    CALL("getproplen", N(0), S("cell")),
    CALL("getproplen", N(-1), S("cell")),

    CALL("getprop", VALUES, S("bytes"), BUF, N(4)),
    CALL("getprop", VALUES, S("bytes"), BUF, N(2)),
    CALL("getprop", VALUES, S("bytes"), BUF, N(1)),
    CALL("getprop", VALUES, S("bytes"), BUF, N(0)),
    CALL("getprop", VALUES, S("bytes"), BUF, N(100)),
    CALL("getprop", VALUES, S("bytes"), BUF_AT(1), N(3)),
    CALL("getprop", VALUES, S("bytes"), BUF, N(-1)),
    CALL("getprop", VALUES, S("bytes"), NULLP, N(0)),
    CALL("getprop", VALUES, S("bytes"), BEYOND_MEMORY, N(0)),
    CALL("getprop", VALUES, S("empty"), BUF, N(16)),
    CALL("getprop", VALUES, S("empty"), NULLP, N(0)),
    CALL("getprop", VALUES, S("empty"), BEYOND_MEMORY, N(16)),
    CALL("getprop", VALUES, S("cell"), BUF, N(4)),
    CALL("getprop", VALUES, S("text"), BUF, N(64)),
    CALL("getprop", VALUES, S("texts"), BUF, N(64)),
    CALL("getprop", VALUES, S("no-nul"), BUF, N(64)),
    CALL("getprop", VALUES, S("name"), BUF, N(64)),
    CALL("getprop", VALUES, S("long"), BUF, N(16)),
    CALL("getprop", VALUES, S(LONG_NAME), BUF, N(16)),
    CALL("getprop", P("/conformance/bus/device@10"), S("name"), BUF, N(16)),
    CALL("getprop", P("/conformance/bus/device@10"), S("reg"), BUF, N(16)),
    CALL("getprop", VALUES, S("nothing"), BUF, N(16)),
    CALL("getprop", VALUES, S("nothing"), NULLP, N(0)),
    CALL("getprop", NO_PACKAGE, S("cell"), BUF, N(16)),
    CALL("getprop", N(0), S("cell"), BUF, N(16)),
    CALL("getprop", N(-1), S("cell"), BUF, N(16)),

    CALL("nextprop", VALUES, S(""), BUF),
    CALL("nextprop", VALUES, NULLP, BUF),
    CALL("nextprop", VALUES, S("name"), BUF),
    CALL("nextprop", VALUES, S("nothing"), BUF),
    CALL("nextprop", VALUES, S("Name"), BUF),
    CALL("nextprop", VALUES, S("last"), BUF),
    CALL("nextprop", VALUES, XS(64), BUF),
    CALL("nextprop", P("/conformance/plain"), S(""), BUF),
    CALL("nextprop", P("/conformance/plain"), S("name"), BUF),
    CALL("nextprop", NO_PACKAGE, S(""), BUF),
    CALL("nextprop", N(0), S(""), BUF),
};

static const struct trial writing[] = {
    CALL("setprop", WRITABLE, S("old"), B("changed"), N(7)),
    CALL("getprop", WRITABLE, S("old"), BUF, N(16)),
    CALL("nextprop", WRITABLE, S("old"), BUF),
    CALL("setprop", WRITABLE, S("old"), B("longer than before"), N(18)),
    CALL("getprop", WRITABLE, S("old"), BUF, N(32)),
    CALL("setprop", WRITABLE, S("old"), B("short"), N(1)),
    CALL("getprop", WRITABLE, S("old"), BUF, N(32)),
    CALL("setprop", WRITABLE, S("old"), NULLP, N(0)),
    CALL("getprop", WRITABLE, S("old"), BUF, N(32)),
    CALL("setprop", WRITABLE, S("old"), BEYOND_MEMORY, N(0)),

    CALL("nextprop", WRITABLE, S("after"), BUF),
    CALL("setprop", WRITABLE, S("new"), B("\0\1\2\377"), N(4)),
    CALL("getproplen", WRITABLE, S("new")),
    CALL("getprop", WRITABLE, S("new"), BUF, N(16)),
    CALL("nextprop", WRITABLE, S("after"), BUF),
    CALL("nextprop", WRITABLE, S("new"), BUF),
    CALL("setprop", WRITABLE, S("New"), B("x"), N(1)),
    CALL("getprop", WRITABLE, S("new"), BUF, N(16)),
    CALL("setprop", WRITABLE, S("an odd name, \377"), B("x"), N(1)),
    CALL("getprop", WRITABLE, S("an odd name, \377"), BUF, N(16)),
    CALL("setprop", WRITABLE, XS(31), B("x"), N(1)),
    CALL("setprop", WRITABLE, XS(63), B("x"), N(1)),
    CALL("setprop", WRITABLE, XS(64), B("x"), N(1)),
    CALL("setprop", WRITABLE, S(""), B("x"), N(1)),
    CALL("setprop", WRITABLE, S("huge"), BUF, X(0x7fffffff)),
    CALL("setprop", WRITABLE, S("huge"), BUF, N(-1)),
    CALL("setprop", WRITABLE, S("huge"), BUF, X(0x200000)),
    CALL("getproplen", WRITABLE, S("huge")),
    CALL("setprop", NO_PACKAGE, S("new"), B("x"), N(1)),
    CALL("setprop", N(0), S("new"), B("x"), N(1)),
    CALL("setprop", N(-1), S("new"), B("x"), N(1)),

    /* setting "name" renames nothing, and "phandle" moves no handle */
    CALL("setprop", P("/conformance/plain"), S("name"), B("other"), N(6)),
    CALL("finddevice", S("/conformance/plain")),
    CALL("finddevice", S("/conformance/other")),
    CALL("setprop", P("/conformance/plain"), S("phandle"), B("\0\0\0\7"), N(4)),
    CALL("finddevice", S("/conformance/plain")),
    CALL("getprop", P("/conformance/plain"), S("phandle"), BUF, N(16)),

    /* a unit address is read as its bus says at the time */
    CALL("finddevice", S("/conformance/plain-bus/unit@1,2")),
    CALL("setprop", P("/conformance/plain-bus"), S("#address-cells"), B("\0\0\0\2"), N(4)),
    CALL("finddevice", S("/conformance/plain-bus/unit@1,2")),
    CALL("finddevice", S("/conformance/plain-bus/unit@01,02")),

    /* an alias that a client makes is one */
    CALL("setprop", P("/aliases"), S("conf-made"), B("/conformance/values"), N(20)),
    CALL("finddevice", S("conf-made")),
};

static void list(const char *path)
{
    char previous[64] = "", next[64];
    cell package = package_at(path), more = 1;
    say("nextprop from \"\" to the end of <%s>:", path);
    while (1) {
        if (of_call("nextprop", 3, 1, package, address_of(previous), address_of(next), &more) || more != 1)
            break;
        say(" %s", next);
        memcpy(previous, next, sizeof previous);
    }
    say(", then %d\n", (int)more);

    say("the same with one buffer for both names:");
    previous[0] = 0;
    unsigned count = 0;
    while (!of_call("nextprop", 3, 1, package, address_of(previous), address_of(previous), &more) && more == 1)
        count++;
    say(" %d, then %d and \"%s\"\n", (int)count, (int)more, previous);
}

/* The client's bytes are copied: what it does to them later changes no property. */
static void change_afterwards(void)
{
    static char bytes[] = "as it was";
    cell length;
    of_call("setprop", 4, 1, package_at("/conformance/writable"), address_of("copied"), address_of(bytes),
            (cell)sizeof bytes, &length);
    memcpy(bytes, "different", 9);
    TRY_ONE(CALL("getprop", WRITABLE, S("copied"), BUF, N(32)));
}

/* A client may not fill the firmware's memory; what it gives back it can have again. */
static void set_too_much(void)
{
    char name[] = "large-a";
    cell package = package_at("/conformance/writable"), length = 0, count = 0;
    while (count < 26 && !of_call("setprop", 4, 1, package, address_of(name), address_of(_start), 0x100000, &length)
           && length == 0x100000)
        name[6] = 'a' + ++count;
    say("setprop of 1 MiB each, until it is refused: %d, then %d\n", (int)count, (int)length);
    for (cell index = 0; index < count; index++) {
        name[6] = 'a' + index;
        of_call("setprop", 4, 1, package, address_of(name), 0, 0, &length);
    }
    of_call("setprop", 4, 1, package, address_of("large-a"), address_of(_start), 0x100000, &length);
    say("setprop of 1 MiB where all of them were emptied: %x\n", length);
}

void run_properties(void)
{
    TRY(reading);
    list("/conformance/values");
    TRY(writing);
    change_afterwards();
    list("/conformance/writable");
    set_too_much();
}
