/* Waits for keys and the mouse, asleep, and is woken by interrupts; a tick of the decrementer comes in between. */
#include "osi.h"

#define KEYBOARD 6
#define MOUSE 7
#define MSR_EE 0x8000
#define MSR_POW 0x40000

extern char vectors[], vectors_end[];
static volatile uint32_t externals, decrements;

/* Called by vectors.S with the vector's offset. */
void handle(uint32_t vector)
{
    if (vector == 0x900) {
        decrements++;
        __asm__ volatile("mtdec %0" : : "r"(0x7fffffff));
        return;
    }
    externals++;
    uint32_t active = osi(OSI_PIC_GET_ACTIVE_IRQ);
    if (active & 1u << KEYBOARD)
        for (;;) {
            uint32_t key = osi(OSI_GET_ADB_KEY);
            if (key == 0xffffffff)
                break;
            osi_print("key %x\n", key);
            if (key == 0xb5) /* escape, let go */
                osi_exit();
        }
    if (active & 1u << MOUSE) {
        struct osi_result mouse;
        osi_get(&mouse, OSI_GET_MOUSE);
        uint32_t event = mouse.r[5];
        if (event & 64)
            osi_print("mouse moved %d %d, buttons %x\n", (int)mouse.r[1], (int)mouse.r[2], event & 7);
        else if (event & 128)
            osi_print("mouse at %d %d of %dx%d, buttons %x\n", (int)mouse.r[1], (int)mouse.r[2], (int)mouse.r[3], (int)mouse.r[4], event & 7);
        else
            osi_print("mouse buttons %x\n", event & 7);
    }
}

void mol_main(uint32_t entry)
{
    uint32_t msr;

    (void)entry;
    memcpy((void *)0x500, vectors, (size_t)(vectors_end - vectors));
    memcpy((void *)0x900, vectors, (size_t)(vectors_end - vectors));
    __asm__ volatile("icbi 0, %0; icbi 0, %1; sync; isync" : : "r"(0x500), "r"(0x900) : "memory");
    osi(OSI_PIC_UNMASK_IRQ, KEYBOARD);
    osi(OSI_PIC_UNMASK_IRQ, MOUSE);
    __asm__ volatile("mfmsr %0" : "=r"(msr));
    __asm__ volatile("mtdec %0" : : "r"(25000));
    __asm__ volatile("mtmsr %0" : : "r"(msr | MSR_EE));
    for (volatile uint32_t spin = 0; !decrements; spin++)
        ;
    osi_print("decrementer %d\n", (int)decrements);
    osi_print("ready\n");
    for (;;)
        __asm__ volatile("sync; mtmsr %0; isync" : : "r"(msr | MSR_EE | MSR_POW));
}
