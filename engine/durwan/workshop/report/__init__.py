"""The report for auditors: who can do what, what is proved, what was tested, what needs somebody's attention.

`make_report` puts together what other parts of the workshop found out, as plain data; `report_page` makes of it one
HTML file that stands alone, and `report_form` makes of it JSON. The same evidence gives the same bytes.
"""

from durwan.workshop.report.content import Origin, Report
from durwan.workshop.report.making import Evidence, make_report, report_form
from durwan.workshop.report.page import report_page

__all__ = ["Evidence", "Origin", "Report", "make_report", "report_form", "report_page"]
