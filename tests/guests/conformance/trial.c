/* Making a trial's call and printing its line. */
#include "conformance.h"

enum { INSTANCES = 16, ROOM = 0x1000 };

unsigned char buffer[BUFFER];

static char room[ROOM]; /* for arguments that are made here */
static unsigned room_used;

static struct {
    const char *name;
    cell ihandle;
} instances[INSTANCES];

cell memory_size(void)
{
    static cell size;
    if (!size)
        size = get_cell_property("/conformance/limits", "end-of-memory");
    return size;
}

cell package_at(const char *path)
{
    cell package = 0;
    of_call("finddevice", 1, 1, address_of(path), &package);
    return package;
}

void say_package(cell package)
{
    static char path[BUFFER];
    cell length = -1;
    memset(path, 0, sizeof path);
    of_call("package-to-path", 3, 1, package, address_of(path), (cell)(sizeof path - 1), &length);
    if (length == (cell)-1)
        say("%d", (int)package);
    else
        say("<%s>", path);
}

cell instance_named(const char *name)
{
    for (unsigned index = 0; index < INSTANCES; index++)
        if (instances[index].name && !strcmp(instances[index].name, name))
            return instances[index].ihandle;
    return 0;
}

static const char *name_of(cell ihandle)
{
    for (unsigned index = 0; index < INSTANCES; index++)
        if (instances[index].name && instances[index].ihandle == ihandle)
            return instances[index].name;
    return 0;
}

void open_as(const char *name, const char *path)
{
    unsigned index = 0;
    while (index < INSTANCES - 1 && instances[index].name && strcmp(instances[index].name, name))
        index++;
    instances[index].name = 0; /* so that a handle given twice would show */
    instances[index].ihandle = TRY_ONE(CALL("open", S(path)));
    instances[index].name = name;
    if (instances[index].ihandle)
        say("    which is %s\n", name);
}

static const char *repeated(unsigned count, int end)
{
    char *text = room + room_used;
    memset(text, 'x', count);
    if (end)
        text[count] = 0;
    room_used += count + 1;
    return text;
}

static cell value_of(const struct argument *argument)
{
    switch (argument->kind) {
    case TEXT:
    case BYTES:
        return address_of(argument->text);
    case REPEATED:
        return address_of(repeated(argument->number, 1));
    case PACKAGE:
        return package_at(argument->text);
    case INSTANCE:
        return instance_named(argument->text);
    case BUFFER_AT:
        return address_of(buffer) + argument->number;
    case NULL_POINTER:
        return 0;
    case BEYOND:
        return memory_size() + 0x1000;
    case LAST:
        return memory_size() - argument->number;
    case ENDLESS: {
        cell address = memory_size() - argument->number;
        memset((void *)(uintptr_t)address, 'x', argument->number);
        return address;
    }
    default:
        return argument->number;
    }
}

static void say_argument(const struct argument *argument)
{
    switch (argument->kind) {
    case NUMBER:
        say("%d", (int)argument->number);
        break;
    case HEX:
        say("%x", argument->number);
        break;
    case TEXT:
        say_bytes(argument->text, strlen(argument->text));
        break;
    case BYTES:
        say_bytes(argument->text, argument->number);
        break;
    case REPEATED:
        say("\"x\"*%d", (int)argument->number);
        break;
    case PACKAGE:
        say("<%s>", argument->text);
        break;
    case INSTANCE:
        say("%s", argument->text);
        break;
    case BUFFER_AT:
        say(argument->number ? "buffer+%d" : "buffer", (int)argument->number);
        break;
    case NULL_POINTER:
        say("null");
        break;
    case BEYOND:
        say("beyond-memory");
        break;
    case LAST:
        say("last-%d-bytes", (int)argument->number);
        break;
    case ENDLESS:
        say("endless-%d", (int)argument->number);
        break;
    case END:
        break;
    }
}

static void say_result(enum result result, cell value, cell first_argument)
{
    if (value == UNTOUCHED) {
        say("untouched");
        return;
    }
    if (value == 0 || value == (cell)-1) {
        say("%d", (int)value);
        return;
    }
    switch (result) {
    case AS_PACKAGE:
        say_package(value);
        break;
    case AS_INSTANCE: {
        const char *name = name_of(value);
        say(value >> 31 ? "an impossible ihandle" : name ? "the same as %s" : "an ihandle", name);
        break;
    }
    case AS_ADDRESS:
        say(value == first_argument ? "as asked" : "another address");
        break;
    case AS_TIME:
        say("a time");
        break;
    default:
        say("%d", (int)value);
    }
}

static void say_buffer(void)
{
    unsigned last = BUFFER;
    while (last && buffer[last - 1] == FILLER)
        last--;
    if (last) {
        say(", buffer ");
        say_bytes(buffer, last);
    }
}

cell try_one(const struct trial *trial)
{
    static unsigned char block[4 * (3 + 2 * MOST_ARGUMENTS)];
    const struct service *service = find_service(trial->service);
    unsigned count = 0, result_count = service ? service->result_count : 1;
    cell first = 0;
    if (trial->result_count >= 0)
        result_count = trial->result_count;
    room_used = 0;
    memset(buffer, FILLER, BUFFER);
    while (count < MOST_ARGUMENTS && trial->arguments[count].kind) {
        cell value = value_of(&trial->arguments[count]);
        if (!count)
            first = value;
        put_cell(block + 12 + 4 * count++, value);
    }
    unsigned char *results = block + 12 + 4 * count;
    for (unsigned index = 0; index <= result_count; index++) /* and one more, which is nobody's */
        put_cell(results + 4 * index, UNTOUCHED);
    put_cell(block, address_of(trial->service));
    put_cell(block + 4, count);
    put_cell(block + 8, result_count);

    say("%s", trial->service);
    for (unsigned index = 0; index < count; index++) {
        say(" ");
        say_argument(&trial->arguments[index]);
    }
    if (trial->result_count >= 0)
        say(" (%d results)", (int)result_count);
    if (service && !service->returns)
        end_line(); /* or it would not be said */
    int status = of_enter(address_of(block));
    say(" -> %d", status);
    for (unsigned index = 0; index < result_count; index++) {
        say(index ? " " : ": ");
        say_result(index || !service ? AS_NUMBER : service->result, get_cell(results + 4 * index), first);
    }
    say_buffer();
    if (get_cell(results + 4 * result_count) != UNTOUCHED)
        say(", and it wrote behind its results");
    say("\n");
    return result_count ? get_cell(results) : UNTOUCHED;
}

void try_all(const struct trial *trials, unsigned count)
{
    for (unsigned index = 0; index < count; index++)
        try_one(&trials[index]);
}

void try_block(const char *what, cell block, unsigned char *results, unsigned shown)
{
    int status = of_enter(block);
    say("%s -> %d", what, status);
    for (unsigned index = 0; index < shown; index++) {
        say(index ? " " : ": ");
        say_result(AS_NUMBER, get_cell(results + 4 * index), 0);
    }
    say("\n");
}
