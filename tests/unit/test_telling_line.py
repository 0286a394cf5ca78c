"""The one line of a cell that tells what it is for."""

from __future__ import annotations

import pytest

from nbtrack.render.telling_line import telling_line

READ = 'df = pd.read_csv("churn.csv")\ndf.head(2)'


@pytest.mark.parametrize(
    ("source", "keys", "expected"),
    [
        (READ, [], "df.head(2) …"),
        (READ, ["df"], 'df = pd.read_csv("churn.csv") …'),
        ("import numpy as np\nimport pandas as pd\nimport sys", ["pd"], "import pandas as pd …"),
        ("from a import split\nX, y = load()", ["split", "X"], "X, y = load() …"),
        ("def clean(x):\n    return x\ny = clean(1)", ["clean"], "def clean(x): …"),
        ("X, y = split(df)\nmodel.fit(X, y)\nprint(model == y)", ["model"], "model.fit(X, y) …"),
        ("df['a'] = 1\nshow(df)", ["df"], "df['a'] = 1 …"),
        ("x = 1\nprint(df)", ["df"], "print(df) …"),
        ("y.to_csv('out.csv')\nprint(1)", ["file:/data/out.csv"], "y.to_csv('out.csv') …"),
        ("x = 1\n!ls\n# done", [], "x = 1 …"),
        ("!ls", [], "!ls"),
        ("model = make(\n    1,\n)", [], "model = make( …"),
        ("# only a comment", [], ""),
        ("x = " + "1 + " * 40 + "1", [], "x = " + "1 + " * 17 + "1 +…"),
    ],
)
def test_the_line_that_makes_what_is_asked_for(source: str, keys: list[str], expected: str) -> None:
    assert telling_line(source, keys) == expected
