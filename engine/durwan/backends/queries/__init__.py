"""What remains of a decision once part of a request is known, as a query over a table that has the rest.

Start reading at `filter.py`.
"""
