/* The services as clients declare them: 1275 §6.3.2, and what Linux and Apple added. */
#include "conformance.h"

const struct service services[] = {
    {"test", 1, 1, AS_NUMBER, 0, 1},
    {"peer", 1, 1, AS_PACKAGE, 0, 1},
    {"child", 1, 1, AS_PACKAGE, 0, 1},
    {"parent", 1, 1, AS_PACKAGE, 0, 1},
    {"instance-to-package", 1, 1, AS_PACKAGE, 0, 1},
    {"getproplen", 2, 1, AS_NUMBER, 0, 1},
    {"getprop", 4, 1, AS_NUMBER, 0, 1},
    {"nextprop", 3, 1, AS_NUMBER, 0, 1},
    {"setprop", 4, 1, AS_NUMBER, 0, 1},
    {"canon", 3, 1, AS_NUMBER, 0, 1},
    {"finddevice", 1, 1, AS_PACKAGE, 0, 1},
    {"instance-to-path", 3, 1, AS_NUMBER, 0, 1},
    {"instance-to-interposed-path", 3, 1, AS_NUMBER, 0, 1},
    {"package-to-path", 3, 1, AS_NUMBER, 0, 1},
    {"call-method", 2, 1, AS_NUMBER, 1, 1},
    {"open", 1, 1, AS_INSTANCE, 0, 1},
    {"close", 1, 0, AS_NUMBER, 0, 1},
    {"read", 3, 1, AS_NUMBER, 0, 1},
    {"write", 3, 1, AS_NUMBER, 0, 1},
    {"seek", 3, 1, AS_NUMBER, 0, 1},
    {"claim", 3, 1, AS_ADDRESS, 0, 1},
    {"release", 2, 0, AS_NUMBER, 0, 1},
    {"boot", 1, 0, AS_NUMBER, 0, 0},
    {"enter", 0, 0, AS_NUMBER, 0, 0},
    {"exit", 0, 0, AS_NUMBER, 0, 0},
    {"chain", 5, 0, AS_NUMBER, 0, 0},
    {"interpret", 1, 1, AS_NUMBER, 1, 1},
    {"set-callback", 1, 1, AS_ADDRESS, 0, 1},
    {"set-symbol-lookup", 2, 0, AS_NUMBER, 0, 1},
    {"milliseconds", 0, 1, AS_TIME, 0, 1},
    {"start-cpu", 3, 0, AS_NUMBER, 0, 1},
    {"quiesce", 0, 0, AS_NUMBER, 0, 1},
};

const unsigned service_count = sizeof services / sizeof *services;

const struct service *find_service(const char *name)
{
    for (unsigned index = 0; index < service_count; index++)
        if (!strcmp(services[index].name, name))
            return &services[index];
    return 0;
}
