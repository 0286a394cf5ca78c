"""The docs name every command and setting, and name nothing that does not exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import unquote

import pytest

from nbtrack.capture.handover import VARIABLE
from nbtrack.cli.terminal import shell_tree
from nbtrack.commands import Tree, command_tree
from nbtrack.config import SETTINGS
from nbtrack.ipython.header import HELP, parse_request
from nbtrack.ipython.kernel_commands import KERNEL_COMMANDS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md"), *ROOT.glob("*/README.md")])
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]

SHARED_OPTIONS = ("--experiment", "--json")
"""Options that several commands have, told once for all."""

# The folders whose files the docs speak of by path.
OURS = r"(?:src|tests|docs|benchmarks|labextension|example_notebooks|jupyter-config|\.ci|nbtrack)"
WRITTEN_AT_RUN_TIME = ("nbtrack-demo/", ".nbtrack", "labextension/lib", "labextension/node_modules")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def fenced_lines(text: str) -> list[str]:
    """The lines of all fenced blocks."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def said_commands(text: str) -> list[tuple[str, list[str]]]:
    """(program, words) of each ``nbtrack …`` or ``%track …`` in a fenced line or in code within a sentence."""
    found = []
    pieces = [*fenced_lines(text), *re.findall(r"`([^`\n]+)`", prose(text))]
    for piece in pieces:
        for part in re.split(r"&&|;| and ", piece):
            match = re.match(
                r"\s*(?:\$ )?(?P<program>nbtrack|%track)(?:\s+(?P<rest>[^#·]*?))?\s*(?:#.*)?$", part
            )
            if match is not None:
                try:
                    found.append((match["program"], shlex.split(match["rest"] or "")))
                except ValueError:
                    found.append((match["program"], (match["rest"] or "").split()))
    return found


def tree_of(program: str) -> Tree:
    return shell_tree() if program == "nbtrack" else command_tree()


@pytest.mark.parametrize("name", list(shell_tree().commands))
def test_each_command_is_documented(name: str) -> None:
    text = read("docs/commands.md")
    shared = name in command_tree().commands
    assert f"nbtrack {name}" in text
    assert not shared or f"%track {name}" in text
    documented = re.search(rf"^### [^\n]*\b{name}\b[^\n]*\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert documented, f"docs/commands.md has no section on {name}"
    for param in shell_tree().commands[name].params:
        for option in param.opts:
            section = text if option in SHARED_OPTIONS else documented[1]
            assert not option.startswith("--") or option in section, (
                f"docs/commands.md does not say what {name} {option} is for"
            )


@pytest.mark.parametrize("name", list(KERNEL_COMMANDS))
def test_each_command_of_a_kernel_is_documented(name: str) -> None:
    assert re.search(rf"^\| [^|]*`%track {name}\b[^|]*\| [^|]+ \|$", read("docs/commands.md"), re.MULTILINE)


def test_each_option_of_a_header_is_documented() -> None:
    text = read("docs/tracking.md")
    options = re.findall(r"^  (--[\w-]+)", HELP, re.MULTILINE)
    assert len(options) >= 7
    assert [option for option in options if f"`{option}" not in text] == []


@pytest.mark.parametrize("name", list(SETTINGS))
def test_each_setting_is_documented_with_its_default(name: str) -> None:
    setting = SETTINGS[name]
    row = re.search(
        rf"^\| `{name}` \| ([^|]+) \| `(\w+)` \| [^|]+ \|$", read("docs/settings.md"), re.MULTILINE
    )
    assert row, f"docs/settings.md has no row on {name}"
    default = {"True": "on", "False": "off", "": "empty"}.get(str(setting.default), str(setting.default))
    assert row.groups() == (default, setting.variable)


def test_no_setting_is_documented_that_does_not_exist() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", read("docs/settings.md"), re.MULTILINE)) == set(SETTINGS)
    text = "".join(read(name) for name in NAMES)
    variables = set(re.findall(r"\bNBTRACK_(?!TEST_)[A-Z_]+\b", text)) - {VARIABLE}
    assert variables <= {setting.variable for setting in SETTINGS.values()}
    assert set(re.findall(r"\bNbTrack\.(\w+)", text)) <= set(SETTINGS)


@pytest.mark.parametrize("name", list(SETTINGS))
def test_each_setting_has_an_effect(name: str) -> None:
    """A setting that no code reads is a promise that nobody keeps."""
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "nbtrack").rglob("*.py"))
    assert f'["{name}"]' in code


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(read(name))):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = folder / unquote(path) if path else ROOT / name
        if not place.exists() or (anchor and anchor not in anchors(place)):
            missing.append(target)
    assert missing == []


def anchors(page: Path) -> set[str]:
    """The anchors that headings make."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", NAMES)
def test_paths_that_are_named_exist(name: str) -> None:
    missing = []
    text = read(name)
    for path in re.findall(rf"(?<![\w/.-])({OURS}/[\w./*-]+)", text):
        path = path.rstrip(".,/")
        if path.startswith(WRITTEN_AT_RUN_TIME):
            continue
        places = [ROOT, ROOT / "src"]
        if not any(list(place.glob(path)) for place in places):
            missing.append(path)
    assert missing == []


def test_paths_are_found_at_all() -> None:
    assert re.findall(rf"(?<![\w/.-])({OURS}/[\w./*-]+)", "see `nbtrack/no_such.py`, docs/none.md")


@pytest.mark.parametrize("name", NAMES)
def test_commands_that_are_said_exist(name: str) -> None:
    unknown = []
    for program, words in said_commands(read(name)):
        known = {*tree_of(program).commands, *(KERNEL_COMMANDS if program == "%track" else ())}
        word = next((word for word in words if not word.startswith("-")), None)
        if word is not None and word != "…" and word not in known:
            unknown.append(f"{program} {' '.join(words)}")
            continue
        command = tree_of(program).commands.get(word or "")
        if command is None:
            continue
        options = {option for param in command.params for option in param.opts} | {"--help", "--store"}
        unknown += [
            f"{program} {word} {option}"
            for option in words
            if option.startswith("--") and option.partition("=")[0] not in options
        ]
    assert unknown == []


def test_commands_are_found_at_all() -> None:
    text = "```\nnbtrack nonsense --x\n```\nor `%track nonsense` here"
    assert said_commands(text) == [("nbtrack", ["nonsense", "--x"]), ("%track", ["nonsense"])]


@pytest.mark.parametrize("name", NAMES)
def test_headers_that_are_shown_can_be_read(name: str) -> None:
    shown = re.findall(
        r"^(?:%%track|# nbtrack: run)\b([^\n#]*)", "\n".join(fenced_lines(read(name))), re.MULTILINE
    )
    for arguments in shown:
        parse_request(arguments.strip())


@pytest.mark.parametrize("name", NAMES)
def test_python_that_is_shown_can_be_parsed(name: str) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)
    for block in blocks:
        compile(
            "\n".join("pass" if line.startswith("%") else line for line in block.splitlines()), name, "exec"
        )


def test_the_example_notebooks_are_named_and_those_named_exist() -> None:
    named = set(re.findall(r"example_notebooks/([\w-]+\.ipynb)", "".join(read(name) for name in NAMES)))
    assert named == {path.name for path in (ROOT / "example_notebooks").glob("*.ipynb")}
