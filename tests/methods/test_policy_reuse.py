"""Policy reuse: the probabilities by hand, and over many episodes."""

import numpy as np
import pytest
from builders import Oracle, learner, tiny, train

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge
from rl_transfer.methods import build_methods
from rl_transfer.study import Named, TaskConfig

LONG_BOX = TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0, "continuous": True})


def method(algorithm="sac", **settings):
    return build_methods([Named(name="policy_reuse", settings=settings)], algorithm)[0]


def reused(steps=80, seed=0, horizon=None, **settings):
    """Episode by episode, in one environment of ten steps each, where the source acted."""
    agent = learner(tiny("sac", n_envs=1, buffer_size=10_000, gradient_steps=0), LONG_BOX)
    teacher = Oracle([0.25, -0.75])
    method(**settings).attach(agent, Knowledge(teacher=teacher), np.random.default_rng(seed))
    train(agent, steps, horizon=horizon)
    agent.close()
    acted = np.isclose(agent.experience().action_N, [0.25, -0.75]).all(axis=1)
    assert agent.counts["guide_steps"] == teacher.calls == acted.sum()
    return acted.reshape(-1, 10)


def test_draw_by_draw():
    settings = {"psi": 0.9, "upsilon": 0.8, "reuse": 0.7, "reuse_share": 0.5}
    found, generator = reused(80, 2, **settings), np.random.default_rng(2)
    expected = np.zeros((8, 10), bool)
    for episode in range(8):
        share = 0.7 * max(1 - episode * 10 / 80 / 0.5, 0)
        if generator.random() < share:
            expected[episode] = [generator.random() < 0.9 * 0.8**time for time in range(10)]
    assert np.array_equal(found, expected)
    assert 0 < found.sum() < 80


@pytest.mark.slow
def test_the_source_s_share_falls_within_an_episode_and_over_training():
    found = reused(2000, 2, upsilon=0.8)
    assert found[:, 0].sum() == pytest.approx(50, abs=14), "half of the first half, from all to none"
    late, early = found[100:], found[:25]
    assert not late.any()
    assert early[:, 0].mean() == pytest.approx(0.875, abs=0.2)
    for time in range(1, 6):
        assert found[:, time].sum() / found[:, 0].sum() == pytest.approx(0.8**time, abs=0.15)


def test_with_upsilon_0_it_takes_the_first_step_alone():
    found = reused(40, horizon=10**9, upsilon=0.0, reuse_share=1.0)
    assert found[:, 0].all() and not found[:, 1:].any()


def test_the_schedule_is_the_budget_s_not_the_segment_s():
    agent = learner(tiny("sac"), LONG_BOX)
    assert agent.progress == 0.0
    train(agent, 32, horizon=128)
    assert agent.progress == 0.25
    train(agent, 64, horizon=128, seed=2)
    agent.close()
    assert agent.progress == 0.5


@pytest.mark.parametrize("key", ["psi", "upsilon", "reuse", "reuse_share"])
@pytest.mark.parametrize("value", [-0.1, 1.1])
def test_bad_settings_are_named(key, value):
    with pytest.raises(ConfigError) as caught:
        method(**{key: value})
    assert caught.value.key == f"0.policy_reuse.{key}"


def test_on_policy_algorithms_are_refused():
    with pytest.raises(ConfigError, match="policy_reuse is not defined for ppo"):
        method("ppo")
