"""`python benchmarks/run.py [w1 w2 w3]`: see README.md."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # so that benchmarks is a package, wherever it is started
    from benchmarks.main import main

    main()
