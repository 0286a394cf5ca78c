"""Seeds that a cell sets."""

from __future__ import annotations

import pytest

from nbtrack.capture.source import parse_cell


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("np.random.seed(42)", {"seed.numpy": 42}),
        ("numpy.random.seed(seed=1)", {"seed.numpy": 1}),
        ("random.seed(0)", {"seed.python": 0}),
        ("torch.manual_seed(7)\ntorch.cuda.manual_seed_all(7)", {"seed.torch": 7}),
        ("g = torch.Generator().manual_seed(3)", {"seed.torch": 3}),
        ("rng = np.random.default_rng(42)", {"seed.default_rng": 42}),
        ("from numpy.random import default_rng\nrng = default_rng(seed=5)", {"seed.default_rng": 5}),
        ("tf.random.set_seed(2)", {"seed.tensorflow": 2}),
        ("keras.utils.set_random_seed(2)", {"seed.keras": 2}),
        ("key = jax.random.PRNGKey(9)", {"seed.jax": 9}),
        ("m = RandomForestClassifier(random_state=0).fit(X, y)", {"random_state": 0}),
        (
            "a, b = train_test_split(X, random_state=1)\nif fast:\n    m = Forest(random_state=0)\n"
            "with x: n = Forest(random_state=1)",
            {"random_state": [1, 0]},
        ),
        ("m = XGBClassifier(seed=4)", {"seed": 4}),
        ("Forest(random_state=None); np.random.seed(); default_rng()", {}),
        ("np.random.seed(SEED); Forest(random_state=seed + 1); random.seed('text'); random.seed(True)", {}),
        ("sunflower.seed(3); plant(3); key(3); d.key(3)", {}),
        ("def f():\n    np.random.seed(1)", {}),
        ("(lambda: 0)(3)\nx[0](3)\nf()(3)", {}),
    ],
)
def test_constant_seeds_are_read_by_syntax(source: str, found: dict[str, object]) -> None:
    assert parse_cell(source).seeds == found
