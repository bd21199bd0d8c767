/* Makes the calls that a pseudo file tells: a word for each of r5 … r11. It prints r3 … r9 behind each. */
#include "osi.h"

#define WORDS 7

static uint32_t cases[1024 * WORDS];
/* What calls may point to: zero where nothing was written. */
static uint8_t arena[0x10000] __attribute__((aligned(0x1000), section(".arena")));

void mol_main(uint32_t entry)
{
    int file = osi_file_open("cases"), count = osi_file_size(file) / (4 * WORDS);

    (void)entry;
    osi_file_read(file, 0, cases, sizeof cases);
    file = osi_file_open("arena");
    osi_file_read(file, 0, arena, sizeof arena);
    for (int index = 0; index < count; index++) {
        struct osi_result result;
        osi_call(cases[index * WORDS], &cases[index * WORDS + 1], &result);
        osi_print("= %d:", (int)cases[index * WORDS]);
        for (unsigned place = 0; place < 7; place++)
            osi_print(" %x", result.r[place]);
        osi_print("\n");
    }
    osi_print("done\n");
}
