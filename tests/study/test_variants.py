"""Ladders and matrices: which pairs a study's variants become, and what is refused."""

from copy import deepcopy

import pytest
import yaml

from rl_transfer.errors import ConfigError
from rl_transfer.study import Cell, Rung, load_study

PAIR = {
    "source": {"id": "CartPole-v1"},
    "target": {"id": "CartPole-v1", "max_episode_steps": 100},
    "learner": {"algorithm": "ppo", "n_steps": 64},
    "budget": {"source": 4096, "target": 2048},
    "score": {"random": 20, "reference": 100, "worst": 0},
    "threshold_score": 0.5,
    "source_threshold_return": 90,
}
OTHER = PAIR | {
    "target": {"id": "CartPole-v1", "max_episode_steps": 300},
    "learner": {"algorithm": "dqn"},
    "budget": {"source": 1000, "target": 500},
    "score": {"random": 10, "reference": 300, "worst": 0},
    "source_threshold_return": 1,
}
LADDER = {
    "name": "heavier",
    "pair": "first.yaml",
    "key": "source.kwargs.gravity",
    "distance": "gravity",
    "rungs": [{"distance": 0, "value": 9.8}, {"distance": 1.5, "value": 14.7, "source_threshold_return": 7}],
}


@pytest.fixture
def load(tmp_path):
    def load(**study):
        for name, pair in (("first", PAIR), ("second", OTHER), ("third", OTHER | {"mapping": {"action": [1, 0]}})):
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(pair))
        arms = {"fine_tune": {"methods": ["fine_tune"]}}
        (tmp_path / "study.yaml").write_text(yaml.safe_dump({"arms": arms} | study))
        return load_study(str(tmp_path / "study.yaml"))

    return load


def test_each_rung_is_a_pair_with_its_own_source(load):
    study = load(pairs=["second.yaml"], ladders=[LADDER])
    assert [pair.name for pair in study.pairs] == ["second", "heavier_0", "heavier_1_5"]
    assert [pair.place for pair in study.pairs] == [
        None,
        Rung("heavier", "gravity", 0.0),
        Rung("heavier", "gravity", 1.5),
    ]
    assert [pair.config.source.kwargs for pair in study.pairs[1:]] == [{"gravity": 9.8}, {"gravity": 14.7}]
    assert study.pairs[1].config.target == study.pairs[2].config.target
    assert study.pairs[1].config.source.id == "CartPole-v1"
    assert [pair.config.source_threshold_return for pair in study.pairs[1:]] == [90.0, 7.0]


def test_what_the_study_lays_over_its_pairs_holds_on_every_rung(load):
    study = load(ladders=[LADDER], budget={"target": 1024})
    assert [pair.config.budget.target for pair in study.pairs] == [1024, 1024]
    assert [pair.config.budget.source for pair in study.pairs] == [4096, 4096]


def test_a_matrix_makes_every_target_the_source_of_every_other(load):
    study = load(matrix={"a": "first.yaml", "b": "second.yaml", "c": "third.yaml"})
    assert sorted(pair.name for pair in study.pairs) == [
        f"{source}_to_{target}" for source in "abc" for target in "abc" if source != target
    ]
    by_name = {pair.name: pair for pair in study.pairs}
    there, back = by_name["a_to_b"], by_name["b_to_a"]
    assert there.place == Cell("a", "b")
    assert (there.config.source.max_episode_steps, there.config.target.max_episode_steps) == (100, 300)
    assert (back.config.source.max_episode_steps, back.config.target.max_episode_steps) == (300, 100)
    assert (there.config.learner.algorithm, there.config.source_learner.algorithm) == ("dqn", "ppo")
    assert there.config.source_learner.n_steps == 64
    assert (there.config.budget.source, there.config.budget.target) == (4096, 500)
    assert (there.config.source_threshold_return, back.config.source_threshold_return) == (60.0, 155.0)
    assert by_name["b_to_c"].config.source_learner is None  # the same learner
    assert by_name["a_to_c"].config.mapping is None


REFUSED = {
    "no pairs": ({}, "pairs", "is missing: give pairs, ladders or a matrix"),
    "one task alone": ({"matrix": {"a": "first.yaml"}}, "matrix", "at least two"),
    "falling": ({"ladders": [LADDER | {"rungs": LADDER["rungs"][::-1]}]}, "ladders.0.rungs", "must rise"),
    "one rung": (
        {"ladders": [LADDER | {"rungs": LADDER["rungs"][:1]}]},
        "ladders.0.rungs",
        "at least 2 entries, not 1",
    ),
    "not of the source": ({"ladders": [LADDER | {"key": "target.kwargs.x"}]}, "ladders.0.key", "source"),
    "negative": (
        {"ladders": [LADDER | {"rungs": [{"distance": -1, "value": 1}, LADDER["rungs"][1]]}]},
        "ladders.0.rungs.0.distance",
        "greater than or equal to 0",
    ),
    "unknown key": ({"ladders": [LADDER | {"rung": []}]}, "ladders.0.rung", "did you mean 'rungs'"),
    "no such pair": ({"ladders": [LADDER | {"pair": "cartpole_heavypole"}]}, "ladders.0.pair", "cartpole_heavy_pole"),
    "no such pair in a matrix": ({"matrix": {"a": "first.yaml", "b": "zecond"}}, "matrix.b", "no shipped pair"),
    "a value of the wrong kind": (
        {"ladders": [LADDER | {"key": "source.max_episode_steps"}]},
        "source.max_episode_steps",
        "must be a whole number",
    ),
    "a name twice": (
        {"pairs": ["first.yaml"], "ladders": [LADDER, deepcopy(LADDER)]},
        None,
        "stands for another pair already",
    ),
    "a bad name": ({"matrix": {"a b": "first.yaml", "c": "second.yaml"}}, "matrix.a b", "use letters"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_t_be_is_refused_by_key(load, case):
    study, key, message = REFUSED[case]
    with pytest.raises(ConfigError) as caught:
        load(**study)
    assert caught.value.key == key
    assert message in caught.value.message
    assert caught.value.file is not None
