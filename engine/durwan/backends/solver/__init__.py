"""Programs as formulas, for proofs and semantic differences: what is true of all requests, not of those we tried.

The formulas say no less than the reference evaluator: where something cannot be said exactly, they admit more requests
than there are. So what they rule out is ruled out, and what they find is shown to the reference evaluator first.
"""
