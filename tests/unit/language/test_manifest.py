"""The manifest of a policy set: defaults, limits, paths, and every mistake in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from durwan import Engine
from durwan.diagnostics import Diagnostic
from durwan.language.manifest import Limits, Manifest, read_manifest
from durwan.language.policy_set import read_directory, read_mapping
from durwan.language.set_files import FILE_CEILING

FIELDS = "`name`, `language`, `limits`, `keys`, `tests`, `routes`, `calendars`, `must_pass`"
LIMITS = "`file_bytes`, `string_bytes`, `nesting`, `set_bytes`, `rules`, `list_entries`"
NAME_HELP = "a name has up to 64 letters, digits, `.`, `_`, `-` and `/`, and begins with a letter or digit"
PATH_HELP = "paths are relative to policy.yaml and written with `/`, such as `lists/tor.txt`"


def read(text: str, **others: str) -> tuple[Manifest, list[Diagnostic]]:
    return read_manifest(read_mapping({"policy.yaml": text, **others}))


def test_without_a_manifest_all_is_as_the_language_page_says() -> None:
    """The defaults of section 11, and the usual folders."""
    manifest, diagnostics = read_manifest(read_mapping({"a.policy": ""}))
    assert diagnostics == []
    assert manifest == Manifest()
    assert manifest.limits == Limits(
        file_bytes=1_048_576,
        set_bytes=67_108_864,
        rules=100_000,
        nesting=64,
        list_entries=1_000_000,
        string_bytes=65_536,
    )
    assert (manifest.name, manifest.keys, manifest.tests, manifest.routes) == ("policies", "keys", "tests", None)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}", "limits: {}\ncalendars: {}\nmust_pass: []\n"])
def test_an_empty_manifest_is_none(text: str) -> None:
    """A file that says nothing changes nothing."""
    assert read(text) == (Manifest(), [])


def test_every_field_is_read() -> None:
    """All fields and all limits."""
    text = """
name: exchange-gateway
language: 1
limits: {file_bytes: 1, set_bytes: 268435456, rules: 2, nesting: 3, list_entries: 4, string_bytes: 5}
keys: credentials/keys
tests: checks
routes: routes.yaml
calendars: {FUNDING: calendars/funding.txt}
must_pass: [a case, "another: case"]
"""
    manifest, diagnostics = read(text, **{"routes.yaml": ""})
    assert diagnostics == []
    assert manifest.model_dump(exclude={"limits"}) == {
        "name": "exchange-gateway",
        "language": 1,
        "keys": "credentials/keys",
        "tests": "checks",
        "routes": "routes.yaml",
        "calendars": {"FUNDING": "calendars/funding.txt"},
        "must_pass": ["a case", "another: case"],
    }
    assert manifest.limits == Limits(
        file_bytes=1, set_bytes=268_435_456, rules=2, nesting=3, list_entries=4, string_bytes=5
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nmae: x", ("P0521", "unknown field `nmae`", "did you mean `name`?", "nmae")),
        ("colour: red", ("P0521", "unknown field `colour`", f"the fields are {FIELDS}", "colour")),
        ("limits: {rule: 5}", ("P0521", "unknown field `rule`", "did you mean `rules`?", "rule")),
        ("limits: {speed: 5}", ("P0521", "unknown field `speed`", f"the fields are {LIMITS}", "speed")),
        ("limits: 5", ("P0522", "`limits` must be a mapping", None, "5")),
        ("limits:\n", ("P0522", "`limits` must be a mapping", None, "limits")),
        ("limits: {rules: 0}", ("P0522", "`limits.rules` must be at least 1", None, "0")),
        ("limits: {rules: -1}", ("P0522", "`limits.rules` must be at least 1", None, "-1")),
        ("limits: {rules: 1000001}", ("P0522", "`limits.rules` must be at most 1000000", None, "1000001")),
        ("limits: {nesting: 129}", ("P0522", "`limits.nesting` must be at most 128", None, "129")),
        (f"limits: {{file_bytes: {FILE_CEILING + 1}}}",
         ("P0522", f"`limits.file_bytes` must be at most {FILE_CEILING}", None, str(FILE_CEILING + 1))),
        ('limits: {rules: "5"}', ("P0522", "`limits.rules` must be a whole number", None, '"5"')),
        ("limits: {rules: true}", ("P0522", "`limits.rules` must be a whole number", None, "true")),
        ("limits: {rules: 5.5}", ("P0522", "`limits.rules` must be a whole number", None, "5.5")),
        ("limits: {rules: 1_000}", ("P0522", "`limits.rules` must be a whole number", None, "1_000")),
        ("name: 5", ("P0522", "`name` must be text", None, "5")),
        ("name:\n", ("P0522", "`name` must be text", None, "name")),
        ("must_pass: a case", ("P0522", "`must_pass` must be a list", None, "a case")),
        ("must_pass:\n  a: b\n  c: d\n", ("P0522", "`must_pass` must be a list", None, "must_pass")),
        ("must_pass: [1]", ("P0522", "`must_pass.0` must be text", None, "1")),
        ("calendars: [x]", ("P0522", "`calendars` must be a mapping", None, "[x]")),
        ("- a\n- b", ("P0522", "the manifest must be a mapping", "write fields such as `name: my-policies`", "- a")),
        ("some", ("P0522", "the manifest must be a mapping", "write fields such as `name: my-policies`", "some")),
        ("language: 2", ("P0523", "there is no version `2` of the policy language", "write `language: 1`", "2")),
        ("language: true",
         ("P0523", "there is no version `true` of the policy language", "write `language: 1`", "true")),
        ('language: "1"', ("P0523", 'there is no version `"1"` of the policy language', "write `language: 1`", '"1"')),
        ("keys: ../keys", ("P0524", "`../keys` is not a path within the policy set", PATH_HELP, "../keys")),
        ("keys: /etc", ("P0524", "`/etc` is not a path within the policy set", PATH_HELP, "/etc")),
        ("tests: 'a\\b'", ("P0524", "`'a\\b'` is not a path within the policy set", PATH_HELP, "'a\\b'")),
        ("tests: ./tests", ("P0524", "`./tests` is not a path within the policy set", PATH_HELP, "./tests")),
        ("calendars: {X: /x}", ("P0524", "`/x` is not a path within the policy set", PATH_HELP, "/x")),
        ("routes: rotes.yaml", ("P0525", "the policy set has no file `rotes.yaml`", "did you mean `routes.yaml`?",
                                "rotes.yaml")),
        ("routes: x", ("P0525", "the policy set has no file `x`", "add it, or remove this field", "x")),
        ("limits: {set_bytes: 20}", ("P0526", "the policy set has 27 bytes, and at most 20 are allowed",
                                     "remove files, or raise `limits.set_bytes` in policy.yaml", "20")),
        ("name: a b", ("P0527", "`a b` is not a name", NAME_HELP, "a b")),
        ("name: ''", ("P0527", "`''` is not a name", NAME_HELP, "''")),
        ("calendars: {a b: x}", ("P0527", "`a b` is not a name", NAME_HELP, "a b")),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(text: str, expected: tuple[str, str, str | None, str]) -> None:
    """Code, message, help and what is underlined."""
    manifest, diagnostics = read(text, **{"routes.yaml": "1234"})
    assert [(each.code, each.message, each.help, each.span.text) for each in diagnostics] == [expected]
    assert diagnostics[0].span.source.path == "policy.yaml"
    assert isinstance(manifest, Manifest)


def test_all_mistakes_are_told_at_once_and_the_rest_is_kept() -> None:
    """A wrong field has its default; the others are read."""
    manifest, diagnostics = read("nmae: x\nname: good\nlanguage: 3\nlimits: {rules: 0, nesting: 5}\nkeys: k\n")
    assert [each.code for each in diagnostics] == ["P0521", "P0523", "P0522"]
    assert (manifest.name, manifest.keys, manifest.limits) == ("good", "k", Limits())


def test_mistakes_of_yaml_are_told_as_such() -> None:
    """A manifest that cannot be read at all leaves all defaults."""
    manifest, diagnostics = read("name: x\nname: y\n")
    assert manifest == Manifest()
    assert [each.code for each in diagnostics] == ["P0505"]


def test_a_set_too_large_is_told_without_a_manifest_too() -> None:
    """The default limit of 64 MiB counts all files."""
    files = {f"lists/{number}.txt": b"x" * (1 << 24) for number in range(4)}
    assert read_manifest(read_mapping(files))[1] == []
    (diagnostic,) = read_manifest(read_mapping({**files, "a.policy": b"x"}))[1]
    assert (diagnostic.code, diagnostic.span.text) == ("P0526", "")


def test_repairs_can_be_applied() -> None:
    """A misspelt field and a wrong version carry the text to write."""
    _, (field, version) = read("nmae: x\nlanguage: 2\n")
    assert field.fix is not None
    assert version.fix is not None
    assert (field.fix.replacement, version.fix.replacement) == ("name", "1")


def test_the_reference_policy_set_has_a_good_manifest() -> None:
    """Its name and its limits."""
    manifest, diagnostics = read_manifest(read_directory(Path(__file__).parents[3] / "policies"))
    assert diagnostics == []
    assert manifest.name == "exchange-gateway"
    assert manifest.limits.rules == 500


def test_the_deepest_nesting_that_a_manifest_allows_compiles_and_decides() -> None:
    """From a stack that is used already, as a gateway's is: nothing on the way recurses too deep."""
    condition = 'client.country == "A"'
    for level in range(126):
        condition = f'({condition} {"and" if level % 2 else "or"} client.country == "B{level}")'
    texts = {"policy.yaml": "limits: {nesting: 128}\n", "a.policy": f"actions {{ a }}\nallow r on a when {condition}\n"}

    def decide(frames: int) -> bool:
        if frames:
            return decide(frames - 1)
        engine = Engine.from_sources(texts)
        request = {"action": "a", "client": {"country": "A"}}
        return engine.decide(request).allowed is engine.explain(request).decision.allowed

    assert decide(200)
