/* What the benchmark `osi` times, between one line and the next: calls, hypercalls, a copied disk, frames. */
#include "osi.h"

#define MEGABYTE 0x100000
#define FRAMES 8
#define BATCH 4

static struct osi_block_request ring[64] __attribute__((aligned(16)));
static struct osi_frame rings[2][FRAMES] __attribute__((aligned(16)));
static uint8_t buffers[2 * FRAMES][2048] __attribute__((aligned(2048)));
static uint8_t data[BATCH][MEGABYTE] __attribute__((aligned(4096)));
static uint32_t counts[2];

static uint32_t hypercall(uint32_t number)
{
    register uint32_t r3 __asm__("r3") = number;

    __asm__ volatile("sc 1" : "+r"(r3) : : "r4", "memory");
    return r3;
}

static int copy(void)
{
    struct osi_blocks blocks;
    struct osi_result info;
    int failed = 0;

    osi_get(&info, OSI_ABLK_DISK_INFO, 0, 0);
    failed |= osi_blocks_start(&blocks, ring, 64);
    for (uint32_t sector = 0; sector < info.r[1]; sector += BATCH * MEGABYTE / 512) {
        for (uint32_t index = 0; index < BATCH; index++)
            osi_blocks_add(&blocks, OSI_BLOCK_READ, 0, sector + index * MEGABYTE / 512, data[index], MEGABYTE);
        for (uint32_t index = 0; index < BATCH; index++)
            osi_blocks_add(&blocks, OSI_BLOCK_WRITE, 1, sector + index * MEGABYTE / 512, data[index], MEGABYTE);
        failed |= osi_blocks_run(&blocks);
    }
    return failed;
}

/* ARP requests, each answered at once. */
static int frames(uint32_t count)
{
    static uint8_t request[60] = {255, 255, 255, 255, 255, 255, [12] = 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, [28] = 10, 0, 2, 15, [38] = 10, 0, 2, 2};
    struct osi_net net;
    void *reply;

    if (osi_net_start(&net, rings[0], rings[1], FRAMES, buffers))
        return -1;
    memcpy(request + 6, net.mac, 6);
    memcpy(request + 22, net.mac, 6);
    for (uint32_t index = 0; index < count; index++) {
        osi_net_send(&net, request, sizeof request);
        while (!osi_net_receive(&net, &reply))
            ;
        osi_net_done(&net);
    }
    return 0;
}

void mol_main(uint32_t entry)
{
    (void)entry;
    osi_file_read(osi_file_open("counts"), 0, counts, sizeof counts);
    osi_print("begin\n");
    for (uint32_t index = 0; index < counts[0]; index++)
        osi(OSI_PIC_GET_ACTIVE_IRQ);
    osi_print("called\n");
    for (uint32_t index = 0; index < counts[0]; index++)
        hypercall(0x7000);
    osi_print("hypercalled\n");
    osi_print("copied: %d\n", copy());
    osi_print("framed: %d\n", frames(counts[1]));
}
