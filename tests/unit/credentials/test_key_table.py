"""Keys that are added, changed and revoked while gateways decide by them."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from durwan.credentials.key_table import InvalidKeyError, KeyFileError, KeyTable, UnknownKeyError
from durwan.credentials.keys import ChangingKeys, KeySource
from durwan.errors import DurwanError

SECRET = "s3cr3t-that-nobody-may-see"  # noqa: S105 - it is looked for in messages


class Listening:
    """Somebody who is told of changes."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def tell(self, changed: Any) -> None:
        """Notes the ids, or None for all."""
        self.told.append(None if changed is None else sorted(changed))


# ------------------------------------------------------------------------------------------------------------ changing


def test_a_key_may_be_added_changed_revoked_and_removed() -> None:
    """Each is seen at once; a revoked key stays known; attributes that are left out are gone."""
    table = KeyTable({"a": {"owner": "bert"}})
    assert table.get("a") == {"id": "a", "owner": "bert"}
    table.put("b", {"scopes": ["orders.write"], "id": "b"})
    assert table.get("b") == {"id": "b", "scopes": ("orders.write",)}
    table.put("a", {"account": "acme"})
    assert table.get("a") == {"id": "a", "account": "acme"}
    table.revoke("a")
    assert table.get("a") == {"id": "a", "account": "acme", "revoked": True}
    table.remove("a")
    assert table.get("a") is None
    assert (list(table), len(table), "b" in table, "a" in table) == (["b"], 1, True, False)


def test_many_keys_are_changed_together_or_not_at_all() -> None:
    """A mistake in the last one leaves all as they were, and nobody is told."""
    table = KeyTable({"a": {"owner": "bert"}})
    listening = Listening()
    table.listen(listening.tell)
    table.update({"a": {"owner": "cleo"}, "b": {}})
    before = dict(table.items())
    for change in (table.update, table.replace):
        with pytest.raises(InvalidKeyError):
            change({"c": {}, "a": {}, "d": {"scopes": "orders.write"}})
        assert dict(table.items()) == before
    assert listening.told == [["a", "b"]]


def test_all_keys_may_be_replaced_at_once() -> None:
    """Those that are not among the new ones are gone."""
    table = KeyTable({"a": {}, "b": {}})
    table.replace({"b": {"owner": "bert"}, "c": {}})
    assert dict(table.items()) == {"b": {"id": "b", "owner": "bert"}, "c": {"id": "c"}}


@pytest.mark.parametrize("change", [KeyTable.revoke, KeyTable.remove])
def test_revoking_a_key_that_is_not_there_is_told(change: Callable[[KeyTable, str], None]) -> None:
    """Whoever revokes must not believe that it was done; nothing changes, and nobody is told."""
    table = KeyTable({"desk-7": {}})
    listening = Listening()
    table.listen(listening.tell)
    with pytest.raises(UnknownKeyError, match="there is no key 'desk-8': look for a misspelling") as caught:
        change(table, "desk-8")
    assert caught.value.key_id == "desk-8"
    assert (len(table), listening.told) == (1, [])


def test_keys_are_copies_that_cannot_be_changed() -> None:
    """Neither what was given nor what is handed out changes a key, however deep."""
    scopes, tiers = ["orders.read"], {"spot": [1]}
    table = KeyTable({"a": {"scopes": scopes, "tiers": tiers, "labels": {"x"}}}, declared=("tiers",))
    scopes.append("withdrawals.write")
    tiers["spot"].append(2)
    found: Any = table.get("a")
    assert found == {"id": "a", "scopes": ("orders.read",), "tiers": {"spot": (1,)}, "labels": frozenset({"x"})}
    for holder, name in ((found, "update"), (found["tiers"], "clear"), (found["scopes"], "append")):
        assert not hasattr(holder, name)
    with pytest.raises(TypeError):
        found["revoked"] = False


def test_what_was_handed_out_may_be_given_back() -> None:
    """With one attribute changed; what was handed out stays what it was."""
    table = KeyTable({"a": {"scopes": ["x"], "networks": ["10.0.0.0/8"], "tiers": {"spot": [1]}}}, declared=("tiers",))
    old = table.get("a")
    assert old is not None
    table.put("a", {**old, "owner": "bert"})
    assert table.get("a") == {**old, "owner": "bert"}
    assert "owner" not in old


def test_listing_is_a_picture_of_a_moment() -> None:
    """Keys that come and go while somebody goes through them disturb nothing."""
    table = KeyTable({str(number): {} for number in range(10)})
    for key_id in table:
        table.remove(key_id)
        table.put(f"new-{key_id}", {})
    for key_id, attributes in table.items():
        assert attributes == {"id": key_id}
        table.remove(key_id)
    assert len(table) == 0


def test_the_text_form_names_no_key() -> None:
    """Only how many there are."""
    assert repr(KeyTable({SECRET: {}})) == "<KeyTable: 1 keys>"


# ----------------------------------------------------------------------------------------------------------- listening


def test_a_table_is_a_source_that_tells_of_its_changes() -> None:
    """With the ids, once they are visible and before the call returns; None where all may have changed."""
    table = KeyTable({"a": {}, "b": {}})
    source: KeySource = table
    assert isinstance(source, ChangingKeys)
    listening = Listening()
    table.listen(listening.tell)
    table.put("c", {})
    table.update({"a": {}, "b": {}})
    table.revoke("a")
    table.remove("b")
    table.replace({})
    assert listening.told == [["c"], ["a", "b"], ["a"], ["b"], None]


def test_a_listener_is_held_weakly() -> None:
    """Once nobody else holds it, it is told no more; and only a bound method can be held so."""
    table = KeyTable({"a": {}})
    gone, here = Listening(), Listening()
    table.listen(gone.tell)
    table.listen(here.tell)
    told = gone.told
    del gone
    gc.collect()
    table.revoke("a")
    assert (told, here.told) == ([], [["a"]])
    with pytest.raises(TypeError):
        table.listen(lambda _: None)


def test_a_listener_may_make_a_change_itself() -> None:
    """It takes effect too, and all are told of it."""
    table = KeyTable({"a": {}, "b": {}})

    class Following:
        def follow(self, changed: Any) -> None:
            """Revokes b after a."""
            if "a" in changed:
                table.revoke("b")

    following, listening = Following(), Listening()
    table.listen(following.follow)
    table.listen(listening.tell)
    table.revoke("a")
    assert sorted(str(each) for each in listening.told) == ["['a']", "['b']"]
    assert table.get("b") == {"id": "b", "revoked": True}


# --------------------------------------------------------------------------------------------------------------- rules


@pytest.mark.parametrize(
    ("record", "field", "problem"),
    [
        ({"scope": ["x"]}, "scope", "there is no field `scope`; policies declare further ones in `context key`"),
        ({"secret": SECRET}, "secret", "`secret` is a secret, which is kept elsewhere"),
        ({"HMAC-Key": SECRET}, "HMAC-Key", "`HMAC-Key` is a secret, which is kept elsewhere"),
        ({"id": SECRET}, "id", "its `id` is another one; leave it out"),
        ({"id": ""}, "id", "`id` must be text that is not empty"),
        ({"account": 5}, "account", "`account` must be text"),
        ({"revoked": 1}, "revoked", "`revoked` must be `true` or `false`"),
        ({"revoked": "true"}, "revoked", "`revoked` must be `true` or `false`"),
        ({"scopes": SECRET}, "scopes", "`scopes` must be a list"),
        ({"scopes": ["x", 5]}, "scopes[1]", "`scopes[1]` must be text"),
        ({"scopes": ["orders.write", SECRET]}, "scopes[1]", "`scopes[1]` is a scope that is not declared"),
        ({"created": SECRET}, "created", "`created` is no date, time and offset such as 2026-01-15T00:00:00Z"),
        ({"created": 1_772_442_000_000}, "created", "`created` must be text"),
        ({"networks": ["10.0.0.0/8", SECRET]}, "networks[1]",
         "`networks[1]` is no address and no network such as 203.0.113.0/24"),
        ({"networks": ["10.0.0.1/8"]}, "networks[0]",
         "`networks[0]` is no address and no network such as 203.0.113.0/24"),
        ({"networks": [5]}, "networks[0]", "`networks[0]` must be text"),
        ({"tier": object()}, "tier", "`tier` must be plain data"),
        ({"tier": [{"a": {5: "x"}}]}, "tier", "`tier` must be plain data"),
        ({"tier": [[SECRET.encode()]]}, "tier", "`tier` must be plain data"),
    ],
)  # fmt: skip
def test_a_key_holds_to_the_rules_of_key_files(record: dict[str, object], field: str, problem: str) -> None:
    """The error names the key and the field, and never a value: that might be a secret in a wrong place."""
    table = KeyTable(declared=("tier",), scopes=("orders.write",))
    with pytest.raises(InvalidKeyError) as caught:
        table.put("desk-7", record)
    assert str(caught.value) == f"the key 'desk-7' was not taken: {problem}"
    assert (caught.value.key_id, caught.value.field) == ("desk-7", field)
    assert SECRET not in repr(caught.value)
    assert isinstance(caught.value, DurwanError)
    assert len(table) == 0


def test_what_the_policies_declare_may_stand_there_too() -> None:
    """With any plain data; known fields stay what they are."""
    table = KeyTable(declared=("tier", "owner"))
    tier: list[object] = [1, "x", None, True, 1.5, {"y": ()}]
    table.put("a", {"tier": tier})
    assert table.get("a") == {"id": "a", "tier": (1, "x", None, True, 1.5, {"y": ()})}
    with pytest.raises(InvalidKeyError):
        table.put("a", {"owner": 5})
    deep: list[object] = []
    for _ in range(40):
        deep = [deep]
    with pytest.raises(InvalidKeyError):
        table.put("a", {"tier": deep})


def test_only_text_is_an_id() -> None:
    """An empty id or another kind of it is no key."""
    keys: list[Any] = [{"": {}}, {5: {}}, {None: {}}]
    for each in keys:
        with pytest.raises(InvalidKeyError):
            KeyTable(each)


def test_a_very_long_id_is_cut_in_messages() -> None:
    """And what does not print is escaped."""
    with pytest.raises(UnknownKeyError) as caught:
        KeyTable().revoke("\n" + "x" * 1_000)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


# --------------------------------------------------------------------------------------------------------------- files


def written(folder: Path, text: str) -> Path:
    """A key file."""
    file = folder / "keys.json"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_table_may_be_read_from_a_file(tmp_path: Path) -> None:
    """Of JSON, in the form of a policy set's key files; and read anew, all or nothing."""
    file = written(tmp_path, '{"keys": [{"id": "a", "scopes": ["x"], "tier": 5}, {"id": "b"}]}')
    table = KeyTable.from_file(file, declared=("tier",), scopes=("x",))
    assert dict(table.items()) == {"a": {"id": "a", "scopes": ("x",), "tier": 5}, "b": {"id": "b"}}
    listening = Listening()
    table.listen(listening.tell)
    table.load(written(tmp_path, '{"keys": [{"id": "c"}]}'))
    assert (list(table), listening.told) == (["c"], [None])


def test_a_file_with_mistakes_changes_nothing(tmp_path: Path) -> None:
    """All mistakes are told with their places, and without a value; the table stays as it was."""
    table = KeyTable({"a": {}})
    text = '{"keys": [\n  {"id": "b", "scope": []},\n  {"id": "c", "created": "%s"},\n  {"id": "d"}\n]}' % SECRET  # noqa: UP031 - braces
    with pytest.raises(KeyFileError) as caught:
        table.load(written(tmp_path, text))
    assert [each.code for each in caught.value.diagnostics] == ["P0541", "P0545"]
    path = tmp_path / "keys.json"
    assert str(caught.value).splitlines() == [
        "no key was taken; repair the file",
        f"{path}:2:16: P0541 A key file has a field that there is not.",
        f"{path}:3:27: P0545 A time of a key is not an instant.",
    ]
    assert SECRET not in str(caught.value)
    assert list(table) == ["a"]


@pytest.mark.parametrize("text", ['{"keys": [{"id": "a"}, {"id": "a"}]}', '{"keys": [{"id": "a"},]}', "[]", ""])
def test_a_file_that_may_mean_something_else_is_refused(text: str, tmp_path: Path) -> None:
    """Ids given twice, what is no JSON, what is no list of keys."""
    with pytest.raises(KeyFileError):
        KeyTable.from_file(written(tmp_path, text))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """One that is not there, or that is larger than it may be."""
    with pytest.raises(DurwanError, match="cannot be read"):
        KeyTable.from_file(tmp_path / "nothing.json")
    file = written(tmp_path, '{"keys": []}')
    assert len(KeyTable.from_file(file, most_bytes=12)) == 0
    with pytest.raises(DurwanError, match="more than 11 bytes"):
        KeyTable.from_file(file, most_bytes=11)


def test_reading_a_file_loads_neither_yaml_nor_pydantic(tmp_path: Path) -> None:
    """Nor anything else that a gateway does without."""
    file = written(tmp_path, '{"keys": [{"id": "a"}]}')
    script = (
        "import sys; from durwan.credentials.key_table import KeyTable\n"
        f"assert len(KeyTable.from_file({str(file)!r})) == 1\n"
        "print(*sorted({'yaml', 'pydantic', 'lark', 'logging', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


def many_keys(number: int) -> list[Mapping[str, object]]:
    """Keys with all that keys usually say."""
    return [
        {
            "id": f"key-{index:06}",
            "account": f"acct-{index % 5_000}",
            "environment": "production",
            "owner": f"user-{index % 9_000}",
            "scopes": ["orders.write", "orders.read"],
            "networks": [f"203.{index % 250}.{index // 250 % 250}.0/24", f"2001:db8:{index % 65_536:x}::/48"],
            "symbols": ["BTC-PERP", "ETH-PERP"],
            "created": f"2026-01-{index % 28 + 1:02}T00:00:{index % 60:02}Z",
            "expires": f"2027-01-{index % 28 + 1:02}T00:00:{index % 60:02}Z",
            "revoked": False,
        }
        for index in range(number)
    ]


def test_a_hundred_thousand_keys_load_in_seconds(tmp_path: Path) -> None:
    """Of a processor, from a file into a table; the bound is wide, for slow machines. What it took is printed."""
    file = written(tmp_path, json.dumps({"keys": many_keys(100_000)}))
    begun = time.process_time()
    table = KeyTable.from_file(file)
    seconds = time.process_time() - begun
    print(f"\n100,000 keys, {file.stat().st_size >> 20} MiB of JSON: {seconds:.1f} s")
    assert len(table) == 100_000
    assert seconds < 30


def test_a_change_costs_the_same_however_many_keys_there_are() -> None:
    """In memory that is taken meanwhile, which unlike time is exact: nothing of the size of the table is made."""
    peaks: list[int] = []
    for number in (10, 10_000):
        table = KeyTable({str(record["id"]): record for record in many_keys(number)})
        table.put("key-000001", {})
        tracemalloc.start()
        table.revoke("key-000001")
        table.put("key-000002", {"owner": "bert"})
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2_000
