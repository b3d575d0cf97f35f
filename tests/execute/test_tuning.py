"""Tuning: equally many trials for all, on seeds of their own; what it writes runs and says how it was tuned."""

import json
import re

import pytest
import yaml
from tiny_study import Recorder, write_study

from rl_transfer import run_study, tune_study
from rl_transfer.api import plan
from rl_transfer.errors import ConfigError, RLTransferError
from rl_transfer.execute.tuning import refuse_untunable
from rl_transfer.store import Store, read_spec
from rl_transfer.study import FIRST_TUNING_SEED, load_study, parse_overrides

pytestmark = pytest.mark.xdist_group("tuning")
ARMS = {"heads": {"methods": [{"fine_tune": {"roles": ["policy_head"]}}], "learner": {"gamma": 0.9}}}
SETTINGS = {"trials": 2, "seeds": 1, "workers": 2}


class Stopped(Exception):
    pass


class Stopper(Recorder):
    """An observer that stops everything after some runs."""

    def __init__(self, after):
        super().__init__()
        self.after = after

    def run_ended(self, run, outcome):
        super().run_ended(run, outcome)
        if len(self.ended) == self.after:
            raise Stopped


def tune(folder, *, observer=None, study=None, **settings):
    file = write_study(folder, **(study or {"arms": ARMS}))
    return tune_study(file, store=folder / "runs", folder=folder, observer=observer, **(SETTINGS | settings))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """A tiny study that was tuned: its folder, the file, what was found and what was observed."""
    folder, recorder = tmp_path_factory.mktemp("tuned"), Recorder()
    return folder, *tune(folder, observer=recorder), recorder


def target_specs(folder):
    specs = [read_spec(path) for path in Store(folder / "runs").index().values()]
    return [spec for spec in specs if spec.role == "target"]


@pytest.mark.slow
def test_scratch_and_arms_have_equally_many_trials(tuned):
    folder, _, found, recorder = tuned
    assert set(found.arms) == {"scratch", "heads"}
    specs = target_specs(folder)
    scratch = [spec for spec in specs if spec.source is None]
    assert len(scratch) == len(specs) - len(scratch) == found.trials == 2
    assert recorder.begun == {"runs": 5, "stored_runs": 0, "steps": 5 * 128, "stored_steps": 0, "stage": ""}
    assert len(recorder.ended) == len(recorder.started) == 5
    assert {name.split()[1] for name in recorder.started} == {"1", "2"}


@pytest.mark.slow
def test_the_first_trial_is_the_default_and_sources_keep_the_pairs_learner(tuned):
    folder, file, _, _ = tuned
    pair = load_study(str(file.with_name("tiny.yaml"))).pairs[0]
    learners = [(spec.source is None, spec.learner) for spec in target_specs(folder)]
    assert (True, pair.config.learner) in learners
    assert (False, pair.learner("heads")) in learners
    specs = [read_spec(path) for path in Store(folder / "runs").index().values()]
    assert [spec.learner for spec in specs if spec.role == "source"] == [pair.config.learner]


@pytest.mark.slow
def test_the_best_trial_is_found_and_the_defaults_are_never_beaten_by_a_worse_one(tuned):
    _, _, found, _ = tuned
    for arm in found.arms.values():
        assert arm.best_score >= arm.default_score
        assert (arm.best_trial == 1) == (arm.best_score == arm.default_score)
        assert arm.failed_runs == 0
    assert found.arms["heads"].learner.get("gamma") is not None


@pytest.mark.slow
def test_the_objective_is_the_mean_score_over_the_budget(tuned):
    folder, _, found, _ = tuned
    import csv

    best = []
    for run in Store(folder / "runs").index().values():
        spec = read_spec(run)
        if spec.role == "target" and spec.source is None:
            returns = {}
            for row in csv.DictReader((run / "curve.csv").read_text().splitlines()):
                returns.setdefault(int(row["step"]), []).append(float(row["return"]))
            start, middle, end = (max(sum(both) / 2, 8) for both in returns.values())
            best.append(((start + 2 * middle + end) / 4 - 20) / 480)
    assert max(best) == pytest.approx(found.arms["scratch"].best_score, abs=1e-6)


@pytest.mark.slow
def test_no_verdict_uses_a_seed_of_the_tuning(tuned):
    folder, file, found, _ = tuned
    assert {spec.seed for spec in target_specs(folder)} == set(found.seeds) == {FIRST_TUNING_SEED}
    runs = plan(file, store=folder / "runs").runs
    assert not {run.spec.seed for run in runs} & set(found.seeds)
    with pytest.raises(ConfigError, match="are for tuning"):
        plan(file, [f"first_seed={FIRST_TUNING_SEED}"], store=folder / "runs")


@pytest.mark.slow
def test_the_file_runs_and_its_report_says_how_it_was_tuned(tuned):
    folder, file, found, _ = tuned
    assert file == folder / "tiny_tuned.yaml"
    assert load_study(str(file)).config.tuning == found
    outcome = run_study(file, store=folder / "runs", workers=2)
    assert outcome.failures == ()
    html = outcome.report.read_text()
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    assert "How hyperparameters were tuned" in text
    assert "2 trials each for scratch and for every arm" in text
    assert "Seeds 1000000, which no verdict uses" in text
    assert f"{found.arms['heads'].best_score:.3f}" in text
    assert "its own learner: " in text
    assert "one_minus_gamma 0.0001 to 0.1, by its logarithm" in text
    manifest = json.loads((outcome.report.parent / "study.json").read_text())
    assert manifest["tuning"] == found.model_dump(mode="json")
    placebo = [run for run in plan(file, store=folder / "runs").runs if run.arm == "heads.placebo"]
    assert {run.spec.learner.gamma for run in placebo} == {found.arms["heads"].learner["gamma"]}


@pytest.mark.slow
def test_stopped_and_started_again_it_finds_the_same(tuned, tmp_path):
    _, file, _, _ = tuned
    with pytest.raises(Stopped):
        tune(tmp_path, observer=Stopper(after=4))
    assert not (tmp_path / "tiny_tuned.yaml").exists()
    recorder = Recorder()
    again, _ = tune(tmp_path, observer=recorder)
    assert again.read_text() == file.read_text()
    assert 1 <= len(recorder.started) <= 2
    assert recorder.begun["runs"] == 5


@pytest.mark.slow
def test_runs_that_fail_count_with_the_worst_score(tmp_path):
    pair = {"target": {"id": "failing_envs:failing/Raises-v0"}}
    _, found = tune(tmp_path, study={"arms": ARMS, "pair": pair})
    floor = (8 - 20) / 480
    for arm in found.arms.values():
        assert arm.failed_runs == 2
        assert floor <= arm.best_score < 0.02


@pytest.mark.slow
def test_a_crash_says_nothing_about_hyperparameters(tmp_path):
    pair = {"source": {"id": "failing_envs:failing/Exits-v0"}}
    with pytest.raises(RLTransferError, match=r"source/seed1000000 crashed.*the same command goes on"):
        tune(tmp_path, study={"pair": pair})
    assert not (tmp_path / "tiny_tuned.yaml").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"trials": 0}, r"--trials: must be at least 2"),
        ({"trials": 1}, r"--trials: must be at least 2"),
        ({"seeds": 0}, r"--seeds: must be at least 1, not 0"),
        ({"workers": 0}, r"--workers: must be at least 1"),
        ({"name": "../x"}, r"--name: '\.\./x'"),
        ({"overrides": ["arms.heads.learner.gama=0.9"]}, r"arms\.heads\.learner\.gama: .*did you mean 'gamma'"),
        ({"overrides": ["arms.heads.learner.n_steps=48"]}, r"budget\.target"),
        ({"overrides": ["alpha=0.01"]}, r"seeds: .*at least"),
        (
            {"overrides": ["pairs=[cartpole_heavy_pole, cartpole_reversed]"]},
            r"tiny\.yaml: has 2 pairs \(cartpole_heavy_pole, cartpole_reversed\).*'pairs=\[cartpole_heavy_pole\]'",
        ),
    ],
)
def test_what_can_not_be_tuned_is_refused_before_anything_runs(tmp_path, settings, message):
    with pytest.raises(ConfigError) as caught:
        tune(tmp_path, **settings)
    assert re.search(message, str(caught.value))
    assert not (tmp_path / "runs").exists()


def test_a_file_that_is_there_stays(tmp_path):
    (tmp_path / "tiny_tuned.yaml").write_text("mine")
    with pytest.raises(ConfigError, match=r"tiny_tuned\.yaml: is there already"):
        tune(tmp_path)
    assert (tmp_path / "tiny_tuned.yaml").read_text() == "mine"
    assert not (tmp_path / "runs").exists()


def test_without_optuna_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr("rl_transfer.execute.tuning.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"needs the extra tune: pip install 'rl-transfer\[tune\]'"):
        tune(tmp_path)


@pytest.mark.parametrize(
    ("place", "text"),
    [("shipped", "cartpole_heavy_pole"), ("beside", "./mine.yaml"), ("elsewhere", "../pairs/mine.yaml")],
)
def test_the_tuned_study_finds_its_pair_from_any_folder(tmp_path, monkeypatch, place, text):
    from rl_transfer.execute import write_tuned
    from rl_transfer.study import TunedConfig, TuningConfig

    study = "cartpole_heavy_pole"
    if place != "shipped":
        study = str(write_study(tmp_path / "pairs").with_name("mine.yaml"))
    loaded = load_study(study)
    (pair,) = loaded.pairs
    arm = TunedConfig(default_score=0.0, best_score=0.0, best_trial=1)
    found = TuningConfig(
        objective="o",
        sampler="s",
        trials=2,
        seeds=(FIRST_TUNING_SEED,),
        pair=pair.name,
        settings=pair.config.settings,
        steps=pair.config.budget.target,
        space={},
        arms={"scratch": arm, "fine_tune": arm.model_copy(update={"learner": {"learning_rate": "lin_1e-3"}})},
        versions={},
    )
    file = tmp_path / ("pairs" if place == "beside" else "studies") / "new.yaml"
    write_tuned(loaded, found, file)
    assert yaml.safe_load(file.read_text())["pairs"] == [text]
    monkeypatch.chdir("/")
    again = load_study(str(file))
    assert again.pairs[0].config == loaded.pairs[0].config
    assert again.pairs[0].learner("scratch") == loaded.pairs[0].config.learner
    assert again.config.tuning == found
    with pytest.raises(ConfigError, match="can't be written"):
        write_tuned(loaded, found, file)
    for changed, what in [("learner.gamma=0.5", "learner"), ("budget.target=2048", "budget")]:
        with pytest.raises(ConfigError, match=rf"tuning: {pair.name} has another {what} than what was tuned"):
            load_study(str(file), parse_overrides([changed]))
    with pytest.raises(ConfigError, match="has been tuned, and what these trials found would be lost"):
        refuse_untunable(again, trials=2, seeds=1)
