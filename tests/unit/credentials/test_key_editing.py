"""Key files changed by a program: what changes, and what stays as it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from durwan.credentials.kept_files import KeptFileError
from durwan.credentials.key_editing import KeyFile
from durwan.credentials.key_files import read_key_files

EXAMPLE = Path(__file__).parents[3] / "policies" / "keys" / "example.yaml"
RECORD = {"id": "new-1", "scopes": ["orders.read"], "networks": ["2001:db8::/32"], "owner": "yes: no", "revoked": False}


def changed(path: Path, text: str) -> KeyFile:
    path.write_text(text, encoding="utf-8")
    return KeyFile(path)


def test_only_what_changed_changes(tmp_path: Path) -> None:
    """In a file with comments, a change of one field is a change of one line, and a new key one of new lines."""
    path = tmp_path / "keys.yaml"
    shutil.copy(EXAMPLE, path)
    before = path.read_text(encoding="utf-8").splitlines()
    file = KeyFile(path)
    file.set("desk-7", "revoked", True)
    file.set("panic-1", "rotated", "2026-03-02T09:00:00Z")
    file.add([RECORD])
    file.save()
    after = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in before if line not in after] == []
    added = [
        "    revoked: true", '    rotated: "2026-03-02T09:00:00Z"', "", "  - id: new-1", "    scopes: [orders.read]",
        '    networks: ["2001:db8::/32"]', '    owner: "yes: no"', "    revoked: false",
    ]  # fmt: skip
    assert len(after) - len(before) == len(added) - 1
    assert after[-6:] == added[-6:]
    assert [line for line in after[:-6] if line not in before] == added[1:2]
    keys, found = read_key_files({"keys/keys.yaml": path.read_bytes()})
    assert found == []
    assert keys.get("new-1") == {**RECORD, "scopes": ("orders.read",), "networks": ("2001:db8::/32",)}
    assert (keys.get("desk-7") or {})["revoked"] is True
    assert (keys.get("panic-1") or {})["rotated"] == "2026-03-02T09:00:00Z"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing yet\n",
        "keys: []\n",
        "keys: []  # none\n",
        "keys:\n- id: a\n- id: b",
        "keys:\n  - id: a # first\n    owner: x\n",
        "keys:\n  - {id: a, owner: x}\n",
        "keys:\n    - owner: x\n      id: 'a'\n      scopes:\n        - b\n",
    ],
)
def test_every_layout_can_be_added_to(tmp_path: Path, text: str) -> None:
    """A key can be added to an empty file, an empty list and lists of any layout; fields to every key."""
    path = tmp_path / "keys.yaml"
    file = changed(path, text)
    before = dict(file.records())
    file.add([RECORD])
    for key_id in before:
        file.set(key_id, "rotated", "2026-03-02T09:00:00Z")
    file.save()
    again = dict(KeyFile(path).records())
    assert again == {key_id: {**each, "rotated": "2026-03-02T09:00:00Z"} for key_id, each in before.items()} | {
        "new-1": RECORD
    }


def test_a_layout_that_cannot_be_changed_is_left_alone(tmp_path: Path) -> None:
    """A list on one line cannot be added to line by line: it is refused, and the file stays."""
    text = "keys: [{id: a}, {id: b}]\n"
    file = changed(tmp_path / "keys.yaml", text)
    with pytest.raises(KeptFileError, match="one field a line, or as JSON"):
        file.add([RECORD])
    file.save()
    assert (tmp_path / "keys.yaml").read_text() == text


def test_json_is_written_in_one_layout(tmp_path: Path) -> None:
    """A JSON key file is written as a whole, with the fields in their order."""
    path = tmp_path / "keys.json"
    path.write_text('{"keys": [{"id": "a", "tier": 2}]}')
    file = KeyFile(path)
    file.add([RECORD])
    file.set("a", "revoked", True)
    file.save()
    assert json.loads(path.read_text()) == {"keys": [{"id": "a", "tier": 2, "revoked": True}, RECORD]}


@pytest.mark.parametrize(
    "text",
    ["keys: 1\n", "keys:\n  - owner: x\n", "keys:\n  - id: a\n  - id: a\n", "a: [\n", "[]\n", "keys:\n  - id: 7\n"],
)
def test_a_file_with_mistakes_is_not_changed(tmp_path: Path, text: str) -> None:
    """It is refused, with the command that shows the mistakes."""
    with pytest.raises(KeptFileError, match="has mistakes: policy-check"):
        changed(tmp_path / "keys.yaml", text)


def test_other_names_are_refused(tmp_path: Path) -> None:
    """A key file is known by the end of its name."""
    with pytest.raises(KeptFileError, match=r"must end in \.yaml or \.json"):
        KeyFile(tmp_path / "keys.txt")
