"""Action patterns: `orders.create`, `orders.*` and `*` to the declared actions they stand for."""

from __future__ import annotations

from durwan.diagnostics import Diagnostic
from durwan.language.mistakes import names
from durwan.language.syntax import Pattern
from durwan.language.vocabulary import Vocabulary

_MOST_GROUPS = 32


class Patterns:
    """Expands patterns; those that match nothing go to `report`. The same list of patterns costs once."""

    def __init__(self, vocabulary: Vocabulary, report: list[Diagnostic]) -> None:
        self._vocabulary = vocabulary
        self._report = report
        self.all = tuple(sorted(vocabulary.actions))
        self._below: dict[str, list[str]] = {}
        for action in self.all:
            # An action of more parts than anyone writes is a group at its first ones only: the prefixes of a name take
            # room that grows with the square of its length.
            end = action.find(".")
            for _ in range(_MOST_GROUPS):
                if end < 0:
                    break
                self._below.setdefault(action[:end], []).append(action)
                end = action.find(".", end + 1)
        self._expanded: dict[tuple[str, ...], tuple[str, ...]] = {}

    def expand(self, patterns: tuple[Pattern, ...]) -> tuple[str, ...] | None:
        """All actions that one of the patterns matches, sorted; None where one of them is a mistake."""
        texts = tuple(pattern.text for pattern in patterns)
        known = self._expanded.get(texts)
        if known is not None:
            return known
        found = [self._match(pattern) for pattern in patterns]
        actions = {action for matched in found for action in matched or ()}
        if None in found:
            return None
        self._expanded[texts] = tuple(sorted(actions))
        return self._expanded[texts]

    def _match(self, pattern: Pattern) -> list[str] | None:
        text = pattern.text
        if text in self._vocabulary.actions:
            return [text]
        matched = list(self.all) if text == "*" else self._below.get(text[:-2]) if text.endswith(".*") else None
        if not matched:
            self._complain(pattern)
        return matched or None

    def _complain(self, pattern: Pattern) -> None:
        text, span, vocabulary = pattern.text, pattern.span, self._vocabulary
        group = text.endswith("*")
        if vocabulary.silent(text.rstrip("*").rstrip(".")) or (group and vocabulary.unread):
            return
        if group:
            near = vocabulary.nearest(text[:-2], self._below) if text != "*" else None
            self._report.append(names.pattern_matches_nothing(text, span, None if near is None else f"{near}.*"))
        elif text in self._below:
            self._report.append(names.action_is_group(text, span))
        else:
            near = vocabulary.nearest(text, vocabulary.actions)
            found = vocabulary.declared(text, but="action")
            if found is None:
                self._report.append(names.unknown_action(text, span, near))
            else:
                self._report.append(names.wrong_kind(span, found[0], "action", found[1], near=near))
