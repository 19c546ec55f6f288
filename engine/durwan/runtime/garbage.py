"""Building what is large without looking for garbage meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def without_collecting() -> Generator[None]:
    """A program is made of millions of objects, none of which is garbage: looking for some would double the time.

    Where several threads do so at once, the first that ends turns the collector on again, which costs the others time
    and nothing else.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
