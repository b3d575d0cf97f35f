"""Each algorithm learns each probe, to the value that is known."""

import numpy as np
import pytest
from builders import DIAL, forward, learner, ppo, tiny, train

from rl_transfer.learner import LOSS_PATHS
from rl_transfer.study import LEARNERS, TaskConfig
from rl_transfer.tasks import evaluate

ON_POLICY = {"n_envs": 4, "gamma": 0.5, "net_arch": [16], "learning_rate": 0.01}
OFF_POLICY = {"n_envs": 1, "gamma": 0.5, "net_arch": [16], "learning_rate": 0.01, "buffer_size": 1000}
OFF_POLICY |= {"batch_size": 32, "learning_starts": 50}
RANDOM = {"target_update_interval": 50, "exploration_initial_eps": 1.0, "exploration_final_eps": 1.0}
SETTINGS = {
    "ppo": ON_POLICY | {"n_steps": 32, "batch_size": 64, "n_epochs": 10},
    "a2c": ON_POLICY | {"n_steps": 8},
    "trpo": ON_POLICY | {"n_steps": 32, "batch_size": 64, "n_critic_updates": 10},
    "dqn": OFF_POLICY | RANDOM,
    "qrdqn": OFF_POLICY | RANDOM,
    "sac": OFF_POLICY | {"tau": 0.1, "ent_coef": 0.01},
    "tqc": OFF_POLICY | {"tau": 0.1, "ent_coef": 0.01, "top_quantiles_to_drop_per_net": 0},
    "td3": OFF_POLICY | {"tau": 0.1, "noise_std": 0.5},
    "ddpg": OFF_POLICY | {"tau": 0.1, "noise_type": "normal", "noise_std": 0.5},
}
BUDGET = dict.fromkeys(SETTINGS, 2560) | dict.fromkeys(("dqn", "qrdqn", "sac", "tqc", "td3", "ddpg"), 1200)
BUDGET |= {"a2c": 5120, "qrdqn": 1600, "sac": 2400, "tqc": 2400}
FAST = ("dqn",)


def with_box_actions(algorithm):
    return LEARNERS[algorithm].off_policy and "policy" in LOSS_PATHS[algorithm]


def trained(algorithm, probe, **more):
    kwargs = {"continuous": True} if with_box_actions(algorithm) else {}
    agent = learner(tiny(algorithm, **SETTINGS[algorithm] | more), TaskConfig(id=f"probes:{probe}-v0", kwargs=kwargs))
    train(agent, BUDGET[algorithm])
    agent.close()
    return agent


def values(agent, observations):
    """Of the policy, or of the best action, or of the actor's; by NumPy from the stored tensors."""
    networks, relu = agent.networks(), "relu" if LEARNERS[agent.algorithm].off_policy else "tanh"
    if not with_box_actions(agent.algorithm):
        computed = forward(networks, "value", observations, relu)
        if agent.algorithm == "qrdqn":
            computed = computed.reshape(len(observations), -1, 2).mean(axis=1)
        return computed.max(axis=-1)
    inputs = np.hstack([observations, agent.act(np.asarray(observations, np.float32), deterministic=True)])
    critic = {
        role: {name[4:]: array for name, array in networks[role].items() if name.startswith("qf0.")}
        for role in ("value_body", "value_head")
    }
    return forward(critic, "value", inputs, "relu").mean(axis=-1)


@pytest.mark.parametrize(
    "algorithm", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in sorted(LOSS_PATHS)]
)
class TestEveryAlgorithm:
    @pytest.mark.slow
    def test_the_value_of_a_constant_reward_is_the_reward(self, algorithm):
        assert values(trained(algorithm, "ConstantReward"), [[0.0]]) == pytest.approx([1.0], abs=0.1)

    @pytest.mark.slow
    def test_the_value_follows_the_observation(self, algorithm):
        assert values(trained(algorithm, "SeenReward"), [[-1.0], [1.0]]) == pytest.approx([-1.0, 1.0], abs=0.15)

    @pytest.mark.slow
    def test_the_value_one_step_earlier_is_discounted(self, algorithm):
        assert values(trained(algorithm, "TwoSteps"), [[0.0], [1.0]]) == pytest.approx([0.5, 1.0], abs=0.1)

    @pytest.mark.slow
    def test_the_rewarded_action_is_taken(self, algorithm):
        agent = trained(algorithm, "ActedReward")
        assert (agent.act(np.zeros((3, 1), np.float32), deterministic=True) > 0).all()

    @pytest.mark.slow
    def test_the_action_follows_the_observation(self, algorithm):
        agent = trained(algorithm, "SeenActedReward")
        observations = np.array([[-1.0], [1.0], [-1.0]], np.float32)
        acted = agent.act(observations, deterministic=True).ravel() > 0
        assert acted.tolist() == [False, True, False]


@pytest.mark.slow
def test_dqn_with_n_step_returns_gets_the_same_discounted_value():
    agent = trained("dqn", "TwoSteps", n_step_returns=3)
    assert values(agent, [[0.0], [1.0]]) == pytest.approx([0.5, 1.0], abs=0.1)


def test_ppo_turns_a_continuous_dial_up():
    agent = learner(ppo(**SETTINGS["ppo"]), DIAL)
    before = evaluate(DIAL, lambda batch: agent.act(batch, deterministic=True), [0]).return_E[0]
    train(agent, BUDGET["ppo"])
    after = evaluate(DIAL, lambda batch: agent.act(batch, deterministic=True), [0]).return_E[0]
    agent.close()
    assert after > before + 1.0
