"""Transitions on disk, the newest of them, and scrambled."""

import os
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer.errors import StoreError
from rl_transfer.knowledge import Transitions, scramble_transitions

COLUMNS = [field.name for field in fields(Transitions)]


class Payload:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@st.composite
def transitions(draw, min_size=0, max_size=20):
    count = draw(st.integers(min_size, max_size))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    done = generator.random(count) < 0.4
    cut = done & (generator.random(count) < 0.5)
    return Transitions(
        observation_N=generator.normal(size=(count, *shape)).astype(np.float32),
        action_N=generator.integers(4, size=(count, 1)),
        reward_N=generator.normal(size=count).astype(np.float32),
        next_observation_N=generator.normal(size=(count, *shape)).astype(np.float32),
        terminated_N=done & ~cut,
        truncated_N=cut,
        time_N=generator.integers(0, 8, size=count),
    )


SOME = Transitions(
    observation_N=np.arange(12, dtype=np.float32).reshape(6, 2),
    action_N=np.arange(6)[:, None],
    reward_N=np.arange(6, dtype=np.float32),
    next_observation_N=np.arange(12, dtype=np.float32).reshape(6, 2) + 1,
    terminated_N=np.array([0, 1, 0, 0, 0, 1], bool),
    truncated_N=np.array([0, 0, 1, 0, 0, 0], bool),
    time_N=np.array([0, 1, 2, 0, 1, 2]),
)


WITH_KEYS = replace(
    SOME,
    observation_N={"view": np.arange(24, dtype=np.uint8).reshape(6, 2, 2), "a/b": np.arange(6.0)},
    next_observation_N={"view": np.arange(24, dtype=np.uint8).reshape(6, 2, 2) + 4, "a/b": np.arange(6.0) + 1},
)


def rows(array):
    return sorted(row.tobytes() for row in array)


@settings(max_examples=50, deadline=None)
@given(given_=transitions())
def test_what_is_written_is_read(tmp_path_factory, given_):
    path = tmp_path_factory.mktemp("experience") / "experience.npz"
    given_.write(path)
    found = Transitions.read(path)
    for name in COLUMNS:
        ours, theirs = getattr(found, name), getattr(given_, name)
        assert (ours.dtype, ours.shape, ours.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())


@settings(max_examples=100, deadline=None)
@given(given_=transitions(), count=st.integers(0, 25))
def test_the_newest_are_those_with_the_highest_times_in_the_order_they_had(given_, count):
    found = given_.newest(count)
    assert len(found) == min(count, len(given_))
    left_out = len(given_) - len(found)
    assert sorted(found.time_N.tolist()) == sorted(given_.time_N.tolist())[left_out:]
    rewards, place = given_.reward_N.tolist(), -1
    for reward in found.reward_N.tolist():  # normal draws: no two alike
        assert rewards.index(reward) > place
        place = rewards.index(reward)


def test_the_newest_of_several_environments_are_the_ends_of_each():
    assert SOME.newest(4).reward_N.tolist() == [1, 2, 4, 5]
    assert SOME.newest(0).reward_N.tolist() == []


def test_columns_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        replace(SOME, reward_N=SOME.reward_N[:2])


class TestDictObservations:
    def test_what_is_written_is_read(self, tmp_path):
        WITH_KEYS.write(tmp_path / "e.npz")
        found = Transitions.read(tmp_path / "e.npz")
        assert found.observation_N.keys() == WITH_KEYS.observation_N.keys()
        theirs = WITH_KEYS.arrays()
        assert found.arrays().keys() == theirs.keys()
        for name, ours in found.arrays().items():
            assert (ours.dtype, ours.shape, ours.tobytes()) == (
                theirs[name].dtype,
                theirs[name].shape,
                theirs[name].tobytes(),
            )

    def test_nothing_is_pickled(self, tmp_path):
        with pytest.raises(ValueError, match="allow_pickle"):
            replace(SOME, observation_N={"x": np.array([{}] * 6)}, next_observation_N={"x": np.zeros(6)}).write(
                tmp_path / "e.npz"
            )
        assert not list(tmp_path.iterdir())

    def test_the_newest_of_every_key(self):
        found = WITH_KEYS.newest(4)
        assert found.observation_N["a/b"].tolist() == [1, 2, 4, 5]
        assert found.next_observation_N["view"][:, 0, 0].tolist() == [8, 12, 20, 24]

    def test_the_same_change_to_every_key(self):
        assert {len(array) for array in WITH_KEYS.map(lambda array: array[::2]).arrays().values()} == {3}

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"observation_N": {"view": np.zeros((6, 2, 2)), "a/b": np.zeros(5)}}, "observation_N/a/b.*5"),
            ({"observation_N": {"view": np.zeros((6, 2, 2))}}, "the same keys"),
            ({"next_observation_N": SOME.next_observation_N}, "the same keys"),
        ],
    )
    def test_what_does_not_go_together_is_refused(self, change, message):
        with pytest.raises(ValueError, match=message):
            replace(WITH_KEYS, **change)

    def test_keys_are_scrambled_together(self):
        found = scramble_transitions(WITH_KEYS, np.random.default_rng(0))
        order = (found.next_observation_N["a/b"] - 1).astype(int)
        assert sorted(order) == list(range(6)) != order.tolist()
        assert np.array_equal(found.next_observation_N["view"], WITH_KEYS.next_observation_N["view"][order])
        for key, array in WITH_KEYS.observation_N.items():
            assert np.array_equal(found.observation_N[key], array)

    def test_numbers_that_are_not_finite_and_missing_columns_are_named(self, tmp_path):
        bad = WITH_KEYS.arrays()
        bad["next_observation_N/a/b"] = np.full(6, np.nan)
        np.savez(tmp_path / "nan.npz", **bad)
        with pytest.raises(StoreError, match="next_observation_N/a/b holds NaN"):
            Transitions.read(tmp_path / "nan.npz")
        np.savez(tmp_path / "missing.npz", **{name: a for name, a in bad.items() if not name.startswith("obs")})
        with pytest.raises(StoreError, match=r"'observation_N'|observation_N is not"):
            Transitions.read(tmp_path / "missing.npz")


class TestScrambling:
    @settings(max_examples=50, deadline=None)
    @given(given_=transitions(), seed=st.integers(0, 2**32 - 1))
    def test_every_column_keeps_its_values_and_rewards_their_terminations(self, given_, seed):
        found = scramble_transitions(given_, np.random.default_rng(seed))
        for name in ("action_N", "reward_N", "next_observation_N", "terminated_N"):
            assert rows(getattr(found, name)) == rows(getattr(given_, name)), name
        for name in ("observation_N", "time_N"):
            assert np.array_equal(getattr(found, name), getattr(given_, name))
        pairs = [sorted(zip(t.reward_N.tolist(), t.terminated_N.tolist(), strict=True)) for t in (found, given_)]
        assert pairs[0] == pairs[1]
        assert not (found.terminated_N & found.truncated_N).any()
        still_cut = found.terminated_N | found.truncated_N
        assert still_cut[given_.truncated_N].all()  # a gap after a transition stays a gap

    def test_each_of_the_three_is_permuted_on_its_own(self):
        count = np.arange(200)
        given_ = Transitions(*(count.astype(bool) if name.endswith("ed_N") else count for name in COLUMNS))
        found = scramble_transitions(given_, np.random.default_rng(0))
        orders = {tuple(getattr(found, n)) for n in ("observation_N", "action_N", "reward_N", "next_observation_N")}
        assert len(orders) == 4

    def test_the_source_is_left_alone(self):
        before = SOME.map(np.copy)
        scramble_transitions(SOME, np.random.default_rng(0))
        assert all(np.array_equal(getattr(SOME, name), getattr(before, name)) for name in COLUMNS)


class TestDamagedFiles:
    def write(self, path, **changes):
        arrays = {name: getattr(SOME, name) for name in COLUMNS} | changes
        np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
        return path

    @pytest.mark.parametrize("column", ["observation_N", "reward_N", "next_observation_N"])
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_numbers_that_are_not_finite(self, tmp_path, column, value):
        bad = getattr(SOME, column).copy()
        bad[3] = value
        with pytest.raises(StoreError, match=column):
            Transitions.read(self.write(tmp_path / "e.npz", **{column: bad}))

    @pytest.mark.parametrize("column", COLUMNS)
    def test_a_missing_column_is_named(self, tmp_path, column):
        with pytest.raises(StoreError, match=column):
            Transitions.read(self.write(tmp_path / "e.npz", **{column: None}))

    @pytest.mark.parametrize(
        "bad", [np.zeros(2, np.float32), np.float32(1.0), np.array(["a"] * 6)], ids=["short", "scalar", "text"]
    )
    def test_columns_that_do_not_fit(self, tmp_path, bad):
        with pytest.raises(StoreError):
            Transitions.read(self.write(tmp_path / "e.npz", reward_N=bad))

    def test_pickled_objects_are_refused_and_not_executed(self, tmp_path):
        bad = np.array([Payload(tmp_path / "executed")] * 6, dtype=object)
        path = tmp_path / "e.npz"
        np.savez(path, **{name: getattr(SOME, name) for name in COLUMNS} | {"action_N": bad})
        with pytest.raises(StoreError):
            Transitions.read(path)
        (tmp_path / "bare").write_bytes(bad.dumps())
        with pytest.raises(StoreError):
            Transitions.read(tmp_path / "bare")
        assert not (tmp_path / "executed").exists()

    def test_another_kind_of_file(self, tmp_path):
        np.save(tmp_path / "e.npy", SOME.reward_N)
        for path in (tmp_path / "e.npy", tmp_path, tmp_path / "gone"):
            with pytest.raises(StoreError):
                Transitions.read(path)

    @settings(max_examples=100, deadline=None)
    @given(data=st.data())
    def test_any_damage_is_an_error_or_harmless(self, tmp_path_factory, data):
        path = tmp_path_factory.mktemp("experience") / "e.npz"
        SOME.write(path)
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])
        try:
            found = Transitions.read(path)
        except StoreError:
            return
        assert np.isfinite(found.reward_N).all()
