"""What the text of a cell tells: names, magics, features that it turns on, what it installs. Nothing of it is executed."""

from __future__ import annotations

import ast
import functools
import re
import shlex

from nbtrack.entities.lineage import Trace

MAGICS = "magics"
"""The key of the magics that cells load or define."""

FEATURES = "features"
"""The key of what an import turns on for all later cells."""

_MAKES_MAGICS = re.compile(
    r"^[ \t]*%(?:re)?load_ext[ \t]+(?!nbtrack\b)|\bregister_(?:line_|cell_|line_cell_)?magics?\b|^[ \t]*%alias(?:_magic)?\b",
    re.MULTILINE,
)
_TURNS_ON = re.compile(
    r"^[ \t]*from[ \t]+(?:__future__|sklearn\.experimental)[ \t]+import\b"
    r"|^[ \t]*%(?:matplotlib|config|precision|autoreload|pylab)\b",
    re.MULTILINE,
)
_MAGIC_LINE = re.compile(r"^[ \t]*(?:[\w.,\[\] ]+=[ \t]*)?%%?(?P<name>[A-Za-z_]\w*)", re.MULTILINE)
_NOT_PYTHON = re.compile(r"^[ \t]*(?:[%!?]|[\w.,\[\] ]+=[ \t]*[%!]).*$|^.*\?[ \t]*$", re.MULTILINE)
_KNOWN_MAGIC = re.compile(
    r"time|timeit|capture|track|matplotlib|(?:re)?load_ext|config|pip|conda|mamba|uv|writefile|bash|sh|script|html|javascript|js"
    r"|latex|markdown|svg|cd|pwd|ls|env|set_env|whos?|run|prun|debug|pdb|precision|reset|xmode|pylab|autoreload|alias|alias_magic"
    r"|system|sx|python[23]?|store|hist(?:ory)?|notebook|pinfo2?|psource|lsmagic"
)
_LOOKER = re.compile(
    r"ls|pwd|cat|head|tail|echo|which|nvidia-smi|wc|du|df|date|free|uname|whoami|tree|file|grep|hostname|lscpu|nproc|stat|ps"
    r"|env|printenv|type|command|true"
)
_WHOLE_PATH = re.compile(
    r"""['"](?:/|~|[A-Za-z]:[\\/])[^'"\n]*['"]|\bexpanduser\b|\bPath\.home\(|\benviron\b|\bgetenv\b|\b__vsc_ipynb_file__\b"""
)
_ALL_GENERATORS = ("random:python", "random:numpy", "random:torch", "random:cuda")
_SEEDS = {
    "random.seed": ("random:python",),
    "np.random.seed": ("random:numpy",),
    "numpy.random.seed": ("random:numpy",),
    "torch.manual_seed": ("random:torch", "random:cuda"),
    "torch.cuda.manual_seed_all": ("random:cuda",),
    "set_seed": _ALL_GENERATORS[:3],
    "transformers.set_seed": _ALL_GENERATORS[:3],
    "seed_everything": _ALL_GENERATORS,
    "pl.seed_everything": _ALL_GENERATORS,
    "L.seed_everything": _ALL_GENERATORS,
    "keras.utils.set_random_seed": _ALL_GENERATORS[:3],
}
_LOOKING_PARTS = re.compile(
    r"^\s*(?:pip3?|conda|mamba|uv pip)\s+(?:list|show|freeze|--version|install|uninstall)\b"
    r"|^\s*\S*python[\d.]*\s+(?:--version|-V|-m pip\b)|^\s*git\s+(?:log|status|diff|show|branch|rev-parse)\b"
)
_INSTALL = re.compile(
    r"(?:^|[;&|\n])[ \t]*[%!]*[ \t]*(?P<command>(?:uv[ \t]+)?(?:\S*python[\d.]*[ \t]+-m[ \t]+)?pip3?|conda|mamba)"
    r"[ \t]+install[ \t]+(?P<arguments>[^\n;&|]*)"
)
_WITH_VALUE = (
    *(
        "requirement",
        "constraint",
        "find-links",
        "target",
        "prefix",
        "root",
        "name",
        "channel",
        "python",
        "proxy",
    ),
    *(f"{kind}-url" for kind in ("index", "extra-index")),
)
_TAKES_VALUE = re.compile(f"-[rciftn]|--(?:{'|'.join(_WITH_VALUE)})")


@functools.lru_cache(maxsize=1024)
def ambient_of_source(source: str) -> tuple[str, ...]:
    """The keys that a cell changes for all later ones, as far as only its text tells."""
    keys = []
    if _MAKES_MAGICS.search(source):
        keys.append(MAGICS)
    if _TURNS_ON.search(source):
        keys.append(FEATURES)
    return tuple(keys)


def magics_needed(source: str) -> bool:
    """Whether a cell calls a magic that IPython does not bring."""
    return any(not _KNOWN_MAGIC.fullmatch(found["name"]) for found in _MAGIC_LINE.finditer(source))


@functools.lru_cache(maxsize=1024)
def seeded(source: str) -> frozenset[str]:
    """The generators (``random:numpy`` and so on) that a cell seeds before it does anything that could draw from them."""
    if "seed" not in source:
        return frozenset()
    try:
        body = ast.parse(_NOT_PYTHON.sub("", source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    found: set[str] = set()
    for statement in body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        if isinstance(call, ast.Call) and call.args and all(map(_is_fixed, call.args)):
            keys = _SEEDS.get(ast.unparse(call.func), ())
            if not keys:
                break
            found.update(keys)
        elif not (_is_fixed(call) or _only_binds(statement)):
            break
    return frozenset(found)


def names_whole_path(source: str) -> bool:
    """Whether a cell may name a folder by its whole path: in a copy of its folder that is still the person's own."""
    return bool(_WHOLE_PATH.search(source))


@functools.lru_cache(maxsize=1024)
def only_binds(source: str) -> bool:
    """Whether a cell only imports, defines and gives names to fixed values."""
    try:
        body = ast.parse(_NOT_PYTHON.sub("", source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(map(_only_binds, body))


def may_seed(source: str, key: str) -> bool:
    """Whether a cell seeds a generator somewhere."""
    return any(f"{name}(" in source for name, keys in _SEEDS.items() if key in keys)


def _only_binds(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return _is_fixed(statement.value)
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef)


def _is_fixed(node: ast.expr | None) -> bool:
    """Whether a value is made without a call."""
    return node is not None and not any(isinstance(part, ast.Call | ast.Await) for part in ast.walk(node))


@functools.lru_cache(maxsize=1024)
def names_of_source(source: str, note: str) -> Trace:
    """The names in a cell that was not traced: all that it loads is read, all that it stores is written."""
    code = _NOT_PYTHON.sub("", source)
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Trace(skipped=[note])
    reads: dict[str, None] = {}
    writes: dict[str, None] = {}
    mutated: dict[str, None] = {}
    kinds: dict[str, str] = {}
    for statement in tree.body:
        loaded = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and _is_load(node)}
        reads.update(dict.fromkeys(sorted(loaded - writes.keys())))
        _note_stores(statement, writes, mutated, kinds)
    unsure = {name: note for name in [*reads, *writes] if kinds.get(name) != "module"}
    return Trace(
        reads=list(reads),
        writes=list(writes),
        mutated=[name for name in mutated if name not in writes],
        defined=kinds,
        unsure=unsure,
        skipped=[note],
    )


def _is_load(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


def _note_stores(
    statement: ast.stmt, writes: dict[str, None], mutated: dict[str, None], kinds: dict[str, str]
) -> None:
    """What a statement binds, and what it may change: the receivers of calls, items and attributes that are set."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and not _is_load(node):
            writes[node.id] = None
        elif isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            mutated.update(dict.fromkeys(_root(node)))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            mutated.update(dict.fromkeys(_root(node.func)))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            writes[node.name] = None
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for item in node.names:
                name = item.asname or item.name.partition(".")[0]
                writes[name] = None
                kinds.update({name: "module"} if isinstance(node, ast.Import) else {})


def _root(node: ast.expr) -> list[str]:
    """The name that an attribute or item belongs to, if it is one's."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return [node.id] if isinstance(node, ast.Name) else []


def is_only_looking(command: str) -> bool:
    """Whether a command of a shell only shows something, and so writes no file that a cell could read."""
    text = command.strip().lstrip("!").strip()
    if not text or re.search(r"[>`]|\$\(|\btee\b|-delete\b|-exec", text):
        return False
    return all(
        _LOOKING_PARTS.search(part) or _LOOKER.fullmatch((part.split() or [""])[0].rpartition("/")[2])
        for part in re.split(r"&&|\|\||[;|]", text)
    )


def only_asks(source: str) -> bool:
    """Whether a cell only asks nbtrack something, and so makes nothing and shows what holds at that moment."""
    given = [line.strip() for line in source.splitlines()]
    return all(re.match(r"(?:%track\b(?!\s+(?:start|end|pause|resume)\b)|#|$)", line) for line in given)


def loose_installs(source: str) -> list[str]:
    """What a cell installs without naming a version, such as ``lightgbm`` of ``%pip install lightgbm``."""
    found: list[str] = []
    for match in _INSTALL.finditer(source):
        try:
            words = shlex.split(match["arguments"], comments=True)
        except ValueError:
            words = match["arguments"].split()
        takes = False
        for word in words:
            if takes or word.startswith("-"):
                takes = not takes and bool(_TAKES_VALUE.fullmatch(word))
                if word in ("-r", "--requirement"):
                    found.append("a file of requirements")
            elif not _is_pinned(word, match["command"]):
                found.append(word)
    return list(dict.fromkeys(found))


def _is_pinned(word: str, command: str) -> bool:
    if command.endswith(("conda", "mamba")) and re.search(r"[\w.]=\d", word):
        return True
    if word.endswith(".whl") or re.search(r"@[0-9a-f]{40}$|@v?\d", word):
        return True
    return bool(re.search(r"===?[^=,*]+$", word))
