"""The benchmarks' own arithmetic and parsing; no figure is judged here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench.contention import client_phase
from bench.getprop import devices, parse_output
from bench.library_cases import CASES
from bench.options import BenchError, Options
from bench.peers import Firmware, Guest, Machine, command_line
from bench.program import main
from bench.report import Report, format_value, render

from vof.firmware.table import SERVICES

SIZES = ["10² nodes", "10³ nodes", "10⁴ nodes", "10⁵ nodes"]


def some_report() -> Report:
    report = Report("boot", "to Linux")
    report.add("user space", "vof", "s", [2.0, 1.0, 9.0])
    report.add("user space", "SLOF", "s", [8.0, 4.0])
    report.add("phase", "vof", "ms", [25.0])
    report.expect_ratio("user space", "vof", "SLOF", 0.33)
    report.expect("phase", "vof", 20, "ms")
    report.expect_ratio("phase", "vof", "SLOF", 1)
    return report


def test_targets_compare_medians() -> None:
    ratio, phase = some_report().targets  # none where one side was not measured
    assert (ratio.value, ratio.met) == (2.0 / 6.0, False)
    assert (phase.value, phase.met) == (25.0, False)


def test_a_report_is_a_table_with_a_column_a_subject() -> None:
    assert render(some_report()).splitlines() == [
        "### boot: to Linux",
        "",
        "|            |     vof |   SLOF | target                             |",
        "| ---------- | ------: | -----: | ---------------------------------- |",
        "| user space |  2.00 s | 6.00 s | 0.33× SLOF (at most 0.33×: missed) |",
        "| phase      | 25.0 ms |      – | 25.0 ms (at most 20.0 ms: missed)  |",
    ]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(0.5, "s", "0.50 s"), (12.34, "µs", "12.3 µs"), (123456.7, "1/s", "123,457 1/s"), (0.987, "×", "0.99×")],
)
def test_values_have_three_digits(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


def test_the_client_s_output_becomes_microseconds() -> None:
    timing = parse_output(b"SLOF\nN0000000f\nG00100000\nH00080000\nG00200000\nH00040000\nE00000004\n", 1024)
    assert timing.nodes == 15
    assert timing.getprop == (2.0, 4.0)
    assert timing.handoff == (1.0, 0.5)


@pytest.mark.parametrize("output", [b"", b"N00000001\nG00000001\n", b"N00000001\nG00000001\nH00000001\nEffffffff\n"])
def test_a_client_that_found_nothing_is_no_figure(output: bytes) -> None:
    with pytest.raises(BenchError):
        parse_output(output, 1)


def test_the_client_phase_is_read_from_the_verbose_boot() -> None:
    output = (
        b"vof:    0.002 s  engine started: process 1\n"
        b"vof:    0.090 s  client program started: at 0x400000\nOF stdout\n"
        b"vof:    0.125 s  client program has the machine: after 1150 calls\n"
    )
    assert client_phase(output) == pytest.approx(35)
    with pytest.raises(BenchError, match="has the machine"):
        client_phase(output[:100])


def test_devices_fill_buses_in_order() -> None:
    made = devices(34)
    assert len(made) == 34
    assert made[0].startswith("pci-bridge,id=bridge1,") and made[31] == "pci-testdev,bus=bridge1,addr=0x1f"
    assert made[33] == "pci-testdev,bus=bridge2,addr=0x1"


def test_all_firmwares_get_the_same_machine() -> None:
    guest = Guest("vmlinux", append="quiet", devices=["edu"])
    commands = [command_line(firmware, guest, Options()) for firmware in Firmware]
    machines = [command[command.index("-machine") + 1].replace(",x-vof=on", "") for command in commands]
    assert len(set(machines)) == 1
    assert all(" ".join(command).count("-m 1G -kernel vmlinux -append quiet") == 1 for command in commands)


def test_a_machine_is_watched_and_ended(tmp_path: Path) -> None:
    with Machine(["sh", "-c", "echo one; printf 'two\\r\\n'; exec sleep 60"]) as machine:
        assert 0 < machine.wait_for("^two$", 10) < 10
        with pytest.raises(BenchError, match=r"within 0\.05 s"):
            machine.wait_for("three", 0.05)
    assert not Path(f"/proc/{machine.pid}").exists()


def test_a_machine_that_ends_early_tells_its_last_words() -> None:
    with (
        Machine(["sh", "-c", "echo no room"]) as machine,
        pytest.raises(BenchError, match=r"before its end.*\nno room"),
    ):
        machine.wait_for("Linux", 10)


def test_the_library_benchmark_has_a_row_for_each_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sorted(case.service for case in CASES) == sorted(SERVICES)
    record = tmp_path / "build" / "bench.json"
    assert main(["library", "--quick", "--json", str(record)]) == 0
    found: dict[str, list[str]] = {}
    for one in json.loads(record.read_text())["benchmarks"]["library"]["measurements"]:
        assert one["median"] > 0 and one["samples"]
        found.setdefault(one["what"], []).append(one["subject"])
    assert found == {case.service: ["calls", *(SIZES if case.of_tree else SIZES[:1])] for case in CASES}
    assert capsys.readouterr().out.count("\n| ") == len(CASES) + 2


def test_each_case_of_the_library_benchmark_is_answered() -> None:
    from bench.library_cases import Desk

    from vof.events import ClientReturn

    desk = Desk(100)
    returns: list[ClientReturn] = []
    desk.firmware.listeners.append(lambda event: returns.append(event) if isinstance(event, ClientReturn) else None)
    for case in CASES:
        for block in case.prepare(desk):
            desk.firmware.call(block)
        case.clean_up(desk)
    faults = {one.service: one.fault for one in returns if one.fault}
    assert faults.keys() <= {"interpret"}  # there is no Forth yet


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["boto"])
    assert "no benchmark boto: boot, getprop" in capsys.readouterr().err


def test_the_long_recording_replays_as_it_was(tmp_path: Path) -> None:
    from bench.tracing import long_recording

    from vof.trace.recording import Recording
    from vof.vm.replay import replay

    path = tmp_path / "long.vof"
    long_recording(path, 500)
    done = replay(Recording.open(path))
    assert done.same and done.calls == 500
