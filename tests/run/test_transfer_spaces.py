"""Between algorithms and spaces at once: what is carried acts as the mapping says, the rest is left and listed."""

import itertools

import numpy as np
import pytest
from builders import knowledge_of, learner, tiny
from gymnasium import spaces

from rl_transfer.knowledge import Knowledge
from rl_transfer.methods import build_methods
from rl_transfer.run.transfer import for_target, in_target_spaces, transfer
from rl_transfer.study import MappingConfig, Named, TaskConfig
from rl_transfer.tasks import inspect_task, map_spaces

BOX = TaskConfig(id="probes:Walk-v0", kwargs={"continuous": True})
FLIPPED = MappingConfig(action=[{"index": 0, "scale": -1.0}, 1])
CONTINUOUS = ("ppo", "a2c", "sac", "td3", "tqc")


@pytest.mark.parametrize(("theirs", "ours"), list(itertools.product(CONTINUOUS, repeat=2)))
def test_a_head_is_turned_round_or_left_out_never_copied_as_it_is(theirs, ours):
    facts = inspect_task(BOX)
    mapping = map_spaces(FLIPPED, facts, facts)
    agents = [learner(tiny(name, activation="tanh"), BOX, seed=seed) for seed, name in enumerate((theirs, ours))]
    source, target = agents
    before, head = target.networks()["policy_head"], source.networks()["policy_head"]
    fates = transfer(
        build_methods([Named(name="fine_tune")], ours), target, for_target(knowledge_of(source), target, mapping, None)
    )
    now = target.networks()["policy_head"]
    (row,) = [fate for fate in fates if (fate.role, fate.tensor) == ("policy_head", "weight")]
    if row.fate == "resized":
        assert np.array_equal(now["weight"], head["weight"] * [[-1.0], [1.0]])
    else:
        assert row.fate == "reinitialised" and np.array_equal(now["weight"], before["weight"])
    assert (row.fate == "resized") == ((theirs in ("ppo", "a2c")) == (ours in ("ppo", "a2c")))
    source.close()
    target.close()


class Seen:
    """Spaces alone."""

    action_space = spaces.Discrete(2)

    def __init__(self, **parts):
        boxes = {key: spaces.Box(-1, 1, (size,), np.float32) for key, size in parts.items()}
        self.observation_space = spaces.Dict(boxes)


def test_what_no_mapping_takes_is_listed():
    mapping = map_spaces(MappingConfig(observation={"a": {"from": "a"}}), Seen(a=2, b=3), Seen(a=2))
    networks = {role: {} for role in ("policy_body", "policy_head", "exploration", "value_body", "value_head")}
    features = {"extractors.a.0.weight": np.ones((2, 2)), "extractors.b.0.weight": np.ones((2, 3))}
    source = Knowledge("", {"features": features, **networks})
    initial = {"features": {"extractors.a.0.weight": np.zeros((2, 2))}, **networks}

    class Target:
        algorithm = "ppo"

    found = in_target_spaces(source, Target(), initial, mapping)
    assert found.unmapped == {"features/extractors.b.0.weight": (2, 3)}


def test_shrinking_leaves_what_has_no_source_as_it_was():
    source_task, target_task = TaskConfig(id="CartPole-v1"), TaskConfig(id="Acrobot-v1")
    config = MappingConfig(observation=[None, 2, None, None, 3, None], action=[0, None, 1])
    mapping = map_spaces(config, inspect_task(source_task), inspect_task(target_task))
    source, target = learner(tiny("ppo"), source_task, seed=1), learner(tiny("ppo"), target_task)
    before = target.networks()
    (method,) = build_methods([Named(name="fine_tune", settings={"shrink": 0.5})], "ppo")
    transfer([method], target, for_target(knowledge_of(source), target, mapping, None))
    now = target.networks()
    for index, theirs in enumerate([None, 2, None, None, 3, None]):
        column = now["policy_body"]["0.weight"][:, index]
        expected = before["policy_body"]["0.weight"][:, index]
        if theirs is not None:
            expected = 0.5 * source.networks()["policy_body"]["0.weight"][:, theirs]
        assert np.allclose(column, expected), index
    assert np.array_equal(now["policy_head"]["weight"][1], before["policy_head"]["weight"][1])
    source.close()
    target.close()


PIXELS = TaskConfig(id="picture_envs:pictures/Small-v0")
VECTORS = TaskConfig(id="Acrobot-v1")  # both have three actions
CAR, CONTINUOUS_CAR = TaskConfig(id="MountainCar-v0"), TaskConfig(id="MountainCarContinuous-v0")


def carried(config, source_task, target_task, algorithm="ppo"):
    """Fates, the source's networks, the target's before and after, for fine-tuning through a mapping."""
    mapping = map_spaces(MappingConfig(**config), inspect_task(source_task), inspect_task(target_task))
    config_of = tiny(algorithm, net_arch=[8, 8])
    source, target = learner(config_of, source_task, seed=1), learner(config_of, target_task)
    before = target.networks()
    fates = transfer(
        build_methods([Named(name="fine_tune")], algorithm),
        target,
        for_target(knowledge_of(source), target, mapping, None),
    )
    source.close()
    target.close()
    return {(fate.role, fate.tensor): fate for fate in fates}, source.networks(), before, target.networks()


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
@pytest.mark.parametrize(("there", "here"), [(VECTORS, PIXELS), (PIXELS, VECTORS)])
def test_across_modalities_all_but_what_sees_the_observation_is_carried(there, here, algorithm):
    fates, source, before, after = carried({"observation": []}, there, here, algorithm)
    body = "policy_body" if algorithm == "ppo" else "value_body"
    head = "policy_head" if algorithm == "ppo" else "value_head"
    first, *deeper = sorted(name for name in after[body] if name.endswith("weight"))
    assert deeper
    assert np.array_equal(after[body][first], before[body][first])
    assert fates[body, first].fate == "reinitialised"
    for name in deeper:
        assert np.array_equal(after[body][name], source[body][name])
    for name in after[head]:
        assert np.array_equal(after[head][name], source[head][name])
        assert fates[head, name].fate == "copied"
    for name in after["features"]:
        assert np.array_equal(after["features"][name], before["features"][name])
        assert fates["features", name].fate == "reinitialised"
    for name in source["features"]:
        if name not in after["features"]:
            assert fates["features", name].fate == "dropped"


@pytest.mark.parametrize("algorithm", ["ppo", "a2c", "trpo"])
@pytest.mark.parametrize(("there", "here"), [(CAR, CONTINUOUS_CAR), (CONTINUOUS_CAR, CAR)])
def test_between_discrete_and_continuous_actions_all_but_the_head_is_carried(there, here, algorithm):
    fates, source, before, after = carried({"action": []}, there, here, algorithm)
    for role in ("policy_body", "value_body", "value_head"):
        for name in after[role]:
            assert np.array_equal(after[role][name], source[role][name])
            assert fates[role, name].fate == "copied"
    for role in ("policy_head", "exploration"):
        for name in after[role]:
            assert np.array_equal(after[role][name], before[role][name])
            assert fates[role, name].fate == "reinitialised"
    assert (("exploration", "log_std") in fates) and (there is CAR or fates["exploration", "log_std"].fate == "dropped")
