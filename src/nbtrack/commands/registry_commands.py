"""The commands that decide who holds an alias, and that look at what was decided."""

from __future__ import annotations

from pathlib import Path

import click

from nbtrack.commands.answers import answer as _answer
from nbtrack.commands.answers import as_json as _as_json
from nbtrack.commands.audit_files import digests_of, read_key, write_export
from nbtrack.commands.grammar import Asking, Command
from nbtrack.commands.sharing import absolute
from nbtrack.config import read_policy
from nbtrack.entities.models import Package
from nbtrack.entities.promotions import AliasesThen, AuditCheck, AuditLog, Promotion
from nbtrack.errors import InvalidInput, StoreCorrupt
from nbtrack.render.views import View

_REFUSED = 19


@click.command(
    cls=Command,
    completes=("model",),
    examples=(
        "promote churn/7 champion",
        'promote churn/7 champion --override "the check is wrong for holidays"',
    ),
)
@click.argument("model", metavar="MODEL/VERSION")
@click.argument("alias", metavar="ALIAS")
@click.option(
    "--override", metavar="WHY", default="", help="Move it in spite of checks that fail; kept for good."
)
@_as_json
@click.pass_obj
def promote(asking: Asking, model: str, alias: str, override: str, as_json: bool) -> View:
    """Give a version an alias, if the checks of the policy in nbtrack.toml hold.

    Exits with 19 where they do not; that is a line of the audit log too.
    """
    policy = read_policy(alias)
    done: Promotion = asking.proxy.ask(
        "gate.promote", model=model, alias=alias, policy=policy, override=override
    )
    hints = () if policy else (f"No policy is declared for {alias}: write [gate.{alias}] into nbtrack.toml.",)
    view = _answer("promotion", done, as_json, hints)
    return (
        view if done.moved else View(kind=view.kind, content=view.content, hints=hints, exit_status=_REFUSED)
    )


@click.command(cls=Command, completes=("model",), examples=("rollback churn champion",))
@click.argument("model", metavar="MODEL")
@click.argument("alias", metavar="ALIAS")
@click.option("--why", metavar="TEXT", default="", help="The reason, for the audit log.")
@_as_json
@click.pass_obj
def rollback(asking: Asking, model: str, alias: str, why: str, as_json: bool) -> View:
    """Give an alias back to the version that held it before."""
    done: Promotion = asking.proxy.ask("gate.rollback", model=model, alias=alias, why=why)
    return _answer("promotion", done, as_json)


@click.command(
    cls=Command,
    examples=(
        "audit",
        "audit --model churn",
        "audit verify --expect 3f9c0a…",
        "audit at 2026-03-03",
        "audit export decisions.jsonl --key-file ~/audit.key",
        "audit verify --against decisions.jsonl --key-file ~/audit.key",
    ),
)
@click.argument("action", metavar="[log|verify|at|export]", default="log")
@click.argument("subject", metavar="[WHEN|FILE]", default="")
@click.option("--model", metavar="NAME", help="Only decisions about this model.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="The most lines to list."
)
@click.option(
    "--expect", metavar="DIGEST", help="A head of the log that was noted down: it must still be in it."
)
@click.option("--against", metavar="FILE", help="An export: the log must begin with its lines.")
@click.option("--key-file", metavar="FILE", help="A key kept elsewhere, for an HMAC over the export.")
@click.option("--csv", "as_csv", is_flag=True, help="Export as CSV instead of JSON Lines.")
@_as_json
@click.pass_obj
def audit(
    asking: Asking,
    action: str,
    subject: str,
    model: str | None,
    limit: int,
    expect: str | None,
    against: str | None,
    key_file: str | None,
    as_csv: bool,
    as_json: bool,
) -> View:
    """Look at what was decided: the last lines, whether the log is what was written, what aliases meant once."""
    key = read_key(key_file)
    if action == "log" and not subject:
        found: AuditLog = asking.proxy.ask("audit.log", model=model, limit=limit)
        return _answer("audit", found, as_json)
    if action == "verify" and not subject:
        anchor = digests_of(Path(against), key) if against else None
        checked: AuditCheck = asking.proxy.ask("audit.verify", expect=expect, anchor=anchor)
        view = _answer("audit check", checked, as_json)
        status = StoreCorrupt.exit_status if checked.problems else 0
        return View(kind=view.kind, content=view.content, exit_status=status)
    if action == "at" and subject:
        then: AliasesThen = asking.proxy.ask("audit.at", moment=subject)
        return _answer("aliases", then, as_json)
    if action == "export" and subject:
        everything: AuditLog = asking.proxy.ask("audit.log", model=model)
        write_export(everything, Path(subject), as_csv=as_csv, key=key)
        told = f"{everything.total:,} lines in {subject}; the head is {everything.head}"
        return View(kind="text", content=told)
    raise InvalidInput("Write audit, audit verify, audit at WHEN, or audit export FILE.")


_intended = click.option("--intended", metavar="TEXT", default="", help="What the model is meant for.")
_limits = click.option("--limits", metavar="TEXT", default="", help="What it is not good for.")


@click.command(
    cls=Command,
    completes=("model",),
    examples=(
        "card churn@champion",
        "card churn/7 README.md --intended 'weekly letters' --limits 'not for firms'",
    ),
)
@click.argument("model", metavar="MODEL")
@click.argument("file", metavar="[FILE]", required=False)
@_intended
@_limits
@_as_json
@click.pass_obj
def card(asking: Asking, model: str, file: str | None, intended: str, limits: str, as_json: bool) -> View:
    """Show the model card of a version, in the format of Hugging Face, or write it to a FILE."""
    text: str = asking.proxy.ask("packages.card", model=model, intended=intended, limits=limits)
    if file is None:
        return _answer("text", text, as_json, json={"card": text})
    try:
        Path(file).expanduser().write_text(text, encoding="utf-8")
    except OSError as problem:
        raise InvalidInput(f"The card {file} cannot be written: {problem.strerror}.") from None
    return _answer("text", f"the card of {model} is in {file}", as_json, json={"file": file, "card": text})


@click.command(cls=Command, completes=("model",), examples=("package churn@champion churn-model",))
@click.argument("model", metavar="MODEL")
@click.argument("folder", metavar="FOLDER")
@_intended
@_limits
@_as_json
@click.pass_obj
def package(asking: Asking, model: str, folder: str, intended: str, limits: str, as_json: bool) -> View:
    """Write a version into a new FOLDER that runs without nbtrack: model, loader, requirements, signature, card."""
    written: Package = asking.proxy.ask(
        "packages.write", model=model, path=absolute(folder), intended=intended, limits=limits
    )
    told = f"{written.model}/{written.version} is in {folder}: {', '.join(written.files)}"
    return _answer("text", told, as_json, json=written)


REGISTRY_COMMANDS = (promote, rollback, audit, card, package)
