"""The floors of docs/architecture.md: who may import whom, and where the outside world may be touched."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src"

FLOORS = {
    "vof.cli": 6,
    "vof.pytest_plugin": 6,
    "vof.vm": 5,
    "vof.engines": 4,
    "vof.backends": 4,
    "vof.machines": 4,
    "vof.trace": 4,
    "vof.firmware": 3,
    "vof.forth": 2,
    "vof.packages": 2,
    "vof.loaders": 2,
    "vof.pci": 2,
    "vof.tree": 1,
    "vof.memory": 1,
    "vof.rom": 1,
    "vof.errors": 0,
    "vof.events": 0,
    "vof.outcomes": 0,
    "vof.ports": 0,
    "vof.version": 0,
}
ROOF = {"vof", "vof.__main__"}  # above all floors: the public names and `python -m vof`
SHARED_FLOOR = 0  # single modules of words, which may use each other's; elsewhere a neighbour is out of reach
PURE_FLOORS = range(4)  # the firmware: files, processes, threads and clocks reach it through ports alone

OUTSIDE = {
    *("fcntl", "glob", "importlib", "io", "mmap", "os", "pathlib", "shutil", "tempfile"),  # files
    *("concurrent", "ctypes", "multiprocessing", "signal", "subprocess"),  # processes
    *("_thread", "asyncio", "threading"),
    *("http", "select", "selectors", "socket", "socketserver", "ssl", "urllib"),
    *("pty", "termios", "tty"),
    *("random", "secrets", "time"),  # what differs from run to run
}
OUTSIDE_BUT_PURE = {("io", "BytesIO"), ("io", "StringIO")}  # memory with a file's face, for parsers that want one

DISTRIBUTIONS = {
    "elftools": "pyelftools",
    "qemu": "qemu.qmp",
    "PIL": "pillow",
}  # where the import's name is not the distribution's
PLUGIN_MAY_IMPORT = {"pytest"}  # whoever loads the plugin has it


@dataclass(frozen=True, slots=True)
class Import:
    """One name that a module takes from another; `name` is empty for `import module`."""

    module: str
    name: str
    line: int


def imports(source: str, module: str, *, package: bool) -> Iterator[Import]:
    """Yield all imports of a module, those in functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, "", node.lineno)
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                parts = module.split(".")
                above = node.level - 1 if package else node.level
                origin = ".".join([*parts[: len(parts) - above], *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(origin, alias.name, node.lineno)


def calls_of_open(source: str) -> Iterator[int]:
    """Yield the lines that call the builtin `open`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open":
            yield node.lineno


def room(module: str) -> str:
    """Return the package (or single module) of the floors table that a module belongs to."""
    return module if module in ROOF else ".".join(module.split(".")[:2])


def violations(modules: Mapping[str, str], declared: Iterable[str], packages: Iterable[str] = ()) -> list[str]:
    """Return what breaks the rules: `modules` maps names to sources, `packages` are those that hold others."""
    known, holders, allowed = set(modules), set(packages), set(declared)
    found: list[str] = []
    for module, source in sorted(modules.items()):
        home = room(module)
        if home not in FLOORS and home not in ROOF:
            found.append(f"{module}: {home} stands on no floor; add it to FLOORS and to docs/architecture.md")
            continue
        found += [
            f"{module}:{taken.line}: {reason}"
            for taken in imports(source, module, package=module in holders)
            if (reason := _complaint(home, taken, known, allowed))
        ]
        if FLOORS.get(home) in PURE_FLOORS:
            found += [f"{module}:{line}: opens a file; floors 0 to 3 use ports" for line in calls_of_open(source)]
    return found


def _complaint(home: str, taken: Import, known: set[str], declared: set[str]) -> str | None:
    top = taken.module.split(".")[0]
    if top == "vof":
        full = f"{taken.module}.{taken.name}"
        return _upward(home, room(full if taken.module == "vof" and _is_room(full, known) else taken.module))
    if top in sys.stdlib_module_names:
        pure = FLOORS.get(home) in PURE_FLOORS
        if pure and top in OUTSIDE and (taken.module, taken.name) not in OUTSIDE_BUT_PURE:
            hint = " (from io import BytesIO is fine)" if top == "io" else ""
            return f"imports {taken.module}; floors 0 to 3 touch nothing outside but through ports{hint}"
        return None
    if home == "vof.pytest_plugin" and top in PLUGIN_MAY_IMPORT:
        return None
    if _canonical(DISTRIBUTIONS.get(top, top)) not in {_canonical(name) for name in declared}:
        return f"imports {top}, which pyproject.toml doesn't declare"
    return None


def _is_room(name: str, known: set[str]) -> bool:
    return name in FLOORS or name in known


def _upward(home: str, target: str) -> str | None:
    if home in ROOF or target == home:
        return None
    if target in ROOF:
        return f"imports {target}, which stands above all floors"
    if target not in FLOORS:
        return f"imports {target}, which stands on no floor"
    if FLOORS[target] > FLOORS[home]:
        return f"imports {target} (floor {FLOORS[target]}) from floor {FLOORS[home]}: upward"
    if FLOORS[target] == FLOORS[home] != SHARED_FLOOR:
        return f"imports its neighbour {target}; both stand on floor {FLOORS[home]}"
    return None


def _canonical(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()


def declared_dependencies() -> set[str]:
    """Return the distributions that a user of vof gets or may ask for; not the test tools."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {})
    lines = [*project["dependencies"], *(line for extra in extras.keys() - {"dev", "pytest"} for line in extras[extra])]
    return {re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in lines}


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_the_house_keeps_its_floors() -> None:
    files = {module_name(path): path for path in SOURCE.glob("vof/**/*.py")}
    assert "vof" in files
    sources = {module: path.read_text() for module, path in files.items()}
    holders = {module for module, path in files.items() if path.name == "__init__.py"}
    assert violations(sources, declared_dependencies(), holders) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("vof.firmware.boot", "from vof.memory import Claims\nfrom ..tree.node import Node\nfrom . import services"),
        ("vof.firmware", "from .services import TABLE"),
        ("vof.events", "from vof.errors import VofError"),
        ("vof.loaders.elf", "from io import BytesIO\nfrom elftools.elf.elffile import ELFFile"),
        ("vof.loaders.elf", "import struct, dataclasses\nfrom vof import errors"),
        ("vof.engines.qemu.process", "import os, subprocess\nfrom qemu.qmp import QMPClient"),
        ("vof.engines.qemu.process", "from vof.engines import common"),
        ("vof.cli.boot", "from vof.vm import VM\nfrom vof.trace import strace"),
        ("vof.pytest_plugin", "import pytest"),
        ("vof.__main__", "from vof.cli import main"),
        ("vof", "from vof.vm import VM"),
    ],
)
def test_what_is_allowed(module: str, source: str) -> None:
    assert violations({module: source}, {"pyelftools", "qemu.qmp"}, {"vof", "vof.firmware"}) == []


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("vof.tree.node", "from vof.firmware import OpenFirmware", "upward"),
        ("vof.tree.node", "from ..firmware import OpenFirmware", "upward"),
        ("vof.tree.node", "from .. import firmware", "upward"),
        ("vof.tree", "from ..vm import VM", "upward"),
        ("vof.tree.node", "def late():\n    import vof.cli", "upward"),
        ("vof.tree.node", "from vof import VM", "above all floors"),
        ("vof.tree.node", "import vof", "above all floors"),
        ("vof.tree.node", "from vof.memory import Memory", "neighbour"),
        ("vof.engines.qemu", "from vof.backends.terminal import Terminal", "neighbour"),
        ("vof.machines.pseries", "import vof.engines.qemu", "neighbour"),
        ("vof.trace.strace", "from vof.surprise import x", "no floor"),
        ("vof.surprise", "", "no floor"),
        ("vof.surprise.inner", "", "no floor"),
        ("vof.firmware.services", "import time", "through ports"),
        ("vof.firmware.services", "from os import path", "through ports"),
        ("vof.packages.disk", "import concurrent.futures", "through ports"),
        ("vof.loaders.elf", "from io import open", "through ports"),
        ("vof.loaders.elf", "import io", "through ports"),
        ("vof.forth.engine", "def late():\n    return open('x')", "opens a file"),
        ("vof.loaders.elf", "import lief", "doesn't declare"),
        ("vof.cli.boot", "import pytest", "doesn't declare"),
    ],
)
def test_what_is_caught(module: str, source: str, complaint: str) -> None:
    (found,) = violations({module: source}, {"pyelftools", "qemu.qmp"}, {"vof", "vof.tree", "vof.engines.qemu"})
    assert found.startswith(module) and complaint in found


def test_the_dependencies_are_read_from_the_project_file() -> None:
    assert {"pyelftools", "qemu.qmp"} <= declared_dependencies()
    assert "pytest" not in declared_dependencies()
