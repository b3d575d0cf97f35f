"""Planning: which runs a study needs, which of them are the same, and what is refused before anything trains."""

import importlib
import json
import re

import pytest
import yaml
from zoo import import_named

from rl_transfer.errors import ConfigError
from rl_transfer.execute import examine_pair, plan_study
from rl_transfer.execute.examine_task import examine
from rl_transfer.execute.identity import _CARRY_OUT
from rl_transfer.methods import method_names
from rl_transfer.store import Store
from rl_transfer.study import load_study, parse_overrides, shipped_names

PAIR = {
    "source": {"id": "transfer/CartPole-v0"},
    "target": {"id": "transfer/CartPole-v0", "kwargs": {"masspole": 1.0}},
    "learner": {"algorithm": "ppo", "n_envs": 2, "n_steps": 32, "batch_size": 32},
    "budget": {"source": 640, "target": 1280},
    "score": {"random": 20.0, "reference": 500.0, "worst": 8.0},
    "threshold_score": 0.8,
    "source_threshold_return": 300.0,
}


def planned(tmp_path, *overrides, study="quickstart", **pair):
    if pair:
        study = tmp_path / "mine.yaml"
        study.write_text(yaml.safe_dump(PAIR | pair))
    return plan_study(load_study(str(study), parse_overrides(overrides)), Store(tmp_path / "runs"))


def refused(tmp_path, *overrides, **pair):
    with pytest.raises(ConfigError) as caught:
        planned(tmp_path, *overrides, **({"description": "mine"} | pair))
    message = str(caught.value)
    assert "\n" not in message or ": mapping: " in message  # that one shows a mapping to paste
    return message


def test_quickstart_needs_35_runs_of_which_pairs_share_the_sources(tmp_path):
    plan = planned(tmp_path)
    assert len(plan.runs) == 2 * (5 + 3 * 5)
    assert len(plan.distinct()) == 5 + 2 * 3 * 5
    assert [run.arm for run in plan.runs[:10]] == ["source"] * 10
    assert plan.notes == ()


def test_every_arm_run_uses_the_source_of_its_own_seed(tmp_path):
    plan = planned(tmp_path)
    sources = {run.key: run.seed for run in plan.runs if run.arm == "source"}
    for run in plan.runs:
        if run.spec.source is not None:
            assert sources[run.spec.source.key] == run.seed
            assert run.spec.source.scrambled == run.arm.endswith(".placebo")


@pytest.mark.slow
def test_sham_arms_use_sham_sources(tmp_path):
    plan = planned(tmp_path, "arms.fine_tune.sham=true")
    shams = {run.key for run in plan.runs if run.arm == "source.sham"}
    assert len(shams) == 5
    assert all(run.spec.sham for run in plan.runs if run.key in shams)
    used = {run.spec.source.key for run in plan.runs if run.arm == "fine_tune.sham"}
    assert used == shams


def test_baseline_seeds_add_scratch_runs_only(tmp_path):
    plan = planned(tmp_path, "baseline_seeds=10", "pairs=[cartpole_heavy_pole]")
    count = {arm: sum(run.arm == arm for run in plan.runs) for arm in ("scratch", "fine_tune", "source")}
    assert count == {"scratch": 10, "fine_tune": 5, "source": 5}


def test_scratch_has_the_same_key_in_every_study(tmp_path):
    def scratch(plan):
        return [run.key for run in plan.runs if run.arm == "scratch" and run.pair == "cartpole_heavy_pole"]

    alone = planned(tmp_path, "seeds=5", "budget.target=7680", study="cartpole_heavy_pole")
    assert scratch(planned(tmp_path)) == scratch(alone)
    assert scratch(planned(tmp_path, "learner.gamma=0.9")) != scratch(alone)


def test_segments_have_room_for_ten_episodes_in_every_environment(tmp_path):
    spec = planned(tmp_path, description="mine").runs[0].spec
    assert spec.segment_steps >= 10 * 500 * 2
    assert spec.segment_steps % 64 == 0
    assert spec.segment_steps < 10 * 500 * 2 + 64


def test_points_between_updates_are_said(tmp_path):
    (note,) = planned(tmp_path, "evaluation.points=3", "budget.target=1344", description="mine").notes
    assert "fall between updates" in note
    assert planned(tmp_path, "evaluation.points=3", "budget.source=1344", description="mine").notes == ()


@pytest.mark.parametrize(
    ("overrides", "needed"),
    [((), 4), (("alpha=0.01",), 5), (("arms.other={methods: [{fine_tune: {roles: []}}]}",), 5)],
)
def test_too_few_seeds_are_refused_with_the_number_that_would_do(tmp_path, overrides, needed):
    message = refused(tmp_path, "seeds=3", *overrides)
    assert ": seeds: " in message
    assert f"at least {needed} seeds" in message
    planned(tmp_path, f"seeds={needed}", *overrides, description="mine")


def test_budget_that_is_no_multiple_of_the_rollout_names_the_nearest(tmp_path):
    message = refused(tmp_path, budget={"source": 640, "target": 1300})
    assert re.search(r"mine\.yaml.*budget\.target.*1280 or 1344", message)


@pytest.mark.parametrize(
    ("learner", "key"),
    [
        ({"algorithm": "ppo", "n_steps": 1}, "learner.n_steps"),
        ({"algorithm": "dqn", "learning_starts": 700}, "learner.learning_starts"),
    ],
)
def test_a_learner_that_would_never_learn_is_refused(tmp_path, learner, key):
    assert re.search(rf"mine\.yaml(:\d+)?: {re.escape(key)}: ", refused(tmp_path, learner=learner))


def test_a_missing_device_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert re.search(r"device: torch sees no CUDA device.*device: cpu", refused(tmp_path, "device=cuda"))


def test_more_points_than_steps_is_refused(tmp_path):
    learner = PAIR["learner"] | {"n_envs": 1, "n_steps": 4, "batch_size": 4}
    message = refused(tmp_path, learner=learner, budget={"source": 640, "target": 8}, evaluation={"points": 20})
    assert "evaluation.points" in message


def test_segment_must_be_a_multiple_of_the_rollout(tmp_path):
    assert "take 128" in refused(tmp_path, "segment_steps=100")


@pytest.mark.parametrize("task", ["source", "target"])
@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"id": "transfer/CartPol-v0"}, r"id.*did you mean 'transfer/CartPole-v0'"),
        ({"id": "CartPole-v9"}, r"id.*v9"),
        ({"id": "no_such_package:Thing-v0"}, r"id.*'?no_such_package'? is not installed"),
        ({"id": "transfer/CartPole-v0", "kwargs": {"masspol": 1.0}}, r"kwargs.*'masspol'.*did you mean 'masspole'"),
        ({"id": "transfer/CartPole-v0", "kwargs": {"masspole": -1.0}}, r"kwargs.*masspole"),
        ({"id": "transfer/CartPole-v0", "wrappers": ["revers_actions"]}, r"wrappers\.0.*'reverse_actions'"),
        ({"id": "transfer/CartPole-v0", "wrappers": [{"observation_noise": {"scale": -1}}]}, r"wrappers\.0.*scale"),
        ({"id": "transfer/CartPole-v0", "wrappers": [{"observation_noise": {"scal": 1}}]}, r"wrappers\.0.*scal"),
    ],
)
def test_tasks_that_cannot_be_made_are_refused(tmp_path, task, config, expected):
    assert re.search(rf"mine\.yaml(:\d+)?: {task}\.{expected}", refused(tmp_path, **{task: config}))


def test_different_spaces_are_refused_side_by_side(tmp_path):
    message = refused(tmp_path, target={"id": "Acrobot-v1"})
    assert re.search(r"mine\.yaml: mapping: source and target have different observation spaces", message)
    assert re.search(r"\nobservation +Box\(4\) of float32 +Box\(6\) of float32\n", message)


def test_the_mapping_in_that_error_can_be_pasted(tmp_path):
    message = refused(tmp_path, target={"id": "Acrobot-v1"})
    mapping = yaml.safe_load(message[message.index("mapping:\n") :])["mapping"]
    assert mapping == {"observation": [0, 1, 2, 3, None, None], "action": [0, 1, None]}
    assert planned(tmp_path, target={"id": "Acrobot-v1"}, mapping=mapping).runs


def test_a_mapping_that_does_not_fit_is_refused_with_its_key_and_line(tmp_path):
    message = refused(tmp_path, mapping={"observation": [0, 1, 2, 4]})
    assert re.search(r"mine\.yaml:\d+: mapping\.observation\.3: the source has 4 numbers, 0 to 3: 4 is none", message)


def test_other_bounds_are_no_different_space(tmp_path):
    assert planned(tmp_path, target={"id": "transfer/CartPole-v0", "kwargs": {"x_threshold": 1.0}}).runs


def test_dqn_cannot_act_in_a_box(tmp_path):
    learner = {"algorithm": "dqn"}
    message = refused(tmp_path, source={"id": "Pendulum-v1"}, target={"id": "Pendulum-v1"}, learner=learner)
    assert "learner.algorithm could be ppo" in message


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("fine_tun", "did you mean 'fine_tune'"),
        ({"fine_tune": {"role": []}}, "did you mean 'roles'"),
        ({"fine_tune": {"roles": ["value_bod"]}}, "value_bod"),
        ({"fine_tune": {"freeze": ["policy_body", "policy_head"]}}, "policy loss nothing to train"),
        ({"fine_tune": {"freeze": ["features"]}}, "straight into the bodies"),
        ({"fine_tune": {"learning_rate_scale": {"exploration": 0.5}}}, "no exploration to freeze or scale"),
        ({"fine_tune": {"freeze": ["value_body"], "gradual_unfreezing": True}}, "over how many steps"),
        ("replay", "not defined for ppo, only for dqn"),
        ("policy_reuse", "not defined for ppo, only for dqn"),
        ({"jump_start": {"stages": 1}}, "greater than or equal to 2"),
    ],
)
def test_methods_that_cannot_work_are_refused(tmp_path, method, expected):
    message = refused(tmp_path, f"arms.fine_tune.methods=[{json.dumps(method)}]")
    assert "arms.fine_tune.methods.0" in message
    assert expected in message


def test_a_teacher_whose_spaces_nothing_is_taken_of_is_refused(tmp_path):
    for method, part in (
        ("shaping", "observation"),
        ("jump_start", "observation"),
        ("jump_start", "action"),
        ("kickstart", "action"),
    ):
        message = refused(tmp_path, f'arms.fine_tune.methods=["{method}"]', mapping={part: []})
        assert "arms.fine_tune.methods.0" in message
        assert f"takes nothing of the {part}s, so the source can't be asked for anything" in message
    message = refused(
        tmp_path, 'arms.fine_tune.methods=["demonstrations"]', mapping={"action": []}, learner={"algorithm": "dqn"}
    )
    assert "takes nothing of the actions, so no experience can be carried" in message
    assert planned(tmp_path, 'arms.fine_tune.methods=["shaping"]', mapping={"action": []}).runs


def test_a_model_that_is_never_fitted_is_refused(tmp_path):
    arms = 'arms.fine_tune.methods=[{"replay": {"share": 0.5, "likeliest": 0.5, "model_steps": 10000}}]'
    message = refused(tmp_path, arms, learner={"algorithm": "dqn"})
    assert "arms.fine_tune.methods.0.replay.model_steps: 10000 steps are not over before the budget" in message


def test_what_the_target_can_not_do_for_a_method_is_refused(tmp_path):
    target = {"id": "transfer/CartPole-v0", "wrappers": [{"scale_reward": {"factor": 2.0}}]}
    for name in ("replay", "offline_pretrain"):
        arms = f'arms.fine_tune.methods=["fine_tune", {{"{name}": {{"relabel": true}}}}]'
        message = refused(tmp_path, arms, learner={"algorithm": "dqn"}, target=target)
        assert f"arms.fine_tune.methods.1.{name}.relabel: the target can't tell the rewards" in message
        assert "the wrapper ScaleReward has no outcomes_of" in message
        assert planned(tmp_path, arms, learner={"algorithm": "dqn"}).runs


def test_errors_say_which_file_line_or_override_it_was(tmp_path):
    assert re.match(r"\S+mine\.yaml:\d+: budget\.target: ", refused(tmp_path, budget={"source": 640, "target": 1300}))
    assert refused(tmp_path, "budget.target=1300").startswith("--set: budget.target: ")
    assert refused(tmp_path, "seeds=3").startswith("--set: seeds: ")


@pytest.mark.slow
def test_fresh_seeds_share_no_run(tmp_path):
    first, second = (planned(tmp_path, f"first_seed={seed}") for seed in (0, 5))
    assert not {run.key for run in first.runs} & {run.key for run in second.runs}
    assert {run.seed for run in second.runs} == set(range(5, 10))


def test_a_default_setting_written_out_is_the_same_run(tmp_path):
    learner = {"algorithm": "dqn"}
    short, long = (
        planned(tmp_path, f"arms={{a: {{methods: [{method}]}}}}", learner=learner)
        for method in ("replay", "{replay: {transitions: 10000}}")
    )
    assert [run.key for run in short.runs] == [run.key for run in long.runs]


def test_anchors_belong_to_the_runs_of_methods_that_ask_for_them_alone(tmp_path):
    arms = "arms={a: {methods: [{kickstart: {decay: score}}]}, b: {methods: [kickstart]}}"
    scores = [PAIR["score"] | more for more in ({}, {"reference": 400.0})]
    runs = [planned(tmp_path, arms, score=score, description="mine").runs for score in scores]
    names = ("a", "a.placebo", "b", "scratch", "source")
    keys = [{arm: {run.key for run in found if run.arm == arm} for arm in names} for found in runs]
    assert {arm for arm in names if keys[0][arm] == keys[1][arm]} == {"b", "scratch", "source"}
    for run in runs[0]:
        assert (run.spec.anchors is not None) == run.arm.startswith("a"), run.arm


def test_identity_covers_the_code_of_a_run_and_of_its_methods_only(tmp_path):
    learner = {"algorithm": "dqn"}
    runs = planned(tmp_path, "arms={a: {methods: [replay]}, b: {methods: [fine_tune]}}", learner=learner).runs
    code = {arm: {run.spec.code for run in runs if run.arm == arm} for arm in ("scratch", "source", "a", "b")}
    assert code["scratch"] == code["source"]
    assert all(len(digests) == 1 for digests in code.values())
    assert len({digest for digests in code.values() for digest in digests}) == 3


def test_identity_covers_all_code_that_methods_decide_by():
    for name in method_names():
        module = importlib.import_module(f"rl_transfer.methods.{name}")
        used = {getattr(value, "__module__", "") for value in vars(module).values()} - {module.__name__}
        for one in sorted(used):
            room = one.split(".")[1:2] if one.startswith("rl_transfer.") else []
            place = "/".join(one.split(".")[1:]) + ".py"
            assert not room or room[0] in (*_CARRY_OUT, "errors") or place in _CARRY_OUT, f"{name} uses {one}"


def test_short_segments_are_noted(tmp_path):
    (note,) = planned(tmp_path, "segment_steps=64", description="mine").notes
    assert "cut episodes" in note


FAMILIES = {
    "classic control",
    "box2d",
    "mujoco",
    "grid worlds",
    "pixels",
    "modalities",
    "interface shifts",
    "reward shifts",
}


ONE_OF_EACH = {load_study(name).pairs[0].config.family: name for name in shipped_names("pairs")}.values()


def pairs(one_of_each, others):
    """All shipped pairs; one of each family has other marks than the others."""
    return [pytest.param(name, marks=one_of_each if name in ONE_OF_EACH else others) for name in shipped_names("pairs")]


@pytest.mark.parametrize("pair", pairs((), pytest.mark.slow))
def test_every_shipped_pair_can_be_planned_and_says_what_it_is(tmp_path, pair):
    config = load_study(pair).pairs[0].config
    assert config.family in FAMILIES
    assert config.minutes is not None
    assert all((config.description, config.known, config.learner_from))
    import_named(config.source_agent, tmp_path / "runs")
    planned(tmp_path, study=pair)


def test_at_least_thirty_pairs_over_eight_families_are_shipped():
    families = [load_study(pair).pairs[0].config.family for pair in shipped_names("pairs")]
    assert len(families) >= 30
    assert set(families) == FAMILIES


@pytest.mark.slow
@pytest.mark.parametrize("pair", [pair for pair in shipped_names("pairs") if not pair.startswith("atari")])
def test_the_environments_of_every_shipped_pair_keep_their_promises(pair):
    config = load_study(pair).pairs[0].config
    found = [one for about in ("source", "target") for one in examine(about, getattr(config, about))]
    assert [one for one in found if one.outcome == "problem"] == []
    assert [one.text for one in found if "changes nothing" in one.text] == []


@pytest.mark.parametrize("pair", pairs(pytest.mark.slow, pytest.mark.soak))
def test_every_shipped_pair_passes_its_own_examination(tmp_path, pair):
    import_named(load_study(pair).pairs[0].config.source_agent, tmp_path / "runs")
    found = examine_pair(planned(tmp_path, study=pair))
    assert found.problems == []
    assert found.minutes is not None


LARGE = ("ladders", "matrix", "zoo")


@pytest.mark.slow
@pytest.mark.parametrize(
    "study", [pytest.param(one, marks=pytest.mark.slow if one in LARGE else ()) for one in shipped_names("studies")]
)
def test_every_shipped_study_can_be_planned(tmp_path, study):
    for pair in load_study(study).pairs:
        import_named(pair.config.source_agent, tmp_path / "runs")
    plan = planned(tmp_path, study=study)
    assert plan.runs
    assert plan.notes == ()
