"""Knowledge in the target's shapes: what translated networks compute is what the source's compute of the same thing."""

from itertools import pairwise
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import stable_baselines3
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import (
    ROLES,
    Moments,
    Statistics,
    Transitions,
    translate_networks,
    translate_statistics,
    translate_transitions,
)
from rl_transfer.learner.sb3.networks import copy_in, copy_out
from rl_transfer.study import MappingConfig
from rl_transfer.tasks import map_spaces

QUICK = settings(max_examples=40, deadline=None)
BATCH, HIDDEN = 6, 5
FACTORS = st.floats(0.25, 4) | st.floats(-4, -0.25)


def box(*shape, low=-1.0, high=1.0, dtype=np.float32):
    return spaces.Box(low, high, shape, dtype)


def image(*shape):
    return spaces.Box(0, 255, shape, np.uint8)


def mapping_of(config, source, target):
    tasks = [SimpleNamespace(observation_space=seen, action_space=done) for seen, done in (source, target)]
    return map_spaces(MappingConfig.model_validate(config), *tasks)


def scaled(index, scale):
    return {"index": index, "scale": scale}


@st.composite
def entries(draw, source_size, scales=FACTORS):
    """Any entries: duplicates, gaps, negative scales."""
    entry = st.none() | st.builds(scaled, st.integers(0, source_size - 1), scales)
    return draw(st.lists(entry, min_size=1, max_size=6))


def generator(seed=0):
    return np.random.default_rng(seed)


def layers(rng, sizes, prefix=""):
    """Linear layers under the library's names: an activation stands between two of them."""
    found = {}
    for layer, (before, after) in enumerate(pairwise(sizes)):
        found[f"{prefix}{2 * layer}.weight"] = rng.normal(size=(after, before))
        found[f"{prefix}{2 * layer}.bias"] = rng.normal(size=after)
    return found


def head(rng, rows, columns, prefix=""):
    return {f"{prefix}weight": rng.normal(size=(rows, columns)), f"{prefix}bias": rng.normal(size=rows)}


def roles(**tensors):
    return {role: tensors.get(role, {}) for role in ROLES}


def on_policy(seen, done, arch, seed, log_std=None):
    rng, sizes = generator(seed), [seen, *arch]
    return roles(
        policy_body=layers(rng, sizes),
        policy_head=head(rng, done, sizes[-1]),
        exploration={} if log_std is None else {"log_std": rng.normal(size=(*log_std, done))},
        value_body=layers(rng, sizes),
        value_head=head(rng, 1, sizes[-1]),
    )


def q_network(seen, done, arch, seed, quantiles=1):
    rng, sizes = generator(seed), [seen, *arch]
    return roles(value_body=layers(rng, sizes), value_head=head(rng, done * quantiles, sizes[-1]))


def actor_q(seen, done, arch, seed):
    rng, sizes, inputs = generator(seed), [seen, *arch], [seen + done, *arch]
    exploration = {f"log_std.{name}": array for name, array in head(rng, done, sizes[-1]).items()}
    return roles(
        policy_body=layers(rng, sizes),
        policy_head=head(rng, done, sizes[-1]),
        exploration=exploration | {"log_ent_coef": rng.normal(size=1)},
        value_body=layers(rng, inputs, "qf0.") | layers(rng, inputs, "qf1."),
        value_head=head(rng, 1, inputs[-1], "qf0.") | head(rng, 1, inputs[-1], "qf1."),
    )


def run(body, last, rows, prefix=""):
    """Forward pass: tanh after each hidden layer."""
    depth = sum(name.startswith(prefix) and name.endswith("weight") for name in body)
    for layer in range(depth):
        rows = np.tanh(rows @ body[f"{prefix}{2 * layer}.weight"].T + body[f"{prefix}{2 * layer}.bias"])
    return rows @ last[f"{prefix}weight"].T + last[f"{prefix}bias"]


def policy(networks, rows):
    return run(networks["policy_body"], networks["policy_head"], rows)


def value(networks, rows, prefix=""):
    return run(networks["value_body"], networks["value_head"], rows, prefix)


def without_unmapped_columns(networks, known, width):
    """A fresh learner's networks whose first layers don't see what has no source."""

    def blind(array):
        return array * known if array.ndim == 2 and array.shape[1] == width else array

    return {role: {name: blind(array) for name, array in tensors.items()} for role, tensors in networks.items()}


def known(entries):
    return np.array([entry is not None for entry in entries])


ARCHES = st.sampled_from([(), (HIDDEN,), (HIDDEN, HIDDEN + 4)])
WIDE = 4  # of the source


class TestWhatNetworksCompute:
    """The property that all of this is for."""

    def check_on_policy(self, config, arch, done, translate=translate_networks):
        seen, acting = config["observation"], config["action"]
        targets = len(acting)
        space = (lambda n: spaces.Discrete(n)) if done == "discrete" else (lambda n: box(n, high=9.0))
        mapping = mapping_of(config, (box(WIDE), space(3)), (box(len(seen)), space(targets)))
        std = None if done == "discrete" else ()
        source = on_policy(WIDE, 3, arch, 1, std)
        initial = without_unmapped_columns(on_policy(len(seen), targets, arch, 2, std), known(seen), len(seen))
        translated, _ = translate(source, initial, mapping)
        batch = generator(3).normal(size=(BATCH, len(seen)))
        shown = mapping.observation(batch.astype(np.float32)).astype(np.float64)
        expected, found = policy(source, shown), policy(translated, batch)
        for target, entry in enumerate(acting):
            if entry is not None:
                column = entry["scale"] * expected[:, entry["index"]]
                np.testing.assert_allclose(found[:, target], column, rtol=1e-4, atol=1e-4)
                if std is not None:
                    deviation = np.exp(source["exploration"]["log_std"][entry["index"]]) * abs(entry["scale"])
                    assert np.exp(translated["exploration"]["log_std"][target]) == pytest.approx(deviation)
            else:
                assert (translated["policy_head"]["bias"][target] == initial["policy_head"]["bias"][target]).all()
        np.testing.assert_allclose(value(translated, batch), value(source, shown), rtol=1e-4, atol=1e-4)

    @QUICK
    @given(data=st.data(), arch=ARCHES.filter(bool))
    def test_policies_of_actions(self, data, arch):
        config = {"observation": data.draw(entries(WIDE)), "action": data.draw(entries(3, st.just(1.0)))}
        self.check_on_policy(config, arch, "discrete")

    @QUICK
    @given(data=st.data(), arch=ARCHES.filter(bool))
    def test_gaussian_policies(self, data, arch):
        config = {"observation": data.draw(entries(WIDE)), "action": data.draw(entries(3))}
        self.check_on_policy(config, arch, "continuous")

    def test_a_wrong_sign_is_caught(self):
        config = {"observation": [scaled(0, -2.0), None, scaled(0, 1.0)], "action": [scaled(1, -2.0)]}
        self.check_on_policy(config, (HIDDEN,), "continuous")

        def wrong(role, name):
            def translate(*arguments):
                translated, shapes = translate_networks(*arguments)
                changed = {role: {**translated[role], name: -translated[role][name]}}
                return {**translated, **changed}, shapes

            return translate

        for role, name in (("policy_body", "0.weight"), ("policy_head", "bias"), ("value_body", "0.weight")):
            with pytest.raises(AssertionError):
                self.check_on_policy(config, (HIDDEN,), "continuous", wrong(role, name))

    @QUICK
    @given(data=st.data(), arch=ARCHES, quantiles=st.sampled_from([1, 3]))
    def test_q_networks(self, data, arch, quantiles):
        seen, acting = data.draw(entries(WIDE)), data.draw(entries(3, st.just(1.0)))
        mapping = mapping_of(
            {"observation": seen, "action": acting},
            (box(WIDE), spaces.Discrete(3)),
            (box(len(seen)), spaces.Discrete(len(acting))),
        )
        source = q_network(WIDE, 3, arch, 1, quantiles)
        fresh = q_network(len(seen), len(acting), arch, 2, quantiles)
        initial = without_unmapped_columns(fresh, known(seen), len(seen))
        translated, _ = translate_networks(source, initial, mapping)
        batch = generator(3).normal(size=(BATCH, len(seen)))
        shown = mapping.observation(batch.astype(np.float32)).astype(np.float64)
        expected = value(source, shown).reshape(BATCH, quantiles, 3)
        found = value(translated, batch).reshape(BATCH, quantiles, len(acting))
        for target, entry in enumerate(acting):
            if entry is not None:
                np.testing.assert_allclose(found[..., target], expected[..., entry["index"]], rtol=1e-4, atol=1e-4)

    @pytest.mark.slow
    @QUICK
    @given(data=st.data(), arch=ARCHES)
    def test_squashed_actors_and_their_critics(self, data, arch):
        seen, acting = data.draw(entries(WIDE)), data.draw(entries(3, st.sampled_from([2.0, -2.0])))
        mapping = mapping_of(
            {"observation": seen, "action": acting},
            (box(WIDE), box(3)),
            (box(len(seen)), box(len(acting), low=-2.0, high=2.0)),
        )
        source, fresh = actor_q(WIDE, 3, arch, 1), actor_q(len(seen), len(acting), arch, 2)
        initial = without_unmapped_columns(fresh, known(seen), len(seen))
        columns = np.append(known(seen), known(acting))
        initial = without_unmapped_columns(initial, columns, len(columns))
        translated, shapes = translate_networks(source, initial, mapping)
        batch, stored = generator(3).normal(size=(BATCH, len(seen))), generator(4).uniform(-1, 1, (BATCH, len(acting)))
        shown = mapping.observation(batch.astype(np.float32)).astype(np.float64)
        expected, found = policy(source, shown), policy(translated, batch)
        for target, entry in enumerate(acting):
            if entry is not None:
                column = np.sign(entry["scale"]) * np.tanh(expected[:, entry["index"]])
                np.testing.assert_allclose(np.tanh(found[:, target]), column, rtol=1e-4, atol=1e-4)
        before = np.zeros((BATCH, 3))
        for index in range(3):
            sharing = [
                np.sign(e["scale"]) * stored[:, j]
                for j, e in enumerate(acting)
                if e is not None and e["index"] == index
            ]
            before[:, index] = np.mean(sharing, axis=0) if sharing else 0
        for critic in ("qf0.", "qf1."):
            np.testing.assert_allclose(
                value(translated, np.hstack([batch, stored]), critic),
                value(source, np.hstack([shown, before]), critic),
                **{"rtol": 1e-4, "atol": 1e-4},
            )
        assert "exploration/log_ent_coef" not in shapes
        assert translated["exploration"]["log_ent_coef"] is source["exploration"]["log_ent_coef"]

    def test_deviations_of_a_squashed_actor_follow_their_action(self):
        mapping = mapping_of({"action": [2, None, scaled(0, -1)]}, (box(2), box(3)), (box(2), box(3)))
        source, initial = actor_q(2, 3, (HIDDEN,), 1), actor_q(2, 3, (HIDDEN,), 2)
        translated, _ = translate_networks(source, initial, mapping)
        for name in ("log_std.weight", "log_std.bias"):
            ours, fresh = source["exploration"][name], initial["exploration"][name]
            np.testing.assert_array_equal(translated["exploration"][name], np.stack([ours[2], fresh[1], ours[0]]))

    def test_a_deterministic_actor_that_is_one_layer(self):
        mapping = mapping_of({"observation": [1, 0]}, (box(2), box(1)), (box(2), box(1)))
        source, initial = actor_q(2, 1, (), 1), actor_q(2, 1, (), 2)
        translated, shapes = translate_networks(source, initial, mapping)
        assert set(shapes) == {
            *("policy_head/weight", "exploration/log_std.weight", "value_head/qf0.weight", "value_head/qf1.weight")
        }
        np.testing.assert_array_equal(translated["policy_head"]["weight"], source["policy_head"]["weight"][:, ::-1])
        critic = source["value_head"]["qf0.weight"]
        np.testing.assert_array_equal(translated["value_head"]["qf0.weight"], critic[:, [1, 0, 2]])


class TestAccount:
    def test_with_equal_spaces_the_source_s_networks_come_back(self):
        source = on_policy(2, 3, (HIDDEN,), 1)
        spaces_ = (box(2), spaces.Discrete(3))
        translated, shapes = translate_networks(source, on_policy(2, 3, (HIDDEN,), 2), mapping_of({}, spaces_, spaces_))
        assert translated is source
        assert shapes == {}

    def test_only_the_border_changes_and_fresh_values_fill_it(self):
        mapping = mapping_of(
            {"observation": [None, 0], "action": [1, None]}, (box(1), spaces.Discrete(2)), (box(2), spaces.Discrete(2))
        )
        source, initial = on_policy(1, 2, (3, 3), 1), on_policy(2, 2, (3, 3), 2)
        translated, shapes = translate_networks(source, initial, mapping)
        assert shapes == {
            "policy_body/0.weight": (3, 1),
            "value_body/0.weight": (3, 1),
            "policy_head/weight": (2, 3),
            "policy_head/bias": (2,),
        }
        for role in ROLES:
            for name, array in source[role].items():
                assert (translated[role][name] is array) == (f"{role}/{name}" not in shapes)
        first = translated["policy_body"]["0.weight"]
        np.testing.assert_array_equal(first[:, 0], initial["policy_body"]["0.weight"][:, 0])
        np.testing.assert_array_equal(first[:, 1], source["policy_body"]["0.weight"][:, 0])
        assert translated["policy_head"]["bias"].tolist() == [
            *(source["policy_head"]["bias"][1], initial["policy_head"]["bias"][1])
        ]

    def test_numbers_keep_the_target_s_type(self):
        source, initial = on_policy(1, 2, (3,), 1), on_policy(2, 2, (3,), 2)
        single = {role: {n: a.astype(np.float32) for n, a in tensors.items()} for role, tensors in initial.items()}
        done = spaces.Discrete(2)
        translated, _ = translate_networks(
            source, single, mapping_of({"observation": [0, 0]}, (box(1), done), (box(2), done))
        )
        assert translated["policy_body"]["0.weight"].dtype == np.float32

    def test_another_architecture_is_refused(self):
        done = spaces.Discrete(2)
        mapping = mapping_of({"observation": [0, 0]}, (box(1), done), (box(2), done))
        with pytest.raises(ConfigError, match=r"policy_body/0\.weight .*same architecture"):
            translate_networks(on_policy(1, 2, (3,), 1), on_policy(2, 2, (4,), 2), mapping)
        with pytest.raises(ConfigError, match=r"has no layer '0\.weight'"):
            translate_networks(on_policy(1, 2, (3,), 1), on_policy(2, 2, (), 2), mapping)

    def test_normalised_networks_need_the_sign_only(self):
        done = spaces.Discrete(2)
        mapping = mapping_of({"observation": [scaled(0, -4.0), scaled(1, 3.0)]}, (box(2), done), (box(2), done))
        source, initial = on_policy(2, 2, (3,), 1), on_policy(2, 2, (3,), 2)
        translated, _ = translate_networks(source, initial, mapping, normalized=[""])
        statistics = Statistics({"": Moments(np.array([1.0, 2.0]), np.array([4.0, 9.0]), 10.0)})
        batch = generator(3).normal(size=(BATCH, 2))

        def normalised(rows, moments):
            return (rows - moments.mean) / np.sqrt(moments.var)

        ours = normalised(mapping.observation(batch.astype(np.float32)), statistics.observation[""])
        theirs = normalised(batch, translate_statistics(statistics, mapping).observation[""])
        np.testing.assert_allclose(policy(translated, theirs), policy(source, ours), rtol=1e-4)


class TestSquashedBounds:
    def translate(self, source, target, action):
        mapping = mapping_of({"action": action}, (box(2), source), (box(2), target))
        done = source.shape[0], target.shape[0]
        return translate_networks(actor_q(2, done[0], (3,), 1), actor_q(2, done[1], (3,), 2), mapping)

    def test_a_factor_that_a_squashed_head_can_t_make_is_refused_with_one_that_it_can(self):
        with pytest.raises(ConfigError, match=r"must be 3 or -3, not 2") as caught:
            self.translate(box(1), box(2, low=-3.0, high=3.0), [None, scaled(0, 2.0)])
        assert caught.value.key == "mapping.action.1"
        assert self.translate(box(1), box(2, low=-3.0, high=3.0), [None, scaled(0, -3.0)])[1]

    def test_a_shift_is_refused(self):
        with pytest.raises(ConfigError, match="can't be shifted"):
            self.translate(box(1), box(2, low=0.0, high=2.0), [None, 0])
        assert self.translate(box(1, low=0.0), box(2, low=-1.0, high=0.0), [None, scaled(0, -1.0)])[1]

    def test_missing_bounds_are_refused(self):
        with pytest.raises(ConfigError, match="bound the action space"):
            self.translate(box(1, low=-np.inf), box(2), [None, 0])

    def test_other_bounds_alone_leave_networks_as_they_are(self):
        mapping = mapping_of({}, (box(2), box(1)), (box(2), box(1, low=-3.0, high=3.0)))
        source = actor_q(2, 1, (3,), 1)
        assert translate_networks(source, actor_q(2, 1, (3,), 2), mapping)[0] is source


class TestChoices:
    def test_rows_of_a_dimension_move_together(self):
        mapping = mapping_of(
            {"action": [1, None, 0]},
            (box(2), spaces.MultiDiscrete([2, 3])),
            (box(2), spaces.MultiDiscrete([3, 2, 2])),
        )
        source, initial = on_policy(2, 5, (3,), 1), on_policy(2, 7, (3,), 2)
        rows = translate_networks(source, initial, mapping)[0]["policy_head"]["bias"]
        ours, fresh = source["policy_head"]["bias"], initial["policy_head"]["bias"]
        np.testing.assert_array_equal(rows, np.concatenate([ours[2:], fresh[3:5], ours[:2]]))

    def test_states_are_columns(self):
        mapping = mapping_of(
            {"observation": [1, 1, None, 0]},
            (spaces.Discrete(2), spaces.Discrete(2)),
            (spaces.Discrete(4), spaces.Discrete(2)),
        )
        source, initial = on_policy(2, 2, (3,), 1), on_policy(4, 2, (3,), 2)
        first = translate_networks(source, initial, mapping)[0]["policy_body"]["0.weight"]
        ours, fresh = source["policy_body"]["0.weight"], initial["policy_body"]["0.weight"]
        np.testing.assert_array_equal(first, np.stack([ours[:, 1], ours[:, 1], fresh[:, 2], ours[:, 0]], axis=1))

    @pytest.mark.parametrize("rows", [(), (3,)])
    def test_state_dependent_exploration(self, rows):
        mapping = mapping_of({"action": [scaled(1, -2.0), None]}, (box(2), box(2)), (box(2), box(2)))
        source, initial = on_policy(2, 2, (3,), 1, rows), on_policy(2, 2, (3,), 2, rows)
        found = translate_networks(source, initial, mapping)[0]["exploration"]["log_std"]
        np.testing.assert_allclose(found[..., 0], source["exploration"]["log_std"][..., 1] + np.log(2))
        np.testing.assert_array_equal(found[..., 1], initial["exploration"]["log_std"][..., 1])

    def test_exploration_that_depends_on_bare_observations_is_refused(self):
        mapping = mapping_of({"observation": [1, 0]}, (box(2), box(2)), (box(2), box(2)))
        source, initial = on_policy(2, 2, (), 1, (2,)), on_policy(2, 2, (), 2, (2,))
        with pytest.raises(ConfigError, match="add a hidden layer"):
            translate_networks(source, initial, mapping)


class CNN(torch.nn.Module):
    """Two convolutions and a linear layer, as images' extractors have them."""

    def __init__(self, channels, side, seed):
        super().__init__()
        torch.manual_seed(seed)
        convolutions = (torch.nn.Conv2d(channels, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 6, 2, stride=2))
        self.cnn = torch.nn.Sequential(*convolutions)
        self.linear = torch.nn.Sequential(torch.nn.Linear(6 * (side // 2) ** 2, 7))

    def arrays(self, prefix=""):
        return {prefix + name: tensor.numpy().astype(np.float64) for name, tensor in self.state_dict().items()}

    def features(self, tensors, maps):
        self.load_state_dict({name: torch.from_numpy(array) for name, array in tensors.items()})
        with torch.no_grad():
            return self.cnn(torch.as_tensor(maps, dtype=torch.float32)).numpy(), self.linear


class TestImages:
    def networks(self, channels, side, seed, prefix=""):
        return CNN(channels, side, seed).arrays(prefix)

    def test_channels(self):
        done = spaces.Discrete(2)
        mapping = mapping_of(
            {"observation": {"channels": [2, None, 0]}}, (image(8, 8, 3), done), (image(8, 8, 3), done)
        )
        rest = on_policy(7, 2, (3,), 1)
        source = {**rest, "features": self.networks(3, 8, 1)}
        initial = {**on_policy(7, 2, (3,), 2), "features": self.networks(3, 8, 2)}
        translated, shapes = translate_networks(source, initial, mapping)
        assert set(shapes) == {"features/cnn.0.weight"}
        kernels, ours, fresh = (n["features"]["cnn.0.weight"] for n in (translated, source, initial))
        np.testing.assert_array_equal(kernels, np.stack([ours[:, 2], fresh[:, 1], ours[:, 0]], axis=1))

    @pytest.mark.parametrize(("ours", "theirs"), [(8, 16), (16, 8), (8, 10)])
    def test_sizes(self, ours, theirs):
        """On images of one colour each, where convolutions are the same everywhere, all sizes give the same."""
        done = spaces.Discrete(2)
        mapping = mapping_of(
            {"observation": {"channels": [0]}}, (image(ours, ours, 1), done), (image(theirs, theirs, 1), done)
        )
        source = {**on_policy(7, 2, (3,), 1), "features": self.networks(1, ours, 1)}
        initial = {**on_policy(7, 2, (3,), 2), "features": self.networks(1, theirs, 2)}
        translated, shapes = translate_networks(source, initial, mapping)
        assert shapes == {"features/linear.0.weight": (7, 6 * (ours // 2) ** 2)}
        old, new = (n["features"]["linear.0.weight"] for n in (source, translated))
        per_channel = [w.reshape(7, 6, -1).sum(axis=2) for w in (old, new)]
        np.testing.assert_allclose(*per_channel, atol=1e-5)
        maps = generator(0).normal(size=(2, 6, theirs // 2, theirs // 2))
        shrunk = torch.nn.functional.interpolate(
            torch.from_numpy(maps), (ours // 2, ours // 2), mode="bilinear", antialias=True
        ).numpy()
        expected = shrunk.reshape(2, -1) @ old.T
        np.testing.assert_allclose(maps.reshape(2, -1) @ new.T, expected, rtol=1e-4, atol=1e-4)

    def test_sizes_that_are_not_square_are_refused(self):
        done = spaces.Discrete(2)
        config = {"observation": {"channels": [0]}}
        mapping = mapping_of(config, (image(8, 8, 1), done), (image(8, 16, 1), done))
        source = {**on_policy(7, 2, (3,), 1), "features": self.networks(1, 8, 1)}
        initial = {**on_policy(7, 2, (3,), 2), "features": self.networks(1, 8, 2)}
        initial["features"]["linear.0.weight"] = np.zeros((7, 6 * 32))
        with pytest.raises(ConfigError, match="only square images"):
            translate_networks(source, initial, mapping)

    def test_pooled_features_need_no_change(self):
        done = spaces.Discrete(2)
        mapping = mapping_of({"observation": {"channels": [0]}}, (image(8, 8, 1), done), (image(9, 9, 1), done))
        convolution = {"cnn.0.weight": np.ones((7, 1, 3, 3)), "cnn.0.bias": np.ones(7)}
        source, initial = ({**on_policy(7, 2, (3,), seed), "features": convolution} for seed in (1, 2))
        _, shapes = translate_networks(source, initial, mapping)
        assert shapes == {}

    @pytest.mark.parametrize("channels_first", [True, False])
    def test_flattened_images(self, channels_first):
        def space(*shape):
            return box(*shape) if channels_first else box(*shape[1:], shape[0])

        done = spaces.Discrete(2)
        mapping = mapping_of(
            {"observation": {"channels": [1, None, scaled(0, -2.0)]}},
            *((space(2, 4, 5), done), (space(3, 8, 7), done)),
        )
        source = on_policy(2 * 4 * 5, 2, (3,), 1)
        fresh = on_policy(3 * 8 * 7, 2, (3,), 2)
        pixels = np.repeat([True, False, True], 8 * 7) if channels_first else np.tile([True, False, True], 8 * 7)
        initial = without_unmapped_columns(fresh, pixels, 3 * 8 * 7)
        translated, _ = translate_networks(source, initial, mapping)
        batch = generator(0).normal(size=(BATCH, *mapping.target_observation.shape)).astype(np.float32)
        shown = mapping.observation(batch)
        np.testing.assert_allclose(
            policy(translated, batch.reshape(BATCH, -1)), policy(source, shown.reshape(BATCH, -1)), rtol=1e-3, atol=1e-4
        )

    def test_encoders_of_vectors(self):
        """Where vectors have an extractor of their own, its first layer is at the border."""
        done = spaces.Discrete(2)
        mapping = mapping_of({"observation": [1, 0, 1]}, (box(2), done), (box(3), done))
        source = {**on_policy(7, 2, (3,), 1), "features": layers(generator(1), [2, 4, 7], "net.")}
        initial = {**on_policy(7, 2, (3,), 2), "features": layers(generator(2), [3, 4, 7], "net.")}
        translated, shapes = translate_networks(source, initial, mapping)
        assert shapes == {"features/net.0.weight": (4, 2)}
        ours = source["features"]["net.0.weight"]
        np.testing.assert_allclose(
            translated["features"]["net.0.weight"], np.stack([ours[:, 1] / 2, ours[:, 0], ours[:, 1] / 2], axis=1)
        )


class TestKeys:
    """Dict observations: the target's keys in another order, one renamed, one new, one gone."""

    source_space = spaces.Dict([("speed", box(2)), ("cam", image(8, 8, 1)), ("gone", box(1))])
    target_space = spaces.Dict(
        [("view", image(8, 8, 2)), ("new", box(1)), ("velocity", box(3)), ("top", image(8, 8, 1))]
    )
    config = {  # noqa: RUF012
        "observation": {
            "view": {"from": "cam", "channels": [None, 0]},
            "velocity": {"from": "speed", "index": [1, None, scaled(0, -2.0)]},
        }
    }

    def networks(self, split):
        branches = ("policy.", "value.") if split else ("",)

        def features(seed, **channels):
            return {
                branch + name: array
                for number, branch in enumerate(branches)
                for key, count in channels.items()
                for name, array in CNN(count, 8, seed + number).arrays(f"extractors.{key}.").items()
            }

        source = {**on_policy(2 + 7 + 1, 2, (3,), 1), "features": features(10, cam=1)}
        initial = {**on_policy(7 + 1 + 3 + 7, 2, (3,), 2), "features": features(20, view=2, top=1)}
        return source, initial

    @pytest.mark.parametrize("split", [False, True])
    def test_columns_and_extractors_follow_their_keys(self, split):
        done = spaces.Discrete(2)
        mapping = mapping_of(self.config, (self.source_space, done), (self.target_space, done))
        source, initial = self.networks(split)
        translated, shapes = translate_networks(source, initial, mapping)
        assert {role: set(translated[role]) for role in ROLES} == {role: set(initial[role]) for role in ROLES}
        for role in ROLES:
            for name, array in translated[role].items():
                assert array.shape == initial[role][name].shape, name
        ours, fresh, found = (n["value_body"]["0.weight"] for n in (source, initial, translated))
        np.testing.assert_array_equal(found[:, :7], ours[:, 2:9])
        np.testing.assert_array_equal(found[:, 7], fresh[:, 7])
        np.testing.assert_array_equal(found[:, 8:11], np.stack([ours[:, 1], fresh[:, 9], -2 * ours[:, 0]], axis=1))
        np.testing.assert_array_equal(found[:, 11:], fresh[:, 11:])
        branch = "value." if split else ""
        view, top = f"{branch}extractors.view.", f"{branch}extractors.top."
        old = source["features"][f"{branch}extractors.cam.cnn.0.weight"]
        kernels = translated["features"][f"{view}cnn.0.weight"]
        np.testing.assert_array_equal(kernels[:, 1], old[:, 0])
        np.testing.assert_array_equal(kernels[:, 0], initial["features"][f"{view}cnn.0.weight"][:, 0])
        linear = source["features"][f"{branch}extractors.cam.linear.0.weight"]
        assert translated["features"][f"{view}linear.0.weight"] is linear
        top_kernel = translated["features"][f"{top}cnn.0.weight"]
        np.testing.assert_array_equal(top_kernel, initial["features"][f"{top}cnn.0.weight"])
        assert shapes[f"features/{top}cnn.0.weight"] == ()
        assert shapes[f"features/{view}cnn.0.weight"] == (4, 1, 3, 3)

    def test_a_key_that_the_target_lacks_leaves_the_others_in_their_place(self):
        done = spaces.Discrete(2)
        source, target = spaces.Dict({"a": box(2), "b": box(1)}), spaces.Dict({"a": box(2)})
        mapping = mapping_of({"observation": {"a": "a"}}, (source, done), (target, done))
        ours, initial = on_policy(3, 2, (3,), 1), on_policy(2, 2, (3,), 2)
        translated, shapes = translate_networks(ours, initial, mapping)
        assert shapes == {"policy_body/0.weight": (3, 3), "value_body/0.weight": (3, 3)}
        first = translated["policy_body"]["0.weight"]
        np.testing.assert_array_equal(first, ours["policy_body"]["0.weight"][:, :2])

    def test_layers_that_see_several_keys_at_once_are_refused(self):
        done = spaces.Discrete(2)
        mapping = mapping_of(self.config, (self.source_space, done), (self.target_space, done))
        source, initial = self.networks(False)
        source["features"]["combine.weight"] = np.ones((10, 10))
        with pytest.raises(ConfigError, match="belongs to no key"):
            translate_networks(source, initial, mapping)


def transitions(observations, actions, *, time=None, terminated=None, following=None):
    count = len(actions)
    ends = np.zeros(count, bool) if terminated is None else np.array(terminated)
    return Transitions(
        observation_N=observations,
        action_N=np.asarray(actions),
        reward_N=np.arange(count, dtype=np.float32),
        next_observation_N=observations if following is None else following,
        terminated_N=ends,
        truncated_N=np.zeros(count, bool),
        time_N=np.arange(count) if time is None else np.array(time),
    )


class Still(gymnasium.Env):
    """Has spaces, and nothing ever happens in it."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed=None, options=None):
        return self.observation_space.sample(), {}


TURN = [scaled(1, -2.0), 0]
OTHER_BOUNDS = spaces.Box(np.array([-2, -1], np.float32), np.array([2, 1], np.float32))
OURS = spaces.Dict({"cam": image(36, 36, 2), "speed": box(2)})
THEIRS = spaces.Dict({"pace": box(2), "view": image(36, 36, 2)})
RENAMED = {"view": {"from": "cam", "channels": [1, 0]}, "pace": {"from": "speed", "index": [1, scaled(0, -3.0)]}}
# algorithm, observations, actions, source's spaces, target's
LIBRARY = {
    "sac": ("SAC", [2, scaled(0, -3.0), 1], TURN, (box(3), box(2)), (box(3), OTHER_BOUNDS)),
    "td3": ("TD3", [2, scaled(0, -3.0), 1, 1], TURN, (box(3), box(2)), (box(4), OTHER_BOUNDS)),
    "ppo": ("PPO", [2, 0, 0, 1], [scaled(1, -0.3), 0], (box(3), box(2)), (box(4), box(2, high=9.0))),
    "states": ("PPO", [2, 0, 1, 3, 3], [2, 1, 0], *((spaces.Discrete(n), spaces.Discrete(3)) for n in (4, 5))),
    "dqn": ("DQN", {"channels": [2, 0, 1]}, [1, 2, 0], *[(image(36, 36, 3), spaces.Discrete(3))] * 2),
    "keys": ("SAC", RENAMED, TURN, (OURS, box(2)), (THEIRS, OTHER_BOUNDS)),
}


@pytest.mark.parametrize("case", LIBRARY)
def test_the_library_s_own_models_act_as_the_source_would(case):
    algorithm, seen, done, *both = LIBRARY[case]
    mapping = mapping_of({"observation": seen, "action": done}, *both)
    kind = {"keys": "MultiInputPolicy", "dqn": "CnnPolicy"}.get(case, "MlpPolicy")
    off_policy = {} if algorithm == "PPO" else {"buffer_size": 2}
    make = getattr(stable_baselines3, algorithm)
    source, target = (make(kind, Still(*pair), seed=seed, device="cpu", **off_policy) for seed, pair in enumerate(both))
    translated, _ = translate_networks(copy_out(source), copy_out(target), mapping)
    copy_in(target, translated)
    mapping.target_observation.seed(0)
    samples = [mapping.target_observation.sample() for _ in range(20)]
    keyed = isinstance(samples[0], dict)
    batch = {key: np.stack([one[key] for one in samples]) for key in samples[0]} if keyed else np.stack(samples)
    expected, _ = source.predict(mapping.observation(batch), deterministic=True)
    found, _ = target.predict(batch, deterministic=True)
    np.testing.assert_allclose(found, mapping.action(expected), atol=1e-5)
    assert np.ptp(expected, axis=0).any(), "a policy that always does the same shows nothing"


class TestTransitions:
    def test_equal_spaces_leave_them_alone(self):
        pair = (box(1), box(1))
        stored = transitions(np.zeros((2, 1)), np.zeros((2, 1)))
        assert translate_transitions(stored, mapping_of({}, pair, pair)) is stored

    @QUICK
    @given(
        bounds=st.lists(st.floats(-5, 5), min_size=4, max_size=4, unique=True),
        action=st.floats(-1, 1),
    )
    def test_other_bounds_alone_change_stored_actions(self, bounds, action):
        low, high = sorted(bounds)[:2], sorted(bounds)[2:]  # source and target overlap
        ours, theirs = box(1, low=low[0], high=high[0], dtype=float), box(1, low=low[1], high=high[1], dtype=float)
        mapping = mapping_of({}, (box(1), ours), (box(1), theirs))
        assert mapping.identity
        stored = transitions(np.zeros((1, 1)), np.array([[action]]))
        found = translate_transitions(stored, mapping).action_N[0, 0]

        def meant(value, space):
            return space.low[0] + (value + 1) / 2 * (space.high[0] - space.low[0])

        expected = np.clip(meant(action, ours), theirs.low[0], theirs.high[0])
        assert meant(found, theirs) == pytest.approx(expected, abs=1e-9)
        assert -1 - 1e-9 <= found <= 1 + 1e-9

    def test_observations_and_scaled_actions(self):
        mapping = mapping_of(
            {"observation": [scaled(1, 2.0), None], "action": [None, scaled(0, -2.0)]},
            (box(2), box(1)),
            (box(2), box(2, low=-4.0, high=4.0)),
        )
        stored = transitions(np.array([[1.0, 2.0]]), np.array([[0.5]], np.float32), following=np.array([[3.0, 8.0]]))
        found = translate_transitions(stored, mapping)
        assert found.observation_N.tolist() == [[1, 0]]
        assert found.next_observation_N.tolist() == [[4, 0]]
        assert found.action_N.tolist() == [[0, -0.25]]
        assert found.action_N.dtype == np.float32

    def test_actions_without_a_counterpart_leave_a_gap_that_no_return_reaches_over(self):
        pair = [(box(1), spaces.Discrete(count)) for count in (3, 2)]
        mapping = mapping_of({"action": [2, 0]}, *pair)
        stored = transitions(
            np.arange(7.0)[:, None],
            np.array([[0], [1], [2], [1], [0], [1], [2]]),
            **{"time": [0, 1, 2, 3, 0, 1, 2], "terminated": [0, 0, 1, 0, 0, 0, 0]},
        )
        found = translate_transitions(stored, mapping)
        assert found.observation_N.ravel().tolist() == [0, 2, 4, 6]
        assert found.action_N.ravel().tolist() == [1, 0, 1, 0]
        assert found.terminated_N.astype(int).tolist() == [0, 1, 0, 0]
        assert found.truncated_N.tolist() == [True, False, True, False]

    def test_the_next_environment_s_first_transition_is_no_gap(self):
        mapping = mapping_of({"action": [2, 0]}, *[(box(1), spaces.Discrete(count)) for count in (3, 2)])
        stored = transitions(np.zeros((4, 1)), np.array([[0], [2], [1], [0]]), time=[0, 1, 0, 1])
        assert not translate_transitions(stored, mapping).truncated_N.any()

    def test_stored_images_have_their_channels_first(self):
        done = spaces.Discrete(2)
        mapping = mapping_of({"observation": {"channels": [1, 0]}}, (image(8, 8, 2), done), (image(4, 4, 2), done))
        pictures = np.zeros((3, 2, 8, 8), np.uint8)
        pictures[:, 1] = 9
        found = translate_transitions(transitions(pictures, np.zeros((3, 1), int)), mapping)
        assert found.observation_N.shape == (3, 2, 4, 4)
        assert (found.observation_N[:, 0] == 9).all()

    def test_keys(self):
        done = spaces.Discrete(2)
        source, target = spaces.Dict({"a": box(1)}), spaces.Dict({"b": box(2)})
        mapping = mapping_of({"observation": {"b": {"from": "a", "index": [None, 0]}}}, (source, done), (target, done))
        found = translate_transitions(transitions({"a": np.ones((2, 1))}, np.zeros((2, 1), int)), mapping)
        assert {key: rows.tolist() for key, rows in found.observation_N.items()} == {"b": [[0, 1]] * 2}


class TestStatistics:
    moments = Moments(np.array([1.0, 2.0]), np.array([4.0, 9.0]), 100.0)

    def test_they_are_those_of_the_translated_observations(self):
        mapping = mapping_of({"observation": [scaled(1, -4.0), 0]}, *[(box(2), spaces.Discrete(2))] * 2)
        rows = generator(0).normal(size=(50, 2))
        found = translate_statistics(Statistics({"": Moments(rows.mean(0), rows.var(0), 50.0)}), mapping).observation[
            ""
        ]
        there = mapping.observation_to_target(rows.astype(np.float32))
        np.testing.assert_allclose(found.mean, there.mean(0), rtol=1e-4)
        np.testing.assert_allclose(found.var, there.var(0), rtol=1e-4)
        assert found.count == 50

    def test_what_has_no_source_is_fresh(self):
        done = spaces.Discrete(2)
        mapping = mapping_of({"observation": [None, 0]}, (box(2), done), (box(2), done))
        reward = Moments(np.array(1.0), np.array(2.0), 3.0)
        found = translate_statistics(Statistics({"": self.moments}, reward), mapping)
        assert (found.observation[""].mean.tolist(), found.observation[""].var.tolist()) == ([0, 1], [1, 4])
        assert found.reward is reward

    def test_keys(self):
        done = spaces.Discrete(2)
        source, target = spaces.Dict({"a": box(2)}), spaces.Dict({"b": box(2), "c": box(1), "d": spaces.Discrete(2)})
        mapping = mapping_of({"observation": {"b": {"from": "a", "index": [1, 0]}}}, (source, done), (target, done))
        found = translate_statistics(Statistics({"a": self.moments}), mapping).observation
        assert found.keys() == {"b", "c"}
        assert found["b"].mean.tolist() == [2, 1]
        assert (found["c"].mean.tolist(), found["c"].var.tolist(), found["c"].count) == ([0], [1], 1e-4)

    def test_images(self):
        done = spaces.Discrete(2)
        mapping = mapping_of(
            {"observation": {"channels": [scaled(1, 2.0), None]}}, (box(4, 4, 2), done), (box(8, 8, 2), done)
        )
        old = Moments(np.full((4, 4, 2), [1.0, 6.0]), np.full((4, 4, 2), [2.0, 8.0]), 5.0)
        found = translate_statistics(Statistics({"": old}), mapping).observation[""]
        np.testing.assert_allclose(found.mean, np.full((8, 8, 2), [3.0, 0.0]))
        np.testing.assert_allclose(found.var, np.full((8, 8, 2), [2.0, 1.0]))

    def test_equal_observations_or_none_at_all_leave_them_alone(self):
        done = spaces.Discrete(2)
        same, other = (mapping_of({"observation": o}, *[(box(2), done)] * 2) for o in ([0, 1], [1, 0]))
        ours, none = Statistics({"": self.moments}), Statistics({})
        assert translate_statistics(ours, same) is ours
        assert translate_statistics(none, other) is none


def test_quantiles_stand_as_in_the_library():
    """Rows of QR-DQN's head: all actions of the first quantile, then of the second."""
    qrdqn = pytest.importorskip("sb3_contrib").QRDQN

    def model(actions, seed):
        settings = {"n_quantiles": 3, "net_arch": [4]}
        env = Still(box(2), spaces.Discrete(actions))
        made = qrdqn("MlpPolicy", env, policy_kwargs=settings, seed=seed, device="cpu", buffer_size=1)
        tensors = made.policy.quantile_net.quantile_net.state_dict()
        named = [{n.split(".")[1] if n[0] == "2" else n: t for n, t in tensors.items() if n[0] == i} for i in "02"]
        body, last = ({n: t.numpy().copy() for n, t in part.items()} for part in named)
        return made, roles(value_body=body, value_head=last)

    (source_model, source), (target_model, initial) = model(3, 1), model(2, 2)
    mapping = mapping_of({"action": [2, 0]}, (box(2), spaces.Discrete(3)), (box(2), spaces.Discrete(2)))
    translated, _ = translate_networks(source, initial, mapping)
    state = {**translated["value_body"], **{f"2.{n}": a for n, a in translated["value_head"].items()}}
    network = target_model.policy.quantile_net
    network.quantile_net.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    batch = torch.randn(5, 2)
    with torch.no_grad():
        expected, found = source_model.policy.quantile_net(batch), network(batch)
    torch.testing.assert_close(found, expected[:, :, [2, 0]])
