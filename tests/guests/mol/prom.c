/* Walks the tree by PROM_IFACE and by the client interface, and compares node for node and byte for byte. */
#include "osi.h"

#define NAME 40
#define VALUE 8192

static uint32_t client_interface, nodes, properties, bytes, differences;

static uint32_t client(const char *service, uint32_t count, const uint32_t *arguments)
{
    uint32_t block[12] = {osi_address(service), count, 1};

    for (uint32_t index = 0; index < count; index++)
        block[3 + index] = arguments[index];
    block[3 + count] = 0xffffffff;
    ((int (*)(uint32_t *))(uintptr_t)client_interface)(block);
    return block[3 + count];
}
#define of(service, ...) client(service, sizeof((uint32_t[]){__VA_ARGS__}) / 4, (const uint32_t[]){__VA_ARGS__})

static int differ(const char *what, uint32_t node, uint32_t one, uint32_t other)
{
    if (one == other)
        return 0;
    differences++;
    osi_print("%s of %x: %x by the calls, %x by the client interface\n", what, node, one, other);
    return 1;
}

static void walk(uint32_t node, uint32_t parent)
{
    static char name[NAME], path[2][256];
    static uint8_t value[2][VALUE];
    uint32_t child;

    nodes++;
    differ("parent", node, osi(OSI_PROM_IFACE, 3, node), parent);
    memset(path, 0, sizeof path);
    differ("length of the path", node, osi(OSI_PROM_IFACE, 4, node, osi_address(path[0]), 255), of("package-to-path", node, osi_address(path[1]), 255));
    differ("path", node, (uint32_t)memcmp(path[0], path[1], 256), 0);
    differ("way back", node, osi(OSI_PROM_PATH_IFACE, 17, osi_address(path[0])), node);
    name[0] = 0;
    while (osi(OSI_PROM_IFACE, 7, node, osi_address(name), osi_address(name)) == 1) {
        uint32_t length = osi(OSI_PROM_IFACE, 5, node, osi_address(name));
        properties++;
        bytes += length;
        memset(value, 0, sizeof value);
        differ("length", node, length, of("getproplen", node, osi_address(name)));
        osi(OSI_PROM_IFACE, 6, node, osi_address(name), osi_address(value[0]), VALUE);
        of("getprop", node, osi_address(name), osi_address(value[1]), VALUE);
        differ(name, node, (uint32_t)memcmp(value[0], value[1], VALUE), 0);
    }
    child = osi(OSI_PROM_IFACE, 2, node);
    differ("child", node, child, of("child", node));
    for (; child; child = osi(OSI_PROM_IFACE, 1, child)) {
        walk(child, node);
        differ("peer", child, osi(OSI_PROM_IFACE, 1, child), of("peer", child));
    }
}

void mol_main(uint32_t entry)
{
    static uint8_t value[] = {1, 2, 3, 4, 5}, back[8];
    uint32_t root = osi(OSI_PROM_IFACE, 1, 0), made, any;

    client_interface = entry;
    differ("root", root, root, of("peer", 0));
    walk(root, 0);
    osi_print("%d nodes, %d properties, %d bytes, %d differences\n", (int)nodes, (int)properties, (int)bytes, (int)differences);
    made = osi(OSI_PROM_PATH_IFACE, 16, osi_address("/made/below@1f"));
    osi_print("made: %d\n", made == of("finddevice", osi_address("/made/below@1f")));
    osi_print("set: %d\n", (int)osi(OSI_PROM_IFACE, 8, made, osi_address("five"), osi_address(value), sizeof value));
    osi_print("got: %d %d\n", (int)of("getprop", made, osi_address("five"), osi_address(back), sizeof back), (int)back[4]);
    any = osi(OSI_PROM_PATH_IFACE, 16, osi_address("/made/other/any@*"));
    osi_print("by case and any unit: %d\n", osi(OSI_PROM_PATH_IFACE, 17, osi_address("/MADE/other/Any@77")) == any);
    osi_print("by the unit's number: %d\n", osi(OSI_PROM_PATH_IFACE, 17, osi_address("/made/@01F:args")) == made);
    osi_print("new handle: %d %d\n", (int)osi(OSI_PROM_IFACE, 9, made, 0x4711), (int)osi(OSI_PROM_IFACE, 5, 0x4711, osi_address("five")));
    osi_print("old handle: %d\n", (int)osi(OSI_PROM_IFACE, 2, made));
    osi_print("close: %d, then %d\n", (int)osi(OSI_PROM_IFACE, 0), (int)osi(OSI_CALL_AVAILABLE, OSI_PROM_IFACE));
    osi_print("done\n");
}
