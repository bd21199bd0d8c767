/* See client.h. */
#include "client.h"

enum { MOST_CELLS = 32, LINE = 2048 };

cell client_interface;

static cell console;
static char line[LINE];
static unsigned used;

int of_call(const char *service, unsigned argument_count, unsigned result_count, ...)
{
    unsigned char block[4 * (3 + MOST_CELLS)] __attribute__((aligned(8)));
    va_list more;
    put_cell(block, address_of(service));
    put_cell(block + 4, argument_count);
    put_cell(block + 8, result_count);
    unsigned char *at = block + 12;
    va_start(more, result_count);
    for (unsigned index = 0; index < argument_count; index++, at += 4)
        put_cell(at, va_arg(more, cell));
    memset(at, 0, 4 * result_count);
    int status = of_enter(address_of(block));
    for (unsigned index = 0; index < result_count; index++, at += 4) {
        cell *result = va_arg(more, cell *);
        if (result)
            *result = get_cell(at);
    }
    va_end(more);
    return status;
}

int get_property(const char *path, const char *name, void *buffer, unsigned size)
{
    cell package = -1, length = -1;
    of_call("finddevice", 1, 1, address_of(path), &package);
    if (package == (cell)-1)
        return -1;
    of_call("getprop", 4, 1, package, address_of(name), address_of(buffer), size, &length);
    return (int)length;
}

cell get_cell_property(const char *path, const char *name)
{
    unsigned char value[4];
    return get_property(path, name, value, sizeof value) == sizeof value ? get_cell(value) : 0;
}

static void put_character(char character)
{
    line[used++] = character;
    if (character != '\n' && used < LINE)
        return;
    if (!console)
        console = get_cell_property("/chosen", "stdout");
    of_call("write", 3, 1, console, address_of(line), used, (cell *)0);
    used = 0;
}

static void put_text(const char *text)
{
    while (*text)
        put_character(*text++);
}

static void put_number(cell number, unsigned base)
{
    char digits[12], *at = digits + sizeof digits;
    *--at = 0;
    do
        *--at = "0123456789abcdef"[number % base];
    while (number /= base);
    put_text(at);
}

void say(const char *format, ...)
{
    va_list more;
    va_start(more, format);
    for (; *format; format++) {
        if (*format != '%') {
            put_character(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            put_text(va_arg(more, const char *));
            break;
        case 'c':
            put_character(va_arg(more, int));
            break;
        case 'd': {
            int number = va_arg(more, int);
            if (number < 0)
                put_character('-');
            put_number(number < 0 ? -(cell)number : (cell)number, 10);
            break;
        }
        case 'x':
            put_text("0x");
            put_number(va_arg(more, cell), 16);
            break;
        default:
            put_character(*format);
        }
    }
    va_end(more);
}

void end_line(void)
{
    if (used)
        put_character('\n');
}

void say_bytes(const void *bytes, unsigned count)
{
    const unsigned char *at = bytes;
    put_character('"');
    for (; count; count--, at++) {
        if (*at >= ' ' && *at < 0x7f && *at != '"' && *at != '\\') {
            put_character(*at);
        } else {
            put_text("\\x");
            put_character("0123456789abcdef"[*at >> 4]);
            put_character("0123456789abcdef"[*at & 15]);
        }
    }
    put_character('"');
}

__attribute__((weak)) int client_callback(cell block)
{
    (void)block;
    return -1;
}

void client_run(cell r3, cell r4, cell r6, cell r7)
{
    client_main(r3, r4, r6, r7);
    for (;;)
        of_call("exit", 0, 0);
}

/* The compiler calls these where it likes. */

void *memcpy(void *to, const void *from, size_t size)
{
    char *out = to;
    const char *in = from;
    while (size--)
        *out++ = *in++;
    return to;
}

void *memset(void *to, int value, size_t size)
{
    char *out = to;
    while (size--)
        *out++ = value;
    return to;
}

int memcmp(const void *one, const void *other, size_t size)
{
    const unsigned char *left = one, *right = other;
    for (; size; size--, left++, right++)
        if (*left != *right)
            return *left - *right;
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return length;
}

int strcmp(const char *one, const char *other)
{
    while (*one && *one == *other)
        one++, other++;
    return (unsigned char)*one - (unsigned char)*other;
}
