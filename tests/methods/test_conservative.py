"""The conservative term: by hand, its gradient, its estimate against an integral, and what it does to values."""

import math

import numpy as np
import pytest
from builders import as_bytes, learner, tiny

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Deterministic, Gaussian, Knowledge, Transitions
from rl_transfer.learner import ConservativeCritics, ConservativeValues, Minibatch
from rl_transfer.methods import build_methods
from rl_transfer.study import OFF_POLICY, Named

DISCRETE = ("dqn", "qrdqn")


def batch(action_B):
    count = len(action_B)
    return Minibatch(np.zeros((count, 2)), np.asarray(action_B), np.full(count, -1))


def slopes(loss, at):
    """The gradient of a function of an array by small steps."""
    found = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        step = np.zeros_like(at)
        step[index] = 1e-6
        found[index] = (loss(at + step) - loss(at - step)) / 2e-6
    return found


class TestValues:
    def test_by_hand(self):
        # log(e^0 + e^log 3) - log 3 = log(4/3), and log(e^2 + e^2) - 2 = log 2; half their sum, times 2.
        q_BA = np.array([[0.0, math.log(3.0)], [2.0, 2.0]])
        loss, gradient = ConservativeValues(2.0).of_values(batch([[1], [0]]), q_BA)
        assert loss == pytest.approx(math.log(4 / 3) + math.log(2.0))
        # Shares 1/4, 3/4 and 1/2, 1/2, less 1 for the action taken; times 2, over 2 samples.
        assert gradient == pytest.approx(np.array([[0.25, -0.25], [-0.5, 0.5]]))

    def test_the_gradient_is_the_loss_s(self):
        term, taken = ConservativeValues(0.7), batch([[2], [0], [1]])
        q_BA = np.random.default_rng(0).normal(size=(3, 4))
        assert term.of_values(taken, q_BA)[1] == pytest.approx(
            slopes(lambda at: term.of_values(taken, at)[0], q_BA), abs=1e-7
        )

    def test_large_values_do_no_harm(self):
        loss, gradient = ConservativeValues(1.0).of_values(batch([[0]]), np.array([[1e4, -1e4]]))
        assert (loss, gradient.tolist()) == (0.0, [[0.0, 0.0]])


class TestCritics:
    def term(self, policy, count=1, samples=4, coefficient=1.0, seed=0):
        found = ConservativeCritics(coefficient, samples, np.random.default_rng(seed))
        taken = batch(np.full((count, 1), 0.5, np.float32))
        return found, taken, found.further_actions(taken, policy)

    def test_by_hand_for_uniform_actions(self):
        term, taken, further = self.term(Deterministic(np.zeros((1, 1))), samples=2, coefficient=3.0)
        assert further.shape == (1, 2, 1)
        # Two uniform actions in [-1, 1], of density 1/2: log((2 e^0 + 2 e^log 3) / 2) = log 4; the data's is log 2.
        q_CBK = np.array([[[math.log(2.0), 0.0, math.log(3.0)]], [[1.0, 1.0, 1.0]]])
        loss, gradient = term.of_critics(taken, q_CBK)
        # The other critic: log((2 e + 2 e) / 2) - 1 = log 2.
        assert loss == pytest.approx(3.0 * (math.log(4.0) - math.log(2.0) + math.log(2.0)))
        assert gradient == pytest.approx(3.0 * np.array([[[-1.0, 0.25, 0.75]], [[-1.0, 0.5, 0.5]]]))

    def test_the_policy_s_actions_are_weighed_by_their_density(self):
        policy = Gaussian(np.array([[0.3]]), np.array([[-0.5]]), squashed=True)
        term, taken, further = self.term(policy, samples=1)
        uniform, drawn = further[0, :, 0]
        before = math.atanh(drawn)
        normal = math.exp(-0.5 * ((before - 0.3) / math.exp(-0.5)) ** 2) / (math.exp(-0.5) * math.sqrt(2 * math.pi))
        density = normal / (1 - drawn**2)
        expected = math.log((math.exp(1.0) / 0.5 + math.exp(2.0) / density) / 2)
        loss, _ = term.of_critics(taken, np.array([[[0.0, 1.0, 2.0]]]))
        assert -1 <= uniform <= 1
        assert loss == pytest.approx(expected)

    @pytest.mark.parametrize("squashed", [True, False], ids=["gaussian", "deterministic"])
    def test_the_estimate_goes_to_the_integral(self, squashed):
        gaussian = Gaussian(np.array([[0.2, -0.4]]), np.array([[0.3, 0.2]]), squashed=True)
        policy = gaussian if squashed else Deterministic(np.zeros((1, 2)))
        term = ConservativeCritics(1.0, 40_000, np.random.default_rng(1))
        taken = batch(np.zeros((1, 2), np.float32))
        further = term.further_actions(taken, policy)
        # Q = 2 a + b: the integral of its exponential over the square is a product.
        q_BK = np.concatenate([[[0.0]], further @ np.array([2.0, 1.0])], axis=1)
        loss, _ = term.of_critics(taken, q_BK[None])
        assert loss == pytest.approx(math.log(2 * math.sinh(2.0) / 2 * 2 * math.sinh(1.0)), abs=0.02)

    def test_the_gradient_is_the_loss_s(self):
        policy = Gaussian(np.zeros((3, 1)), np.zeros((3, 1)), squashed=True)
        term, taken, _ = self.term(policy, count=3, coefficient=0.7)
        q_CBK = np.random.default_rng(0).normal(size=(2, 3, 9))
        assert term.of_critics(taken, q_CBK)[1] == pytest.approx(
            slopes(lambda at: term.of_critics(taken, at)[0], q_CBK), abs=1e-7
        )

    def test_certain_policies_do_no_harm(self):
        policy = Gaussian(np.array([[30.0]]), np.array([[-20.0]]), squashed=True)
        term, taken, further = self.term(policy)
        loss, gradient = term.of_critics(taken, np.zeros((1, 1, 9)))
        assert further.max() == 1.0
        assert np.isfinite(loss)
        assert np.isfinite(gradient).all()


def one_sided(algorithm, count=60):
    """What a source saw that always did the same: one step, reward 1."""
    action = np.zeros((count, 1), np.int64) if algorithm in DISCRETE else np.full((count, 2), 0.9, np.float32)
    state = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    return Transitions(
        observation_N=state,
        action_N=action,
        reward_N=np.ones(count, np.float32),
        next_observation_N=state,
        terminated_N=np.ones(count, bool),
        truncated_N=np.zeros(count, bool),
        time_N=np.arange(count),
    )


def method(algorithm, **settings):
    return build_methods([Named(name="offline_pretrain", settings=settings)], algorithm)[0]


def pretrained(algorithm, **settings):
    agent = learner(tiny(algorithm, learning_rate=0.005))
    given = method(algorithm, gradient_steps=60, **settings)
    given.pretrain(agent, Knowledge(experience=one_sided(algorithm)), np.random.default_rng(2))
    agent.close()
    return agent


def unseen_less_seen(agent):
    """How much more the critics promise for actions that the data do not show."""
    import torch

    from rl_transfer.learner.sb3.networks import algorithm_name
    from rl_transfer.learner.sb3.saying import critics_say, values_say

    seen = torch.as_tensor(one_sided(agent.algorithm).observation_N)
    if algorithm_name(agent._model) in DISCRETE:
        q_BA = values_say(agent._model, seen).detach().numpy()
        return float((q_BA[:, 1] - q_BA[:, 0]).mean())
    actions = torch.tensor([[[0.9, 0.9], [-0.9, -0.9]]]).repeat(len(seen), 1, 1)
    q_CBK = critics_say(agent._model, seen, actions).detach().numpy()
    return float((q_CBK[:, :, 1] - q_CBK[:, :, 0]).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    "algorithm",
    [pytest.param(name, marks=() if name in ("dqn", "sac") else pytest.mark.slow) for name in OFF_POLICY],
)
def test_it_pushes_down_what_the_data_do_not_show(algorithm):
    plain, conservative = (unseen_less_seen(pretrained(algorithm, conservative=on)) for on in (False, True))
    assert conservative < plain - 0.2
    assert conservative < 0


@pytest.mark.slow
def test_none_is_plain():
    plain, none, some = (
        as_bytes(pretrained("sac", **settings).networks())
        for settings in ({}, {"conservative": False}, {"conservative": True})
    )
    assert plain == none != some


@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "coefficient"), [("dqn", 1.0), ("qrdqn", 1.0), ("sac", 5.0), ("ddpg", 5.0)])
def test_the_paper_s_coefficients(algorithm, coefficient):
    found = [
        as_bytes(pretrained(algorithm, conservative=True, conservative_coefficient=value).networks())
        for value in (None, coefficient, 0.5)
    ]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("settings", "setting", "message"),
    [
        ({"conservative": 5.0}, "conservative", "must be a valid boolean"),
        ({"conservative": True, "conservative_coefficient": 0.0}, "conservative_coefficient", "greater than 0"),
        ({"conservative_coefficient": 2.0}, "conservative_coefficient", "set conservative: true"),
        ({"conservative": True, "conservative_samples": 0}, "conservative_samples", "greater than 0"),
    ],
)
def test_bad_settings_are_named(settings, setting, message):
    with pytest.raises(ConfigError, match=message) as caught:
        method("dqn", **settings)
    assert caught.value.key == f"0.offline_pretrain.{setting}"
