"""Suggested cases as a test file, for a person to complete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from durwan.diagnostics.terminal import located
from durwan.workshop.coverage import Target
from durwan.workshop.merging import merge
from durwan.workshop.suggesting import Suggestion, Suggestions

_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
# Words that some reader of YAML takes for something else than text.
_TAKEN: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})

_HEAD: Final = """\
# Suggested by `policy-check test --suggest`: requests that show what no case has shown. Each expects what the policy
# decides now. Read them one by one, correct what is not what you want, and give them names of your own.
"""


def suggested_file(suggestions: Suggestions, root: str) -> str:
    """The file; it passes as it is. `root` stands before the paths of the policy set's files in comments."""
    lines = [_HEAD.rstrip()]
    lines += _remarks("no request can reach these, as was proved", suggestions.unreachable, root)
    lines += _remarks("whether a request can reach these is not known", [t for t, _ in suggestions.undecided], root)
    lines.append(f"now: {_flow(suggestions.now)}")
    lines.append("cases:" if suggestions.cases else "cases: []")
    names: set[str] = set()
    for suggestion in suggestions.cases:
        lines += _case(suggestion, suggestions.now, names, root)
    return "\n".join(lines) + "\n"


def case_name(target: Target) -> str:
    """What a case shows, in a few words."""
    wanted = re.sub(r"^(in|to) which (it )?", "", target.wanted)
    if target.kind == "condition":
        return f"{target.owner}: {' '.join(target.span.text.split())} {wanted}"
    return f"{target.owner}: {wanted}"


def differing(base: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be laid upon one request to get the other; what is there no more is null."""
    found: dict[str, Any] = {}
    for name in {**base, **request}:
        before, after = base.get(name), request.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            changed = differing(cast("Mapping[str, Any]", before), cast("Mapping[str, Any]", after))
            if changed:
                found[name] = changed
        elif before != after or (name in request) is not (name in base):
            found[name] = after
    return found


def expected(suggestion: Suggestion) -> dict[str, Any]:
    """The fields of the decision that are worth a look."""
    decision = suggestion.decision
    fields: dict[str, Any] = {"effect": decision.effect, "rule": decision.rule}
    if decision.unknowns:
        fields["unknowns"] = list(decision.unknowns)
    if decision.remedies:
        fields["remedies"] = [_remedy(remedy.as_dict()) for remedy in decision.remedies]
    if decision.shadows or any(target.owner.startswith("shadow") for target in suggestion.targets):
        fields["shadows"] = list(decision.shadows)
    return fields


def _remedy(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"{value}ms" if name == "within" else value for name, value in fields.items() if value is not None}


def _remarks(head: str, targets: Any, root: str) -> Iterator[str]:
    if targets:
        yield "#"
        yield f"# {head}:"
        yield from (f"#   {_comment(target, root)}" for target in targets)


def _comment(target: Target, root: str) -> str:
    line, column = target.span.source.position(target.span.start)
    text = " ".join(target.span.text.split())
    words = f"{located(target.span.source.path, root)}:{line}:{column} {target.owner}: {text}: no case {target.wanted}"
    return "".join(each if each.isprintable() else "?" for each in words)


def case_fields(suggestion: Suggestion, now: object) -> dict[str, Any]:
    """A case but for its name, in a file whose instant is `now`."""
    base: dict[str, Any] = {"now": now}
    start = suggestion.start
    fixtures: list[str] = []
    if start is not None and start.fixtures:
        fixtures = list(start.fixtures)
        base = merge(base, start.request)
    fields = {"with": fixtures, "request": differing(base, suggestion.request), "expect": expected(suggestion)}
    return {name: value for name, value in fields.items() if value}


def _case(suggestion: Suggestion, now: object, names: set[str], root: str) -> Iterator[str]:
    yield from (f"  # {_comment(target, root)}" for target in suggestion.targets)
    yield f"  - name: {_flow(_unused(case_name(suggestion.targets[0]), names))}"
    fields = case_fields(suggestion, now)
    if "with" in fields:
        yield f"    with: [{', '.join(map(_flow, fields['with']))}]"
    if "request" in fields:
        yield f"    request: {_flow(fields['request'])}"
    yield f"    expect: {_flow(fields['expect'])}  # is this what you want?"


def _unused(name: str, names: set[str]) -> str:
    found, number = name, 1
    while found in names:
        number += 1
        found = f"{name} ({number})"
    names.add(found)
    return found


def _flow(value: object) -> str:
    """A value in YAML's flow form, on one line."""
    match value:
        case dict():
            fields = cast("dict[str, object]", value)
            return "{ " + ", ".join(f"{_flow(name)}: {_flow(each)}" for name, each in fields.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_flow, cast("list[object]", value))) + "]"
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _TAKEN:
            return value
        case str():
            return "".join(_shown(each) for each in json.dumps(value, ensure_ascii=False))
        case _:
            return json.dumps(value)


def _shown(character: str) -> str:
    return character if character.isprintable() else f"\\U{ord(character):08X}"
