/* Plays a ring of samples three times, asleep and woken each time that it begins anew, and then two written buffers. */
#include "osi.h"

#define SOUND 12
#define MSR_EE 0x8000
#define MSR_POW 0x40000
#define RING 0x4000
#define STEREO_BIG 0x12

enum { STOP, START, BUFFER_SIZE, RESUME = 5, SET_FORMAT = 7, SETUP_RING = 10, SAMPLE = 11 };

extern char vectors[], vectors_end[];
static uint8_t samples[RING] __attribute__((aligned(0x1000)));
static volatile uint32_t interrupts;
static uint32_t stamp;

/* Called by vectors.S with the vector's offset. */
void handle(uint32_t vector)
{
    struct osi_result ack;

    (void)vector;
    osi_get(&ack, OSI_SOUND_IRQ_ACK);
    if (!ack.r[0])
        return;
    interrupts++;
    osi_print("interrupt %d, later: %d\n", (int)interrupts, ack.r[2] - stamp < 0x80000000 && ack.r[2] != stamp);
    stamp = ack.r[2];
}

static void sleep_until(uint32_t count)
{
    uint32_t msr;

    __asm__ volatile("mfmsr %0" : "=r"(msr));
    while (interrupts < count)
        __asm__ volatile("sync; mtmsr %0; isync" : : "r"(msr | MSR_EE | MSR_POW));
}

void mol_main(uint32_t entry)
{
    (void)entry;
    memcpy((void *)0x500, vectors, (size_t)(vectors_end - vectors));
    __asm__ volatile("icbi 0, %0; sync; isync" : : "r"(0x500) : "memory");
    for (uint32_t index = 0; index < RING; index++)
        samples[index] = (uint8_t)(index * 7 + (index >> 8));
    osi(OSI_PIC_UNMASK_IRQ, SOUND);
    osi_print("format: %d\n", (int)osi(OSI_SOUND_CNTL, SET_FORMAT, STEREO_BIG, 44100));
    osi_print("ring: %d\n", (int)osi(OSI_SOUND_CNTL, SETUP_RING, RING, osi_address(samples)));
    osi_print("start: %d\n", (int)osi(OSI_SOUND_CNTL, START));
    sleep_until(3);
    osi_print("at sample %d\n", (int)osi(OSI_SOUND_CNTL, SAMPLE));
    osi(OSI_SOUND_CNTL, STOP);

    uint32_t size = osi(OSI_SOUND_CNTL, BUFFER_SIZE);
    osi(OSI_SOUND_CNTL, SETUP_RING, 0, 0);
    osi_print("buffers of %d bytes, start: %d\n", (int)size, (int)osi(OSI_SOUND_CNTL, START));
    osi(OSI_SOUND_CNTL, RESUME);
    sleep_until(4);
    for (uint32_t buffer = 0; buffer < 2; buffer++) {
        osi(OSI_SOUND_WRITE, osi_address(samples) + buffer * size, size, 1);
        sleep_until(5 + buffer);
    }
    osi(OSI_SOUND_CNTL, STOP);
    osi_print("done\n");
}
