"""The report: a recording as one HTML page that needs nothing else."""

from vof.trace.report.page import write_report

__all__ = ["write_report"]
