"""From what was measured to what is said of each key: proposals first, and findings once these were checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from durwan.model.address import AddressRange, parse_network
from durwan.workshop.least_privilege import networks, scopes
from durwan.workshop.least_privilege.checking import Checked, Proposal
from durwan.workshop.least_privilege.findings import KeyUse
from durwan.workshop.least_privilege.holders import Holder, Holders
from durwan.workshop.least_privilege.measuring import Measures
from durwan.workshop.least_privilege.networks import EXACT, Prefix
from durwan.workshop.least_privilege.scopes import Removals, Scopes
from durwan.workshop.least_privilege.tally import NEVER, Tally, Use, packed

_DAY = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What a log has to have before anything is said of a key.

    Attributes:
        requests: so many of its requests that were not refused.
        days: so many days, from the beginning of the log, or from when the key was made, to the end of the log.
        prefix: to which prefixes addresses are rounded up.
        keeps_refusals: whether also what is refused has to be refused as it is.
    """

    requests: int = 100
    days: float = 14
    prefix: Prefix = EXACT
    keeps_refusals: bool = False


class Judge:
    """Says of each key what it was used for.

    Args:
        holders: the keys.
        measures: what the first reading found.
        demands: what has to be there.
        counted: the scopes by which limits tell requests apart.
    """

    def __init__(self, holders: Holders, measures: Measures, demands: Demands, counted: Scopes) -> None:
        self._holders = holders
        self._demands = demands
        self._measures = measures
        self._counted = counted
        self._missed = self._sets_missed()
        self._effects = _by_name(measures.effects)
        self._unclear = _counts(measures.unclear)
        self._unseen = _counts(measures.unseen)
        self._addresses = self._seen()
        self._doubts = [self._doubt(number, holder) for number, holder in enumerate(holders.all)]
        self._proposals = {number: self._proposal(number) for number, doubt in enumerate(self._doubts) if not doubt}

    def _sets_missed(self) -> dict[int, dict[Scopes, Use]]:
        found: dict[int, dict[Scopes, Use]] = defaultdict(dict)
        for (number, turn), use in self._measures.missed.items():
            tried = self._tried(number)
            found[number][tried[turn]] = use
        return found

    def _tried(self, number: int) -> tuple[Scopes, ...]:
        taken = self._holders.all[number].removals
        return () if taken is None else taken.tried()

    def _seen(self) -> dict[int, list[tuple[AddressRange, Use]]]:
        found: dict[int, list[tuple[AddressRange, Use]]] = defaultdict(list)
        for (number, address), use in self._measures.addresses.items():
            prefix = self._measures.addresses.prefix_of(number)
            found[number].append((prefix.around(packed(address)), use))
        return found

    # ------------------------------------------------------------------------------------------------- proposals

    def proposals(self) -> dict[int, Proposal]:
        """What keys could have instead, of those of which the log says enough, and which could have less."""
        all_ = self._holders.all
        return {number: each for number, each in self._proposals.items() if self._is_less(all_[number], each)}

    def _proposal(self, number: int) -> Proposal:
        holder = self._holders.all[number]
        taken = holder.removals
        held = None if taken is None else taken.necessary(self._missed.get(number, {})) | self._kept(taken)
        if holder.granted is None:
            return Proposal(scopes=held, networks=None)
        if self._unseen.get(number):
            return Proposal(scopes=held, networks=holder.granted)
        seen = [each for each, _ in self._addresses.get(number, ())]
        return Proposal(scopes=held, networks=networks.covering(holder.granted, seen, self._demands.prefix))

    def _kept(self, taken: Removals) -> Scopes:
        """What limits read is kept: without it, others might be used up, which nobody can see here."""
        return self._holders.schema.held(self._counted & taken.held)

    @staticmethod
    def _is_less(holder: Holder, proposal: Proposal) -> bool:
        return (proposal.scopes, proposal.networks) != (holder.held, holder.granted)

    def _doubt(self, number: int, holder: Holder) -> str:
        """Why the log does not say enough of a key; empty where it does."""
        begin, end = self._measures.totals.first, self._measures.totals.last
        effects = self._effects.get(number, {})
        granted = sum(use.count for effect, use in effects.items() if effect != "deny")
        days = 0.0 if begin is None or end is None else (end - max(begin, holder.created or begin)) / _DAY
        if self._unclear.get(number):
            masked = ", ".join(sorted(self._measures.totals.masks))
            return f"{self._unclear[number]:,} of its requests cannot be decided again: the log masks {masked}"
        if not effects and self._measures.totals.masks["key.id"]:
            return "the log masks the ids of keys"
        if days < self._demands.days:
            return f"the log tells of {max(days, 0.0):.1f} days of it, and {self._demands.days:g} are asked for"
        asked_for = max(self._demands.requests, 1)
        if effects and granted < asked_for:
            return f"{granted:,} of its requests were not refused, and {asked_for:,} are asked for"
        return ""

    # -------------------------------------------------------------------------------------------------- findings

    def keys(self, checked: Checked) -> Iterator[KeyUse]:
        """What is said of each key."""
        for number, holder in enumerate(self._holders.all):
            doubt, effects = self._doubts[number], self._effects.get(number, {})
            if doubt or not effects:
                state = "undecided" if doubt else "unused"
                yield self._unjudged(number, holder, state, doubt)
            else:
                yield self._judged(number, holder, checked)

    def _unjudged(self, number: int, holder: Holder, state: str, because: str) -> KeyUse:
        return KeyUse(
            id=holder.id,
            state="undecided" if state == "undecided" else "unused",
            because=because,
            effects=self._effects.get(number, {}),
            scopes=self._scopes(number, holder),
            networks=self._networks(number, holder),
        )

    def _judged(self, number: int, holder: Holder, checked: Checked) -> KeyUse:
        proposal = checked.proposals.get(number) or _as_today(holder)
        taken = holder.removals
        enough_scopes = (
            None if taken is None or proposal.scopes is None
            else scopes.written(self._holders.schema, proposal.scopes, taken.given)
        )  # fmt: skip
        enough_networks = None if holder.networks is None else _written(holder, proposal)
        is_kept = number in checked.kept
        is_less = (taken is not None and enough_scopes != taken.given) or enough_networks != holder.networks
        return KeyUse(
            id=holder.id,
            state="kept" if is_kept else "narrower" if is_less else "least",
            because="with less, some of its requests would be answered otherwise" if is_kept else "",
            effects=self._effects[number],
            scopes=self._scopes(number, holder),
            enough_scopes=None if is_kept else enough_scopes,
            counted_scopes=() if taken is None else tuple(sorted(self._counted & taken.held)),
            is_least=proposal.is_least,
            networks=self._networks(number, holder),
            enough_networks=None if is_kept else enough_networks,
            networks_because=self._hidden(number, proposal),
            addresses=len(self._addresses.get(number, ())),
            seen_by=""
            if self._measures.addresses.prefix_of(number) == EXACT
            else str(self._measures.addresses.prefix_of(number)),
            refused_otherwise=checked.otherwise.get(number, 0),
        )

    def _hidden(self, number: int, proposal: Proposal) -> str:
        """Why nothing is said of the networks of a key; empty where something is."""
        count = self._unseen.get(number, 0)
        if count:
            return f"the addresses of {count:,} of its requests are not in the log"
        is_kept = proposal.networks != self._proposals[number].networks
        return "with fewer, some of its requests would be answered otherwise" if is_kept else ""

    def _scopes(self, number: int, holder: Holder) -> dict[str, Use]:
        if holder.removals is None:
            return {}
        missed = self._missed.get(number, {})
        return {scope: missed.get(rest, NEVER) for scope, rest in holder.removals.without_given.items()}

    def _networks(self, number: int, holder: Holder) -> dict[str, Use]:
        seen = self._addresses.get(number, ())
        return {text: sum((use for each, use in seen if _meets(text, each)), NEVER) for text in holder.networks or ()}


def _as_today(holder: Holder) -> Proposal:
    return Proposal(scopes=holder.held, networks=holder.granted)


def _written(holder: Holder, proposal: Proposal) -> tuple[str, ...]:
    given = holder.networks or ()
    if proposal.networks is None or proposal.networks == holder.granted:
        return given
    return networks.written(proposal.networks, given)


def _meets(text: str, seen: AddressRange) -> bool:
    span = parse_network(text)
    same_family = span is not None and len(span.first) == len(seen.first)
    return span is not None and same_family and span.first <= seen.last and seen.first <= span.last


def _by_name(tally: Tally) -> dict[int, dict[str, Use]]:
    found: dict[int, dict[str, Use]] = defaultdict(dict)
    for (number, name), use in tally.items():
        found[number][name] = use
    return found


def _counts(tally: Tally) -> Mapping[int, int]:
    return {number: use.count for (number,), use in tally.items()}


__all__ = ["Demands", "Judge"]
