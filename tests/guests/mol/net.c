/* ARP, echo and a file by TFTP, over the rings of the network card; over the older card where there is a file `older`. */
#include "osi.h"

#define COUNT 8
#define CLIENT_PORT 2000

static struct osi_frame rings[2][COUNT] __attribute__((aligned(16)));
static uint8_t buffers[2 * COUNT][2048] __attribute__((aligned(2048)));
static struct osi_net net;
static uint8_t out[1514], mine[4] = {10, 0, 2, 15}, host[4] = {10, 0, 2, 2}, host_mac[6];

static int older;

static void transmit(uint32_t size)
{
    if (older)
        osi(OSI_ENET_SEND_PACKET, 0, osi_address(out), size);
    else
        osi_net_send(&net, out, size);
}

static uint32_t receive(void **frame)
{
    if (!older)
        return osi_net_receive(&net, frame);
    uint32_t status = osi(OSI_ENET_GET_STATUS, 0);
    if (!status || osi(OSI_ENET_GET_PACKET, 0, osi_address(buffers)))
        return 0;
    *frame = buffers;
    return status & 0xffff;
}

static void done(void)
{
    if (!older)
        osi_net_done(&net);
}

static int start(void)
{
    if (!older)
        return osi_net_start(&net, rings[0], rings[1], COUNT, buffers);
    return osi(OSI_ENET_OPEN, 0) || osi(OSI_ENET_GET_ADDR, 0, osi_address(net.mac)) || osi(OSI_ENET_CONTROL, 0, 1);
}

static int stop(void)
{
    if (older) {
        osi(OSI_ENET_CONTROL, 0, 2);
        return (int)osi(OSI_ENET_GET_PACKET, 0, osi_address(buffers));
    }
    osi(OSI_ENET2_CNTRL, 2);
    return (int)osi(OSI_ENET2_KICK);
}

static void put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t sum(const uint8_t *at, uint32_t count)
{
    uint32_t total = 0;

    for (uint32_t index = 0; index < count; index += 2)
        total += get16(at + index) & (index + 1 < count ? 0xffff : 0xff00);
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return ~total & 0xffff;
}

static void to_host(uint32_t type)
{
    memcpy(out, host_mac, 6);
    memcpy(out + 6, net.mac, 6);
    put16(out + 12, type);
}

/* An IP packet whose payload of so many bytes is at out + 34 already. */
static void send_ip(uint32_t protocol, uint32_t bytes)
{
    to_host(0x800);
    memset(out + 14, 0, 20);
    out[14] = 0x45;
    put16(out + 16, 20 + bytes);
    out[22] = 64;
    out[23] = (uint8_t)protocol;
    memcpy(out + 26, mine, 4);
    memcpy(out + 30, host, 4);
    put16(out + 24, sum(out + 14, 20));
    transmit(34 + bytes < 60 ? 60 : 34 + bytes);
}

static void send_udp(uint32_t port, uint32_t bytes)
{
    put16(out + 34, CLIENT_PORT);
    put16(out + 36, port);
    put16(out + 38, 8 + bytes);
    put16(out + 40, 0);
    send_ip(17, 8 + bytes);
}

/* The next frame of a kind: `type`, and for IP the protocol; null after a long time. */
static uint8_t *wait_for(uint32_t type, uint32_t protocol, uint32_t *size)
{
    void *frame;

    for (uint32_t tries = 0; tries < 100000; tries++) {
        *size = receive(&frame);
        if (!*size)
            continue;
        uint8_t *at = frame;
        if (get16(at + 12) == type && (type != 0x800 || at[23] == protocol))
            return at;
        done();
    }
    return NULL;
}

static void resolve(void)
{
    uint32_t size;

    memset(out, 0, 60);
    memset(out, 0xff, 6);
    memcpy(out + 6, net.mac, 6);
    put16(out + 12, 0x806);
    memcpy(out + 14, (const uint8_t[]){0, 1, 8, 0, 6, 4, 0, 1}, 8);
    memcpy(out + 22, net.mac, 6);
    memcpy(out + 28, mine, 4);
    memcpy(out + 38, host, 4);
    transmit(60);
    uint8_t *reply = wait_for(0x806, 0, &size);
    if (!reply)
        return;
    memcpy(host_mac, reply + 22, 6);
    done();
    osi_print("arp: %x%x\n", get16(host_mac), get16(host_mac + 4));
}

static void ping(void)
{
    uint32_t size, same;

    memset(out + 34, 0, 8 + 256);
    out[34] = 8;
    put16(out + 38, 0x4d4f);
    put16(out + 40, 1);
    for (uint32_t index = 0; index < 256; index++)
        out[42 + index] = (uint8_t)index;
    put16(out + 36, sum(out + 34, 264));
    send_ip(1, 264);
    uint8_t *reply = wait_for(0x800, 1, &size);
    if (!reply)
        return;
    same = !reply[34] && !memcmp(reply + 38, out + 38, 260);
    done();
    osi_print("ping: %d\n", (int)same);
}

static void fetch(void)
{
    static const char request[] = "\0\1file\0octet";
    uint32_t size, total = 0, port, check = 0, block = 0;

    memcpy(out + 42, request, sizeof request);
    send_udp(69, sizeof request);
    for (;;) {
        uint8_t *reply = wait_for(0x800, 17, &size);
        if (!reply || get16(reply + 36) != CLIENT_PORT || get16(reply + 42) != 3) {
            osi_print("tftp: failed after %d bytes\n", (int)total);
            return;
        }
        uint32_t count = get16(reply + 38) - 12;
        port = get16(reply + 34);
        if (get16(reply + 44) == ((block + 1) & 0xffff)) {
            block++;
            for (uint32_t index = 0; index < count; index++)
                check = (check << 1 | check >> 31) ^ reply[46 + index];
            total += count;
        }
        done();
        put16(out + 42, 4);
        put16(out + 44, block & 0xffff);
        send_udp(port, 4);
        if (count < 512)
            break;
    }
    osi_print("tftp: %d bytes, check %x\n", (int)total, check);
}

void mol_main(uint32_t entry)
{
    (void)entry;
    older = osi_file_open("older") >= 0;
    osi_print("start: %d\n", start());
    osi_print("mac: %x%x%x\n", get16(net.mac), get16(net.mac + 2), get16(net.mac + 4));
    resolve();
    ping();
    fetch();
    osi_print("a card that has stopped: %d\n", stop());
    osi_print("done\n");
}
