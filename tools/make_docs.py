"""Make the reference pages in docs/ from the tables that drive the program. A test compares them.

Usage: .venv/bin/python tools/make_docs.py [--check]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from vof.cli.commands import COMMANDS, load_command
from vof.cli.help import command_help, overview
from vof.firmware import SERVICES, Argument, Service
from vof.firmware.options import VARIABLES
from vof.firmware.osi.table import SELECTORS
from vof.firmware.words.absent import ABSENT
from vof.firmware.words.debugging import glossary
from vof.machines.papr import HYPERCALLS, RTAS_CALLS
from vof.machines.rtas import CALLS, NVRAM_SIZE

__all__ = ["PAGES", "main", "outdated"]

DOCS = Path(__file__).resolve().parent.parent / "docs"
MADE = "<!-- Made by tools/make_docs.py from the tables in the source: change those, then run it. -->\n"

CLI_INTRO = """\
# The command line

What QEMU has is spelled as QEMU spells it, with one dash or two; what is `vof`'s own has two. No option may be
abbreviated. A value may begin with a dash: `-append "-x"`. What follows `--` goes to QEMU as it is.

Messages go to the standard error stream and begin with `vof:`. The status is 0 if all went well, 1 if something failed,
2 if an option or a file can't be used, 128 and the signal's number if a signal ended `vof` (130 for Ctrl-C), 141 if
nobody reads the output any more; `vof boot` has some more.
"""
SERVICES_INTRO = """\
# Client services

What a client program can ask of the firmware, by the clauses that lay it down. Every cell has 32 bits. The value in the
column "fails with" is what the first result cell then holds; r3 is 0 even so. r3 is -1 only for a service that isn't
here, an argument block that is malformed, or a pointer that can't be read. "…" means that further cells may follow.
"""
HYPERVISOR_INTRO = """\
# The virtual hypervisor

What `pseries` has outside the guest on the unicorn engine, besides the client interface; under QEMU the hypervisor is
QEMU's. A hypercall has its number in r3 and its arguments in r4 and the registers behind it; r3 is the status. One that
isn't here is answered by H_FUNCTION (-2), and an RTAS call that isn't here by the status -3.
"""
GUEST_RTAS_INTRO = """\
# RTAS as guest code

[`pegasos2`](pegasos2.md) has no hypervisor that could answer calls when the firmware is gone. So its RTAS is code in
the guest (`src/vof/guest/rtas_pegasos2.S`), which traps to nobody. `instantiate-rtas` of `/rtas` puts it where the
client program wants it: 12 KiB of RAM on a word boundary. It may be instantiated again, elsewhere; NVRAM goes along.

It is called as CHRP and PAPR 7.2 have it: in real mode, r3 the argument block's address. r0, r3 … r12, CTR and XER
are lost, and all else comes back as it was. It needs no stack, and keeps its state behind the code: one CPU at a time
may be in it.

The status is 0, or

| status | when |
|---|---|
| 1 | there is no event |
| -1 | a device doesn't do what it should: the clock is never at rest, the machine stays on |
| -2 | the serial line takes no character now |
| -3 | no such call, or another count of arguments; an argument that is out of range |

A caller may have fewer result cells than the call gives, or more: what it has no room for is left out, and what the
call doesn't give is left alone. With a status other than 0 no other cell is written. A block with more than 16
arguments, or without a cell for the status, is left as it is.
"""
GUEST_RTAS_NOTES = f"""\
`address` of a PCI register is host bridge << 24 | bus << 16 | device << 11 | function << 8 | register. Host bridge 0
is `/pci@80000000` (the MV64361's second), any other `/pci@c0000000`; buses count from the host bridge's own. It has
to be a multiple of `width`.

Not here, and not in the tree: `set-time-for-power-on`, `set-power-level`, `suspend`, `hibernate`, `freeze-time-base`,
`start-cpu` and the other calls for more CPUs, `rtas-last-error`, the `ibm,` calls.

## NVRAM

The board has no NVRAM chip. RTAS keeps {NVRAM_SIZE} bytes in RAM behind its code, and `/nvram` says how many
(`#bytes`). From the start of RTAS, big-endian:

| offset | size | what |
|---|---|---|
| 0xfe0 | u32 | "vofn" |
| 0xfe4 | u32 | generation: odd while a store is under way |
| 0xfe8 | u32 | bytes of NVRAM |
| 0xfec | u32 | checksum: for each word, turn the sum left by a bit and add the word |
| 0x1000 | {NVRAM_SIZE} | NVRAM |

The host looks at it when the machine ends, Ctrl-C included but not `kill -9`, and when the firmware starts again. It
believes what has an even generation and the right checksum, and hands it to the next boot. `--nvram FILE` keeps it
from run to run: a line (`vof-nvram 1`), the SHA-256 of what follows, and the bytes. The file is replaced in one step,
by another that is wholly on disk. Where what the machine has can't be believed, the file keeps what it had, and that
is said. A file that is damaged is left alone until there is another to keep, and then renamed to `FILE.damaged`.
Nobody else is kept from the file: two machines at a time should have two.
"""
VARIABLES_INTRO = """\
# Configuration variables

What they are for is in [disks, networks and booting](disks.md#configuration-variables). A machine may have other
defaults: `real-mode?` is false on `generic` with `real-mode=off`, and `boot-device` its first disk. `nvramrc` is
run at power-on where `use-nvramrc?` is true ([Forth](forth.md)).
"""
WORDS_INTRO = """\
# Words

What the [prompt and `interpret`](forth.md) know, by name. Numbers are cells, texts an address and a count. Where a word
is defined by others, they are shown. `help NAME` and `see NAME` say the same at the prompt.
"""
ABSENT_INTRO = """\
## Absent

Words of IEEE 1275's glossary that throw -13 here; `help NAME` says why, too. All others of it are above, or behind an
FCode number.
"""
OSI_INTRO = """\
# Mac-on-Linux's calls

Every selector, as [`mol`](mol.md) answers it; `vof osi` lists them, too. A guest makes a call by `sc` with 0x113724fa
in r3, 0x77810f9b in r4 and the selector in r5. Arguments are in r6 and the registers behind it, results in r3 and those
behind it. A register that a call doesn't give is kept; structures are big-endian, pointers physical.

- **implemented**: every machine with these calls has it.
- **conditional**: it is there where its device is; `CALL_AVAILABLE` tells.
- **reserved**: nobody answers: r3 is 0. Beyond 99 not even r3 changes.

A pointer is checked with the whole length that goes with it, before anything is done; Mac-on-Linux looked at its first
byte alone. Where it leads outside RAM r3 is what the column "fails with" says, and the trace tells why.
"""
CLAUSES = {
    "1275 §6.3.2.1": "Client interface",
    "1275 §6.3.2.2": "Device tree",
    "1275 §6.3.2.3": "Device I/O",
    "1275 §6.3.2.4": "Memory",
    "1275 §6.3.2.5": "Control transfer",
    "1275 §6.3.2.6": "User interface",
    "1275 §6.3.2.7": "Time",
}


def cli_page() -> str:
    """Every command's help."""
    parts = [CLI_INTRO, _verbatim("vof --help", overview())]
    parts += [f"## vof {name}\n\n{_verbatim('', command_help(name, load_command(name)))}" for name in COMMANDS]
    return "\n".join(parts)


def _verbatim(command: str, text: str) -> str:
    head = f"$ {command}\n" if command else ""
    return f"```text\n{head}{text}```\n"


def services_page() -> str:
    """Every client service, in the order of the clauses."""
    clauses = sorted({row.clause for row in SERVICES.values()}, key=lambda clause: (clause not in CLAUSES, clause))
    parts = [SERVICES_INTRO]
    for clause in clauses:
        parts.append(f"## {CLAUSES[clause]} ({clause})\n" if clause in CLAUSES else f"## {clause}\n")
        parts.append("| service | arguments | results | fails with | what it does |\n|---|---|---|---|---|")
        parts += [_row(row) for row in SERVICES.values() if row.clause == clause]
        parts.append("")
    return "\n".join(parts)


def hypervisor_page() -> str:
    """Every hypercall and RTAS call."""
    parts = [
        HYPERVISOR_INTRO,
        "## Hypercalls\n",
        "| number | name | arguments | what it does | clause |\n|---|---|---|---|---|",
    ]
    for number in sorted(HYPERCALLS):
        call = HYPERCALLS[number]
        parts.append(f"| {number:#x} | {call.name} | {_names(call.arguments)} | {call.summary} | {call.clause} |")
    parts += ["", "## RTAS calls\n", "| name | arguments | results | what it does | clause |\n|---|---|---|---|---|"]
    for name, row in RTAS_CALLS.items():
        results = _names(("status", *row.results))
        parts.append(f"| `{name}` | {_names(row.arguments)} | {results} | {row.summary} | {row.clause} |")
    return "\n".join([*parts, ""])


def rtas_page() -> str:
    """Every RTAS call of the guest's own, and its NVRAM."""
    parts = [
        GUEST_RTAS_INTRO,
        "## Calls\n",
        "| token | name | arguments | results behind the status | what it does | clause |\n|---|---|---|---|---|---|",
    ]
    for call in CALLS:
        cells = (f"`{call.name}`", _names(call.arguments), _names(call.results), call.summary, call.clause)
        parts.append(f"| {call.token} | {' | '.join(cells)} |")
    return "\n".join([*parts, "", GUEST_RTAS_NOTES])


def osi_page() -> str:
    """Every one of Mac-on-Linux's calls."""
    parts = [
        OSI_INTRO,
        "| no | name | status | device | arguments | results | fails with | what it does |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in SELECTORS.values():
        fails = str(row.failure) if row.device else ""
        cells = (f"`{row.name}`", row.status.value, row.device, _names(row.arguments), _names(row.results), fails)
        parts.append(f"| {row.number} | {' | '.join(cells)} | {row.summary} |")
    return "\n".join(parts) + "\n"


def variables_page() -> str:
    """Every configuration variable."""
    parts = [VARIABLES_INTRO, "| name | kind | default | what for | clause |\n|---|---|---|---|---|"]
    for row in VARIABLES.values():
        default = f"`{row.default}`" if row.default else ""
        parts.append(f"| `{row.name}` | {row.kind} | {default} | {row.meaning} | {row.clause} |")
    return "\n".join(parts) + "\n"


def words_page() -> str:
    """Every word of Forth and of the firmware."""
    parts = [WORDS_INTRO, "| word | stack | what it does | clause |\n|---|---|---|---|"]
    for word in glossary():
        what = word.summary or (f"`{word.text}`" if word.text else "")
        cells = (f"`{word.name}`", f"`{word.effect}`", what, word.clause)
        parts.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    parts += ["", ABSENT_INTRO, "| word | why |\n|---|---|"]
    parts += [f"| `{name}` | {ABSENT[name]} |" for name in sorted(ABSENT)]
    return "\n".join(parts) + "\n"


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _row(row: Service) -> str:
    failure = "" if row.failure is None else str(row.failure)
    cells = (f"`{row.name}`", _cells(row.arguments, row), _cells(row.results, row), failure, row.summary)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _cells(cells: Sequence[Argument], row: Service) -> str:
    words = [f"`{cell.name}` ({cell.kind})" for cell in cells]
    return ", ".join([*words, "…"] if row.variadic else words)


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "hypervisor.md": hypervisor_page,
    "osi.md": osi_page,
    "rtas.md": rtas_page,
    "services.md": services_page,
    "variables.md": variables_page,
    "words.md": words_page,
}
"""Every page that is made, by its name in docs/."""


def outdated() -> list[str]:
    """Return the names of the pages that aren't what the tables say."""
    stale = []
    for name, page in PAGES.items():
        path = DOCS / name
        if not path.exists() or path.read_text() != MADE + page():
            stale.append(name)
    return stale


def main(arguments: Sequence[str]) -> int:
    """Write the pages that are outdated; with --check, only name them."""
    stale = outdated()
    for name in stale:
        if "--check" not in arguments:
            (DOCS / name).write_text(MADE + PAGES[name]())
        print(f"docs/{name}")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
