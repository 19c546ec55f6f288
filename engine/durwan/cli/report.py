"""`policy-check report [PATH] -o FILE`: one page for auditors on who can do what, what is proved, what is tested."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durwan import __version__
from durwan.cli import arguments as options
from durwan.cli.assumptions import read_assumptions
from durwan.cli.coverage_output import coverage_of
from durwan.cli.exits import GOOD, UsageError
from durwan.cli.findings import write_broken, write_mistaken_keys
from durwan.cli.given_keys import given_keys
from durwan.cli.reading import clock_of, compile_set, root_of
from durwan.workshop.proving import prove
from durwan.workshop.report import Evidence, Origin, make_report, report_form, report_page
from durwan.workshop.verification import verify

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  policy-check report policies/ -o report.html
  policy-check report policies/ --ref v1.4.0 --now 2026-03-31T00:00:00Z -o report.html
  policy-check report policies/ --keys keys.json -f json -o report.json
"""
