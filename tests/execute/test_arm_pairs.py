"""Arms that are run on some of a study's pairs: what is planned, at which level it is judged, what is refused."""

import json
import re

import pytest
import yaml
from tiny_study import PAIR, Recorder, write_study

from rl_transfer import run_study
from rl_transfer.api import plan
from rl_transfer.cli import main
from rl_transfer.errors import ConfigError

DQN = {"algorithm": "dqn", "learning_starts": 32, "buffer_size": 200, "batch_size": 16}
ARMS = {
    "fine_tune": {"methods": ["fine_tune"], "placebo": False},
    "replay": {"methods": ["replay"], "placebo": False, "pairs": ["other"]},
}


def write(folder, **study):
    """A study of a PPO pair and a DQN pair."""
    file = write_study(folder, **{"pairs": ["mine.yaml", "other.yaml"], "arms": ARMS, "seeds": 3} | study)
    (folder / "other.yaml").write_text(yaml.safe_dump(PAIR | {"learner": DQN}))
    return file


def refused(folder, **study):
    with pytest.raises(ConfigError) as caught:
        plan(write(folder, **study), store=folder / "runs")
    return str(caught.value)


def test_an_arm_is_planned_on_its_pairs_alone(tmp_path):
    runs = plan(write(tmp_path), store=tmp_path / "runs").runs
    arms = {pair: {run.arm for run in runs if run.pair == pair} for pair in ("mine", "other")}
    assert arms["mine"] == {"source", "scratch", "fine_tune"}
    assert arms["other"] == {"source", "scratch", "fine_tune", "replay"}


def test_on_another_pair_its_method_would_be_refused(tmp_path):
    everywhere = ARMS | {"replay": ARMS["replay"] | {"pairs": ["mine", "other"]}}
    assert "replay" in refused(tmp_path, arms=everywhere) and "ppo" in refused(tmp_path, arms=everywhere)


def test_the_level_is_shared_by_the_arms_of_a_pair(tmp_path, capsys):
    assert main(["check", str(write(tmp_path)), "--store", str(tmp_path / "runs")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "the level is 0.5 (alpha 0.5)" in said and "the level is 0.25 (alpha 0.5 over 2 arms)" in said


def test_too_few_seeds_for_the_arms_of_one_pair_are_refused(tmp_path):
    # 2 against 2 seeds reach p = 1/3: enough for one arm, not for two.
    found = refused(tmp_path, seeds=2, alpha=0.4)
    assert re.search(r"seeds: 2 against 2 seeds can't decide.*level is 0\.2 \(alpha 0\.4 shared by 2 arms\)", found)


@pytest.mark.slow
def test_a_study_is_carried_out_and_judged(tmp_path):
    recorder = Recorder()
    outcome = run_study(write(tmp_path), store=tmp_path / "runs", workers=2, observer=recorder)
    found = {(one.pair, one.transfer_arm): one for one in outcome.results.comparisons if one.family == "total"}
    assert set(found) == {("mine", "fine_tune"), ("other", "fine_tune"), ("other", "replay")}
    assert [found[key].level for key in sorted(found)] == [0.5, 0.25, 0.25]
    manifest = json.loads((tmp_path / "runs/studies/tiny/study.json").read_text())
    assert {name: list(pair["arms"]) for name, pair in manifest["pairs"].items()} == {
        "mine": ["fine_tune"],
        "other": ["fine_tune", "replay"],
    }
    assert (tmp_path / "runs/studies/tiny/report.html").is_file()


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        ({"pairs": ["othr"]}, r"arms\.replay\.pairs\.0.*no pair called 'othr'; did you mean 'other'"),
        ({"pairs": ["other", "other"]}, r"arms\.replay\.pairs.*names other twice"),
        ({"pairs": []}, r"arms\.replay\.pairs: must not be empty"),
    ],
)
def test_bad_pairs_are_named(tmp_path, arms, message):
    assert re.search(message, refused(tmp_path, arms=ARMS | {"replay": ARMS["replay"] | arms}))


def test_a_pair_without_arms_is_refused(tmp_path):
    only = {"replay": ARMS["replay"]}
    assert re.search(r"arms: none is run on mine: name it in an arm's pairs", refused(tmp_path, arms=only))
