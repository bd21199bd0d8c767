/* Runs the groups that the boot arguments name, or all of them, and ends as they say at their end:
 * "tree memory", "end=chain". */
#include "conformance.h"

static const struct group groups[] = {
    {"tree", run_tree},       {"paths", run_paths},         {"properties", run_properties},
    {"devices", run_devices}, {"methods", run_methods},     {"callbacks", run_callbacks},
    {"memory", run_memory},   {"control", run_control},     {"form", run_form},
    {"pointers", run_pointers},
};

static char arguments[256];

/* Whether a word is among the boot arguments; with "=", what follows it. */
static const char *find_word(const char *word)
{
    unsigned length = strlen(word);
    for (const char *at = arguments; *at; at++) {
        if (at != arguments && at[-1] != ' ')
            continue;
        if (!memcmp(at, word, length) && (word[length - 1] == '=' || at[length] == ' ' || !at[length]))
            return at + length;
    }
    return 0;
}

void client_main(cell r3, cell r4, cell r6, cell r7)
{
    (void)r3;
    (void)r4;
    if (r7) { /* started by `chain` */
        say("chained, with ");
        say_bytes((void *)(uintptr_t)r6, r7);
        say("\n");
        return;
    }
    get_property("/chosen", "bootargs", arguments, sizeof arguments - 1);
    const char *ending = find_word("end=");
    int chosen = ending != 0;
    for (unsigned index = 0; index < sizeof groups / sizeof *groups; index++)
        chosen |= find_word(groups[index].name) != 0;
    for (unsigned index = 0; index < sizeof groups / sizeof *groups; index++) {
        if (chosen && !find_word(groups[index].name))
            continue;
        say("== %s\n", groups[index].name);
        groups[index].run();
    }
    if (ending)
        end_with(ending);
}
