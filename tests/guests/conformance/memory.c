/* 1275 §6.3.2.4: claim and release, and what `available` then says. */
#include "conformance.h"

enum { FREE_AT = 0x4000000, PAGE = 0x1000 };

static const struct trial at_addresses[] = {
    CALL("claim", X(0x4000000), X(0x1000), N(0)),
    CALL("claim", X(0x4000000), X(0x1000), N(0)),
    CALL("claim", X(0x4000800), X(0x1000), N(0)),
    CALL("claim", X(0x3fff800), X(0x1000), N(0)),
    CALL("claim", X(0x3fff000), X(0x3000), N(0)),
    CALL("claim", X(0x4001000), X(0x1000), N(0)),
    CALL("claim", X(0x4002001), N(1), N(0)),
    CALL("claim", X(0x4002001), N(1), N(0)),
    CALL("claim", X(0x4002000), N(1), N(0)),
    CALL("claim", X(0x4002003), N(333), N(0)),
    CALL("release", X(0x4002003), N(333)),
    CALL("release", X(0x4002001), N(1)),
    CALL("release", X(0x4002000), N(1)),

    /* a part of a claim, a middle of one, and two claims at once */
    CALL("release", X(0x4000400), X(0x400)),
    CALL("claim", X(0x4000000), X(0x400), N(0)),
    CALL("claim", X(0x4000400), X(0x401), N(0)),
    CALL("claim", X(0x4000400), X(0x400), N(0)),
    CALL("release", X(0x4000000), X(0x2000)),
    CALL("claim", X(0x4000000), X(0x2000), N(0)),
    CALL("release", X(0x3fff000), X(0x4000)),
    CALL("claim", X(0x3fff000), X(0x4000), N(0)),
    CALL("release", X(0x3fff000), X(0x4000)),

    /* what isn't claimed, or isn't there */
    CALL("release", X(0x4000000), X(0x1000)),
    CALL("release", X(0x4000000), N(0)),
    CALL("release", BEYOND_MEMORY, X(0x1000)),
    CALL("release", X(0xfffff000), X(0x2000)),
    CALL("release", X(0x4000000), N(-1)),
    CALL("claim", X(0x4000000), N(0), N(0)),
    CALL("claim", N(0), N(0), N(0)),
    CALL("claim", X(0x4000000), N(-1), N(0)),
    CALL("claim", X(0xfffff000), X(0x2000), N(0)),
    CALL("claim", X(0xfffff000), X(0x1000), N(0)),
    CALL("claim", BEYOND_MEMORY, X(0x1000), N(0)),
    CALL("claim", LAST_BYTES(4096), X(0x2000), N(0)),
    CALL("claim", LAST_BYTES(4096), X(0x1000), N(0)),

    /* fewer results than there are, and more */
    CALL_FOR(0, "claim", X(0x4000000), X(0x1000), N(0)),
    CALL_FOR(1, "claim", X(0x4000000), X(0x1000), N(0)),
    CALL_FOR(1, "release", X(0x4000000), X(0x1000)),
    CALL_FOR(3, "claim", X(0x4000000), X(0x1000), N(0)),
    CALL("release", X(0x4000000), X(0x1000)),
};

static const struct {
    cell size, align;
} aligned[] = {
    {0x1000, 0x1000}, {0x1000, 1},      {1, 1},          {333, 8},           {0x1000, 3},  {0x1000, 0x1001},
    {0x1000, 0x10000}, {0x10000, 0x100000}, {0x1000, 0x1000000}, {0, 0x1000}, {-1, 0x1000},
    {0x1000, 0x80000000}, {0x1000, -1}, {0x80000000, 0x1000},
};

/* The bytes that /memory says are free. */
static cell available(void)
{
    static unsigned char ranges[0x4000];
    cell package = package_at("/memory"), length = 0;
    cell address_cells = get_cell_property("/", "#address-cells"), size_cells = get_cell_property("/", "#size-cells");
    cell step = 4 * (address_cells + size_cells), total = 0;
    of_call("getprop", 4, 1, package, address_of("available"), address_of(ranges), (cell)sizeof ranges, &length);
    for (cell at = step; (int)length > 0 && at <= length && at <= sizeof ranges; at += step)
        total += get_cell(ranges + at - 4);
    return total;
}

static void say_change(cell before)
{
    cell now = available();
    say("    available is %s", now == before ? "unchanged" : now < before ? "less by " : "more by ");
    if (now != before)
        say("%x", now < before ? before - now : now - before);
    say("\n");
}

/* The alignment that a firmware gives for what was asked: the next power of two. */
static cell boundary(cell align)
{
    cell power = 1;
    while (power < align)
        power <<= 1;
    return power;
}

static void claim_aligned(void)
{
    static cell claimed[sizeof aligned / sizeof *aligned];
    cell own_start = address_of(_start), own_end = address_of(_end);
    for (unsigned index = 0; index < sizeof aligned / sizeof *aligned; index++) {
        cell size = aligned[index].size, align = aligned[index].align, base = UNTOUCHED;
        cell before = available();
        int status = of_call("claim", 3, 1, 0x4000000, size, align, &base);
        say("claim 0x4000000 %x %x -> %d: ", size, align, status);
        claimed[index] = 0;
        if (base == (cell)-1) {
            say("-1\n");
        } else {
            claimed[index] = base;
            say("%s", base & (boundary(align) - 1) ? "misaligned" : "aligned");
            say(", %s", base ? "not at 0" : "at 0");
            say(", %s", base + size <= memory_size() ? "in memory" : "beyond memory");
            say(", %s", base < own_end && own_start < base + size ? "on top of the caller" : "clear of the caller");
            int clear = 1;
            for (unsigned other = 0; other < index; other++)
                if (claimed[other] && base < claimed[other] + aligned[other].size && claimed[other] < base + size)
                    clear = 0;
            say(", %s\n", clear ? "clear of other claims" : "on top of another claim");
            memset((void *)(uintptr_t)base, 0xa5, size); /* whatever is claimed can be used */
        }
        say_change(before);
    }
    for (unsigned index = 0; index < sizeof aligned / sizeof *aligned; index++)
        if (claimed[index])
            say("release of %x -> %d\n", aligned[index].size,
                of_call("release", 2, 0, claimed[index], aligned[index].size));
}

static void claim_what_is_taken(void)
{
    cell base = 0;
    int status = of_call("claim", 3, 1, address_of(_start) & -PAGE, PAGE, 0, &base);
    say("claim of the caller's own memory -> %d: %d\n", status, (int)base);
    status = of_call("claim", 3, 1, client_interface & -PAGE, PAGE, 0, &base);
    say("claim of the firmware's entry -> %d: %d\n", status, (int)base);
    status = of_call("release", 2, 0, client_interface & -PAGE, PAGE);
    say("release of the firmware's entry -> %d\n", status);
    status = of_call("claim", 3, 1, client_interface & -PAGE, PAGE, 0, &base);
    say("claim of the firmware's entry -> %d: %d\n", status, (int)base);
}

/* A client that claims every other page until it has many. */
static void claim_in_pieces(void)
{
    cell before = available(), base, failed = 0;
    for (cell page = 0; page < 200; page++)
        failed += of_call("claim", 3, 1, FREE_AT + 2 * PAGE * page, PAGE, 0, &base) || base == (cell)-1;
    say("200 claims of every other page: %d failed\n", (int)failed);
    say_change(before);
    say("release of all of them at once -> %d\n", of_call("release", 2, 0, FREE_AT, 400 * PAGE));
    say_change(before);
}

void run_memory(void)
{
    cell before = available();
    TRY(at_addresses);
    say_change(before);
    claim_aligned();
    say_change(before);
    claim_what_is_taken();
    claim_in_pieces();
}
