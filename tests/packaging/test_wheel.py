"""The wheel: what is in it, and that it works where nothing of the checkout is within reach."""

from __future__ import annotations

import configparser
import json
import os
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from importlib import import_module
from pathlib import Path, PurePosixPath

import pytest

from durwan.credentials.schemes.loading import scheme_names
from durwan.diagnostics.codes import CODES

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.packaging,
    pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="a wheel is built from the project's sources"),
]


def _run(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, in a directory outside of the checkout and without its Python path."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sources with the tools that are installed here."""
    place = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", place, ROOT, cwd=place)
    found = list(place.iterdir())
    assert len(found) == 1
    return found[0]


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    """The files in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python of its own with the wheel in it, and this Python's packages behind it for what the wheel depends on."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False, symlinks=os.name != "nt")
    interpreter = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = ("install", "--quiet", "--no-deps", "--no-index", "--no-warn-script-location", wheel)
    _run(sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", interpreter, *install, cwd=place)
    asked = _run(interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place)
    site = Path(asked.stdout.strip())
    # Listed in a .pth file they come after the wheel, and an editable install among them takes no effect.
    behind = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (site / "behind.pth").write_text("".join(f"{path}\n" for path in behind), encoding="utf-8")
    return interpreter


def test_the_wheel_holds_what_it_needs_at_run_time(names: set[str]) -> None:
    """The grammar, the prelude, a page for each code and the mark of typed packages are in the wheel."""
    assert {"durwan/grammar/policy.lark", "durwan/grammar/policy.tables.json"} <= names
    assert "durwan/language/prelude.policy" in names
    assert "durwan/py.typed" in names
    assert {f"durwan/credentials/schemes/profiles/{name}.json" for name in scheme_names()} <= names
    assert {name for name in names if "/pages/" in name} == {f"durwan/diagnostics/pages/{code}.md" for code in CODES}


def test_the_wheel_holds_every_module(names: set[str]) -> None:
    """Every Python file of the engine is in the wheel."""
    modules = {path.relative_to(ROOT / "engine").as_posix() for path in (ROOT / "engine").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == modules


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    """No tests, policies, benchmarks or caches are in the wheel, and nothing outside of the package."""
    tops = {PurePosixPath(name).parts[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"durwan"}
    assert {PurePosixPath(name).suffix for name in names if name.startswith("durwan/")} <= {
        ".py", ".md", ".lark", ".lua", ".json", ".policy", ".typed", ".j2", "",
    }  # fmt: skip
    folders = {part for name in names for part in PurePosixPath(name).parts[:-1]}
    assert folders & {"tests", "policies", "benchmarks", "__pycache__"} == set()


def _metadata(wheel: Path, file: str) -> str:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(f".dist-info/{file}"))
        return archive.read(name).decode("utf-8")


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    """Name, version, licence and base dependencies are those of the project, and nothing else is required."""
    metadata = Parser().parsestr(_metadata(wheel, "METADATA"))
    assert (metadata["Name"], metadata["License-Expression"], metadata["Requires-Python"]) == (
        "durwan", "Apache-2.0", ">=3.11.4",
    )  # fmt: skip
    required = [each for each in metadata.get_all("Requires-Dist", []) if "extra ==" not in each]
    assert sorted(each.split("<")[0].split(">")[0] for each in required) == ["cachetools", "lark", "pydantic", "pyyaml"]
    assert _metadata(wheel, "licenses/LICENSE") == (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_wheel_installs_its_commands(wheel: Path) -> None:
    """The commands are the ones that are promised, each a function that exists."""
    points = configparser.ConfigParser()
    points.read_string(_metadata(wheel, "entry_points.txt"))
    assert list(points["console_scripts"]) == ["durwan", "policy-check"]
    assert dict(points["pytest11"]) == {"durwan": "durwan.pytest_plugin"}
    for target in points["console_scripts"].values():
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(module), function))


def test_the_installed_package_is_the_wheel_s(python: Path, tmp_path: Path) -> None:
    """What is imported lies in the new environment, not in the checkout."""
    place = _run(python, "-c", "import durwan; print(durwan.__file__)", cwd=tmp_path).stdout.strip()
    assert Path(place).is_relative_to(python.parent.parent)
    assert not Path(place).is_relative_to(ROOT)


def test_an_installed_command_tells_its_version(python: Path, tmp_path: Path) -> None:
    """`policy-check --version` prints the version of the package."""
    version = _run(python, "-c", "import durwan; print(durwan.__version__)", cwd=tmp_path).stdout.strip()
    assert _run(python.with_name("policy-check"), "--version", cwd=tmp_path).stdout == f"policy-check {version}\n"


_POLICY = """\
scopes { orders.write  admin includes orders.write }
actions { orders.create }
window desk_hours = mon..fri 08:00..18:00 "Europe/London"

allow order
  on orders.create
  when key.scopes has orders.write and now in desk_hours

deny risky
  on orders.create
  when request.notional > 1_000.50
"""


def _policy_set(place: Path) -> Path:
    (place / "policies").mkdir()
    (place / "policies" / "orders.policy").write_text(_POLICY, encoding="utf-8")
    return place / "policies"


def test_an_installed_engine_decides(python: Path, tmp_path: Path) -> None:
    """A policy set is loaded and decided by the installed package, with its own grammar and prelude."""
    script = (
        "import sys\n"
        "from durwan import Engine\n"
        "with Engine.load(sys.argv[1]) as engine:\n"
        "    for notional in ('1000.50', '1000.51'):\n"
        "        decision = engine.decide({'action': 'orders.create', 'key': {'scopes': ['admin']},\n"
        "            'request': {'notional': notional}, 'now': '2026-03-02T09:00:00Z'})\n"
        "        print(decision.effect, decision.rule)\n"
    )
    done = _run(python, "-W", "error", "-c", script, _policy_set(tmp_path), cwd=tmp_path)
    assert done.stdout == "allow order\ndeny risky\n"


def test_an_installed_command_checks_and_decides(python: Path, tmp_path: Path) -> None:
    """The installed command compiles a policy set, decides a request, and explains a code."""
    command, place = python.with_name("policy-check"), _policy_set(tmp_path)
    request = {"action": "orders.create", "key": {"scopes": ["orders.write"]}, "request": {"notional": 5}}
    (tmp_path / "request.json").write_text(json.dumps(request), encoding="utf-8")
    now = ("--now", "2026-03-02T09:00:00Z")
    checked = json.loads(_run(command, place, "-f", "json", *now, cwd=tmp_path).stdout)
    assert checked["compiled"] is True
    decided = json.loads(_run(command, "eval", place, "-r", "request.json", "-f", "json", *now, cwd=tmp_path).stdout)
    assert (decided["effect"], decided["rule"], decided["revision"]) == ("allow", "order", checked["revision"])
    assert "P0201" in _run(command, "explain", "P0201", cwd=tmp_path).stdout


def test_the_checkout_and_the_wheel_read_alike(python: Path, tmp_path: Path) -> None:
    """The reference policy set has the same revision, read by the wheel and by the checkout."""
    policies = ROOT / "policies"
    if not policies.is_dir():
        pytest.skip("the reference policy set is not here")
    script = "import sys; from durwan import Engine; print(Engine.load(sys.argv[1]).revision)"
    here = _run(sys.executable, "-c", script, policies, cwd=tmp_path).stdout
    assert _run(python, "-c", script, policies, cwd=tmp_path).stdout == here
