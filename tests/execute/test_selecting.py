"""Selections planned and carried out: on tasks for which it is known which source is best."""

import json

import pytest
import yaml
from tiny_study import Recorder

from rl_transfer import rate_predictors, run_study, select_source
from rl_transfer.analysis import PREDICTORS, ranked, records
from rl_transfer.api import plan
from rl_transfer.errors import ConfigError, StoreError
from rl_transfer.execute import plan_early
from rl_transfer.execute.plan import plan_runs
from rl_transfer.execute.selection_files import identity_of
from rl_transfer.store import Store
from rl_transfer.study import load_candidates, parse_overrides

pytestmark = pytest.mark.xdist_group("selecting")
HILL = "hill_env:support/Hill-v0"
PAIR = {
    "source": {"id": HILL},
    "target": {"id": HILL},
    "learner": {"algorithm": "ppo", "n_envs": 2, "n_steps": 32, "batch_size": 32, "gamma": 0.9, "learning_rate": 0.01}
    | {"net_arch": [16], "activation": "relu"},
    "budget": {"source": 2560, "target": 1280},
    "evaluation": {"points": 5, "episodes": 10},
    "score": {"random": 4.0, "reference": 13.0, "worst": 0.0},
    "threshold_score": 0.8,
    "source_threshold_return": 10.0,
}
DQN = {"learner": {"algorithm": "dqn", "learning_starts": 100, "buffer_size": 500}}
PAIRS = {
    "goal": {},
    "same": {},
    "reversed": {"target": {"id": HILL, "kwargs": {"sign": -1.0}}},
    "longer": {"target": {"id": HILL, "kwargs": {"step": 0.5}}},
    "untrained": {"budget": {"source": 64, "target": 64}, "evaluation": {"points": 2}},
    "pendulum": {"target": {"id": "Pendulum-v1"}},
    "dqn": DQN,
    "other_dqn": DQN,
}


def path(folder, name):
    return str(folder / f"{name}.yaml")


def write_pairs(folder, **changes):
    for name, own in PAIRS.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(PAIR | own | changes))


def early(folder, *sources, target="goal", share=0.05, overrides=(), seeds=2, first_seed=0):
    study = load_candidates(
        path(folder, target),
        [path(folder, source) for source in sources],
        parse_overrides(overrides),
        seeds=seeds,
        first_seed=first_seed,
        agents={},
    )
    return study, plan_early(study, Store(folder / "runs"), arm="fine_tune", share=share)


class TestPlan:
    @pytest.fixture(autouse=True)
    def pairs(self, tmp_path):
        write_pairs(tmp_path)

    @pytest.mark.parametrize(("share", "steps"), [(0.05, 128), (0.11, 192), (0.001, 128), (0.5, 640), (0.999, 1280)])
    def test_early_runs_have_whole_rollouts_two_at_least_and_the_whole_horizon(self, tmp_path, share, steps):
        _, found = early(tmp_path, "same", "reversed", share=share)
        targets = [run.spec for run in found.plan.runs if run.spec.role == "target"]
        assert {spec.budget_steps for spec in targets} == {steps}
        assert {spec.horizon_steps for spec in targets} == {1280 if steps < 1280 else None}
        assert all(point % 64 == 0 for spec in targets for point in spec.grid) or steps > 128
        sources = [run.spec for run in found.plan.runs if run.spec.role == "source"]
        assert {spec.budget_steps for spec in sources} == {2560}
        assert {spec.horizon_steps for spec in sources} == {None}

    def test_scratch_is_shared_and_each_seed_has_its_source(self, tmp_path):
        _, found = early(tmp_path, "same", "reversed", seeds=3, first_seed=4)
        runs = found.plan.distinct()
        counts = {arm: sum(run.arm == arm for run in runs) for arm in ("source", "scratch", "fine_tune")}
        assert counts == {"source": 6, "scratch": 3, "fine_tune": 6}
        assert {run.seed for run in runs} == {4, 5, 6}

    def test_sources_are_those_that_a_study_of_the_pair_trains(self, tmp_path):
        study, found = early(tmp_path, "same", "reversed")
        ours = {run.key for run in found.plan.runs if run.arm == "source" and run.pair == "reversed_to_goal"}
        pair = next(pair for pair in study.pairs if pair.name == "reversed_to_goal")
        (tmp_path / "alone.yaml").write_text(yaml.safe_dump(pair.config.model_dump(mode="json", exclude_unset=True)))
        theirs = plan(path(tmp_path, "alone"), ["seeds=4"], store=tmp_path / "runs").runs
        assert ours < {run.key for run in theirs if run.arm == "source"}

    def test_a_selection_is_known_by_its_anchors_and_its_code_too(self, tmp_path, monkeypatch):
        def identity(*overrides):
            return identity_of(early(tmp_path, "same", "reversed", overrides=overrides)[1], {})

        before = identity()
        assert before == identity()
        assert before != identity("score.reference=7.0")
        assert before["runs"] == identity("score.reference=7.0")["runs"]
        monkeypatch.setattr("rl_transfer.execute.selection_files.predictor_digest", lambda: "other")
        assert before != identity()

    def test_of_the_whole_runs_points_nothing_is_said(self, tmp_path):
        write_pairs(tmp_path, evaluation={"points": 8, "episodes": 10})
        study, found = early(tmp_path, "same", "reversed")
        assert any("points over 1280 target steps" in note for note in plan_runs(study, Store(tmp_path / "runs")).notes)
        assert not any("points over" in note for note in found.plan.notes)

    def test_a_source_that_does_not_fit_is_left_out_with_the_reason(self, tmp_path):
        _, found = early(tmp_path, "same", "pendulum", "reversed")
        assert found.excluded == {
            "pendulum": "its observations are Box(3) of float32, the target's Box(1) of float32 and its actions are "
            "Box(1) of float32, the target's Discrete(2)"
        }
        assert {run.pair for run in found.plan.runs} == {"same_to_goal", "reversed_to_goal"}

    @pytest.mark.parametrize(
        ("sources", "more", "message"),
        [
            (("same", "pendulum"), {}, r"^--sources: only 1 of these can be carried to goal.*\(pendulum: its obs"),
            (("same", "reversed"), {"share": 0.0}, r"^--share: must lie between 0 and 1, not 0"),
            (("same", "reversed"), {"share": 1.0}, r"^--share: must lie between 0 and 1, not 1"),
            (
                ("dqn", "other_dqn"),
                {"target": "dqn"},
                r"^--share: dqn learns nothing in the first 64 of .*0\.09 or more",
            ),
            (("same", "reversed"), {"overrides": ["arms.fine_tune.methods=[fin]"]}, r"^--set: .*no method.*'fin'"),
            (
                ("same", "reversed"),
                {"overrides": ["arms.fine_tune.methods=[fine_tune, guard]"]},
                r"^--set: arms\.fine_tune\.methods: has a method that compares training with references",
            ),
        ],
    )
    def test_bad_input_is_one_line(self, tmp_path, sources, more, message):
        with pytest.raises(ConfigError, match=message) as caught:
            early(tmp_path, *sources, **more)
        assert "\n" not in str(caught.value)


def choose(folder, *sources, observer=None, **more):
    settings = {"seeds": 2, "store": folder / "runs", "workers": 2, "share": 0.1, "observer": observer} | more
    return select_source(path(folder, "goal"), [path(folder, source) for source in sources], **settings)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    """The same task, the opposite one, and one that was hardly trained, as sources: carried out."""
    folder, recorder = tmp_path_factory.mktemp("chosen"), Recorder()
    write_pairs(folder)
    return folder, choose(folder, "same", "untrained", "reversed", observer=recorder), recorder


def values(found, predictor):
    return {candidate.source: candidate.value(predictor) for candidate in found.candidates}


@pytest.mark.slow
def test_the_same_task_ranks_first(chosen):
    _, found, _ = chosen
    order = ranked(found.candidates)
    assert order[0].candidate.source == "same"
    assert found.excluded == {}
    assert not any(candidate.undefined(name) for candidate in found.candidates for name in PREDICTORS)


@pytest.mark.slow
def test_each_predictor_tells_what_it_is_about(chosen):
    _, found, _ = chosen
    for predictor in ("zero_shot", "early_learning"):
        scores = values(found, predictor)
        assert scores["same"] > scores["untrained"] > scores["reversed"] + 0.5
    dynamics = values(found, "dynamics")
    assert min(dynamics["same"], dynamics["untrained"]) > dynamics["reversed"] + 0.2
    agreement = values(found, "value_agreement")
    assert agreement["same"] > agreement["untrained"] + 0.1
    likeness = values(found, "representation")
    assert len(set(likeness.values())) == 3 and all(0.0 < value <= 1.0 for value in likeness.values())


@pytest.mark.slow
def test_predictors_are_what_the_runs_say(chosen):
    folder, found, _ = chosen
    one = next(candidate for candidate in found.candidates if candidate.source == "same")
    runs = folder / "runs" / "runs"
    (curve,) = runs.glob("same_to_goal/fine_tune/seed1-*/curve.csv")
    first = [float(line.split(",")[2]) for line in curve.read_text().splitlines()[1:] if line.startswith("0,")]
    said = [p.value for p in one.predictions if p.predictor == "zero_shot" and p.seed == 1]
    assert said == [pytest.approx((sum(first) / 10 - 4.0) / 9.0)]


@pytest.mark.slow
def test_everything_is_charged(chosen):
    _, found, recorder = chosen
    for candidate in found.candidates:
        assert candidate.costs.source_steps == (128 if candidate.source == "untrained" else 5120)
        assert candidate.costs.target_steps == 2 * 128
        assert candidate.costs.probe_steps > 2 * 2000
    assert found.baseline_costs.target_steps == 2 * 128
    assert found.baseline_costs.probe_steps == 2 * 2000
    assert sum(name.endswith("probes/seed0") for name in recorder.ended) == 3


@pytest.mark.slow
def test_the_same_call_trains_and_asks_nothing(chosen):
    folder, found, _ = chosen
    recorder = Recorder()
    assert choose(folder, "same", "untrained", "reversed", observer=recorder) == found
    assert recorder.started == []
    with pytest.raises(StoreError, match=r"another selection of this name \(other pairs, runs\).*--name"):
        choose(folder, "reversed", "same")
    with pytest.raises(StoreError, match=r"other first_seed, runs"):
        choose(folder, "same", "untrained", "reversed", first_seed=2)


@pytest.mark.slow
def test_what_is_written_can_be_read_and_judged_on_fresh_seeds(chosen):
    folder, found, _ = chosen
    place = folder / "runs" / "selections" / "goal"
    written = json.loads((place / "selection.json").read_text())
    assert written["ranking"]["goal"][0]["source"] == "same"
    rows = (place / "selection.csv").read_text().splitlines()
    assert len(rows) == 1 + 3 * 2 * len(PREDICTORS)
    assert found.judge_from == 2
    fresh = plan(place / "same_to_goal.yaml", [f"first_seed={found.judge_from}", "seeds=4"], store=folder / "runs")
    used = Store(folder / "runs").index()
    assert not used.keys() & {run.key for run in fresh.runs}


@pytest.mark.slow
def test_a_stored_agent_is_a_candidate(chosen):
    folder, _, _ = chosen
    (agent,) = (folder / "runs" / "runs").glob("reversed_to_goal/source/seed0-*")
    name = f"reversed_to_goal/source/{agent.name}"
    store = folder / "runs"
    found = select_source(
        path(folder, "goal"), [name, path(folder, "same")], seeds=2, share=0.1, store=store, workers=2, name="agents"
    )
    theirs, ours = found.candidates
    assert theirs.source == name.replace("/", "-")
    assert theirs.costs.source_steps == 2560
    assert ranked(found.candidates)[0].candidate.source == ours.source == "same"


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """A matrix of three hills, carried out, and its predictors."""
    folder = tmp_path_factory.mktemp("rated")
    write_pairs(folder)
    matrix = {"one": "./goal.yaml", "two": "./reversed.yaml", "three": "./longer.yaml"}
    study = {"matrix": matrix, "arms": {"fine_tune": {"methods": ["fine_tune"], "placebo": False}}, "alpha": 0.5}
    study |= {"seeds": 2, "budget": {"source": 256, "target": 256}}
    (folder / "hills.yaml").write_text(yaml.safe_dump(study))
    with pytest.raises(ConfigError, match=r"--matrix: .*has no study 'hills'; it has none yet; 'rl-transfer run"):
        rate_predictors(path(folder, "hills"), store=folder / "runs")
    outcome = run_study(path(folder, "hills"), store=folder / "runs", workers=2, overrides=["first_seed=3"])
    return folder, outcome, rate_predictors("hills", seeds=2, share=0.1, store=folder / "runs", workers=2)


@pytest.mark.slow
def test_the_truth_is_the_studys_and_the_seeds_are_others(rated):
    _, outcome, found = rated
    effects = {one.pair: one.difference for one in outcome.results.comparisons if one.family == "total"}
    assert {candidate.pair: candidate.truth for candidate in found.candidates} == effects
    assert found.seeds == (5, 6) and not found.shares_seeds
    assert (found.study, found.name, len(found.targets)) == ("hills", "hills", 3)


@pytest.mark.slow
@pytest.mark.parametrize(("first_seed", "shares"), [(1, False), (2, True)])
def test_seeds_are_shared_only_where_the_studys_are_among_them(rated, first_seed, shares):
    folder, _, _ = rated  # its study has seeds 3 and 4
    options = {"seeds": 2, "share": 0.1, "store": folder / "runs", "workers": 2}
    found = rate_predictors("hills", first_seed=first_seed, name=f"from{first_seed}", **options)
    assert found.shares_seeds == shares


@pytest.mark.slow
def test_records_are_about_all_cells(rated):
    _, _, found = rated
    table = {record.predictor: record for record in records(found)}
    assert all(table[name].correlation.cells == 6 and table[name].choice.groups == 3 for name in PREDICTORS)
    truths = [[candidate.truth for candidate in found.of_target(target)] for target in found.targets]
    assert table["random choice"].choice.loss == pytest.approx(sum(max(t) - sum(t) / 2 for t in truths) / 3)
    for predictor in PREDICTORS:
        lost = 0.0
        for target, truth in zip(found.targets, truths, strict=True):
            said = [candidate.value(predictor) for candidate in found.of_target(target)]
            first = [one for one, value in zip(truth, said, strict=True) if value == max(said)]
            lost += max(truth) - sum(first) / len(first)
        assert table[predictor].choice.loss == pytest.approx(lost / 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"arm": "fine_tun"}, r"^--arm: the study hills has no arm 'fine_tun'; did you mean 'fine_tune'"),
        ({"study": "hill"}, r"^--matrix: .*has no study 'hill'; did you mean 'hills'"),
        ({"first_seed": 10**6}, r"^--first-seed: must lie from 0 to"),
        ({"first_seed": -3}, r"^--first-seed: must lie from 0 to \d+, .*, not -3"),
        ({"seeds": 1}, r"^--seeds: must be at least 2, not 1"),
    ],
)
def test_bad_input_about_a_matrix(rated, settings, message):
    folder, _, _ = rated
    with pytest.raises(ConfigError, match=message):
        rate_predictors(**({"study": "hills", "store": folder / "runs"} | settings))


@pytest.mark.slow
def test_a_file_that_was_changed_since_is_another_study(rated):
    folder, _, _ = rated
    file = folder / "reversed.yaml"
    content = file.read_text()
    file.write_text(content.replace("reference:", "reference: 99.0 #"))
    try:
        with pytest.raises(
            ConfigError,
            match=r"hills\.yaml: the file of the study hills has other score and source_threshold_return than",
        ):
            rate_predictors("hills", store=folder / "runs")
    finally:
        file.write_text(content)


@pytest.mark.slow
def test_an_unfinished_study_is_no_truth(rated):
    folder, outcome, _ = rated
    run = folder / "runs" / next(one.runs[0] for one in outcome.results.comparisons if one.family == "total")
    content = (run / "status.json").read_text()
    (run / "status.json").unlink()
    try:
        with pytest.raises(ConfigError, match=r"^--matrix: the study hills is not finished: 1 of 6 cells"):
            rate_predictors("hills", store=folder / "runs")
    finally:
        (run / "status.json").write_text(content)
