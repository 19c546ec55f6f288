"""What depends on what: an order in which everything comes after what it needs, and the cycles that prevent one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence


def order_dependencies(needs: Mapping[str, Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """The names of `needs`, each after all that it needs; and the cycles, each beginning where it is first declared.

    Needed names that are no key are ignored. Of cycles that share a name only the first is returned: breaking it may
    well break the others. Nothing recurses, so a chain may be of any length.
    """
    done: dict[str, None] = {}
    cycles: list[list[str]] = []
    cyclic: set[str] = set()
    positions = {name: index for index, name in enumerate(needs)}
    for root in needs:
        if root in done:
            continue
        # `path` is the way down, as an ordered set; `pending` has, for each name on it, what is still to be visited.
        path: dict[str, int] = {root: 0}
        pending: list[Iterator[str]] = [iter(needs[root])]
        while pending:
            name = next(pending[-1], None)
            if name is None:
                pending.pop()
                done[path.popitem()[0]] = None
            elif name in path:
                cycle = list(path)[path[name] :]
                if cyclic.isdisjoint(cycle):
                    start = min(range(len(cycle)), key=lambda index: positions[cycle[index]])
                    cycles.append([*cycle[start:], *cycle[:start]])
                    cyclic.update(cycle)
            elif name in needs and name not in done:
                path[name] = len(path)
                pending.append(iter(needs[name]))
    return list(done), cycles
