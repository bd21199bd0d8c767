/*
 * What every client program of the tests is built on: its start, the way into the firmware, and a little printing.
 *
 * The same source runs as 32-bit and as 64-bit code, big- and little-endian. Cells of the client interface are 32 bits
 * and big-endian for all of them, so a block is written with put_cell() and never by assignment.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t cell;

/* The program: r3, r4, r6 and r7 as it was started with. Returning from it calls `exit`. */
void client_main(cell r3, cell r4, cell r6, cell r7);

/* What the firmware's callback comes to, if the program has one: the address of its block. */
int client_callback(cell block);

/* The addresses to give to `set-callback` and to `chain`; in the byte order that firmware calls in. */
extern char callback_entry[], _start[], _end[];

/* The client interface's entry, as r5 said at the start. */
extern cell client_interface;

/* Call the client interface with whatever address. */
int of_enter(cell block);

/* Call a service: `argument_count` cells, then `result_count` pointers to cells, which may be null. Returns r3. */
int of_call(const char *service, unsigned argument_count, unsigned result_count, ...);

static inline cell address_of(const void *pointer)
{
    return (cell)(uintptr_t)pointer;
}

static inline void put_cell(void *at, cell value)
{
    unsigned char *bytes = at;
    for (int index = 0; index < 4; index++)
        bytes[index] = value >> (24 - 8 * index);
}

static inline cell get_cell(const void *at)
{
    const unsigned char *bytes = at;
    return (cell)bytes[0] << 24 | (cell)bytes[1] << 16 | (cell)bytes[2] << 8 | bytes[3];
}

/* A device's property; its length, or -1. */
int get_property(const char *path, const char *name, void *buffer, unsigned size);

/* The same for one cell; 0 if there is none. */
cell get_cell_property(const char *path, const char *name);

/* Print on the firmware's console: %s, %d, %x, %c and %%. A line goes out when it is whole. */
void say(const char *format, ...);

/* End the line that was begun, if one was. */
void end_line(void);

/* Print bytes in quotes, what is not plain text as \xNN. */
void say_bytes(const void *bytes, unsigned count);

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *one, const void *other, size_t size);
size_t strlen(const char *text);
int strcmp(const char *one, const char *other);

#endif
