"""The nearest request that would be allowed: found by the solver, confirmed by the reference evaluator.

Run as a program, it answers one task in a process of its own; see `__main__`.
"""
