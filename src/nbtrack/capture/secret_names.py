"""Names that say that their value is a secret, and which values are worth to be one."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from typing import Final

SHORTEST: Final = 8
"""Characters of a variable's value that is worth a search: shorter ones stand in every text by chance."""

ENTROPY: Final = 2.5
"""Bits a character (Shannon) that a value has at least; words and repeated signs have less."""

_NAME: Final = (
    r"(?i)(?:^|[^a-z])(?:passw(?:or)?d|passwd|pwd|passphrase|secret|credentials?|token|pat|dsn|auth|authorization|"
    r"api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key|account[_-]?key|signing[_-]?key|encryption[_-]?key|licen[cs]e[_-]?key|"
    r"connection[_-]?string|webhook(?:[_-]?url)?)(?:[_-]?(?:value|text|str|id|[0-9]{1,2}))?$"
)
"""A name whose last word says that its value is a secret: ``HF_TOKEN``, ``openai_api_key``, but not ``max_tokens``."""

_HARMLESS: Final = (
    r"(?i)(?:^|[^a-z])(?:(?:eos|bos|pad|unk|sep|cls|mask|special|start|stop|end|start_of_turn|image|next|prev|first|last|"
    r"added|extra|input|output|target|continuation|page)[_-]?token|(?:primary|foreign|sort|partition|public)[_-]?key)(?:_id|_str)?$"
)
"""Names of machine learning that end like a secret's."""

_STRONG: Final = r"(?i)passw(?:or)?d|passwd|passphrase"
"""Whatever is given to such a name is a secret, also a word."""

WORDS: Final = (
    "passw", "pwd", "passphrase", "secret", "token", "key", "credential", "auth", "dsn", "connection", "webhook",
)  # fmt: skip

SHORT_WORD: Final = r"pat(?:[^a-z]|value|text|str|id)"
"""The one name of a secret without any of these words, as it stands in JSON."""

PLACEHOLDER: Final = (
    r"(?i)^(?:[x*•.#_-]+|<.*>|\{.*\}|\$.*|%\(.*|your\b.*|.*\byour[-_ ].*|.*(?:example|placeholder|change[-_ ]?me|redacted|"
    r"dummy|not[-_ ]?set|insert[-_ ]|here$).*|none|null|true|false|todo.*|os\.environ.*|env\b.*|getpass.*|‹redacted.*)$"
)
"""What stands where a secret would, and is none."""


@functools.cache
def compiled(form: str) -> re.Pattern[str]:
    """Compiled when it is needed first: all at once would take longer than the rest of loading the extension."""
    return re.compile(form)


@functools.lru_cache(maxsize=4096)
def is_sensitive(name: str) -> bool:
    """Whether the name of a variable, param or field says that its value is a secret."""
    separated = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return bool(compiled(_NAME).search(separated)) and not compiled(_HARMLESS).search(separated)


def is_given(name: str, value: str) -> bool:
    """Whether `value`, a text that `name` is given, is to be replaced."""
    if not is_sensitive(name) or compiled(PLACEHOLDER).match(value.strip()):
        return False
    return bool(compiled(_STRONG).search(name)) or (len(value) >= SHORTEST and _is_random(value))


def is_searchable(value: str) -> bool:
    """Whether the value of a variable with a secret's name is looked for in every text."""
    return len(value) >= SHORTEST and _entropy(value) >= ENTROPY and not _is_plain(value)


def _is_random(value: str) -> bool:
    """Whether a text looks made by a machine: no words, no path, and signs of more than one sort."""
    if _is_plain(value) or " " in value.strip() or _entropy(value) < ENTROPY:
        return False
    return any(char.isdigit() for char in value) or (len(value) >= 16 and value != value.lower())


def _is_plain(value: str) -> bool:
    """Whether a text is a number, a path, an address without a secret, or a lower-case word."""
    return (
        bool(re.fullmatch(r"[-+]?[0-9][0-9_.,]*|[a-z]+(?:[-_ .][a-z]+)*|[A-Z]+(?:_[A-Z]+)*", value))
        or value.startswith(("/", "./", "../", "~"))
        or bool(re.match(r"[A-Za-z]:\\", value))
        or bool(re.match(r"[a-z][a-z0-9+.-]*://[^@\s]*$", value))
    )


def _entropy(value: str) -> float:
    counts = Counter(value)
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts.values())


def mentions_secrets(source: str) -> bool:
    """Whether a source has a word of a secret's name anywhere; most have none."""
    lowered = source.lower()
    return any(word in lowered for word in WORDS)
