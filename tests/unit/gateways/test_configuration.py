"""The configuration of `durwan serve`: what it says, what stands over it, and what is wrong with it, all at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from durwan.diagnostics.terminal import Style, draw_all
from durwan.gateways.serving.checks import check
from durwan.gateways.serving.configuration import Configuration
from durwan.gateways.serving.reading import ConfigurationError, Loaded, load

SECRET = "7Yd0f6vV2m9sWcK3"  # noqa: S105 - of these tests alone


def loaded(folder: Path, text: str, **environment: str) -> Loaded:
    path = folder / "durwan.yaml"
    path.write_text(text)
    return load(path, environment)


def mistakes(folder: Path, text: str, **environment: str) -> list[tuple[str, str, str]]:
    """Code, what is underlined, and the message of each mistake."""
    with pytest.raises(ConfigurationError) as raised:
        loaded(folder, text, **environment)
    return [(each.code, each.span.text, each.message) for each in raised.value.diagnostics]


def unsafe(folder: Path, text: str) -> list[tuple[str, str]]:
    """Code and what is underlined of what is wrong with settings together."""
    (folder / "policies").mkdir(exist_ok=True)
    return [(each.code, each.span.text) for each in check(loaded(folder, text))]


# ------------------------------------------------------------------------------------------------------------ defaults


def test_nothing_has_to_be_said(tmp_path: Path) -> None:
    """An empty file, and none, are all defaults: loopback, no credential accepted, and nothing that could be unsafe."""
    for found in (loaded(tmp_path, ""), load(None, {})):
        assert found.configuration == Configuration()
        assert all(each.is_private for each in found.configuration.listen)
        assert not found.configuration.credentials.any
    assert unsafe(tmp_path, "") == []


def test_the_effective_configuration_can_be_read_again(tmp_path: Path) -> None:
    """What `--check` prints is a configuration that means the same."""
    text = "listen: ['[::1]:8181', 'unix:gate.sock']\npolicies: {poll: 1m30s, max_age: 2h}\nadmin: 127.0.0.1:9181\n"
    first = loaded(tmp_path, text)
    again = loaded(tmp_path, yaml.safe_dump(first.configuration.effective()))
    assert again.configuration == first.configuration


def test_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    """Wherever the command is called from."""
    assert loaded(tmp_path, "").file("policies") == tmp_path / "policies"


# ------------------------------------------------------------------------------------------------------------ mistakes


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """Each with its place; one does not hide another."""
    text = """\
polices: {path: x}
workers: 0
listen: [127.0.0.1:8181, nonsense]
stop: {drain: 5, grace: 1 hour}
proxies: {networks: [10.0.0.1/8]}
requests: {methods: [get], hosts: [Upper.example.com]}
log: loud
tls: {key: a.pem}
forward_auth: 1
opa: {path: /a}
must_deny: [{name: x, target: a}]
"""
    found = mistakes(tmp_path, text)
    assert [(code, text) for code, text, _ in found] == [
        ("P1001", "polices"), ("P1002", "0"), ("P1002", "nonsense"), ("P1002", "5"), ("P1002", "1 hour"),
        ("P1002", "10.0.0.1/8"), ("P1002", "get"), ("P1002", "Upper.example.com"), ("P1002", "loud"),
        ("P1003", "{key: a.pem}"), ("P1002", "1"), ("P1002", "/a"), ("P1002", "a"),
    ]  # fmt: skip
    assert found[1][2] == "`workers` must be greater than or equal to 1"
    assert found[-1][2] == "`must_deny.0.target` must be text that matches `^/`"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "P0504"),
        ("log: info\nlog: info", "P0505"),
        ("- a", "P1002"),
        ("log: !x y", "P0507"),
        ("a: *b", "P0506"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str, code: str) -> None:
    """YAML that could be read in more than one way, and what is no mapping."""
    assert code in {found[0] for found in mistakes(tmp_path, text)}


def test_a_misspelt_setting_is_told_what_was_meant(tmp_path: Path) -> None:
    """Did you mean, and else all that there is."""
    with pytest.raises(ConfigurationError) as raised:
        loaded(tmp_path, "credentials: {berer: true, xyz: 1}")
    first, second = raised.value.diagnostics
    assert first.help == "did you mean `bearer`?"
    assert second.help is not None
    assert "`signatures`" in second.help


@pytest.mark.parametrize(
    "text",
    [
        f"proxies: {{secret: {SECRET}}}",
        f"proxies: {{secret: [{SECRET}]}}",
        f"proxies: {{secret: {{file: a, value: {SECRET}}}}}",
        f"keys: {{sealing_key: {SECRET}}}",
        f"keys: {{secret: {SECRET}}}",
        f"password: {SECRET}",
        f"state: {{redis: {{url: 'redis://u:{SECRET}@host', mac_key: {{file: a}}}}}}",
        f"state: {{redis: {{url: {{variable: A}}, mac_key: {SECRET}}}}}",
        f"audit: {{directory: a, key: {SECRET}}}",
        f"unknown: {{a: [1, {{b: {SECRET}}}]}}",
        f"unknown: |\n  {SECRET}\n  {SECRET}\n",
    ],
)
def test_a_secret_in_the_configuration_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    """R47, R61: wherever it stands that is no place for one, it is in no message, and not drawn with one."""
    with pytest.raises(ConfigurationError) as raised:
        loaded(tmp_path, text)
    drawn = "".join(draw_all(raised.value.diagnostics, Style(color=False, width=120)))
    assert {each.code for each in raised.value.diagnostics} & {"P1001", "P1002", "P1004"}
    assert SECRET not in drawn
    assert SECRET not in str(raised.value)


def test_a_secret_is_named_in_one_way(tmp_path: Path) -> None:
    """A file or a variable, and not both, and not neither."""
    for source in ("{}", "{file: a, variable: B}", "{variable: lower}"):
        assert mistakes(tmp_path, f"proxies: {{secret: {source}}}")[0][0] == "P1002"
    assert loaded(tmp_path, "proxies: {secret: {variable: PROXY_SECRET}}").configuration.proxies.secret is not None


# --------------------------------------------------------------------------------------------------------- environment


def test_the_environment_stands_over_the_file(tmp_path: Path) -> None:
    """Each setting has a variable of its name; its value is YAML, and a list may have one bare member."""
    found = loaded(
        tmp_path,
        "workers: 1\nstate: {gateways: 3}\nlisten: [127.0.0.1:1]",
        DURWAN_WORKERS="2", DURWAN_STATE__SQLITE="state.db", DURWAN_LISTEN="127.0.0.1:2", DURWAN_STOP__DRAIN="3s",
        DURWAN_REQUESTS__METHODS="[GET, POST]", DURWAN_CREDENTIALS__BEARER="true", DURWAN_PROXIES__SECRET__FILE="p",  # noqa: S106 - the name of a file

        DURWAN_ADMIN="unix:admin.sock",
    ).configuration  # fmt: skip
    assert (found.workers, found.state.sqlite, found.state.gateways) == (2, "state.db", 3)
    assert ([str(each) for each in found.listen], str(found.admin)) == (["127.0.0.1:2"], "unix:admin.sock")
    assert (found.stop.drain, found.requests.methods, found.credentials.bearer) == (3_000, ["GET", "POST"], True)
    assert found.proxies.secret is not None
    assert found.proxies.secret.file == "p"


def test_a_wrong_value_of_the_environment_is_shown_there(tmp_path: Path) -> None:
    """The mistake stands at the variable, not in the file."""
    with pytest.raises(ConfigurationError) as raised:
        loaded(tmp_path, "workers: 1", DURWAN_WORKERS="many")
    (found,) = raised.value.diagnostics
    assert (found.code, found.span.source.path, found.span.text) == ("P1002", "the environment", "DURWAN_WORKERS")


def test_an_unknown_variable_is_only_told_of(tmp_path: Path) -> None:
    """P1007: systems that run containers put variables there; what they hold is not shown."""
    found = loaded(tmp_path, "", DURWAN_LISTN=SECRET, DURWAN_SERVICE_HOST="10.0.0.1", DURWAN_SEALING_KEY=SECRET)
    assert [(each.code, each.severity, each.span.text) for each in found.warnings] == [
        ("P1007", "warning", "DURWAN_LISTN"), ("P1007", "warning", "DURWAN_SERVICE_HOST"),
    ]  # fmt: skip
    assert found.warnings[0].help == "did you mean `DURWAN_LISTEN`?"
    assert SECRET not in "".join(draw_all(found.warnings, Style(color=False, width=120)))


def test_a_variable_that_holds_a_secret_is_known(tmp_path: Path) -> None:
    """Whatever it is called, where the configuration names it nobody is told that it means nothing."""
    text = "proxies: {secret: {variable: DURWAN_PROXY}}"
    assert loaded(tmp_path, text, DURWAN_PROXY=SECRET).warnings == ()


# -------------------------------------------------------------------------------------------------- unsafe together


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("listen: [0.0.0.0:8181]", [("P1005", "0.0.0.0:8181")]),
        ("listen: [127.0.0.1:1, '[::]:2', 192.0.2.1:3]", [("P1005", "'[::]:2'"), ("P1005", "192.0.2.1:3")]),
        ("listen: [127.9.9.9:1, '[::1]:2', 'unix:a']", []),
        ("listen: [0.0.0.0:1]\nproxies: {secret: {file: a}}", []),
        ("policies: {path: nowhere}", [("P1006", "nowhere")]),
        ("policies: {path: policies, trust: {keys: [a.pem]}}", [("P1005", "{keys: [a.pem]}")]),
        ("credentials: {bearer: true}", [("P1003", "")]),
        ("credentials: {proofs: {uri: 'https://api.example.com'}}", [("P1003", "")]),
        ("credentials: {signatures: durwan}\nkeys: {secrets: a}", [("P1005", "")]),
        ("credentials: {signatures: durwan}\nkeys: {secrets: a}\nrequests: {hosts: [api.example.com]}", []),
        ("workers: 2\ncredentials: {bearer: true}\nkeys: {secrets: a}", []),
        ("workers: 2\ncredentials: {sessions: {}}", [("P1005", "2")]),
        ("workers: 2\ncredentials: {sessions: {}}\nstate: {sqlite: a}", []),
        ("workers: 2\nmetrics: prometheus", [("P1005", "prometheus")]),
        ("workers: 2\nmetrics: prometheus\nadmin: 127.0.0.1:1", []),
        ("audit: {directory: a, hash: [client.ip]}", [("P1003", "{directory: a, hash: [client.ip]}")]),
    ],
)  # fmt: skip
def test_settings_that_are_unsafe_together_are_found(tmp_path: Path, text: str, found: list[tuple[str, str]]) -> None:
    """Each is fine alone; what is underlined is the one to change."""
    given = unsafe(tmp_path, text)
    assert [code for code, _ in given] == [code for code, _ in found]
    assert all(wanted in {"", span} for (_, span), (_, wanted) in zip(given, found, strict=True))


def test_a_bundle_is_taken_from_whom_it_says(tmp_path: Path) -> None:
    """A bundle that anybody may have made is taken only where that is written down."""
    (tmp_path / "a.bundle").touch()
    assert unsafe(tmp_path, "policies: {path: a.bundle}") == [("P1005", "a.bundle")]
    assert unsafe(tmp_path, "policies: {path: a.bundle, unsigned: true}") == []
    assert unsafe(tmp_path, "policies: {path: a.bundle, trust: {keys: [a.pem]}}") == []


def test_state_is_kept_in_one_place(tmp_path: Path) -> None:
    """SQLite or Redis."""
    text = "state: {sqlite: a, redis: {url: {variable: A}, mac_key: {variable: B}}}"
    assert mistakes(tmp_path, text)[0][0] == "P1002"


def test_every_setting_is_documented() -> None:
    """A section says what its settings are for; none is there without a word."""

    def sections(model: Any) -> Any:
        yield model
        for inner in model.__subclasses__():
            yield from sections(inner)

    from durwan.gateways.serving.kinds import Section

    for section in sections(Section):
        assert section.__doc__, section
