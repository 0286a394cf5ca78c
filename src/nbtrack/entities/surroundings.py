"""What a run ran in, beside its interpreter, packages and commit: modules, machine, variables, and what it took."""

from __future__ import annotations

from dataclasses import dataclass, field

SYSTEM = "system/"
"""How the names of the series begin that the keeper samples: they are no metrics of the person's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing of what runs ran in; ``digest`` names content that belongs to it.

    ``kind`` is one of `KINDS`. A fact of the process itself is told by the process, that of the machine and of the
    repository by the keeper.
    """

    kind: str
    name: str
    text: str = ""
    digest: str | None = None


PARTS = {
    "process": ("module", "variable", "arguments"),
    "machine": ("hardware",),
    "repository": ("remote", "diff"),
}
"""The kinds of facts by the part of the surroundings that is told at once."""

KINDS = frozenset(kind for kinds in PARTS.values() for kind in kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module of the project that was imported: ``path`` from the project's folder, ``digest`` of its source.

    ``digest`` is None where the source was not kept; ``note`` then says why.
    """

    name: str
    path: str
    digest: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a run took: CPU time in seconds within ``span`` seconds, and the most memory in bytes.

    Counted is the run's process with those that it started. ``gpu_memory`` is None where there is no GPU.
    """

    span: float
    cpu: float
    memory: int
    gpu_memory: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run ran in. ``diff`` is the digest of the changes to tracked source files that were not committed."""

    modules: list[Module] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    arguments: str | None = None
    hardware: dict[str, str] = field(default_factory=dict)
    remotes: dict[str, str] = field(default_factory=dict)
    diff: str | None = None
    diff_note: str = ""
    use: Use | None = None


def surroundings_of(facts: list[Fact], use: Use | None = None) -> Surroundings:
    """The facts of one run, sorted by what they are about."""
    by_kind: dict[str, list[Fact]] = {}
    for fact in facts:
        by_kind.setdefault(fact.kind, []).append(fact)

    def texts(kind: str) -> dict[str, str]:
        return {fact.name: fact.text for fact in by_kind.get(kind, [])}

    diff = next(iter(by_kind.get("diff", [])), None)
    return Surroundings(
        modules=[
            Module(
                name=fact.name,
                path=(words := fact.text.partition("\n"))[0],
                digest=fact.digest,
                note=words[2],
            )
            for fact in by_kind.get("module", [])
        ],
        variables=texts("variable"),
        arguments=next(iter(texts("arguments").values()), None),
        hardware=texts("hardware"),
        remotes=texts("remote"),
        diff=diff.digest if diff else None,
        diff_note=diff.text if diff else "",
        use=use,
    )
