"""Mappings between spaces: what is refused, what observations and actions become."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from gymnasium import spaces
from gymnasium.vector.utils import batch_space, create_empty_array, iterate
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_transfer.errors import ConfigError
from rl_transfer.study import MappingConfig
from rl_transfer.tasks import map_spaces, resize_matrix

QUICK = settings(max_examples=60, deadline=None)
FACTORS = st.floats(0.25, 4).map(lambda size: round(size, 3)) | st.floats(-4, -0.25)


def box(*shape, low=-1.0, high=1.0, dtype=np.float32):
    return spaces.Box(low, high, shape, dtype)


def image(*shape):
    return spaces.Box(0, 255, shape, np.uint8)


def task(observation=None, action=None):
    return SimpleNamespace(observation_space=observation or box(2), action_space=action or spaces.Discrete(2))


def mapped(config=None, source=None, target=None):
    config = None if config is None else MappingConfig.model_validate(config)
    return map_spaces(config, source or task(), target or task())


def observations(source, target, entries):
    return mapped({"observation": entries}, task(source), task(target))


def actions(source, target, entries):
    return mapped({"action": entries}, task(action=source), task(action=target))


class TestWithoutAMapping:
    @pytest.mark.parametrize(
        "space",
        [box(3), image(8, 8, 3), spaces.Discrete(4), spaces.MultiBinary(3), spaces.Dict({"a": box(1), "b": box(2)})],
    )
    def test_equal_forms_are_the_identity(self, space):
        assert mapped(None, task(space), task(space)).identity
        assert mapped({}, task(space), task(space)).identity

    def test_other_bounds_are_the_identity_though_stored_actions_differ(self):
        mapping = mapped(None, task(box(2), box(1)), task(box(2, high=9.0), box(1, high=2.0)))
        assert mapping.identity
        assert not mapping.same_action_bounds
        assert mapped(None, task(box(2), box(1)), task(box(2, high=9.0), box(1))).same_action_bounds

    @pytest.mark.parametrize(
        ("source", "target"),
        [
            (task(box(2)), task(box(3))),
            (task(box(4)), task(box(2))),
            (task(box(2), box(1)), task(box(2), box(2))),
            (task(action=spaces.Discrete(2)), task(action=spaces.Discrete(4))),
            (task(box(2), spaces.Discrete(3)), task(box(3), spaces.Discrete(2))),
            (task(image(8, 8, 3)), task(image(16, 16, 4))),
            (task(spaces.Discrete(2)), task(spaces.Discrete(3))),
            (task(box(2)), task(box(2, dtype=np.float64))),
            (
                task(spaces.Dict({"a": box(2), "b": image(8, 8, 3), "d": box(1)})),
                task(spaces.Dict({"a": box(2), "b": image(9, 9, 1), "c": box(1), "d": box(2)})),
            ),
            (task(action=spaces.MultiDiscrete([2, 3])), task(action=spaces.MultiDiscrete([2]))),
        ],
    )
    def test_the_template_in_the_error_can_be_pasted(self, source, target):
        with pytest.raises(ConfigError) as caught:
            mapped(None, source, target)
        assert caught.value.key.split(".")[0] == "mapping"
        template = yaml.safe_load(caught.value.message[caught.value.message.index("mapping:\n") :])
        assert not mapped(template["mapping"], source, target).identity or source.observation_space == box(2)

    def test_both_spaces_stand_side_by_side_and_entries_are_filled_by_position(self):
        with pytest.raises(ConfigError) as caught:
            mapped(None, task(box(4)), task(box(6), spaces.Discrete(3)))
        assert caught.value.key == "mapping"
        assert caught.value.message.splitlines() == [
            "source and target have different observation spaces and action spaces",
            "             source             target",
            "observation  Box(4) of float32  Box(6) of float32",
            "action       Discrete(2)        Discrete(3)",
            "say which source index each target index takes (null: none), for instance:",
            "",
            "mapping:",
            "  observation: [0, 1, 2, 3, null, null]",
            "  action: [0, 1, null]",
        ]

    def test_only_what_is_missing_is_asked_for(self):
        with pytest.raises(ConfigError) as caught:
            mapped({"observation": [0, None, 1]}, task(box(2)), task(box(3), spaces.Discrete(3)))
        assert caught.value.key == "mapping.action"
        assert "observation" not in caught.value.message

    @pytest.mark.parametrize(
        ("other", "what"),
        [
            (task(action=box(1)), "action"),
            (task(action=spaces.MultiDiscrete([2])), "action"),
            (task(spaces.Discrete(2)), "observation"),
            (task(image(8, 8, 3)), "observation"),
            (task(spaces.Dict({"a": box(2)})), "observation"),
        ],
    )
    def test_kinds_that_have_nothing_in_common_get_an_empty_template(self, other, what):
        with pytest.raises(ConfigError, match="have nothing in common") as caught:
            mapped(None, task(), other)
        made = mapped(
            yaml.safe_load(caught.value.message[caught.value.message.index("mapping:") :])["mapping"], task(), other
        )
        assert (made.parts == ()) == (what == "observation")
        assert made.actions.known_T.any() == (what == "observation")

    def test_what_can_t_be_mapped_at_all_gets_no_template(self):
        with pytest.raises(ConfigError, match="can't be mapped") as caught:
            mapped(None, task(), task(action=spaces.Discrete(2, start=1)))
        assert "mapping:" not in caught.value.message


KEYS = spaces.Dict({"a": box(2), "cam": image(8, 8, 3)})
# source, target, mapping, key of the error, words of its message
WRONG = {
    "out of range": (box(2), box(2), {"observation": [0, 2]}, "observation.1", "2 numbers, 0 to 1: 2 is none"),
    "too few": (box(2), box(3), {"observation": [0, 1]}, "observation", "needs 3 entries"),
    "action out of range": (None, None, {"action": [0, 2]}, "action.1", "2 actions, 0 to 1: 2 is none"),
    "action scaled": (None, None, {"action": [{"index": 0, "scale": 2}, 1]}, "action.0", "can't be scaled"),
    "one-hot scaled": (
        *(spaces.Discrete(2), spaces.Discrete(2), {"observation": [0, {"index": 1, "scale": -1}]}),
        *("observation.1", "states can't be scaled"),
    ),
    "kinds": (box(2), spaces.Discrete(2), {"observation": [0, 1]}, "observation", "can't be mapped to each other"),
    "image as list": (image(8, 8, 3), image(9, 9, 3), {"observation": [0]}, "observation", "{channels: [0, ...]}"),
    "vector as image": (box(2), box(3), {"observation": {"channels": [0]}}, "observation.channels", "no image"),
    "channel out of range": (
        *(image(8, 8, 3), image(8, 8, 1), {"observation": {"channels": [3]}}),
        *("observation.channels.0", "3 channels, 0 to 2"),
    ),
    "image and vector": (image(8, 8, 3), box(3), {"observation": [0, 1, 2]}, "observation", "can't be mapped"),
    "bytes and floats": (
        image(8, 8, 3),
        box(8, 8, 3),
        {"observation": {"channels": [0, 1, 2]}},
        "observation",
        "can't",
    ),
    "keys for none": (box(2), box(2), {"observation": {"a": "a"}}, "observation", "has no keys"),
    "no keys": (KEYS, KEYS, {"observation": [0]}, "observation", "needs {key: {from: key}}"),
    "only one has keys": (box(2), KEYS, {"observation": {"a": "a"}}, "observation", "only one has keys"),
    "unknown target key": (KEYS, KEYS, {"observation": {"b": "a"}}, "observation.b", "valid: a, cam"),
    "unknown source key": (KEYS, KEYS, {"observation": {"a": "b"}}, "observation.a", "no key 'b'"),
    "key of another kind": (KEYS, KEYS, {"observation": {"a": "cam"}}, "observation.a", "can't be mapped"),
    "key out of range": (
        *(KEYS, KEYS, {"observation": {"a": {"from": "a", "index": [0, 7]}}}),
        *("observation.a.index.1", "7 is none of them"),
    ),
    "key without entries": (
        *(KEYS, spaces.Dict({"a": box(3)}), {"observation": {"a": "a"}}),
        *("observation.a", "say which by index"),
    ),
    "source key twice": (
        *(KEYS, spaces.Dict({"a": box(2), "b": box(2)}), {"observation": {"a": "a", "b": "a"}}),
        *("observation.b", "'a' takes 'a' already"),
    ),
    "two dimensions as one": (
        *(spaces.MultiDiscrete([2, 2]), spaces.MultiDiscrete([2, 2]), {"observation": [0, None, 1, None]}),
        *("observation.2", "dimension 0 of the source takes states of dimension 0 already"),
    ),
}


class TestNothing:
    """An empty list takes nothing at all: of spaces of two kinds, or of one."""

    @pytest.mark.parametrize("source", [box(2), image(8, 8, 3), spaces.Discrete(4), KEYS])
    @pytest.mark.parametrize("target", [box(3), image(9, 9, 3), spaces.Discrete(2), KEYS])
    def test_observations_are_zeros_on_the_other_side(self, source, target):
        mapping = mapped({"observation": []}, task(source), task(target))
        assert not mapping.identity
        for there, here, change in (
            (source, target, mapping.observation),
            (target, source, mapping.observation_to_target),
        ):
            batch = create_empty_array(here, 5, fn=np.ones)
            made = change(batch)
            parts = made if isinstance(made, dict) else {"": made}
            assert all(len(part) == 5 and not part.any() for part in parts.values())
            assert next(iter(iterate(batch_space(there, 5), made))) in there

    @pytest.mark.parametrize("source", [box(2), spaces.Discrete(3), spaces.MultiDiscrete([2, 3])])
    @pytest.mark.parametrize("target", [box(3), spaces.Discrete(2), spaces.MultiDiscrete([4])])
    def test_no_action_has_a_counterpart(self, source, target):
        mapping = mapped({"action": []}, task(action=source), task(action=target))
        made, known = mapping.action_to_target(np.array([source.sample() for _ in range(4)]))
        assert not known.any()
        assert len(made) == 4 and all(action in target for action in made)


class TestRefusals:
    @pytest.mark.parametrize("case", WRONG)
    def test_what_does_not_fit_is_refused_in_one_line(self, case):
        source, target, config, key, message = WRONG[case]
        with pytest.raises(ConfigError) as caught:
            mapped(config, task(source), task(target))
        assert caught.value.key == f"mapping.{key}"
        assert message in caught.value.message
        assert str(caught.value).isprintable()

    def test_discrete_and_continuous_actions_are_refused(self):
        with pytest.raises(ConfigError, match="can't be mapped to each other") as caught:
            actions(spaces.Discrete(2), box(2), [0, 1])
        assert caught.value.key == "mapping.action"

    def test_dimensions_with_other_choices_are_refused(self):
        with pytest.raises(ConfigError, match="2 choices in the source, 3 in the target") as caught:
            actions(spaces.MultiDiscrete([2, 3]), spaces.MultiDiscrete([3, 3]), [0, 1])
        assert caught.value.key == "mapping.action.0"


@st.composite
def entries(draw, source_size, *, bijective=False):
    if bijective:
        order = draw(st.permutations(range(source_size)))
        return [{"index": index, "scale": draw(FACTORS)} for index in order]
    entry = st.none() | st.builds(lambda i, s: {"index": i, "scale": s}, st.integers(0, source_size - 1), FACTORS)
    return draw(st.lists(entry, min_size=1, max_size=6))


class TestVectors:
    def test_the_mean_over_all_that_are_mapped_to_an_index(self):
        mapping = observations(box(3), box(4), [0, None, {"index": 1, "scale": -2.0}, 0])
        seen = mapping.observation(np.array([[1.0, 7.0, 3.0, 2.0]], np.float32))
        assert seen.dtype == np.float32
        assert seen.tolist() == [[1.5, -6.0, 0.0]]
        back = mapping.observation_to_target(seen)
        assert back.tolist() == [[1.5, 0.0, 3.0, 1.5]]

    @QUICK
    @given(data=st.data())
    def test_one_to_one_mappings_can_be_undone(self, data):
        config = data.draw(entries(4, bijective=True))
        mapping = observations(box(4), box(2, 2), config)
        batch = np.random.default_rng(0).normal(size=(3, 2, 2)).astype(np.float32)
        seen = mapping.observation(batch)
        assert seen.shape == (3, 4)
        np.testing.assert_allclose(mapping.observation_to_target(seen), batch, rtol=1e-5)

    @QUICK
    @given(data=st.data())
    def test_what_the_source_sees_of_its_own_observation_is_itself_or_nothing(self, data):
        config = data.draw(entries(3))
        mapping = observations(box(3), box(len(config)), config)
        batch = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
        kept = np.isin(np.arange(3), [entry["index"] for entry in config if entry])
        np.testing.assert_allclose(
            mapping.observation(mapping.observation_to_target(batch)), np.where(kept, batch, 0), atol=1e-5
        )

    def test_states_that_are_one_state_of_the_source_show_it_fully(self):
        mapping = observations(spaces.Discrete(3), spaces.Discrete(4), [2, 0, 2, None])
        assert mapping.parts[0].indices.to_source(np.eye(4)).tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 0]]
        assert mapping.observation(np.array([0, 1, 2, 3])).tolist() == [2, 0, 2, 0]
        assert mapping.observation(np.array([[0], [1]])).tolist() == [[2], [0]]

    def test_dimensions_of_states(self):
        source, target = spaces.MultiDiscrete([2, 3]), spaces.MultiDiscrete([3, 2])
        mapping = observations(source, target, [2, 3, 4, 0, 1])
        batch = np.array([[0, 1], [2, 0]])
        assert mapping.observation(batch).tolist() == [[1, 0], [0, 2]]
        assert mapping.observation_to_target(mapping.observation(batch)).tolist() == batch.tolist()

    def test_whole_numbers_are_rounded_into_their_range(self):
        mapping = observations(box(1, low=0, high=255, dtype=np.uint8), box(1), [{"index": 0, "scale": 100.0}])
        assert mapping.observation(np.array([[0.016], [9.0], [-1.0]])).tolist() == [[2], [255], [0]]


class TestImages:
    @pytest.mark.parametrize(("length", "new_length"), [(8, 5), (5, 8), (9, 3), (3, 9), (7, 7), (84, 10)])
    def test_resizing_is_torch_s(self, length, new_length):
        rows = np.random.default_rng(0).normal(size=(4, length))
        theirs = torch.nn.functional.interpolate(
            torch.from_numpy(rows)[None, None], (4, new_length), mode="bilinear", antialias=True
        )
        np.testing.assert_allclose(rows @ resize_matrix(length, new_length).T, theirs[0, 0].numpy(), atol=1e-6)

    @pytest.mark.parametrize("stored", [False, True])
    def test_channels_and_sizes(self, stored):
        mapping = observations(image(8, 8, 3), image(16, 12, 2), {"channels": [2, 0]})
        shape = (5, 2, 16, 12) if stored else (5, 16, 12, 2)
        batch = np.full(shape, 10, np.uint8)
        (batch if stored else np.moveaxis(batch, -1, 1))[:, 1] = 30
        seen = mapping.observation(batch, stored=stored)
        assert seen.dtype == np.uint8
        assert seen.shape == ((5, 3, 8, 8) if stored else (5, 8, 8, 3))
        channels_last = np.moveaxis(seen, 1, -1) if stored else seen
        assert (channels_last == [30, 0, 10]).all()
        back = mapping.observation_to_target(seen, stored=stored)
        assert (back == batch).all()

    def test_from_channels_last_to_channels_first(self):
        mapping = observations(image(3, 8, 8), image(8, 8, 3), {"channels": [0, 1, 2]})
        batch = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), np.uint8)
        assert (mapping.observation(batch) == np.moveaxis(batch, -1, 1)).all()
        stored = np.moveaxis(batch, -1, 1)
        assert (mapping.observation(stored, stored=True) == stored).all()


class TestKeys:
    def test_every_source_key_is_there_those_without_a_target_zero(self):
        source = spaces.Dict({"position": box(2), "speed": box(1), "cam": image(8, 8, 3)})
        target = spaces.Dict({"cam": image(8, 8, 3), "place": box(3), "new": box(1)})
        mapping = observations(source, target, {"cam": "cam", "place": {"from": "position", "index": [1, 0, None]}})
        assert not mapping.identity
        pictures = np.full((2, 8, 8, 3), 7, np.uint8)
        batch = {"cam": pictures, "place": np.array([[1.0, 2, 3]] * 2, np.float32), "new": np.ones((2, 1), np.float32)}
        seen = mapping.observation(batch)
        assert list(seen) == list(source.spaces)
        assert seen["position"].tolist() == [[2, 1]] * 2
        assert seen["speed"].tolist() == [[0]] * 2
        assert (seen["cam"] == 7).all()
        back = mapping.observation_to_target(seen)
        assert list(back) == list(target.spaces)
        assert back["place"].tolist() == [[1, 2, 0]] * 2
        assert back["new"].tolist() == [[0]] * 2

    def test_a_key_without_a_source_is_no_identity(self):
        space = spaces.Dict({"a": box(1), "b": box(1)})
        assert observations(space, space, {"a": "a", "b": "b"}).identity
        assert not observations(space, space, {"a": "a"}).identity
        assert not observations(space, space, {"a": "b", "b": "a"}).identity


class TestActions:
    def test_discrete_ones_take_the_first_target_action(self):
        mapping = actions(spaces.Discrete(3), spaces.Discrete(4), [None, 2, 0, 2])
        chosen, known = mapping.action_to_target(np.array([0, 1, 2]))
        assert chosen.tolist() == [2, 1, 1]
        assert known.tolist() == [True, False, True]
        assert mapping.action(np.array([[0], [2]])).tolist() == [[2], [1]]

    def test_without_any_counterpart_the_first_action_is_taken(self):
        chosen, known = actions(spaces.Discrete(3), spaces.Discrete(2), [None, None]).action_to_target(np.arange(3))
        assert chosen.tolist() == [0, 0, 0]
        assert not known.any()

    @QUICK
    @given(order=st.permutations(range(4)))
    def test_orders_of_discrete_actions_can_be_undone(self, order):
        mapping = actions(spaces.Discrete(4), spaces.Discrete(4), list(order))
        assert [order[action] for action in mapping.action(np.arange(4))] == [0, 1, 2, 3]

    def test_dimensions_are_scaled_clipped_and_centred(self):
        target = spaces.Box(np.array([-1, 0, -np.inf, -1.0]), np.array([1, 1, np.inf, 1.0]), dtype=np.float64)
        mapping = actions(box(2, high=4.0), target, [{"index": 1, "scale": -0.5}, None, None, 0])
        assert mapping.action(np.array([[3.0, 1.0], [0.5, 4.0]])).tolist() == [[-0.5, 0.5, 0, 1], [-1, 0.5, 0, 0.5]]

    def test_choices_and_bits(self):
        mapping = actions(spaces.MultiDiscrete([2, 3]), spaces.MultiDiscrete([3, 5, 2]), [1, None, 0])
        assert mapping.action(np.array([[1, 2]])).tolist() == [[2, 0, 1]]
        mapping = actions(spaces.MultiBinary(2), spaces.MultiBinary(3), [1, 1, None])
        assert mapping.action(np.array([[0, 1]], np.int8)).tolist() == [[1, 1, 0]]

    def test_shapes_follow_the_spaces_flattened_actions_stay_flattened(self):
        mapping = actions(box(2, 2), box(3, 2), [0, 1, 2, 3, None, None])
        assert mapping.action(np.ones((5, 2, 2), np.float32)).shape == (5, 3, 2)
        assert mapping.action(np.ones((5, 4), np.float32)).shape == (5, 6)
