/*
 * The conformance client: calls to every service, good and bad, each of them one line of a transcript.
 *
 * It checks nothing: it says what it asked and what came of it, in words that hold on every machine. So a package is
 * printed as its path, an instance by the name that its trial gave it, and an address or a time by how it is related to
 * what is known. The transcript is compared with the one that is kept, which people have read.
 *
 * To add a trial, add a row to a group's table; to add a group, a file with a function and a row in main.c.
 *
 *     peer </conformance> -> 0: </other>
 *
 * is a service, its arguments, r3, and the result cells.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include "client.h"

enum { MOST_ARGUMENTS = 16, BUFFER = 512, FILLER = 0xee };

#define UNTOUCHED 0x5a5a5a5au /* what is in result cells before a call */

/* What an argument is made of. */
enum kind {
    END,
    NUMBER,       /* printed in decimal */
    HEX,          /* printed as it is written */
    TEXT,         /* a string's address */
    BYTES,        /* the same for `number` bytes */
    REPEATED,     /* a string of `number` letters x */
    PACKAGE,      /* the phandle of a path */
    INSTANCE,     /* an ihandle: see `open_as` */
    BUFFER_AT,    /* the buffer, `number` bytes into it */
    NULL_POINTER, /* address 0 */
    BEYOND,       /* an address above the end of memory */
    LAST,         /* the address of the last `number` bytes of memory */
    ENDLESS,      /* a string at the end of memory, of `number` letters and without its NUL */
};

struct argument {
    enum kind kind;
    cell number;
    const char *text;
};

#define N(number) {NUMBER, (cell)(number), 0}
#define X(number) {HEX, number, 0}
#define S(text) {TEXT, 0, text}
#define B(bytes) {BYTES, sizeof(bytes) - 1, bytes}
#define XS(count) {REPEATED, count, 0}
#define P(path) {PACKAGE, 0, path}
#define I(name) {INSTANCE, 0, name}
#define BUF {BUFFER_AT, 0, 0}
#define BUF_AT(offset) {BUFFER_AT, offset, 0}
#define NULLP {NULL_POINTER, 0, 0}
#define BEYOND_MEMORY {BEYOND, 0, 0}
#define LAST_BYTES(count) {LAST, count, 0}
#define ENDLESS_STRING(count) {ENDLESS, count, 0}
#define NO_PACKAGE X(0x7ffffff0)
#define NO_INSTANCE X(0x7ffffff1)

/* One call. Its result cells are as many as the service has, unless `CALL_FOR` says how many. */
struct trial {
    const char *service;
    int result_count;
    struct argument arguments[MOST_ARGUMENTS];
};

#define CALL(service, ...) {service, -1, {__VA_ARGS__}}
#define CALL_FOR(count, service, ...) {service, count, {__VA_ARGS__}}

/* How a result is printed. */
enum result { AS_NUMBER, AS_PACKAGE, AS_INSTANCE, AS_ADDRESS, AS_TIME };

/* The services, as the client knows them. */
struct service {
    const char *name;
    unsigned argument_count, result_count;
    enum result result;
    int variadic, returns;
};

extern const struct service services[];
extern const unsigned service_count;

const struct service *find_service(const char *name);

/* Make the call, print the line; the first result cell, UNTOUCHED if there is none. */
cell try_one(const struct trial *trial);
void try_all(const struct trial *trials, unsigned count);

#define TRY(trials) try_all(trials, sizeof(trials) / sizeof *(trials))
#define TRY_ONE(...) try_one(&(const struct trial)__VA_ARGS__)

/* `open`, and remember the ihandle under a name; a failed one is remembered as 0. */
void open_as(const char *name, const char *path);
cell instance_named(const char *name);

/* Handles without a line in the transcript. */
cell package_at(const char *path);
void say_package(cell package);

/* The buffer that trials write to, filled anew before each of them. */
extern unsigned char buffer[BUFFER];

/* Bytes of memory, as the test says in /conformance/limits. */
cell memory_size(void);

/* Call with a block of any counts; prints r3 and the first `shown` result cells. */
void try_block(const char *what, cell block, unsigned char *results, unsigned shown);

struct group {
    const char *name;
    void (*run)(void);
};

void run_tree(void);
void run_paths(void);
void run_properties(void);
void run_devices(void);
void run_methods(void);
void run_callbacks(void);
void run_memory(void);
void run_control(void);
void run_form(void);
void run_pointers(void);

/* From inside of three callbacks, by `exit` or by `chain`. */
void leave_from_callback(int by_chain);

/* Ways to end, which don't come back or come back changed. */
void end_with(const char *name);

#endif
