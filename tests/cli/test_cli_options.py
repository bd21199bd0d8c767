"""Reading a command line: QEMU's ways and ours."""

from __future__ import annotations

import pytest

from vof.cli.commands import COMMANDS, load_command
from vof.cli.options import Given, Group, Option, read_options
from vof.errors import UsageError

GROUPS = (
    Group(
        "QEMU's",
        (
            Option(("-machine", "-M"), "NAME", "it"),
            Option(("-append",), "TEXT", "it"),
            Option(("-device",), "DRIVER", "it", repeats=True),
            Option(("-drive",), "FILE", "it", repeats=True),
            Option(("-s",), "", "it"),
        ),
    ),
    Group(
        "ours",
        (
            Option(("--console",), "PLACE", "it"),
            Option(("-v", "--verbose"), "", "it"),
            Option(("--trace",), "FILE", "it", optional=True),
        ),
    ),
)


@pytest.mark.parametrize(
    ("line", "options", "operands", "rest"),
    [
        ([], [], [], []),
        (["-machine", "a"], [("-machine", "a")], [], []),
        (["--machine", "a"], [("-machine", "a")], [], []),
        (["-M", "a", "--M", "b"], [("-machine", "a"), ("-machine", "b")], [], []),
        (["-append", "-x"], [("-append", "-x")], [], []),
        (["-append", "--console"], [("-append", "--console")], [], []),
        (["-append", "--"], [("-append", "--")], [], []),
        (["-append", "--help"], [("-append", "--help")], [], []),
        (["-append", ""], [("-append", "")], [], []),
        (["--console=a=b"], [("--console", "a=b")], [], []),
        (["--console="], [("--console", "")], [], []),
        (["--trace", "file"], [("--trace", "")], ["file"], []),
        (["--trace=file"], [("--trace", "file")], [], []),
        (["--console", "none", "--verbose"], [("--console", "none"), ("-v", "")], [], []),
        (["file", "-s", "-"], [("-s", "")], ["file", "-"], []),
        (["-s", "--", "-s", "--", "x"], [("-s", "")], [], ["-s", "--", "x"]),
    ],
)
def test_what_is_given(line: list[str], options: list[tuple[str, str]], operands: list[str], rest: list[str]) -> None:
    assert read_options(line, GROUPS, operands=2, passes_on=True) == Given(options, operands, rest)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["-mach", "a"], "unknown option -mach: did you mean -machine?"),
        (["-console", "a"], "unknown option -console: did you mean --console?"),
        (["--verbos"], "unknown option --verbos: did you mean --verbose?"),
        (["-gdb", "tcp::1"], "unknown option -gdb: put QEMU's own options after --"),
        (["--monitor", "x"], "unknown option --monitor: put QEMU's own options after --"),
        (["-append=x"], "unknown option -append=x: write -append x, as for QEMU"),
        (["-zzz"], "unknown option -zzz: --help lists those there are"),
        (["-s", "-append"], "-append needs a value: -append TEXT"),
        (["a", "b", "c"], '"c" belongs to no option: QEMU\'s arguments go after --'),
    ],
)
def test_what_is_wrong(line: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_options(line, GROUPS, operands=2, passes_on=True)
    assert str(caught.value) == message


def test_without_qemu_nobody_is_sent_there() -> None:
    with pytest.raises(UsageError, match="--help lists"):
        read_options(["-gdb"], GROUPS, operands=0, passes_on=False)


def test_questions_to_what_was_given() -> None:
    line = ["-device", "a", "-s", "-drive", "b", "-device", "-c", "-M", "x", "-M", "y"]
    given = read_options(line, GROUPS, operands=0, passes_on=True)
    assert given.last("-machine") == "y" and given.last("-append") == "" and given.last("-append", "z") == "z"
    assert given.all("-device") == ["a", "-c"]
    assert given.arguments(("-device", "-drive", "-s")) == ["-device", "a", "-s", "-drive", "b", "-device", "-c"]
    assert "-s" in given and "-append" not in given


@pytest.mark.parametrize("name", COMMANDS)
def test_no_spelling_means_two_things(name: str) -> None:
    spellings = [each for group in load_command(name).groups for option in group.options for each in option.spellings]
    assert len(spellings) == len(set(spellings))
    assert {"-h", "--help"} <= set(spellings)
