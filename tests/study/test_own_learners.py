"""Hyperparameters of an arm's own, and the record of how they were tuned."""

import re

import pytest
import yaml

from rl_transfer.errors import ConfigError
from rl_transfer.study import load_study, parse_overrides
from rl_transfer.study.yaml_file import dump_yaml, parse_yaml

TUNING = {
    "objective": "mean score",
    "sampler": "TPE",
    "trials": 2,
    "seeds": [1_000_000],
    "pair": "pair",
    "steps": 2048,
    "space": {"learning_rate": {"low": 1e-5, "high": 0.01, "log": True}, "n_epochs": {"choices": [1, 5]}},
    "arms": {
        "scratch": {"default_score": 0.1, "best_score": 0.1, "best_trial": 1},
        "two": {"learner": {"gamma": 0.9}, "default_score": 0.1, "best_score": 0.3, "best_trial": 2},
    },
    "versions": {"optuna": "5.0.0"},
}


def load(file, *overrides):
    return load_study(str(file), parse_overrides(overrides))


def test_an_arms_learner_is_laid_over_the_pairs(write):
    study = load(write(), "arms.two.learner={gamma: 0.5, n_epochs: 3}", "scratch.learner.learning_rate=0.1")
    (pair,) = study.pairs
    two, scratch, other = pair.learner("two"), pair.learner("scratch"), pair.learner("fine_tune")
    assert (two.gamma, two.n_epochs, two.n_steps, two.learning_rate) == (0.5, 3, 32, 3e-4)
    assert (scratch.gamma, scratch.learning_rate) == (0.98, 0.1)
    assert other == pair.config.learner
    assert pair.learner("two.placebo") == pair.learner("two.sham") == two
    assert set(pair.learners) == {"two", "scratch"}


def test_a_studys_learner_lies_below_an_arms(write):
    (pair,) = load(write(), "learner.gamma=0.7", "learner.n_epochs=4", "arms.two.learner.gamma=0.5").pairs
    assert (pair.learner("two").gamma, pair.learner("two").n_epochs) == (0.5, 4)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("arms.two.learner.gama=0.9", r"--set: arms\.two\.learner\.gama: unknown key; did you mean 'gamma'"),
        ("arms.two.learner.gamma=2", r"--set: arms\.two\.learner\.gamma: .*less than or equal to 1"),
        ("scratch.learner.n_epoch=1", r"--set: scratch\.learner\.n_epoch: unknown key; did you mean 'n_epochs'"),
        ("scratch.lerner.gamma=1", r"scratch\.lerner: unknown key; did you mean 'learner'"),
        (
            "arms.two.learner.algorithm=dqn",
            r"arms\.two\.learner\.algorithm: all runs of a pair have the same algorithm",
        ),
        ("arms.two.learner.n_envs=2", r"arms\.two\.learner\.n_envs: all runs of a pair have the same n_envs"),
        (
            "first_seed=999998",
            r"seeds from 1000000 on are for tuning, no verdict may use them; the last here is 1000002",
        ),
    ],
)
def test_what_does_not_fit_names_its_key(write, override, message):
    with pytest.raises(ConfigError) as caught:
        load(write(), override)
    assert re.search(message, str(caught.value))


def test_an_error_in_a_file_names_its_line(write):
    file = write(study=("    methods: [fine_tune]", "    methods: [fine_tune]\n    learner: {gama: 0.9}"))
    with pytest.raises(ConfigError, match=r"study\.yaml:6: arms\.fine_tune\.learner\.gama: unknown key"):
        load(file)


def test_the_last_seed_below_those_for_tuning_is_allowed(write):
    assert load(write(), "first_seed=999995").config.first_seed == 999_995


def test_a_record_must_be_of_the_hyperparameters_in_the_study(write):
    settings = load(write()).pairs[0].config.settings
    file = write(study=("", yaml.safe_dump({"tuning": TUNING | {"settings": settings}})))
    with pytest.raises(ConfigError, match="the learner of two is not the one that tuning found"):
        load(file)
    for changed, what in [
        ("learner.gamma=0.7", "learner"),
        ("budget.target=4096", "budget"),
        ("tuning.pair=x", "pair"),
        ("tuning.settings.target.kwargs={masspole: 0.01}", "target"),
        ("score.reference=400.0", "score"),
    ]:
        with pytest.raises(ConfigError, match=rf"tuning: pair has another {what} than what was tuned: restore it"):
            load(file, "arms.two.learner.gamma=0.9", changed)
    assert load(file, "tuning=null", "learner.gamma=0.7").config.tuning is None
    study = load(file, "arms.two.learner.gamma=0.9")
    assert study.config.tuning.arms["two"].best_score == 0.3
    assert study.config.tuning.model_dump(mode="json")["space"] == TUNING["space"]
    with pytest.raises(ConfigError, match=r"tuning\.space\.n_epochs"):
        load(file, "arms.two.learner.gamma=0.9", "tuning.space.n_epochs={low: 1}")


@pytest.mark.parametrize("text", ["1e-3", "0E0", "12", "010", "1.", "yes", "lin_0.1", "a: b", "", "~", "é", "-.5e1"])
def test_what_is_written_is_read_back_as_it_was(text):
    value = {"list": [text, 1e-05, 1e300, -3, True, None], text or "empty": {"inner": text}}
    assert parse_yaml(dump_yaml(value))[0] == value
