/* 1275 §6.3.2.2: going about the tree, from package to package and from packages to paths. */
#include "conformance.h"

#define NODES "/conformance/siblings"

/* 1275 §3.5: what every tree has. */
static const struct trial standard[] = {
    CALL("finddevice", S("/aliases")),
    CALL("finddevice", S("/chosen")),
    CALL("finddevice", S("/openprom")),
    CALL("finddevice", S("/openprom/client-services")),
    CALL("finddevice", S("/options")),
    CALL("finddevice", S("/packages")),
    CALL("getproplen", P("/chosen"), S("stdin")),
    CALL("getproplen", P("/chosen"), S("stdout")),
    CALL("getproplen", P("/chosen"), S("memory")),
    CALL("getproplen", P("/chosen"), S("cpu")),
};

static const struct trial trials[] = {
    CALL("peer", N(0)),
    CALL("parent", P("/")),
    CALL("peer", P("/")),
    CALL("parent", P("/conformance")),
    CALL("child", P("/conformance")),
    CALL("peer", P("/conformance/values")),
    CALL("child", P(NODES)),
    CALL("peer", P(NODES "/first")),
    CALL("peer", P(NODES "/second")),
    CALL("peer", P(NODES "/third")),
    CALL("child", P(NODES "/first")),
    CALL("child", P(NODES "/second")),
    CALL("child", P(NODES "/second/below")),
    CALL("parent", P(NODES "/second/below/lowest")),
    CALL("parent", P(NODES "/second/below")),
    CALL("parent", P(NODES "/second")),

    /* handles of nothing: r3 is 0, for the block is good */
    CALL("peer", NO_PACKAGE),
    CALL("child", NO_PACKAGE),
    CALL("parent", NO_PACKAGE),
    CALL("peer", N(-1)),
    CALL("child", N(-1)),
    CALL("child", N(0)),
    CALL("parent", N(0)),
    CALL("parent", X(0x80000000)),

    CALL("package-to-path", P("/"), BUF, N(16)),
    CALL("package-to-path", P(NODES "/first"), BUF, N(64)),
    CALL("package-to-path", P("/conformance/bus/device@10"), BUF, N(64)),
    CALL("package-to-path", P(NODES "/first"), BUF, N(28)),
    CALL("package-to-path", P(NODES "/first"), BUF, N(27)),
    CALL("package-to-path", P(NODES "/first"), BUF, N(26)),
    CALL("package-to-path", P(NODES "/first"), BUF, N(5)),
    CALL("package-to-path", P(NODES "/first"), BUF, N(0)),
    CALL("package-to-path", P(NODES "/first"), NULLP, N(0)),
    CALL("package-to-path", NO_PACKAGE, BUF, N(16)),
    CALL("package-to-path", N(0), BUF, N(16)),
    CALL("package-to-path", N(-1), BUF, N(16)),
};

static void walk(cell package, unsigned depth)
{
    cell next = 0;
    while (package) {
        for (unsigned index = 0; index <= depth; index++)
            say("    ");
        say_package(package);
        say("\n");
        of_call("child", 1, 1, package, &next);
        if (next)
            walk(next, depth + 1);
        of_call("peer", 1, 1, package, &next);
        package = next;
    }
}

void run_tree(void)
{
    cell first = 0;
    TRY(standard);
    TRY(trials);
    say("child and peer, all below /conformance\n");
    of_call("child", 1, 1, package_at("/conformance"), &first);
    walk(first, 0);
}
