/* 1275 §6.3.2.6: the firmware calls back, and is called from inside of that. */
#include "conformance.h"

#define M I("methods")

static const struct trial without[] = {
    CALL("set-callback", N(0)),
    CALL_FOR(2, "call-method", S("ring"), M, N(0)),
};

static const struct trial with[] = {
    CALL_FOR(2, "call-method", S("ring"), M, N(0)),
    CALL_FOR(2, "call-method", S("ring"), M, N(3)),
    CALL_FOR(2, "call-method", S("ring"), M, N(100)),
    CALL_FOR(2, "call-method", S("minus"), M, N(3), N(10)),
};

/* What the callback does when it is asked for 0, besides answering. */
static void (*at_the_bottom)(void);

int client_callback(cell block)
{
    const unsigned char *cells = (void *)(uintptr_t)block;
    cell arguments = get_cell(cells + 4), results = get_cell(cells + 8), number = get_cell(cells + 12);
    end_line();
    if (number < 4)
        say("    asked \"%s\" with %d arguments and %d results: %d\n", (const char *)(uintptr_t)get_cell(cells),
            (int)arguments, (int)results, (int)number);
    cell caught = 0, answer = 0;
    if (!number && at_the_bottom) {
        at_the_bottom();
    } else if (number) {
        int status = of_call("call-method", 3, 2, address_of("ring"), instance_named("methods"), number - 1, &caught,
                             &answer);
        if (number < 4)
            say("    %d: inside, call-method -> %d: %d %d\n", (int)number, status, (int)caught, (int)answer);
    }
    put_cell((void *)(uintptr_t)(block + 12 + 4 * arguments), answer + 1);
    return 0;
}

static void ask_for_what_is_not_to_be_had(void)
{
    say("    inside, enter -> %d\n", of_call("enter", 0, 0));
    say("    inside, a service that isn't there -> %d\n", of_call("no-such-service", 0, 0));
    say("    inside, a block that isn't there -> %d\n", of_enter(memory_size() + 0x1000));
}

static void leave_by_exit(void)
{
    say("    inside, exit\n");
    of_call("exit", 0, 0);
    say("    exit came back\n");
}

static void leave_by_chain(void)
{
    static const char arguments[] = "from inside";
    say("    inside, chain\n");
    of_call("chain", 5, 0, 0x4000000, 0x1000, address_of(_start), address_of(arguments), (cell)sizeof arguments);
    say("    chain came back\n");
}

void leave_from_callback(int by_chain)
{
    open_as("methods", "/conformance/methods");
    of_call("set-callback", 1, 1, address_of(callback_entry), (cell *)0);
    at_the_bottom = by_chain ? leave_by_chain : leave_by_exit;
    TRY_ONE(CALL_FOR(2, "call-method", S("ring"), M, N(2)));
}

void run_callbacks(void)
{
    open_as("methods", "/conformance/methods");
    TRY(without);
    cell before = 77;
    int status = of_call("set-callback", 1, 1, address_of(callback_entry), &before);
    say("set-callback ours -> %d: %d\n", status, (int)before);
    TRY(with);
    at_the_bottom = ask_for_what_is_not_to_be_had;
    TRY_ONE(CALL_FOR(2, "call-method", S("ring"), M, N(1)));
    at_the_bottom = 0;
    status = of_call("set-callback", 1, 1, 0, &before);
    say("set-callback 0 -> %d: %s\n", status, before == address_of(callback_entry) ? "ours" : "another");
    TRY(without);
    TRY_ONE(CALL("close", M));
    say("set-symbol-lookup -> %d\n", of_call("set-symbol-lookup", 2, 0, address_of(_start), address_of(_start)));
    say("set-symbol-lookup 0 0 -> %d\n", of_call("set-symbol-lookup", 2, 0, 0, 0));
}
