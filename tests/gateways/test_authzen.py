"""AuthZEN over HTTPS: OpenID's certification scenario (Basic, Batch, Search, Discovery), and its gateway decisions.

Each request is sent to `durwan serve` itself, with a policy set that decides; its sections are named as the scenario
names them. A last test holds the requests here to those of the scenario's own text, where that lies beside.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.serving import Running, serving

HERE = Path(__file__).parent
CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "authzen"
EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"

ALICE = {"type": "user", "id": "alice"}
BOB = {"type": "user", "id": "bob"}
ADMIN = {**BOB, "properties": {"role": "admin"}}
RECORD = {"type": "record", "id": "record-1"}
OTHER = {"type": "record", "id": "record-2"}
ACTIVE = {**RECORD, "properties": {"status": "active"}}
ARCHIVED = {**OTHER, "properties": {"status": "archived"}}
READ, WRITE = {"name": "read"}, {"name": "write"}
USERS, RECORDS = {"type": "user"}, {"type": "record"}
CONTEXT = {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}


def question(subject: Any, action: Any, resource: Any, **others: Any) -> dict[str, Any]:
    return {"subject": subject, "action": action, "resource": resource, **others}


def deletion(*, soft: bool) -> dict[str, Any]:
    return question(ALICE, {"name": "delete", "properties": {"soft": soft}}, RECORD)


MANY_PROPERTIES = question(
    {**ALICE, "properties": {"department": "Sales", "role": "manager"}},
    {"name": "read", "properties": {"method": "GET"}},
    {**RECORD, "properties": {"status": "active", "owner": "bob"}},
)
UNKNOWN_FIELDS = question(ALICE, READ, RECORD, foo="bar", futureField={"nested": True})

# By section: the question, and the decision.
BASIC = {
    "c-2-2-1": (question(ALICE, READ, RECORD), True),
    "rule 2": (question(ALICE, WRITE, RECORD), True),
    "rule 3": (question(BOB, READ, RECORD), True),
    "c-2-2-2": (question(BOB, WRITE, RECORD), False),
    "c-2-2-3": (question(ALICE, READ, RECORD, context=CONTEXT), True),
    "c-2-2-4": (question(ALICE, WRITE, ARCHIVED), False),
    "c-2-2-5": (question(ADMIN, WRITE, ARCHIVED), True),
    "c-2-2-6": (deletion(soft=True), True),
    "c-2-2-7": (deletion(soft=False), False),
    "c-2-2-8": (MANY_PROPERTIES, True),
    "c-2-2-9": (UNKNOWN_FIELDS, True),
}

# What is missing, or of another type.
MALFORMED = {
    "no subject": {"action": READ, "resource": RECORD},
    "no action": {"subject": ALICE, "resource": RECORD},
    "no resource": {"subject": ALICE, "action": READ},
    "no subject type": question({"id": "alice"}, READ, RECORD),
    "no subject id": question(USERS, READ, RECORD),
    "no action name": question(ALICE, {}, RECORD),
    "no resource type": question(ALICE, READ, {"id": "record-1"}),
    "no resource id": question(ALICE, READ, RECORDS),
    "a subject that is text": question("alice", READ, RECORD),
    "an action whose name is a number": question(ALICE, {"name": 123}, RECORD),
    "a subject that is null": question(None, READ, RECORD),
    "properties that are a list": question({**ALICE, "properties": []}, READ, RECORD),
    "a context that is text": question(ALICE, READ, RECORD, context="now"),
    "an id that is a bool": question({"type": "user", "id": True}, READ, RECORD),
}

# By section: the questions, and the decisions; None where the scenario asks for a bool alone.
BATCHES: dict[str, tuple[dict[str, Any], list[bool | None]]] = {
    "c-3-2-1": (
        {"subject": ALICE, "action": READ, "evaluations": [{"resource": RECORD}, {"resource": OTHER}]}, [None, None],
    ),
    "c-3-2-2": (
        {"subject": BOB, "resource": RECORD, "evaluations": [{"action": READ}, {"action": WRITE}]}, [True, False],
    ),
    "c-3-2-3": (
        {"subject": ALICE, "action": WRITE, "evaluations": [{"resource": ACTIVE}, {"resource": ARCHIVED}]},
        [True, False],
    ),
    "c-3-2-4": (
        {"action": WRITE, "resource": ARCHIVED, "evaluations": [{"subject": ALICE}, {"subject": ADMIN}]},
        [False, True],
    ),
    "c-3-2-5": ({"evaluations": [question(ALICE, READ, RECORD), question(BOB, WRITE, RECORD)]}, [True, False]),
    "c-3-2-6": (
        {
            "subject": ALICE, "action": READ, "context": {"time": "2025-06-27T18:03-07:00"},
            "evaluations": [
                {"resource": RECORD},
                {"resource": OTHER, "context": {"time": "2025-06-27T19:00-07:00", "source": "batch-override"}},
            ],
        },
        [None, None],
    ),
    "c-3-2-7": ({**question(ALICE, WRITE, ACTIVE), "evaluations": [{}, {"resource": ARCHIVED}]}, [True, False]),
    "c-3-4-1": (
        {"subject": ALICE, "action": READ, "options": {"evaluations_semantic": "execute_all"},
         "evaluations": [{"resource": RECORD}, {}]},
        [True, False],
    ),
}  # fmt: skip

SUBJECTS = question(USERS, READ, RECORD)
FOUND_SUBJECTS = [ALICE, BOB]
RESOURCES = question(ALICE, READ, RECORDS)
ACTIONS = {"subject": ALICE, "resource": RECORD}

# By section: what is searched for, the question, what has to be among the results, and whether that is all of them.
SEARCHES: dict[str, tuple[str, dict[str, Any], list[dict[str, str]], bool]] = {
    "c-4-2-1": ("subject", SUBJECTS, FOUND_SUBJECTS, False),
    "c-4-2-2": ("subject", {**SUBJECTS, "context": CONTEXT}, FOUND_SUBJECTS, False),
    "c-4-2-3": ("subject", question(ALICE, READ, RECORD), FOUND_SUBJECTS, False),
    "c-4-2-4": ("subject", question(USERS, WRITE, ARCHIVED), [BOB], False),
    "c-4-3-1": ("resource", RESOURCES, [RECORD], False),
    "c-4-3-2": ("resource", {**RESOURCES, "context": CONTEXT}, [RECORD], False),
    "c-4-3-3": ("resource", question(ALICE, READ, RECORD), [RECORD], False),
    "c-4-3-4": ("resource", question(ADMIN, WRITE, RECORDS), [OTHER], False),
    "c-4-4-1": ("action", ACTIONS, [READ, WRITE], False),
    "c-4-4-2": ("action", {**ACTIONS, "context": CONTEXT}, [READ, WRITE], False),
    "c-4-4-3": ("action", {"subject": ADMIN, "resource": ARCHIVED}, [WRITE], False),
    "c-4-5-1": ("subject", {**SUBJECTS, "page": {"limit": 1}}, FOUND_SUBJECTS, False),
    "c-4-6-1": ("action", {"subject": {"type": "user", "id": "nonexistent-user"}, "resource": RECORD}, [], True),
    "c-4-6-2": ("subject", question({"type": "spaceship"}, READ, RECORD), [], True),
    "an unknown type of resource": ("resource", question(ALICE, READ, {"type": "spaceship"}), [], True),
    "an unknown subject": ("resource", question({"type": "user", "id": "nobody"}, READ, RECORDS), [], True),
    "an unknown action": ("subject", question(USERS, {"name": "fly"}, RECORD), [], True),
    "the methods of a route": ("action", {"subject": {"type": "identity", "id": "nobody"},
                                          "resource": {"type": "route", "id": "/todos"}}, [], True),
}  # fmt: skip

MALFORMED_SEARCHES = [
    ("subject", {"subject": USERS, "resource": RECORD}),
    ("resource", {"action": READ, "resource": RECORDS}),
    ("action", {"subject": ALICE}),
    ("subject", question(USERS, READ, RECORDS)),
    ("resource", question(USERS, READ, RECORDS)),
    ("action", {"subject": USERS, "resource": RECORD}),
    ("subject", {**SUBJECTS, "page": 1}),
]


@pytest.fixture(scope="module")
def pdp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server, with a certificate of its own."""
    folder = tmp_path_factory.mktemp("authzen")
    certificate = make_certificate(folder)
    variables = {"DURWAN_TLS__CERTIFICATE": str(certificate), "DURWAN_TLS__KEY": str(folder / "key.pem")}
    with serving(
        HERE / "authzen" / "durwan.yaml", folder / "log", authority=certificate, variables=variables
    ) as running:
        yield running


# -------------------------------------------------------------------------------------------------------------- basic


@pytest.mark.parametrize("section", BASIC)
def test_a_question_of_the_scenario_is_answered(pdp: Running, section: str) -> None:
    """Basic: a deny is a 200 as well, and the body is what the schema of responses asks for."""
    asked, decision = BASIC[section]
    response = pdp.post(EVALUATION, asked)
    assert (response.status, response.header("content-type")) == (200, "application/json")
    assert response.json["decision"] is decision
    assert type(response.json["context"]) is dict
    check_response(response.json)


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_question_is_no_question(pdp: Running, name: str) -> None:
    """2.4: what is missing or of another type is a 400, and nothing is decided."""
    for path in (EVALUATION, EVALUATIONS):
        response = pdp.post(path, MALFORMED[name])
        assert (response.status, response.header("content-type")) == (400, "application/problem+json")
        assert "decision" not in response.json


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-type": "text/plain"}, json.dumps(question(ALICE, READ, RECORD)).encode()),
        ({"content-type": "application/jsonp"}, json.dumps(question(ALICE, READ, RECORD)).encode()),
        ({}, json.dumps(question(ALICE, READ, RECORD)).encode()),
        ({"content-type": "application/json"}, b'{"subject":'),
        ({"content-type": "application/json"}, b""),
        ({"content-type": "application/json"}, b"[]"),
        ({"content-type": "application/json"}, b"\xff\xfe{}"),
    ],
)
def test_what_is_no_json_is_no_question(pdp: Running, headers: dict[str, str], body: bytes) -> None:
    """2.4.3 to 2.4.5: another content type, a body that is no JSON, and none at all are a 400."""
    assert pdp.send("POST", EVALUATION, headers, body).status == 400


ONE = '{"subject":{"type":"user","id":"alice"},"action":{"name":"read"},"resource":{"type":"record","id":"record-1"}}'
AMBIGUOUS = {
    "a name twice": ONE.replace('"id":"alice"', '"id":"bob","id":"alice"'),
    "a subject twice": ONE.replace("{", '{"subject":{"type":"user","id":"bob"},', 1),
    "half a surrogate pair": ONE.replace("alice", "alice\\ud800"),
    "not a number": ONE.replace('"name":"read"', '"name":"read","properties":{"n":NaN}'),
    "infinity": ONE.replace('"name":"read"', '"name":"read","properties":{"n":1e999}'),
    "too deep": ONE.replace("{", '{"x":' + "[" * 40 + "]" * 40 + ",", 1),
}


@pytest.mark.parametrize("body", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_json_of_more_than_one_meaning_is_refused(pdp: Running, body: str) -> None:
    """R49, R53: what two readers could understand differently is decided by none, and its text is not repeated."""
    assert pdp.send("POST", EVALUATION, {"content-type": "application/json"}, ONE.encode()).status == 200
    response = pdp.send("POST", EVALUATION, {"content-type": "application/json"}, body.encode())
    assert response.status == 400
    assert b"alice" not in response.body


def test_a_request_id_comes_back(pdp: Running) -> None:
    """2.5: the id of a request is echoed, with errors as well; without one there is none."""
    asked = question(ALICE, READ, RECORD)
    assert pdp.post(EVALUATION, asked, {"x-request-id": "abc-123"}).header("x-request-id") == "abc-123"
    assert pdp.post(EVALUATION, {}, {"x-request-id": "abc-123"}).header("x-request-id") == "abc-123"
    assert pdp.post(EVALUATION, asked).header("x-request-id") is None


def test_the_same_question_has_the_same_answer(pdp: Running) -> None:
    """2.6."""
    assert {pdp.post(EVALUATION, question(ALICE, READ, RECORD)).json["decision"] for _ in range(5)} == {True}


def test_a_question_is_posted(pdp: Running) -> None:
    """Another method is told which one it is."""
    response = pdp.send("GET", EVALUATION)
    assert (response.status, response.header("allow")) == (405, "POST")


# -------------------------------------------------------------------------------------------------------------- batch


@pytest.mark.parametrize("section", BATCHES)
def test_a_batch_of_the_scenario_is_answered(pdp: Running, section: str) -> None:
    """Batch: one decision for each question, in their order."""
    asked, decisions = BATCHES[section]
    response = pdp.post(EVALUATIONS, asked)
    found = response.json["evaluations"]
    assert (response.status, len(found), "decision" in response.json) == (200, len(decisions), False)
    for item, decision in zip(found, decisions, strict=True):
        check_response(item)
        assert decision is None or item["decision"] is decision


def test_an_error_in_a_batch_is_never_a_yes(pdp: Running) -> None:
    """R49: each item is by itself; one that is malformed is denied with an error, and the others are decided."""
    bad: list[Any] = [{}, {"subject": "alice"}, {"action": {}}, 7, None, [], {"resource": None}, {"subject": None}]
    asked = {"subject": ALICE, "action": READ, "evaluations": [{"resource": RECORD}, *bad, {"resource": RECORD}]}
    response = pdp.post(EVALUATIONS, asked)
    first, *between, last = response.json["evaluations"]
    assert (response.status, first["decision"], last["decision"]) == (200, True, True)
    for item in between:
        assert item["decision"] is False
        assert item["context"]["error"]["status"] == 400


@pytest.mark.parametrize(
    ("semantic", "decisions"),
    [
        (None, [True, False, True]),
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
def test_a_batch_ends_where_its_semantic_says(pdp: Running, semantic: str | None, decisions: list[bool]) -> None:
    """The three semantics of the specification."""
    options: dict[str, Any] = {} if semantic is None else {"options": {"evaluations_semantic": semantic}}
    evaluations: list[dict[str, Any]] = [{"action": READ}, {"action": WRITE}, {"action": READ}]
    asked = {"subject": BOB, "resource": RECORD, "evaluations": evaluations, **options}
    found = pdp.post(EVALUATIONS, asked).json["evaluations"]
    assert [item["decision"] for item in found] == decisions


def test_an_unknown_semantic_is_malformed(pdp: Running) -> None:
    """What nobody knows how to do is not done in some other way."""
    one: dict[str, Any] = {"evaluations": [{}], "options": {"evaluations_semantic": "some"}}
    assert pdp.post(EVALUATIONS, {**question(ALICE, READ, RECORD), **one}).status == 400


@pytest.mark.parametrize("evaluations", [{}, {"evaluations": []}], ids=["c-3-4-2", "c-3-4-3"])
def test_a_batch_of_none_is_one_question(pdp: Running, evaluations: dict[str, Any]) -> None:
    """3.4.2 and 3.4.3: without evaluations, it is one evaluation."""
    assert pdp.post(EVALUATIONS, {**question(ALICE, READ, RECORD), **evaluations}).json["decision"] is True


NO_LISTS: list[Any] = [{}, "x", None, [{}] * 101]


@pytest.mark.parametrize("evaluations", NO_LISTS)
def test_a_batch_is_a_list_of_so_many(pdp: Running, evaluations: Any) -> None:
    """What is no list, or longer than the configuration has it, is refused as a whole."""
    assert pdp.post(EVALUATIONS, {**question(ALICE, READ, RECORD), "evaluations": evaluations}).status == 400


def test_a_malformed_default_makes_the_batch_malformed(pdp: Running) -> None:
    """What the message itself says has to be sound, whether or not an item uses it."""
    assert pdp.post(EVALUATIONS, {"subject": "alice", "evaluations": [question(ALICE, READ, RECORD)]}).status == 400


# ------------------------------------------------------------------------------------------------------------- search


@pytest.mark.parametrize("section", SEARCHES)
def test_a_search_of_the_scenario_finds(pdp: Running, section: str) -> None:
    """Search: what is found is of the type that was asked for, and all of it would be allowed."""
    target, asked, expected, is_all = SEARCHES[section]
    response = pdp.post(f"/access/v1/search/{target}", asked)
    assert (response.status, response.header("content-type")) == (200, "application/json")
    results = response.json["results"]
    assert all(each in results for each in expected)
    assert not is_all or results == expected
    for each in results:
        wanted = {"name"} if target == "action" else {"type", "id"}
        assert set(each) == wanted
        assert target == "action" or each["type"] == asked[target]["type"]
        whole = {**asked, target: {**asked.get(target, {}), **each}}
        assert pdp.post(EVALUATION, whole).json["decision"] is True


@pytest.mark.parametrize(("target", "asked"), MALFORMED_SEARCHES)
def test_a_malformed_search_is_refused(pdp: Running, target: str, asked: dict[str, Any]) -> None:
    """4.7: all but what is searched for has to be there, whole."""
    assert pdp.post(f"/access/v1/search/{target}", asked).status == 400


# ---------------------------------------------------------------------------------------------------------- discovery


def test_the_server_says_what_it_has(pdp: Running) -> None:
    """Discovery: each endpoint that is named is one of https, below the base, and answers."""
    response = pdp.send("GET", "/.well-known/authzen-configuration")
    assert (response.status, response.header("content-type")) == (200, "application/json")
    assert response.json["policy_decision_point"].startswith("https://")
    base = response.json["policy_decision_point"]
    endpoints = {name: value for name, value in response.json.items() if name.endswith("_endpoint")}
    assert len(endpoints) == 5
    for url in endpoints.values():
        assert url.startswith(f"{base}/access/v1/")
        assert pdp.post(url.removeprefix(base), {}).status == 400


# ------------------------------------------------------------------------------------------- decisions of the gateways


def test_the_gateway_decisions_are_as_published(pdp: Running) -> None:
    """The 25 decisions of the interoperability scenario for API gateways, each a route and a method."""
    path = CORPUS / "api-gateway-decisions.json"
    if not path.exists():
        pytest.skip("the decisions of AuthZEN's gateway scenario are not here")
    cases = json.loads(path.read_text())["evaluation"]
    assert len(cases) == 25
    requests: Any = Draft202012Validator(json.loads((CORPUS / "evaluation-request.schema.json").read_text()))
    for case in cases:
        requests.validate(case["request"])
        response = pdp.post(EVALUATION, case["request"])
        check_response(response.json)
        assert (response.status, response.json["decision"]) == (200, case["expected"]), case
    several = pdp.post(EVALUATIONS, {"evaluations": [case["request"] for case in cases]}).json["evaluations"]
    assert [each["decision"] for each in several] == [case["expected"] for case in cases]


@pytest.mark.parametrize(
    ("method", "path", "decision"),
    [
        ("GET", "/todos", True), ("GET", "/users/7", True), ("GET", "/users/{anything}", True),
        ("PUT", "/todos/7", False), ("PATCH", "/todos", False), ("GET", "/todos/", False), ("GET", "//todos", False),
        ("GET", "/users/../todos", False), ("GET", "/users/%2e%2e/todos", False), ("GET", "todos", False),
        ("GET", "/todos?x=1", False), ("get", "/todos", False), ("GET", "/users/{a}{b}", False), ("", "", False),
    ],
)  # fmt: skip
def test_a_route_is_a_template_or_a_path(pdp: Running, method: str, path: str, decision: bool) -> None:
    """A path that could be read in another way than the route table reads it asks for nothing."""
    viewer = {"type": "identity", "id": "CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"}
    asked = question(viewer, {"name": method}, {"type": "route", "id": path})
    assert pdp.post(EVALUATION, asked).json["decision"] is decision


def test_what_the_operator_knows_stands_over_what_is_sent(pdp: Running) -> None:
    """A caller cannot declare an archived record active, nor itself an administrator under another's name."""
    lied = {**OTHER, "properties": {"status": "active"}}
    assert pdp.post(EVALUATION, question(ALICE, WRITE, lied)).json["decision"] is False
    nameless = {"type": "user", "id": "x", "properties": {"id": "alice", "type": "user"}}
    assert pdp.post(EVALUATION, question(nameless, READ, RECORD)).json["decision"] is False


def test_the_context_replaces_nothing(pdp: Running) -> None:
    """Subject, resource and action are what the question says they are, whatever its context holds."""
    context = {"subject": ALICE, "resource": RECORD, "action": "read", "now": 1, "gateway": {"environment": "x"}}
    assert pdp.post(EVALUATION, question(BOB, WRITE, RECORD, context=context)).json["decision"] is False


# -------------------------------------------------------------------------------------------------------- the scenario


def test_every_request_of_the_scenario_is_sent_here() -> None:
    """No request in the scenario's own text is missing above; those that page through results apart."""
    path = CORPUS / "authorization-api-1_0-certification-scenario.md"
    if not path.exists():
        pytest.skip("the certification scenario of AuthZEN is not here")
    basic = [asked for asked, _ in BASIC.values()] + list(MALFORMED.values())
    batches = [asked for asked, _ in BATCHES.values()] + [{**BASIC["c-2-2-1"][0], "evaluations": []}]
    searches = [asked for _, asked, _, _ in SEARCHES.values()] + [asked for _, asked in MALFORMED_SEARCHES]
    sent = [*basic, *batches, *searches]
    blocks = re.findall(r"~~~ json\n(.*?)~~~", path.read_text(encoding="utf-8"), re.DOTALL)
    asked = [found for found in map(json.loads, blocks) if {"subject", "evaluations", "action"} & set(found)]
    asked = [found for found in asked if "decision" not in json.dumps(found) and "token" not in found.get("page", {})]
    assert len(asked) > 40
    assert [found for found in asked if found not in sent] == []


# ----------------------------------------------------------------------------------------------------------- the means


def check_response(document: Any) -> None:
    """Holds a response to the schema of responses, where that is here."""
    path = CORPUS / "evaluation-response.schema.json"
    if path.exists():
        responses: Any = Draft202012Validator(json.loads(path.read_text()))
        responses.validate(document)


def make_certificate(folder: Path) -> Path:
    """A certificate for localhost that nobody else trusts, and its key beside it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return folder / "certificate.pem"
