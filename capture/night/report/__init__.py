"""The report of one night: a single HTML file with pictures, read over breakfast."""

from capture.night.report.facts import Check
from capture.night.report.page import write_report

__all__ = ["Check", "write_report"]
