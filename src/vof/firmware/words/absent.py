"""Words of IEEE 1275's glossary that this firmware doesn't have, and why."""

from __future__ import annotations

__all__ = ["ABSENT"]

_ROWS = (
    ("+bp -bp --bp .bp bpoff .breakpoint .instruction .step", "a debugger of the client program is the engine's"),
    ("gos hop hops return skip step steps till", "the same"),
    ("dis +dis", "there is no disassembler; the engine's monitor or debugger has one"),
    ("code c; end-code label", "there is no assembler: definitions are compiled to Python"),
    ("debug (debug stepping tracing debug-off resume", "definitions are compiled to Python, which isn't stepped"),
    ("password security-password", "no password is asked for: who has the host has the machine"),
    ("group-code processor-type my-params >physical sbus-intr>cpu", "obsolete in 1994, and of SPARC"),
    ("adr-mask fcode-version probe probe-virtual", "obsolete in 1994"),
    ("return-buffer xmit-packet poll-packet", "obsolete in 1994; network devices have read and write"),
)

ABSENT: dict[str, str] = {name: reason for names, reason in _ROWS for name in names.split()}
"""Why, by name."""
