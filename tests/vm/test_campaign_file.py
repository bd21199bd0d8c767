"""Campaigns as files describe them, and their results as text."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from vof.errors import UsageError
from vof.vm.campaign import Case, Outcome, random_faults
from vof.vm.campaign_file import Described, read_campaign
from vof.vm.campaign_results import table, write_results
from vof.vm.config import Config

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "campaign.toml"
CLASS = '[[classes]]\nname = "menu"\nconsole = "GNU GRUB"\ngood = true\n'
CLIENT = '[[clients]]\nengine = "unicorn"\nkernel = "core.elf"\n'


def read(folder: Path, text: str) -> Described:
    path = folder / "campaign.toml"
    path.write_text(text)
    return read_campaign(str(path))


def test_the_example_is_a_matrix_with_faults() -> None:
    campaign = read_campaign(str(EXAMPLE))
    assert [label for label, _ in campaign.configs] == ["grub machine=generic", "grub machine=generic,real-mode=off"]
    assert (campaign.count, campaign.seed, campaign.has_faults) == (500, 1, True)
    assert campaign.class_names == {"menu", "rescue prompt", "message", "gave up", "timeout"}
    for _, config in campaign.configs:
        assert config.kernel == str(EXAMPLE.parent / "core.elf")
        assert config.drives == (f"file={EXAMPLE.parent / 'disk.img'},snapshot=on",)
        assert config.clock == "virtual"


def test_every_client_has_every_combination(tmp_path: Path) -> None:
    text = CLASS + CLIENT + '[[clients]]\nname = "two"\nengine = "unicorn"\nkernel = "b.elf"\nclock = "host"\n'
    text += '[matrix]\nmemory = ["64", "128"]\ntrap = ["osi", "illegal", "mailbox"]\n'
    campaign = read(tmp_path, text)
    labels = [label for label, _ in campaign.configs]
    assert len(set(labels)) == 12
    assert labels[0] == "core.elf memory=64 trap=osi" and labels[-1] == "two memory=128 trap=mailbox"
    assert {config.clock for _, config in campaign.configs} == {"virtual", "host"}
    cases = campaign.cases()
    assert [case.number for case in cases] == list(range(12))
    assert not any(case.faults for case in cases)


def test_listed_faults_need_no_reference(tmp_path: Path) -> None:
    campaign = read(tmp_path, CLASS + CLIENT + '[faults]\nlist = ["claim:when=1", "disk"]\n')
    assert [case.faults for case in campaign.cases()] == [("claim:when=1",), ("disk",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no [[classes]]"),
        (CLASS, "no [[clients]]"),
        (CLASS + "clients = ", "is no TOML"),
        ("clients = 3\n" + CLASS, "[[clients]] is a list of tables"),
        ("client = []\n" + CLASS + CLIENT, 'unknown key "client": did you mean "clients"?'),
        (CLASS + '[[clients]]\nkernl = "x"', 'unknown key "clients.kernl": did you mean "kernel"?'),
        (CLASS + '[[clients]]\nname = "x"', "a client without a kernel"),
        (CLASS + CLIENT + 'append = ["x"]', "append is a string"),
        (CLASS + CLIENT + 'drives = "disk.img"', "drives is a list of strings"),
        (CLASS + CLIENT + '[matrix]\nmachin = ["x"]', 'unknown key "matrix.machin": did you mean "machine"?'),
        (CLASS + CLIENT + '[matrix]\nmachine = ["generik"]', 'unknown machine "generik": did you mean "generic"?'),
        (CLASS + CLIENT + '[faults]\nlist = ["clam"]', 'did you mean "claim"?'),
        (CLASS + CLIENT + '[faults]\nof = ["clam"]', 'did you mean "claim"?'),
        (CLASS + CLIENT + "[faults]\ncount = -1", "count is a number, 0 or more"),
        ('timeout = "x"\n' + CLASS + CLIENT, "timeout is a number"),
        (CLIENT + '[[classes]]\nname = "x"\nconsole = "("', 'the class "x": "(" is no regular expression'),
        (CLIENT + '[[classes]]\nname = "x"\nending = "exot"', "a machine ends by power-off, exit"),
        (CLIENT + '[[classes]]\nname = "x"\ngood = 1', "classes.good is true or false"),
    ],
)
def test_what_a_file_cannot_say_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        read(tmp_path, text)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_faults_are_drawn_by_the_seed_alone() -> None:
    counts = {"claim": 2, "getprop": 40, "disk": 3, "peer": 0}
    faults = random_faults(counts, 200, 1)
    assert faults == random_faults(dict(reversed(counts.items())), 200, 1)
    assert faults != random_faults(counts, 200, 2)
    assert {fault.partition(":")[0] for fault in faults} == {"claim", "getprop", "disk", "memory"}
    assert all(fault.endswith("+") == fault.startswith("memory") for fault in faults)
    assert set(random_faults(counts, 50, 1, ["claim"])) == {"claim:when=1", "claim:when=2"}
    with pytest.raises(UsageError, match="no use of peer"):
        random_faults(counts, 1, 1, ["peer"])


HOSTILE = '</td><script>alert("x")</script>'
OUTCOMES = [
    Outcome(Case(0, "grub", Config(), ()), "menu", good=True, calls=2500),
    Outcome(
        Case(1, "grub", Config(), ("claim:when=2",)), "message", struck=("claim 2",), console="Aborted", seconds=3.0
    ),
    Outcome(Case(2, "linux", Config(), ("disk",)), "died", message=HOSTILE, last_calls=(HOSTILE, "peer(/) = 0")),
]


def test_the_table_counts_classes_and_names_what_is_not_good() -> None:
    assert table(OUTCOMES).splitlines() == [
        "       died  menu  message  runs",
        "grub      0     1        1     2",
        "linux     1     0        0     1",
        "",
        "    1  claim:when=2: message (Aborted)",
        f"    2  disk: died ({HOSTILE})",
    ]


def test_results_are_written_whole(tmp_path: Path) -> None:
    for form in ("json", "csv", "html"):
        write_results(str(tmp_path / f"results.{form}"), "a & b", OUTCOMES)
    runs = json.loads((tmp_path / "results.json").read_text())["runs"]
    assert [run["class"] for run in runs] == ["menu", "message", "died"]
    assert runs[1]["struck"] == ["claim 2"]
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[2]["last_calls"] == f"{HOSTILE}\npeer(/) = 0"
    page = (tmp_path / "results.html").read_text()
    seen = Tags()
    seen.feed(page)
    assert "script" not in seen.names and seen.names.count("tr") == 4
    assert "<title>a &amp; b</title>" in page
    with pytest.raises(UsageError, match="No such file or directory"):
        write_results(str(tmp_path / "no" / "results.json"), "x", OUTCOMES)


class Tags(HTMLParser):
    """The elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.append(tag)
