"""Side by side with the engines a user would pick instead; `python benchmarks/run.py` runs it all."""
