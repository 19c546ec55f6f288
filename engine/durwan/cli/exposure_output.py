"""Exposures for people: a table of actions for each key, and what it comes to in plain words."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from durwan.diagnostics.terminal import visible
from durwan.model.values import format_instant
from durwan.workshop.request_drawing import draw_request

if TYPE_CHECKING:
    from durwan.cli.output import Output
    from durwan.diagnostics.terminal import Style
    from durwan.workshop.exposure import Exposure, Reach


def draw_exposures(found: Sequence[Exposure], refused: Collection[str], output: Output) -> str:
    """All that is known of the keys, one after the other; actions in `refused` are marked where they are possible."""
    lines: list[str] = []
    for exposure in found:
        lines += [*_drawn(exposure, refused, output), ""]
    if not output.quiet:
        lines.append(
            "possible with the key alone: no session, token or approvals; any address, time and facts that suit the"
            " thief; limits not used up"
        )
    return "\n".join(lines).rstrip("\n") + "\n"


def _drawn(exposure: Exposure, refused: Collection[str], output: Output) -> Iterator[str]:
    style = output.style
    yield style.paint(visible(exposure.key_id or "the key given"), "bold")
    width = max(map(len, exposure.actions))
    for reach in exposure.actions.values():
        yield _row(reach, width, style, is_refused=reach.action in refused)
        if reach.request is not None and output.verbose:
            yield from (f"      {line}" for line in draw_request(reach.request))
    if not output.quiet:
        yield from (f"  {note}" for note in notes(exposure))


def _row(reach: Reach, width: int, style: Style, *, is_refused: bool) -> str:
    if reach.possible is None:
        return f"  {style.paint('?', 'warning')} {reach.action:<{width}}  undecided: {visible(reach.because)}"
    if reach.possible:
        until = "" if reach.until is None else f"until {format_instant(reach.until)}"
        marked = style.paint("must not be", "bad") if is_refused else ""
        words = ", ".join(each for each in (marked, until) if each)
        return f"  {style.paint('✔', 'bad' if is_refused else 'warning')} {reach.action:<{width}}  {words}".rstrip()
    stopped = " and ".join(reach.stopped_by)
    also = f" (also {', '.join(reach.also_stopped_by)})" if reach.also_stopped_by else ""
    return f"  {style.paint('✘', 'good')} {reach.action:<{width}}  {stopped}{also}"


def notes(exposure: Exposure) -> Iterator[str]:
    """What the table comes to: how much is possible, from where, and for how long."""
    possible = exposure.possible
    if not possible:
        if not exposure.undecided:
            yield "nothing is possible with this key alone"
        return
    yield f"{len(possible)} of {len(exposure.actions)} actions are possible with this key alone"
    yield f"from any address: {_where(exposure)}"
    yield f"for how long: {_when(possible)}"


def _where(exposure: Exposure) -> str:
    anywhere = [reach.action for reach in exposure.possible if reach.elsewhere]
    unclear = [reach.action for reach in exposure.possible if reach.elsewhere is None]
    if len(anywhere) == len(exposure.possible):
        return "yes" if exposure.networks else "yes, the key has no allowlist"
    if unclear:
        return f"not known for {', '.join(unclear)}"
    allowlist = visible(", ".join(exposure.networks))
    return f"no, only from its allowlist: {allowlist}" if not anywhere else f"{', '.join(anywhere)}; not the others"


def _when(possible: Sequence[Reach]) -> str:
    ends = [reach.until for reach in possible if reach.until is not None]
    if not ends:
        return "without end"
    last = format_instant(max(ends))
    return f"until {last}" if len(ends) == len(possible) else f"until {last}, and some without end"
