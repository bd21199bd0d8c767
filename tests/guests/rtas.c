/*
 * Calls every function of RTAS after the firmware is gone, with good and bad arguments, and prints by RTAS alone.
 * The command line says what comes last: "off", "reboot", "wait" or "torn" (a store that is never finished, then off).
 */
#include "client.h"

#define IO 0xfe000000u

static char area[0x3000] __attribute__((aligned(4096)));
static cell block[3 + 16 + 16] __attribute__((aligned(16)));
static cell entry;
static unsigned char buffer[64];

extern cell rtas_call(cell entry, cell *block, cell *kept);
__asm__(".text\n"
        "rtas_call:\n"
        "  stwu 1,-112(1); mflr 0; stw 0,116(1)\n"
        "  stmw 13,16(1); stw 2,12(1); stw 5,8(1)\n"
        "  mtctr 3; mr 3,4; li 4,0\n"
        "  li 14,0x1414; li 31,0x3131; mr 13,1\n"
        "  li 1,0x11\n" /* RTAS has no stack */
        "  bctrl\n"
        "  xori 0,1,0x11; mr 1,13\n"
        "  xori 3,14,0x1414; or 0,0,3; xori 3,31,0x3131; or 0,0,3\n"
        "  lwz 5,8(1); stw 0,0(5)\n"
        "  lmw 13,16(1); lwz 2,12(1); lwz 0,116(1); mtlr 0; addi 1,1,112; blr\n");

static cell display;

static void print(const char *text)
{
    cell kept;
    for (; *text; text++) {
        block[0] = display, block[1] = 1, block[2] = 1, block[3] = *text;
        rtas_call(entry, block, &kept);
    }
}

static void print_hex(cell value)
{
    char text[10] = " ";
    for (int place = 0; place < 8; place++)
        text[place + 1] = "0123456789abcdef"[value >> (28 - 4 * place) & 15];
    text[9] = 0;
    print(text);
}

/* Make a call and print all of its result cells, and one behind them, which has to stay as it was. */
static void call(const char *name, cell token, unsigned arguments, unsigned results, ...)
{
    cell found[17], kept = 1;
    va_list list;
    va_start(list, results);
    block[0] = token, block[1] = arguments, block[2] = results;
    for (unsigned place = 0; place < arguments && place < 16; place++)
        block[3 + place] = va_arg(list, cell);
    va_end(list);
    unsigned first = 3 + (arguments < 16 ? arguments : 16);
    for (unsigned place = 0; place <= results; place++)
        block[first + place] = 0x5a5a5a5a;
    rtas_call(entry, block, &kept);
    for (unsigned place = 0; place <= results; place++)
        found[place] = block[first + place];
    print(name);
    for (unsigned place = 0; place <= results; place++)
        print_hex(found[place]);
    print(kept ? " registers lost\r\n" : "\r\n");
}

static void cmos(unsigned char number, unsigned char value)
{
    *(volatile unsigned char *)(IO + 0x70) = number;
    __asm__ volatile("eieio" ::: "memory");
    *(volatile unsigned char *)(IO + 0x71) = value;
    __asm__ volatile("eieio" ::: "memory");
}

void client_main(cell r3, cell r4, cell r6, cell r7)
{
    char how[16] = "";
    cell rtas = 0, status = 0, kept;
    (void)r3, (void)r4, (void)r6, (void)r7;
    get_property("/chosen", "bootargs", how, sizeof how);
    display = get_cell_property("/rtas", "display-character");
    if (of_call("open", 1, 1, address_of("/rtas"), &rtas) || !rtas)
        say("no /rtas\n");
    cell size = get_cell_property("/rtas", "rtas-size");
    say("size %x fits %d\n", size, size <= sizeof area);
    of_call("call-method", 3, 2, address_of("instantiate-rtas"), rtas, 0xfffff000u, &status, &entry);
    say("nowhere %x\n", status);
    of_call("call-method", 3, 2, address_of("instantiate-rtas"), rtas, address_of(area) + 2, &status, &entry);
    say("between %x\n", status);
    of_call("call-method", 3, 2, address_of("instantiate-rtas"), rtas, address_of(area), &status, &entry);
    say("status %x entry %d\n", status, entry == address_of(area));
    of_call("quiesce", 0, 0);

    call("now", 3, 0, 8);
    for (cell index = 0; index < 4; index++) {
        static const cell modes[] = {0x02, 0x06, 0x00, 0x04};
        cmos(11, modes[index]);
        call("set", 4, 7, 1, 2028, 2, 29, index & 1 ? 12 : 0, 58, 57, 0);
        cmos(11, modes[index]); /* the call has turned it to 24 hours */
        call("get", 3, 0, 8);
    }
    cmos(11, 0x02);
    call("set", 4, 7, 1, 2031, 12, 31, 23, 59, 30, 0);
    call("get", 3, 0, 3);
    call("set-leap", 4, 7, 1, 2027, 2, 29, 0, 0, 0, 0);
    call("set-year", 4, 7, 1, 1999, 2, 1, 0, 0, 0, 0);
    call("set-month", 4, 7, 1, 2027, 13, 1, 0, 0, 0, 0);
    call("set-day", 4, 7, 1, 2027, 4, 31, 0, 0, 0, 0);
    call("set-hour", 4, 7, 1, 2027, 4, 1, 24, 0, 0, 0);

    call("pci", 8, 2, 2, 0x6000, 4);
    call("pci-word", 8, 2, 2, 0x6002, 2);
    call("pci-byte", 8, 2, 2, 0x6001, 1);
    call("pci-other", 8, 2, 2, 0x01000000, 4);
    call("pci-none", 8, 2, 2, 0x9800, 4);
    call("pci-width", 8, 2, 2, 0x6000, 3);
    call("pci-align", 8, 2, 2, 0x6002, 4);
    call("write", 9, 3, 1, 0x623c, 1, 0x5a);
    call("written", 8, 2, 2, 0x623c, 1);
    call("write-align", 9, 3, 1, 0x610d, 2, 0);

    call("kept", 1, 3, 2, 0x1fc0, address_of(buffer), sizeof buffer);
    print("found"), print_hex(get_cell(buffer)), print("\r\n");
    for (unsigned place = 0; place < sizeof buffer; place++)
        buffer[place] = 0x80 + place;
    call("store", 2, 3, 2, 0x1fc0, address_of(buffer), sizeof buffer);
    memset(buffer, 0, sizeof buffer);
    call("fetch", 1, 3, 2, 0x1fc0, address_of(buffer), sizeof buffer);
    print("fetched");
    print_hex(get_cell(buffer)), print_hex(get_cell(buffer + 60));
    print("\r\n");
    call("store-far", 2, 3, 2, 0x1fc1, address_of(buffer), sizeof buffer);
    call("fetch-far", 1, 3, 2, 0xffffffff, address_of(buffer), 2);
    call("store-none", 2, 3, 2, 0x2000, address_of(buffer), 0);

    call("event-scan", 6, 4, 1, 0, 0, 0, 0);
    call("indicator", 11, 3, 1, 1, 0, 0);
    call("sensor", 12, 2, 2, 1, 0);
    call("restart", 0, 0, 1);
    call("unknown", 5, 0, 1);
    call("far", 0x7fffffff, 0, 1);
    call("fewer", 8, 1, 2, 0x6000);
    call("one-result", 3, 0, 1);
    call("no-result", 3, 0, 0);
    call("many", 8, 17, 1);
    if (!strcmp(how, "torn"))
        put_cell(area + 0xfe4, get_cell(area + 0xfe4) | 1);
    print("bye\r\n");
    while (!strcmp(how, "wait"))
        continue;
    if (!strcmp(how, "reboot"))
        call("reboot", 20, 0, 1);
    block[0] = 17, block[1] = 2, block[2] = 1, block[3] = block[4] = 0xffffffff;
    rtas_call(entry, block, &kept);
    print("still here\r\n");
    for (;;)
        continue;
}
