"""strace's `-e` expressions: which calls they choose."""

from __future__ import annotations

from typing import Any

import pytest

from vof.errors import UsageError
from vof.events import ClientCall, ClientReturn
from vof.trace.filters import parse_filter

PATHS = {1: "/chosen", 2: "/pci@8/scsi@1", 3: "/pci@8/scsi@1:0,/boot", 4: "/chosen/sub", 5: "/cpus/PowerPC,POWER9@0"}


def returned(service: str, *arguments: int, **facts: Any) -> ClientReturn:
    given: dict[str, Any] = {"results": (), "status": 0, "fault": "", "depth": 0, "paths": PATHS}
    return ClientReturn(service=service, arguments=arguments, **(given | facts))


CALLS = {
    "claim": returned("claim", 0, 1, 1, results=(4096,)),
    "full": returned("claim", 0, 1, 1, results=(0xFFFFFFFF,), fault="full"),
    "open": returned("open", 9, results=(3,), texts={0: "disk:0"}),
    "read": returned("read", 3, 9, 4, results=(4,)),
    "getprop": returned("getprop", 1, 9, 9, 4, results=(4,), texts={1: "/pci@8/scsi@1"}),
    "missed": returned("getproplen", 1, 9, results=(0xFFFFFFFF,), fault="no property"),
    "child": returned("child", 1, results=(4,)),
    "peer": returned("peer", 0, results=(1,)),
    "start": returned("start-cpu", 5, 0, 0),
    "dance": returned("dance", 1, status=-1, fault="no service"),
}


@pytest.mark.parametrize(
    ("expressions", "chosen"),
    [
        ("", "claim full open read getprop missed child peer start dance"),
        ("claim", "claim full"),
        ("trace=claim", "claim full"),
        ("t=claim,open", "claim full open"),
        ("claim open", "claim full open"),
        ("!claim", "open read getprop missed child peer start dance"),
        ("trace=!claim,open", "read getprop missed child peer start dance"),
        ("%memory", "claim full"),
        ("%io", "open read"),
        ("%tree !child", "getprop missed peer"),
        ("get*", "getprop missed"),
        ("?dance", "dance"),
        ("all !%tree", "claim full open read start"),
        ("none", ""),
        ("console", ""),
        ("console claim", "claim full"),
        ("console !%tree", "claim full open read start dance"),
        ("path=/chosen", "getprop missed child peer"),
        ("P=/chosen/sub", "child"),
        ("path=/pci@8/scsi@1", "open read"),
        ("path=/pci*", "open read"),
        ("path=disk", "open"),
        ("path=/chosen,/cpus/PowerPC,POWER9@0", "getprop missed child peer start"),
        ("path=/cpus/PowerPC,POWER9@0", "start"),
        ("status=failed", "full missed dance"),
        ("status=!failed", "claim open read getprop child peer start"),
        ("status=successful,failed", "claim full open read getprop missed child peer start dance"),
        ("status=unfinished", ""),
        ("path=/chosen status=failed", "missed"),
        ("claim path=/chosen", ""),
    ],
)
def test_what_is_chosen(expressions: str, chosen: str) -> None:
    wanted = parse_filter(expressions.split())
    assert [name for name, call in CALLS.items() if wanted.wants(call)] == chosen.split()


def test_calls_that_have_not_returned() -> None:
    call = ClientCall("child", (1,), 0, paths=PATHS)
    for expressions in ([], ["child"], ["path=/chosen"], ["status=unfinished"]):
        assert parse_filter(expressions).may_want(call)
    for expressions in (["!child"], ["claim"], ["path=/chosen/sub"], ["status=failed"]):
        assert not parse_filter(expressions).may_want(call)


@pytest.mark.parametrize(
    ("expression", "console"),
    [("console", True), ("claim,console", True), ("!console", False), ("claim", False), ("all", False)],
)
def test_the_console(expression: str, console: bool) -> None:
    assert parse_filter([expression]).console is console


def test_a_call_with_fewer_cells_than_its_service_has() -> None:
    assert not parse_filter(["path=/chosen"]).wants(returned("getprop"))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("claimm", 'no service "claimm": did you mean claim?'),
        ("%mem", 'no service "%mem": did you mean %memory?'),
        ("xyzzy", "?xyzzy if a client calls it all the same"),
        ("xyz*", 'no service "xyz*"'),
        ("claim,", "a name is missing"),
        ("", "a name is missing"),
        ("path=", "a name is missing"),
        ("status=bad", '"bad" is none of successful, failed, unfinished'),
        ("write=3", '"write" is none of trace, path and status'),
    ],
)
def test_what_is_wrong(expression: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter([expression])
    assert str(caught.value).startswith(f"-e {expression}: ") and message in str(caught.value)
