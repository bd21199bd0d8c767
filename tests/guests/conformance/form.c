/* 1275 §6.3.1: the argument block itself. Whatever is wrong with it, r3 is -1, and the first result cell where there
 * can be one holds what a failure of that service looks like: yaboot and iQUIK look at nothing else. */
#include "conformance.h"

enum { CELLS = 80 };

static unsigned char block[4 * CELLS] __attribute__((aligned(8)));

/* A block of the given counts whose cells are all untouched. */
static unsigned char *make(unsigned char *at, const char *name, cell argument_count, cell result_count)
{
    for (unsigned index = 3; at == block && index < CELLS; index++)
        put_cell(at + 4 * index, UNTOUCHED);
    put_cell(at, address_of(name));
    put_cell(at + 4, argument_count);
    put_cell(at + 8, result_count);
    return at + 12 + 4 * (argument_count < CELLS - 4 ? argument_count : 0);
}

static void with_counts(const char *name, cell argument_count, cell result_count, unsigned shown)
{
    say("%s with %x arguments and %x results", name, argument_count, result_count);
    unsigned char *results = make(block, name, argument_count, result_count);
    try_block("", address_of(block), results, shown);
}

static void wrong_counts(const struct service *service)
{
    if (service->argument_count)
        with_counts(service->name, service->argument_count - 1, 1, 2);
    if (!service->variadic)
        with_counts(service->name, service->argument_count + 1, 1, 2);
    with_counts(service->name, 33, 1, 2);
    with_counts(service->name, 0xffffffff, 1, 1);
    with_counts(service->name, service->argument_count, 0xffffffff, 1);
}

/* Good calls with result cells that the service doesn't have. */
static void result_counts(void)
{
    static const cell counts[] = {0, 1, 2, 5, 16, 32, 33, 0x1000, 0x40000000, 0x80000000, 0xffffffff};
    for (unsigned index = 0; index < sizeof counts / sizeof *counts; index++) {
        unsigned char *results = make(block, "peer", 1, counts[index]);
        put_cell(block + 12, package_at("/conformance/siblings/third"));
        say("peer of the last sibling with %x results", counts[index]);
        try_block("", address_of(block), results, 3);
    }
}

static unsigned char *child_block(unsigned char *at)
{
    unsigned char *results = make(at, "child", 1, 1);
    put_cell(at + 12, package_at("/conformance/plain"));
    put_cell(results, UNTOUCHED);
    return results;
}

static void places(void)
{
    for (unsigned offset = 0; offset < 4; offset++) {
        unsigned char *results = child_block(block + offset);
        say("a block %d bytes behind a boundary", (int)offset);
        try_block("", address_of(block + offset), results, 1);
    }

    unsigned char *end = (void *)(uintptr_t)memory_size();
    unsigned char *results = child_block(end - 20);
    try_block("a block in the last 20 bytes of memory", address_of(end - 20), results, 1);
    put_cell(end - 16, address_of("child"));
    put_cell(end - 12, 1);
    put_cell(end - 8, 1);
    put_cell(end - 4, package_at("/conformance/plain"));
    try_block("a block whose result is beyond memory", address_of(end - 16), 0, 0);
    put_cell(end - 12, address_of("child"));
    put_cell(end - 8, 1);
    put_cell(end - 4, 1);
    try_block("a block whose argument is beyond memory", address_of(end - 12), 0, 0);
    put_cell(end - 12, address_of("exit"));
    put_cell(end - 8, 1);
    put_cell(end - 4, 0);
    try_block("a block of exit, whose argument is beyond memory", address_of(end - 12), 0, 0);
    try_block("a block of which 8 bytes are in memory", address_of(end - 8), 0, 0);
    try_block("a block of which 2 bytes are in memory", address_of(end - 2), 0, 0);
    try_block("a block at the end of memory", address_of(end), 0, 0);
    try_block("a block beyond memory", address_of(end) + 0x1000, 0, 0);
    try_block("a block at 0x7ffffffc", 0x7ffffffc, 0, 0);
    try_block("a block at 0x80000000", 0x80000000, 0, 0);
    try_block("a block at 0xfffffffc", 0xfffffffc, 0, 0);
    try_block("a block at 0xffffffff", 0xffffffff, 0, 0);
}

static void names(void)
{
    static char name[128];
    memset(name, 'x', sizeof name - 1);
    with_counts(name, 0, 1, 1); /* 127 characters */
    name[63] = 0;
    with_counts(name, 0, 1, 1);
    unsigned char *results = make(block, "", 0, 1);
    put_cell(block, memory_size() + 0x1000);
    try_block("a name beyond memory", address_of(block), results, 1);
    put_cell(block, 0xfffffffc);
    try_block("a name at 0xfffffffc", address_of(block), results, 1);
    unsigned char *last = (void *)(uintptr_t)(memory_size() - 4);
    memcpy(last, "exit", 4);
    put_cell(block, address_of(last));
    try_block("exit without its NUL, at the end of memory", address_of(block), results, 1);
}

void run_form(void)
{
    for (unsigned index = 0; index < service_count; index++)
        wrong_counts(&services[index]);
    result_counts();
    places();
    names();
}
