"""Reading test files: cases, fixtures, matrices, and what is said about mistakes."""

from __future__ import annotations

import pytest

from durwan.language.manifest import Manifest
from durwan.language.policy_set import read_mapping
from durwan.workshop.test_files import Suite, read_suite
from tests.unit.workshop.policies import TRADER, described, verified


def suite_of(files: dict[str, str] | str) -> Suite:
    given = {"tests/cases.yaml": files} if isinstance(files, str) else files
    return read_suite(read_mapping(given), Manifest())


def one_mistake(text: str) -> tuple[str, str, str, str | None]:
    [found] = suite_of(text).diagnostics
    return described(found)


def test_request_of_a_case() -> None:
    """The file's now, then the fixtures in their order, then the case's own request; the last one wins."""
    suite = suite_of("""\
now: 2026-03-02T09:00:00Z
fixtures:
  a: { key: { id: a, scopes: [x] }, client: { ip: 203.0.113.9 } }
  b: { key: { id: b }, now: 2026-03-02T10:00:00Z }
cases:
  - name: one
    with: [a, b]
    request: { action: orders.create, client: { ip: null } }
    expect: allow
  - name: two
    with: [b, a]
    expect: { effect: deny, status: 403 }
    skip: not yet
""")
    one, two = suite.cases
    assert suite.diagnostics == ()
    assert one.request == {
        "now": "2026-03-02T10:00:00Z",
        "action": "orders.create",
        "key": {"id": "b", "scopes": ["x"]},
        "client": {"ip": None},
    }
    assert one.expected == {"effect": "allow"}
    assert one.skip is None
    assert one.span.text == "one"
    assert two.request["key"] == {"id": "a", "scopes": ["x"]}
    assert two.expected == {"effect": "deny", "status": 403}
    assert two.skip == "not yet"


def test_matrix_makes_a_case_of_each_combination() -> None:
    """Each has its combination in its name, and all have one title."""
    suite = suite_of("""\
cases:
  - name: reads
    request: { action: a, client: { ip: 192.0.2.1, country: GB } }
    matrix: { action: [x, y], client.ip: [203.0.113.9, "2001:db8:10::1"], now: [2026-03-02T09:00:00Z] }
    expect: allow
""")
    assert [case.name for case in suite.cases] == [
        "reads [action=x, client.ip=203.0.113.9, now=2026-03-02T09:00:00Z]",
        "reads [action=x, client.ip=2001:db8:10::1, now=2026-03-02T09:00:00Z]",
        "reads [action=y, client.ip=203.0.113.9, now=2026-03-02T09:00:00Z]",
        "reads [action=y, client.ip=2001:db8:10::1, now=2026-03-02T09:00:00Z]",
    ]
    assert {case.title for case in suite.cases} == {"reads"}
    assert suite.cases[3].request == {
        "action": "y",
        "client": {"ip": "2001:db8:10::1", "country": "GB"},
        "now": "2026-03-02T09:00:00Z",
    }


def test_fixtures_file_is_shared() -> None:
    """Fixtures of tests/fixtures.yaml are there in every file, in any folder; aliases are read."""
    suite = suite_of({
        "tests/fixtures.yaml": "fixtures: { a: &a { key: { id: a } }, b: *a }\n",
        "tests/one.yaml": "cases: [{ name: one, with: [a], expect: allow }]\n",
        "tests/deep/two.yml": "cases: [{ name: two, with: [b], expect: allow }]\n",
        "elsewhere/three.yaml": "cases: 3\n",
    })  # fmt: skip
    assert suite.diagnostics == ()
    assert [(case.name, case.request) for case in suite.cases] == [
        ("two", {"key": {"id": "a"}}),
        ("one", {"key": {"id": "a"}}),
    ]


def test_manifest_says_where_tests_lie() -> None:
    """Another folder than `tests` may be named."""
    files = {"checks/one.yaml": "cases: [{ name: one, expect: allow }]\n", "tests/two.yaml": "3"}
    suite = read_suite(read_mapping(files), Manifest(tests="checks"))
    assert [case.name for case in suite.cases] == ["one"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("P0808", "the file has no cases", "", "add a case, or remove the file")),
        ("fixtures: {}\n", ("P0808", "the file has no cases", "fixtures: {}", "add a case, or remove the file")),
        ("- 1\n", ("P0803", "the file is a list, not a mapping with `cases`", "- 1", None)),
        ("cases: {}\n", ("P0803", "`cases` is a mapping, not a list of cases", "{}", None)),
        ("cases: [5]\n", ("P0803", "an item of `cases` is a number, not a mapping that describes a case", "5", None)),
        ("case: []\n", ("P0801", "unknown field `case`", "case", "did you mean `cases`?")),
        (
            "cases: [{ name: x, expect: allow, wth: [] }]\n",
            ("P0801", "unknown field `wth`", "wth", "did you mean `with`?"),
        ),
        (
            "cases: [{ name: x, expect: allow, foo: 1 }]\n",
            (
                "P0801",
                "unknown field `foo`",
                "foo",
                "there are `name`, `with`, `request`, `matrix`, `expect`, `skip`",
            ),
        ),
        ("cases: [{ expect: allow }]\n", ("P0802", "the case has no `name`", "{ expect: allow }", "add `name:` to it")),
        ("cases: [{ name: x }]\n", ("P0802", "the case has no `expect`", "{ name: x }", "add `expect:` to it")),
        (
            "cases: [{ name: x, expect: {} }]\n",
            ("P0802", "the expectation has no `effect`", "{}", "add `effect:` to it"),
        ),
        (
            "cases: [{ name: x, expect: { remedies: [{ within: 5m }] } }]\n",
            ("P0802", "the remedy has no `kind`", "{ within: 5m }", "add `kind:` to it"),
        ),
        (
            "cases: [{ name: x, expect: [] }]\n",
            ("P0803", "`expect` is a list, not an effect, or a mapping of a decision's fields", "[]", None),
        ),
        (
            "cases: [{ name: x, expect: { status: '403' } }]\n",
            ("P0803", "`status` is text, not an HTTP status", "'403'", None),
        ),
        (
            "cases: [{ name: x, expect: { status: true } }]\n",
            ("P0803", "`status` is a boolean, not an HTTP status", "true", None),
        ),
        (
            "cases: [{ name: x, with: order, expect: deny }]\n",
            ("P0803", "`with` is text, not a list of fixtures", "order", None),
        ),
        (
            "cases: [{ name: x, with: [1], expect: deny }]\n",
            ("P0803", "an item of `with` is a number, not text", "1", None),
        ),
        (
            "cases: [{ name: x, skip: true, expect: deny }]\n",
            ("P0803", "`skip` is a boolean, not the reason as text", "true", None),
        ),
        (
            "cases: [{ name: x, request: null, expect: deny }]\n",
            ("P0803", "`request` is null, not a mapping", "null", None),
        ),
        (
            "cases: [{ name: x, matrix: { a: 1 }, expect: deny }]\n",
            ("P0803", "`a` is a number, not a list of values", "1", None),
        ),
        (
            "cases: [{ name: x, expect: alow }]\n",
            ("P0804", "`alow` is no value for `expect`", "alow", "did you mean `allow`?"),
        ),
        (
            "cases: [{ name: x, expect: { effect: no } }]\n",
            ("P0804", "`no` is no value for `effect`", "no", "give one of `allow`, `deny`, `challenge`"),
        ),
        (
            "cases: [{ name: x, expect: { allowed: 1 } }]\n",
            ("P0803", "`allowed` is a number, not true or false", "1", None),
        ),
        (
            "cases: [{ name: x, expect: { retry_after: -1 } }]\n",
            (
                "P0804",
                "`-1` is no value for `retry_after`",
                "-1",
                "give a number of seconds, a duration such as `10s`, or null",
            ),
        ),
        (
            "cases: [{ name: x, expect: { retry_after: soon } }]\n",
            (
                "P0804",
                "`soon` is no value for `retry_after`",
                "soon",
                "give a number of seconds, a duration such as `10s`, or null",
            ),
        ),
        (
            "cases: [{ name: x, expect: { status: 42 } }]\n",
            ("P0804", "`42` is no value for `status`", "42", "give an HTTP status"),
        ),
        (
            "cases: [{ name: x, expect: { valid_until: tomorrow } }]\n",
            (
                "P0804",
                "`tomorrow` is no value for `valid_until`",
                "tomorrow",
                "give an instant, milliseconds, or null",
            ),
        ),
        (
            "cases: [{ name: x, expect: { remedies: [{ kind: mfa, within: soon }] } }]\n",
            ("P0804", "`soon` is no value for `within`", "soon", "give a duration such as `5m`"),
        ),
        (
            "cases: [{ name: x, skip: '', expect: deny }]\n",
            ("P0804", "`` is no value for `skip`", "''", "give the reason as text"),
        ),
        (
            "cases: [{ name: x, with: [a], expect: deny }]\n",
            ("P0805", "undefined fixture `a`", "a", "define it: `fixtures: { a: { … } }`"),
        ),
        (
            "cases: [{ name: x, matrix: { '.': [1] }, expect: deny }]\n",
            ("P0812", "`.` is no path into a request", "'.'", "write `action`, `now`, or `context.attribute`"),
        ),
        (
            "cases: [{ name: x, matrix: { a: [] }, expect: deny }]\n",
            (
                "P0812",
                "the matrix gives `a` no value, so it makes no case",
                "a",
                "give it at least one value; `[null]` leaves the attribute unknown",
            ),
        ),
        (
            "cases: [{ name: x, matrix: { a: [1], a.b: [2] }, expect: deny }]\n",
            (
                "P0812",
                "the matrix sets `a.b` inside of `a`, which it sets too",
                "a.b",
                "set `a` in the request, or not at all",
            ),
        ),
        (
            "cases: [{ name: x, request: { key: k }, matrix: { key.id: [1] }, expect: deny }]\n",
            (
                "P0812",
                "the matrix sets `key.id`, but `key` is a plain value in this request",
                "key.id",
                "give `key` as a mapping of its attributes",
            ),
        ),
        (
            "cases: [{ name: x, name: y, expect: deny }]\n",
            ("P0505", "`name` is given twice", "name", "remove one of the two"),
        ),
    ],
)
def test_mistake(text: str, expected: tuple[str, str, str, str | None]) -> None:
    """One mistake, one diagnostic: its code, message, what is underlined, and the help."""
    assert one_mistake(text) == expected


def test_too_large_matrix() -> None:
    """A matrix of more than ten thousand cases is not written out."""
    values = ", ".join(str(number) for number in range(101))
    text = f"cases: [{{ name: x, matrix: {{ a: [{values}], b: [{values}] }}, expect: deny }}]\n"
    assert one_mistake(text)[:2] == ("P0812", "the matrix makes 10,201 cases, more than 10,000")
    assert suite_of(text).cases == ()


def test_fixtures_and_cases_are_named_once_and_for_a_use() -> None:
    """A fixture that is shared already, one that no case uses, and a case named like another are told apart."""
    suite = suite_of({
        "tests/fixtures.yaml": "fixtures: { shared: {} }\n",
        "tests/a.yaml": "fixtures: { shared: {}, idle: {} }\ncases: [{ name: x, with: [shared], expect: deny }]\n",
        "tests/b.yaml": "cases: [{ name: x, expect: deny }, { name: x, expect: deny }]\n",
    })  # fmt: skip
    found = {each.code: (each.severity, each.span.source.path, each.span.text) for each in suite.diagnostics}
    assert found["P0806"] == ("error", "tests/a.yaml", "shared")
    assert found["P0807"] == ("warning", "tests/a.yaml", "idle")
    assert found["P0809"] == ("error", "tests/b.yaml", "x")


def test_all_mistakes_in_one_run() -> None:
    """Every mistake of every file is reported, in source order; what is right makes cases all the same."""
    suite = suite_of({
        "tests/a.yaml": "cases: [{ name: x, expect: alow }, { expect: deny }]\n",
        "tests/b.yaml": "cases: [{ name: good, expect: allow }, { name: bad, with: [c], expect: deny }]\n",
    })  # fmt: skip
    assert [(each.span.source.path, each.code) for each in suite.diagnostics] == [
        ("tests/a.yaml", "P0804"),
        ("tests/a.yaml", "P0802"),
        ("tests/b.yaml", "P0805"),
    ]
    assert [case.name for case in suite.cases] == ["good"]
    assert not suite.complete


def test_unreadable_fixtures_do_not_cascade() -> None:
    """Where the shared fixtures cannot be read, none is called undefined, and the cases that use one are left out."""
    suite = suite_of({
        "tests/fixtures.yaml": "fixtures: [1]\n",
        "tests/a.yaml": "cases: [{ name: x, with: [a], expect: deny }, { name: y, expect: deny }]\n",
    })  # fmt: skip
    assert [each.code for each in suite.diagnostics] == ["P0803"]
    assert [case.name for case in suite.cases] == ["y"]


def test_unreadable_file_does_not_cascade() -> None:
    """A file that cannot be read may use the shared fixtures: they are not called unused."""
    suite = suite_of({"tests/fixtures.yaml": "fixtures: { a: {} }\n", "tests/a.yaml": "cases: 3\n"})
    assert [each.code for each in suite.diagnostics] == ["P0803"]


def test_not_utf8() -> None:
    """A file in another encoding is one mistake."""
    suite = read_suite(read_mapping({"tests/a.yaml": b"cases: \xff\n"}), Manifest())
    assert [each.code for each in suite.diagnostics] == ["P0501"]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            "{ name: x, with: [trader], expect: { rule: riskyy } }",
            ("P0810", "the policy set has no rule or limit `riskyy`", "riskyy", "did you mean `risky`?"),
        ),
        (
            "{ name: x, with: [trader], expect: { rule: tighter_risk } }",
            (
                "P0810",
                "the policy set has no rule or limit `tighter_risk`",
                "tighter_risk",
                "it is a shadow rule: expect `shadows: [tighter_risk]`",
            ),
        ),
        (
            "{ name: x, with: [trader], expect: { shadows: [risky] } }",
            ("P0810", "the policy set has no shadow rule `risky`", "risky", None),
        ),
        (
            "{ name: x, with: [trader], expect: { effect: allow, rule: risky } }",
            (
                "P0811",
                "`risky` can only decide `deny`, and the case expects `allow`",
                "risky",
                "one of the two is wrong",
            ),
        ),
        (
            "{ name: x, with: [trader], expect: { effect: challenge, rule: order_rate } }",
            (
                "P0811",
                "`order_rate` can only decide `deny`, and the case expects `challenge`",
                "order_rate",
                "one of the two is wrong",
            ),
        ),
        (
            "{ name: x, with: [trader], request: { risk: { scor: 1 } }, expect: allow }",
            ("P0813", "no context declares `risk.scor`", "scor", "did you mean `score`?"),
        ),
        (
            "{ name: x, with: [trader], request: { risc: { score: 1 } }, expect: allow }",
            ("P0813", "no context declares `risc`", "risc", "did you mean `risk`?"),
        ),
        (
            "{ name: x, with: [trader], matrix: { risk.scor: [1] }, expect: allow }",
            ("P0813", "no context declares `risk.scor`", "risk.scor", "did you mean `risk.score`?"),
        ),
        (
            "{ name: x, with: [trader], request: { action: order.create }, expect: deny }",
            ("P0814", "the case asks for the undeclared action `order.create`", "x", "did you mean `orders.create`?"),
        ),
    ],
)
def test_names_are_those_of_the_policy_set(case: str, expected: tuple[str, str, str, str | None]) -> None:
    """Rules, limits, attributes and actions that a test names have to be declared."""
    [found] = verified(f"cases:\n  - {case}\n").diagnostics
    assert described(found) == expected


@pytest.mark.parametrize(
    "case",
    [
        "{ name: x, with: [trader], expect: { rule: null } }",
        "{ name: x, with: [trader], expect: { effect: deny, rule: order_rate } }",
        "{ name: x, with: [trader], expect: { shadows: [tighter_risk] } }",
        "{ name: x, with: [trader], request: { action: order.create }, expect: { code: unknown_action } }",
        "{ name: x, with: [trader], matrix: { action: [orders.create], now: [1], key: [a] }, expect: deny }",
        "{ name: x, with: [trader], request: { key: desk-7, action: 3 }, expect: deny }",
    ],
)
def test_names_that_are_declared(case: str) -> None:
    """Nothing is said about names that there are."""
    assert verified(f"cases:\n  - {case}\n").diagnostics == ()


def test_undeclared_action_is_told_once_a_case() -> None:
    """Not once for every combination of the matrix."""
    case = "{ name: x, with: [trader], matrix: { action: [a], risk.score: [1, 2] }, expect: deny }"
    found = verified(f"cases:\n  - {case}\n")
    assert [each.code for each in found.diagnostics] == ["P0814"]


def must_pass(manifest: str, cases: str) -> list[tuple[str, str, str, str | None]]:
    files = {"policy.yaml": f"must_pass: {manifest}\n", "tests/cases.yaml": TRADER + f"cases: {cases}\n"}
    return [described(each) for each in verified(files).diagnostics]


def test_must_pass() -> None:
    """A case that must pass has to be there and to be run; one that runs for some combinations is run."""
    case = "{ name: a case, with: [trader], expect: allow }"
    assert must_pass("[a case]", f"[{case}]") == []
    assert must_pass("[another]", f"[{case}]") == [
        ("P0815", "no case is named `another`, which must pass", "another", "correct the name, or write the case")
    ]
    assert must_pass("[a cass]", f"[{case}]")[0][3] == "did you mean `a case`?"
    skipped = "{ name: a case, with: [trader], expect: allow, skip: later }"
    assert must_pass("[a case]", f"[{skipped}]") == [
        ("P0816", "the case `a case` must pass, and is skipped", "a case", None)
    ]


def test_must_pass_does_not_cascade() -> None:
    """A case with a mistake of its own is not missing as well."""
    assert [each[0] for each in must_pass("[x]", "[{ name: x, with: [trader, y], expect: allow }]")] == ["P0805"]
