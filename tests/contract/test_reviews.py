"""Reviews: threads that follow their cells, verdicts that become stale, and stores that are joined."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from owned_store import OwnedStore
from test_diff_of_runs import Asked, written

from nbtrack.client import Client
from nbtrack.commands import run_command
from nbtrack.entities.bundles import ReviewEventDocument
from nbtrack.entities.reviews import Review, handle
from nbtrack.errors import InvalidInput, NotFound
from nbtrack.render.markdown_subset import markdown_html
from nbtrack.render.review_pages import review_markdown, review_page
from nbtrack.service import completed
from nbtrack.service.review_checks import problem_of
from nbtrack.store.bundle_contents import StoreContents


@pytest.fixture
def owned(tmp_path: Path) -> Iterator[OwnedStore]:
    opened = OwnedStore(tmp_path)
    yield opened
    opened.store.close()


def snapshots(owned: OwnedStore, *versions: tuple[str, ...]) -> None:
    for sources in versions:
        owned.snapshot(owned.run(), written(*sources))


def typed(owned: OwnedStore, *words: str) -> Any:
    return run_command(["review", *words], Asked(owned)).content


BEFORE = ("import x", "a = 1\nb = 2\nfit(a)", "print(b)")
AFTER = ("import x", "a = 1\nb = 3\nfit(a)", "print(b)")
LATER = ("# a title", "import x", "print(b)", "seed = 0\na = 1\nb = 3\nfit(a)")
GONE = ("import x", "print(b)")


@pytest.fixture
def opened(owned: OwnedStore) -> tuple[OwnedStore, str]:
    snapshots(owned, BEFORE, AFTER, LATER, GONE)
    review = typed(
        owned, "open", "forest-1", "forest-2", "--title", "Why 3?", "--reviewer", "ada", "--as", "bob"
    )
    return owned, handle(review.summary.id)


def test_a_review_says_what_is_asked_and_what_changed(opened: tuple[OwnedStore, str]) -> None:
    owned, name = opened
    found: Review = typed(owned, "show", name)
    assert (found.summary.title, found.summary.author, found.reviewers) == ("Why 3?", "bob", ["ada"])
    assert [row.kind for row in found.diff.cells] == ["unchanged", "changed", "unchanged"]
    assert [item.state for item in typed(owned, "list").reviews] == ["open"]
    assert owned.decisions() == ["review.opened"]


def test_a_thread_follows_its_line_through_later_edits_and_says_when_it_has_gone(
    opened: tuple[OwnedStore, str],
) -> None:
    owned, name = opened
    typed(owned, "comment", name, "Why", "3?", "--cell", "2", "--line", "2", "--as", "ada")
    (thread,) = typed(owned, "show", name).threads
    assert (thread.state, thread.number, thread.line) == ("here", 2, 2)
    assert (thread.anchor.quote, thread.comments[0].text) == ("b = 3", "Why 3?")
    # The ids of the cells are those of their places here: c1 is another cell now, and says nothing.
    (thread,) = typed(owned, "update", name, "forest-3").threads
    assert (thread.number, thread.state) == (2, "changed")
    ids = json.loads(written(*LATER))
    for cell, identity in zip(ids["cells"], ["new", "c0", "c2", "c1"], strict=True):
        cell["id"] = identity
    owned.snapshot(owned.run(), json.dumps(ids).encode())
    (thread,) = typed(owned, "update", name, "forest-5").threads
    assert (thread.state, thread.number, thread.line) == ("here", 4, 3)
    for cell in ids["cells"]:
        del cell["id"]
    owned.snapshot(owned.run(), json.dumps({**ids, "nbformat_minor": 4}).encode())
    (thread,) = typed(owned, "update", name, "forest-6").threads
    assert (thread.state, thread.number, thread.line) == ("here", 4, 3)
    ids["cells"] = ids["cells"][:3]
    owned.snapshot(owned.run(), json.dumps({**ids, "nbformat_minor": 4}).encode())
    (thread,) = typed(owned, "update", name, "forest-7").threads
    assert (thread.state, thread.number) == ("gone", None)


def test_threads_are_answered_resolved_and_reopened(opened: tuple[OwnedStore, str]) -> None:
    owned, name = opened
    found = typed(owned, "comment", name, "Better so.", "--cell", "2", "--line", "2", "--suggest", "b = 4")
    thread = handle(found.threads[0].id)
    typed(owned, "comment", name, "No.", "--thread", thread, "--as", "bob")
    (one,) = typed(owned, "resolve", name, thread).threads
    assert (one.resolved, [comment.text for comment in one.comments]) == (True, ["Better so.", "No."])
    assert one.comments[0].suggestion == "b = 4"
    assert typed(owned, "list").reviews[0].unresolved == 0
    assert not typed(owned, "reopen", name, thread).threads[0].resolved


def test_a_verdict_belongs_to_the_notebooks_that_were_seen(opened: tuple[OwnedStore, str]) -> None:
    owned, name = opened
    assert typed(owned, "approve", name, "fine", "--as", "ada").summary.state == "approved"
    assert typed(owned, "request-changes", name, "--as", "eve").summary.state == "changes requested"
    assert typed(owned, "approve", name, "--as", "eve").summary.state == "approved"
    found = typed(owned, "update", name, "forest-3")
    assert (found.summary.state, [verdict.stale for verdict in found.verdicts]) == ("stale", [True, True])
    assert "stale" in review_markdown(found)
    assert typed(owned, "update", name, "forest-2").summary.state == "approved"
    assert owned.decisions()[-1] == "review.updated"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["comment", "{name}"], "needs a text"),
        (["comment", "{name}", "x", "--cell", "9"], "there is no cell 9 in head; it has 3"),
        (["comment", "{name}", "x", "--cell", "2", "--line", "9"], "no line 9"),
        (["comment", "{name}", "x", "--cell", "2", "--output-number", "1"], "no output 1"),
        (["comment", "{name}", "x", "--line", "1"], "say which"),
        (["comment", "{name}", "x", "--thread", "ffffff"], "There is no thread ffffff"),
        (["approve", "zzzzzz"], "There is no review zzzzzz"),
        (["resolve", "{name}"], "Missing argument 'THREAD'"),
        (["open", "forest-1", "forest-9"], "no run forest-9"),
        (["open", "forest-1", "forest-2", "forest-3"], "unexpected extra argument"),
        (["export", "{name}", "-o", "a.pdf"], "FILE.md or FILE.html"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    opened: tuple[OwnedStore, str], words: list[str], said: str
) -> None:
    owned, name = opened
    before = owned.decisions()
    with pytest.raises((InvalidInput, NotFound), match=re.escape(said)) as caught:
        typed(owned, *(word.format(name=name) for word in words))
    assert "\n" not in str(caught.value)
    assert owned.decisions() == before


def test_stores_that_are_joined_have_every_comment_once(tmp_path: Path) -> None:
    stores = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        stores.append(OwnedStore(tmp_path / place))
    one, other = stores
    snapshots(one, BEFORE, AFTER)
    name = handle(typed(one, "open", "forest-1", "forest-2", "--as", "bob").summary.id)
    thread = handle(typed(one, "comment", name, "first", "--cell", "2", "--as", "bob").threads[0].id)

    def carry(giver: OwnedStore, taker: OwnedStore) -> int:
        bundle = tmp_path / "x.bundle"
        completed(giver.service.bundles.write(str(bundle), runs=[], everything=True, force=True))
        return int(completed(taker.service.merging.merge(str(bundle))).reviews)

    assert carry(one, other) == 2
    typed(other, "comment", name, "second", "--thread", thread, "--as", "ada")
    typed(one, "comment", name, "third", "--thread", thread, "--as", "bob")
    typed(other, "approve", name, "--as", "ada")
    assert carry(other, one) == 2
    assert carry(one, other) == 1
    assert carry(one, other) == carry(other, one) == 0
    found = [to_compare(typed(store, "show", name)) for store in stores]
    assert found[0] == found[1]
    assert [comment.text for comment in found[0].threads[0].comments] == ["first", "second", "third"]
    assert found[0].summary.state == "approved"
    for store in stores:
        store.service.retention.collect(grace_days=0).result()
        assert completed(store.service.verification.make()).errors == 0
        assert to_compare(typed(store, "show", name)) == found[0]
        store.store.close()


def to_compare(review: Review) -> Review:
    return replace(review, diff=replace(review.diff, numbers=[]))


def test_the_same_in_python(opened: tuple[OwnedStore, str]) -> None:
    owned, name = opened
    client = Client(Asked(owned))  # type: ignore[arg-type]
    thread = client.reviews.comment(name, "Why?", cell=2, line=2, author="ada").threads[0]
    assert client.reviews.resolve(name, handle(thread.id)).threads[0].resolved
    assert not client.reviews.reopen(name, thread.id).threads[0].resolved
    assert client.reviews.request_changes(name, "no").summary.state == "changes requested"
    assert client.reviews.approve(name).summary.state == "approved"
    assert client.reviews.update(name, "forest-3").summary.state == "stale"
    other = client.reviews.open("forest-3", "forest-4", reviewers=["ada"]).summary
    assert [item.id for item in client.reviews.list()] == [other.id, client.reviews.get(name).summary.id]
    assert [entry.run for entry in client.history("a.ipynb")] == [
        "forest-4",
        "forest-3",
        "forest-2",
        "forest-1",
    ]
    assert sum(row.source_changed for row in client.diff("forest-1", "forest-2").cells) == 1


def test_only_reviews_about_its_runs_are_in_a_bundle(opened: tuple[OwnedStore, str]) -> None:
    owned, _ = opened
    runs = [owned.service.runs.resolve(name) for name in ("forest-2", "forest-4")]
    with owned.store.snapshot() as snapshot:
        assert len(StoreContents(snapshot, runs[:1]).reviews()) == 1
        assert StoreContents(snapshot, runs[1:]).reviews() == []


def test_events_that_no_store_wrote_are_refused(opened: tuple[OwnedStore, str]) -> None:
    owned, name = opened
    typed(owned, "comment", name, "x", "--cell", "2", "--line", "1")
    typed(owned, "approve", name)
    with owned.store.snapshot() as snapshot:
        events = StoreContents(snapshot, [owned.service.runs.resolve("forest-1")]).reviews()
    assert problem_of(events) is None
    opening, comment, verdict = events
    changes: list[Callable[[], list[ReviewEventDocument]]] = [
        lambda: [comment, verdict],
        lambda: [*events, comment],
        lambda: [replace(opening, kind="approved"), comment],
        lambda: [opening, replace(comment, id=comment.id[:-1] + "g")],
        lambda: [opening, replace(comment, author="a\nb")],
        lambda: [opening, replace(comment, author="")],
        lambda: [opening, replace(comment, content={})],
        lambda: [opening, replace(comment, content={**comment.content, "text": 5})],
        lambda: [opening, replace(comment, content={**comment.content, "anchor": {"side": "head"}})],
        lambda: [opening, replace(comment, content={**comment.content, "thread": opening.id})],
        lambda: [opening, replace(verdict, head=None)],
        lambda: [opening, replace(comment, head=opening.head)],
        lambda: [opening, replace(verdict, kind="burnt")],
        lambda: [replace(opening, content={**opening.content, "reviewers": [1]})],
        lambda: [opening, replace(verdict, time=-1)],
    ]
    for change in changes:
        assert problem_of(change()) is not None


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a **b** *c* `d*e*`", "<p>a <strong>b</strong> <em>c</em> <code>d*e*</code></p>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        (
            "[x](https://e.org/?a=1&b)",
            '<p><a href="https://e.org/?a=1&amp;b" rel="noopener noreferrer nofollow">x</a></p>',
        ),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("```py\n<b>\n```", "<pre><span>&lt;b&gt;</span></pre>"),
        ("3 * 4 * 5 👍", "<p>3 * 4 * 5 👍</p>"),
    ],
)
def test_comments_are_a_subset_of_markdown(text: str, html: str) -> None:
    assert markdown_html(text) == html


HOSTILE = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '[a](https://x"onmouseover="alert(1))',
    "[<b>](https://e.org)", "`<svg onload=alert(1)>`", "```\n</pre><script>x</script>", "**<i>**", "&lt;script&gt;",
    "[a](https://e.org'><script>)", "</details></div><iframe src=//e.org>", "![x](https://e.org/track.png)",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_typed_becomes_a_tag(opened: tuple[OwnedStore, str], text: str) -> None:
    owned, name = opened
    typed(owned, "comment", name, text, "--cell", "2", "--suggest", text, "--as", "<b>eve</b>")
    found = typed(owned, "approve", name, text)
    page = review_page(found)
    assert not re.findall(r"<(?:script|img|svg|iframe|b|i)\b", page)
    assert not re.findall(r"<[^>]*\bon\w+\s*=", page)
    assert set(re.findall(r'href="([^"]*)"', page)) <= {"https://e.org", "https://e.org/track.png"}
    outside = re.sub(r"^(`{3,}).*?^\1", "", review_markdown(found), flags=re.DOTALL | re.MULTILINE)
    assert not re.findall(r"(?<!\\)<(?:script|img|svg|iframe|b)\b", outside)
