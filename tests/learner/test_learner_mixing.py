"""Minibatches that are mixed: how many samples come from where, and what they look like."""

import math

import numpy as np
import pytest
from builders import WALK, dqn, learner, ppo, tiny, train
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.buffers import DictReplayBuffer, NStepReplayBuffer, ReplayBuffer

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Transitions
from rl_transfer.learner.sb3.mixing import Mixing

BOX = spaces.Box(-10, 10, (2,), np.float32)
ACTIONS = spaces.Discrete(2)


def filled(n_envs=2, rows=6, kind=ReplayBuffer, **more):
    """A buffer whose rewards are 0, 1, 2, ..."""
    made = kind(rows * n_envs, BOX, ACTIONS, device="cpu", n_envs=n_envs, **more)
    for row in range(rows):
        reward = row * n_envs + np.arange(n_envs)
        made.add(np.zeros((n_envs, 2)), np.ones((n_envs, 2)), np.zeros(n_envs), reward, np.zeros(n_envs), [{}] * n_envs)
    return made


def transitions(count, first=100.0, *, terminated=(), truncated=()):
    """Transitions that can be told apart by their rewards."""
    number = np.arange(count, dtype=np.float32) + first
    flags = np.arange(count)
    return Transitions(
        observation_N=np.stack([number, number], axis=1),
        action_N=(flags % 2)[:, None],
        reward_N=number,
        next_observation_N=np.stack([number + 1, number + 1], axis=1),
        terminated_N=np.isin(flags, terminated),
        truncated_N=np.isin(flags, truncated),
        time_N=flags.astype(np.int64),
    )


def mixing(buffer, *shares, clock=lambda: 0, count=10):
    """Sources with rewards from 100, 200, ... on."""
    made = Mixing(buffer, clock)
    for number, share in enumerate(shares, 1):
        share_at = share if callable(share) else lambda _, share=share: share
        made.add(transitions(count, 100.0 * number), share_at, np.random.default_rng(number))
    return made


def origins(batch):
    """How many samples came from the buffer, from the first source, from the second, ..."""
    return np.bincount((batch.rewards[:, 0].numpy() // 100).astype(int), minlength=3).tolist()


class TestCounts:
    @settings(max_examples=60, deadline=None)
    @given(share=st.floats(0, 1), batch_size=st.integers(1, 13), batches=st.integers(1, 40))
    def test_any_share_is_kept_to_within_half_a_sample(self, share, batch_size, batches):
        buffer = filled()
        mixing(buffer, share)
        given_ = 0
        for number in range(1, batches + 1):
            batch = buffer.sample(batch_size)
            own, first, _ = origins(batch)
            assert own + first == len(batch.actions) == batch_size
            assert math.floor(share * batch_size - 1e-9) <= first <= math.ceil(share * batch_size + 1e-9)
            given_ += first
            assert abs(given_ - share * batch_size * number) <= 0.5 + 1e-6

    def test_half_is_half_of_every_batch(self):
        buffer = filled()
        mixing(buffer, 0.5)
        assert [origins(buffer.sample(8))[1] for _ in range(20)] == [4] * 20
        assert [origins(buffer.sample(3))[1] for _ in range(4)] == [2, 1, 2, 1]

    def test_a_third_of_4_by_hand(self):
        buffer = filled()
        mixing(buffer, 1 / 3)
        # 4/3, 8/3, 4, 16/3, 20/3, 8 in all, each rounded: 1, 3, 4, 5, 7, 8.
        assert [origins(buffer.sample(4))[1] for _ in range(6)] == [1, 2, 1, 1, 2, 1]

    def test_all_and_nothing(self):
        buffer = filled()
        mixing(buffer, 1.0)
        assert origins(buffer.sample(8)) == [0, 8, 0]
        buffer = filled()
        mixing(buffer, 0.0)
        assert origins(buffer.sample(8)) == [8, 0, 0]

    def test_a_share_follows_the_clock(self):
        buffer, now = filled(), 0
        mixing(buffer, lambda step: max(1 - step / 40, 0), clock=lambda: now)
        found = []
        for now in (0, 10, 20, 30, 40, 50):  # noqa: B007 - the clock reads it
            found.append(origins(buffer.sample(8))[1])
        assert found == [8, 6, 4, 2, 0, 0]

    def test_only_those_that_are_named_are_drawn(self):
        buffer, now = filled(), 0
        made = Mixing(buffer, lambda: now)
        chosen = {0: None, 1: np.array([2, 7]), 2: np.array([4])}
        made.add(transitions(10), lambda _: 1.0, np.random.default_rng(0), lambda step: chosen[step])
        found = []
        for now in (0, 1, 2):  # noqa: B007 - the clock reads it
            found.append(set(buffer.sample(200).rewards[:, 0].tolist()))
        assert found == [set(range(100, 110)), {102, 107}, {104}]

    def test_all_of_them_by_name_are_all_of_them(self):
        drawn = []
        for among in (None, lambda _: None, lambda _: np.arange(10)):
            buffer = filled()
            made = Mixing(buffer, lambda: 0)
            made.add(transitions(10), lambda _: 1.0, np.random.default_rng(0), among)
            drawn.append(buffer.sample(30).rewards[:, 0].tolist())
        assert drawn[0] == drawn[1] == drawn[2]

    def test_two_sources_share_a_batch(self):
        buffer = filled()
        made = mixing(buffer, 0.25, 0.5)
        assert [origins(buffer.sample(8)) for _ in range(3)] == [[2, 2, 4]] * 3
        assert made.drawn == 18
        assert made.transitions == 20

    def test_more_than_a_batch_is_cut_and_nothing_fails(self):
        buffer = filled()
        mixing(buffer, 0.9, 0.9)
        for _ in range(20):
            own, first, second = origins(buffer.sample(8))
            assert own >= 0
            assert first + second == 8 - own

    def test_what_is_owed_survives_a_checkpoint(self):
        alone, before, after = filled(), filled(), filled()
        mixing(alone, 0.3)
        expected = [origins(alone.sample(4))[1] for _ in range(9)]
        first = mixing(before, 0.3)
        found = [origins(before.sample(4))[1] for _ in range(4)]
        second = Mixing(after, lambda: 0)
        second.load_state(first.state())
        second.add(transitions(10), lambda _: 0.3, np.random.default_rng(5))
        found += [origins(after.sample(4))[1] for _ in range(5)]
        assert found == expected
        assert second.drawn == sum(expected)


class TestSamples:
    def test_each_transition_is_as_likely_and_comes_as_it_was(self):
        buffer = filled()
        mixing(buffer, 1.0, count=4)
        batch = buffer.sample(4000)
        reward, count = np.unique(batch.rewards.numpy(), return_counts=True)
        assert reward.tolist() == [100, 101, 102, 103]
        assert count.min() > 850
        assert np.array_equal(batch.observations[:, 0].numpy(), batch.rewards[:, 0].numpy())
        assert np.array_equal(batch.next_observations[:, 1].numpy(), batch.rewards[:, 0].numpy() + 1)
        assert np.array_equal(batch.actions[:, 0].numpy(), batch.rewards[:, 0].numpy() % 2)
        assert batch.rewards.dtype == buffer.sample(1).rewards.dtype

    @pytest.mark.parametrize("kind", [ReplayBuffer, NStepReplayBuffer])
    def test_the_source_draws_nothing_from_the_global_generator(self, kind):
        ends = []
        for share, size in ((0.0, 6), (0.4, 10)):
            buffer = filled(kind=kind)
            mixing(buffer, share)
            np.random.seed(3)  # noqa: NPY002 - the library's own
            own = buffer.sample(size).rewards[:6].tolist()
            ends.append((own, np.random.random()))  # noqa: NPY002
        assert ends[0][1] == ends[1][1]
        assert ends[0][0] == ends[1][0] or kind is NStepReplayBuffer

    def test_cut_is_no_termination(self):
        buffer = filled()
        made = Mixing(buffer, lambda: 0)
        made.add(transitions(3, terminated=[0], truncated=[1]), lambda _: 1.0, np.random.default_rng(0))
        batch = buffer.sample(200)
        done = dict(zip(batch.rewards[:, 0].tolist(), batch.dones[:, 0].tolist(), strict=True))
        assert done == {100: 1, 101: 0, 102: 0}

    def test_n_step_returns_stop_where_episodes_end_and_at_the_end(self):
        buffer = filled(kind=NStepReplayBuffer, n_steps=3, gamma=0.5)
        made = Mixing(buffer, lambda: 0)
        made.add(transitions(6, first=0.0, terminated=[1], truncated=[3]), lambda _: 0.9, np.random.default_rng(0))
        batch = buffer.sample(400)
        assert batch.discounts.shape == (400, 1)
        given_ = slice(40, None)
        found = {
            int(seen): (reward, discount, done)
            for seen, reward, discount, done in zip(
                batch.observations[given_, 0].tolist(),
                batch.rewards[given_, 0].tolist(),
                batch.discounts[given_, 0].tolist(),
                batch.dones[given_, 0].tolist(),
                strict=True,
            )
        }
        assert found == {
            0: (0.5, 0.25, 1),  # 0 + 1/2, then the end
            1: (1, 0.5, 1),
            2: (3.5, 0.25, 0),  # 2 + 3/2, then cut
            3: (3, 0.5, 0),
            4: (6.5, 0.25, 0),  # 4 + 5/2, and no more is there
            5: (5, 0.5, 0),
        }

    def test_dict_observations(self):
        space = spaces.Dict({"speed": BOX, "gear": spaces.Discrete(3)})
        buffer = DictReplayBuffer(8, space, ACTIONS, device="cpu", n_envs=2)
        seen = {"speed": np.zeros((2, 2)), "gear": np.zeros(2, int)}
        for _ in range(4):
            buffer.add(dict(seen), dict(seen), np.zeros(2), np.zeros(2), np.zeros(2), [{}] * 2)
        plain = transitions(5)
        keyed = {"speed": plain.observation_N, "gear": np.full((5, 1), 2)}
        values = vars(plain) | {"observation_N": keyed, "next_observation_N": keyed}
        made = Mixing(buffer, lambda: 0)
        made.add(Transitions(**values), lambda _: 0.5, np.random.default_rng(0))
        batch = buffer.sample(8)
        assert batch.observations["gear"][:, 0].tolist() == [0] * 4 + [2] * 4
        assert (batch.next_observations["speed"][4:, 0] == batch.rewards[4:, 0]).all()
        assert batch.dones.shape == (8, 1)


def given_all(agent):
    agent.mix_experience(transitions(20), lambda _: 0.5, np.random.default_rng(0))
    return agent


class TestLearners:
    @pytest.mark.parametrize("algorithm", ["dqn", "qrdqn", "sac", "tqc", "td3", "ddpg"])
    def test_every_off_policy_learner_draws_its_share(self, algorithm):
        agent = learner(tiny(algorithm))
        own = learner(tiny(algorithm))
        train(own, 64)
        experience = own.experience()
        own.close()
        agent.mix_experience(experience, lambda _: 0.4, np.random.default_rng(0))
        train(agent, 64)
        assert agent.gradient_steps > 5
        assert abs(agent.source_samples - 0.4 * 8 * agent.gradient_steps) <= 0.5
        assert agent.carried_transitions == len(experience)
        agent.close()

    def test_they_are_never_overwritten(self):
        agent = given_all(learner(dqn(buffer_size=16)))
        train(agent, 100)
        batch = agent._model.replay_buffer.sample(800)
        assert set(batch.rewards[400:, 0].tolist()) == set(range(100, 120))
        assert set(batch.rewards[:400, 0].tolist()) <= {0.0, 1.0}
        assert len(agent.experience()) == 16, "what a source leaves behind is its own"
        agent.close()

    def test_one_that_starts_anew_counts_on_without_them(self):
        earlier, fresh = given_all(learner(dqn())), learner(dqn())
        train(earlier, 64, horizon=128)
        fresh.succeed(earlier)
        assert fresh.source_samples == earlier.source_samples > 0
        train(fresh, 128)
        assert fresh.gradient_steps > earlier.gradient_steps
        assert fresh.source_samples == earlier.source_samples
        earlier.close()
        fresh.close()

    def test_they_are_normalised_as_the_target_s_are(self):
        agent = given_all(learner(dqn(normalize=True)))
        train(agent, 64)
        batch = agent._model.replay_buffer.sample(80, env=agent._model._vec_normalize_env)
        moments = agent.statistics().observation[""]
        rewards = batch.rewards[40:].numpy() * np.sqrt(agent.statistics().reward.var + 1e-8)
        seen = (np.round(rewards) - moments.mean) / np.sqrt(moments.var + 1e-8)
        assert batch.observations[40:].numpy() == pytest.approx(np.clip(seen, -10, 10), rel=1e-5)
        agent.close()

    def test_no_transitions_change_nothing(self):
        agent = learner(dqn())
        agent.mix_experience(transitions(0), lambda _: 0.5, np.random.default_rng(0))
        train(agent, 40)
        assert agent.source_samples == agent.carried_transitions == 0
        agent.close()

    def test_a_learner_without_replay_is_refused(self):
        agent = learner(ppo(), WALK)
        with pytest.raises(ConfigError, match="ppo has no replay buffer"):
            given_all(agent)
        assert agent.source_samples == 0
        agent.close()

    @pytest.mark.parametrize("what", ["observation_N", "action_N"])
    def test_other_shapes_are_refused(self, what):
        wide = vars(transitions(4)) | {what: np.zeros((4, 3), np.float32)}
        if what == "observation_N":
            wide["next_observation_N"] = wide[what]
        agent = learner(dqn())
        with pytest.raises(ConfigError, match=what.removesuffix("_N")):
            agent.mix_experience(Transitions(**wide), lambda _: 0.5, np.random.default_rng(0))
        agent.close()
