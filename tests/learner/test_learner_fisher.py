"""Fisher information by hand: of a softmax, a Gaussian, a squashed Gaussian, of values, and where nothing matters."""

import gymnasium
import numpy as np
import pytest
import torch
from builders import BOX_WALK, TINY, dqn, flat, learner, ppo, task_of, tasks_of, tiny
from gymnasium import spaces
from stable_baselines3 import DQN, PPO

from rl_transfer.knowledge import ROLES
from rl_transfer.knowledge.experience import map_arrays
from rl_transfer.learner.sb3.fisher import fisher_diagonal

SEEN = np.array([[1.0, -2.0], [3.0, 0.5]], np.float32)


def zeros(networks):
    return {role: {name: np.zeros_like(array) for name, array in networks[role].items()} for role in ROLES}


def linear(config, task=None, **tensors):
    """A learner without hidden layers, all of whose parameters are 0 but those given as ``role__name``."""
    agent = learner(config, task)
    networks = zeros(agent.networks())
    for key, array in tensors.items():
        role, _, name = key.partition("__")
        networks[role][name] = np.array(array, np.float32)
    agent.load_networks(networks)
    return agent


def fisher_of(agent, seen=SEEN, seed=0, **more):
    found = flat(agent.fisher(seen, np.random.default_rng(seed), **more))
    agent.close()
    return found


class TestSoftmax:
    @pytest.mark.parametrize("temperature", [1.0, 2.0])
    def test_of_two_equal_actions_whichever_is_drawn(self, temperature):
        found = fisher_of(linear(dqn(net_arch=[])), temperature=temperature)
        # The gradient of log p(a) by the values is (1 - 1/2, -1/2) or its opposite, over the temperature.
        mean_square = np.array([(1 + 9) / 2, (4 + 0.25) / 2])
        assert found["value_head/weight"] == pytest.approx(np.tile(mean_square / 4, (2, 1)) / temperature**2)
        assert found["value_head/bias"] == pytest.approx(np.full(2, 1 / 4) / temperature**2)

    @pytest.mark.slow
    def test_of_unequal_actions_by_how_often_each_was_drawn(self):
        seen = np.tile(np.array([[2.0, 0.0]], np.float32), (2000, 1))
        found = fisher_of(linear(dqn(net_arch=[]), value_head__bias=[np.log(4), 0]), seen)
        # p is .8 and .2: a draw of the first adds .2**2 to both biases, one of the second .8**2.
        drawn = (found["value_head/bias"][0] - 0.64) / (0.04 - 0.64)
        assert drawn * 2000 == pytest.approx(round(drawn * 2000), abs=0.01)
        assert drawn == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / 2000))
        assert found["value_head/bias"][1] == pytest.approx(found["value_head/bias"][0])
        assert found["value_head/weight"][:, 0] == pytest.approx(4 * found["value_head/bias"])
        assert not found["value_head/weight"][:, 1].any()

    def test_quantiles_are_averaged_first(self):
        found = fisher_of(linear(tiny("qrdqn", net_arch=[], n_quantiles=5)))
        assert found["value_head/bias"] == pytest.approx(np.full(10, (0.5 / 5) ** 2))

    def test_of_a_policy_and_its_value(self):
        found = fisher_of(linear(ppo(net_arch=[])))
        mean_square = np.array([5.0, 2.125])
        assert found["policy_head/weight"] == pytest.approx(np.tile(mean_square / 4, (2, 1)))
        assert found["value_head/weight"] == pytest.approx(mean_square[None])
        assert found["value_head/bias"] == pytest.approx([1.0])


class Choosing(gymnasium.Env):
    """A task that is never played."""

    observation_space = spaces.Box(-10.0, 10.0, (2,), np.float32)

    def __init__(self, action_space):
        self.action_space = action_space


@pytest.mark.parametrize("space", [spaces.MultiDiscrete([2, 2]), spaces.MultiBinary(3)])
def test_several_choices_add_up(space):
    model = PPO("MlpPolicy", Choosing(space), policy_kwargs={"net_arch": []}, device="cpu")
    with torch.no_grad():
        for parameter in model.policy.parameters():
            parameter.zero_()
    found = flat(fisher_diagonal(model, SEEN, temperature=1.0))
    assert found["policy_head/bias"] == pytest.approx(np.full(len(found["policy_head/bias"]), 0.25))


class TestGaussian:
    @pytest.mark.slow
    def test_of_a_mean_and_a_deviation(self):
        seen = np.tile(SEEN[:1], (1000, 1))
        found = fisher_of(linear(ppo(net_arch=[]), BOX_WALK, exploration__log_std=np.log([0.5, 2.0])), seen)
        # 1/sigma**2 for the mean, 2 for the logarithm of the deviation.
        expected = np.array([4.0, 0.25])
        assert found["policy_head/bias"] == pytest.approx(expected, rel=0.15)
        assert found["policy_head/weight"] == pytest.approx(np.outer(found["policy_head/bias"], SEEN[0] ** 2), rel=1e-4)
        assert found["exploration/log_std"] == pytest.approx([2.0, 2.0], rel=0.4)

    @pytest.mark.slow
    def test_squashing_changes_nothing_for_a_drawn_action(self):
        config = tiny("sac", net_arch=[])
        seen = np.tile(SEEN[:1], (4000, 1))
        bias = np.log([0.5, 2.0])
        found = fisher_of(linear(config, **{"exploration__log_std.bias": bias}), seen)
        assert found["policy_head/bias"] == pytest.approx([4.0, 0.25], rel=0.15)
        assert found["exploration/log_std.bias"] == pytest.approx([2.0, 2.0], rel=0.2)

    @pytest.mark.parametrize("algorithm", ["sac", "tqc", "td3", "ddpg"])
    def test_each_critic_counts_for_itself(self, algorithm):
        found = fisher_of(linear(tiny(algorithm, net_arch=[])))
        critics = [array for name, array in found.items() if name.startswith("value_head/") and name.endswith("bias")]
        assert critics
        for array in critics:
            assert array == pytest.approx(np.full(array.size, 1 / array.size**2)), "a mean over quantiles"

    @pytest.mark.parametrize("algorithm", ["td3", "ddpg"])
    def test_a_deterministic_action_is_a_mean(self, algorithm):
        found = fisher_of(linear(tiny(algorithm, net_arch=[])))
        assert found["policy_head/bias"] == pytest.approx([1.0, 1.0])  # the slope of tanh at 0
        assert found["policy_head/weight"] == pytest.approx(np.tile([5.0, 2.125], (2, 1)))


@pytest.mark.parametrize("algorithm", sorted(TINY))
def test_it_has_the_networks_shapes_depends_on_the_generator_alone_and_changes_nothing(algorithm):
    for task in tasks_of(algorithm):
        agent = learner(tiny(algorithm, normalize=True), task)
        before = flat(agent.networks())
        torch.manual_seed(1)
        expected = torch.rand(1)
        torch.manual_seed(1)
        first, again, other = (
            flat(agent.fisher(np.tile(SEEN, (5, 1)), np.random.default_rng(seed))) for seed in (0, 0, 1)
        )
        assert torch.rand(1) == expected
        assert {name: array.shape for name, array in first.items()} == {
            name: array.shape for name, array in before.items()
        }
        for name, array in flat(agent.networks()).items():
            assert np.array_equal(array, before[name])
            assert np.array_equal(first[name], again[name])
            assert first[name].dtype == array.dtype
            assert (first[name] >= 0).all()
        if algorithm not in ("td3", "ddpg"):
            assert any((first[name] != other[name]).any() for name in first)
        body = "value_body" if task_of(tiny(algorithm)).id and algorithm in ("dqn", "qrdqn") else "policy_body"
        assert first[f"{body}/0.weight"].any()
        agent.close()


def test_observations_are_normalised_as_the_agent_sees_them():
    agent = linear(dqn(net_arch=[], normalize=True))
    moments = agent.statistics().map(
        lambda old: type(old)(np.full_like(old.mean, 1.0), np.full_like(old.var, 4.0), 100.0)
    )
    agent.load_statistics(moments)
    found = fisher_of(agent)
    assert found["value_head/weight"][0] == pytest.approx(np.mean(((SEEN - 1) / 2) ** 2, axis=0) / 4, rel=1e-4)


def test_what_is_no_parameter_and_what_nothing_depends_on_has_none():
    agent = learner(tiny("sac"))
    found = fisher_of(agent)
    assert found["exploration/log_ent_coef"].tolist() == [0.0]


BYTES = spaces.Box(0, 255, (40, 40, 3), np.uint8)


@pytest.mark.parametrize("space", [spaces.Discrete(4), BYTES, spaces.Dict({"gear": spaces.Discrete(4), "view": BYTES})])
def test_experience_holds_numbers_as_columns_and_images_with_their_channels_first(space):
    task = Choosing(spaces.Discrete(2))
    task.observation_space = space
    is_dict = isinstance(space, spaces.Dict)
    model = DQN("MultiInputPolicy" if is_dict else "MlpPolicy", task, buffer_size=10, seed=0, device="cpu")
    space.seed(0)
    seen = [space.sample() for _ in range(3)]

    def held(array):
        """As a replay buffer has them."""
        return np.moveaxis(array, -1, 1) if array.ndim > 1 else array[:, None]

    given = {key: np.stack([one[key] for one in seen]) for key in space.spaces} if is_dict else np.stack(seen)
    both = []
    for batch in (given, map_arrays(given, held)):
        torch.manual_seed(0)
        both.append(flat(fisher_diagonal(model, batch, temperature=1.0)))
    for name, array in both[0].items():
        assert np.array_equal(array, both[1][name]), name
    assert both[0]["value_head/bias"].any()
