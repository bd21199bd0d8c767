"""A campaign's results: a table for people, and files of all of them."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from html import escape
from string import Template
from typing import Any

from vof.errors import UsageError
from vof.vm.campaign import Outcome

__all__ = ["table", "write_results"]

_COLUMNS = ("number", "label", "faults", "class", "struck", "calls", "console", "message", "last_calls", "seconds")


def table(outcomes: Sequence[Outcome]) -> str:
    """Classes with their numbers by configuration, and a line for each run in no good class.

    Nothing in it depends on how fast the host is.
    """
    labels = list(dict.fromkeys(outcome.case.label for outcome in outcomes))
    classes = [name for name, _ in Counter(outcome.name for outcome in outcomes).most_common()]
    classes.sort(key=lambda name: (-sum(outcome.name == name for outcome in outcomes), name))
    counts = Counter((outcome.case.label, outcome.name) for outcome in outcomes)
    rows = [["", *classes, "runs"]]
    for label in labels:
        numbers = [counts[label, name] for name in classes]
        rows.append([label, *map(str, numbers), str(sum(numbers))])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(_aligned(row, widths)).rstrip() for row in rows]
    rest = [outcome for outcome in outcomes if not outcome.good]
    if rest:
        lines.append("")
    for outcome in rest:
        what = ", ".join(outcome.case.faults) or outcome.case.label
        why = outcome.message or outcome.console
        lines.append(f"{outcome.case.number:>5}  {what}: {outcome.name}" + (f" ({why})" if why else ""))
    return "\n".join(lines) + "\n"


def write_results(path: str, name: str, outcomes: Sequence[Outcome]) -> None:
    """Write all results to a file, whose name says in what form.

    Raises:
        UsageError: it can't be written.
    """
    if path.endswith(".json"):
        text = json.dumps({"name": name, "runs": [_plain(outcome) for outcome in outcomes]}, indent=1) + "\n"
    elif path.endswith(".csv"):
        text = _csv(outcomes)
    else:
        text = _page(name, outcomes)
    try:
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"-o {path}: {error.strerror}") from None


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *rest = row
    return [first.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]


def _plain(outcome: Outcome) -> dict[str, Any]:
    return {
        "number": outcome.case.number,
        "label": outcome.case.label,
        "faults": list(outcome.case.faults),
        "class": outcome.name,
        "good": outcome.good,
        "struck": list(outcome.struck),
        "calls": outcome.calls,
        "counts": dict(outcome.counts),
        "console": outcome.console,
        "message": outcome.message,
        "last_calls": list(outcome.last_calls),
        "seconds": round(outcome.seconds, 3),
    }


def _csv(outcomes: Sequence[Outcome]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_COLUMNS)
    for outcome in outcomes:
        plain = _plain(outcome)
        cells = [plain[column] for column in _COLUMNS]
        writer.writerow(["\n".join(cell) if isinstance(cell, list) else cell for cell in cells])
    return buffer.getvalue()


def _page(name: str, outcomes: Sequence[Outcome]) -> str:
    counts = Counter((outcome.name, outcome.good) for outcome in outcomes)
    cards = "".join(
        f'<li class="{"good" if good else "bad"}"><b>{count}</b> {escape(kind)}</li>'
        for (kind, good), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    )
    rows = "".join(_row(outcome) for outcome in outcomes)
    return _PAGE.substitute(name=escape(name), runs=len(outcomes), cards=cards, rows=rows)


def _row(outcome: Outcome) -> str:
    calls, why = "\n".join(outcome.last_calls), outcome.message or outcome.console or "–"
    cells = (
        str(outcome.case.number),
        escape(outcome.case.label),
        escape(", ".join(outcome.case.faults)),
        escape(outcome.name),
        escape(", ".join(outcome.struck)),
        str(outcome.calls),
        f"<details><summary>{escape(why)}</summary><pre>{escape(calls)}</pre></details>",
    )
    return (
        f'<tr class="{"good" if outcome.good else "bad"}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
    )


_PAGE = Template("""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$name</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 80rem; padding: 0 1rem; }
ul { display: flex; flex-wrap: wrap; gap: .75rem; list-style: none; padding: 0; }
li { border: 1px solid; border-radius: .5rem; padding: .25rem .75rem; }
.good b, tr.good td:nth-child(4) { color: light-dark(#176b34, #6fd08c); }
.bad b, tr.bad td:nth-child(4) { color: light-dark(#a32020, #ff9b90); }
div { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: .25rem .75rem; }
th, td { text-align: left; vertical-align: top; }
td:first-child, td:nth-child(6) { text-align: right; }
pre { margin: .25rem 0; }
</style>
<h1>$name</h1>
<p>$runs runs</p>
<ul>$cards</ul>
<div tabindex="0"><table>
<thead><tr><th>run<th>machine<th>fault<th>class<th>what it did<th>calls<th>how it ended</tr></thead>
<tbody>
$rows</tbody></table></div>
</html>
""")
