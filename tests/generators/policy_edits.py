"""Random edits of a policy set, of the kinds that authors make: of declarations, of files, of lists, and mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

from durwan.diagnostics import Source
from durwan.language.parser import parse

POLICIES = Path(__file__).parents[2] / "policies"
_PATHS = ("a.policy", "b/c.policy", "b.policy", "deep/er/d.policy", "z.policy")
_OWN = (
    "let strict = risk.score < 50 and client.ip in office",
    "let lenient = strict or request.weight default 1 < 5",
    "network office = { 10.0.0.0/8, 203.0.113.7 }",
    'network listed from "lists/networks.txt"',
    'set listed_names from "lists/names.txt"',
    'set desk = { "alice", "bob" }',
    "set ports = { 1, 2, 3 }",
    "context desk { size : decimal 0..5 name : string }",
    "actions { desk.open desk.close }",
    "scopes { desk.read  desk.write includes desk.read }",
    '# Who may.\nallow desk_one on desk.* when strict or not lenient because "yes" with { seconds: 900, rate: 0.5 }',
    "deny desk_two when client.ip not in listed respond 423 closed",
    "deny desk_three on desk.open unless key.id in listed_names and key.scopes has desk.write",
    "challenge desk_four on * when now - session.mfa_at > 5m require approvals 2 of desk",
    "shadow challenge desk_five on desk.close when request.weight in ports require mfa within 5m",
    "limit desk_six on desk.open to 5 per 10s cost request.weight default 1 per key.account, desk.name",
    "invariant desk_seven never allow on desk.open when key.id is unknown",
    'window desk_hours = mon..fri 08:00..18:00 "Europe/London" except dates 2026-12-24..2026-12-26 "UTC"',
    "deny desk_eight on desk.open when now not in desk_hours or desk.size in { 1, 2.5 }",
    'deny desk_nine on desk.open when request.symbol like "BTC-*" and key.networks is known and client.ip in { ::1 }',
    "deny desk_ten on desk.open when key.scopes has any of { desk.read, desk.write } or risk.as_of + 5m < now",
)
# What stands for something above, or is an addition to it.
_VARIANTS = (
    ("let strict = risk.score < 50", "let strict = key.id is known"),
    ("let strict = risk.score < 50", "let strict = risk.score"),
    ("let strict = risk.score < 50", "set strict = { 5 }"),
    ("network office", "network office = { 10.0.0.0/9 }"),
    ("network office", 'network office from "lists/names.txt"'),
    ("network listed", "network listed = { ::/0 }"),
    ("set listed_names", 'set listed_names = { "alice" }'),
    ("set desk", 'set desk = { "alice" }'),
    ("set desk", 'set desk = { "alice", "bob", "carol" }'),
    ("set ports", "set ports = { 1, 2 }"),
    ("set ports", "set ports = { desk.read }"),
    ("context desk", "context desk { size : int 0..9 name : string }"),
    ("context desk", "context desk { size : decimal name : string label : string }"),
    ("actions { desk.open", "actions { desk.open desk.close desk.move }"),
    ("actions { desk.open", "actions { desk.open }"),
    ("scopes { desk.read", "scopes { desk.read includes desk.write  desk.write }"),
    ("scopes { desk.read", "scopes { desk.write }"),
    ("deny desk_two", "# Closed.\ndeny desk_two when client.ip not in listed respond 423 shut"),
    ("deny desk_three", "deny desk_three on desk.open unless key.id in listed_names"),
    ("invariant desk_seven", "invariant desk_seven never allow when key.id is unknown"),
    ("window desk_hours", "window desk_hours = 2026-12-24T00:00:00Z..2026-12-26T00:00:00Z"),
    ("window desk_hours", "network desk_hours = { ::1 }"),
)
_NEW = (
    "deny desk_new when desk.name is unknown",
    "deny desk_two on desk.close",
    "let another = desk.label is known and lenient",
    "deny desk_more when another",
    "scopes { office }",
)
_MANIFESTS = ("", "limits:\n  nesting: 3\n", "limits:\n  rules: 9\n", "name: other\n", "limits:\n  string_bytes: 9\n")


def declarations() -> list[str]:
    """The texts of declarations that go together: half of them those of the reference policies."""
    texts = list(_OWN)
    for name in ("00-vocabulary", "30-scopes", "55-risk", "40-sessions"):
        source = Source(name, (POLICIES / f"{name}.policy").read_text("utf-8"))
        texts += [each.span.text for each in parse(source)[0].declarations]
    return texts


Saved = tuple[dict[str, list[str]], dict[str, str]]


class EditedSet:
    """A policy set that is edited."""

    def __init__(self, random: Random) -> None:
        self._random = random
        texts = declarations()
        random.shuffle(texts)
        self._files: dict[str, list[str]] = {path: texts[number::3] for number, path in enumerate(_PATHS[:3])}
        self._others = {"lists/networks.txt": "10.0.0.0/8\n", "lists/names.txt": "alice\nbob\n", "policy.yaml": ""}

    @property
    def files(self) -> Mapping[str, str]:
        """The set as it is now."""
        return {path: "\n\n".join(texts) + "\n" for path, texts in self._files.items()} | self._others

    def saved(self) -> Saved:
        """What `restore` takes to undo all edits from here on."""
        return {path: list(texts) for path, texts in self._files.items()}, dict(self._others)

    def restore(self, saved: Saved) -> None:
        """Undoes all edits since."""
        files, others = saved
        self._files, self._others = {path: list(texts) for path, texts in files.items()}, dict(others)

    def edit(self) -> None:
        """Makes one edit."""
        random = self._random
        edits = [self._put_in] * 4 + [self._take_out] * 3 + [self._replace] * 6 + [self._misspell] * 2
        edits += [self._move, self._rename, self._drop_file, self._lists, self._manifest, self._comment]
        random.choice(edits)()

    def _file(self) -> list[str]:
        return self._files.setdefault(self._random.choice(list(self._files) or list(_PATHS)), [])

    def _put_in(self) -> None:
        file = self._file()
        file.insert(self._random.randint(0, len(file)), self._random.choice(_NEW))

    def _take_out(self) -> None:
        if file := self._file():
            file.pop(self._random.randrange(len(file)))

    def _replace(self) -> None:
        """A declaration by one that says something else under the same name."""
        start, text = self._random.choice(_VARIANTS)
        for file in self._files.values():
            file[:] = [text if each.startswith(start) else each for each in file]

    def _misspell(self) -> None:
        if file := self._file():
            place = self._random.randrange(len(file))
            text = file[place]
            at = self._random.randrange(len(text))
            file[place] = text[:at] + self._random.choice(["", "x", "\n", " ", "}", '"', "9"]) + text[at + 1 :]

    def _move(self) -> None:
        if file := self._file():
            self._file().append(file.pop())

    def _rename(self) -> None:
        old = self._random.choice(list(self._files) or list(_PATHS))
        self._files[self._random.choice(_PATHS)] = self._files.pop(old, [])

    def _drop_file(self) -> None:
        self._files.pop(self._random.choice(_PATHS), None)

    def _lists(self) -> None:
        path = self._random.choice(["lists/networks.txt", "lists/names.txt"])
        self._others[path] = self._random.choice(["10.0.0.0/8\n", "alice\n", "# nothing\n", "alice\nbob\ncarol\n"])

    def _manifest(self) -> None:
        self._others["policy.yaml"] = self._random.choice(_MANIFESTS)

    def _comment(self) -> None:
        self._file().insert(0, "# office and strict are only named here")
