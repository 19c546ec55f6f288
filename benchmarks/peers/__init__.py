"""One file for each engine: how a careful user of that engine would have each workload decided.

A peer's module is imported in a process of its own only: several of them loaded into one have been seen to abort it.
"""
