/* Finds what is on SCSI, copies the CD's blocks to the disk by scattered requests, and is woken by each completion. */
#include "osi.h"

#define SCSI 10
#define MSR_EE 0x8000
#define MSR_POW 0x40000
#define BLOCKS 8

struct piece {
    uint32_t address, size;
};

static struct request {
    uint32_t client, next;
    uint8_t command[16], command_length, target, lun, is_write, status, adapter, filler[2];
    uint32_t sense_length;
    struct piece sense[2];
    uint32_t size, moved, pieces, count, following, driver;
    struct piece list[2];
} request;
static struct list {
    uint32_t count, following, driver;
    struct piece list[1];
} more;

extern char vectors[], vectors_end[];
static uint8_t data[BLOCKS * 2048], sense[18];
static volatile uint32_t completed;

/* Called by vectors.S with the vector's offset. */
void handle(uint32_t vector)
{
    (void)vector;
    completed = osi(OSI_SCSI_ACK);
}

/* Carry a command out; its data are in three pieces over two lists. */
static void execute(uint32_t target, const char *command, uint32_t length, uint32_t size, uint32_t is_write)
{
    uint32_t msr, half = size / 2, some = size / 3;

    memset(&request, 0, sizeof request);
    memcpy(request.command, command, length);
    request.client = 0xc0001000;
    request.command_length = (uint8_t)length;
    request.target = (uint8_t)target;
    request.is_write = (uint8_t)is_write;
    request.sense[0] = (struct piece){osi_address(sense), 4};
    request.sense[1] = (struct piece){osi_address(sense) + 4, 14};
    request.size = size;
    request.pieces = 3;
    request.count = 2;
    request.following = osi_address(&more);
    request.list[0] = (struct piece){osi_address(data), some};
    request.list[1] = (struct piece){osi_address(data) + some, half - some};
    more = (struct list){1, 0, 0, {{osi_address(data) + half, size - half}}};
    completed = 0;
    if (osi(OSI_SCSI_SUBMIT, osi_address(&request)))
        osi_print("not understood\n");
    __asm__ volatile("mfmsr %0" : "=r"(msr));
    while (!completed)
        __asm__ volatile("sync; mtmsr %0; isync" : : "r"(msr | MSR_EE | MSR_POW) : "memory");
    if (completed != (request.client | 1))
        osi_print("another one was completed: %x\n", completed);
}

void mol_main(uint32_t entry)
{
    (void)entry;
    memcpy((void *)0x500, vectors, (size_t)(vectors_end - vectors));
    __asm__ volatile("icbi 0, %0; sync; isync" : : "r"(0x500) : "memory");
    osi(OSI_PIC_UNMASK_IRQ, SCSI);
    osi(OSI_SCSI_CNTRL, 1);
    for (uint32_t target = 0; target < 3; target++) {
        execute(target, "\x12\0\0\0\x24\0", 6, 36, 0);
        if (request.adapter) {
            osi_print("%d: nobody\n", (int)target);
            continue;
        }
        data[32] = 0;
        osi_print("%d: kind %d, %s", (int)target, data[0], (char *)data + 16);
        execute(target, "\x25\0\0\0\0\0\0\0\0\0", 10, 8, 0);
        osi_print("last %x, %d bytes each\n", data[2] << 8 | data[3], data[6] << 8 | data[7]);
    }
    execute(1, "\x28\0\0\0\0\0\0\0\x08\0", 10, BLOCKS * 2048, 0);
    osi_print("read: %d, %d bytes\n", request.status, (int)request.moved);
    execute(0, "\x2a\0\0\0\0\x04\0\0\x20\0", 10, BLOCKS * 2048, 1);
    osi_print("written: %d, %d bytes\n", request.status, (int)request.moved);
    execute(1, "\x2a\0\0\0\0\0\0\0\x01\0", 10, 2048, 1);
    osi_print("a CD: %d, key %x, code %x\n", request.status, sense[2], sense[12]);
    execute(1, "\x43\0\0\0\0\0\0\0\x14\0", 10, 20, 0);
    osi_print("table of contents: %d bytes, lead-out at %x\n", (int)request.moved, data[18] << 8 | data[19]);
    osi_print("done\n");
}
