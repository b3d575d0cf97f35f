"""What is told of given transitions is what the step said."""

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleEnv
from gymnasium.wrappers import RescaleAction, TransformReward

import rl_transfer_envs  # noqa: F401 - registers
from rl_transfer_envs.outcomes import find_outcomes

TASKS = {
    "CartPole-v1": [{}, {"sutton_barto_reward": True}],
    "transfer/CartPole-v0": [{"x_threshold": 0.2, "theta_threshold": 0.1}, {"sutton_barto_reward": True}],
    "MountainCar-v0": [{"goal_velocity": 0.01}],
    "transfer/MountainCar-v0": [{"goal_position": -0.39, "goal_velocity": 0.002}],
    "MountainCarContinuous-v0": [{}],
    "transfer/MountainCarContinuous-v0": [
        {"goal_position": -0.35, "goal_reward": 7.0, "action_cost": 0.5, "max_action": 3.0},
        {"goal_position": -0.3, "power": 0.01},
    ],
    "Acrobot-v1": [{}],
    "transfer/Acrobot-v0": [{"goal_height": -1.9}],
    "Pendulum-v1": [{}],
    "transfer/Pendulum-v0": [
        {"goal_angle": -2.5, "angle_cost": 2.0, "speed_cost": 0.3, "torque_cost": 0.5, "max_torque": 5.0}
    ],
}
CASES = [(name, kwargs) for name, some in TASKS.items() for kwargs in some]


def walked(env, steps, seed=0):
    """Random steps: observations, actions, next observations, rewards, terminations."""
    env.action_space.seed(seed)
    observation, _ = env.reset(seed=seed)
    rows = []
    for _ in range(steps):
        action = env.action_space.sample()
        following, reward, terminated, truncated, _ = env.step(action)
        rows.append((observation, action, following, reward, terminated))
        observation = env.reset()[0] if terminated or truncated else following
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(("name", "kwargs"), CASES)
def test_rewards_and_terminations_are_those_of_steps(name, kwargs):
    env = gymnasium.make(name, max_episode_steps=150, **kwargs)
    observation, action, following, reward, terminated = walked(env, 800)
    told, over = find_outcomes(env)(observation, action, following)
    env.close()
    assert told.shape == over.shape == (800,)
    assert over.dtype == np.bool_
    # Observations are rounded to float32: at a threshold they may tell of a step too late or too early.
    assert np.mean(over == terminated) > 0.995
    same = over == terminated
    assert told[same] == pytest.approx(reward[same].astype(float), rel=1e-4, abs=1e-4)
    if kwargs and name.startswith("transfer/") and "Pendulum" not in name:
        assert terminated.any(), "the case shows no end"


def test_numbers_by_hand():
    env = gymnasium.make("transfer/Pendulum-v0", torque_cost=0.5)
    seen = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 0.0]], np.float32)  # a quarter turn at speed 2; upright, at rest
    told, over = find_outcomes(env)(seen, np.array([[1.0], [-9.0]], np.float32), seen)
    # The torque of -9 is clipped to -2.
    assert told == pytest.approx([-((np.pi / 2) ** 2) - 0.1 * 4 - 0.5, -0.5 * 4])
    assert over.tolist() == [False, False]
    env.close()
    env = gymnasium.make("CartPole-v1")
    told, over = find_outcomes(env)(None, None, np.array([[2.5, 0, 0, 0], [0, 9, 0.2, 9], [0, 0, -0.3, 0]]))
    assert (told.tolist(), over.tolist()) == ([1.0] * 3, [True, False, True])
    env.close()


class Own(gymnasium.Wrapper):
    """Doubles the reward, and says so."""

    def outcomes_of(self, observation_B, action_B, following_B):
        reward_B, over_B = find_outcomes(self.env)(observation_B, action_B, following_B)
        return 2 * reward_B, over_B


class Derived(CartPoleEnv):
    """May do anything."""


class TestWhatHasNone:
    def test_an_environment_is_named(self):
        env = gymnasium.make("FrozenLake-v1")
        with pytest.raises(LookupError, match="FrozenLakeEnv has no outcomes_of"):
            find_outcomes(env)
        env.close()

    def test_a_class_of_a_known_one_s_is_another(self):
        with pytest.raises(LookupError, match="Derived has no outcomes_of"):
            find_outcomes(Derived())

    @pytest.mark.parametrize(
        "wrap",
        [lambda env: TransformReward(env, lambda reward: -reward), lambda env: RescaleAction(env, -1, 1)],
        ids=["reward", "action"],
    )
    def test_a_wrapper_hides_it(self, wrap):
        env = wrap(gymnasium.make("Pendulum-v1"))
        with pytest.raises(LookupError, match=f"the wrapper {type(env).__name__} has no outcomes_of"):
            find_outcomes(env)
        env.close()

    def test_unless_it_has_one_of_its_own_or_changes_nothing(self):
        env = gymnasium.wrappers.RecordEpisodeStatistics(Own(gymnasium.make("CartPole-v1")))
        told, _ = find_outcomes(env, transparent=(gymnasium.wrappers.RecordEpisodeStatistics,))(
            None, None, np.zeros((2, 4))
        )
        assert told.tolist() == [2.0, 2.0]
        env.close()
