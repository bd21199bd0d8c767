/* Copies disk 0 to disk 1 by ten thousand requests, of odd sizes and scattered over pieces, through the ring. */
#include "osi.h"

#define SLOTS 256
#define REQUESTS 10000
#define BATCH 16

static struct osi_block_request ring[SLOTS] __attribute__((aligned(16)));
static uint8_t data[BATCH][4 * 512];

static void scattered(struct osi_blocks *blocks, uint32_t flags, uint32_t unit, uint32_t sector, uint8_t *at, uint32_t bytes)
{
    /* Two requests' worth of pieces by hand: the library adds one piece to each. */
    uint32_t first = bytes / 3;
    osi_blocks_add(blocks, flags, unit, sector, at, first);
    uint32_t slot = (blocks->last + 1) & blocks->mask;
    ring[slot] = (struct osi_block_request){OSI_BLOCK_BUFFER, 0, osi_address(at + first), bytes - first};
    ((volatile struct osi_block_request *)ring)[blocks->last].proceed = 1;
    blocks->last = slot;
}

void mol_main(uint32_t entry)
{
    struct osi_blocks blocks;
    struct osi_result info;
    uint32_t sector = 0, requests = 0, sectors, failed = 0;

    (void)entry;
    osi_get(&info, OSI_ABLK_DISK_INFO, 0, 0);
    sectors = info.r[1];
    osi_print("start: %d, %d sectors, flags %x\n", osi_blocks_start(&blocks, ring, SLOTS), (int)sectors, info.r[2]);
    while (sector < sectors) {
        uint32_t from = sector, count = 0, sizes[BATCH];
        for (; count < BATCH && sector < sectors; count++) {
            sizes[count] = 1 + (requests / 2 + count) % 4;
            if (sizes[count] > sectors - sector)
                sizes[count] = sectors - sector;
            scattered(&blocks, OSI_BLOCK_READ, 0, sector, data[count], sizes[count] * 512);
            sector += sizes[count];
        }
        failed += osi_blocks_run(&blocks) != 0;
        sector = from;
        for (uint32_t index = 0; index < count; index++) {
            scattered(&blocks, OSI_BLOCK_WRITE, 1, sector, data[index], sizes[index] * 512);
            sector += sizes[index];
        }
        failed += osi_blocks_run(&blocks) != 0;
        requests += 2 * count;
    }
    osi_print("%s ten thousand requests, %d batches failed\n", requests >= REQUESTS ? "at least" : "less than", (int)failed);
    osi_print("write to a disk that can't be written: ");
    osi_blocks_add(&blocks, OSI_BLOCK_WRITE, 2, 0, data[0], 512);
    osi_blocks_run(&blocks);
    osi_get(&info, OSI_ABLK_DISK_INFO, 0, 2);
    osi_print("flags %x, running %d\n", info.r[2], (int)osi(OSI_ABLK_RING_SETUP, 0, osi_address(ring), SLOTS) != 0);
    osi_print("done\n");
}
