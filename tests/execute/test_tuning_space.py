"""Where hyperparameters are looked for: the defaults are inside, and nothing found changes networks or rollouts."""

import random

import pytest

from rl_transfer.execute.tuning_space import search_space, to_drawn, to_hyperparameters
from rl_transfer.learner.requirements import refuse_idle_learning
from rl_transfer.study import ALGORITHMS, LEARNERS, ChoicesConfig

BUDGET = 20_480
SHAPE_AND_ROLLOUT = {
    *("algorithm", "n_envs", "n_steps", "train_freq", "gradient_steps", "net_arch", "activation", "features"),
    *("normalize", "n_critics", "n_quantiles", "share_features_extractor", "buffer_size", "n_step_returns"),
}


def learner(algorithm, **settings):
    return LEARNERS[algorithm].model_validate({"algorithm": algorithm} | settings)


def drawn(space, rng):
    return {
        name: rng.choice(one.choices) if isinstance(one, ChoicesConfig) else rng.uniform(one.low, one.high)
        for name, one in space.items()
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_whatever_is_drawn_is_a_learner_of_the_same_shape_and_rollout(algorithm):
    default, rng = learner(algorithm), random.Random(0)
    space = search_space([default], BUDGET)
    assert {"learning_rate", "one_minus_gamma"} < space.keys()
    for _ in range(200):
        found = to_hyperparameters(drawn(space, rng), default)
        other = LEARNERS[algorithm].model_validate(default.model_dump(mode="json") | found)
        assert not set(found) & SHAPE_AND_ROLLOUT
        assert other.rollout_steps == default.rollout_steps
        assert 0.9 <= other.gamma < 1
        refuse_idle_learning(other, BUDGET)
        for name in found:
            assert getattr(other, name) != getattr(default, name)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_defaults_lie_in_the_space(algorithm):
    default = learner(algorithm, learning_rate=0.05, gamma=0.9)
    space = search_space([default], BUDGET)
    point = to_drawn(default, space)
    assert point.keys() == space.keys()
    for name, one in space.items():
        if isinstance(one, ChoicesConfig):
            assert point[name] in one.choices
        else:
            assert one.low <= point[name] <= one.high
    back = to_hyperparameters(point, default)
    at_an_end = {"ent_coef", "gae_lambda"}  # 0 and 1 have no logarithm: the nearest that has
    assert set(back) <= at_an_end
    assert back.get("ent_coef", 0) < 1e-7
    assert back.get("gae_lambda", 1) > 0.999


def test_the_space_holds_every_arms_defaults():
    low, high = learner("ppo", learning_rate=1e-6), learner("ppo", learning_rate=0.03)
    rates = search_space([low, high], BUDGET)["learning_rate"]
    assert (rates.low, rates.high, rates.log) == (1e-6, 0.03, True)


def test_batches_divide_the_rollout_and_targets_are_updated_twice():
    ppo = search_space([learner("ppo", n_envs=3, n_steps=64, batch_size=48)], BUDGET)
    assert ppo["batch_size"].choices == (32, 64, 48)
    alone = search_space([learner("ppo", n_envs=1, n_steps=25, batch_size=25)], BUDGET)
    assert "batch_size" not in alone
    dqn = search_space([learner("dqn", target_update_interval=100)], 2000)
    assert dqn["target_update_interval"].choices == (1, 10, 100, 300, 1000)


def test_a_falling_learning_rate_goes_on_falling():
    default = learner("ppo", learning_rate="lin_0.001", clip_range="lin_0.2")
    assert to_drawn(default, search_space([default], BUDGET))["learning_rate"] == 0.001
    found = to_hyperparameters({"learning_rate": 0.00034567, "clip_range": 0.4}, default)
    assert found == {"learning_rate": "lin_0.000346", "clip_range": "lin_0.4"}
    assert LEARNERS["ppo"].model_validate({"algorithm": "ppo"} | found).learning_rate == "lin_0.000346"
