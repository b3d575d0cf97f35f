"""Transitions with the rewards and terminations of the learner's own task."""

import gymnasium
import numpy as np
import pytest
from builders import dqn, learner, ppo, tiny, train

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Transitions
from rl_transfer.learner import build_learner
from rl_transfer.study import TaskConfig
from rl_transfer.tasks import Charged, Meter, make


def told(**kwargs):
    return TaskConfig(id="probes:Told-v0", kwargs=kwargs)


def some(action_N, *, terminated=(), truncated=()):
    """Right where the sign of the first number says so, over where the second is large."""
    seen = np.array([[1.0, 0.0], [-1.0, 0.0], [1.0, 2.0], [-1.0, 2.0]], np.float32)
    return Transitions(
        observation_N=seen,
        action_N=np.asarray(action_N),
        reward_N=np.full(4, 9.0, np.float32),
        next_observation_N=seen,
        terminated_N=np.isin(np.arange(4), terminated),
        truncated_N=np.isin(np.arange(4), truncated),
        time_N=np.arange(4),
    )


@pytest.mark.parametrize(
    ("config", "action_N"),
    [(dqn(), [[1], [1], [0], [0]]), (tiny("sac"), np.array([[0.1, 0], [1, 0], [-1, 0], [-0.2, 0]], np.float32))],
    ids=["dqn", "sac"],
)
def test_by_hand(config, action_N):
    agent = learner(config, told(worth=3.0, continuous=config.algorithm == "sac"))
    found = agent.relabelled(some(action_N, terminated=[0, 2], truncated=[1, 3]))
    assert found.reward_N.tolist() == [3.0, 0.0, 0.0, 3.0]
    assert found.reward_N.dtype == np.float32
    assert found.terminated_N.tolist() == [False, False, True, True]
    # The first had ended, and does so no more by the task: it is cut, as what was cut stays.
    assert found.truncated_N.tolist() == [True, True, False, False]
    assert agent.meter.steps == 0
    agent.close()


def test_actions_are_in_the_task_s_units():
    task = TaskConfig(id="transfer/Pendulum-v0", kwargs={"max_torque": 4.0, "torque_cost": 1.0, "angle_cost": 0.0})
    agent = learner(tiny("td3"), task)
    rest = np.tile(np.array([1.0, 0.0, 0.0], np.float32), (4, 1))
    stored = np.array([[0.5], [-1.0], [0.0], [1.0]], np.float32)
    given = vars(some(stored)) | {"observation_N": rest, "next_observation_N": rest}
    assert agent.relabelled(Transitions(**given)).reward_N.tolist() == [-4.0, -16.0, 0.0, -16.0]
    agent.close()


@pytest.mark.parametrize("algorithm", ["dqn", "sac"])
def test_its_own_experience_stays_as_it_is(algorithm):
    agent = learner(tiny(algorithm, normalize=True), told(continuous=algorithm == "sac"))
    train(agent, 64)
    own = agent.experience()
    found = agent.relabelled(own)
    agent.close()
    for name, array in own.arrays().items():
        assert np.array_equal(found.arrays()[name], array), name
    assert own.terminated_N.any()
    assert own.truncated_N.any()


def test_it_counts_as_no_step_and_sees_no_wrapper():
    task = TaskConfig(id="probes:Told-v0", wrappers=[{"name": "scale_reward", "settings": {"factor": 2.0}}])
    agent = learner(dqn(), task)
    with pytest.raises(ConfigError, match=r"can't tell the rewards of given transitions: the wrapper \w+ has no") as e:
        agent.relabelled(some([[1], [1], [0], [0]]))
    assert e.value.key == "relabel"
    agent.close()


def test_a_task_that_can_not_is_named():
    agent = learner(dqn())
    with pytest.raises(ConfigError, match="Walk has no outcomes_of; give it one, or set relabel: false"):
        agent.relabelled(some([[1], [1], [0], [0]]))
    agent.close()


class Odd(gymnasium.Wrapper):
    """Tells too little."""

    def outcomes_of(self, observation_B, action_B, following_B):
        return np.zeros((len(observation_B), 1)), np.zeros(len(observation_B), bool)


def test_what_is_told_must_be_a_number_for_each():
    meter = Meter()
    agent = build_learner(dqn(), [lambda: Charged(Odd(make(told())), meter)] * 2, meter, seed=0)
    with pytest.raises(ConfigError, match=r"of 4 transitions the target's outcomes_of gave rewards of shape \(4, 1\)"):
        agent.relabelled(some([[1], [1], [0], [0]]))
    agent.close()


def test_other_shapes_and_learners_without_replay_are_refused():
    agent = learner(dqn(), told())
    with pytest.raises(ConfigError, match="actions have shape"):
        agent.relabelled(some(np.zeros((4, 3), np.int64)))
    agent.close()
    agent = learner(ppo(), told())
    with pytest.raises(ConfigError, match="ppo has no replay buffer"):
        agent.relabelled(some([[1], [1], [0], [0]]))
    agent.close()
