/* 1275 §4.3, §6.3.2.2: device specifiers as clients write them, in finddevice and canon. */
#include "conformance.h"

#define BUS "/conformance/bus"

static const char *const specifiers[] = {
    "/",
    "//",
    "/conformance",
    "/conformance/",
    "//conformance//bus",
    "conformance",
    "",
    " /conformance",
    "/Conformance",
    "/conformance/nothing",
    "/conformance/values/below-a-leaf",

    /* unit addresses */
    BUS "/device@10",
    BUS "/device@00000010",
    BUS "/device@0x10",
    BUS "/device@1f",
    BUS "/device@1F",
    BUS "/device",
    BUS "/device@",
    BUS "/device@11",
    BUS "/device@zz",
    BUS "/@10",
    BUS "/@20",
    BUS "/@",
    BUS "/other@20",
    BUS "/other@10",
    BUS "/device@100000010",
    "/conformance@0",

    /* the maker's prefix */
    BUS "/vendor,gadget@30",
    BUS "/gadget@30",
    BUS "/gadget",
    BUS "/vendor,gadget",
    BUS "/vendor@30",

    /* wildcard nodes: no unit address and no reg */
    BUS "/wild",
    BUS "/wild@5",
    BUS "/wild@zz",
    BUS "/fixed@5",

    /* buses with several cells, and other ways to write them */
    "/conformance/wide/unit@1,2",
    "/conformance/wide/unit@100000002",
    "/conformance/wide/unit@1,2,3",
    "/conformance/wide/unit@2",
    "/conformance/wide/unit@0,2",
    "/conformance/pci/net@3",
    "/conformance/pci/net@3,0",
    "/conformance/pci/net@3,1",
    "/conformance/pci/net@03",
    "/conformance/pci/@3,1",
    "/conformance/pci/net@3,8",
    "/conformance/pci/net@4",
    "/conformance/scsi/disk@2",
    "/conformance/scsi/disk@2,0",
    "/conformance/scsi/disk@2,1",
    "/conformance/scsi/disk@3,1",

    /* arguments */
    "/conformance:anything",
    BUS "/device@10:1,\\boot\\file",
    BUS ":first/device@10:second",
    BUS "/device@10:",
    BUS "/device@10:a:b",
    "/:arguments",
    BUS "/wild@5:arguments",

    /* aliases */
    "conf",
    "conf/bus/device@10",
    "conf:arguments",
    "conf/",
    "conf-dev",
    "conf-dev:other",
    "conf-dev:",
    "conf-dev/below",
    "conf-hop",
    "conf-bus/device@20:arguments",
    "conf-ring",
    "conf-nowhere",
    "conf-bare",
    "CONF",
    "no-such-alias",
    "/conf",
};

static const struct trial trials[] = {
    CALL("canon", S(BUS "/@20:arguments"), BUF, N(128)),
    CALL("canon", S("conf-dev"), BUF, N(39)),
    CALL("canon", S("conf"), BUF, N(13)),
    CALL("canon", S("conf"), BUF, N(12)),
    CALL("canon", S("conf"), BUF, N(3)),
    CALL("canon", S("conf"), BUF, N(0)),
    CALL("canon", S("conf"), NULLP, N(0)),
    CALL("canon", XS(1000), BUF, N(128)),
    CALL("canon", XS(1100), BUF, N(128)),
    CALL("finddevice", XS(1000)),
    CALL("finddevice", XS(1023)),
    CALL("finddevice", XS(1024)),
};

void run_paths(void)
{
    for (unsigned index = 0; index < sizeof specifiers / sizeof *specifiers; index++) {
        TRY_ONE(CALL("finddevice", S(specifiers[index])));
        TRY_ONE(CALL("canon", S(specifiers[index]), BUF, N(128)));
    }
    TRY(trials);
}
