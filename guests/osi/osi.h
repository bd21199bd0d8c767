/*
 * Mac-on-Linux's calls for guest programs in C: the call itself, and what is used most.
 *
 * A call is `sc` with two magic numbers in r3 and r4, a selector in r5 and arguments from r6 on; its results are in r3
 * and the registers behind it. All structures are big-endian, all pointers guest physical addresses. docs/osi.md has
 * the table of selectors.
 *
 * Build with a 32-bit PowerPC compiler, freestanding: start.S, osi.c and your program, whose `mol_main` is called. The
 * machine runs it with `vof boot -machine mol -kernel program.elf`.
 */
#ifndef OSI_H
#define OSI_H

#include <stddef.h>
#include <stdint.h>

enum osi_selector {
    OSI_CALL_AVAILABLE = 0,
    OSI_DEBUGGER = 1,
    OSI_CMOUNT_DRV_VOL = 4,
    OSI_GET_GMT_TIME = 7,
    OSI_MOUSE_CNTRL = 8,
    OSI_GET_LOCALTIME = 9,
    OSI_ENET_OPEN = 10,
    OSI_ENET_CLOSE = 11,
    OSI_ENET_GET_ADDR = 12,
    OSI_ENET_GET_STATUS = 13,
    OSI_ENET_CONTROL = 14,
    OSI_ENET_ADD_MULTI = 16,
    OSI_ENET_DEL_MULTI = 17,
    OSI_ENET_GET_PACKET = 18,
    OSI_ENET_SEND_PACKET = 19,
    OSI_OF_RTAS = 22,
    OSI_SCSI_CNTRL = 23,
    OSI_SCSI_SUBMIT = 24,
    OSI_SCSI_ACK = 25,
    OSI_GET_MOUSE = 26,
    OSI_ACK_MOUSE_IRQ = 27,
    OSI_SET_VMODE = 28,
    OSI_GET_VMODE_INFO = 29,
    OSI_SET_VIDEO_POWER = 31,
    OSI_GET_FB_INFO = 32,
    OSI_SOUND_WRITE = 33,
    OSI_SOUND_SET_VOLUME = 35,
    OSI_SOUND_CNTL = 36,
    OSI_VIDEO_ACK_IRQ = 38,
    OSI_VIDEO_CNTRL = 39,
    OSI_SOUND_IRQ_ACK = 40,
    OSI_LOG_PUTC = 47,
    OSI_KBD_CNTRL = 50,
    OSI_GET_ADB_KEY = 51,
    OSI_WRITE_NVRAM_BYTE = 52,
    OSI_READ_NVRAM_BYTE = 53,
    OSI_EXIT = 54,
    OSI_KEYCODE_TO_ADB = 55,
    OSI_MAP_ADB_KEY = 56,
    OSI_SAVE_KEYMAPPING = 57,
    OSI_USLEEP = 58,
    OSI_SET_COLOR = 59,
    OSI_PIC_MASK_IRQ = 60,
    OSI_PIC_UNMASK_IRQ = 61,
    OSI_PIC_GET_ACTIVE_IRQ = 63,
    OSI_GET_COLOR = 64,
    OSI_ENET2_OPEN = 68,
    OSI_ENET2_CLOSE = 69,
    OSI_ENET2_CNTRL = 70,
    OSI_ENET2_RING_SETUP = 71,
    OSI_ENET2_KICK = 72,
    OSI_ENET2_GET_HWADDR = 73,
    OSI_ENET2_IRQ_ACK = 74,
    OSI_PROM_IFACE = 76,
    OSI_PROM_PATH_IFACE = 77,
    OSI_BOOT_HELPER = 78,
    OSI_ABLK_RING_SETUP = 79,
    OSI_ABLK_CNTRL = 80,
    OSI_ABLK_DISK_INFO = 81,
    OSI_ABLK_KICK = 82,
    OSI_ABLK_IRQ_ACK = 83,
    OSI_ABLK_SYNC_READ = 84,
    OSI_ABLK_SYNC_WRITE = 85,
    OSI_ABLK_BLESS_DISK = 86,
    OSI_NVRAM_SIZE = 91,
    OSI_MTICKS_TO_USECS = 92,
    OSI_USECS_TO_MTICKS = 93,
    OSI_PSEUDO_FS = 96,
    OSI_TTY_PUTC = 97,
    OSI_TTY_GETC = 98,
    OSI_TTY_IRQ_ACK = 99,
};

/* r3 … r9 behind a call. */
struct osi_result {
    uint32_t r[7];
};

/* Make a call with six arguments, r6 … r11; where `result` isn't null it gets r3 … r9. Returns r3. */
uint32_t osi_call(uint32_t selector, const uint32_t arguments[6], struct osi_result *result);

/* Make a call with as many arguments as are given, and use r3 alone. */
#define osi(selector, ...) osi_call(selector, (const uint32_t[6]){__VA_ARGS__}, NULL)

/* The same, with r3 … r9. */
#define osi_get(result, selector, ...) osi_call(selector, (const uint32_t[6]){__VA_ARGS__}, result)

static inline uint32_t osi_address(const volatile void *pointer)
{
    return (uint32_t)(uintptr_t)pointer;
}

/* Print on the terminal: %s, %d, %x, %c and %%. */
void osi_print(const char *format, ...);

/* End the machine. */
void osi_exit(void) __attribute__((noreturn));

/* Pseudo files: a number or -1; bytes that were read or -1. */
int osi_file_open(const char *name);
int osi_file_size(int file);
int osi_file_read(int file, uint32_t offset, void *buffer, uint32_t count);

/* A ring of the block device. */
struct osi_block_request {
    uint32_t flags, proceed, unit_or_address, sector_or_bytes;
};

enum {
    OSI_BLOCK_READ = 1,
    OSI_BLOCK_WRITE = 2,
    OSI_BLOCK_RAISE = 4,
    OSI_BLOCK_BUFFER = 8,
    OSI_BLOCK_CONTROL_RESET = 1,
    OSI_BLOCK_CONTROL_STOP = 2,
    OSI_BLOCK_CONTROL_START = 3,
};

struct osi_blocks {
    volatile struct osi_block_request *ring;
    uint32_t mask, last;
};

/* Set the ring up and start the engine: 0, or -1. `count` is a power of two. */
int osi_blocks_start(struct osi_blocks *blocks, struct osi_block_request *ring, uint32_t count);

/*
 * Add one request: read or write `bytes` from 512-byte sector `sector` on. It is carried out by osi_blocks_run(), before
 * which at most (count - 1) / 2 may be added: each takes two elements of the ring.
 */
void osi_blocks_add(struct osi_blocks *blocks, uint32_t flags, uint32_t unit, uint32_t sector, void *data, uint32_t bytes);

/* Carry out what was added: 0 if all of it was, -1 if something failed. */
int osi_blocks_run(struct osi_blocks *blocks);

/* The rings of the network card. */
struct osi_frame {
    uint32_t address, room, size, flags;
};

struct osi_net {
    volatile struct osi_frame *receive, *send;
    uint32_t mask, receive_at, send_at;
    uint8_t mac[6];
};

/* Set the card up with `count` buffers of 2048 bytes in each direction, and start it: 0, or -1. */
int osi_net_start(struct osi_net *net, struct osi_frame *receive, struct osi_frame *send, uint32_t count, void *buffers);

/* Send a frame. */
int osi_net_send(struct osi_net *net, const void *frame, uint32_t size);

/* The next frame: its size, or 0 if none has come. It is in `*frame` until osi_net_done(). */
uint32_t osi_net_receive(struct osi_net *net, void **frame);
void osi_net_done(struct osi_net *net);

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *one, const void *other, size_t size);
size_t strlen(const char *text);

#endif
