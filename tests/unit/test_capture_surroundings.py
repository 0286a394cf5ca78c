"""What a process tells of what its runs ran in."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from nbtrack.capture import modules
from nbtrack.capture.modules import ProjectModules
from nbtrack.capture.secrets import Redactor
from nbtrack.capture.surroundings import Around, allowed_variables, changed_packages, command_line
from nbtrack.entities.records import RunEnded, RunNoted, RunsSurrounded, RunStarted

TOKEN = "gh" + "p_" + "Zt5Wd3Yp" * 5


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository whose notebooks lie in a folder of it, and whose modules can be imported."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    importlib.invalidate_caches()


def looked(watched: ProjectModules) -> dict[str, str | None]:
    watched.look()
    for _ in watched.read():
        pass
    return {name: module.source for name, module in watched.found.items()}


def test_modules_of_the_repository_count_and_installed_ones_do_not(project: Path) -> None:
    watched = ProjectModules(project / "notebooks", str)
    assert looked(watched) == {}
    write(project, "shop/__init__.py", "")
    write(project, "shop/features.py", "A = 1\n")
    write(project, "env/site-packages/bought.py", "")
    write(project, ".venv/pyvenv.cfg", "")
    write(project, ".venv/lib/mine.py", "")
    sys.path[:0] = [str(project / "env" / "site-packages"), str(project / ".venv" / "lib")]
    for name in ("shop.features", "bought", "mine", "json"):
        importlib.import_module(name)
    assert looked(watched) == {"shop": "", "shop.features": "A = 1\n"}
    assert watched.found["shop.features"].path == str(Path("shop/features.py"))
    del sys.path[:2]


def test_the_source_is_that_which_was_imported(project: Path) -> None:
    watched = ProjectModules(project, str)
    write(project, "features.py", "A = 1\n")
    features = importlib.import_module("features")
    assert looked(watched) == {"features": "A = 1\n"}
    write(project, "features.py", "A = 2222\n")
    assert looked(watched) == {"features": "A = 1\n"}
    importlib.reload(features)
    assert looked(watched) == {"features": "A = 2222\n"}
    del sys.modules["features"]
    write(project, "features.py", "A = 33333\n")
    importlib.import_module("features")
    assert looked(watched) == {"features": "A = 33333\n"}


def test_a_lazy_or_hostile_module_is_not_asked(project: Path) -> None:
    class Hostile(ModuleType):
        def __getattribute__(self, name: str) -> object:
            raise AssertionError(name)

    write(project, "slow.py", "raise AssertionError('it was loaded')\n")
    spec = importlib.util.find_spec("slow")
    assert spec is not None
    assert spec.loader is not None
    spec.loader = importlib.util.LazyLoader(spec.loader)
    lazy = importlib.util.module_from_spec(spec)
    sys.modules["slow"] = lazy
    spec.loader.exec_module(lazy)
    sys.modules["hostile"] = Hostile("hostile")
    sys.modules["none"] = None  # type: ignore[assignment]
    sys.modules["odd"] = object()  # type: ignore[assignment]
    watched = ProjectModules(project, str)
    assert looked(watched) == {"slow": "raise AssertionError('it was loaded')\n"}
    for name in ("slow", "hostile", "none", "odd"):
        del sys.modules[name]


def test_what_cannot_be_kept_says_why(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def clean(text: str) -> str:
        if "bad" in text:
            raise ValueError
        return text

    for name, text in (("long", "A = 1\n" * 100), ("bad", "bad = 1"), ("gone", ""), ("good", "A = 1")):
        write(project, f"{name}_module.py", text)
        importlib.import_module(f"{name}_module")
    (project / "gone_module.py").unlink()
    monkeypatch.setattr(modules, "SOURCE_LIMIT", 100)
    watched = ProjectModules(project, clean)
    assert looked(watched)["good_module"] == "A = 1"
    notes = {name.partition("_")[0]: module.note for name, module in watched.found.items()}
    assert notes == {
        "long": "it is too long to be kept",
        "bad": "it could not be looked through for secrets",
        "gone": "it could not be read",
        "good": "",
    }


def around(
    project: Path, written: list[RunsSurrounded], redactor: Redactor, allowed: str = "NONE_OF_THEM"
) -> Around:
    return Around(project, lambda: allowed, redactor, written.append)


def started(run: str) -> RunStarted:
    return RunStarted(run=run, time=1, name="r", experiment="e", process="p")


def ended(run: str) -> RunEnded:
    return RunEnded(run=run, time=1, duration=1.0, status="finished")


def test_runs_are_told_together_and_again_only_when_something_changed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "x.json"])
    written: list[RunsSurrounded] = []
    told = around(project, written, Redactor({}))
    told.look(budget=1)
    assert written == []
    told.notice(started("r1"))
    told.notice(started("r2"))
    told.look(budget=1)
    assert [record.runs for record in written] == [["r1", "r2"]]
    assert written[0].facts == []
    told.notice(ended("r1"))
    told.look(budget=1)
    assert len(written) == 1
    write(project, "features.py", f"A = '{TOKEN}'\n")
    importlib.import_module("features")
    told.notice(ended("r2"))
    told.notice(started("r3"))
    told.look(budget=1)
    assert written[1].runs == ["r2", "r3"]
    ((digest, source),) = written[1].sources.items()
    assert source == "A = '‹redacted: GitHub token›'\n"
    assert written[1].facts == [["module", "features", "features.py", digest]]
    told.notice(ended("r4"))
    told.look(budget=1)
    assert written[2].sources == {}  # it was told before


def test_a_run_is_told_of_packages_that_changed_in_it(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[RunsSurrounded | RunNoted] = []
    told = Around(project, str, Redactor({}), written.append)
    told.notice(started("r1"))
    told.look(budget=1)
    (project / "lightgbm-4.6.0.dist-info").mkdir()
    told.notice(started("r2"))
    told.notice(ended("r2"))
    told.notice(ended("r1"))
    told.look(budget=1)
    notes = [record for record in written if isinstance(record, RunNoted)]
    assert notes == [RunNoted(run="r1", note="Packages changed while it ran: lightgbm absent → 4.6.0.")]
    assert changed_packages({"a": "1"}, {}) == "Packages changed while it ran: a 1 → absent."
    many = {f"p{n:02}": "1" for n in range(12)}
    assert changed_packages({}, many).endswith("p09 absent → 1 and 2 more.")


def test_a_secret_that_is_learnt_later_is_taken_out_too(project: Path) -> None:
    written: list[RunsSurrounded] = []
    redactor = Redactor({})
    told = around(project, written, redactor.twin())
    write(project, "features.py", "PLACE = 'given-Mv4Tb8Rn1'\n")
    importlib.import_module("features")
    told.look(budget=1)
    redactor.learn("password", "given-Mv4Tb8Rn1")
    told.notice(started("r1"))
    told.look(budget=1)
    assert list(written[0].sources.values()) == ["PLACE = '‹redacted: value of password›'\n"]


def test_much_to_read_is_read_in_parts(project: Path) -> None:
    for name in ("one", "two", "three"):
        write(project, f"{name}_part.py", f"NAME = {name!r}")
        importlib.import_module(f"{name}_part")
    written: list[RunsSurrounded] = []
    told = around(project, written, Redactor({}))
    told.notice(started("r1"))
    told.look(budget=-1)
    assert written == []
    for _ in range(3):
        told.look(budget=-1)
    assert len(written[0].sources) == 3


def test_only_variables_of_the_list_are_recorded_and_none_that_is_called_a_secret() -> None:
    environment = {
        "OMP_NUM_THREADS": "4", "API_TOKEN": "x", "HOME": "me", "XLA_FLAGS": f"--x={TOKEN}", "TZ": "U" * 5000,
    }  # fmt: skip
    names = ["OMP_NUM_THREADS", "API_TOKEN", "XLA_FLAGS", "TZ", "PYTHONHASHSEED"]
    found = allowed_variables(environment, names, Redactor({}))
    assert found.keys() == {"OMP_NUM_THREADS", "XLA_FLAGS", "TZ"}
    assert found["XLA_FLAGS"] == "--x=‹redacted: GitHub token›"
    assert len(found["TZ"]) == 1000


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["train.py", "--lr", "0.1", "my data.csv"], "--lr 0.1 'my data.csv'"),
        (["train.py", "--password", "hunter2hunter2"], "--password '‹redacted: value of password›'"),
        (["train.py", "--api-key=k3k3k3k3-Zz9912"], "‹redacted"),
        (["train.py", f"--url=https://me:{TOKEN}@h/x"], "‹redacted"),
        (["train.py"], ""),
        (["/x/ipykernel_launcher.py", "-f", "/x/kernel-1.json"], ""),
        ([], ""),
        (None, ""),
        (["train.py", 3], ""),
    ],
)
def test_arguments_are_recorded_without_secrets(arguments: object, shown: str) -> None:
    found = command_line(arguments, Redactor({}))
    assert shown in found
    assert bool(found) == bool(shown)
    for secret in ("hunter2", "k3k3k3k3", TOKEN):
        assert secret not in found
