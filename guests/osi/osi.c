/* See osi.h. */
#include "osi.h"

#include <stdarg.h>

#define BUFFER 2048

uint32_t osi_call(uint32_t selector, const uint32_t arguments[6], struct osi_result *result)
{
    register uint32_t r3 __asm__("r3") = 0x113724fa;
    register uint32_t r4 __asm__("r4") = 0x77810f9b;
    register uint32_t r5 __asm__("r5") = selector;
    register uint32_t r6 __asm__("r6") = arguments[0];
    register uint32_t r7 __asm__("r7") = arguments[1];
    register uint32_t r8 __asm__("r8") = arguments[2];
    register uint32_t r9 __asm__("r9") = arguments[3];
    register uint32_t r10 __asm__("r10") = arguments[4];
    register uint32_t r11 __asm__("r11") = arguments[5];

    __asm__ volatile("sc"
                     : "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8), "+r"(r9)
                     : "r"(r10), "r"(r11)
                     : "memory");
    if (result)
        *result = (struct osi_result){{r3, r4, r5, r6, r7, r8, r9}};
    return r3;
}

static void print_char(char character)
{
    if (character == '\n')
        osi(OSI_TTY_PUTC, '\r');
    osi(OSI_TTY_PUTC, (unsigned char)character);
}

static void print_number(uint32_t value, uint32_t base)
{
    if (value >= base)
        print_number(value / base, base);
    print_char("0123456789abcdef"[value % base]);
}

void osi_print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%') {
            print_char(*format);
            continue;
        }
        switch (*++format) {
        case 's':
            for (const char *text = va_arg(arguments, const char *); *text; text++)
                print_char(*text);
            break;
        case 'd': {
            int value = va_arg(arguments, int);
            if (value < 0)
                print_char('-');
            print_number(value < 0 ? -(uint32_t)value : (uint32_t)value, 10);
            break;
        }
        case 'x':
            print_number(va_arg(arguments, uint32_t), 16);
            break;
        case 'c':
            print_char((char)va_arg(arguments, int));
            break;
        default:
            print_char(*format);
        }
    }
    va_end(arguments);
}

void osi_exit(void)
{
    for (;;)
        osi(OSI_EXIT);
}

int osi_file_open(const char *name)
{
    return (int)osi(OSI_PSEUDO_FS, 1, osi_address(name));
}

int osi_file_size(int file)
{
    return (int)osi(OSI_PSEUDO_FS, 3, (uint32_t)file);
}

int osi_file_read(int file, uint32_t offset, void *buffer, uint32_t count)
{
    return (int)osi(OSI_PSEUDO_FS, 4, (uint32_t)file, offset, osi_address(buffer), count);
}

int osi_blocks_start(struct osi_blocks *blocks, struct osi_block_request *ring, uint32_t count)
{
    memset(ring, 0, count * sizeof *ring);
    *blocks = (struct osi_blocks){ring, count - 1, 0};
    if (osi(OSI_ABLK_CNTRL, 0, OSI_BLOCK_CONTROL_RESET) || osi(OSI_ABLK_RING_SETUP, 0, osi_address(ring), count))
        return -1;
    return (int)osi(OSI_ABLK_CNTRL, 0, OSI_BLOCK_CONTROL_START);
}

/* Fill the slot behind the last one, and let the engine go on to it. */
static void add(struct osi_blocks *blocks, uint32_t flags, uint32_t unit_or_address, uint32_t sector_or_bytes)
{
    uint32_t slot = (blocks->last + 1) & blocks->mask;

    blocks->ring[slot].flags = flags;
    blocks->ring[slot].proceed = 0;
    blocks->ring[slot].unit_or_address = unit_or_address;
    blocks->ring[slot].sector_or_bytes = sector_or_bytes;
    blocks->ring[blocks->last].proceed = 1;
    blocks->last = slot;
}

void osi_blocks_add(struct osi_blocks *blocks, uint32_t flags, uint32_t unit, uint32_t sector, void *data, uint32_t bytes)
{
    add(blocks, flags, unit, sector);
    add(blocks, OSI_BLOCK_BUFFER, osi_address(data), bytes);
}

int osi_blocks_run(struct osi_blocks *blocks)
{
    struct osi_result result;

    osi(OSI_ABLK_KICK, 0);
    if (!osi_get(&result, OSI_ABLK_IRQ_ACK, 0))
        return -1;
    return blocks->ring[blocks->last].flags && !blocks->ring[blocks->last].proceed ? 0 : -1;
}

int osi_net_start(struct osi_net *net, struct osi_frame *receive, struct osi_frame *send, uint32_t count, void *buffers)
{
    struct osi_result address;
    uint32_t at = osi_address(buffers);

    *net = (struct osi_net){.receive = receive, .send = send, .mask = count - 1};
    for (uint32_t index = 0; index < count; index++) {
        receive[index] = (struct osi_frame){at + 4 + index * BUFFER, BUFFER - 4, 0, 0};
        send[index] = (struct osi_frame){at + (count + index) * BUFFER, BUFFER, 0, 0};
    }
    if (osi(OSI_ENET2_OPEN) || osi(OSI_ENET2_CNTRL, 0, 1) || osi_get(&address, OSI_ENET2_GET_HWADDR))
        return -1;
    for (unsigned index = 0; index < 6; index++)
        net->mac[index] = (uint8_t)(address.r[1 + index / 4] >> (24 - 8 * (index % 4)));
    if (osi(OSI_ENET2_RING_SETUP, 1, osi_address(receive), count) || osi(OSI_ENET2_RING_SETUP, 2, osi_address(send), count))
        return -1;
    return (int)osi(OSI_ENET2_CNTRL, 1);
}

int osi_net_send(struct osi_net *net, const void *frame, uint32_t size)
{
    volatile struct osi_frame *slot = &net->send[net->send_at];

    if (slot->size || size > BUFFER)
        return -1;
    memcpy((void *)(uintptr_t)slot->address, frame, size);
    slot->size = size;
    net->send_at = (net->send_at + 1) & net->mask;
    return (int)osi(OSI_ENET2_KICK);
}

uint32_t osi_net_receive(struct osi_net *net, void **frame)
{
    volatile struct osi_frame *slot = &net->receive[net->receive_at];

    if (!osi(OSI_ENET2_IRQ_ACK, 1, net->receive_at))
        return 0;
    *frame = (void *)(uintptr_t)slot->address;
    return slot->size;
}

void osi_net_done(struct osi_net *net)
{
    net->receive[net->receive_at].size = 0;
    net->receive_at = (net->receive_at + 1) & net->mask;
}

void *memcpy(void *to, const void *from, size_t size)
{
    unsigned char *target = to;
    const unsigned char *source = from;

    while (size--)
        *target++ = *source++;
    return to;
}

void *memset(void *to, int value, size_t size)
{
    unsigned char *target = to;

    while (size--)
        *target++ = (unsigned char)value;
    return to;
}

int memcmp(const void *one, const void *other, size_t size)
{
    const unsigned char *left = one, *right = other;

    for (; size--; left++, right++)
        if (*left != *right)
            return *left - *right;
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length])
        length++;
    return length;
}
