"""Updates before the first step: what is learned by hand, the target networks' rhythm, and what stays as it was."""

import random

import numpy as np
import pytest
import torch
from builders import WALK, as_bytes, dqn, flat, learner, ppo, task_of, tiny, train
from torch import nn

from rl_transfer.errors import ConfigError, DivergedError
from rl_transfer.knowledge import Transitions
from rl_transfer.learner import ValuesLoss
from rl_transfer.learner.sb3.networks import by_role
from rl_transfer.learner.sb3.regime import optimizers
from rl_transfer.study import OFF_POLICY

DISCRETE = ("dqn", "qrdqn")
FIRST, LAST = [1.0, -1.0], [-1.0, 0.5]


def chain(algorithm, count=200, reward=3.0):
    """Two steps, seen often and with many actions: from FIRST to LAST for nothing, then the end with a reward."""
    odd = np.arange(count) % 2 == 1
    states = np.where(odd[:, None], LAST, FIRST).astype(np.float32)
    if algorithm in DISCRETE:
        action_N = (np.arange(count) // 2 % 2)[:, None]
    else:
        action_N = np.random.default_rng(0).uniform(-1, 1, (count, 2)).astype(np.float32)
    return Transitions(
        observation_N=states,
        action_N=action_N,
        reward_N=np.where(odd, reward, 0.0).astype(np.float32),
        next_observation_N=np.tile(np.array(LAST, np.float32), (count, 1)),
        terminated_N=odd,
        truncated_N=np.zeros(count, bool),
        time_N=np.arange(count),
    )


def pretrained(agent, steps, transitions=None, seed=3, **how):
    transitions = chain(agent.algorithm) if transitions is None else transitions
    agent.pretrain(transitions, steps, np.random.default_rng(seed), **how)
    return agent


@pytest.mark.parametrize("algorithm", ["sac", "tqc"])
def test_an_entropy_coefficient_is_as_before_unless_it_is_kept(algorithm):
    found = {}
    for steps, keep in ((0, False), (20, False), (20, True)):
        agent = pretrained(learner(tiny(algorithm)), steps, keep_entropy=keep)
        found[steps, keep] = float(agent.networks()["exploration"]["log_ent_coef"].item())
        agent.close()
    assert found[20, False] == found[0, False]
    assert found[20, True] != found[0, False]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", [*DISCRETE, "td3", pytest.param("ddpg", marks=pytest.mark.slow)])
def test_it_learns_the_value_of_two_steps(algorithm):
    more = {"gamma": 0.5, "learning_rate": 0.01, "net_arch": [16]}
    more |= {"target_update_interval": 8} if algorithm in DISCRETE else {"tau": 0.1}
    agent = pretrained(learner(tiny(algorithm, **more)), 600)
    # The reward, and half of it a step before: only a target network that follows knows of it.
    values = agent.values_of(np.array([LAST, FIRST], np.float32))
    agent.close()
    assert values == pytest.approx([3.0, 1.5], abs=0.3)


@pytest.mark.parametrize("algorithm", OFF_POLICY)
def test_it_is_what_the_library_s_own_updates_do(algorithm):
    # Value learners copy their target network between updates: that has a test of its own.
    more = {"target_update_interval": 1000} if algorithm in DISCRETE else {}
    ours, theirs = learner(tiny(algorithm, **more)), learner(tiny(algorithm, **more))
    pretrained(ours, 6, keep_entropy=True)
    experience = chain(algorithm)
    # A buffer of one environment in which the library itself put them.
    one = learner(tiny(algorithm, n_envs=1, buffer_size=len(experience)))
    one.add_experience(experience)
    one.close()
    with theirs.isolated(int(np.random.default_rng(3).integers(2**31))):
        theirs._model.replay_buffer = one._model.replay_buffer
        for _ in range(6):
            theirs._model.train(1, batch_size=8)
    for agent in (ours, theirs):
        agent.close()
    assert as_bytes(ours.networks()) == as_bytes(theirs.networks())
    assert as_bytes(ours.networks()) != as_bytes(one.networks())


def target(agent):
    """A Q-network's tensors and those of its target."""
    policy = agent._model.policy
    return [
        {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}
        for network in (policy.q_net, policy.q_net_target)
    ]


def test_the_target_network_follows_as_in_training():
    # A minibatch after every 4 steps of both environments, a copy after every 10: the third update is the first that
    # sees one (after 12, of the 2 updates before), and the 30th follows the 12th copy at once (after 120, of 29).
    found = {}
    for steps in (2, 3, 4, 29, 30):
        agent = pretrained(learner(dqn(target_update_interval=20)), steps)
        found[steps] = target(agent)
        agent.close()
    fresh = learner(dqn())
    start = target(fresh)[0]
    fresh.close()
    for steps, copied in ((2, start), (3, found[2][0]), (4, found[2][0]), (30, found[29][0])):
        for name, array in found[steps][1].items():
            assert np.array_equal(array, copied[name]), (steps, name)
    assert not np.array_equal(found[3][0]["q_net.0.weight"], found[2][0]["q_net.0.weight"])


@pytest.mark.parametrize("algorithm", OFF_POLICY)
def test_all_but_the_networks_is_as_before(algorithm):
    agent = learner(tiny(algorithm, learning_rate="lin_0.02"))
    model = agent._model
    rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers(model)]
    counters = {name: value for name, value in vars(model).items() if isinstance(value, int | float)}
    drawn = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002
    before = as_bytes(agent.networks())
    pretrained(agent, 15)
    assert as_bytes(agent.networks()) != before
    assert (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == drawn  # noqa: NPY002
    assert {name: value for name, value in vars(model).items() if isinstance(value, int | float)} == counters
    assert agent.optimizer_state() == {}
    assert [optimizer.param_groups[0]["lr"] for optimizer in optimizers(model)] == rates
    assert all(tensor.grad is None for tensors in by_role(model).values() for tensor in tensors.values())
    assert len(agent.experience()) == 0
    assert (agent.gradient_steps, agent.meter.steps, agent.carried_transitions) == (0, 0, 0)
    assert agent.counts == {"offline_gradient_steps": 15}
    agent.close()


def test_carried_optimizer_state_stays():
    earlier, agent = learner(tiny("sac")), learner(tiny("sac"))
    train(earlier, 64)
    agent.load_optimizer_state(earlier.optimizer_state())
    pretrained(agent, 9)
    carried, kept = earlier.optimizer_state(), agent.optimizer_state()
    assert kept.keys() == carried.keys()
    for name, state in carried.items():
        for what, array in state.items():
            assert np.array_equal(kept[name][what], array), (name, what)
    earlier.close()
    agent.close()


def test_it_draws_from_its_generator_alone():
    found = []
    for seed, other in ((3, 0), (3, 1), (4, 0)):
        agent = learner(tiny("sac"))
        np.random.seed(other)  # noqa: NPY002 - the library's own
        torch.manual_seed(other)
        found.append(as_bytes(pretrained(agent, 9, seed=seed).networks()))
        agent.close()
    assert found[0] == found[1] != found[2]


def test_nothing_changes_nothing():
    agent = learner(dqn())
    before = as_bytes(agent.networks())
    generator = np.random.default_rng(0)
    agent.pretrain(chain("dqn"), 0, generator)
    agent.pretrain(chain("dqn").newest(0), 10, generator)
    assert as_bytes(agent.networks()) == before
    assert agent.counts == {}
    agent.close()


def test_minibatches_are_normalised_with_the_statistics_as_they_are(monkeypatch):
    agent = learner(dqn(normalize=True))
    seen = []
    forward = nn.Sequential.forward

    def look(self, batch):
        seen.append(batch.detach().numpy().copy())
        return forward(self, batch)

    monkeypatch.setattr(nn.Sequential, "forward", look)
    pretrained(agent, 1)
    agent.close()
    # Mean 0 and variance 1 at the start: observations as they are, but for the library's 1e-8 beside the variance.
    assert {tuple(np.round(row, 5)) for batch in seen for row in batch} == {tuple(FIRST), tuple(LAST)}


class Watching(ValuesLoss):
    """Looks at minibatches, and adds a gradient or not."""

    name = "watching"

    def __init__(self, gradient=None):
        self.gradient, self.seen = gradient, []

    def of_values(self, batch, q_BA):
        self.seen.append(batch)
        return None if self.gradient is None else (0.0, np.full_like(q_BA, self.gradient))


class TestLosses:
    @pytest.mark.parametrize("normalize", [False, True])
    def test_they_see_the_minibatches_and_leave_them_as_they_are(self, normalize):
        plain, watched = (learner(dqn(normalize=normalize, n_step_returns=3)) for _ in range(2))
        pretrained(plain, 9)
        loss = Watching()
        watched.pretrain(chain("dqn"), 9, np.random.default_rng(3), [loss])
        assert as_bytes(plain.networks()) == as_bytes(watched.networks())
        assert len(loss.seen) == 9
        assert {tuple(row) for batch in loss.seen for row in batch.observation_B} == {tuple(FIRST), tuple(LAST)}
        assert watched.source_samples == 0
        plain.close()
        watched.close()

    def test_they_change_what_is_learned_and_end_with_it(self):
        plain, changed = learner(dqn()), learner(dqn())
        pretrained(plain, 9)
        loss = Watching(gradient=5.0)
        changed.pretrain(chain("dqn"), 9, np.random.default_rng(3), [loss])
        low, high = (agent.values_of(np.array([FIRST], np.float32))[0] for agent in (changed, plain))
        assert low < high
        train(changed, 64)
        assert len(loss.seen) == 9
        plain.close()
        changed.close()

    def test_those_of_other_networks_are_refused(self):
        agent = learner(tiny("sac"))
        with pytest.raises(ConfigError, match="sac takes a PolicyLoss or CriticsLoss, Watching is none"):
            agent.pretrain(chain("sac"), 9, np.random.default_rng(3), [Watching()])
        agent.close()


def test_it_trains_on_from_there_and_through_a_checkpoint(tmp_path):
    agent, other = learner(dqn()), learner(dqn())
    pretrained(agent, 12)
    agent.save_state(tmp_path, 0)
    other.load_state(tmp_path, 0)
    for one in (agent, other):
        train(one, 64)
        one.close()
    assert as_bytes(agent.networks()) == as_bytes(other.networks())
    assert other.counts == {"offline_gradient_steps": 12}
    assert agent.gradient_steps == other.gradient_steps > 0


@pytest.mark.parametrize("algorithm", ["dqn", "sac"])
def test_divergence_is_told(algorithm):
    agent = learner(tiny(algorithm, learning_rate=1e30))
    with pytest.raises(DivergedError, match="no longer finite at step 0"):
        pretrained(agent, 50)
    agent.close()


def test_a_learner_without_replay_is_refused():
    agent = learner(ppo(), WALK)
    with pytest.raises(ConfigError, match="ppo has no replay buffer"):
        pretrained(agent, 5, chain("dqn"))
    agent.close()


def test_other_shapes_are_refused():
    config = dqn()
    agent = learner(config, task_of(config))
    wide = vars(chain("dqn")) | {"action_N": np.zeros((200, 3), np.int64)}
    with pytest.raises(ConfigError, match="actions have shape"):
        agent.pretrain(Transitions(**wide), 5, np.random.default_rng(0))
    assert flat(agent.networks())
    agent.close()
