/* 1275 §6.3.2.1, §6.3.2.5 to §6.3.2.7: which services there are, Forth, time, other CPUs; and the ways to end. */
#include "conformance.h"

static const struct trial trials[] = {
    CALL("test", S("")),
    CALL("test", S("no-such-service")),
    CALL("test", S("Getprop")),
    CALL("test", S("getprop ")),
    CALL("test", XS(63)),
    CALL("test", XS(64)),

    CALL("interpret", XS(2048)),
    CALL_FOR(0, "interpret", S("no-such-word")),
    CALL_FOR(3, "interpret", S("no-such-word"), N(1), N(2)),

    CALL("start-cpu", NO_PACKAGE, X(0x4000000), N(7)),
    CALL("start-cpu", N(0), X(0x4000000), N(7)),
    CALL("start-cpu", P("/conformance/values"), X(0x4000000), N(7)),

    CALL("milliseconds"),
    CALL_FOR(0, "milliseconds"),

    /* services that nobody has; the name is read to its end and no further */
    CALL("no-such-service"),
    CALL("no-such-service", N(1), N(2), N(3)),
    CALL_FOR(0, "no-such-service"),
    CALL_FOR(3, "no-such-service", N(1)),
    CALL("Peer", N(0)),
    CALL("peer ", N(0)),
    CALL(""),
};

static const char *const texts[] = {"1 2 +", "no-such-word", ""};

static void interpret(void)
{
    for (unsigned index = 0; index < sizeof texts / sizeof *texts; index++) {
        cell caught = 0;
        int status = of_call("interpret", 1, 1, address_of(texts[index]), &caught);
        say("interpret ");
        say_bytes(texts[index], strlen(texts[index]));
        say(" -> %d: %s\n", status, caught ? "not 0" : "0");
    }
}

static void wait_for_time(void)
{
    cell first = 0, now = 0, before;
    int backwards = 0;
    of_call("milliseconds", 0, 1, &first);
    before = first;
    for (unsigned tries = 0; tries < 1000000 && now - first < 3; tries++) {
        of_call("milliseconds", 0, 1, &now);
        backwards |= (int)(now - before) < 0;
        before = now;
    }
    say("milliseconds %s, and %s\n", now - first >= 3 ? "advances" : "stands still",
        backwards ? "goes back" : "never goes back");
}

void run_control(void)
{
    for (unsigned index = 0; index < service_count; index++)
        TRY_ONE(CALL("test", S(services[index].name)));
    interpret();
    TRY(trials);
    wait_for_time();
}

static const char chain_arguments[] = "some arguments";

void end_with(const char *name)
{
    if (!strcmp(name, "exit-in-callback")) {
        leave_from_callback(0);
    } else if (!strcmp(name, "chain-in-callback")) {
        leave_from_callback(1);
    } else if (!strcmp(name, "exit")) {
        TRY_ONE(CALL("exit"));
    } else if (!strcmp(name, "boot")) {
        TRY_ONE(CALL("boot", S("disk:2 some arguments")));
    } else if (!strcmp(name, "chain")) {
        cell base = -1;
        of_call("claim", 3, 1, 0x4000000, 0x1000, 0, &base);
        say("claim 0x4000000 0x1000 0 -> %s\n", base == 0x4000000 ? "as asked" : "not as asked");
        say("chain 0x4000000 0x1000, to ourselves with \"%s\"\n", chain_arguments);
        of_call("chain", 5, 0, 0x4000000, 0x1000, address_of(_start), address_of(chain_arguments),
                (cell)sizeof chain_arguments);
        say("chain came back\n");
    } else if (!strcmp(name, "enter")) {
        TRY_ONE(CALL("enter"));
    } else if (!strcmp(name, "quiesce")) {
        TRY_ONE(CALL("quiesce"));
        TRY_ONE(CALL("quiesce"));
        TRY_ONE(CALL("finddevice", S("/conformance")));
        TRY_ONE(CALL("claim", X(0x4000000), X(0x1000), N(0)));
        TRY_ONE(CALL("milliseconds"));
    } else {
        say("there is no ending \"%s\"\n", name);
    }
}
