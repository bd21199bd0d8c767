"""`pytest-vof`: boots as tests. Loaded by pytest where vof is installed; nothing of vof is imported until it is used.

def test_the_menu(vof_boot, vof_trace):
    vm = vof_boot(kernel="core.elf", drives=["disk.img"], engine="unicorn")
    vm.expect("GNU GRUB")
    vof_trace.assert_called("finddevice", text="/chosen")
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vof.trace.calls import CallLog
    from vof.tree import DeviceTree
    from vof.vm import VM
    from vof.vm.replay import Replayed
    from vof.vm.snapshots import Snapshot

__all__ = ["Booted", "Recorded", "Shared"]

_CALLS_SHOWN = 20
_CONSOLE_SHOWN = 40
_NEEDS = "qemu, unicorn or file:PATH"
_OPTIONS = (
    ("--vof-engine", "NAME", "the engine for boots that name none: qemu or unicorn"),
    ("--vof-qemu", "PROGRAM", "the QEMU for boots that name none"),
    ("--vof-artifacts", "DIR", "keep recording and report of each boot of a failed test in this folder"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; all of them begin with `--vof-`."""
    group = parser.getgroup("vof", "boots of PowerPC client programs")
    for name, value, text in _OPTIONS:
        group.addoption(name, metavar=value, default="", help=text)
    group.addoption("--vof-keep", action="store_true", help="keep those of tests that passed, too")


def pytest_configure(config: pytest.Config) -> None:
    """Check the options, and make the marker known."""
    config.addinivalue_line("markers", f"vof(needs=[...]): skip where something is missing: {_NEEDS}")
    engine = config.getoption("--vof-engine")
    if engine not in ("", "qemu", "unicorn"):
        raise pytest.UsageError(f"--vof-engine {engine}: there are qemu and unicorn")
    if config.getoption("--vof-keep") and not config.getoption("--vof-artifacts"):
        raise pytest.UsageError("--vof-keep needs a folder: --vof-artifacts DIR")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose marker names something that is missing, and say how to get it."""
    for marker in item.iter_markers("vof"):
        unknown = set(marker.kwargs) - {"needs"}
        if marker.args or unknown:
            raise pytest.UsageError(f"{item.nodeid}: the marker is vof(needs=[...])")
        for need in marker.kwargs.get("needs", ()):
            missing = _missing(need, item.config)
            if missing:
                pytest.skip(missing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show, of a test that failed, what its boots had on the console and called last."""
    report = yield
    booted = item.stash.get(_BOOTED, None)
    if booted is not None and call.when == "call":
        booted.failed = report.failed
        if report.failed:
            report.sections += booted.sections()
    return report


class Booted:
    """The machines of one test.

    Attributes:
        log: the calls of all of them.
        failed: whether the test has failed.
    """

    def __init__(self, item: pytest.Item, folder: Path) -> None:
        from vof.trace.calls import CallLog

        self.log: CallLog = CallLog()
        self.failed = False
        self._item = item
        self._folder = folder
        self._machines: list[VM] = []
        self._stack = ExitStack()

    def boot(self, **options: Any) -> VM:
        """Start a machine. It is ended with the test.

        Args:
            options: the fields of `vof.vm.Config`: `kernel`, `machine`, `engine`, `append`, `drives`, `inject`, …
        """
        from vof.vm import VM

        config = self._item.config
        for name in ("engine", "qemu"):
            if config.getoption(f"--vof-{name}") and name not in options:
                options[name] = config.getoption(f"--vof-{name}")
        for name in ("kernel", "initrd", "dtb", "bios"):
            if name in options:
                options[name] = os.fspath(options[name])
        options.setdefault("record", str(self._folder / f"boot{len(self._machines)}.vof"))
        vm = VM(**options)
        vm.listen(self.log)
        self._stack.enter_context(vm)
        self.add(vm)
        return vm

    def add(self, vm: VM) -> None:
        """Have a machine among those that a failing test shows."""
        self._machines.append(vm)
        number = len(self._machines) - 1
        for name in ("machine", "engine"):
            value = vm.config.profile.name if name == "machine" else vm.config.engine_name
            self._item.user_properties.append((f"vof-{name}{number or ''}", value))

    def sections(self) -> list[tuple[str, str]]:
        """What a failing test shows."""
        if not self._machines:
            return []
        lines = self.log.console.splitlines()[-_CONSOLE_SHOWN:]
        shown = [("vof console", "\n".join(line.rstrip() for line in lines))]
        shown.append(("vof calls", self.log.tail(_CALLS_SHOWN) or "none"))
        endings = [
            f"{vm.config.kernel}: {vm.ending.message if vm.ending else 'still running'}" for vm in self._machines
        ]
        shown.append(("vof machines", "\n".join([*endings, *map(str, self._kept())])))
        return shown

    def _kept(self) -> list[Path]:
        """Where reports are going to be."""
        recorded = [Path(vm.config.record) for vm in self._machines if vm.config.record]
        return [(self._artifacts() or path.parent) / f"{path.stem}.html" for path in recorded]

    def _artifacts(self) -> Path | None:
        folder = self._item.config.getoption("--vof-artifacts")
        return Path(folder) / _file_name(self._item.nodeid) if folder else None

    def close(self) -> None:
        """End all machines, and keep what shall be kept."""
        self._stack.close()
        if not self.failed and not self._item.config.getoption("--vof-keep"):
            return
        from vof.trace.recording import Recording
        from vof.trace.report import write_report

        for vm, page in zip([vm for vm in self._machines if vm.config.record], self._kept(), strict=True):
            recording = Path(vm.config.record)
            if recording.exists():
                page.parent.mkdir(parents=True, exist_ok=True)
                if page.parent != recording.parent:
                    shutil.copyfile(recording, page.with_suffix(".vof"))
                write_report(Recording.open(recording), page)


class Recorded:
    """A recorded boot, to assert on without a guest.

    Attributes:
        log: its calls and its console.
    """

    def __init__(self, path: Path) -> None:
        from vof.trace.calls import CallLog
        from vof.trace.recording import Recording

        self._recording = Recording.open(path)
        self.log: CallLog = CallLog(self._recording.events())

    @property
    def tree(self) -> DeviceTree:
        """The tree that the client found."""
        from vof.trace.lines import tree_of

        return tree_of(next(self._recording.boots())["tree"])

    def replay(self) -> Replayed:
        """Make its calls to today's firmware; `same` says whether all went as it was recorded."""
        from vof.vm.replay import replay

        return replay(self._recording)


class Shared:
    """Machines that were brought to a point once, and are put back there for each test."""

    def __init__(self) -> None:
        self._made: dict[object, tuple[VM, Snapshot]] = {}
        self._stack = ExitStack()

    def at(self, bring: Callable[[Callable[..., VM]], VM]) -> VM:
        """A machine at the point where `bring` leaves it; made at the first use.

        Args:
            bring: gets a function like `vof_boot`, and returns the machine.
        """
        if bring not in self._made:
            vm = bring(self._boot)
            self._made[bring] = (vm, vm.snapshot())
        vm, snapshot = self._made[bring]
        vm.restore(snapshot)
        return vm

    def _boot(self, **options: Any) -> VM:
        from vof.vm import VM

        for name in ("kernel", "initrd", "dtb", "bios"):
            if name in options:
                options[name] = os.fspath(options[name])
        return self._stack.enter_context(VM(**{"engine": "unicorn", **options}))

    def close(self) -> None:
        """End them."""
        self._stack.close()


@pytest.fixture
def _vof_booted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Booted]:
    booted = Booted(request.node, tmp_path)
    request.node.stash[_BOOTED] = booted
    yield booted
    booted.close()


@pytest.fixture
def vof_boot(_vof_booted: Booted) -> Callable[..., VM]:
    """Starts a machine: `vm = vof_boot(kernel=…, machine=…, engine=…, inject=[…], …)`, ended with the test.

    The options are those of `vof.vm.Config`. The machine has `expect`, `send`, `wait`, `on`, `inject`, `tree`, … It is
    recorded; when the test fails, its console and last calls are shown, and a report is kept.
    """
    return _vof_booted.boot


@pytest.fixture
def vof_trace(_vof_booted: Booted) -> CallLog:
    """The client calls of the test's machines so far: `assert_called`, `assert_not_called`, `calls`, `failed`, …"""
    return _vof_booted.log


@pytest.fixture
def vof_recording(request: pytest.FixtureRequest) -> Callable[[str | Path], Recorded]:
    """Opens a recorded boot, by a path from the test's folder: `log`, `tree`, `replay()`."""
    return lambda path: Recorded(request.path.parent / path)


@pytest.fixture(scope="session")
def _vof_shared() -> Iterator[Shared]:
    shared = Shared()
    yield shared
    shared.close()


@pytest.fixture
def vof_snapshot(_vof_shared: Shared, _vof_booted: Booted) -> Iterator[Callable[[Callable[..., VM]], VM]]:
    """A machine at a point that it was brought to once: `vm = vof_snapshot(to_menu)`, on the engine unicorn.

    `to_menu(boot)` boots it with a function like `vof_boot`, brings it to the point and returns it. Each test has it
    as it was there.
    """
    used: list[VM] = []

    def at(bring: Callable[[Callable[..., VM]], VM]) -> VM:
        vm = _vof_shared.at(bring)
        vm.listen(_vof_booted.log)
        _vof_booted.add(vm)
        used.append(vm)
        return vm

    yield at
    for vm in used:
        vm.ignore(_vof_booted.log)
        vm.clear_faults()
        vm.clear_hooks()


_BOOTED: pytest.StashKey[Booted] = pytest.StashKey()


def _missing(need: str, config: pytest.Config) -> str:
    """Why a test can't be run; "" if it can."""
    if need == "qemu":
        from vof.engines.qemu import find_qemu
        from vof.errors import UsageError

        try:
            find_qemu(config.getoption("--vof-qemu") or "qemu-system-ppc64")
        except UsageError as error:
            return str(error)
        return ""
    if need == "unicorn":
        from importlib.util import find_spec

        return "" if find_spec("unicorn") else "unicorn is not installed: pip install unicorn"
    kind, _, path = need.partition(":")
    if kind != "file" or not path:
        raise pytest.UsageError(f'the marker vof(needs=["{need}"]): a need is {_NEEDS}')
    found = Path(os.path.expandvars(path)).expanduser()
    return "" if found.exists() else f"{found} is missing"


def _file_name(node: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in node.replace("::", "--"))
