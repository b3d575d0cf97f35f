"""Shaping: its formula by hand, sums that telescope, and what stays the task's own."""

import gymnasium
import numpy as np
import pytest
from builders import Oracle, dqn, learner, ppo, tiny, train
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Knowledge
from rl_transfer.learner import Steps, build_learner
from rl_transfer.learner.sb3.between import Between
from rl_transfer.learner.sb3.side_by_side import SideBySide
from rl_transfer.methods import build_methods
from rl_transfer.study import Named, TaskConfig
from rl_transfer.tasks import Charged, Meter, TaskEnvironments, make

TWO_STEPS = TaskConfig(id="probes:TwoSteps-v0")


def method(algorithm="ppo", **settings):
    return build_methods([Named(name="shaping", settings=settings)], algorithm)[0]


def shape(agent, values, **settings):
    teacher = Oracle(values=values)
    method(agent.algorithm, **settings).attach(agent, Knowledge(teacher=teacher), np.random.default_rng(0))
    return teacher


def reshaped(**settings):
    """The function that a method hands to a learner with gamma 0.9."""
    found = []

    class Kept:
        discount = 0.9
        reshape_rewards = found.append

    shape_of = Knowledge(teacher=Oracle(values=lambda batch: batch[:, 0]))
    method(**settings).attach(Kept(), shape_of, np.random.default_rng(0))
    return found[0]


def test_the_formula_by_hand():
    steps = Steps(
        observation_N=np.array([[1.0], [2.0], [3.0]]),
        next_observation_N=np.array([[4.0], [5.0], [6.0]]),
        reward_N=np.array([10.0, 20.0, 30.0], np.float32),
        terminated_N=np.array([False, True, False]),
        truncated_N=np.array([False, False, True]),
    )
    assert reshaped(coefficient=2.0)(steps) == pytest.approx([10 + 0.9 * 8 - 2, 20 + 0.9 * 0 - 4, 30 + 0.9 * 12 - 6]), (
        "ended: potential 0; cut: that of the last observation"
    )


def between_of(env, reshape=None):
    between = Between(env)
    if reshape is not None:
        between.reshape(reshape)
    return between


def rolled(env, actions, steps, seed=3):
    """Observations, rewards, dones and infos of T steps, and the first observations."""
    env.seed(seed)
    first = env.reset()
    return first, [env.step(actions) for _ in range(steps)]


@pytest.mark.parametrize("quits", [0.0, 0.3], ids=["cut", "ended"])
def test_over_an_episode_the_sum_telescopes(quits):
    task = TaskConfig(id="probes:Walk-v0", kwargs={"quits": quits})

    def env():
        return DummyVecEnv([lambda: make(task)] * 3)

    first, plain = rolled(env(), np.zeros(3, int), 40)
    again, shaped = rolled(between_of(env(), reshaped(coefficient=2.0)), np.zeros(3, int), 40)
    assert np.array_equal(first, again)
    ended = cut = 0
    for member in range(3):
        start, time, total = first[member], 0, 0.0
        for (observation, reward, done, infos), (_, ours, _, _) in zip(plain, shaped, strict=True):
            total += 0.9**time * (float(ours[member]) - float(reward[member]))
            time += 1
            if done[member]:
                was_cut = infos[member]["TimeLimit.truncated"]
                last = infos[member]["terminal_observation"][0] if was_cut else 0.0
                assert total == pytest.approx(0.9**time * 2 * last - 2 * start[0], abs=1e-4)
                start, time, total = observation[member], 0, 0.0
                ended, cut = ended + (not was_cut), cut + was_cut
    assert (ended > 5) == (quits > 0)
    assert cut > 5 or quits > 0


class Keyed(gymnasium.Env):
    """Observations by key, which count the steps; every third ends."""

    observation_space = spaces.Dict(a=spaces.Box(-9, 9, (1,), np.float32), b=spaces.Box(-9, 9, (2,), np.float32))
    action_space = spaces.Discrete(2)

    def _look(self):
        return {"a": np.full(1, self.time, np.float32), "b": np.full(2, -self.time, np.float32)}

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self._look(), {}

    def step(self, action):
        self.time += 1
        return self._look(), 0.0, False, self.time == 3, {}


def test_observations_by_key():
    def reshape(steps):
        assert np.array_equal(steps.observation_N["b"][:, 0], -steps.observation_N["a"][:, 0])
        return 10 * steps.observation_N["a"][:, 0] + steps.next_observation_N["a"][:, 0] + 100 * steps.truncated_N

    _, found = rolled(between_of(DummyVecEnv([Keyed] * 2), reshape), np.zeros(2, int), 4)
    assert [reward.tolist() for _, reward, _, _ in found] == [[1.0] * 2, [12.0] * 2, [123.0] * 2, [1.0] * 2]
    assert found[2][0]["a"].tolist() == [[0.0], [0.0]], "the next episode's first"


def side_by_side(config, meter):
    task = TaskConfig(id="transfer/CartPole-v0", max_episode_steps=12)
    return TaskEnvironments(task, meter, lambda: Charged(make(task), meter), config.n_envs)


def test_members_side_by_side_as_single_ones():
    config, found = ppo(n_envs=4, n_steps=16, normalize=True), []
    for single, shaped in ((False, True), (True, True), (False, False)):
        meter = Meter()
        factories = side_by_side(config, meter)
        agent = build_learner(config, list(factories) if single else factories, meter, seed=0)
        assert isinstance(agent._between.venv, SideBySide) != single
        if shaped:
            shape(agent, lambda batch: np.abs(batch).sum(axis=1))
        train(agent, 128)
        agent.close()
        found.append((agent.networks()["value_head"]["weight"].tobytes(), agent.statistics().reward.var.tobytes()))
    assert found[0] == found[1]
    assert not set(found[0]) & set(found[2])


def test_replay_holds_shaped_rewards_and_episodes_the_task_s():
    config = dqn(n_envs=1, gamma=0.5, buffer_size=40)
    agent = learner(config, TWO_STEPS)  # observations 0, 1, then 2; the second step gives 1 and ends
    teacher = shape(agent, lambda batch: batch[:, 0] + 3, coefficient=10.0)
    train(agent, 40)
    agent.close()
    found = agent.experience()
    first = found.observation_N[:, 0] == 0
    assert set(found.reward_N[first].tolist()) == {0.5 * 40 - 30}
    assert set(found.reward_N[~first & found.terminated_N].tolist()) == {1 - 40.0}
    assert {episode.reward_sum for episode in agent.meter.episodes} == {1.0}
    assert teacher.calls == 80


def test_rewards_are_shaped_before_they_are_normalised():
    agent = learner(tiny("sac", normalize=True, n_envs=1, gamma=0.5))
    shape(agent, lambda batch: 100.0 + batch[:, 0])
    train(agent, 32)
    agent.close()
    rewards = agent.experience().reward_N
    assert (rewards < -30).all(), "replay has them as they are: about 50 - 100"
    assert agent.statistics().reward.var > 100


def test_a_value_that_is_the_task_s_own_leaves_no_reward_but_the_last():
    agent = learner(ppo(gamma=0.5, n_envs=1), TWO_STEPS)
    rewards = []
    shape(agent, lambda batch: np.choose(batch[:, 0].astype(int), [0.5, 1.0, 0.0]))
    step = agent._between.step_wait

    def kept():
        found = step()
        rewards.extend(found[1].tolist())
        return found

    agent._between.step_wait = kept
    train(agent, 16)
    agent.close()
    assert rewards == [0.0] * len(rewards) and len(rewards) == 16, "what is left is the advantage: 0 everywhere"


def test_bad_settings_are_named():
    with pytest.raises(ConfigError) as caught:
        method(coefficient=-1.0)
    assert caught.value.key == "0.shaping.coefficient"


def test_beside_the_source_s_transitions_it_is_refused():
    for names in (("shaping", "replay"), ("replay", "shaping")):
        with pytest.raises(
            ConfigError, match="the transitions that replay carries hold rewards that shaping"
        ) as caught:
            build_methods([Named(name=name) for name in names], "dqn")
        assert caught.value.key == f"{names.index('shaping')}.shaping"
    with pytest.raises(ConfigError, match="shaping decides what shaping does: remove one of them"):
        build_methods([Named(name="shaping"), Named(name="fine_tune"), Named(name="shaping")], "dqn")
