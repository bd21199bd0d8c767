/* 1275 §6.3.2.2: call-method. Arguments and results are the stack, its top first. */
#include "conformance.h"

#define M I("methods")

static const struct trial trials[] = {
    /* ( minuend subtrahend -- difference ) */
    CALL_FOR(2, "call-method", S("minus"), M, N(3), N(10)),
    CALL_FOR(1, "call-method", S("minus"), M, N(3), N(10)),
    CALL_FOR(0, "call-method", S("minus"), M, N(3), N(10)),
    CALL_FOR(4, "call-method", S("minus"), M, N(3), N(10)),
    CALL_FOR(2, "call-method", S("minus"), M, N(10), N(3)),

    /* ( -- 1 2 3 ) */
    CALL_FOR(4, "call-method", S("three"), M),
    CALL_FOR(3, "call-method", S("three"), M),
    CALL_FOR(2, "call-method", S("three"), M),
    CALL_FOR(1, "call-method", S("three"), M),
    CALL_FOR(0, "call-method", S("three"), M),
    CALL_FOR(6, "call-method", S("three"), M),
    CALL_FOR(5, "call-method", S("three"), M, N(8), N(9)),

    /* too few arguments, too many, none */
    CALL_FOR(2, "call-method", S("minus"), M),
    CALL_FOR(2, "call-method", S("minus"), M, N(3)),
    CALL_FOR(3, "call-method", S("minus"), M, N(3), N(10), N(99)),
    CALL_FOR(13, "call-method", S("nothing"), M, N(1), N(2), N(3), N(4), N(5), N(6), N(7), N(8), N(9), N(10), N(11),
             N(12)),

    /* what is not there */
    CALL_FOR(1, "call-method", S("no-such-method"), M),
    CALL_FOR(2, "call-method", S("no-such-method"), M),
    CALL_FOR(0, "call-method", S("no-such-method"), M),
    CALL_FOR(1, "call-method", S("Minus"), M),
    CALL_FOR(1, "call-method", S(""), M),
    CALL_FOR(1, "call-method", XS(63), M),
    CALL_FOR(1, "call-method", XS(64), M),
    CALL_FOR(2, "call-method", S("minus"), NO_INSTANCE, N(3), N(10)),
    CALL_FOR(2, "call-method", S("minus"), N(0), N(3), N(10)),
    CALL_FOR(2, "call-method", S("minus"), N(-1), N(3), N(10)),
    CALL_FOR(2, "call-method", S("minus"), P("/conformance/methods"), N(3), N(10)),

    /* ( code -- ): throws it */
    CALL_FOR(1, "call-method", S("throw"), M, N(-2)),
    CALL_FOR(2, "call-method", S("throw"), M, N(5)),
    CALL_FOR(0, "call-method", S("throw"), M, N(5)),
    CALL_FOR(2, "call-method", S("throw"), M, N(0)),

    /* a method that reads memory where it is told to */
    CALL_FOR(2, "call-method", S("peek"), M, BEYOND_MEMORY),
    CALL_FOR(2, "call-method", S("minus"), M, N(3), N(10)),

    /* the methods that the services are */
    CALL_FOR(2, "call-method", S("read"), I("store"), N(4), BUF),
    CALL_FOR(2, "call-method", S("write"), I("store"), N(3), B("abc")),
    CALL_FOR(2, "call-method", S("seek"), I("store"), N(0), N(1)),
    CALL_FOR(2, "call-method", S("read"), I("store"), N(2), BUF),
};

void run_methods(void)
{
    open_as("methods", "/conformance/methods");
    open_as("store", "/conformance/store");
    TRY(trials);
    TRY_ONE(CALL("close", I("store")));
    TRY_ONE(CALL("close", I("methods")));
    TRY_ONE(CALL_FOR(2, "call-method", S("minus"), I("methods"), N(3), N(10)));
}
