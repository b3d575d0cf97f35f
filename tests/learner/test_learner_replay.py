"""Replay buffers: what goes in comes out, boundaries are cut, circular buffers are put back as they were."""

import numpy as np
import pytest
from builders import WALK, dqn, learner, ppo, train
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer

from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.knowledge import Transitions
from rl_transfer.learner.sb3 import replay
from rl_transfer.study import TaskConfig

BOX = spaces.Box(-10, 10, (2,), np.float32)
ACTIONS = spaces.Discrete(2)
ONES = TaskConfig(id="probes:Walk-v0", kwargs={"reward": 1.0, "quits": 0.0})


def buffer(size, n_envs=1):
    return ReplayBuffer(size * n_envs, BOX, ACTIONS, device="cpu", n_envs=n_envs)


def fill(made, count, generator):
    for _ in range(count):
        n = made.n_envs
        done = generator.random(n) < 0.3
        cut = done & (generator.random(n) < 0.5)
        made.add(
            generator.normal(size=(n, 2)),
            generator.normal(size=(n, 2)),
            generator.integers(2, size=n),
            generator.normal(size=n),
            done,
            [{"TimeLimit.truncated": bool(value)} for value in cut],
        )


def contents(made):
    return {name: getattr(made, name)[: made.size()].copy() for name in replay._COLUMNS}


def transitions(count, first=0.0, *, terminated=(), truncated=()):
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


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    size=st.integers(1, 12),
    n_envs=st.integers(1, 3),
    added=st.lists(st.integers(0, 30), min_size=1, max_size=5),
    seed=st.integers(0, 2**32 - 1),
)
def test_saved_segments_rebuild_the_buffer(tmp_path_factory, size, n_envs, added, seed):
    generator = np.random.default_rng(seed)
    ours, again = buffer(size, n_envs), buffer(size, n_envs)
    before = 0
    for count in added:
        fill(ours, count, generator)
        if count:
            replay.mark_end_truncated(ours)
        file = tmp_path_factory.getbasetemp() / "rows.npz"
        replay.save_rows(ours, file, before=before, added=count)
        replay.load_rows(again, file)
        before += count
    assert (again.pos, again.full) == (ours.pos, ours.full)
    for name, array in contents(ours).items():
        assert np.array_equal(contents(again)[name], array), name


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 12), n_envs=st.integers(1, 3), count=st.integers(1, 30), seed=st.integers(0, 2**32 - 1))
def test_marking_the_end_cuts_what_runs_and_leaves_what_ended(size, n_envs, count, seed):
    made = buffer(size, n_envs)
    fill(made, count, np.random.default_rng(seed))
    before = replay.read_transitions(made)
    replay.mark_end_truncated(made)
    after = replay.read_transitions(made)
    last = before.time_N == before.time_N.max()
    ended = before.terminated_N | before.truncated_N
    assert np.array_equal(after.terminated_N, before.terminated_N)
    assert np.array_equal(after.truncated_N, before.truncated_N | (last & ~ended))


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 12), n_envs=st.integers(1, 3), count=st.integers(0, 30))
def test_transitions_are_read_oldest_first_environment_by_environment(size, n_envs, count):
    made = buffer(size, n_envs)
    for row in range(count):
        values = 100 * np.arange(n_envs) + row
        made.add(
            np.zeros((n_envs, 2)), np.zeros((n_envs, 2)), np.zeros(n_envs), values, np.zeros(n_envs), [{}] * n_envs
        )
    kept = range(max(count - size, 0), count)
    expected = [100 * env + row for env in range(n_envs) for row in kept]
    assert replay.read_transitions(made).reward_N.tolist() == expected


class TestAdding:
    def test_what_goes_in_comes_out(self):
        agent = learner(dqn(n_envs=1))
        given_ = transitions(20, terminated=[4, 11], truncated=[7])
        assert agent.add_experience(given_) == 20
        found = agent.experience()
        for name in ("observation_N", "action_N", "reward_N", "next_observation_N", "terminated_N"):
            assert np.array_equal(getattr(found, name), getattr(given_, name)), name
        assert found.truncated_N.nonzero()[0].tolist() == [7, 19]  # the last is cut: what follows is another's
        agent.close()

    def test_a_terminated_last_transition_stays_terminated(self):
        agent = learner(dqn(n_envs=1))
        agent.add_experience(transitions(20, terminated=[19]))
        found = agent.experience()
        assert (bool(found.terminated_N[-1]), bool(found.truncated_N[-1])) == (True, False)
        agent.close()

    def test_more_than_fits_keeps_the_last_and_says_how_many_are_there(self):
        agent = learner(dqn(n_envs=1, buffer_size=8))
        assert agent.add_experience(transitions(20)) == 8
        assert agent.experience().reward_N.tolist() == list(range(12, 20))
        agent.close()

    def test_none_is_none(self):
        agent = learner(dqn())
        assert agent.add_experience(transitions(0)) == 0
        assert len(agent.experience()) == 0
        agent.close()

    def test_whole_rows_only(self):
        agent = learner(dqn(n_envs=2))
        assert agent.add_experience(transitions(9)) == 8
        assert len(agent.experience()) == 8
        agent.close()

    def test_ppo_has_no_buffer(self):
        agent = learner(ppo())
        assert agent.experience() is None
        with pytest.raises(ConfigError, match="ppo has no replay buffer"):
            agent.add_experience(transitions(2))
        agent.close()

    @pytest.mark.parametrize("what", ["observations", "actions"])
    def test_other_shapes_are_refused_and_nothing_is_added(self, what):
        agent = learner(dqn())
        good = transitions(4)
        wide = np.zeros((4, 3), np.float32)
        bad = Transitions(
            *(
                wide if name == ("observation_N" if what == "observations" else "action_N") else array
                for name, array in vars(good).items()
            )
        )
        with pytest.raises(ConfigError, match=what):
            agent.add_experience(bad)
        assert len(agent.experience()) == 0
        agent.close()


KEYS = spaces.Dict({"view": spaces.Box(0, 255, (2, 2, 1), np.uint8), "gear": spaces.Discrete(3), "speed": BOX})


class TestDictObservations:
    def buffer(self, size, n_envs=2, space=KEYS):
        return DictReplayBuffer(size * n_envs, space, ACTIONS, device="cpu", n_envs=n_envs)

    def fill(self, made, count):
        generator = np.random.default_rng(count)
        for _ in range(count):
            n = made.n_envs
            seen = [
                {
                    "view": generator.integers(256, size=(n, 2, 2, 1)),
                    "gear": generator.integers(3, size=n),
                    "speed": generator.normal(size=(n, 2)),
                }
                for _ in range(2)
            ]
            made.add(*seen, np.zeros(n), generator.normal(size=n), generator.random(n) < 0.3, [{}] * n)

    def test_saved_segments_rebuild_the_buffer(self, tmp_path):
        ours, again, before = self.buffer(7), self.buffer(7), 0
        for count in (3, 5, 9):
            self.fill(ours, count)
            replay.save_rows(ours, tmp_path / "rows.npz", before=before, added=count)
            replay.load_rows(again, tmp_path / "rows.npz")
            before += count
        assert (again.pos, again.full) == (ours.pos, ours.full) == (3, True)
        for name in ("observations", "next_observations"):
            for key, array in getattr(ours, name).items():
                assert array.any()
                assert np.array_equal(getattr(again, name)[key], array), (name, key)

    def test_a_file_without_a_key_is_refused(self, tmp_path):
        other = self.buffer(7, space=spaces.Dict({"view": KEYS["view"]}))
        replay.save_rows(other, tmp_path / "rows.npz", before=0, added=0)
        with pytest.raises(StoreError, match="observations/gear"):
            replay.load_rows(self.buffer(7), tmp_path / "rows.npz")

    def test_what_goes_in_comes_out(self):
        source, target = self.buffer(9), self.buffer(20, n_envs=3)
        self.fill(source, 12)
        found = replay.read_transitions(source)
        assert found.observation_N["view"].dtype == np.uint8
        assert found.observation_N["gear"].shape == (18, 1)
        assert np.array_equal(found.observation_N["speed"][9], source.observations["speed"][3, 1])
        assert replay.add_transitions(target, found) == 6
        again = replay.read_transitions(target)
        for name, array in found.arrays().items():
            if name not in ("time_N", "truncated_N"):
                assert np.array_equal(again.arrays()[name], array), name
        assert replay.add_transitions(target, found) == 6  # the source's own arrays were left as they were

    @pytest.mark.parametrize(
        ("space", "message"),
        [
            (spaces.Dict({**KEYS.spaces, "speed": spaces.Box(-1, 1, (3,))}), "observations/speed have shape"),
            (spaces.Dict({"view": KEYS["view"]}), "are observations/gear, .*the target's observations/view"),
        ],
    )
    def test_other_shapes_and_keys_are_named_and_nothing_is_added(self, space, message):
        source, target = self.buffer(9), self.buffer(9, space=space)
        self.fill(source, 3)
        with pytest.raises(ConfigError, match=message):
            replay.add_transitions(target, replay.read_transitions(source))
        assert target.size() == 0

    def test_one_array_is_no_dict(self):
        source = buffer(9, 2)
        fill(source, 3, np.random.default_rng(0))
        with pytest.raises(ConfigError, match="source's observations are observations, the target's observations/gear"):
            replay.add_transitions(self.buffer(9), replay.read_transitions(source))


class TestBoundaries:
    def test_the_last_transition_of_a_segment_is_cut_and_terminations_are_kept(self, tmp_path):
        agent = learner(dqn(), TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.3}))
        train(agent, 72, horizon=200)
        before = agent.experience()
        agent.save_state(tmp_path, 0)
        after = agent.experience()
        assert np.array_equal(after.terminated_N, before.terminated_N)
        assert before.terminated_N.any()
        ends = (after.terminated_N | after.truncated_N)[[35, 71]]
        assert ends.all()
        agent.close()

    def test_n_step_returns_stop_at_the_boundary(self, tmp_path):
        config = dqn(n_envs=1, n_step_returns=3, gamma=0.5, learning_starts=1000)
        agent = learner(config, ONES)
        train(agent, 24, horizon=48)  # two episodes of ten, and four steps
        agent.save_state(tmp_path, 0)
        agent.close()
        agent = learner(config, ONES)
        agent.load_state(tmp_path, 0)
        train(agent, 48, seed=2)
        buffer_ = agent._model.replay_buffer
        samples = buffer_._get_samples(np.arange(20, 30))
        # Rows 20-23 are cut off by the boundary; row 24 is the first of a new episode of ten.
        returns = samples.rewards[:, 0].tolist()
        assert returns == [1.75, 1.75, 1.5, 1.0, 1.75, 1.75, 1.75, 1.75, 1.75, 1.75]
        assert samples.discounts[:, 0].tolist()[:5] == [0.125, 0.125, 0.25, 0.5, 0.125]
        assert samples.dones[:4].sum() == 0  # cut, not terminated: the value of what follows counts
        agent.close()

    def test_n_step_returns_stop_between_given_and_own_transitions(self):
        agent = learner(dqn(n_envs=1, n_step_returns=3, gamma=0.5, learning_starts=1000), ONES)
        agent.add_experience(transitions(6, first=100))
        train(agent, 8)
        returns = agent._model.replay_buffer._get_samples(np.arange(3, 7)).rewards[:, 0].tolist()
        assert returns == [103 + 52 + 26.25, 104 + 52.5, 105, 1.75]
        agent.close()

    def test_n_step_returns_do_not_mix_environments(self):
        source = learner(dqn(n_envs=2), WALK)
        train(source, 40)
        found = source.experience()
        assert (found.terminated_N | found.truncated_N)[[19, 39]].all()
        agent = learner(dqn(n_envs=3, n_step_returns=3), WALK)
        agent.add_experience(found.newest(25))
        again = agent.experience()
        follows = np.all(again.next_observation_N[:-1] == again.observation_N[1:], axis=1)
        cut = (again.terminated_N | again.truncated_N)[:-1]
        assert np.all(follows | cut)
        source.close()
        agent.close()
