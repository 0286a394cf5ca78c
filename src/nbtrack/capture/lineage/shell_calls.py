"""Magics and commands as IPython hands them on: ``get_ipython().run_cell_magic("time", "", "body")`` and its like."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any, Final

from nbtrack.capture.magics import parsed

_RUNS_BODY: Final = frozenset({"time", "capture", "track"})
_MAY_RUN_BODY: Final = frozenset(
    {"timeit", "prun", "memit", "mprun", "lprun", "debug", "snakeviz", "scalene"}
)
_SHELLS: Final = frozenset({"bash", "sh", "script", "perl", "ruby", "sx", "system", "!", "cmd", "powershell"})
_INSTALLERS: Final = frozenset({"pip", "conda", "mamba", "micromamba", "uv"})
_LOOKS_AT_ALL: Final = frozenset(
    {"who", "whos", "who_ls", "rerun", "recall", "macro", "notebook", "save", "edit"}
)
# Texts, which re compiles when they are used first: most notebooks use none of them
_INSTALL: Final = r"\b(?:pip3?|conda|mamba|micromamba|uv|poetry|apt|apt-get)\b[^\n;&|]*\b(?:install|add)\b"
_EXPRESSION: Final = r"(?<!\{)\{([^{}]+)\}"
_VARIABLE: Final = r"\$\{?([A-Za-z_]\w*)"
_OPTION: Final = r"^(?:-\w+(?:\s*\d+)?\s+)+"
_LINE: Final = r"(?m)^(\s*)((?:[\w.,\s]+=\s*)?)([%!]+)([^\n]*)$"


@dataclass(frozen=True)
class ShellCall:
    """One such call: what it reads and binds, the Python inside it, and what it does to the world.

    ``always`` says that the Python in ``body`` runs in the notebook's own namespace, ``constant`` that all arguments are
    known. ``opaque`` is a reason why any name may be read.
    """

    reads: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    body: str | None = None
    always: bool = False
    constant: bool = True
    opaque: str | None = None
    commands: tuple[str, ...] = ()
    effects: tuple[str, ...] = ()

    def tree(self) -> ast.Module:
        """The Python inside, with its own magics as calls; empty where it is none."""
        if self.body is None:
            return ast.Module(body=[], type_ignores=[])
        try:
            return parsed(as_calls(self.body))
        except SyntaxError:
            return ast.Module(body=[], type_ignores=[])


def as_calls(source: str) -> str:
    """Magics and commands at the beginning of lines as calls, as IPython would write them."""
    stripped = source.lstrip()
    if stripped.startswith("%%"):
        first, _, rest = stripped[2:].partition("\n")
        name, _, line = first.partition(" ")
        return f"get_ipython().run_cell_magic({name!r}, {line!r}, {rest!r})"
    return re.sub(_LINE, _as_call, source) if "%" in source or "!" in source else source


def _as_call(match: re.Match[str]) -> str:
    indent, target, sign, text = match.groups()
    if sign[0] == "!":
        return (
            f"{indent}{target}get_ipython().{'getoutput' if target or len(sign) > 1 else 'system'}({text!r})"
        )
    name, _, line = text.partition(" ")
    return f"{indent}{target}get_ipython().run_line_magic({name!r}, {line!r})"


def shell_call(node: ast.Call) -> ShellCall | None:
    """What ``get_ipython().…(…)`` does; None for any other call."""
    function = node.func
    if not (isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call)):
        return None
    origin = function.value.func
    if not (isinstance(origin, ast.Name) and origin.id == "get_ipython"):
        return None
    arguments: list[Any] = [part.value if isinstance(part, ast.Constant) else None for part in node.args]
    if any(type(argument) is not str for argument in arguments) or not arguments:
        return ShellCall(constant=False, opaque=f"get_ipython().{function.attr}")
    name = function.attr
    if name in ("system", "getoutput", "system_raw", "system_piped", "getoutput_raw"):
        return _command(arguments[0])
    if name == "run_cell_magic" and len(arguments) == 3:
        return _cell_magic(*arguments)
    if name in ("run_line_magic", "magic"):
        if len(arguments) == 1:
            arguments = [*arguments[0].lstrip("%").partition(" ")[::2]]
        return _line_magic(arguments[0], arguments[1])
    if name in ("run_cell", "ev", "ex"):
        return ShellCall(body=arguments[0], always=True)
    return ShellCall(opaque=f"get_ipython().{name}")


def _command(text: str) -> ShellCall:
    effects = ("process", "install") if re.search(_INSTALL, text) else ("process",)
    return ShellCall(
        reads=interpolated(text), stores=("_exit_code",), commands=(text.strip(),), effects=effects
    )


def _cell_magic(name: str, line: str, body: str) -> ShellCall:
    reads = interpolated(line)
    if name in _RUNS_BODY:
        output = line.split()[-1:] if name == "capture" else []
        return ShellCall(
            reads=reads, body=body, always=True, stores=tuple(one for one in output if one.isidentifier())
        )
    if name in _MAY_RUN_BODY:
        return ShellCall(reads=reads, body=f"{re.sub(_OPTION, '', line)}\n{body}")
    if name in _SHELLS:
        stores = re.findall(r"--(?:out|err|proc)\s+(\w+)", line)
        effects = ("process", "install") if re.search(_INSTALL, body) else ("process",)
        command = f"{name} {line}".strip() + f"\n{body.strip()}"
        return ShellCall(reads=reads, stores=tuple(stores), commands=(command,), effects=effects)
    if name == "sql":
        stores = re.findall(r"(\w+)\s*<<", line)
        names = (*reads, *interpolated(body), *re.findall(r":(\w+)", body), *_tables(body))
        return ShellCall(reads=names, stores=tuple(stores), effects=("sql",))
    known = {"writefile", "file", "html", "HTML", "javascript", "js", "latex", "markdown", "svg", "SVG"}
    return ShellCall(reads=reads, opaque=None if name in known else f"%%{name}")


def _line_magic(name: str, line: str) -> ShellCall:
    reads = interpolated(line)
    if name == "time":
        return ShellCall(body=line, always=True)
    if name in _MAY_RUN_BODY:
        return ShellCall(reads=reads, body=re.sub(_OPTION, "", line))
    if name in _INSTALLERS:
        effects = ("process", "install") if re.search(r"\b(?:install|add)\b", line) else ("process",)
        return ShellCall(reads=reads, commands=(f"{name} {line}",), effects=effects)
    if name in _SHELLS:
        return _command(line)
    if name == "sql":
        return ShellCall(reads=(*reads, *_tables(line), *re.findall(r":(\w+)", line)), effects=("sql",))
    if name == "run":
        return ShellCall(reads=reads, opaque="%run -i" if re.search(r"(?:^|\s)-i\b", line) else None)
    if name in _LOOKS_AT_ALL:
        return ShellCall(reads=reads, opaque=f"%{name}")
    # `%store x`, `%psource f`, `%reset_selective x`: an argument that is a name may be read
    return ShellCall(reads=(*reads, *(word for word in line.split() if word.isidentifier())))


def interpolated(text: str) -> tuple[str, ...]:
    """Names in ``{expressions}`` and ``$names`` of a command."""
    names = list(re.findall(_VARIABLE, text))
    for inner in re.findall(_EXPRESSION, text):
        try:
            tree = ast.parse(inner.strip(), mode="eval")
        except (SyntaxError, ValueError):
            continue
        names.extend(node.id for node in ast.walk(tree) if isinstance(node, ast.Name))
    return tuple(names)


def _tables(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\b(?:from|join)\s+([A-Za-z_]\w*)", text, re.IGNORECASE))
