/* 1275 §6.3.2.3: open, close, read, write, seek; and what an instance says of itself. */
#include "conformance.h"

#define STORE "/conformance/store"

static const struct trial refused[] = {
    CALL("open", S("")),
    CALL("open", S("/nothing")),
    CALL("open", S("no-such-alias")),
    CALL("open", S("/conformance/values")),
    CALL("open", S("/conformance/refuses")),
    CALL("open", S("/conformance/throws")),
    CALL("open", S("/conformance/refuses/child")),
    CALL("open", XS(1024)),
};

static const struct trial storing[] = {
    CALL("instance-to-package", I("store")),
    CALL("instance-to-path", I("store"), BUF, N(64)),
    CALL("instance-to-path", I("store"), BUF, N(18)),
    CALL("instance-to-path", I("store"), BUF, N(17)),
    CALL("instance-to-path", I("store"), BUF, N(4)),
    CALL("instance-to-path", I("store"), NULLP, N(0)),
    CALL("write", I("store"), B("0123456789"), N(10)),
    CALL("read", I("store"), BUF, N(32)),
    CALL("read", I("store"), BUF, N(4)),
    CALL("seek", I("store"), N(0), N(0)),
    CALL("read", I("store"), BUF, N(4)),
    CALL("read", I("store"), BUF_AT(3), N(4)),
    CALL("read", I("store"), BUF, N(0)),
    CALL("read", I("store"), NULLP, N(0)),
    CALL("read", I("store"), BUF, N(4)),
    CALL("read", I("store"), BUF, N(4)),
    CALL("read", I("store"), BUF, N(4)),
    CALL("seek", I("store"), N(0), N(16)),
    CALL("read", I("store"), BUF, N(4)),
    CALL("seek", I("store"), N(0), N(17)),
    CALL("seek", I("store"), N(1), N(0)),
    CALL("seek", I("store"), N(-1), N(-1)),
    CALL("seek", I("store"), N(0), N(12)),
    CALL("write", I("store"), B("abcdef"), N(6)),
    CALL("write", I("store"), B("abcdef"), N(6)),
    CALL("seek", I("store"), N(0), N(8)),
    CALL("read", I("store"), BUF, N(100)),
    CALL("seek", I("store"), N(0), N(0)),
    CALL("write", I("store"), BEYOND_MEMORY, N(4)),
    CALL("write", I("store"), BUF, N(-1)),
    CALL("read", I("store"), BEYOND_MEMORY, N(4)),
    CALL("read", I("store"), BUF, N(-1)),
};

static const struct trial two_at_once[] = {
    CALL("seek", I("store"), N(0), N(2)),
    CALL("read", I("store"), BUF, N(2)),
    CALL("read", I("other"), BUF, N(2)),
    CALL("instance-to-path", I("other"), BUF, N(64)),
    CALL("close", I("store")),
    CALL("read", I("other"), BUF, N(2)),
};

static const struct trial handles[] = {
    CALL("instance-to-package", I("store")),
    CALL("instance-to-path", I("store"), BUF, N(64)),
    CALL("read", I("store"), BUF, N(2)),
    CALL("write", I("store"), B("x"), N(1)),
    CALL("seek", I("store"), N(0), N(0)),
    CALL("close", I("store")),
    CALL("instance-to-package", NO_INSTANCE),
    CALL("instance-to-package", N(0)),
    CALL("instance-to-package", N(-1)),
    CALL("instance-to-package", P("/conformance/store")),
    CALL("instance-to-path", N(0), BUF, N(64)),
    CALL("instance-to-path", NO_INSTANCE, BUF, N(64)),
    CALL("instance-to-interposed-path", NO_INSTANCE, BUF, N(64)),
    CALL("read", N(0), BUF, N(2)),
    CALL("read", N(-1), BUF, N(2)),
    CALL("read", P("/conformance/store"), BUF, N(2)),
    CALL("write", N(0), B("x"), N(1)),
    CALL("seek", N(0), N(0), N(0)),
    CALL("close", N(0)),
    CALL("close", N(-1)),
    CALL("close", NO_INSTANCE),
    CALL("getproplen", I("other"), S("name")),

    /* a package with open and close and no more */
    CALL("read", I("plain"), BUF, N(2)),
    CALL("write", I("plain"), B("x"), N(1)),
    CALL("seek", I("plain"), N(0), N(0)),
    CALL("close", I("plain")),
};

static const struct trial paths[] = {
    CALL("instance-to-path", I("wild"), BUF, N(64)),
    CALL("instance-to-package", I("wild")),
    CALL("instance-to-path", I("deep"), BUF, N(128)),
    CALL("instance-to-path", I("alias"), BUF, N(128)),
    CALL("instance-to-interposed-path", I("deep"), BUF, N(128)),
    CALL("instance-to-interposed-path", I("alias"), BUF, N(4)),
    CALL("instance-to-package", I("alias")),
    CALL("close", I("wild")),
    CALL("close", I("deep")),
    CALL("close", I("alias")),
};

static void use_console(void)
{
    cell console = get_cell_property("/chosen", "stdout"), keyboard = get_cell_property("/chosen", "stdin");
    cell result = 77;
    int status;
    of_call("instance-to-package", 1, 1, console, &result);
    say("stdout is %s\n", result && result != (cell)-1 ? "an instance of a package" : "nothing");
    status = of_call("write", 3, 1, console, address_of(buffer), 0, &result);
    say("write of 0 bytes to stdout -> %d: %d\n", status, (int)result);
    status = of_call("write", 3, 1, console, 0, 0, &result);
    say("write of 0 bytes at null to stdout -> %d: %d\n", status, (int)result);
    status = of_call("write", 3, 1, console, memory_size() + 0x1000, 4, &result);
    say("write of 4 bytes beyond memory to stdout -> %d: %d\n", status, (int)result);
    status = of_call("write", 3, 1, console, address_of(buffer), -1, &result);
    say("write of 4 GiB to stdout -> %d: %d\n", status, (int)result);
    status = of_call("read", 3, 1, keyboard, address_of(buffer), 4, &result);
    say("read from stdin where nothing was typed -> %d: %d\n", status, (int)result);
    status = of_call("read", 3, 1, keyboard, address_of(buffer), 0, &result);
    say("read of 0 bytes from stdin -> %d: %d\n", status, (int)result);
    status = of_call("seek", 3, 1, console, 0, 0, &result);
    say("seek on stdout -> %d: %d\n", status, (int)result);
}

void run_devices(void)
{
    TRY(refused);
    open_as("store", STORE);
    TRY(storing);
    open_as("other", STORE ":with,arguments");
    TRY(two_at_once);
    open_as("plain", "/conformance/openable");
    TRY(handles);
    TRY_ONE(CALL("close", I("other")));
    open_as("wild", "/conformance/bus/wild@5:x");
    open_as("deep", "/conformance/openable:one/child:two");
    open_as("alias", "conf-dev:three");
    TRY(paths);
    open_as("again", STORE);
    int reused = instance_named("again") == instance_named("store");
    say("an ihandle that was closed is %s\n", reused ? "given again" : "not given again");
    TRY_ONE(CALL("close", I("again")));
    use_console();
}
