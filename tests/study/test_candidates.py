"""Candidate sources as pairs."""

import re

import pytest
import yaml

from rl_transfer.errors import ConfigError
from rl_transfer.study import TaskConfig, load_candidates, load_study

PAIR = {
    "source": {"id": "CartPole-v1"},
    "target": {"id": "transfer/CartPole-v0", "kwargs": {"masspole": 1.0}},
    "known": "said of its own source",
    "learner": {"algorithm": "ppo", "n_envs": 2, "n_steps": 32, "batch_size": 32},
    "budget": {"source": 640, "target": 1280},
    "score": {"random": 20.0, "reference": 500.0, "worst": 8.0},
    "threshold_score": 0.8,
    "source_threshold_return": 300.0,
}
OTHERS = {
    "target": {},
    "short": {"target": {"id": "CartPole-v1"}, "budget": {"source": 64, "target": 128}},
    "agentless": {"budget": {"target": 1920}, "source_agent": "theirs"},
    "other_learner": {"learner": {"algorithm": "ppo", "gamma": 0.5, "n_steps": 64}},
}
MAPPED = {"mapping": {"observation": [0, 1, 2, 3], "action": [1, 0]}}
AGENTS = {"theirs": TaskConfig(id="CartPole-v1"), "a/b/seed0-0123456789ab": TaskConfig(id="Acrobot-v1")}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, changes in OTHERS.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(PAIR | changes))
    (tmp_path / "mapped.yaml").write_text(yaml.safe_dump(PAIR | MAPPED))


def load(*sources, target="./target.yaml", overrides=None, seeds=3, first_seed=5):
    return load_candidates(target, sources, overrides or {}, seeds=seeds, first_seed=first_seed, agents=AGENTS)


def refused(*sources, **more):
    with pytest.raises(ConfigError) as caught:
        load(*sources, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_pairs_target_learner_and_budget_become_the_source_as_in_a_matrix(files, tmp_path):
    study = load("./short.yaml", "./other_learner.yaml", "./agentless.yaml")
    matrix = {name: f"./{name}.yaml" for name in ("target", "short", "other_learner", "agentless")}
    arms = {"fine_tune": {"methods": ["fine_tune"]}}
    (tmp_path / "matrix.yaml").write_text(yaml.safe_dump({"matrix": matrix, "arms": arms}))
    cells = {pair.name: pair for pair in load_study("./matrix.yaml").pairs}
    for pair in study.pairs:
        assert pair.place == cells[pair.name].place
        assert pair.config == cells[pair.name].config.model_copy(update={"known": ""})
    assert (study.config.first_seed, study.config.looks[0].seeds) == (5, 3)


def test_the_target_itself_may_be_a_source(files):
    first, _ = load("./target.yaml", "./short.yaml").pairs
    assert first.name == "target_to_target"
    assert first.config.source == first.config.target


def test_a_stored_agent_is_a_source_with_its_own_task(files):
    study = load("theirs", "a/b/seed0-0123456789ab")
    assert [pair.config.source_agent for pair in study.pairs] == list(AGENTS)
    assert [pair.config.source for pair in study.pairs] == list(AGENTS.values())
    assert [pair.place.source for pair in study.pairs] == ["theirs", "a-b-seed0-0123456789ab"]


def test_a_mapping_stays_for_the_agent_that_it_is_about(files):
    study = load("theirs", "a/b/seed0-0123456789ab", "./short.yaml", target="./mapped.yaml")
    assert [pair.config.mapping is not None for pair in study.pairs] == [True, False, False]


def test_overrides_are_laid_over_all(files):
    study = load("./short.yaml", "./other_learner.yaml", overrides={"budget.target": 256, "learner.gamma": 0.9})
    for pair in study.pairs:
        assert pair.config.budget.target == 256
        assert pair.config.learner.gamma == 0.9
        assert pair.config.source_learner is None or pair.config.source_learner.gamma == 0.9


def test_long_names_are_cut_where_they_say_least(files, tmp_path):
    long = "a" * 50
    (tmp_path / f"{long}.yaml").write_text(yaml.safe_dump(PAIR))
    study = load("./short.yaml", f"./{long}.yaml", target=f"./{long}.yaml")
    assert [len(pair.name) for pair in study.pairs] == [len("short_to_") + 50, 64]


@pytest.mark.parametrize(
    ("sources", "more", "message"),
    [
        (["./short.yaml"], {}, r"^--sources: a ranking needs two sources or more, not 1$"),
        (["./short.yaml", "./short.yaml"], {}, r"^--sources: './short\.yaml' is given twice"),
        (["./short.yaml", "short.yaml"], {}, r"^--sources: './short\.yaml' and 'short\.yaml' have the same name"),
        (["./short.yaml", "./none.yaml"], {}, r"^--sources: neither a shipped pair nor a stored .*'\./none\.yaml'"),
        (["./short.yaml", "their"], {}, r"^--sources: .*did you mean 'theirs'\?"),
        (["./short.yaml", "answer_identit"], {}, r"^--sources: .*did you mean 'answer_identity'\?"),
        (["./short.yaml", "theirs"], {"target": "cartpole_heavy_pol"}, r"^--target: .*'cartpole_heavy_pole'"),
        (["./short.yaml", "theirs"], {"target": "./none.yaml"}, r"^--target: no such file: .*none\.yaml"),
        (["./short.yaml", "theirs"], {"overrides": {"seeds": 4}}, r"^--set: seeds: can't be set here: give --seeds"),
        (["./short.yaml", "theirs"], {"overrides": {"matrix.a": 4}}, r"^--set: matrix\.a: .*--matrix"),
        (
            ["./short.yaml", "theirs"],
            {"overrides": {"arms.two.methods": ["fine_tune"]}},
            r"^--set: arms\.two\.methods: only",
        ),
        (
            ["./short.yaml", "theirs"],
            {"overrides": {"arms.fine_tune.placebo": True}},
            r"placebo: only methods and learner",
        ),
        (["./short.yaml", "theirs"], {"overrides": {"learner.gama": 1}}, r"^--set: learner\.gama: .*'gamma'"),
        (["./short.yaml", "theirs"], {"first_seed": 10**6}, r"first_seed: seeds from 1000000 on are for tuning"),
        (
            ["./short.yaml", "theirs"],
            {"overrides": {"budget.horizon": 5}},
            r"^--set: budget\.horizon: must be",
        ),
    ],
)
def test_bad_input_is_one_line(files, sources, more, message):
    assert re.search(message, refused(*sources, **more))


def test_a_name_that_means_two_things_is_refused(files):
    agents = AGENTS | {"answer_identity": TaskConfig(id="CartPole-v1")}
    with pytest.raises(ConfigError, match="--sources: 'answer_identity' is a shipped pair and a stored source"):
        load_candidates("./target.yaml", ["answer_identity", "theirs"], {}, seeds=2, first_seed=0, agents=agents)
