"""The prompt: of machines, of a firmware alone, on a terminal, and inside of a client program."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import guest_files
import pytest
from build import build_c

from vof.backends.stdio_console import StdioConsole
from vof.firmware.prompt import Prompt
from vof.vm import VM, EndReason
from vof.vm.alone import firmware_alone
from vof.vm.config import Config

BOOT = 30
OK = "\r\nok "


def vof(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vof", *arguments]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=30, check=False)


# --- alone ---


def test_alone() -> None:
    done = vof("ok", typed="dev /cpus ls\n: double dup + ;\n4 double .\nflub\nsee double\n")
    assert (done.returncode, done.stderr) == (0, "")
    banner, *lines = done.stdout.splitlines()
    assert banner.startswith("Virtual Open Firmware in Python ")
    assert [line.strip() for line in lines] == [
        "00100008: PowerPC,750@0",
        "8",
        "flub: undefined word (line 1)",
        ": double dup + ;",
    ]


def test_a_tree_of_ones_own(tmp_path: Path) -> None:
    source = tmp_path / "a.dts"
    source.write_text('/dts-v1/; / { board { compatible = "me,board"; }; };')
    subprocess.run(["dtc", "-q", "-o", tmp_path / "a.dtb", source], check=True)
    assert (
        'compatible              "me,board"'
        in vof("ok", str(tmp_path / "a.dtb"), typed="dev /board .properties\n").stdout
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ok", "/none.dtb"), "vof: /none.dtb: No such file or directory"),
        (("ok", "-m", "64", "a.dtb"), "vof: -m is for a machine, and a.dtb for none: --dtb a.dtb lays the tree over"),
        (("forth",), "vof: what is to be run?"),
        (("forth", "/none.fs"), "vof: /none.fs: No such file or directory"),
        (("boot", "--boot-delay", "long"), "vof: --boot-delay long: a number of seconds, as in --boot-delay 3"),
    ],
)
def test_one_line_says_what_is_wrong(arguments: tuple[str, ...], message: str) -> None:
    done = vof(*arguments)
    assert done.returncode == 2 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(message)


def test_words_are_the_active_package_s() -> None:
    done = vof("ok", typed="dev /serial words\ndev /cpus words\ndevice-end words\n")
    methods, none, *words = done.stdout.splitlines()[1:]
    assert methods.split() == ["open", "close", "read", "write", "color!", "key?", "key"]
    assert none == "/cpus has no methods; after device-end, words types all words"
    assert "dup" in " ".join(words).split()


def test_variables_are_shown_in_columns() -> None:
    path = "/a/path/that/is/longer/than/its/column"
    lines = [f"setenv boot-device {path}", "printenv boot-device", "nvalias a /x", "nvalias b /y", "printenv nvramrc"]
    done = vof("ok", typed="\n".join([*lines, "setenv boot-devic x"]))
    assert done.stdout.splitlines()[1:] == [
        f"boot-device             {path} disk cdrom net",
        "nvramrc                 devalias a /x",
        "                        devalias b /y",
        'no configuration variable is called "boot-devic": did you mean boot-device? (line 1)',
    ]


def test_what_is_shown_does_nothing_to_the_terminal() -> None:
    done = vof("ok", typed='" \x1b[31mred" find-device\n')
    assert 'no device "\\x1b[31mred"' in done.stdout and "\x1b" not in done.stdout


def test_output_that_cannot_be_written() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "vof", "ok"],
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr == "vof: the console's output can't be written: No space left on device\n"


def test_a_key_that_never_comes() -> None:
    done = vof("forth", "-e", "key? .", "-e", "key")
    assert (done.returncode, done.stdout) == (1, "0 ")
    assert done.stderr == "vof: -e: the input has ended (line 1, at key)\n"


@pytest.mark.parametrize(
    ("text", "status", "message"),
    [
        ("", 0, ""),
        ("bye 1 0 /", 0, ""),
        ("power-off", 0, ""),
        ("boot", 1, "vof: -e: there is no machine here that could do that"),
        ("reset-all", 1, "vof: -e: there is no machine here that could do that"),
        (": a 1 2", 1, "vof: -e: the definition of a has no end"),
        ("1 if 2 .", 1, "vof: -e: a control structure or a definition has no end"),
        ('" \x1b\xe4" find-device', 1, 'vof: -e: no device "\\x1b\xe4" (line 1, at find-device)'),
        ("begin again", 1, "vof: -e: ran for too long (line 1, at again)"),
        ("1 2\r3 flub", 1, "vof: -e: flub: undefined word (line 2)"),
    ],
)
def test_how_a_text_ends(text: str, status: int, message: str) -> None:
    done = vof("forth", "-e", text)
    assert (done.returncode, done.stderr.rstrip()) == (status, message)


def test_a_large_file(tmp_path: Path) -> None:
    """What bounds a client program's text doesn't bound the user's own."""
    file = tmp_path / "large.fs"
    file.write_text(f"1 drop \\ {'x' * 50}\n" * 40000 + "flub\n")
    done = vof("forth", str(file))
    assert done.stderr == f"vof: {file}: flub: undefined word (line 40001)\n"


@pytest.mark.parametrize("command", [("ok",), ("forth", "-e", "ls", "--tree"), ("tree",)])
def test_a_tree_that_is_none(command: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "tree"
    damaged = "is no usable flattened tree: damaged device tree blob"
    for text, message in [
        ("x" * 100, f" {damaged}: it begins with 0x78787878 instead of 0xd00dfeed"),
        ("/dts-v1/; / { flub };", f": dtc makes no blob of it: Error: {path}:1.20-21 syntax error"),
    ]:
        path.write_text(text)
        done = vof(*command, str(path))
        assert done.returncode == 2
        assert done.stderr.startswith(f"vof: {path}{message}") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [("ok",), ("forth", "-e", "dev /board .properties", "--tree"), ("tree",)])
def test_a_tree_in_source_form(command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "board.dts"
    cells = "#address-cells = <1>; #size-cells = <1>;"
    path.write_text(f'/* ours */\n/dts-v1/;\n/ {{ {cells} board {{ note = "hello"; }}; }};\n')
    done = vof(*command, str(path), typed="dev /board .properties\n" if command == ("ok",) else "")
    assert done.returncode == 0 and "hello" in done.stdout
    monkeypatch.setenv("PATH", str(tmp_path))
    done = vof(*command, str(path))
    assert done.returncode == 2 and "apt-get install device-tree-compiler" in done.stderr


def test_what_needs_a_machine_is_told() -> None:
    done = vof("ok", typed="boot\n1 .\n")
    assert "there is no machine here" in done.stderr and done.stdout.rstrip().endswith("1")


def test_files(tmp_path: Path) -> None:
    (tmp_path / "a.fs").write_text('\\ a comment\n: greet ." hello" cr ;\ngreet\n')
    (tmp_path / "b.fs").write_text("greet\n\n1 0 /\n")
    done = vof("forth", str(tmp_path / "a.fs"), "-e", "greet")
    assert (done.returncode, done.stdout) == (0, "hello\nhello\n")
    done = vof("forth", str(tmp_path / "b.fs"))
    assert done.returncode == 1
    assert done.stderr == f"vof: {tmp_path}/b.fs: greet: undefined word (line 1)\n"


class Terminal:
    """A user's terminal with `vof` in it.

    Args:
        state: the folder for the history.
        arguments: the command line.
    """

    def __init__(self, state: Path, *arguments: str) -> None:
        self.pid, self._terminal = pty.fork()
        if not self.pid:
            os.environ.update(XDG_STATE_HOME=str(state), TERM="xterm", LC_ALL="C.UTF-8")
            os.execv(sys.executable, [sys.executable, "-m", "vof", *arguments])
        self._seen = b""
        self._ended = self._at_end = False

    def type(self, keys: str, until: str = "ok ") -> str:
        """Type something; what is shown up to a text, with one character between lines."""
        os.write(self._terminal, keys.encode())
        return self.read(until)

    def read(self, until: str) -> str:
        """What is shown up to a text."""
        wanted = until.encode()
        while wanted not in self._seen:
            assert self._fill(10), (wanted, self._seen)
        shown, _, self._seen = self._seen.partition(wanted)
        return shown.decode()

    def settle(self) -> None:
        """Wait until nothing more is shown."""
        while self._fill(0.3):
            pass
        self._seen = b""

    def end(self) -> None:
        """Type Ctrl-D, which ends it."""
        os.write(self._terminal, b"\x04")
        while self._fill(10):
            pass
        assert self._at_end, self._seen
        self._ended = True
        assert os.waitpid(self.pid, 0)[1] == 0

    def close(self) -> None:
        """Leave nothing behind."""
        if not self._ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._terminal)

    def _fill(self, seconds: float) -> bool:
        """Take what is shown; whether there was something."""
        if not select.select([self._terminal], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._terminal, 4096).replace(b"\r", b"")
        except OSError:
            self._at_end = True
            return False
        self._seen += data
        return True


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """One with `vof ok`, which has asked for a line."""
    terminal = Terminal(tmp_path, "ok")
    try:
        terminal.read("ok ")
        yield terminal
    finally:
        terminal.close()


def test_on_a_terminal(terminal: Terminal, tmp_path: Path) -> None:
    """The library edits the line: Tab completes a word, Ctrl-C gives a line up, Ctrl-D ends it."""
    terminal.type("5 constan\tfive\r")
    terminal.type("five 1+ .\r", "6 ")
    terminal.read("ok ")
    terminal.type("half a line", "half a line")
    terminal.type("\x03")
    terminal.end()
    assert "five 1+ ." in (tmp_path / "vof" / "history").read_text()


def test_a_key_is_read_when_it_is_typed(terminal: Terminal) -> None:
    """`key` wants no return after it, and `accept` shows what is typed once."""
    terminal.type("key .\r", "key .\n")
    terminal.settle()
    assert terminal.type("x", "78 ") == ""
    terminal.read("ok ")
    terminal.type("pad 20 accept .\r", ".\n")
    terminal.settle()
    assert terminal.type("he\x7fi\r") == "he\b \bi2 \n"
    terminal.end()


def test_ctrl_c_ends_a_loop_and_may_come_twice(terminal: Terminal) -> None:
    """From the terminal, and from a parent that got it, too: neither may end the prompt."""
    terminal.type(": lp begin again ;\r")
    for _ in range(6):
        terminal.type("lp\r", "lp\n")
        for _ in range(3):
            os.kill(terminal.pid, signal.SIGINT)
        terminal.read("ok ")
        for _ in range(3):
            os.kill(terminal.pid, signal.SIGINT)
        terminal.settle()
        terminal.type("\r")  # `input` may see a signal that came before it waited only when a line ends
        terminal.settle()
    terminal.type("5 1+ .\r", "6 ")
    terminal.read("ok ")
    terminal.end()


def test_text_on_a_terminal_is_utf_8(terminal: Terminal) -> None:
    assert "\nä€\n" in terminal.type('." ä€" cr\r')
    assert "\näö: undefined word" in terminal.type("äö\r", "(line 1)")
    terminal.read("ok ")
    assert "3 " in terminal.type('" ä€" nip 2- .\r')
    terminal.end()


def test_the_script_is_edited_on_a_terminal(terminal: Terminal) -> None:
    """`nvedit` offers one line after the other: changed, kept, emptied so that it goes; Ctrl-D ends it."""
    terminal.type("nvedit\r", "0: ")
    terminal.type("one\r", "1: ")
    terminal.type("two\r", "2: ")
    terminal.type("three\r", "3: ")
    terminal.type(".\r")
    terminal.type("nvedit\r", "0: one")
    terminal.type("!\r", "1: two")
    terminal.type("\x15\r", "1: three")
    terminal.type("\r", "2: ")
    terminal.type("\x04")
    assert "setenv use-nvramrc? true" in terminal.type("nvstore\r")
    assert "\none!\nthree\n" in terminal.type("nvramrc type cr\r")
    terminal.end()


def test_what_is_completed() -> None:
    forth = firmware_alone(StdioConsole()).forth
    prompt = Prompt(forth.firmware, lambda text: None)
    assert prompt.complete("printenv boot-") == ["boot-args", "boot-command", "boot-device", "boot-file"]
    assert prompt.complete("dev ttya ls constan") == ["constant"]
    assert prompt.complete("boot tt") == ["ttya"]
    assert prompt.complete("dev /cp") == ["/cpus"]
    assert prompt.complete('" /cpus/') == ["/cpus/PowerPC,750@0"]
    prompt.line("dev /cpus")
    assert prompt.complete("dev Po") == ["PowerPC,750@0"]
    prompt.line("nvalias processors /cpus")
    assert prompt.complete("dev processors/") == ["processors/PowerPC,750@0"]


# --- machines ---

MACHINES = {
    "pseries": {"machine": "pseries"},
    "pegasos2": {"machine": "pegasos2"},
    "generic": {"machine": "generic", "engine": "unicorn"},
}


@pytest.mark.guest
@pytest.mark.parametrize("name", MACHINES)
def test_before_a_program_is_started(name: str) -> None:
    core = str(guest_files.guests_folder() / "grub" / "core.elf")
    with VM(Config(prompt=True, kernel=core, **MACHINES[name])) as vm:  # type: ignore[arg-type]
        assert b"Virtual Open Firmware in Python" in vm.expect("ok ", BOOT)
        vm.send("dev /aliases pwd\r")
        vm.expect("/aliases")
        vm.expect(OK)
        vm.send('" /chosen" find-package drop . flub\r')
        vm.expect("flub: undefined word")
        vm.expect(OK)
        vm.send("go\r")
        vm.expect("no program is loaded: boot loads one")
        vm.expect(OK)
        vm.send("boot\r")
        vm.expect("grub> ", BOOT)


def test_boot_without_a_disk_says_so() -> None:
    """The prompt stays: a machine that nothing goes on with would be waited for in vain."""
    with VM(Config(machine="generic", engine="unicorn", prompt=True)) as vm:
        vm.expect("ok ", BOOT)
        for line, reason in [
            ("boot", "nothing boots: the machine has no disk and no network"),
            ("boot -v", "nothing boots: the machine has no disk and no network"),
            ("boot hd:,\\yaboot", 'nothing boots: hd:,\\yaboot: no device "hd'),
            ("load", "nothing boots: the machine has no disk and no network"),
            ("load /serial", '/serial: no method "load"'),
            ("setenv boot-device /none /serial boot", ""),
            ("boot", 'nothing boots: /none: no device "/none"; /serial: no method "load" in /serial'),
            ("load", 'nothing boots: /none: no device "/none"; /serial: no method "load" in /serial'),
        ]:
            vm.send(f"{line.removesuffix(' boot')}\r")
            vm.expect(reason or line.removesuffix(" boot"))
            vm.expect(OK)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("devalias foo /cpus", ""),
        ("1 2 flub", "nvramrc: flub: undefined word (line 1)"),
        ("begin again", "nvramrc: ran for too long"),
        ("5 throw", "nvramrc: threw 5"),
        (": unfinished 1 if", "nvramrc: the definition of unfinished has no end"),
        ("boot /nowhere", 'nothing boots: /nowhere: no device "/nowhere"'),
        ("bye", ""),
        ("go", ""),
    ],
)
def test_whatever_the_script_does_there_is_a_prompt(script: str, said: str) -> None:
    variables = ["use-nvramrc?=true", f"nvramrc={script}"]
    with VM(Config(machine="generic", engine="unicorn", prompt=True, variables=variables)) as vm:
        if said:
            vm.expect(said, BOOT)
        vm.expect("ok ", BOOT)
        vm.send("depth . devalias\r")
        vm.expect("0 ")
        if not said and "foo" in script:
            vm.expect("foo             /cpus")
        vm.expect(OK)


@pytest.mark.guest
def test_boot_has_arguments_with_a_kernel_too() -> None:
    core = str(guest_files.guests_folder() / "grub" / "core.elf")
    with VM(Config(machine="generic", engine="unicorn", prompt=True, kernel=core, append="usual")) as vm:
        vm.expect("ok ", BOOT)
        vm.send("boot /serial\r")  # a device comes before what -kernel names
        vm.expect('nothing boots: /serial: no method "load"')
        vm.expect(OK)
        vm.send("boot other arguments\r")
        vm.expect("grub> ", BOOT)
        chosen = vm.tree.find("/chosen")
        assert chosen is not None and chosen.properties["bootargs"] == b"other arguments\0"


@pytest.mark.guest
def test_boot_from_a_disk_and_what_fails() -> None:
    image = guest_files.guests_folder() / "boot" / "gpt.img"
    drive = f"file={image},format=raw,readonly=on"
    with VM(Config(machine="pseries", memory="1G", drives=[drive], variables=["auto-boot?=false"], prompt=True)) as vm:
        vm.expect("ok ", BOOT)
        vm.send("boot /nowhere\r")
        vm.expect("nothing boots: ")
        vm.expect(OK)
        vm.send("load disk:1\r")
        vm.expect(OK)
        vm.send("load-size . load-base 10 dump\r")
        vm.expect("7f454c46")
        vm.expect(OK)
        vm.send("boot disk\r")
        vm.expect("Welcome to GRUB!", BOOT)


@pytest.mark.guest
def test_the_script_in_nvram(tmp_path: Path) -> None:
    core = str(guest_files.guests_folder() / "grub" / "core.elf")
    options = {"machine": "pseries", "kernel": core, "nvram": str(tmp_path / "nvram"), "prompt": True}
    with VM(Config(**options)) as vm:  # type: ignore[arg-type]
        vm.expect("ok ", BOOT)
        vm.send("nvedit\r")
        vm.expect("0: ")
        vm.send('dev /chosen " yes" encode-string " script-ran" property device-end\r.\r')
        vm.expect(OK)
        vm.send("nvstore setenv use-nvramrc? true\r")
        vm.expect(OK)
        vm.send("reset-all\r")
        vm.expect("ok ", BOOT)
        vm.send("dev /chosen .properties\r")
        vm.expect('script-ran              "yes"')
    with VM(Config(**options)) as vm:  # type: ignore[arg-type]
        vm.expect("ok ", BOOT)
        chosen = vm.tree.find("/chosen")
        assert chosen is not None and chosen.properties["script-ran"] == b"yes\0"


@pytest.mark.guest
def test_a_key_in_time_gives_the_prompt() -> None:
    core = str(guest_files.guests_folder() / "grub" / "core.elf")
    command = ["boot", "-machine", "generic", "--engine", "unicorn", "-kernel", core, "--boot-delay", "20"]
    done = vof(*command, typed=" bye\n")
    assert "Type a key within 20 s" in done.stdout and "ok " in done.stdout
    assert "GRUB" not in done.stdout


@pytest.mark.guest
@pytest.mark.parametrize("name", MACHINES)
def test_inside_of_a_client_program(name: str, tmp_path: Path) -> None:
    """`enter` gives the prompt, and `go` goes back to the program, which goes on."""
    bits = 64 if name == "pseries" else 32
    program = build_c("enters", bits, "big", tmp_path)
    with VM(Config(prompt=True, kernel=str(program), **MACHINES[name])) as vm:  # type: ignore[arg-type]
        vm.expect("ok ", BOOT)
        vm.send(": left-here 1234 ; boot\r")
        vm.expect("go goes back to it", BOOT)
        vm.expect("ok ")
        vm.send("left-here . .registers\r")
        vm.expect("1234")
        vm.expect("r31")
        vm.expect(OK)
        vm.send('dev /chosen " from the prompt" encode-string " note" property go\r')
        vm.expect("note: from the prompt", BOOT)
        vm.expect("sum 7")
        ending = vm.wait(BOOT)
        assert ending is not None and ending.reason is EndReason.EXIT
