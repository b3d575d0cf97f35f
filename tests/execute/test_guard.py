"""Arms that are compared with reference runs: how these are planned, waited for, charged and shown."""

import json

import pytest
from tiny_study import carry_out, write_study

from rl_transfer.api import plan
from rl_transfer.cli import main
from rl_transfer.errors import ConfigError
from rl_transfer.execute.looks import wanted_runs

GUARD = {"guard": {"reference_runs": 2, "checks": 1, "patience": 1, "share": 0.5, "level": 0.999999}}
"""One check after half of the 128 steps; nearly everything is behind."""
ARMS = {"guarded": {"methods": ["fine_tune", GUARD]}}


def planned(folder, *overrides, **study):
    return plan(write_study(folder, **{"arms": ARMS, **study}), overrides, store=folder / "runs")


def of_arm(found, arm):
    return [run for run in found.runs if run.arm == arm]


def test_each_seed_has_references_of_its_own_which_arm_and_placebo_share(tmp_path):
    found = planned(tmp_path)
    references = of_arm(found, "guarded.reference")
    assert len({run.key for run in references}) == 4
    shared = {run.seed: run.spec.references for run in of_arm(found, "guarded")}
    assert shared == {run.seed: run.spec.references for run in of_arm(found, "guarded.placebo")}
    assert sorted(key for keys in shared.values() for key in keys) == sorted(run.key for run in references)
    assert {run.spec.references for run in of_arm(found, "scratch")} == {()}


def test_references_learn_from_scratch_for_as_long_as_they_are_watched(tmp_path):
    found = planned(tmp_path)
    scratch = of_arm(found, "scratch")[0].spec
    for run in of_arm(found, "guarded.reference"):
        changed = {"role": "reference", "grid": (0, 64), "episodes": 1, "horizon_steps": 128, "seed": run.seed}
        assert run.spec == scratch.model_copy(update=changed)
    assert {run.key for run in of_arm(found, "guarded.reference")}.isdisjoint(
        run.key for run in of_arm(found, "scratch")
    )


def test_they_have_the_arms_own_learner(tmp_path):
    own = {"guarded": ARMS["guarded"] | {"learner": {"gamma": 0.5}}}
    assert {run.spec.learner.gamma for run in of_arm(planned(tmp_path, arms=own), "guarded.reference")} == {0.5}


def test_a_look_wants_the_references_of_its_runs(tmp_path):
    found = planned(tmp_path, seeds={"looks": [2, 4], "alphas": [0.3, 0.2]})
    wanted = wanted_runs(found, found.study.config.looks[0])
    assert sum(run.arm == "guarded.reference" for run in wanted) == 4
    assert sum(run.arm == "guarded.reference" for run in found.runs) == 8


def test_a_guard_alone_needs_no_source(tmp_path):
    found = planned(tmp_path, arms={"guarded": {"methods": [GUARD], "placebo": False}})
    assert {run.arm for run in found.runs} == {"scratch", "guarded", "guarded.reference"}


@pytest.mark.parametrize(
    ("methods", "expected"),
    [
        (["fine_tune", GUARD, "guard"], r"arms\.guarded\.methods\.2: .*second method that may start anew"),
        (
            ["fine_tune", {"guard": {"checks": 3}}],
            r"arms\.guarded\.methods\.1\.guard\.checks: 3 in 64 steps.* rollouts of 64: take 1 at most",
        ),
        (
            ["fine_tune", {"guard": {"checks": 1, "share": 0.01}}],
            r"guard\.share: 1 of 128 steps are less than one rollout of 64: watch at least 0\.5 of the budget",
        ),
        (
            ["fine_tune", {"guard": {"checks": 1, "share": 0.9}}],
            r"guard\.share: the last is after 115 steps, when no rollout of the budget of 128 is left: watch less",
        ),
        (["fine_tune", {"guard": {"check": 3}}], r"guard has no setting 'check'; did you mean 'checks'"),
    ],
)
def test_guards_that_can_not_work_are_refused(tmp_path, methods, expected):
    with pytest.raises(ConfigError, match=expected):
        planned(tmp_path, arms={"guarded": {"methods": methods}})


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    return folder, *carry_out(folder, arms=ARMS)


@pytest.mark.slow
@pytest.mark.xdist_group("guarded")
class TestCarriedOut:
    def test_references_run_before_what_is_compared_with_them(self, studied):
        _, outcome, recorder = studied
        assert outcome.failures == ()
        kinds = [name.split("/")[1] for name in recorder.started]
        last_reference = max(place for place, kind in enumerate(kinds) if kind == "guarded.reference")
        assert last_reference < kinds.index("guarded")
        assert outcome.results.data.pairs[0].missing == ()

    def test_they_are_charged_and_no_verdict_uses_them(self, studied):
        _, outcome, _ = studied
        (pair,) = outcome.results.data.pairs
        assert {run.costs["reference_steps"] for run in pair.of_arm("guarded")} == {128}
        assert len(pair.references) == 4
        assert {one.n_baseline for one in outcome.results.comparisons} == {2}
        assert not any("reference" in one.arm + one.baseline for one in outcome.results.comparisons)

    def test_fresh_starts_are_shown_and_stored(self, studied, capsys):
        folder, outcome, _ = studied
        runs = outcome.results.data.pairs[0].of_arm("guarded")
        assert {run.fell_back_at for run in runs} == {64}
        text = "mine guarded 2 of 2, at step 64; mine guarded.placebo 2 of 2, at step 64"
        assert text in outcome.report.read_text(encoding="utf-8")
        assert main(["report", "tiny", "--store", str(folder / "runs")]) == 0
        assert text in " ".join(capsys.readouterr().out.split())
        status = json.loads((folder / "runs" / runs[0].path / "status.json").read_text())
        assert status["fell_back_at_step"] == 64

    def test_again_trains_nothing(self, studied):
        folder, _, _ = studied
        _, again = carry_out(folder, arms=ARMS)
        assert again.started == []


@pytest.mark.slow
def test_what_waits_for_a_crashed_reference_is_not_run(tmp_path):
    found = planned(tmp_path)
    from rl_transfer.execute import assign_folders
    from rl_transfer.store import Store

    store = Store(tmp_path / "runs")
    store.open()
    folders = assign_folders(found, store)
    for run in of_arm(found, "guarded.reference"):
        (folders[run.key] / "checkpoints").write_text("in the way")
    outcome, _ = carry_out(tmp_path, arms=ARMS)
    failed = {failure.run.split("/")[1]: failure for failure in outcome.failures}
    assert failed["guarded.reference"].outcome == "crashed"
    assert (failed["guarded"].outcome, failed["guarded"].message) == ("not run", "a run that it needs crashed")
    assert "reference" in str(failed["guarded"].log)
