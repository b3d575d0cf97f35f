"""The same run gives the same bytes: again, in pieces, with nothing carried, with its own weights carried."""

from functools import cache

import pytest
from builders import (
    REGIME,
    Interrupt,
    arm_spec,
    as_bytes,
    carry_out,
    curve,
    dqn,
    folder_of,
    handmade_source,
    initial_networks,
    outputs,
    ppo,
    run_spec,
    source_spec,
    status,
    tiny,
)
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rl_transfer.knowledge import ROLES, Transitions, read_networks
from rl_transfer.run.protocol import Run
from rl_transfer.study import ScoreConfig, TaskConfig

LEARNERS = {
    "ppo": ppo(),
    "ppo-schedules": ppo(learning_rate="lin_0.02", clip_range="lin_0.3", target_kl=0.01),
    "ppo-normalized": ppo(normalize=True),
    "trpo": tiny("trpo", normalize={"observation": True, "reward": False}),
    "dqn": dqn(),
    "dqn-one-env": dqn(n_envs=1, train_freq=8, buffer_size=40),
    "dqn-n-step": dqn(n_step_returns=3, learning_rate="lin_0.02", tau=0.5),
    "sac-normalized": tiny("sac", normalize=True),
    "td3": tiny("td3", noise_type="normal", learning_rate="lin_0.02"),
}
ARMS = {
    "ppo-regime": (ppo(normalize=True), [("fine_tune", REGIME)]),
    "sac-regime": (tiny("sac", normalize=True), [("fine_tune", REGIME)]),
    "qrdqn-exploring": (tiny("qrdqn"), [("fine_tune", {"new_heads": True})]),
    "ppo-features": (ppo(normalize=True), ["feature_extraction"]),
    "ppo-fine-tune": (ppo(), [("fine_tune", {"freeze": ["value_body"]})]),
    "dqn-replay": (dqn(n_step_returns=3), [("replay", {"transitions": 30})]),
    "ppo-elastic": (ppo(normalize=True), ["fine_tune", ("elastic_weights", {"samples": 40})]),
    "sac-elastic": (tiny("sac"), [("elastic_weights", {"samples": 40, "coefficient": 50.0})]),
    "dqn-mixed": (dqn(n_step_returns=3), [("replay", {"share": 0.7, "share_end": 0.1, "decay_steps": 100})]),
    # A model of the dynamics is fitted within segments too, and the buffer forgets.
    "dqn-likeliest": (
        dqn(buffer_size=40),
        [("replay", {"share": 0.5, "likeliest": 0.3, "model_steps": 24}), ("replay", {"transitions": 20})],
    ),
    "sac-likeliest": (
        tiny("sac", normalize=True),
        [("replay", {"share": 0.5, "likeliest": 0.5, "model_steps": 40}), "fine_tune"],
    ),
    "sac-mixed": (tiny("sac", normalize=True), [("replay", {"share": 0.3, "best_episodes": 0.5})]),
    "ppo-shaping": (ppo(normalize=True), ["fine_tune", "shaping"]),
    "dqn-shaping": (dqn(n_step_returns=3), [("shaping", {"coefficient": 3.0})]),
    "ppo-jump-start": (
        ppo(normalize=True),
        ["fine_tune", ("jump_start", {"horizon": 6, "stages": 3, "window": 2, "tolerance": 0.0})],
    ),
    "dqn-jump-start": (dqn(n_step_returns=3), [("jump_start", {"variant": "random", "deterministic": False})]),
    "sac-policy-reuse": (tiny("sac"), [("policy_reuse", {"deterministic": False}), "shaping"]),
    "dqn-pretrain": (
        dqn(n_step_returns=3, normalize=True),
        ["fine_tune", ("offline_pretrain", {"gradient_steps": 25, "exploration": "keep"})],
    ),
    "sac-pretrain": (
        tiny("sac", normalize=True),
        [("offline_pretrain", {"gradient_steps": 25, "conservative": True}), "replay"],
    ),
    "ppo-kickstart": (ppo(normalize=True), [("kickstart", {"decay": "score", "window": 5}), "shaping"]),
    "dqn-demonstrations": (
        dqn(n_step_returns=3, normalize=True),
        [("demonstrations", {"steps": 35, "share": 0.3}), ("replay", {"share": 0.2}), ("kickstart", {"decay": "none"})],
    ),
    "qrdqn-demonstrations": (tiny("qrdqn"), ["fine_tune", ("demonstrations", {"steps": 20})]),
    "dqn-kickstart": (dqn(n_step_returns=3), [("replay", {"share": 0.3}), ("kickstart", {"decay_steps": 100})]),
    "sac-kickstart": (tiny("sac", normalize=True), ["fine_tune", ("kickstart", {"decay": "none"})]),
    "dqn-both": (dqn(), ["fine_tune", ("replay", {"transitions": 1000})]),
}
# The walk's returns lie above this random one, so that no learner is as good as its source.
ANCHORS = ScoreConfig(random=-100.0, reference=10.0, worst=-100.0)
PLACEBOS = {f"{name}-placebo": arm for name, arm in ARMS.items()}


@pytest.fixture(scope="module")
def source_of(tmp_path_factory):
    """A finished source run of an algorithm and a seed, carried out when it is first asked for."""
    root = tmp_path_factory.mktemp("sources")
    return cache(lambda config, seed=0: carry_out(source_spec(config, seed=seed), root))


QUICK = ("ppo", "ppo-fine-tune-placebo", "dqn-both")


@pytest.fixture(
    params=[
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in (*LEARNERS, *ARMS, *PLACEBOS)
    ]
)
def case(request, source_of):
    """A specification and its source."""
    if request.param in LEARNERS:
        return run_spec(LEARNERS[request.param]), None
    config, methods = (ARMS | PLACEBOS)[request.param]
    source = source_of(config)
    return arm_spec(run_spec(config, anchors=ANCHORS), source, *methods, scrambled=request.param in PLACEBOS), source


def continued(spec, root, source):
    """Carry out what is left of a run."""
    return carry_out(spec, root, source)


class TestSameBytes:
    def test_again_stopped_at_a_boundary_and_killed_inside_a_segment(self, case, tmp_path):
        spec, source = case
        alone = carry_out(spec, tmp_path / "alone", source)
        assert status(alone)["outcome"] == "completed"

        again = carry_out(spec, tmp_path / "again", source)
        assert outputs(again) == outputs(alone)

        stopped = carry_out(spec, tmp_path / "stopped", source, stop_after_segment=1)
        assert not (stopped / "status.json").exists()
        assert outputs(continued(spec, tmp_path / "stopped", source)) == outputs(alone)

        for step in (16, 100):  # in the first segment, in the second
            root = tmp_path / f"killed{step}"
            with pytest.raises(KeyboardInterrupt):
                carry_out(spec, root, source, Interrupt(step))
            assert not (folder_of(spec, root) / "status.json").exists()
            assert outputs(continued(spec, root, source)) == outputs(alone)

    @pytest.mark.slow
    def test_another_seed_gives_others(self, case, tmp_path, source_of):
        spec, source = case
        other = spec.model_copy(update={"seed": 1})
        found = [carry_out(one, tmp_path, source) for one in (spec, other)]
        assert curve(found[0]) != curve(found[1])
        assert outputs(found[0])["networks.safetensors"] != outputs(found[1])["networks.safetensors"]

    @pytest.mark.parametrize("config", [ppo(), dqn()], ids=["ppo", "dqn"])
    def test_progress_and_logging_do_not_matter(self, config, tmp_path):
        quiet = carry_out(run_spec(config), tmp_path / "a")
        told = []
        loud = carry_out(run_spec(config), tmp_path / "b", on_progress=told.append)
        assert outputs(quiet) == outputs(loud)
        assert sorted({progress.step for progress in told} & {0, 32, 64, 96, 128}) == [0, 32, 64, 96, 128]
        assert told[-1].mean_return == pytest.approx(sum(curve(loud)[128]) / 3)

    @pytest.mark.slow
    def test_killed_at_every_moment(self, tmp_path):
        spec = run_spec(dqn(), grid=(0, 64, 128), episodes=1)
        alone = outputs(carry_out(spec, tmp_path / "alone"))
        calls = []
        carry_out(spec, tmp_path / "counted", on_progress=calls.append)
        root = tmp_path / "killed"
        for count in range(0, len(calls), 3):
            interrupt = Interrupt(0)
            ticks = iter(range(count))

            def tick(progress, ticks=ticks, interrupt=interrupt):
                if next(ticks, None) is None:
                    interrupt(progress)

            with pytest.raises(KeyboardInterrupt):
                carry_out(spec, root / str(count), None, tick)
            assert outputs(carry_out(spec, root / str(count))) == alone, count

    @pytest.mark.slow
    def test_killed_while_the_results_are_written(self, tmp_path, monkeypatch):
        spec = run_spec()
        alone = outputs(carry_out(spec, tmp_path / "alone"))
        for name in ("_write_retention", "_write_results", "_write_status"):

            def killed(*_args, **_kwargs):
                raise KeyboardInterrupt

            with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
                patch.setattr(Run, name, killed)
                carry_out(spec, tmp_path / name)
            assert outputs(carry_out(spec, tmp_path / name)) == alone, name

    def test_checkpoints_go_when_the_run_is_finished(self, tmp_path):
        stopped = carry_out(run_spec(), tmp_path, stop_after_segment=1)
        assert (stopped / "checkpoints").is_dir()
        assert not (carry_out(run_spec(), tmp_path) / "checkpoints").exists()


class TestSegments:
    @pytest.mark.slow
    @pytest.mark.parametrize("config", [ppo(), dqn()], ids=["ppo", "dqn"])
    def test_they_belong_to_the_run(self, config, tmp_path):
        one = carry_out(run_spec(config, segment_steps=64), tmp_path)
        other = carry_out(run_spec(config, segment_steps=32), tmp_path)
        assert outputs(one)["networks.safetensors"] != outputs(other)["networks.safetensors"]
        assert outputs(one)["costs"]["target_steps"] == outputs(other)["costs"]["target_steps"] == 128

    def test_a_last_segment_may_be_shorter(self, tmp_path):
        folder = carry_out(run_spec(segment_steps=96), tmp_path)
        assert outputs(folder)["costs"]["target_steps"] == 128
        assert list(curve(folder)) == [0, 32, 64, 96, 128]


def events(folder):
    found = EventAccumulator(str(folder / "events"), {"scalars": 0}).Reload()
    return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


class TestEvents:
    @pytest.mark.parametrize(
        ("config", "methods"),
        [
            (ppo(learning_rate="lin_0.01", normalize=True), ["fine_tune", "shaping"]),
            (dqn(), ["fine_tune", ("replay", {"share": 0.3}), ("jump_start", {"variant": "random"})]),
            pytest.param(tiny("sac"), ["kickstart", "replay"], marks=pytest.mark.slow),
        ],
        ids=["ppo", "dqn", "sac"],
    )
    def test_stopped_or_killed_they_are_all_there_once(self, config, methods, source_of, tmp_path):
        source = source_of(config)
        spec = arm_spec(run_spec(config, anchors=ANCHORS), source, *methods)
        alone = events(carry_out(spec, tmp_path / "alone", source))
        for tag, found in alone.items():
            steps = [step for step, _ in found]
            assert steps == sorted(set(steps)), tag
        carry_out(spec, tmp_path / "stopped", source, stop_after_segment=1)
        with pytest.raises(KeyboardInterrupt):
            carry_out(spec, tmp_path / "killed", source, Interrupt(100))
        for name in ("stopped", "killed"):
            found = events(carry_out(spec, tmp_path / name, source))
            assert found.keys() == alone.keys()
            for tag in alone:
                steps = [step for step, _ in found[tag]]
                assert steps == sorted(set(steps)), (name, tag)
                if not tag.startswith("time/"):
                    assert found[tag] == alone[tag], (name, tag)

    def test_the_curve_is_in_them(self, tmp_path):
        folder = carry_out(run_spec(), tmp_path)
        assert [step for step, _ in events(folder)["eval/mean_return"]] == [0, 32, 64, 96, 128]
        for step, value in events(folder)["eval/mean_return"]:
            assert value == pytest.approx(sum(curve(folder)[step]) / 3)

    def test_the_learning_rate_falls_over_all_segments(self, tmp_path):
        # Logged at the start of the next rollout: the rate of the update before.
        found = events(carry_out(run_spec(ppo(learning_rate="lin_0.01"), segment_steps=64), tmp_path))
        rates = found["train/learning_rate"]
        assert rates
        for step, rate in rates:
            assert rate in [pytest.approx(0.01 * (1 - done / 128)) for done in (step - 32, step)]


class TestNothingCarried:
    def fresh_source(self, root, config):
        spec = run_spec(config)
        source = handmade_source(root, source_spec(config), initial_networks(spec))
        if config.algorithm == "dqn":
            donor = carry_out(source_spec(config, seed=9), root)
            Transitions.read(donor / "agent" / "experience.npz").write(source / "agent" / "experience.npz")
        return source

    @pytest.mark.slow
    @pytest.mark.parametrize("config", [ppo(), dqn()], ids=["ppo", "dqn"])
    def test_its_own_fresh_weights_change_nothing(self, config, tmp_path):
        scratch = outputs(carry_out(run_spec(config), tmp_path))
        source = self.fresh_source(tmp_path, config)
        # Exploration is no weight: carried, an off-policy learner would explore as one that has learned already.
        method = ("fine_tune", {"roles": [role for role in ROLES if role != "exploration"]})
        arm = outputs(carry_out(arm_spec(run_spec(config), source, method), tmp_path, source))
        for name in ("curve.csv", "networks.safetensors", "status.json", "costs"):
            if name == "costs":
                arm[name] = {**arm[name], "evaluation_steps": scratch[name]["evaluation_steps"]}  # retention
            assert arm[name] == scratch[name], name


class TestArms:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "case_", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in ARMS]
    )
    def test_scratch_arm_and_placebo_differ_and_the_source_is_left_alone(self, case_, source_of, tmp_path):
        config, methods = ARMS[case_]
        source = source_of(config)
        before = {path: path.read_bytes() for path in source.rglob("*") if path.is_file()}
        arm = arm_spec(run_spec(config, anchors=ANCHORS), source, *methods)
        placebo = arm_spec(run_spec(config, anchors=ANCHORS), source, *methods, scrambled=True)
        found = [
            outputs(carry_out(run_spec(config), tmp_path)),
            outputs(carry_out(arm, tmp_path, source)),
            outputs(carry_out(placebo, tmp_path, source)),
        ]
        assert len({result["networks.safetensors"] for result in found}) == 3
        assert {path: path.read_bytes() for path in source.rglob("*") if path.is_file()} == before

    def test_the_placebo_starts_from_the_scrambled_source(self, source_of, tmp_path):
        source = source_of(ppo())
        # Everything that PPO's losses train but the heads is frozen, so it is still there at the end.
        settings = {"freeze": ["policy_body", "value_body"]}
        spec = arm_spec(run_spec(), source, ("fine_tune", settings), scrambled=True)
        folder = carry_out(spec, tmp_path, source)
        ours, theirs = (read_networks(one / "agent" / "networks.safetensors") for one in (folder, source))
        for role in settings["freeze"]:
            for name, array in theirs[role].items():
                assert sorted(ours[role][name].ravel()) == sorted(array.ravel())
                assert not (ours[role][name] == array).all()

    def test_frozen_roles_are_the_source_s_to_the_end(self, source_of, tmp_path):
        source = source_of(dqn())
        spec = arm_spec(run_spec(dqn()), source, ("fine_tune", {"freeze": ["value_body"]}))
        folder = carry_out(spec, tmp_path, source)
        ours, theirs = (as_bytes(read_networks(one / "agent" / "networks.safetensors")) for one in (folder, source))
        assert {name for name in ours if ours[name] == theirs[name]} == {"value_body/0.weight", "value_body/0.bias"}

    @pytest.mark.slow
    def test_knowledge_is_the_source_s_own_seed(self, source_of, tmp_path):
        found = [
            outputs(
                carry_out(arm_spec(run_spec(), source_of(ppo(), seed), "fine_tune"), tmp_path, source_of(ppo(), seed))
            )
            for seed in (0, 1)
        ]
        assert found[0]["networks.safetensors"] != found[1]["networks.safetensors"]


def test_a_run_from_a_study_s_own_process_needs_no_more_than_the_folder(tmp_path):
    """What an earlier attempt without a checkpoint left behind does not matter."""
    spec = run_spec(task=TaskConfig(id="probes:Walk-v0", kwargs={"goal": 0}))
    clean = outputs(carry_out(spec, tmp_path / "clean"))
    folder = folder_of(spec, tmp_path / "dirty")
    (folder / "events").mkdir()
    (folder / "events" / "events.out.tfevents.old").write_bytes(b"")
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "learner-0000.pt").write_bytes(b"half a fi")
    (folder / "curve.csv").write_text("old")
    assert outputs(carry_out(spec, tmp_path / "dirty")) == clean
    assert not (folder / "events" / "events.out.tfevents.old").exists()
