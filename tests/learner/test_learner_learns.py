"""Each algorithm learns each probe, to the value that is known."""

import numpy as np
import pytest
from builders import DIAL, dqn, forward, learner, ppo, train

from rl_transfer.study import TaskConfig
from rl_transfer.tasks import evaluate

PPO = ppo(n_envs=4, n_steps=32, batch_size=64, n_epochs=10, gamma=0.5, net_arch=[16], learning_rate=0.01)
DQN = dqn(
    n_envs=1,
    gamma=0.5,
    net_arch=[16],
    learning_rate=0.01,
    buffer_size=1000,
    batch_size=32,
    target_update_interval=50,
    learning_starts=50,
    exploration_initial_eps=1.0,
    exploration_final_eps=1.0,
)
BUDGET = {"ppo": 2560, "dqn": 1200}


def trained(config, probe, **more):
    agent = learner(config, TaskConfig(id=f"probes:{probe}-v0", **more))
    train(agent, BUDGET[config.algorithm])
    agent.close()
    return agent


def values(agent, observations):
    """Of the policy (PPO), or of the best action (DQN), by NumPy from the stored tensors."""
    computed = forward(agent.networks(), "value", observations, "tanh" if agent.algorithm == "ppo" else "relu")
    return computed.max(axis=-1)


@pytest.mark.parametrize("config", [PPO, DQN], ids=["ppo", "dqn"])
class TestEveryAlgorithm:
    def test_the_value_of_a_constant_reward_is_the_reward(self, config):
        assert values(trained(config, "ConstantReward"), [[0.0]]) == pytest.approx([1.0], abs=0.05)

    def test_the_value_follows_the_observation(self, config):
        assert values(trained(config, "SeenReward"), [[-1.0], [1.0]]) == pytest.approx([-1.0, 1.0], abs=0.15)

    def test_the_value_one_step_earlier_is_discounted(self, config):
        assert values(trained(config, "TwoSteps"), [[0.0], [1.0]]) == pytest.approx([0.5, 1.0], abs=0.1)

    def test_the_rewarded_action_is_taken(self, config):
        agent = trained(config, "ActedReward")
        assert agent.act(np.zeros((3, 1), np.float32), deterministic=True).tolist() == [1, 1, 1]

    def test_the_action_follows_the_observation(self, config):
        agent = trained(config, "SeenActedReward")
        observations = np.array([[-1.0], [1.0], [-1.0]], np.float32)
        assert agent.act(observations, deterministic=True).tolist() == [0, 1, 0]


def test_dqn_with_n_step_returns_gets_the_same_discounted_value():
    agent = trained(DQN.model_copy(update={"n_step_returns": 3}), "TwoSteps")
    assert values(agent, [[0.0], [1.0]]) == pytest.approx([0.5, 1.0], abs=0.1)


def test_ppo_turns_a_continuous_dial_up():
    agent = learner(PPO, DIAL)
    before = evaluate(DIAL, lambda batch: agent.act(batch, deterministic=True), [0]).return_E[0]
    train(agent, BUDGET["ppo"])
    after = evaluate(DIAL, lambda batch: agent.act(batch, deterministic=True), [0]).return_E[0]
    agent.close()
    assert after > before + 1.0
