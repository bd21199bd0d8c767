/* Lists the video modes, sets one that the pseudo file `mode` names (number and depth index) and draws a picture. */
#include "osi.h"

static uint32_t wanted[2];

static void put(uint8_t *row, uint32_t x, uint32_t depth, uint32_t color)
{
    uint32_t red = color >> 16 & 255, green = color >> 8 & 255, blue = color & 255;

    if (depth == 8)
        row[x] = (uint8_t)((red >> 5) << 5 | (green >> 5) << 2 | blue >> 6);
    else if (depth == 15)
        ((uint16_t *)row)[x] = (uint16_t)((red >> 3) << 10 | (green >> 3) << 5 | blue >> 3);
    else
        ((uint32_t *)row)[x] = color;
}

void mol_main(uint32_t entry)
{
    struct osi_result mode, screen;

    (void)entry;
    osi_get(&mode, OSI_GET_VMODE_INFO, 1, 0);
    for (uint32_t number = 1; number <= mode.r[1] >> 16; number++) {
        osi_get(&mode, OSI_GET_VMODE_INFO, number, 2);
        osi_print("mode %d: %dx%dx%d\n", (int)number, (int)(mode.r[3] >> 16), (int)(mode.r[3] & 0xffff), (int)mode.r[5]);
    }
    osi_file_read(osi_file_open("mode"), 0, wanted, sizeof wanted);
    osi_print("set: %d\n", (int)osi(OSI_SET_VMODE, wanted[0], wanted[1]));
    osi_get(&screen, OSI_GET_FB_INFO);
    osi_print("%d: %x %d %dx%dx%d\n", (int)screen.r[0], screen.r[1], (int)screen.r[2], (int)screen.r[3], (int)screen.r[4], (int)screen.r[5]);
    for (uint32_t index = 0; screen.r[5] == 8 && index < 256; index++)
        osi(OSI_SET_COLOR, index, (index >> 5) * 36 << 16 | (index >> 2 & 7) * 36 << 8 | (index & 3) * 85);
    osi(OSI_SET_COLOR, 0xffffffff);
    for (uint32_t y = 0; y < screen.r[4]; y++) {
        uint8_t *row = (uint8_t *)(uintptr_t)(screen.r[1] + y * screen.r[2]);
        for (uint32_t x = 0; x < screen.r[3]; x++)
            put(row, x, screen.r[5], (x * 255 / screen.r[3]) << 16 | (y * 255 / screen.r[4]) << 8 | ((x ^ y) & 64 ? 255 : 0));
    }
    osi_print("drawn\n");
    for (;;)
        if (osi(OSI_TTY_GETC) != 0xffffffff)
            return;
}
