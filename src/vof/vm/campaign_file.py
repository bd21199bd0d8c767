"""A campaign as a TOML file describes it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import Any

from vof.errors import UsageError
from vof.vm.campaign import Case, Class, Plan, pattern_of, random_faults, reference_run
from vof.vm.config import Config
from vof.vm.ending import EndReason

__all__ = ["Described", "read_campaign"]

_TOP = ("name", "clients", "matrix", "classes", "faults", "keys", "timeout", "machine-time", "calls")
_FAULTS = ("count", "seed", "of", "list")
_CLASS = ("name", "console", "ending", "good")
_OPTIONS = {each.name.replace("_", "-"): each.name for each in fields(Config)}
_FILES = ("kernel", "initrd", "dtb", "bios")
_SEQUENCES = ("numa", "drives", "extra", "sets", "inject")


@dataclass(frozen=True, slots=True)
class Described:
    """A campaign.

    Attributes:
        name: its title.
        plan: how runs are made and judged.
        configs: each configuration with its label.
        count, seed, of: how many faults, drawn by what, among which; no faults if `count` is 0.
        listed: faults that are named.
    """

    name: str
    plan: Plan
    configs: tuple[tuple[str, Config], ...]
    count: int = 0
    seed: int = 0
    of: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()

    @property
    def has_faults(self) -> bool:
        """Whether there are any."""
        return bool(self.count or self.listed)

    @property
    def class_names(self) -> set[str]:
        """The classes that it names."""
        return {each.name for each in self.plan.classes}

    def cases(self, count: int | None = None, seed: int | None = None) -> list[Case]:
        """Every run: each configuration by itself, or with each of its faults.

        Args:
            count, seed: in place of the file's.

        Raises:
            UsageError: a run without a fault, which faults are drawn from, comes to no good class.
        """
        count, seed = self.count if count is None else count, self.seed if seed is None else seed
        cases: list[Case] = []
        for label, config in self.configs:
            faults: list[tuple[str, ...]] = [(fault,) for fault in self.listed]
            if count:
                counts = dict(reference_run(self.plan, config, label).counts)
                faults += [(fault,) for fault in random_faults(counts, count, seed, self.of)]
            for each in faults or [()]:
                cases.append(Case(len(cases), label, config, each))
        return cases


def read_campaign(path: str) -> Described:
    """Read a file.

    Raises:
        UsageError: it can't be read, or says something impossible.
    """
    try:
        with open(path, "rb") as file:
            said = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is no TOML: {error}") from None
    try:
        return _described(said, Path(path).parent)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _described(said: dict[str, Any], folder: Path) -> Described:
    _check_keys(said, _TOP, "")
    faults = _table(said, "faults")
    _check_keys(faults, _FAULTS, "faults.")
    classes = tuple(_class(each) for each in _tables(said, "classes"))
    if not classes:
        raise UsageError(
            'no [[classes]]: what a run may come to, as in name = "menu", console = "GNU GRUB", good = true'
        )
    plan = Plan(
        classes,
        keys=_text(said, "keys", ""),
        timeout=_number(said, "timeout", 60.0),
        machine_time=_number(said, "machine-time", 60.0),
        calls=int(_number(said, "calls", 1_000_000)),
    )
    pattern_of(plan)
    listed = _texts(faults, "list")
    from vof.vm.faults import Fault

    for fault in listed:
        Fault.parse(fault)
    for what in _texts(faults, "of"):
        Fault.parse(what)
    return Described(
        _text(said, "name", "campaign"),
        plan,
        _configs(_tables(said, "clients"), _table(said, "matrix"), folder),
        count=int(_number(faults, "count", 0)),
        seed=int(_number(faults, "seed", 0)),
        of=_texts(faults, "of"),
        listed=listed,
    )


def _class(said: dict[str, Any]) -> Class:
    _check_keys(said, _CLASS, "classes.")
    ending = _text(said, "ending", "")
    if ending and ending not in list(EndReason):
        raise UsageError(f'classes.ending = "{ending}": a machine ends by {", ".join(EndReason)}')
    good = said.get("good", False)
    if not isinstance(good, bool):
        raise UsageError("classes.good is true or false")
    return Class(_text(said, "name", ending), _text(said, "console", ""), ending, good)


def _configs(
    clients: Sequence[dict[str, Any]], matrix: Mapping[str, Any], folder: Path
) -> tuple[tuple[str, Config], ...]:
    """Every client with every combination of the matrix."""
    if not clients:
        raise UsageError('no [[clients]]: what is booted, as in kernel = "core.elf"')
    axes: list[list[tuple[str, Any]]] = []
    for name, values in matrix.items():
        _check_keys({name: 0}, _OPTIONS, "matrix.")
        axes.append([(name, value) for value in (values if isinstance(values, list) else [values])])
    configs = []
    for client in clients:
        _check_keys(client, ("name", *_OPTIONS), "clients.")
        base = _config(client, folder)
        name = _text(client, "name", Path(base.kernel).name)
        for choice in product(*axes):
            label = " ".join([name, *(f"{option}={value}" for option, value in choice)])
            configs.append((label, replace(base, **_options(dict(choice), folder))))
    for _, config in configs:
        if not config.kernel:
            raise UsageError("a client without a kernel")
        _ = config.engine_name  # whether there are such a machine and engine
    return tuple(configs)


def _config(said: Mapping[str, Any], folder: Path) -> Config:
    options = _options({name: value for name, value in said.items() if name != "name"}, folder)
    config = Config(**options)
    # What repeats itself is what one wants here, where it can be had.
    return config if "clock" in options or config.engine_name != "unicorn" else replace(config, clock="virtual")


def _options(said: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for key, value in said.items():
        name = _OPTIONS[key]
        if name in _SEQUENCES:
            if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
                raise UsageError(f"{key} is a list of strings")
            options[name] = tuple(value)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            options[name] = str(folder / str(value)) if name in _FILES and value else str(value)
        else:
            raise UsageError(f"{key} is a string")
    if "drives" in options:
        options["drives"] = tuple(_drive(each, folder) for each in options["drives"])
    return options


def _drive(text: str, folder: Path) -> str:
    """A drive whose image is found from the campaign's folder. What runs there is thrown away."""
    words = text.split(",")
    for place, word in enumerate(words):
        if word.startswith("file=") or (place == 0 and "=" not in word):
            words[place] = f"file={folder / word.removeprefix('file=')}"
    if not any(word.startswith("snapshot=") for word in words):
        words.append("snapshot=on")
    return ",".join(words)


def _check_keys(said: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    known = list(known)
    for key in said:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(known)}"
            raise UsageError(f'unknown key "{where}{key}": {hint}')


def _table(said: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = said.get(name, {})
    if not isinstance(value, dict):
        raise UsageError(f"[{name}] is a table")
    return value


def _tables(said: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = said.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise UsageError(f"[[{name}]] is a list of tables")
    return value


def _text(said: Mapping[str, Any], name: str, default: str) -> str:
    value = said.get(name, default)
    if not isinstance(value, str):
        raise UsageError(f"{name} is a string")
    return value


def _texts(said: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = said.get(name, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UsageError(f"{name} is a list of strings")
    return tuple(value)


def _number(said: Mapping[str, Any], name: str, default: float) -> float:
    value = said.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise UsageError(f"{name} is a number, 0 or more")
    return value
