"""A source's policy over the target's actions: by index, in units of the bounds, squashed or not."""

from types import SimpleNamespace

import numpy as np
import pytest
from gymnasium import spaces

from rl_transfer.knowledge import Categorical, Deterministic, Gaussian, translate_distribution
from rl_transfer.study import MappingConfig
from rl_transfer.tasks import map_spaces

SEEN = spaces.Box(-1.0, 1.0, (1,), np.float32)


def translated(found, source, target, action):
    tasks = [SimpleNamespace(observation_space=SEEN, action_space=space) for space in (source, target)]
    return translate_distribution(found, map_spaces(MappingConfig(observation=[0], action=action), *tasks))


def box(*bounds):
    return spaces.Box(*(np.array(column, np.float32) for column in zip(*bounds, strict=True)))


def test_alternatives_go_by_index():
    found = translated(
        Categorical(np.array([[1.0, 2.0, 3.0]]), (3,)), spaces.Discrete(3), spaces.Discrete(4), [2, None, 0, 2]
    )
    assert found.logits_BK.tolist() == [[3.0, -np.inf, 1.0, 3.0]]
    assert found.sizes == (4,)


def test_choices_go_by_dimension():
    found = translated(
        Categorical(np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), (3, 2)),
        spaces.MultiDiscrete([3, 2]),
        spaces.MultiDiscrete([2, 2, 3]),
        [1, None, 0],
    )
    assert found.sizes == (2, 2, 3)
    assert found.logits_BK == pytest.approx(np.array([[4, 5, np.nan, np.nan, 1, 2, 3]]), nan_ok=True)


def test_other_bounds_are_other_units():
    source, target = box((-2, 2), (0, 4)), box((-4, 4), (0, 8), (-1, 1))
    action = [{"index": 0, "scale": -1.0}, 1, None]
    # -2 of -4 to 4; and 2 + 2 * 0.5 = 3 of 0 to 8
    found = translated(Deterministic(np.array([[1.0, 0.5]])), source, target, action)
    assert found.action_BD == pytest.approx(np.array([[-0.5, -0.25, np.nan]]), nan_ok=True)
    found = translated(Gaussian(np.array([[1.0, 0.5]]), np.log([[0.4, 0.4]]), False), source, target, action)
    assert found.mean_BD == pytest.approx(np.array([[-0.5, -0.25, np.nan]]), nan_ok=True)
    assert np.exp(found.log_std_BD) == pytest.approx(np.array([[0.2, 0.2, np.nan]]), nan_ok=True)


def test_what_is_squashed_is_only_turned_round_where_the_bounds_are_the_same():
    ours = Gaussian(np.array([[30.0, -0.5]]), np.log([[0.4, 0.2]]), True)
    found = translated(ours, box((-1, 1), (-3, 3)), box((-3, 3), (-1, 1)), [{"index": 1, "scale": -1}, 0])
    assert found.mean_BD == pytest.approx(np.array([[0.5, 30.0]]))
    assert found.log_std_BD == pytest.approx(np.log([[0.2, 0.4]]))


def test_elsewhere_it_agrees_to_first_order():
    rng = np.random.default_rng(0)
    ours = Gaussian(np.array([[0.3]]), np.log([[0.001]]), True)
    found = translated(ours, box((-1, 1)), box((-2, 4)), [0])
    drawn = np.tanh(0.3 + 0.001 * rng.normal(size=100_000))  # in the source's units, which are the target's
    expected = np.arctanh((drawn - 1) / 3)
    assert found.squashed
    assert found.mean_BD[0, 0] == pytest.approx(expected.mean(), rel=1e-4)
    assert np.exp(found.log_std_BD[0, 0]) == pytest.approx(expected.std(), rel=0.02)
    far = translated(Gaussian(np.array([[40.0]]), np.zeros((1, 1)), True), box((-1, 1)), box((-0.5, 0.5)), [0])
    assert all(np.isfinite(array).all() for array in far.arrays), "at the bounds"


def test_the_same_stays_the_same():
    found = Gaussian(np.ones((1, 1)), np.ones((1, 1)), True)
    assert translated(found, box((-1, 1)), box((-1, 1)), [0]) is found
