"""Networks by role on disk and scrambled."""

import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file

from rl_transfer.errors import StoreError
from rl_transfer.knowledge import (
    ROLES,
    Knowledge,
    Moments,
    Statistics,
    draw_orders,
    read_knowledge,
    read_networks,
    scramble_networks,
    scramble_optimizer,
    write_knowledge,
    write_networks,
)

FLOATS = st.floats(-1e6, 1e6, width=32)
ARRAYS = hnp.arrays(np.float32, hnp.array_shapes(max_dims=3, max_side=5), elements=FLOATS)
NAMES = st.text("abc.0123", min_size=1, max_size=8)
NETWORKS = st.fixed_dictionaries({role: st.dictionaries(NAMES, ARRAYS, max_size=3) for role in ROLES})


class Payload:
    """Pickled, it makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def empty():
    return {role: {} for role in ROLES}


def one(array, role="value_body", name="0.weight"):
    return empty() | {role: {name: array}}


def same(ours, theirs):
    assert {role: list(tensors) for role, tensors in ours.items()} == {role: sorted(theirs[role]) for role in ROLES}
    for role in ROLES:
        for name, array in theirs[role].items():
            found = ours[role][name]
            assert (found.dtype, found.shape, found.tobytes()) == (array.dtype, array.shape, array.tobytes())


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(networks=NETWORKS)
def test_what_is_written_is_read(tmp_path_factory, networks):
    path = tmp_path_factory.mktemp("networks") / "networks.safetensors"
    write_networks(path, networks)
    same(read_networks(path), networks)


def test_the_file_does_not_depend_on_memory_layout(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_networks(tmp_path / "a", one(array))
    write_networks(tmp_path / "b", one(np.asfortranarray(array)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_tensors_are_read_in_one_order_though_the_format_s_own_reader_shuffles_them(tmp_path):
    names = [f"{layer}.{kind}" for layer in range(9) for kind in ("bias", "weight")]
    write_networks(tmp_path / "n", empty() | {"value_body": {name: np.zeros(1) for name in names}})
    assert all(list(read_networks(tmp_path / "n")["value_body"]) == names for _ in range(5))


class TestDamagedFiles:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_not_finite(self, tmp_path, value):
        write_networks(tmp_path / "n", one(np.array([1.0, value], np.float32)))
        with pytest.raises(StoreError, match=r"value_body/0\.weight.*NaN"):
            read_networks(tmp_path / "n")

    @pytest.mark.parametrize("key", ["weight", "body/weight", "/weight", "value_body"])
    def test_unknown_roles(self, tmp_path, key):
        save_file({key: np.zeros(2, np.float32)}, tmp_path / "n")
        with pytest.raises(StoreError, match="no known role"):
            read_networks(tmp_path / "n")

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(StoreError, match=r"gone\.safetensors"):
            read_networks(tmp_path / "gone.safetensors")

    def test_a_folder_in_its_place(self, tmp_path):
        with pytest.raises(StoreError):
            read_networks(tmp_path)

    def test_a_pickle_is_not_executed(self, tmp_path):
        (tmp_path / "n").write_bytes(pickle.dumps(Payload(tmp_path / "executed")))
        with pytest.raises(StoreError):
            read_networks(tmp_path / "n")
        assert not (tmp_path / "executed").exists()

    def test_a_kind_of_number_that_numpy_lacks(self, tmp_path):
        header = b'{"value_body/w":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}'
        (tmp_path / "n").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0")
        with pytest.raises(StoreError):
            read_networks(tmp_path / "n")

    @settings(max_examples=100, deadline=None)
    @given(data=st.data())
    def test_any_damage_is_an_error_or_harmless(self, tmp_path_factory, data):
        path = tmp_path_factory.mktemp("networks") / "n"
        write_networks(path, one(np.arange(6, dtype=np.float32).reshape(2, 3)))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
        try:
            found = read_networks(path)
        except StoreError:
            return
        assert all(np.isfinite(array).all() for tensors in found.values() for array in tensors.values())


def scramble(networks, generator, initial=None):
    return scramble_networks(networks, initial or empty(), draw_orders(networks, generator))


class TestScrambling:
    @settings(max_examples=50, deadline=None)
    @given(networks=NETWORKS, seed=st.integers(0, 2**32 - 1))
    def test_names_shapes_and_values_stay(self, networks, seed):
        scrambled = scramble(networks, np.random.default_rng(seed))
        assert tuple(scrambled) == ROLES
        for role, tensors in networks.items():
            assert scrambled[role].keys() == tensors.keys()
            for name, array in tensors.items():
                found = scrambled[role][name]
                assert (found.shape, found.dtype) == (array.shape, array.dtype)
                if array.size > 1:
                    assert np.array_equal(np.sort(found, axis=None), np.sort(array, axis=None))

    def test_every_tensor_changes_and_the_source_does_not(self):
        networks = {role: {"w": np.arange(12, dtype=np.float32).reshape(3, 4)} for role in ROLES}
        before = {role: networks[role]["w"].copy() for role in ROLES}
        scrambled = scramble(networks, np.random.default_rng(0))
        orders = {scrambled[role]["w"].tobytes() for role in ROLES}
        assert len(orders) == len(ROLES)  # each its own permutation
        assert all(not np.array_equal(scrambled[role]["w"], before[role]) for role in ROLES)
        assert all(np.array_equal(networks[role]["w"], before[role]) for role in ROLES)

    def test_values_move_between_rows_too(self):
        scrambled = scramble(one(np.repeat(np.arange(8.0), 8).reshape(8, 8)), np.random.default_rng(0))
        assert all(len(set(row)) > 1 for row in scrambled["value_body"]["0.weight"])

    def test_one_element_takes_the_initial_value(self):
        source, initial = one(np.array([7.0], np.float32)), one(np.array([0.5], np.float32))
        scrambled = scramble(source, np.random.default_rng(0), initial)
        assert scrambled["value_body"]["0.weight"].tolist() == [0.5]
        scrambled["value_body"]["0.weight"][0] = 9  # a copy
        assert initial["value_body"]["0.weight"].tolist() == [0.5]

    def test_one_element_without_an_initial_value_keeps_nothing_of_the_source(self):
        scrambled = scramble(one(np.array([7.0], np.float32)), np.random.default_rng(0))
        assert scrambled["value_body"]["0.weight"].tolist() == [0.0]

    def test_the_order_in_which_tensors_are_listed_does_not_matter(self):
        names = ["0.weight", "0.bias", "2.weight"]
        found = [
            scramble(empty() | {"value_body": {name: np.arange(9.0) for name in order}}, np.random.default_rng(0))[
                "value_body"
            ]
            for order in (names, names[::-1])
        ]
        assert {name: array.tolist() for name, array in found[0].items()} == {
            name: array.tolist() for name, array in found[1].items()
        }

    def test_a_normalisation_layer_s_tensors_stay_together(self):
        names = ("weight", "bias", "running_mean", "running_var")
        layer = {f"bn.{name}": np.arange(20.0) + 100 * number for number, name in enumerate(names)}
        source = empty() | {"features": {**layer, "conv.weight": np.arange(20.0)}}
        found = scramble(source, np.random.default_rng(0))["features"]
        orders = [(found[f"bn.{name}"] - 100 * number).tolist() for number, name in enumerate(names)]
        assert orders.count(orders[0]) == 4 and orders[0] != list(range(20))
        assert found["conv.weight"].tolist() not in (orders[0], list(range(20)))

    def test_what_the_optimizer_keeps_moves_with_its_tensor(self):
        source = one(np.arange(12.0).reshape(3, 4))
        orders = draw_orders(source, np.random.default_rng(0))
        state = {"value_body/0.weight": {"exp_avg": np.arange(12.0).reshape(3, 4) + 5, "step": np.array(7.0)}}
        found = scramble_optimizer(state, orders)["value_body/0.weight"]
        tensor = scramble_networks(source, empty(), orders)["value_body"]["0.weight"]
        assert (found["exp_avg"] - 5).tolist() == tensor.tolist() and found["step"] == 7.0

    def test_the_generator_determines_it(self):
        networks = one(np.arange(100.0))
        first, again, other = (
            scramble(networks, np.random.default_rng(seed))["value_body"]["0.weight"].tolist() for seed in (1, 1, 2)
        )
        assert first == again != other


class TestKnowledge:
    def test_all_parts_come_back_an_empty_optimizer_too(self, tmp_path):
        moments = Moments(np.zeros(2), np.ones(2), 7.0)
        reward = Moments(np.array(0.5), np.array(2.0), 3.0)
        for optimizer in ({}, {"value_body/0.weight": {"step": np.array(3.0), "exp_avg": np.ones(2)}}):
            written = Knowledge(
                "ppo", one(np.ones(2, np.float32)), Statistics({"": moments}, reward), optimizer=optimizer
            )
            write_knowledge(tmp_path, written)
            found = read_knowledge(tmp_path, frozenset({"networks"}), algorithm="ppo")
            assert found.optimizer.keys() == optimizer.keys()
            assert all(found.optimizer[n][w].tolist() == a.tolist() for n in optimizer for w, a in optimizer[n].items())
            assert (found.statistics.reward.mean.shape, found.statistics.reward.count) == ((), 3.0)
            assert found.statistics.observation[""].var.tolist() == [1.0, 1.0]

    def test_only_what_is_needed_is_read(self, tmp_path):
        write_networks(tmp_path / "networks.safetensors", one(np.ones(2, np.float32)))
        found = read_knowledge(tmp_path, frozenset({"networks"}), algorithm="ppo")
        assert found.experience is None
        assert found.networks["value_body"]["0.weight"].tolist() == [1.0, 1.0]
        assert read_knowledge(tmp_path, frozenset(), algorithm="ppo").networks is None

    def test_missing_experience_is_named(self, tmp_path):
        with pytest.raises(StoreError, match=r"experience\.npz"):
            read_knowledge(tmp_path, frozenset({"experience"}), algorithm="ppo")
