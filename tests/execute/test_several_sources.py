"""Pairs with several sources: what is planned, what is the same run as ever, what is refused, what a study shows."""

import json
import re

import pytest
import yaml
from tiny_study import carry_out, write_study

from rl_transfer import run_study
from rl_transfer.cli import main
from rl_transfer.errors import ConfigError
from rl_transfer.execute import examine_pair, plan_study, stored_sources
from rl_transfer.execute.check_sources import refuse_twins
from rl_transfer.execute.manifest import pair_settings
from rl_transfer.report.payoff_sheets import retention_sheet
from rl_transfer.store import Store
from rl_transfer.study import load_study

POLE = "transfer/CartPole-v0"
LEARNER = {
    "algorithm": "dqn",
    "n_envs": 2,
    "train_freq": 16,
    "learning_starts": 20,
    "buffer_size": 200,
    "net_arch": [8],
}
FAR = {"source": {"id": POLE, "kwargs": {"length": 1.0}}, "source_threshold_return": 100.0}
ACROBOT = {
    "source": {"id": "Acrobot-v1"},
    "mapping": {"observation": [None, 4, 1, 5], "action": [0, 2]},
    "source_threshold_return": -100.0,
}
PAIR = {"learner": LEARNER, "other_sources": {"acrobot": ACROBOT, "far": FAR}}
ARMS = {"reuse": {"methods": ["policy_reuse"]}}
ONE = {"fine_tune": {"methods": ["fine_tune"], "sources": ["first"]}}


def planned(folder, *, others=None, arms=None, pair=None, **study):
    others = PAIR["other_sources"] if others is None else others
    own = {"learner": LEARNER, "other_sources": others} | (pair or {})
    file = write_study(folder, pair=own, arms=arms or ARMS, **study)
    return plan_study(load_study(str(file)), Store(folder / "runs"))


def refused(folder, **what):
    with pytest.raises(ConfigError) as caught:
        planned(folder, **what)
    return str(caught.value)


def of_arm(plan, arm):
    return {run.seed: run for run in plan.runs if run.arm == arm}


def test_settings_of_a_choice_that_so_many_sources_do_not_make_are_refused(tmp_path):
    reuse = {"reuse": {"methods": [{"policy_reuse": {"reuse": 0.5}}]}}
    assert "arms.reuse.methods.0.policy_reuse.reuse: belongs to choice: schedule" in refused(tmp_path, arms=reuse)


class TestPlan:
    def test_every_source_is_trained_once_a_seed(self, tmp_path):
        plan = planned(tmp_path)
        sources = [of_arm(plan, arm) for arm in ("source", "source.acrobot", "source.far")]
        assert [run.spec.role for run in plan.runs[:6]] == ["source"] * 6
        for arm in ("reuse", "reuse.placebo"):
            for seed, run in of_arm(plan, arm).items():
                keys = tuple(source[seed].key for source in sources)
                assert run.spec.source_keys == run.waits_for == keys
                assert run.spec.source_names == ("first", "acrobot", "far")
                assert run.spec.source.scrambled == (arm == "reuse.placebo")
                assert [other.mapping is None for other in run.spec.other_sources] == [False, True]

    def test_what_has_one_source_has_the_key_that_it_always_had(self, tmp_path):
        plan = planned(tmp_path, arms={**ARMS, **ONE}, alpha=0.9)
        alone = planned(tmp_path / "alone", others={}, arms={"fine_tune": {"methods": ["fine_tune"]}})
        for arm in ("source", "scratch", "fine_tune", "fine_tune.placebo"):
            assert {run.key for run in of_arm(plan, arm).values()} == {run.key for run in of_arm(alone, arm).values()}

    def test_a_further_source_alone_is_the_source_of_a_pair_that_has_it_as_its_own(self, tmp_path):
        arms = {"fine_tune": {"methods": ["fine_tune"], "sources": ["far"]}}
        plan = planned(tmp_path, arms=arms)
        own = planned(
            tmp_path / "own", others={}, pair={"source": FAR["source"]}, arms={"fine_tune": {"methods": ["fine_tune"]}}
        )
        assert {run.arm for run in plan.runs} == {"source.far", "scratch", "fine_tune", "fine_tune.placebo"}
        assert {run.key for run in plan.runs} == {run.key for run in own.runs}

    def test_the_order_in_an_arm_does_not_matter(self, tmp_path):
        runs = [
            {
                run.key
                for run in planned(tmp_path / "-".join(names), arms={"reuse": {**ARMS["reuse"], "sources": names}}).runs
            }
            for names in (["far", "first"], ["first", "far"])
        ]
        assert runs[0] == runs[1]

    def test_shams_of_each(self, tmp_path):
        plan = planned(tmp_path, arms={"reuse": {**ARMS["reuse"], "sham": True}})
        shams = [of_arm(plan, arm) for arm in ("source.sham", "source.acrobot.sham", "source.far.sham")]
        for seed, run in of_arm(plan, "reuse.sham").items():
            assert run.spec.source_keys == tuple(sham[seed].key for sham in shams)
            assert all(sham[seed].spec.sham for sham in shams)

    def test_their_own_learner_and_budget(self, tmp_path):
        other = {**FAR, "source_learner": {**LEARNER, "net_arch": [8], "gamma": 0.5}, "budget": {"source": 160}}
        plan = planned(tmp_path, others={"far": other})
        assert {(run.spec.learner.gamma, run.spec.budget_steps) for run in of_arm(plan, "source.far").values()} == {
            (0.5, 160)
        }
        assert {run.spec.budget_steps for run in of_arm(plan, "source").values()} == {128}

    def test_without_another_word_they_have_the_pair_s(self, tmp_path):
        pair = {"source_learner": {**LEARNER, "net_arch": [8], "gamma": 0.5}}
        plan = planned(tmp_path, others={"far": FAR}, pair=pair)
        assert {run.spec.learner.gamma for run in of_arm(plan, "source.far").values()} == {0.5}

    def test_one_run_may_be_used_through_two_mappings(self, tmp_path):
        turned = {"source": {"id": POLE}, "mapping": {"action": [1, 0]}, "source_threshold_return": 100.0}
        plan = planned(tmp_path, others={"turned": turned})
        assert of_arm(plan, "source")[0].key == of_arm(plan, "source.turned")[0].key
        assert len(plan.distinct()) == len(plan.runs) - 2

    def test_mappings_by_key_are_compared_too(self, tmp_path):
        wheel, track = ({"observation": {"wheel": name}} for name in ("wheel", "track"))
        others = {"same": {**FAR, "mapping": wheel}, "else": {**FAR, "mapping": track}}
        own = json.loads(json.dumps({"mapping": wheel, "other_sources": others}))
        pair = load_study(str(write_study(tmp_path, pair=own, arms=ARMS))).pairs[0]
        refuse_twins(pair, [("source", "k"), ("source.else", "k"), ("source.same", "l")])
        with pytest.raises(ConfigError, match=r"other_sources\.same: is the same source as first"):
            refuse_twins(pair, [("source", "k"), ("source.else", "k"), ("source.same", "k")])

    def test_a_pair_alone_fine_tunes_from_its_own_source(self, tmp_path):
        write_study(tmp_path, pair=PAIR)
        study = load_study(str(tmp_path / "mine.yaml"))
        assert study.config.arms["fine_tune"].sources == ("first",)
        plan = plan_study(load_study(str(tmp_path / "mine.yaml"), {"seeds": 8}), Store(tmp_path / "runs"))
        assert plan.notes == ("mine: no arm uses the sources acrobot, far",)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (
            {"arms": {"a": {"methods": ["policy_reuse"], "sources": ["first", "fur"]}}},
            r"arms\.a\.sources\.1: mine has no source called 'fur'; did you mean 'far'",
        ),
        (
            {"arms": {"a": {"methods": ["policy_reuse"], "sources": ["far", "far"]}}},
            r"arms\.a\.sources: names far twice",
        ),
        ({"arms": {"a": {"methods": ["policy_reuse"], "sources": []}}}, r"arms\.a\.sources: must not be empty"),
        (
            {"arms": {"a": {"methods": ["random_features"], "sources": ["far"], "placebo": False}}},
            r"arms\.a\.sources: a uses nothing of any source: remove sources",
        ),
        (
            {"arms": {"a": {"methods": ["policy_reuse", "fine_tune"]}}},
            r"arms\.a\.methods\.1\.fine_tune: fine_tune takes one source, and there are 3 \(first, acrobot, far\): "
            r"name one in the arm, as in sources: \[first\]",
        ),
        ({"others": {"first": FAR}}, r"other_sources\.first: this name stands for the pair's own source"),
        ({"others": {"source": FAR}}, r"other_sources\.source: this name stands for any source that is the only one"),
        ({"others": {"sham": FAR}}, r"other_sources\.sham: this name stands for runs beside an arm's"),
        ({"others": {"a.b": FAR}}, r"other_sources\.'a\.b': this name becomes a folder's"),
        ({"others": {"far": {"source": {"id": POLE}}}}, r"other_sources\.far\.source_threshold_return: is missing"),
        ({"others": {"far": {**FAR, "sourc": 1}}}, r"other_sources\.far\.sourc: unknown key; did you mean 'source'"),
        (
            {"others": {"far": {**FAR, "source": {"id": "transfer/CartPol-v0"}}}},
            r"other_sources\.far\.source\.id: .*did you mean 'transfer/CartPole-v0'",
        ),
        (
            {"others": {"acrobot": {**ACROBOT, "mapping": None}}},
            r"other_sources\.acrobot\.mapping: source and target have different observation spaces",
        ),
        (
            {"others": {"acrobot": {**ACROBOT, "mapping": {**ACROBOT["mapping"], "action": [0, 5]}}}},
            r"other_sources\.acrobot\.mapping\.action\.1: the source has 3 actions",
        ),
        (
            {"others": {"far": {**FAR, "budget": {"source": 130}}}},
            r"other_sources\.far\.budget\.source: 130 steps are no multiple of the learner's rollout of 32: take 128",
        ),
        (
            {"others": {"far": {**FAR, "source_learner": {"algorithm": "dqn", "learning_starts": 500}}}},
            r"other_sources\.far\.source_learner\.learning_starts",
        ),
        (
            {"others": {"far": {**FAR, "source_agent": "nobody"}}},
            r"other_sources\.far\.source_agent: no finished source",
        ),
        (
            {"others": {"far": {**FAR, "source_agent": "nobody", "budget": {"source": 128}}}},
            r"other_sources\.far\.budget: source_agent names an agent that is trained already",
        ),
        (
            {"others": {"twin": {**FAR, "source": {"id": POLE}}}},
            r"other_sources\.twin: is the same source as first: remove one of them",
        ),
        (
            {
                "others": {"acrobot": {**ACROBOT, "mapping": {**ACROBOT["mapping"], "action": []}}},
            },
            r"arms\.reuse\.methods\.0\.policy_reuse: the pair's mapping takes nothing of the actions",
        ),
        (
            {
                "others": {"acrobot": {**ACROBOT, "source_learner": {**LEARNER, "net_arch": [4]}}},
                "arms": {"a": {"methods": [{"elastic_weights": {"roles": ["value_body"]}}]}},
            },
            r"arms\.a\.methods: the source acrobot: value_body/0\.weight has shape \(4, 4\)",
        ),
    ],
)
def test_what_can_not_work_is_refused(what, expected, tmp_path):
    message = refused(tmp_path, **what)
    assert re.search(expected, message), message
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_check_shows_and_examines_every_source(tmp_path, capsys):
    low = {**FAR, "source_threshold_return": 1.0}
    write_study(tmp_path, pair={**PAIR, "other_sources": {"far": low}})
    found = examine_pair(plan_study(load_study(str(tmp_path / "mine.yaml"), {"seeds": 8}), Store(tmp_path / "runs")))
    about = {finding.about for finding in found.findings}
    assert {"source", "source far", "target"} <= about
    (problem,) = found.problems
    assert problem.about == "source far"
    assert "source_threshold_return is 1, which random actions reach" in problem.text
    write_study(tmp_path, pair={**PAIR, "other_sources": {"far": FAR}})
    found = examine_pair(plan_study(load_study(str(tmp_path / "mine.yaml"), {"seeds": 8}), Store(tmp_path / "runs")))
    trained = [finding.about for finding in found.findings if finding.check.endswith("steps of dqn")]
    assert trained == ["source", "source far", "target"]
    write_study(tmp_path, pair=PAIR, arms=ARMS)
    assert main(["check", str(tmp_path / "tiny.yaml"), "--store", str(tmp_path / "runs")]) == 0
    out = capsys.readouterr().out
    assert "source.far" in out
    assert "source.acrobot" in out


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    arms = {**ARMS, "replay": {"methods": ["replay"], "sources": ["first", "far"], "sham": True}}
    return folder, *carry_out(folder, pair=PAIR, arms=arms, alpha=0.9)


@pytest.mark.slow
@pytest.mark.xdist_group("several")
class TestCarriedOut:
    def test_the_report_names_every_source(self, studied):
        _, outcome, _ = studied
        assert outcome.failures == ()
        report = outcome.report.read_text(encoding="utf-8")
        for text in ("source.far", "source.acrobot", "source.far.sham", "source far", "sources: first, far"):
            assert text in report, text
        missed = "mine 2 of 2, mine acrobot 2 of 2, mine far 2 of 2"
        assert missed in " ".join(report.split())

    def test_their_steps_are_charged(self, studied):
        _, outcome, _ = studied
        (pair,) = outcome.results.data.pairs
        assert {run.costs["source_steps"] for run in pair.of_arm("reuse")} == {3 * 128}
        assert {run.costs["source_steps"] for run in pair.of_arm("replay.sham")} == {2 * 128}
        assert {source.arm for source in pair.sources} == {
            *("source", "source.far", "source.acrobot"),
            *("source.sham", "source.far.sham"),
        }
        assert not any(one.conditional or one.by_source for one in outcome.results.comparisons)

    def test_what_is_retained_of_each(self, studied):
        _, outcome, _ = studied
        (pair,) = outcome.results.data.pairs
        rows = {row[0]: row for row in retention_sheet(pair).rows}
        # The one that is seen through a mapping can't be played.
        assert set(rows) == {"reuse on first", "reuse on far", "replay on first", "replay on far"}
        before = [source.return_T[-1] for source in pair.sources if source.arm == "source.far"]
        after = [run.retained_returns[2] for run in pair.of_arm("reuse")]
        assert rows["reuse on far"][2:4] == [f"{sum(before) / 2:.1f}", f"{sum(after) / 2:.1f}"]

    def test_files_name_them(self, studied):
        folder, _, _ = studied
        results = folder / "runs/studies/tiny"
        entry = json.loads((results / "study.json").read_text())["pairs"]["mine"]
        assert set(entry["other_sources"]) == {"far", "acrobot"}
        (run, *_) = [run for run in entry["runs"] if run["arm"] == "reuse"]
        assert [path.split("/")[2] for path in run["other_source_paths"]] == ["source.acrobot", "source.far"]
        assert re.search(
            r"runs/mine/source/\S+ \+ runs/mine/source\.acrobot/\S+ \+ runs/mine/source\.far/",
            (results / "curves.csv").read_text(),
        )
        assert list(results.glob("tensorboard/_sources/mine/source.far/seed*"))

    def test_a_stored_agent_may_be_one_of_them(self, studied, tmp_path):
        folder, _, _ = studied
        store = Store(folder / "runs")
        (name,) = [one.name for one in stored_sources(store) if one.name.startswith("mine/source.far/seed1-")]
        file = write_study(tmp_path, pair={**PAIR, "other_sources": {"far": {**FAR, "source_agent": name}}}, arms=ARMS)
        plan = plan_study(load_study(str(file)), store)
        (stored,) = of_arm(plan, "source.far").values()
        assert (stored.seed, stored.name) == (1, "mine/source.far/seed1")
        assert {run.spec.other_sources[0].key for run in of_arm(plan, "reuse").values()} == {stored.key}
        assert len({run.spec.source.key for run in of_arm(plan, "reuse").values()}) == 2
        said = pair_settings(plan, plan.study.pairs[0])["other_sources"]["far"]
        assert said["source_agent"] == {"name": name, "sha256": None}
        arms = {"reuse": {**ARMS["reuse"], "sham": True}}
        file = write_study(tmp_path, pair={**PAIR, "other_sources": {"far": {**FAR, "source_agent": name}}}, arms=arms)
        with pytest.raises(ConfigError, match=r"arms\.reuse\.sham: .* is trained already"):
            plan_study(load_study(str(file)), store)

    def test_again_trains_nothing(self, studied):
        folder, _, _ = studied
        _, again = carry_out(
            folder, pair=PAIR, arms=yaml.safe_load((folder / "tiny.yaml").read_text())["arms"], alpha=0.9
        )
        assert again.started == []


@pytest.mark.slow
def test_the_shipped_pair_with_three_sources_runs(tmp_path):
    study = {
        "pairs": ["cartpole_three_sources_dqn"],
        "arms": {"reuse": {"methods": ["policy_reuse"], "placebo": False}},
        "seeds": 2,
        "alpha": 0.5,
        "learner": {"learning_starts": 100, "gradient_steps": 8},
        "budget": {"source": 1024, "target": 1280},
        "evaluation": {"points": 2, "episodes": 1},
    }
    (tmp_path / "three.yaml").write_text(yaml.safe_dump(study))
    outcome = run_study(tmp_path / "three.yaml", store=tmp_path / "runs", workers=2)
    assert outcome.failures == ()
    (pair,) = outcome.results.data.pairs
    assert {run.costs["source_steps"] for run in pair.of_arm("reuse")} == {3 * 1024}
    for run in pair.of_arm("reuse"):
        chosen = [run.costs[f"episodes_by_{name}"] for name in ("own", "first", "long_pole", "reversed")]
        assert sum(chosen) > 10
        assert min(chosen) > 0
