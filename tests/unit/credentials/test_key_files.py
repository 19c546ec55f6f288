"""Key files of a policy set, and every mistake in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from durwan import Engine
from durwan.credentials.key_files import FIELDS, read_key_files
from durwan.credentials.keys import StaticKeys
from durwan.diagnostics import Diagnostic
from durwan.language.policy_set import read_directory

ALL_FIELDS = ", ".join(f"`{name}`" for name in FIELDS)
FULL = """\
keys:
  - id: desk-7
    account: acme
    subaccount: main
    environment: production
    owner: bert
    scopes: [orders.write]
    networks: [203.0.113.0/24, "2001:db8:10::/48", 198.51.100.7]
    symbols: [BTC-PERP]
    labels: []
    created: 2026-01-15T00:00:00Z
    rotated: "2026-01-15T00:00:00.250+01:00"
    expires: 2027-01-15T00:00Z
    last_used: 2026-03-02T08:59:00Z
    not_before: 2026-01-15T00:00:00Z
    revoked: false
  - id: bare
"""


def read(*texts: str, declared: tuple[str, ...] = ()) -> tuple[StaticKeys, list[Diagnostic]]:
    return read_key_files({f"keys/{index}.yaml": text.encode() for index, text in enumerate(texts)}, declared=declared)


def told(diagnostics: list[Diagnostic]) -> list[tuple[str, str, str | None, str]]:
    return [(each.code, each.message, each.help, each.span.text) for each in diagnostics]


def test_values_are_kept_as_they_are_written() -> None:
    """Times stay text, lists stay lists of text; what is left out is absent."""
    keys, diagnostics = read(FULL)
    assert diagnostics == []
    assert keys.get("bare") == {"id": "bare"}
    found = keys.get("desk-7")
    assert found is not None
    assert found["expires"] == "2027-01-15T00:00Z"
    assert found["networks"] == ("203.0.113.0/24", "2001:db8:10::/48", "198.51.100.7")
    assert found["revoked"] is False
    assert set(found) == set(FIELDS)


def test_only_the_files_of_the_folder_are_read() -> None:
    """In any depth, with either suffix; nothing else, and no folder that merely begins alike."""
    files = {
        "keys/a.yaml": b"keys: [{id: a}]",
        "keys/team/b.yml": b"keys: [{id: b}]",
        "keys/notes.txt": b"keys: [{id: c}]",
        "keys2/d.yaml": b"keys: [{id: d}]",
        "policy.yaml": b"name: x",
    }
    assert sorted(key_id for key_id, _ in read_key_files(files)[0].items()) == ["a", "b"]
    assert sorted(key_id for key_id, _ in read_key_files(files, "keys2")[0].items()) == ["d"]
    assert sorted(key_id for key_id, _ in read_key_files(files, "keys/team/b.yml")[0].items()) == ["b"]
    assert len(read_key_files(files, "nowhere")[0]) == 0


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ("scope: [x]", ("P0541", "unknown field `scope`", "did you mean `scopes`?", "scope")),
        ("colour: red", ("P0541", "unknown field `colour`", f"the fields are {ALL_FIELDS}", "colour")),
        ("scopes: orders.write", ("P0544", "`scopes` must be a list", None, "orders.write")),
        ("scopes: [orders.write, 5]", ("P0544", "`scopes[1]` must be text", None, "5")),
        ("labels: [[a]]", ("P0544", "`labels[0]` must be text", None, "[a]")),
        ("labels:\n      - - a\n        - b", ("P0544", "`labels[0]` must be text", None, "- a")),
        ("labels:", ("P0544", "`labels` must be a list", None, "labels")),
        ("labels:\n      a: b\n      c: d", ("P0544", "`labels` must be a list", None, "labels")),
        ("account: 5", ("P0544", "`account` must be text", None, "5")),
        ("account: null", ("P0544", "`account` must be text", None, "null")),
        ("revoked: yes", ("P0544", "`revoked` must be `true` or `false`", None, "yes")),
        ("revoked: 1", ("P0544", "`revoked` must be `true` or `false`", None, "1")),
        ('revoked: "true"', ("P0544", "`revoked` must be `true` or `false`", None, '"true"')),
        ("created: 5", ("P0544", "`created` must be text", None, "5")),
        ("created: 2026-01-15", ("P0545", "`2026-01-15` is not an instant",
                                 "write date, time and offset, such as `2026-01-15T00:00:00Z`", "2026-01-15")),
        ("expires: 2026-01-15T00:00:00", ("P0545", "`2026-01-15T00:00:00` is not an instant",
                                          "write date, time and offset, such as `2026-01-15T00:00:00Z`",
                                          "2026-01-15T00:00:00")),
        ("networks: [10.0.0.1/8]", ("P0546", "`10.0.0.1/8` is not an address or a network", "write `10.0.0.0/8`",
                                    "10.0.0.1/8")),
        ("networks: [10.0.0.0/8, office]",
         ("P0546", "`office` is not an address or a network",
          "write an address or `address/prefix`, such as `203.0.113.0/24`", "office")),
        ('networks: ["::ffff:10.0.0.0/104"]',
         ("P0546", '`"::ffff:10.0.0.0/104"` is not an address or a network',
          "write an address or `address/prefix`, such as `203.0.113.0/24`", '"::ffff:10.0.0.0/104"')),
        ("secret: hunter2", ("P0547", "`secret` is a secret, and a policy set is no place for one",
                             "remove it, replace the secret, and keep the new one in the gateway's key store",
                             "secret")),
        ("Private-Key: hunter2", ("P0547", "`Private-Key` is a secret, and a policy set is no place for one",
                                  "remove it, replace the secret, and keep the new one in the gateway's key store",
                                  "Private-Key")),
    ],
)  # fmt: skip
def test_a_mistake_in_a_key_is_told_with_its_place(record: str, expected: tuple[str, str, str | None, str]) -> None:
    """Code, message, help and what is underlined; that key is left out, the others are not."""
    keys, diagnostics = read(f"keys:\n  - id: wrong\n    {record}\n  - id: right\n")
    assert told(diagnostics) == [expected]
    assert [key_id for key_id, _ in keys.items()] == ["right"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("keys:\n  - account: acme\n    owner: bert\n",
         ("P0542", "this key has no `id`", "add `id: ...`, by which requests name the key", "account: acme")),
        ("keys: [{}]", ("P0542", "this key has no `id`", "add `id: ...`, by which requests name the key", "{}")),
        ('keys: [{id: ""}]', ("P0544", "`id` must be text that is not empty", None, '""')),
        ("keys: [{id: 7}]", ("P0544", "`id` must be text", None, "7")),
        ("keys: [desk-7]", ("P0544", "a key must be a mapping", None, "desk-7")),
        ("keys: []\nmore: 1", ("P0541", "unknown field `more`", "the fields are `keys`", "more")),
        ("- id: a\n- id: b\n", ("P0548", "a key file has a list `keys`",
                               "begin it with `keys:`, and each key with `- id:`", "- id: a")),
        ("keys: {a: {}}", ("P0548", "a key file has a list `keys`", "begin it with `keys:`, and each key with `- id:`",
                          "keys: {a: {}}")),
        ("", ("P0548", "a key file has a list `keys`", "begin it with `keys:`, and each key with `- id:`", "")),
        ("keys: [*a]", ("P0506", "`*a` refers to another place; only test files may do that", "write it out", "*a")),
    ],
)  # fmt: skip
def test_a_mistake_in_a_file_is_told_with_its_place(text: str, expected: tuple[str, str, str | None, str]) -> None:
    """Code, message, help and what is underlined."""
    keys, diagnostics = read(text)
    assert told(diagnostics) == [expected]
    assert len(keys) == 0


def test_an_id_may_be_given_once_in_all_files() -> None:
    """The note underlines the first; the first is the one that stays."""
    keys, (diagnostic,) = read("keys: [{id: a, owner: first}]", 'keys: [{id: "a", owner: second}]')
    assert told([diagnostic]) == [("P0543", 'two keys have the id `"a"`', "remove one", '"a"')]
    assert diagnostic.notes[0].span.source.path == "keys/0.yaml"
    assert keys.get("a") == {"id": "a", "owner": "first"}


def test_what_the_policy_set_declares_may_stand_there_too() -> None:
    """With any plain value; but a known field stays what it is."""
    keys, diagnostics = read("keys: [{id: a, tier: 5, owner: bert}]", declared=("tier", "owner"))
    assert diagnostics == []
    assert keys.get("a") == {"id": "a", "tier": 5, "owner": "bert"}
    _, diagnostics = read("keys: [{id: a, teir: 5, owner: 5}]", declared=("tier", "owner"))
    assert [(each[0], each[2]) for each in told(diagnostics)] == [("P0541", "did you mean `tier`?"), ("P0544", None)]


def test_a_scope_must_be_declared() -> None:
    """Where the declared scopes are known, a key with another one is left out, with what was probably meant."""
    text = "keys: [{id: a, scopes: [orders.wirte, zz]}, {id: b, scopes: [orders.write]}]"
    keys, diagnostics = read_key_files({"keys/a.yaml": text.encode()}, scopes=("orders.write", "orders.read"))
    assert told(diagnostics) == [
        ("P0550", "unknown scope `orders.wirte`", "did you mean `orders.write`?", "orders.wirte"),
        ("P0550", "unknown scope `zz`", "declare it in `scopes { ... }`, or take it from the key", "zz"),
    ]
    assert diagnostics[0].fix is not None
    assert [key for key, _ in keys.items()] == ["b"]


def test_all_mistakes_are_told_in_source_order_up_to_fifty() -> None:
    """Over all files; then how to go on."""
    keys, diagnostics = read("keys: [" + "{id: 1, revoked: 2}, " * 20 + "]", "keys: [" + "{scope: a}, " * 20 + "]")
    assert len(keys) == 0
    assert [each.code for each in diagnostics] == ["P0544"] * 40 + ["P0542", "P0541"] * 5 + ["P0549"]
    assert diagnostics[-1].message == "the keys have more than 50 mistakes"


def test_the_reference_policy_set_has_good_keys() -> None:
    """One of each kind."""
    keys, diagnostics = read_key_files(read_directory(Path(__file__).parents[3] / "policies").files)
    assert diagnostics == []
    assert {"desk-7", "panic-1", "tracker-1", "payout-1"} <= {key_id for key_id, _ in keys.items()}


# ---------------------------------------------------------------------------------------------------------------- JSON


def test_a_json_file_says_the_same_as_a_yaml_file() -> None:
    """The same keys, of files of either kind beside each other."""
    text = '{"keys": [{"id": "a", "scopes": ["x"], "revoked": false}, {"id": "b", "created": "2026-01-15T00:00:00Z"}]}'
    keys, diagnostics = read_key_files({"keys/a.json": text.encode(), "keys/b.yaml": b"keys: [{id: c}]"})
    assert diagnostics == []
    same, _ = read_key_files({"keys/a.yaml": text.encode(), "keys/b.yaml": b"keys: [{id: c}]"})
    assert dict(keys.items()) == dict(same.items())


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ('"scope": ["x"]', ("P0541", "unknown field `scope`", "did you mean `scopes`?", "scope")),
        ('"secret": "hunter2"', ("P0547", "`secret` is a secret, and a policy set is no place for one",
                                 "remove it, replace the secret, and keep the new one in the gateway's key store",
                                 "secret")),
        ('"scopes": ["a", 5]', ("P0544", "`scopes[1]` must be text", None, "5")),
        ('"revoked": "yes"', ("P0544", "`revoked` must be `true` or `false`", None, "yes")),
        ('"created": "2026"', ("P0545", "`2026` is not an instant",
                               "write date, time and offset, such as `2026-01-15T00:00:00Z`", "2026")),
        ('"networks": ["10.0.0.1/8"]', ("P0546", "`10.0.0.1/8` is not an address or a network",
                                        "write `10.0.0.0/8`", "10.0.0.1/8")),
        ('"labels": {"a":\n1}', ("P0544", "`labels` must be a list", None, "labels")),
        ('"id": "right"', ("P0505", '`"id"` is given twice', "remove one of the two", '"id"')),
    ],
)  # fmt: skip
def test_a_mistake_in_a_json_file_is_told_with_its_place(
    record: str, expected: tuple[str, str, str | None, str]
) -> None:
    """As one in a YAML file is."""
    text = '{"keys": [\n  {"id": "wrong", %s},\n  {"id": "right"}\n]}' % record  # noqa: UP031 - braces
    keys, diagnostics = read_key_files({"keys/a.json": text.encode()})
    assert told(diagnostics) == [expected]
    assert [diagnostic.span.source.position(diagnostic.span.start)[0] for diagnostic in diagnostics] == [2]
    assert [key_id for key_id, _ in keys.items()] == (["right"] if expected[0] != "P0505" else [])


def test_a_repair_of_a_json_file_is_json() -> None:
    """A name or a scope that is replaced keeps its quotes."""
    text = '{"keys": [{"id": "a", "scope": []}, {"id": "b", "scopes": ["orders.wirte"]}]}'
    _, diagnostics = read_key_files({"keys/a.json": text.encode()}, scopes=("orders.write",))
    for each in reversed(diagnostics):
        assert each.fix is not None
        text = text[: each.fix.span.start] + each.fix.replacement + text[each.fix.span.end :]
    assert text == '{"keys": [{"id": "a", "scopes": []}, {"id": "b", "scopes": ["orders.write"]}]}'


def test_an_id_in_two_files_of_different_kinds_is_told() -> None:
    """The note underlines the first."""
    _, (diagnostic,) = read_key_files({"keys/a.json": b'{"keys": [{"id": "a"}]}', "keys/b.yaml": b"keys: [{id: a}]"})
    assert diagnostic.code == "P0543"
    assert (diagnostic.notes[0].span.source.path, diagnostic.notes[0].span.text) == ("keys/a.json", "a")


def test_a_json_file_has_the_limit_of_the_manifest() -> None:
    """As every file of a set; `limits.file_bytes` raises it."""
    text = b'{"keys": [{"id": "a"}]}'
    assert read_key_files({"keys/a.json": text}, most_bytes=len(text))[1] == []
    _, (diagnostic,) = read_key_files({"keys/a.json": text}, most_bytes=len(text) - 1)
    assert diagnostic.code == "P0502"


def test_a_policy_set_has_its_json_keys(tmp_path: Path) -> None:
    """From a directory, as from texts."""
    policy = 'actions { orders.create }\nallow a on orders.create when key.owner == "bert"\n'
    keys = '{"keys": [{"id": "desk-7", "owner": "bert"}]}'
    (tmp_path / "keys").mkdir()
    (tmp_path / "a.policy").write_text(policy, encoding="utf-8")
    (tmp_path / "keys" / "a.json").write_text(keys, encoding="utf-8")
    for engine in (Engine.from_sources({"a.policy": policy, "keys/a.json": keys}), Engine.load(tmp_path)):
        assert engine.decide({"action": "orders.create", "key": "desk-7"}).allowed
        assert not engine.decide({"action": "orders.create", "key": "desk-8"}).allowed
