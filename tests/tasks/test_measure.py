"""Charging, evaluating, and the sham source's task."""

import sys

import numpy as np
import probes
import pytest
from builders import WALK
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer.errors import ConfigError, EnvironmentFailedError
from rl_transfer.study import TaskConfig
from rl_transfer.tasks import Charged, Meter, Sham, evaluate, make


def by_sign(observations):
    """A policy that is right half of the time."""
    return (np.asarray(observations)[:, 1] > 0).astype(np.int64)


def failing(at, how):
    return TaskConfig(id="probes:Fails-v0", kwargs={"at": at, "how": how})


class TestCharging:
    def test_every_step_is_counted_once_and_resets_are_free(self):
        meter = Meter(5)
        envs = [Charged(make(WALK), meter) for _ in range(2)]
        for env in envs:
            env.reset(seed=0)
        for count in range(1, 40):
            env = envs[count % 2]
            if any(env.step(0)[2:4]):
                env.reset()
            assert meter.steps == 5 + count

    def test_what_is_put_around_it_is_charged(self):
        class Guided(probes.gymnasium.Wrapper):
            def reset(self, **options):
                found = self.env.reset(**options)
                self.env.step(0)
                return found

        meter = Meter()
        env = Guided(Charged(make(WALK), meter))
        env.reset(seed=0)
        env.step(0)
        assert meter.steps == 2

    @pytest.mark.parametrize(
        ("how", "says"),
        [
            ("raise", "step 4 raised RuntimeError: the floor gave way"),
            ("nan observation", "step 5 gave an observation"),
            ("infinite observation", "step 5 gave an observation"),
            ("no observation", "step 5 gave an observation"),
            ("nan reward", "step 5 gave the reward nan"),
            ("no reward", "step 5 gave the reward None"),
            ("four values", "step 4 raised ValueError"),
        ],
    )
    def test_faults_are_one_error_that_says_what_and_when(self, how, says):
        env = Charged(make(failing(5, how)), Meter())
        env.reset(seed=0)
        for _ in range(4):
            env.step(0)
        with pytest.raises(EnvironmentFailedError, match=says):
            env.step(0)

    def test_a_failing_reset(self):
        env = Charged(make(failing(0, "raise")), Meter())
        with pytest.raises(EnvironmentFailedError, match="reset raised RuntimeError: no way in"):
            env.reset(seed=0)


class TestEvaluating:
    @settings(max_examples=15, deadline=None)
    @given(seeds=st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=6))
    def test_side_by_side_equals_one_after_the_other(self, seeds):
        found = evaluate(WALK, by_sign, seeds)
        returns, lengths = [], []
        for seed in seeds:
            env = make(WALK)
            observation, _ = env.reset(seed=seed)
            total, length, ended = 0.0, 0, False
            while not ended:
                observation, reward, terminated, truncated, _ = env.step(int(observation[1] > 0))
                total, length, ended = total + reward, length + 1, terminated or truncated
            env.close()
            returns.append(total)
            lengths.append(length)
        assert found.return_E.tolist() == returns
        assert found.length_E.tolist() == lengths
        assert found.steps == sum(lengths)

    def test_only_those_still_playing_are_asked(self):
        asked = []

        def act(batch):
            asked.append(len(batch))
            return by_sign(batch)

        found = evaluate(TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.4}), act, range(8))
        assert asked == [int((found.length_E > time).sum()) for time in range(max(found.length_E))]
        assert len(set(asked)) > 1

    def test_a_failing_environment_is_said_and_all_are_closed(self, monkeypatch):
        closed = []
        monkeypatch.setattr(probes.Probe, "close", lambda self: closed.append(self))
        with pytest.raises(EnvironmentFailedError, match="floor"):
            evaluate(failing(3, "raise"), by_sign, range(4))
        assert len(closed) == 4

    def test_where_one_can_not_be_made_those_before_it_are_closed(self, monkeypatch):
        closed, made = [], []

        def third_fails(task):
            if len(made) == 2:
                raise ConfigError("no more")
            made.append(make(task))
            return made[-1]

        monkeypatch.setattr(sys.modules["rl_transfer.tasks.evaluate"], "make", third_fails)
        monkeypatch.setattr(probes.Probe, "close", lambda self: closed.append(self))
        with pytest.raises(ConfigError, match="no more"):
            evaluate(WALK, by_sign, range(4))
        assert closed == [env.unwrapped for env in made]


class TestSham:
    def played(self, seed=3, episodes=4, wrap=Sham):
        env = wrap(make(TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.2})))
        steps = []
        for episode in range(episodes):
            observation, _ = env.reset(seed=seed if episode == 0 else None)
            steps.append((observation.tolist(), None))
            while True:
                observation, *rest, _ = env.step(int(observation[1] > 0))
                steps.append((observation.tolist(), rest))
                if rest[1] or rest[2]:
                    break
        return steps

    def test_states_are_the_task_s_own_and_nothing_terminates(self):
        sham, true = self.played(), self.played(wrap=lambda env: env)
        assert [observation for observation, _ in sham] == [observation for observation, _ in true]
        for (_, ours), (_, theirs) in zip(sham, true, strict=True):
            if theirs is not None:
                assert ours[1:] == [False, theirs[1] or theirs[2]]
        assert any(rest is not None and rest[1] for _, rest in true)

    def test_each_reward_was_seen_before_or_is_this_step_s(self):
        sham, true = self.played(episodes=30), self.played(episodes=30, wrap=lambda env: env)
        seen, drawn = [], []
        for (_, ours), (_, theirs) in zip(sham, true, strict=True):
            if theirs is not None:
                seen.append(theirs[0])
                drawn.append(ours[0])
                assert ours[0] in seen
        late = len(seen) // 4
        assert set(drawn) == {0.0, 1.0}
        assert abs(np.corrcoef(seen[late:], drawn[late:])[0, 1]) < 0.3

    def test_the_seed_determines_it(self):
        assert self.played(seed=3) == self.played(seed=3)
        assert self.played(seed=3) != self.played(seed=4)

    def test_seeding_again_starts_the_shuffling_anew(self):
        env = Sham(make(TaskConfig(id="probes:Walk-v0", kwargs={"quits": 0.0})))

        def drawn():
            env.reset(seed=1)
            return [env.step(0)[1] for _ in range(10)]

        assert drawn() == drawn()
