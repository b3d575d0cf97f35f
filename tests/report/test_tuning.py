"""How the report says what was tuned, and which hyperparameters are whose."""

import json
import re

import pytest

from rl_transfer.analysis import write_results
from rl_transfer.errors import RLTransferError
from rl_transfer.report import write_html

TUNING = {
    "objective": "mean score",
    "sampler": "TPE, seed 0",
    "trials": 7,
    "seeds": [1_000_000, 1_000_001],
    "pair": "cartpole_heavy_pole",
    "settings": {"learner": {"algorithm": "ppo"}},
    "steps": 20_480,
    "space": {
        "learning_rate": {"low": 1e-5, "high": 0.01, "log": True},
        "max_grad_norm": {"low": 0.3, "high": 2.0},
        "n_epochs": {"choices": [1, 5, None]},
    },
    "arms": {
        "scratch": {"default_score": 0.123, "best_score": 0.123, "best_trial": 1},
        "fine_tune": {
            "learner": {"gamma": 0.9123},
            "default_score": 0.2,
            "best_score": 0.345,
            "best_trial": 6,
            "failed_runs": 3,
        },
    },
    "versions": {"optuna": "5.0.0"},
}


def page(build, *, tuning=None, learner=None, scratch=None, arms=None) -> str:
    store, results = build(events=False, **({} if arms is None else {"arms": arms}))
    file = store / "studies/quick/study.json"
    written = json.loads(file.read_text())
    for pair in written["pairs"].values():
        pair["arms"]["fine_tune"]["learner"] = learner or {}
        pair["scratch"] = {"learner": scratch or {}}
    file.write_text(json.dumps(written | ({} if tuning is None else {"tuning": tuning})))
    html = write_html(store, write_results(store, results.data.manifest.name)).read_text()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.slow
def test_a_study_that_was_not_tuned_says_nothing_of_it(build):
    text = page(build)
    assert "tuned" not in text.replace("fine_tuned", "")
    assert "of their own" not in text


@pytest.mark.slow
def test_what_was_tuned_how_is_said(build):
    text = page(build, tuning=TUNING, learner={"gamma": 0.9123})
    assert "7 trials each for scratch and for every arm named here, by TPE, seed 0" in text
    assert "Maximised: mean score. Seeds 1000000, 1000001, which no verdict uses, 20,480 steps" in text
    assert "scratch the defaults 7 0.123 0.123 1 0" in text
    assert "fine_tune gamma: 0.9123 7 0.200 0.345 6 3" in text
    assert "learning_rate 1e-05 to 0.01, by its logarithm max_grad_norm 0.3 to 2 n_epochs 1, 5, null" in text
    assert "Versions when tuned: optuna 5.0.0." in text


@pytest.mark.slow
def test_an_arm_that_was_not_tuned_is_named(build):
    arms = {"fine_tune": {"placebo": True}, "other": {"placebo": False}}
    assert "other not tuned 0 - - - -" in page(build, tuning=TUNING, learner={"gamma": 0.9123}, arms=arms)


@pytest.mark.slow
def test_own_hyperparameters_are_shown_with_what_they_mean_for_the_effects(build):
    for own in ({"learner": {"gamma": 0.9123}}, {"scratch": {"gamma": 0.9123}}):
        text = page(build, **own)
        assert "gamma: 0.9123" in text
        assert "so the difference in hyperparameters is part of them" in text


def test_a_damaged_record_is_named(build):
    with pytest.raises(RLTransferError, match=r"study\.json: tuning\.trials"):
        page(build, tuning=TUNING | {"trials": 0})
