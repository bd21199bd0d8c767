/* Pointers that lead nowhere, to every service that takes one: r3 is -1, and nothing else changes. */
#include "conformance.h"

#define VALUES P("/conformance/values")
#define STORE I("store")

static const struct trial trials[] = {
    CALL("test", BEYOND_MEMORY),
    CALL("test", X(0xfffffffc)),
    CALL("test", ENDLESS_STRING(8)),
    CALL("getproplen", VALUES, BEYOND_MEMORY),
    CALL("getproplen", VALUES, X(0xfffffffc)),
    CALL("getproplen", VALUES, ENDLESS_STRING(4)),
    CALL("getproplen", NO_PACKAGE, BEYOND_MEMORY),
    CALL("getprop", VALUES, BEYOND_MEMORY, BUF, N(4)),
    CALL("getprop", VALUES, X(0xfffffffc), BUF, N(4)),
    CALL("getprop", VALUES, ENDLESS_STRING(4), BUF, N(4)),
    CALL("getprop", VALUES, S("cell"), BEYOND_MEMORY, N(4)),
    CALL("getprop", VALUES, S("cell"), X(0xfffffffc), N(4)),
    CALL("getprop", VALUES, S("cell"), LAST_BYTES(2), N(4)),
    CALL("getprop", VALUES, S("cell"), LAST_BYTES(4), N(4)),
    CALL("getprop", VALUES, S("cell"), LAST_BYTES(2), N(2)),
    CALL("getprop", VALUES, S("cell"), LAST_BYTES(4), N(100)),
    CALL("getprop", VALUES, S("nothing"), BEYOND_MEMORY, N(4)),
    CALL("nextprop", VALUES, BEYOND_MEMORY, BUF),
    CALL("nextprop", VALUES, X(0xfffffffc), BUF),
    CALL("nextprop", VALUES, S(""), BEYOND_MEMORY),
    CALL("nextprop", VALUES, S(""), X(0xfffffffc)),
    CALL("nextprop", VALUES, S(""), LAST_BYTES(3)),
    CALL("nextprop", VALUES, S(""), LAST_BYTES(5)),
    CALL("setprop", P("/conformance/writable"), BEYOND_MEMORY, B("x"), N(1)),
    CALL("setprop", P("/conformance/writable"), S("wild"), BEYOND_MEMORY, N(1)),
    CALL("setprop", P("/conformance/writable"), S("wild"), X(0xfffffffc), N(4)),
    CALL("setprop", P("/conformance/writable"), S("wild"), LAST_BYTES(2), N(3)),
    CALL("getproplen", P("/conformance/writable"), S("wild")),
    CALL("canon", BEYOND_MEMORY, BUF, N(16)),
    CALL("canon", X(0xfffffffc), BUF, N(16)),
    CALL("canon", S("conf"), BEYOND_MEMORY, N(16)),
    CALL("canon", S("conf"), LAST_BYTES(4), N(16)),
    CALL("canon", S("conf"), LAST_BYTES(4), N(4)),
    CALL("finddevice", BEYOND_MEMORY),
    CALL("finddevice", X(0xfffffffc)),
    CALL("finddevice", ENDLESS_STRING(16)),
    CALL("finddevice", X(0xffffffff)),
    CALL("package-to-path", VALUES, BEYOND_MEMORY, N(16)),
    CALL("package-to-path", VALUES, X(0xfffffffc), N(16)),
    CALL("package-to-path", VALUES, LAST_BYTES(8), N(16)),
    CALL("package-to-path", NO_PACKAGE, BEYOND_MEMORY, N(16)),
    CALL("instance-to-path", STORE, BEYOND_MEMORY, N(16)),
    CALL("instance-to-path", STORE, X(0xfffffffc), N(16)),
    CALL("instance-to-interposed-path", STORE, BEYOND_MEMORY, N(16)),
    CALL("open", BEYOND_MEMORY),
    CALL("open", X(0xfffffffc)),
    CALL("open", ENDLESS_STRING(16)),
    CALL("read", STORE, BEYOND_MEMORY, N(4)),
    CALL("read", STORE, X(0xfffffffc), N(4)),
    CALL("read", STORE, X(0xfffffffc), N(0)),
    CALL("read", STORE, LAST_BYTES(2), N(4)),
    CALL("write", STORE, BEYOND_MEMORY, N(4)),
    CALL("write", STORE, X(0xfffffffc), N(8)),
    CALL("call-method", BEYOND_MEMORY, STORE),
    CALL("call-method", X(0xfffffffc), STORE),
    CALL("call-method", ENDLESS_STRING(4), STORE),
    CALL_FOR(0, "call-method", BEYOND_MEMORY, STORE),
    CALL("interpret", BEYOND_MEMORY),
    CALL("interpret", X(0xfffffffc)),
    CALL_FOR(3, "interpret", BEYOND_MEMORY),
    CALL("boot", BEYOND_MEMORY),
    CALL("boot", X(0xfffffffc)),
    CALL("boot", ENDLESS_STRING(16)),
};

/* Address 0 is memory like any other. What is there is put back. */
static const struct trial at_null[] = {
    CALL("test", NULLP),
    CALL("finddevice", NULLP),
    CALL("canon", NULLP, BUF, N(16)),
    CALL("open", NULLP),
    CALL("getproplen", VALUES, NULLP),
    CALL("getprop", VALUES, NULLP, BUF, N(4)),
    CALL("setprop", P("/conformance/writable"), NULLP, B("x"), N(1)),
    CALL("call-method", NULLP, STORE),
    CALL("interpret", NULLP),
};

void run_pointers(void)
{
    open_as("store", "/conformance/store");
    TRY(trials);
    TRY_ONE(CALL("close", STORE));
    open_as("store", "/conformance/store");

    volatile unsigned char *null = 0;
    unsigned char before = *null;
    *null = 0;
    say("with an empty string at address 0\n");
    TRY(at_null);
    *null = before;
    TRY_ONE(CALL("close", STORE));
}
