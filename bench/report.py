"""What a benchmark found: samples, their medians, targets and whether they are met; as a table and as JSON."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Measurement", "Report", "Target", "format_value", "render"]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing measured on one subject.

    Attributes:
        what: the table's row.
        subject: the table's column: a firmware, or a size.
        unit: "s", "ms", "µs", "ns", "MB", "%" or "1/s".
        samples: one value a run, in the order of the runs.
    """

    what: str
    subject: str
    unit: str
    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure that counts."""
        return statistics.median(self.samples)


@dataclass(frozen=True, slots=True)
class Target:
    """A promise.

    Attributes:
        what: the table's row.
        value: a ratio of medians, or a median.
        limit: what it may be at most.
        unit: "×" for a ratio, else as in `Measurement`.
        against: what it is a ratio to; empty for a median.
    """

    what: str
    value: float
    limit: float
    unit: str = "×"
    against: str = ""

    @property
    def met(self) -> bool:
        """Whether it is kept."""
        return self.value <= self.limit

    def __str__(self) -> str:
        of = f" {self.against}" if self.against else ""
        verdict = "met" if self.met else "missed"
        return f"{format_value(self.value, self.unit)}{of} (at most {format_value(self.limit, self.unit)}: {verdict})"


@dataclass(slots=True)
class Report:
    """All that one benchmark found.

    Attributes:
        name: as on the command line.
        title: in words.
        measurements: in the order of the table's rows; its columns are the subjects in the order of their coming.
        targets: the promises; those of a row stand beside it.
        notes: what the reader must know.
    """

    name: str
    title: str
    measurements: list[Measurement] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, what: str, subject: str, unit: str, samples: Iterable[float]) -> None:
        """Add a measurement; without samples there is none."""
        values = tuple(samples)
        if values:
            self.measurements.append(Measurement(what, subject, unit, values))

    def median(self, what: str, subject: str) -> float | None:
        """The median of a measurement; None if it was not made."""
        for one in self.measurements:
            if (one.what, one.subject) == (what, subject):
                return one.median
        return None

    def expect_ratio(self, what: str, subject: str, against: str, limit: float) -> None:
        """Promise that a median is at most `limit` times another subject's."""
        value, other = self.median(what, subject), self.median(what, against)
        if value is not None and other:
            self.targets.append(Target(what, value / other, limit, "×", against))

    def expect(self, what: str, subject: str, limit: float, unit: str) -> None:
        """Promise that a median is at most `limit`."""
        value = self.median(what, subject)
        if value is not None:
            self.targets.append(Target(what, value, limit, unit))

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "title": self.title,
            "measurements": [
                {
                    "what": one.what,
                    "subject": one.subject,
                    "unit": one.unit,
                    "median": one.median,
                    "samples": list(one.samples),
                }
                for one in self.measurements
            ],
            "targets": [
                {
                    "what": one.what,
                    "value": one.value,
                    "limit": one.limit,
                    "unit": one.unit,
                    "against": one.against,
                    "met": one.met,
                }
                for one in self.targets
            ],
            "notes": list(self.notes),
        }


def format_value(value: float, unit: str) -> str:
    """A value with three digits that count, and its unit."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}{'' if unit == '×' else ' '}{unit}"


def render(report: Report) -> str:
    """The report in Markdown: a table of medians, with the targets beside them."""
    subjects = list(dict.fromkeys(one.subject for one in report.measurements))
    rows = list(dict.fromkeys(one.what for one in report.measurements))
    cells = {(one.what, one.subject): format_value(one.median, one.unit) for one in report.measurements}
    table = [["", *subjects, *(["target"] if report.targets else [])]]
    for row in rows:
        line = [row, *(cells.get((row, subject), "–") for subject in subjects)]
        if report.targets:
            line.append("; ".join(str(target) for target in report.targets if target.what == row))
        table.append(line)
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    left = {0, len(subjects) + 1}
    rule = ["-" * width if index in left else "-" * (width - 1) + ":" for index, width in enumerate(widths)]
    lines = [f"### {report.name}: {report.title}", ""]
    for line in (table[0], rule, *table[1:]):
        padded = [
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append(f"| {' | '.join(padded)} |")
    lines += ["", *(f"- {note}" for note in report.notes), *([""] if report.notes else [])]
    return "\n".join(lines)
