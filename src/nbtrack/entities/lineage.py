"""What one execution of a cell read, wrote and changed.

A key is ``NAME`` for a variable of the notebook, or ``KIND:WHAT`` for state that a cell uses beside its variables:

=====================  ==========================================================================================
``random:python``      the state of a generator of random numbers; also ``random:numpy``, ``random:torch``, ``random:cuda``
``env:NAME``           a variable of the environment
``cwd``, ``sys.path``  the working folder, and where imports are looked for
``option:pandas``      of a library; also ``matplotlib``, ``numpy``, ``sklearn``, ``warnings``, ``logging``, ``python``
``module:NAME``        attributes of an imported module that the person's code has set
``figure``             pyplot's open figures
``file:PATH``          a file, with its absolute path
``Out:N``              the result of the execution with the count N, read as ``_``, ``__`` or ``Out[N]``
=====================  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

EFFECTS: Final = ("process", "network", "sql", "outside", "install", "input")
"""What a cell can do beyond its process and folder, or need from a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What one execution did.

    Attributes
    ----------
    place : str or None
        The execution that this one ran inside of, None for a cell of the notebook.
    reads : list of str
        Keys whose value from before the cell was used.
    writes : list of str
        Keys that were bound anew.
    mutated : list of str
        Keys whose content changed while they stayed bound, be it through another name or by a function.
    deleted : list of str
        Names that were deleted.
    unsure : dict
        Keys that are named to be on the safe side, each with the reason.
    versions : dict
        A short fingerprint of each key's content after the cell, where one could be had. Those of variables can be compared
        within one process only. Of a ``random:`` key that changed also that from before the cell, as ``before:random:…``.
    defined : dict
        What kind of value each written name holds: ``function``, ``class``, ``module``, ``estimator``, else its type's name.
    fitted : dict
        Estimators that it fitted, steps that only prepare data included, each with how many times.
    effects : list of str
        Of `EFFECTS`.
    commands : list of str
        Programs that were started, as they were called.
    skipped : list of str
        What was not looked into, as sentences: the budget of time ran out.
    peak_memory : int or None
        The most memory that the process has ever had, in bytes, if that was while this cell ran.
    """

    place: str | None = None
    reads: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)
    mutated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    unsure: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    defined: dict[str, str] = field(default_factory=dict)
    fitted: dict[str, int] = field(default_factory=dict)
    effects: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    peak_memory: int | None = None

    def to_plain(self) -> dict[str, Any]:
        """A dict of what is not empty, as journals carry it; it shares its lists with the trace."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name))}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Trace:
        """The trace that `to_plain` gave; fields of a later version are passed over."""
        return cls(**{known.name: plain[known.name] for known in fields(cls) if known.name in plain})
