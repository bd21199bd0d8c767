"""`write_report`: the page, put together of its parts.

What is fixed is HTML, style and script, files beside this one. What a recording holds is in one block of data, gzip'd
and in base64, whose letters mean nothing to HTML: nothing has to be escaped, so `string.Template` does what a template
library would. The page says by its Content Security Policy that only the script and the style with these digests
count, and that nothing is loaded.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from string import Template

from vof.errors import UsageError
from vof.trace.diff import compare
from vof.trace.diff_text import comparison_lines
from vof.trace.history import History, read_history
from vof.trace.recording import Recording
from vof.trace.report.columns import Parting, columns

__all__ = ["SCRIPTS", "render", "write_report"]

SCRIPTS = (
    "base.js",
    "data.js",
    "decode.js",
    "list.js",
    "state.js",
    "timeline.js",
    "overview.js",
    "calls.js",
    "tree.js",
    "memory.js",
    "screen.js",
    "console.js",
    "details.js",
    "main.js",
)
"""The script's parts in their order; one scope, so that each sees what stands above it."""
_LEVEL = 6


def write_report(recording: Recording, out: Path, against: Recording | None = None) -> History:
    """Write the report of a recording.

    Args:
        recording: what to show.
        out: the file to write; one that is there is replaced.
        against: another run, to show where this one parts from it.

    Returns:
        What was shown.

    Raises:
        UsageError: the recording is damaged, or the file can't be written.
    """
    history = read_history(recording)
    page = render(history, recording.path.name, None if against is None else _parting(recording, against))
    try:
        out.write_bytes(page.encode())
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror}") from None
    return history


def render(history: History, name: str, parting: Parting | None = None) -> str:
    """The page.

    Args:
        history: what to show.
        name: the recording's name.
        parting: where it parts from another run, if it was compared with one.
    """
    text = json.dumps(columns(history, name, parting), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # What has no place in UTF-8 (half of a surrogate pair) comes from no guest's byte: it may become a question mark.
    data = gzip.compress(text.encode("utf-8", "replace"), _LEVEL, mtime=0)
    style = _part("page.css")
    script = '"use strict";\n' + "\n".join(_part(part) for part in SCRIPTS)
    return Template(_part("page.html")).substitute(
        style=style,
        script=script,
        style_digest=_digest(style),
        script_digest=_digest(script),
        data=base64.b64encode(data).decode("ascii"),
    )


def _parting(recording: Recording, against: Recording) -> Parting:
    comparison = compare(against, recording)
    lines = comparison_lines(comparison, (against, recording), everything=False)
    first = comparison.first
    return Parting(against.path.name, tuple(lines), -1 if first is None else first.bad.number)


def _part(name: str) -> str:
    return (files("vof.trace.report") / "parts" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
