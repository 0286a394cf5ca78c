"""What runs, experiments, models and tags may be called, and how long a text about them may be."""

from __future__ import annotations

import unicodedata

from nbtrack.errors import InvalidInput

_UNSEEN = ("Cc", "Cs", "Zl", "Zp")
"""Unicode's categories of what cannot be shown on a line or typed into a command: control characters, halves of
characters, ends of lines."""

MOST_TEXT = 20_000
"""Characters of a note, a description or the value of a tag at most."""


def check_name(name: str, what: str = "run", *, without: str = "/", most: int = 500) -> str:
    """`name`, if a `what` (run, experiment, model, alias, tag) may be called so.

    Raises
    ------
    InvalidInput
        If it is empty, too long, or has characters that cannot be shown or written in a command.
    """
    unfit = any(char in without or unicodedata.category(char) in _UNSEEN for char in name)
    if not name or len(name) > most or name != name.strip() or unfit:
        signs = f"{' and '.join(without)}, " if without else ""
        article = "an" if what[0] in "aeiou" else "a"
        raise InvalidInput(
            f"{name[:80]!r} cannot be the name of {article} {what}: 1 to {most} characters "
            f"without {signs}control characters, or spaces at its ends."
        )
    return name


def check_model_name(name: str, what: str = "model") -> str:
    """`name`, if a registered model or an alias may be called so: ``churn/3`` and ``churn@champion`` must stay readable.

    Raises
    ------
    InvalidInput
        If not.
    """
    return check_name(name, what, without="/@", most=200)


def check_text(text: str, what: str) -> str:
    """`text` without white space at its ends, if it may be a `what` (note, description, value of a tag).

    Raises
    ------
    InvalidInput
        If it is too long, or has a NUL character, at which other programs would cut it off.
    """
    if len(text) > MOST_TEXT:
        raise InvalidInput(f"A {what} has {MOST_TEXT:,} characters at most; this one has {len(text):,}.")
    if "\0" in text:
        raise InvalidInput(f"A {what} cannot have a NUL character.")
    return text.strip()
