"""Reference evaluator and columns on random programs and requests: they must agree on everything but deadlines.

Run as a program for the long version: `python -m tests.columns_differential --pairs 1000000`.
"""

from __future__ import annotations

import argparse
import sys
import time
from random import Random

from durwan.backends.columns.batch import batch_of
from durwan.backends.columns.evaluator import ColumnsEvaluator
from durwan.program import reference
from tests.differential import KEYS, DisagreementError
from tests.generators.programs import NOW, generate_program
from tests.generators.requests import generate_request

REQUESTS = 500


def compare(seed: int, requests: int = REQUESTS) -> tuple[int, int]:
    """Decides the requests of one program by both; how many there were, and how many columns could not hold."""
    random = Random(seed)
    program = generate_program(seed)
    asked = [{"now": NOW} | generate_request(random) for _ in range(requests)]
    batch = batch_of(asked, program.schema, KEYS.get)
    evaluator = ColumnsEvaluator(program)
    decided = [ColumnsEvaluator(program, parting=parting).decide(batch) for parting in (False, True)]
    if not decided[0].equals(decided[1]):
        raise DisagreementError(f"seed {seed}: parted by action and whole they differ\n{decided}")
    codes: list[int] = evaluator.codes(batch).to_list()
    beyond = set(batch.beyond)
    for row, (request, got) in enumerate(zip(asked, evaluator.explained(batch), strict=True)):
        if row in beyond:
            continue
        wanted = reference.decide(program, request, clock=lambda: NOW, keys=KEYS.get).outcome
        if got != wanted or evaluator.outcomes[codes[row]].rule != wanted.rule:
            raise DisagreementError(f"seed {seed}\nrequest {request!r}\nwanted {wanted!r}\ngot    {got!r}\n{program!r}")
    return requests, len(beyond)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began, done, beyond, seed = time.monotonic(), 0, 0, arguments.seed
    while done < arguments.pairs:
        pairs, outside = compare(seed)
        done, beyond, seed = done + pairs, beyond + outside, seed + 1
        if seed % 50 == 0:
            sys.stderr.write(f"\r{done:,} pairs, {beyond} beyond columns, {done / (time.monotonic() - began):.0f}/s")
    sys.stdout.write(f"\n{done:,} pairs agree; {beyond} of them beyond columns\n")


if __name__ == "__main__":
    main()
