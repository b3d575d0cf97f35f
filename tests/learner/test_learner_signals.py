"""The account that a learner keeps of its training, against what is counted and computed beside it."""

import numpy as np
import pytest
import torch
from builders import BOX_WALK, WALK, dqn, learner, ppo, task_of, tiny, train
from tensorboard.summary.writer import event_file_writer

from rl_transfer.learner.sb3.events import Events
from rl_transfer.learner.sb3.gradients import EVERY, GradientNorms
from rl_transfer.learner.sb3.networks import by_role
from rl_transfer.learner.sb3.witness import Witness


def accounted(config, task=None):
    agent = learner(config, task or task_of(config))
    agent.keep_account()
    return agent


class TestGradientNorms:
    @pytest.fixture
    def model(self):
        agent = learner(ppo())
        yield agent._model
        agent.close()

    def step(self, model, size):
        """A step whose loss is the sum of all weights, times a size, clipped to almost nothing."""
        optimizer = model.policy.optimizer
        optimizer.zero_grad()
        (size * sum(tensor.sum() for tensor in model.policy.parameters())).backward()
        torch.nn.utils.clip_grad_norm_(model.policy.parameters(), 1e-3)
        optimizer.step()

    def test_they_are_those_before_clipping_of_every_eighth_step_and_the_first_after_a_call(self, model):
        norms = GradientNorms(model)
        for size in range(1, EVERY + 2):
            self.step(model, float(size))
        # The first had the size 1, the ninth 9. Each of a role's N weights has that gradient.
        of_one = np.sqrt((1**2 + 9**2) / 2)
        counts = {role: sum(one.numel() for one in tensors.values()) for role, tensors in by_role(model).items()}
        expected = {role: of_one * np.sqrt(count) for role, count in counts.items() if count}
        assert norms.take() == pytest.approx(expected)
        assert norms.take() == {}
        self.step(model, 5.0)
        assert norms.take() == pytest.approx({role: 5 * np.sqrt(count) for role, count in counts.items() if count})

    def test_what_is_frozen_has_none(self, model):
        norms = GradientNorms(model)
        for tensor in by_role(model)["policy_body"].values():
            tensor.requires_grad_(False)
        self.step(model, 1.0)
        assert set(norms.take()) == {"policy_head", "value_body", "value_head"}

    def test_of_the_critics_they_are_the_critics_own(self):
        # The actor's loss makes gradients in the critics too; they are no part of the critics' step.
        agent = accounted(tiny("sac", learning_starts=0, train_freq=1, n_envs=1))
        seen = []
        optimizer = agent._model.critic.optimizer
        names = {id(tensor): name for name, tensor in by_role(agent._model)["value_head"].items()}

        def look(optimizer, *_):
            tensors = [t for group in optimizer.param_groups for t in group["params"] if id(t) in names]
            seen.append(sum(float(t.grad.norm()) ** 2 for t in tensors))

        optimizer.register_step_pre_hook(look)
        train(agent, 2 * EVERY + 1, horizon=100)
        agent.close()
        expected = np.sqrt(np.mean(seen[::EVERY]))
        assert agent.recent().gradient_norm["value_head"] == pytest.approx(expected, rel=1e-5)


class TestWitness:
    def see(self, witness, observation_N, reward_N, done_N=(False, False), infos=({}, {})):
        witness.see(np.array(observation_N), np.array(reward_N), np.flatnonzero(done_N).tolist(), infos)

    def test_returns_are_discounted_and_what_was_cut_says_what_is_missing(self):
        witness = Witness(2, 0.5)
        witness.begin(np.array([10.0, 20.0]), range(2))
        self.see(witness, [10.0, 20.0], [1.0, 4.0])
        cut = {"TimeLimit.truncated": True, "terminal_observation": np.float64(29.0)}
        self.see(witness, [11.0, 21.0], [1.0, 8.0], (False, True), ({}, cut))
        witness.begin(np.array([12.0, 30.0]), [1])
        self.see(witness, [12.0, 30.0], [1.0, 2.0], (True, True), [{"terminal_observation": np.float64(19.0)}] * 2)
        found = witness.episodes
        assert found.first_observation_E.tolist() == [20.0, 10.0, 30.0]
        assert found.last_observation_E.tolist() == [29.0, 19.0, 19.0]
        assert found.return_E.tolist() == [4 + 8 / 2, 1 + 1 / 2 + 1 / 4, 2.0]
        assert found.rest_E.tolist() == [0.25, 0.0, 0.0]
        assert witness.observations.tolist() == [10.0, 20.0, 11.0, 21.0, 12.0, 30.0]

    def test_it_keeps_the_newest(self):
        witness = Witness(3, 0.5)
        assert witness.observations is None and witness.episodes is None
        for step in range(100):
            witness.see(np.full((3, 2), step), np.zeros(3), [], [{}] * 3)
        assert witness.observations.shape == (256, 2)
        assert witness.observations[-1, 0] == 99

    @pytest.mark.parametrize("as_dict", [False, True])
    def test_a_checkpoint_keeps_it(self, as_dict):
        before, after = Witness(2, 0.9), Witness(2, 0.9)
        after.load_state(before.state())
        assert after.observations is None and after.episodes is None

        def shown(number):
            array = np.full((2, 3), number, np.float32)
            return {"a": array, "b": array + 1} if as_dict else array

        before.begin(shown(0), range(2))
        last = {"a": np.ones(3), "b": np.ones(3)} if as_dict else np.ones(3)
        before.see(shown(0), np.ones(2), [0], [{"terminal_observation": last}, {}])
        after.load_state(before.state())
        for one, other in ((before, after), (after, before)):
            np.testing.assert_equal(one.observations, other.observations)
            np.testing.assert_equal(vars(one.episodes), vars(other.episodes))


class TestAccount:
    @pytest.mark.parametrize("config", [ppo(), dqn()], ids=["ppo", "dqn"])
    def test_observations_are_those_that_were_acted_on(self, config):
        agent = accounted(config)
        assert agent.recent().observation_B is None
        train(agent, 64)
        found = agent.recent().observation_B
        agent.close()
        assert found.shape == (64, 2)
        if config.off_policy:
            replayed = agent.experience().observation_N
            assert sorted(map(tuple, found)) == sorted(map(tuple, replayed))

    def test_without_being_asked_there_is_none(self):
        agent = learner(ppo())
        assert agent.recent() is None
        agent.close()

    def test_a_source_s_share_of_the_samples(self):
        donor = learner(dqn())
        train(donor, 64)
        donor.close()
        agent = accounted(dqn(learning_starts=0))
        agent.add_experience(donor.experience())
        train(agent, 24, horizon=64)
        found = agent.recent().source_share
        # Updates after 8, 16 and 24 own steps, beside 64 of the source's, all in the buffer.
        assert found == pytest.approx(np.mean([64 / 72, 64 / 80, 64 / 88]))
        agent.close()

    def test_of_several_ways_they_add_up(self):
        donor = learner(dqn())
        train(donor, 64)
        donor.close()
        agent = accounted(dqn(learning_starts=0))
        agent.add_experience(donor.experience())
        agent.mix_experience(donor.experience(), lambda _: 0.5, np.random.default_rng(0))
        train(agent, 8, horizon=64)
        assert agent.recent().source_share == pytest.approx(0.5 + 0.5 * 64 / 72)
        agent.close()

    @pytest.mark.parametrize("task", [WALK, BOX_WALK], ids=["discrete", "box"])
    def test_nothing_is_told_twice(self, task):
        agent = accounted(ppo(), task)
        train(agent, 32)
        first, second = agent.recent(), agent.recent()
        agent.close()
        assert first.gradient_norm and not second.gradient_norm
        assert first.source_share is first.guide_share is None


def test_event_files_are_read_in_the_order_in_which_they_were_made(tmp_path, monkeypatch):
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(8))
    made = []
    for _ in range(3):  # the tenth of its second is among them
        Events(str(tmp_path)).close()
        made += sorted({path.name for path in tmp_path.iterdir()} - set(made))
    assert made == sorted(made)
