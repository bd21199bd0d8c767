"""The report in a real browser, used as a reader would use it."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from bench.report_page import long_boot
from made_recordings import HEADER, boot, call, write_recording
from PIL import Image, ImageChops, ImageStat
from report_reader import PHONE, Reader
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.wheel_input import ScrollOrigin
from selenium.webdriver.common.keys import Keys

from vof.trace.recording import Recording
from vof.trace.report import write_report
from vof.trace.text import call_text

pytestmark = pytest.mark.guest

DATA = Path(__file__).resolve().parent.parent / "data"
TABS = ("overview", "calls", "tree", "memory", "console")


def report(recording: Path, folder: Path) -> Path:
    page = folder / f"{recording.stem}.html"
    write_report(Recording.open(recording), page)
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


@pytest.fixture
def reader(browser: Reader) -> Iterator[Reader]:
    """The browser; whatever was done in it, nothing was complained of and nothing loaded."""
    browser.complaints()
    yield browser
    assert browser.complaints() == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


@pytest.fixture(scope="module")
def linux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(DATA / "recordings" / "linux-pseries.vof", tmp_path_factory.mktemp("linux"))


@pytest.fixture(scope="module")
def grub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(DATA / "recordings" / "grub-generic.vof", tmp_path_factory.mktemp("grub"))


@pytest.fixture(scope="module")
def callbacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report(DATA / "recordings" / "callbacks-generic.vof", tmp_path_factory.mktemp("callbacks"))


# Overview


def test_the_top_says_what_it_was_and_how_it_ended(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    assert reader.text("#title") == "linux-pseries.vof"
    assert reader.text("#subtitle").startswith("pseries · qemu · mailbox · 20")
    assert reader.text("#ending") == "the guest powered off"
    calls = len(list(Recording.open(DATA / "recordings" / "linux-pseries.vof").calls()))
    assert reader.text("#totals").splitlines()[:2] == ["calls", f"{calls:,}"]
    assert "client program has the machine" in reader.text("#phases")


def test_a_failure_leads_to_its_call(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    assert reader.text(".failure summary").split("\n")[-2:] == ["finddevice", 'no device "/vdevice/vtpm"']
    reader.click(".reason-link")
    assert reader.one("#tab-calls").get_attribute("aria-selected") == "true"
    row = reader.active_row("calls")
    assert row.text.split()[1:3] == ["finddevice", '"/vdevice/vtpm"']
    assert reader.text("#details .why") == 'no device "/vdevice/vtpm"'
    # Back to it by its address, as one would send it to somebody.
    reader.wait(lambda: "#call=" in reader.driver.current_url)
    address = reader.driver.current_url.rpartition("#")[2]
    reader.open(linux, hash_=f"#{address}")
    reader.settle()
    assert reader.text("#details .why") == 'no device "/vdevice/vtpm"'


def test_where_it_parts_from_another_run_is_shown(reader: Reader, tmp_path: Path) -> None:
    good = DATA / "recordings" / "linux-pseries.vof"
    lines = gzip.decompress(good.read_bytes()).decode().splitlines(keepends=True)
    changed = next(
        number
        for number, line in enumerate(lines)
        if line.startswith('{"is":"call","service":"getproplen"') and '"ibm,hypertas-functions"' in line
    )
    lines[changed] = lines[changed].replace('"results":[212]', '"results":[77]')
    bad = tmp_path / "bad.vof"
    bad.write_bytes(gzip.compress("".join(lines).encode()))
    page = tmp_path / "bad.html"
    write_report(Recording.open(bad), page, Recording.open(good))
    reader.open(page)
    assert reader.text("#parting-title") == "Against linux-pseries.vof"
    assert "another answer" in reader.text("#parting-lines .place")
    assert reader.text("#parting-lines .theirs:nth-of-type(n+4)").endswith("= 212")
    assert reader.text("#parting-lines .ours:nth-of-type(n+4)").endswith("= 77")
    reader.click("#parting-call button")
    assert reader.active_row("calls").text.split()[1:3] == ["getproplen", "/rtas,"]
    reader.open(page, size=PHONE)
    assert reader.run("return document.documentElement.scrollWidth") <= PHONE[0]


def test_failures_of_a_kind_stand_together_and_are_shown_together(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    group = reader.all(".failure")[-1]
    count, service, kind = group.find_element("css selector", "summary").text.split("\n")
    assert (service, kind) == ("getprop", 'no property "…" in /…')
    group.find_element("css selector", "summary").click()
    reader.settle()
    (everything,) = (each for each in group.find_elements("css selector", "button.chip") if "in the list" in each.text)
    everything.click()
    reader.settle()
    assert reader.text("#calls-count").startswith(f"{count} of ")
    reader.click("#only")
    assert " of " not in reader.text("#calls-count")


def test_services_are_sorted_by_a_click(reader: Reader, linux: Path) -> None:
    reader.open(linux)

    def counts() -> list[int]:
        return [int(cell.text.replace(",", "")) for cell in reader.all(".statistics td:nth-child(2)")]

    reader.click('[data-key="calls"]')
    assert counts() == sorted(counts(), reverse=True)
    reader.click('[data-key="calls"]')
    assert counts() == sorted(counts())
    assert reader.one('[data-key="calls"]').find_element("xpath", "..").get_attribute("aria-sort") == "ascending"


# Calls


def test_calls_are_filtered_by_text_and_by_service(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    reader.tab("calls")
    reader.type("#filter", "getprop /chosen stdout")
    rows = [row.text for row in reader.all("#calls .row")]
    assert rows and all("getprop" in row and "/chosen" in row and "stdout" in row for row in rows)
    reader.type("#filter", "")
    reader.one("#service").send_keys("claim")
    reader.settle()
    assert {row.text.split()[1] for row in reader.all("#calls .row")} == {"claim"}
    reader.click("#failed")
    rows = [row.text for row in reader.all("#calls .row")]
    assert rows and all("aren't all free" in row for row in rows)
    reader.type("#filter", "nothing of the kind")
    assert reader.all("#calls .row") == [] and reader.text("#calls-count").startswith("0 of ")


def test_a_call_is_decoded(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    reader.tab("calls")
    reader.type("#filter", "instance-to-path")
    reader.click("#calls .row")
    row = reader.text("#calls .row").replace("\n", " ")
    assert re.search(r'instance-to-path /vdevice/vty@71000000, 0x[0-9a-f]+, 255 = 21 "/vdevice/vty@71000000\\0"', row)
    details = reader.text("#details")
    assert "ihandle /vdevice/vty@71000000" in details and "2f 76 64 65 76 69 63 65" in details


def test_calls_inside_of_a_call_are_lanes_of_the_timeline(reader: Reader, callbacks: Path, linux: Path) -> None:
    heights = []
    for page in (linux, callbacks):
        reader.open(page)
        heights.append(reader.run("return document.getElementById('lanes').clientHeight"))
    assert heights[1] > heights[0] + 40
    reader.tab("calls")
    reader.one("#service").send_keys("exit")
    reader.settle()
    reader.click("#calls .row")
    assert "inside of\ncall-method" in reader.text("#details")
    (around,) = (each for each in reader.all("#details .chip") if each.text == "The call around it")
    around.click()
    reader.settle()
    assert reader.text("#details h2") == "call-method"


SPOKEN = """
    const texts = [];
    for (let call = 0; call < arguments[0]; call += 1) {
        texts.push(document.querySelector("#details .line").textContent);
        document.querySelector("#details [aria-label='The call after']").click();
    }
    return texts;
"""


@pytest.mark.parametrize("name", ["linux-pseries", "grub-generic", "linux-in-process"])
def test_each_call_reads_as_in_the_text_trace(reader: Reader, tmp_path: Path, name: str) -> None:
    recording = DATA / "recordings" / f"{name}.vof"
    expected = [call_text(event) for event in Recording.open(recording).calls()]
    reader.open(report(recording, tmp_path), hash_="#call=0")
    reader.settle()
    assert reader.run(SPOKEN, len(expected)) == expected


# Timeline


def width(reader: Reader) -> float:
    start, end = re.findall(r"[\d.]+", reader.text("#time-window"))[:2]
    return float(end) - float(start)


def test_the_timeline_zooms(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    whole = width(reader)
    reader.click("#zoom-in")
    assert width(reader) == pytest.approx(whole / 2, abs=0.002)
    reader.click("#zoom-out")
    assert width(reader) == pytest.approx(whole, abs=0.002)
    lanes = reader.one("#lanes")
    ActionChains(reader.driver).scroll_from_origin(ScrollOrigin.from_element(lanes), 0, -200).perform()
    reader.settle()
    assert width(reader) < whole * 0.8
    lanes.send_keys("0")
    reader.settle()
    lanes.send_keys("+", "+", "-")
    reader.settle()
    assert width(reader) == pytest.approx(whole / 2, abs=0.002)
    reader.click("#zoom-calls")
    assert width(reader) < whole / 4
    before = reader.text("#time-window")
    ActionChains(reader.driver).drag_and_drop_by_offset(lanes, 150, 0).perform()
    reader.settle()
    assert reader.text("#time-window") != before
    reader.click("#zoom-all")
    assert width(reader) == pytest.approx(whole, abs=0.002)


def test_two_fingers_zoom(reader: Reader, linux: Path) -> None:
    reader.open(linux, size=PHONE)
    whole = width(reader)
    box = reader.run("return document.getElementById('lanes').getBoundingClientRect().toJSON()")
    left, y, wide = box["left"], box["top"] + box["height"] / 2, box["width"]

    def touch(kind: str, *places: float) -> None:
        points = [{"x": left + wide * place, "y": y, "id": number} for number, place in enumerate(places)]
        reader.driver.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", 0.4, 0.6)
    touch("touchMove", 0.3, 0.7)
    touch("touchMove", 0.1, 0.9)
    touch("touchEnd")
    reader.settle()
    assert width(reader) == pytest.approx(whole / 4, rel=0.1)


def test_a_call_is_chosen_on_the_timeline(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    reader.click("#zoom-calls")
    for _ in range(5):
        reader.click("#zoom-in")
    lanes = reader.one("#lanes")
    lanes.send_keys(Keys.ARROW_RIGHT)
    reader.settle()
    first = reader.text("#details")
    assert "number\n" in first
    lanes.send_keys(Keys.ARROW_RIGHT)
    reader.settle()
    assert reader.text("#details") != first
    reader.press(Keys.ENTER)
    assert reader.focused() == "calls"
    # What is under the pointer is told, and chosen by a click.
    reader.run("document.getElementById('zoom-all').click(); document.getElementById('zoom-calls').click()")
    reader.settle()
    ActionChains(reader.driver).move_to_element_with_offset(lanes, 0, 6).perform()
    assert re.match(r"[\w-]+\(.*\) = ", reader.wait(lambda: reader.text("#tooltip")))
    chosen = reader.text("#details")
    ActionChains(reader.driver).click().perform()
    reader.settle()
    assert reader.text("#details") != chosen


# The tree


def test_the_tree_is_searched_and_a_node_opened(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    reader.tab("tree")
    reader.type("#tree-search", "linux,stdout-path")
    assert [row.get_attribute("data-path") for row in reader.all("#tree .row")] == ["/", "/chosen"]
    assert reader.text("#node h2") == "/chosen"
    row = reader.one('[data-property="linux,stdout-path"]')
    assert '"/vdevice/vty@71000000"' in row.text and "set 1" in row.text
    row.find_element("css selector", "button.marks").click()
    reader.settle()
    assert {each.text.split()[1] for each in reader.all("#calls .row")} == {"setprop", "getprop"}


def test_a_value_is_shown_as_text_cells_or_bytes(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    reader.tab("tree")
    reader.click('#tree [data-path="/vdevice/vty@71000000"]')
    shown = []
    for _ in range(4):
        row = reader.one('[data-property="device_type"]')
        shown.append(row.find_element("css selector", ".value").text)
        row.find_element("css selector", "button.turn").click()
    assert shown == ['"serial"', "<73657269 616c00>", "[73 65 72 69 61 6c 00]", '"serial"']


def test_what_the_client_asked_for_and_did_not_find_is_marked(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    reader.tab("tree")
    reader.one("#tree-mark").send_keys("asked")
    reader.settle()
    marked = {row.get_attribute("data-path"): row.text for row in reader.all("#tree .row.found")}
    assert "missed 1" in marked["/vdevice/vtpm"] and "missed" in marked["/chosen"]
    reader.click('#tree [data-path="/chosen"]')
    assert "not there" in reader.text('[data-property="device_type"]')


def test_the_tree_is_walked_by_keys(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    reader.tab("tree")
    reader.one("#tree").send_keys(Keys.HOME)
    reader.settle()
    rows = len(reader.all("#tree .row"))
    reader.press(Keys.ARROW_LEFT)
    assert len(reader.all("#tree .row")) == 1 < rows
    assert reader.active_row("tree").get_attribute("aria-expanded") == "false"
    reader.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert reader.active_row("tree").get_attribute("aria-level") == "2"
    path = reader.text("#node h2")
    assert reader.active_row("tree").get_attribute("data-path") == path != "/"
    reader.press(Keys.ARROW_LEFT)
    assert reader.text("#node h2") == "/"


# Memory and console


def test_claims_are_drawn_and_listed(reader: Reader, grub: Path) -> None:
    reader.open(grub)
    reader.tab("memory")
    assert [cell.text for cell in reader.all("#memory-table td:nth-child(2)")] == ["2.00 MiB", "29.5 MiB"]
    canvas = reader.one("#memory-map")
    canvas.send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    reader.settle()
    words = r"0x27d5f4 to 0x2000000 \(29\.5 MiB\): claimed at [\d.]+ s, kept to the end"
    assert re.fullmatch(words, reader.text("#memory-told"))
    assert reader.text("#details h2") == "claim"
    shots = []
    for _ in range(2):
        shots.append(canvas.screenshot_as_png)
        reader.click("#to-scale")
    assert shots[0] != shots[1]
    canvas.send_keys(Keys.ENTER)
    reader.settle()
    assert reader.active_row("calls").text.split()[1] == "claim"


def test_output_leads_to_its_call_and_back(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    reader.tab("console")
    (line,) = (row for row in reader.all("#console .row") if "Detected machine type" in row.text)
    line.click()
    reader.settle()
    assert reader.text("#details h2") == "write"
    assert "44 65 74 65 63 74 65 64" in reader.text("#details pre")
    (back,) = (each for each in reader.all("#details .chip") if each.text == "In the list")
    back.click()
    reader.settle()
    assert reader.active_row("calls").text.split()[1] == "write"
    (there,) = (each for each in reader.all("#details .chip") if each.text == "Console then")
    there.click()
    reader.settle()
    assert "Detected machine type" in reader.active_row("console").text


def test_a_menu_is_shown_as_the_screen_it_was(reader: Reader, grub: Path, linux: Path) -> None:
    reader.open(grub)
    reader.tab("console")
    assert reader.text("#screen-rows").rstrip().endswith("grub> halt")
    reader.one("#console").send_keys(Keys.HOME)
    reader.settle()
    assert reader.text("#screen-rows").strip() == "Welcome to GRUB!"
    while "highlighted entry" not in reader.active_row("console").text:
        reader.press(Keys.ARROW_DOWN)
    assert "GNU GRUB" in reader.text("#screen-rows") and "+-----" in reader.text("#screen-rows")
    assert [mark.text.strip() for mark in reader.all("#screen-rows mark")] == ["*Boot the client"]
    reader.open(linux)
    reader.tab("console")
    assert not reader.one("#screen").is_displayed()


def test_escape_sequences_are_not_shown(reader: Reader, grub: Path) -> None:
    reader.open(grub)
    reader.tab("console")
    text = reader.text("#console")
    assert "GNU GRUB" in text and "[37m" not in text and "\x1b" not in text


# How it looks


def test_dark_is_the_system_s_wish_or_the_reader_s(reader: Reader, linux: Path) -> None:
    def brightness() -> int:
        colour = reader.run("return getComputedStyle(document.documentElement).backgroundColor")
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3])

    reader.open(linux, dark=True)
    assert brightness() < 120
    reader.click("#theme")
    assert brightness() > 600
    reader.open(linux, dark=True)
    assert brightness() > 600  # the page remembers
    reader.click("#theme")
    reader.run("localStorage.clear()")
    reader.open(linux)
    assert brightness() > 600


OUTSIDE = """
    return [...document.querySelectorAll("main *, header *, nav *")]
        .filter((each) => each.getClientRects().length && !each.closest(".row, pre"))
        .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
        .map((each) => each.outerHTML.slice(0, 90));
"""


@pytest.mark.parametrize("name", TABS)
def test_a_phone_shows_it_without_scrolling_sideways(reader: Reader, linux: Path, name: str) -> None:
    reader.open(linux, size=PHONE, hash_="#call=40" if name == "calls" else "")
    reader.tab(name)
    assert reader.run("return document.documentElement.scrollWidth") == PHONE[0]
    assert reader.run(OUTSIDE) == []


def test_all_is_reached_by_the_keyboard(reader: Reader, linux: Path) -> None:
    reader.open(linux)
    reader.run("document.body.focus()")
    seen = []
    for _ in range(9):
        reader.press(Keys.TAB)
        seen.append(reader.focused())
    assert seen[1:8] == ["theme", "zoom-out", "zoom-in", "zoom-calls", "zoom-all", "lanes", "tab-overview"]
    reader.run("document.getElementById('tab-overview').focus()")
    reader.press(Keys.ARROW_RIGHT)
    assert reader.focused() == "tab-calls" and reader.one("#panel-calls").is_displayed()
    reader.press(Keys.TAB, Keys.TAB, Keys.TAB, Keys.TAB)
    assert reader.focused() == "calls"
    assert reader.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    reader.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    assert reader.active_row("calls").get_attribute("aria-posinset") == "3"
    reader.press(Keys.END)
    row = reader.active_row("calls")
    assert row.get_attribute("aria-posinset") == row.get_attribute("aria-setsize")
    reader.press(Keys.ENTER)
    assert reader.focused() == "details"
    reader.press(Keys.ESCAPE)
    assert reader.focused() == "calls" and not reader.one("#details").is_displayed()
    reader.press("/")
    assert reader.focused() == "filter"


NAMELESS = """
    return [...document.querySelectorAll("button, input, select, [role=listbox], [role=tree], canvas[tabindex]")]
        .filter((each) => each.getClientRects().length)
        .filter((each) => !(each.textContent.trim() || each.getAttribute("aria-label") || each.closest("label")))
        .map((each) => each.outerHTML);
"""


def test_everything_has_a_name_for_who_can_t_see_it(reader: Reader, linux: Path) -> None:
    reader.open(linux, hash_="#call=40")
    for name in TABS:
        reader.tab(name)
        assert reader.run(NAMELESS) == []


LOOKS = [("overview", "report-overview.png"), ("tree", "report-tree.png"), ("memory", "report-memory.png")]


@pytest.mark.parametrize(("name", "stored"), LOOKS, ids=[name for name, _ in LOOKS])
def test_it_looks_as_it_did(reader: Reader, linux: Path, name: str, stored: str) -> None:
    """At an eighth of its size: what is where counts, and not how another machine draws its letters."""
    reader.open(linux)
    reader.tab(name)
    now = Image.open(io.BytesIO(reader.driver.get_screenshot_as_png())).convert("L")
    before = Image.open(DATA / "screenshots" / stored).convert("L")
    small = now.resize(before.size, Image.Resampling.BOX)
    difference = ImageStat.Stat(ImageChops.difference(small, before))
    assert difference.mean[0] < 2.5, f"tools/make_screenshots.py makes {stored} anew, if it is meant to look otherwise"


# What must not harm it


NASTY = "</script><script>window.harmed=1</script><img src=x onerror=window.harmed=1>\u202e\0\x1b[31m\"'`${1}&lt;"


def test_a_hostile_recording_is_only_text(reader: Reader, tmp_path: Path) -> None:
    header = HEADER | dict.fromkeys(("machine", "engine", "trap", "vof", "created", "host", "running"), NASTY)
    header |= {"options": {NASTY: [NASTY]}, "command": [NASTY]}
    raw = NASTY.replace("\u202e", "\xae")
    tree = ["", 1, {raw: raw, "name": raw}, [[NASTY, 2, {"__proto__": "x", "constructor": "y"}, []]]]
    recording = write_recording(
        tmp_path / "<b onclick=alert(1)>.vof",
        boot(tree),
        {"is": "phase", "name": NASTY, "seconds": 0, "detail": NASTY},
        call(NASTY, 1, 2, 3, 4, at=10, fault=NASTY, outcome=NASTY, hook=NASTY, status=-1, results=[5]),
        call("getprop", 7, 6, 5, 4, at=20, results=[4], texts=[[1, NASTY]], names=[[7, "/" + NASTY]], wrote=[[5, raw]]),
        call("getprop", 7, 6, 5, 4, at=25, results=[4], texts=[[1, "__proto__"]], wrote=[[5, raw]]),
        call("finddevice", 7, at=30, fault=NASTY, results=[0xFFFFFFFF], texts=[[0, "/" + NASTY]]),
        call("claim", 0xFFFFFFFF, 0xFFFFFFFF, 0, at=40, results=[0xFFFFFFF0]),
        {"is": "out", "at": 41, "data": raw + "\x1b[999999;999999H\x1b]0;title\x07\b\b\b" + raw},
        {"is": "injected", "at": 42, "fault": NASTY, "what": NASTY},
        {"is": "end", "at": 43, "reason": NASTY, "message": NASTY},
        header=header,
    )
    reader.open(report(recording, tmp_path))
    for name in TABS:
        reader.tab(name)
        assert reader.run("return [window.harmed, document.querySelectorAll('img, main script').length]") == [None, 0]
    reader.tab("calls")
    for row in range(4):
        reader.all("#calls .row")[row].click()
        reader.settle()
        assert "\u202e" not in reader.text("body")
    assert "</script><script>window.harmed=1</script>" in reader.text("#calls")
    assert r"\u202e\0\x1b[31m" in reader.text("#ending")
    reader.tab("tree")
    reader.type("#tree-search", "window.harmed")
    reader.press(Keys.ENTER, Keys.ARROW_DOWN)
    assert reader.run("return [window.harmed, document.querySelectorAll('img, main script').length]") == [None, 0]


EMPTY = [
    ("no firmware", (), "There are no calls in this recording."),
    ("no calls", (boot(),), "There are no calls in this recording."),
    ("no failures", (boot(), call("exit", at=5)), "No call failed."),
]


@pytest.mark.parametrize(("lines", "told"), [case[1:] for case in EMPTY], ids=[case[0] for case in EMPTY])
def test_a_recording_of_nearly_nothing(
    reader: Reader, tmp_path: Path, lines: tuple[dict[str, object], ...], told: str
) -> None:
    reader.open(report(write_recording(tmp_path / "little.vof", *lines), tmp_path))
    assert reader.text("#failures") == told
    assert "the recording has no end" in reader.text("#ending")
    for name in TABS:
        reader.tab(name)
    reader.one("#lanes").send_keys(Keys.ARROW_RIGHT, "+", "-", "0", Keys.ENTER)
    reader.settle()


def test_a_hundred_thousand_calls_open_and_are_searched(reader: Reader, tmp_path: Path) -> None:
    long_boot(tmp_path / "long.vof", 100_000)
    reader.open(report(tmp_path / "long.vof", tmp_path))
    assert reader.text("#totals").startswith("calls\n100,000")
    reader.tab("calls")
    reader.type("#filter", 'finddevice "/rom/boot-rom"')
    found = int(reader.text("#calls-count").split()[0])
    assert found == len(reader.all("#calls .row")) > 1
    reader.type("#filter", "")
    reader.one("#calls").send_keys(Keys.END)
    reader.settle()
    assert reader.active_row("calls").get_attribute("aria-posinset") == "100000"
    assert len(reader.all("#calls .row")) < 100
