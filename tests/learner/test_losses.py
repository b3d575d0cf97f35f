"""Losses on the minibatch: their gradients against automatic differentiation, and that nothing else changes."""

from typing import ClassVar

import gymnasium
import numpy as np
import pytest
import torch
from builders import BOX_WALK, DIAL, WALK, as_bytes, first_gradients, flat, learner, tiny, train
from gymnasium import spaces

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Categorical, Deterministic, Gaussian, Transitions, split_choices
from rl_transfer.learner import LOSS_PATHS, OWN, CriticsLoss, PolicyLoss, ValuesLoss, build_learner
from rl_transfer.learner.sb3.networks import by_role
from rl_transfer.learner.sb3.saying import _distribution_says
from rl_transfer.learner.sb3.side_by_side import SideBySide
from rl_transfer.study import LEARNERS, TaskConfig
from rl_transfer.tasks import Charged, Meter, TaskEnvironments, as_given, as_stored, make

CRITICS = ("sac", "tqc", "td3", "ddpg")
CASES = [
    ("ppo", WALK),
    ("ppo", BOX_WALK),
    ("a2c", WALK),
    ("a2c", BOX_WALK),
    ("dqn", WALK),
    ("qrdqn", WALK),
    *((name, BOX_WALK) for name in CRITICS),
]
WEIGHT = np.array([100.0, 1.0])
FURTHER = np.array([[0.5, -0.25], [-1.0, 1.0]])


def ids(case):
    return case if isinstance(case, str) else "box" if case == BOX_WALK else "discrete"


class Squares(PolicyLoss):
    """Half the mean over samples of all squared numbers that the policy says; of logits, the weighted probabilities."""

    name = "squares"

    def __init__(self):
        self.batches = []

    def of_policy(self, batch, policy):
        self.batches.append(batch)
        if isinstance(policy, Categorical):
            (logits,) = policy.arrays
            p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            weighted = p * WEIGHT
            gradient = p * (weighted - (weighted * p).sum(axis=1, keepdims=True))
            return float((weighted * p).sum() / 2 / len(batch)), policy.like((gradient / len(batch),))
        value = sum((array**2).sum() for array in policy.arrays) / 2 / len(batch)
        return float(value), policy.like(tuple(array / len(batch) for array in policy.arrays))


class SquaredValues(ValuesLoss):
    """Half the mean over samples of all squared values."""

    name = "squares"

    def __init__(self):
        self.batches = []

    def of_values(self, batch, q_BA):
        self.batches.append(batch)
        return float((q_BA**2).sum() / 2 / len(batch)), q_BA / len(batch)


class SquaredCritics(CriticsLoss):
    """Half the mean over samples of all squared values, of the first action three times."""

    name = "squares"

    def __init__(self):
        self.batches, self.policies = [], []

    def further_actions(self, batch, policy):
        self.policies.append(policy)
        return np.tile(FURTHER, (len(batch), 1, 1))

    def of_critics(self, batch, q_CBK):
        self.batches.append(batch)
        weighted = q_CBK * np.array([3.0, 1.0, 1.0])
        return float((weighted * q_CBK).sum() / 2 / len(batch)), weighted / len(batch)


class Silent(PolicyLoss, ValuesLoss, CriticsLoss):
    """Looks, and adds nothing."""

    name = "silent"

    def __init__(self):
        self.batches = []

    def of_policy(self, batch, policy):
        self.batches.append(batch)

    of_values = of_critics = of_policy


def build(algorithm, task=None, **changes):
    limit = {"max_grad_norm": 1e9} if LEARNERS[algorithm].model_fields.get("max_grad_norm") else {}
    return learner(tiny(algorithm, **limit | changes), task or (BOX_WALK if algorithm in CRITICS else WALK))


def torch_squares(model, algorithm, observations):
    """The same of a policy, or of a value learner, by the library and torch alone."""
    policy = model.policy
    batch = policy.obs_to_tensor(observations)[0]
    if algorithm in ("ppo", "a2c"):
        found = policy.get_distribution(batch).distribution
        if hasattr(found, "probs"):
            parts = [found.probs * torch.sqrt(torch.as_tensor(WEIGHT))]
        else:
            parts = [found.loc, torch.log(found.scale)]
    elif algorithm in ("sac", "tqc"):
        parts = policy.actor.get_action_dist_params(batch)[:2]
    elif algorithm in ("td3", "ddpg"):
        parts = [policy.actor(batch)]
    else:
        parts = [policy.q_net(batch) if algorithm == "dqn" else policy.quantile_net(batch).mean(dim=1)]
    return sum((part**2).sum() for part in parts) / 2 / len(batch)


def gradients_of(algorithm, task, loss, **changes):
    """What a loss has added to the gradients of the first step of each optimizer."""
    plain, _ = first_gradients(build(algorithm, task, **changes))
    agent = build(algorithm, task, **changes)
    agent.add_loss(loss)
    found, _ = first_gradients(agent)
    return {name: found[name] - plain[name] for name in found}


def automatic(agent, loss):
    """The gradients of a torch loss of a fresh agent, by role and name."""
    ours = {f"{role}/{name}": one for role, found in by_role(agent._model).items() for name, one in found.items()}
    trained = {name: one for name, one in ours.items() if one.requires_grad}
    gradients = torch.autograd.grad(loss, list(trained.values()), allow_unused=True)
    return {name: one.numpy() for name, one in zip(trained, gradients, strict=True) if one is not None}


@pytest.mark.parametrize(("algorithm", "task"), CASES, ids=ids)
def test_its_gradient_is_that_of_automatic_differentiation(algorithm, task):
    loss = SquaredValues() if algorithm in ("dqn", "qrdqn") else Squares()
    added = gradients_of(algorithm, task, loss)
    fresh = build(algorithm, task)
    expected = automatic(fresh, torch_squares(fresh._model, algorithm, loss.batches[0].observation_B))
    fresh.close()
    assert len(expected) >= 4
    for name, gradient in added.items():
        assert gradient == pytest.approx(expected.get(name, 0 * gradient), abs=1e-5), name
    assert max(np.abs(gradient).max() for gradient in expected.values()) > 1e-3


@pytest.mark.parametrize("algorithm", CRITICS)
def test_critics_judge_the_minibatch_s_actions_and_further_ones(algorithm):
    loss = SquaredCritics()
    added = gradients_of(algorithm, BOX_WALK, loss)
    fresh, batch = build(algorithm), loss.batches[0]
    policy = fresh._model.policy
    observations, total = policy.obs_to_tensor(batch.observation_B)[0], 0
    for weight, actions in [(3, batch.action_B), *((1, np.tile(row, (len(batch), 1))) for row in FURTHER)]:
        found = policy.critic(observations, torch.as_tensor(actions, dtype=torch.float32))
        critics = found.mean(dim=2).T if algorithm == "tqc" else found
        total = total + weight * sum((q**2).sum() for q in critics) / 2 / len(batch)
    expected = automatic(fresh, total)
    fresh.close()
    kinds = {"sac": Gaussian, "tqc": Gaussian, "td3": Deterministic, "ddpg": Deterministic}
    assert isinstance(loss.policies[0], kinds[algorithm])
    assert {name.partition("/")[0] for name in expected} == {"value_body", "value_head"}
    for name, gradient in expected.items():
        assert added[name] == pytest.approx(gradient, abs=1e-4), name


@pytest.mark.parametrize("algorithm", ["ppo", "a2c", "dqn", "qrdqn"])
def test_the_sum_is_clipped(algorithm):
    class Huge(SquaredValues if "policy" not in LOSS_PATHS[algorithm] else Squares):
        def of_values(self, *arguments):
            return 1.0, 1e4 * super().of_values(*arguments)[1]

        def of_policy(self, *arguments):
            found = super().of_policy(*arguments)[1]
            return 1.0, found.like(tuple(1e4 * array for array in found.arrays))

    agent = build(algorithm, max_grad_norm=0.5)
    agent.add_loss(Huge())
    gradients, _ = first_gradients(agent)
    norm = np.sqrt(sum(float((gradient.astype(np.float64) ** 2).sum()) for gradient in gradients.values()))
    assert norm == pytest.approx(0.5, rel=1e-4)


LISTENERS = {
    "ppo": {"normalize": True},
    "a2c": {"normalize": True},
    "dqn": {"n_step_returns": 3, "normalize": True},
    "qrdqn": {},
    "sac": {"normalize": True, "n_step_returns": 3},
    "tqc": {"normalize": True},
    "td3": {},
    "ddpg": {},
}


@pytest.mark.parametrize("algorithm", LISTENERS)
def test_one_that_adds_nothing_changes_nothing(algorithm):
    found = []
    for listen in (False, True):
        agent = learner(tiny(algorithm, **LISTENERS[algorithm]))
        if listen:
            loss = Silent()
            agent.add_loss(loss)
        train(agent, 96)
        agent.close()
        found.append(as_bytes(agent.networks()))
    assert found[0] == found[1]
    assert len(loss.batches) >= 3


@pytest.mark.parametrize("algorithm", ["ppo", "a2c"])
def test_on_policy_minibatches_are_the_rollout_as_the_environments_gave_it(algorithm):
    agent = learner(tiny(algorithm, normalize=True), BOX_WALK)
    loss, steps = Squares(), []
    agent.add_loss(loss)
    step_async = agent._between.step_async

    def keep(actions):
        steps.append((np.copy(agent._between._observation_N), np.copy(actions)))
        step_async(actions)

    agent._between.step_async = keep
    train(agent, 64)
    agent.close()
    epochs = 2 if algorithm == "ppo" else 1
    assert sum(map(len, loss.batches)) == 64 * epochs
    size = len(loss.batches[0])
    per_epoch = 32 // size
    for rollout in (0, 1):
        rows = [row for seen, acted in steps[16 * rollout : 16 * rollout + 16] for row in zip(seen, acted, strict=True)]
        expected = sorted((*seen.tolist(), *acted.tolist()) for seen, acted in rows)
        for epoch in range(epochs):
            first = (rollout * epochs + epoch) * per_epoch
            batches = loss.batches[first : first + per_epoch]
            found = sorted(
                (*seen.tolist(), *np.clip(acted, -1, 1).tolist())
                for batch in batches
                for seen, acted in zip(batch.observation_B, batch.action_B, strict=True)
            )
            assert found == expected
    assert all((batch.source_B == OWN).all() for batch in loss.batches)


@pytest.mark.parametrize("algorithm", ["dqn", "sac"])
def test_off_policy_minibatches_are_replay_s_as_the_environments_gave_it(algorithm):
    agent = learner(tiny(algorithm, normalize=True, n_step_returns=3))
    loss = SquaredValues() if algorithm == "dqn" else Squares()
    agent.add_loss(loss)
    train(agent, 64)
    agent.close()
    held = agent.experience()
    rows = {(*seen, *acted) for seen, acted in zip(held.observation_N.tolist(), held.action_N.tolist(), strict=True)}
    found = [
        (*seen, *acted)
        for batch in loss.batches
        for seen, acted in zip(batch.observation_B.tolist(), batch.action_B.tolist(), strict=True)
    ]
    assert len(found) == 8 * agent.gradient_steps
    assert set(found) <= rows
    assert len(set(found)) > 20


def test_samples_tell_where_they_come_from_whatever_is_added_first():
    rng = np.random.default_rng(0)

    def transitions(mark):
        seen = np.full((5, 2), mark, np.float32)
        zeros = np.zeros(5, np.bool_)
        return Transitions(seen, rng.integers(2, size=(5, 1)), np.ones(5), seen, zeros, zeros, np.arange(5))

    agent, loss = learner(tiny("dqn")), SquaredValues()
    first = agent.mix_experience(transitions(7), lambda _: 0.25, rng)
    agent.add_loss(loss)
    assert agent.mix_experience(transitions(7).newest(0), lambda _: 0.25, rng) is None
    second = agent.mix_experience(transitions(9), lambda _: 0.5, rng)
    train(agent, 64)
    agent.close()
    assert (first, second) == (0, 1)
    for batch in loss.batches:
        marks = np.select([batch.observation_B[:, 0] == 7, batch.observation_B[:, 0] == 9], [first, second], OWN)
        assert np.array_equal(batch.source_B, marks)
        assert np.bincount(batch.source_B + 1).tolist() == [2, 2, 4]


@pytest.mark.parametrize(("algorithm", "every"), [("td3", 2), ("ddpg", 1), ("sac", 1)])
def test_it_is_asked_where_the_policy_is_updated(algorithm, every):
    agent, ours, theirs = learner(tiny(algorithm)), Squares(), SquaredCritics()
    agent.add_loss(ours)
    agent.add_loss(theirs)
    train(agent, 96)
    agent.close()
    assert len(ours.batches) == len(theirs.batches) // every > 3
    of_steps = [id(batch) for batch in theirs.batches]
    assert {id(batch) for batch in ours.batches} <= set(of_steps), "the minibatch of the same step"


@pytest.mark.parametrize(("algorithm", "role"), [("ppo", "policy_body"), ("sac", "policy_head"), ("dqn", "value_body")])
def test_frozen_roles_stay_as_they_are(algorithm, role):
    agent = learner(tiny(algorithm))
    before = flat(agent.networks())
    agent.add_loss(SquaredValues() if algorithm == "dqn" else Squares())
    agent.freeze([role])
    train(agent, 64)
    agent.close()
    after = flat(agent.networks())
    for name, array in before.items():
        if name.startswith(role):
            assert np.array_equal(after[name], array), name
    assert any(not np.array_equal(after[name], array) for name, array in before.items())


def test_two_add_up():
    agents = [build("ppo"), build("ppo"), build("ppo")]
    for agent, count in zip(agents, (0, 1, 2), strict=True):
        for _ in range(count):
            agent.add_loss(Squares())
    none, one, two = (first_gradients(agent)[0] for agent in agents)
    for name in none:
        assert two[name] - none[name] == pytest.approx(2 * (one[name] - none[name]), abs=1e-5), name


def test_what_no_loss_can_be_added_to_is_refused():
    agent = learner(tiny("trpo"))
    with pytest.raises(ConfigError, match="trpo's policy uses no optimizer, so no loss can be added to it: use ppo"):
        agent.add_loss(Squares())
    agent.close()
    for algorithm, loss, wanted in (
        ("dqn", Squares(), "ValuesLoss"),
        ("ppo", SquaredValues(), "PolicyLoss"),
        ("sac", SquaredValues(), "PolicyLoss or CriticsLoss"),
    ):
        agent = learner(tiny(algorithm))
        with pytest.raises(ConfigError, match=f"{algorithm} takes a {wanted}, {type(loss).__name__} is none"):
            agent.add_loss(loss)
        agent.close()


def test_observations_as_environments_give_them():
    image = spaces.Box(0, 255, (6, 5, 3), np.uint8)
    stored = np.arange(2 * 90).reshape(2, 3, 6, 5).astype(np.uint8)
    space, held = spaces.Dict(a=image, b=spaces.Discrete(4)), {"a": stored, "b": np.array([[3], [1]])}
    given = as_given(space, held)
    assert given["a"].shape == (2, 6, 5, 3)
    assert given["a"][1, 2, 4, 1] == stored[1, 1, 2, 4]
    assert given["b"].tolist() == [3, 1]
    back = as_stored(space, given)
    assert all(np.array_equal(back[key], held[key]) for key in held)


def test_several_choices_at_once():
    logits = torch.tensor([[0.5, -1.0, 2.0, 0.0, 0.3]], requires_grad=True)
    parts = [torch.distributions.Categorical(logits=one) for one in logits.split([3, 2], dim=1)]
    (found,), meaning = _distribution_says(parts, spaces.MultiDiscrete([3, 2]))
    said = meaning((found.detach().numpy(),))
    assert said.sizes == (3, 2)
    first, second = split_choices(said.logits_BK, said.sizes)
    assert np.exp(first).sum() == np.exp(second).sum() == pytest.approx(1, rel=1e-6)

    both = torch.tensor([[0.5, -1.0]], requires_grad=True)
    (found,), meaning = _distribution_says(torch.distributions.Bernoulli(logits=both), spaces.MultiBinary(2))
    said = meaning((found.detach().numpy(),))
    assert said.sizes == (2, 2)
    assert said.logits_BK.tolist() == [[0.0, 0.5, 0.0, -1.0]]
    (gradient,) = torch.autograd.grad(found, both, torch.tensor([[9.0, 2.0, 9.0, 3.0]]))
    assert gradient.tolist() == [[2.0, 3.0]]


def test_policies_speak_in_units_of_their_bounds():
    seen = np.ones((3, 1), np.float32)
    for algorithm in ("ppo", "sac", "td3"):
        agent = learner(tiny(algorithm, n_envs=1), DIAL)
        agent.close()
        said, acted = agent.distribution_of(seen), agent.act(seen, deterministic=True)
        mean = np.tanh(said.mean_BD) if algorithm == "sac" else said.arrays[0]
        assert 10 * mean == pytest.approx(acted, abs=1e-4)
    assert isinstance(said, Deterministic)


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_how_far_they_spread_is_too(algorithm):
    agent = learner(tiny(algorithm), DIAL)
    agent.close()
    said = agent.distribution_of(np.ones((1, 1), np.float32))
    drawn = agent.act(np.ones((4000, 1), np.float32), deterministic=False)[:, 0] / 10
    if algorithm == "sac":
        drawn = np.arctanh(drawn)
    assert drawn.std() == pytest.approx(float(np.exp(said.log_std_BD[0, 0])), rel=0.05)
    assert drawn.mean() == pytest.approx(said.mean_BD[0, 0], abs=0.08)


def test_a_value_learner_s_policy_is_the_softmax_of_q():
    agent = learner(tiny("qrdqn"))
    agent.close()
    seen = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    said = agent.distribution_of(seen, temperature=0.5)
    assert said.logits_BK.max(axis=1) == pytest.approx(agent.values_of(seen) / 0.5)
    assert (said.logits_BK.argmax(axis=1) == agent.act(seen, deterministic=True)).all()


class Mixed(gymnasium.Env):
    """Random observations of all kinds by key; a reward of 1."""

    parts: ClassVar = {
        "image": spaces.Box(0, 255, (36, 40, 3), np.uint8),
        "number": spaces.Discrete(4),
        "vector": spaces.Box(-5, 5, (2,), np.float32),
    }
    action_space = spaces.Discrete(3)

    def __init__(self, key=None):
        self.observation_space = spaces.Dict(self.parts) if key is None else self.parts[key]

    def _look(self):
        self.observation_space.seed(int(self.np_random.integers(2**31)))
        return self.observation_space.sample()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self._look(), {}

    def step(self, action):
        return self._look(), 1.0, False, False, {}


gymnasium.register("losses/Mixed-v0", Mixed, max_episode_steps=5)


@pytest.mark.parametrize("key", [None, "image", "number"])
@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_all_kinds_of_observations_are_as_the_environment_gives_them(algorithm, key):
    task = TaskConfig(id="losses/Mixed-v0", kwargs={"key": key})
    config = tiny(algorithm, buffer_size=30) if algorithm == "dqn" else tiny(algorithm, batch_size=8, n_epochs=1)
    config = config.model_copy(update={"normalize": tiny(algorithm, normalize=key is None).normalize})
    agent, loss = learner(config, task), Silent()
    agent.add_loss(loss)
    train(agent, 32)
    agent.close()
    space = Mixed(key).observation_space
    assert len(loss.batches) >= 2
    for batch in loss.batches:
        seen = batch.observation_B
        rows = [{name: part[row] for name, part in seen.items()} if key is None else seen[row] for row in range(8)]
        assert all(map(space.contains, rows))
        assert agent.act(seen, deterministic=True).shape == (8,)


def test_members_side_by_side_as_single_ones():
    task, config, found = TaskConfig(id="transfer/CartPole-v0", max_episode_steps=12), tiny("ppo", n_envs=4), []
    for single in (True, False):
        meter = Meter()
        factories = TaskEnvironments(task, meter, lambda meter=meter: Charged(make(task), meter), 4)
        agent, loss = build_learner(config, list(factories) if single else factories, meter, seed=0), Squares()
        assert isinstance(agent._between.venv, SideBySide) != single
        agent.add_loss(loss)
        train(agent, 128)
        agent.close()
        found.append([batch.observation_B.tobytes() for batch in loss.batches])
    assert found[0] == found[1]
    assert len(set(found[0])) == len(found[0])


@pytest.mark.parametrize("algorithm", ["ppo", "sac"])
def test_exploration_that_depends_on_the_state(algorithm):
    loss = Squares()
    added = gradients_of(algorithm, BOX_WALK, loss, use_sde=True)
    fresh = build(algorithm, BOX_WALK, use_sde=True)
    model = fresh._model
    batch = model.policy.obs_to_tensor(loss.batches[0].observation_B)[0]
    if algorithm == "ppo":
        found = model.policy.get_distribution(batch).distribution
    else:
        mean, log_std, more = model.actor.get_action_dist_params(batch)
        found = model.actor.action_dist.proba_distribution(mean, log_std, **more).distribution
    total = ((found.mean**2).sum() + (found.stddev.log() ** 2).sum()) / 2 / len(batch)
    expected = automatic(fresh, total)
    fresh.close()
    assert any(name.startswith("exploration/") for name in expected)
    for name, gradient in expected.items():
        assert added[name] == pytest.approx(gradient, abs=1e-5), name

    networks = []
    for listens in (False, True):
        agent = learner(tiny(algorithm, use_sde=True), BOX_WALK)
        if listens:
            agent.add_loss(Silent())
        train(agent, 64)
        agent.close()
        networks.append(as_bytes(agent.networks()))
    assert networks[0] == networks[1]
