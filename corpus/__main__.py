"""``python -m corpus``: each notebook of the corpus with and without nbtrack, a line for each."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from corpus.notebooks import corpus
from corpus.pairs import judge
from corpus.sources import cache_folder


def main() -> None:
    """Compare, print and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--limit",
        type=float,
        default=10,
        help="seconds of the processor that a notebook may take without nbtrack",
    )
    parser.add_argument("--most", type=int, default=1000, help="notebooks")
    parser.add_argument("--only", default="", help="a part of the names")
    parser.add_argument("--report", type=Path, help="a file for the verdicts as JSON lines")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    skipped = _known_to_fail(options.limit)
    for notebook in [found for found in corpus() if options.only in found.name][: options.most]:
        verdict_word = skipped.get(notebook.name)
        if verdict_word is not None:
            counts[verdict_word] += 1
            continue
        verdict = judge(notebook, options.limit)
        counts[verdict.word] += 1
        print(f"{verdict.word:<16} {verdict.plain:7.2f} {verdict.tracked:7.2f} s  {verdict.name}", flush=True)
        for difference in verdict.differences:
            print(f"  {difference}", flush=True)
        if options.report:
            with options.report.open("a") as file:
                file.write(json.dumps(asdict(verdict)) + "\n")
        if verdict.word in ("fails", "slow"):
            skipped[notebook.name] = verdict.word
            _remember(options.limit, skipped)
    print(", ".join(f"{count} {word}" for word, count in counts.items()))


def _known_to_fail(limit: float) -> dict[str, str]:
    path = cache_folder() / f"left-out-{limit:g}.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _remember(limit: float, skipped: dict[str, str]) -> None:
    (cache_folder() / f"left-out-{limit:g}.json").write_text(json.dumps(skipped, indent=1))


if __name__ == "__main__":
    main()
