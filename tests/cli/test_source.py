"""Strangers' agents as sources: they play as trained, misfits are said in one line, nothing is overwritten."""

import csv
import io
import json
import re
import warnings
import zipfile
from statistics import fmean

import gymnasium
import numpy as np
import pytest
import stable_baselines3 as sb3
import torch
from safetensors.torch import save_file
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize
from tiny_study import PAIR, TINY, carry_out, write_study
from zoo import AGENTS, import_zoo, needs_zoo

from rl_transfer import import_source, train_sources
from rl_transfer.api import plan
from rl_transfer.cli import main
from rl_transfer.errors import ConfigError
from rl_transfer.execute import stored_sources
from rl_transfer.knowledge import read_knowledge
from rl_transfer.learner import build_learner
from rl_transfer.learner.sb3.build import model_class
from rl_transfer.learner.sb3.networks import copy_out
from rl_transfer.methods import FisherEstimate
from rl_transfer.run.fisher import estimate_fisher
from rl_transfer.store import Store
from rl_transfer.tasks import Meter, make

CARTPOLE, PENDULUM = "CartPole-v1", "Pendulum-v1"
SMALL = {"device": "cpu", "seed": 3}
AGENTS_MADE = {
    "ppo": (CARTPOLE, {"policy_kwargs": {"net_arch": {"pi": [8], "vf": [4, 4]}, "activation_fn": torch.nn.ELU}}),
    "a2c": (PENDULUM, {"use_sde": True, "policy_kwargs": {"net_arch": [8]}}),
    "dqn": (CARTPOLE, {"buffer_size": 100, "policy_kwargs": {"net_arch": [8, 8]}}),
    "sac": (PENDULUM, {"buffer_size": 100, "policy_kwargs": {"net_arch": {"pi": [8], "qf": [4]}, "n_critics": 3}}),
    "td3": (PENDULUM, {"buffer_size": 100, "policy_kwargs": {"net_arch": [8]}}),
    "ddpg": (PENDULUM, {"buffer_size": 100, "policy_kwargs": {"net_arch": [8]}}),
    "trpo": (PENDULUM, {"policy_kwargs": {"net_arch": [8]}}),
    "qrdqn": (CARTPOLE, {"buffer_size": 100, "policy_kwargs": {"net_arch": [8], "n_quantiles": 7}}),
    "tqc": (PENDULUM, {"buffer_size": 100, "policy_kwargs": {"net_arch": [8], "n_quantiles": 7}}),
}
FIXED_ENTROPY = (PENDULUM, {"buffer_size": 100, "ent_coef": 0.2, "use_sde": True, "policy_kwargs": {"net_arch": [8]}})


def saved(folder, algorithm, env=None, name="agent", **settings):
    """A fresh agent's file, and the agent."""
    default_env, more = AGENTS_MADE[algorithm]
    model = model_class(algorithm)("MlpPolicy", env or default_env, **SMALL | more | settings)
    file = folder / f"{name}.zip"
    model.save(file)
    return file, model


def rewrite_policy(file, change):
    """Change the tensors of an agent's file."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    buffer = io.BytesIO()
    torch.save(change(torch.load(io.BytesIO(members["policy.pth"]), weights_only=True)), buffer)
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (members | {"policy.pth": buffer.getvalue()}).items():
            archive.writestr(name, content)


def learner_of(source):
    """A learner with what the store has of a source."""
    agent = source.folder / "agent"
    knowledge = read_knowledge(agent, frozenset({"networks"}), algorithm=source.spec.learner.algorithm)
    small = {name: 64 for name in ("buffer_size",) if name in type(source.spec.learner).model_fields}
    config = source.spec.learner.model_copy(update=small)
    learner = build_learner(config, [lambda: make(source.spec.task)], Meter(), seed=9)
    learner.load_networks(knowledge.networks)
    if knowledge.statistics is not None:
        learner.load_statistics(knowledge.statistics)
    return learner


def observations(env, count=64):
    space = gymnasium.make(env).observation_space
    return np.random.default_rng(0).normal(size=(count, *space.shape)).astype(np.float32)


def refused(*arguments, **settings):
    with pytest.raises(ConfigError) as caught:
        import_source(*arguments, **settings)
    message = str(caught.value)
    assert "\n" not in message
    return message


def returns(source):
    with (source.folder / "curve.csv").open() as file:
        return [float(row["return"]) for row in csv.DictReader(file) if row["step"] == "0"]


@pytest.mark.slow
@needs_zoo
@pytest.mark.parametrize("agent", AGENTS)
def test_agents_of_several_releases_play_as_they_were_trained(tmp_path, agent):
    source, new = import_zoo(agent, tmp_path)
    assert new
    assert len(returns(source)) == 20
    assert fmean(returns(source)) == pytest.approx(AGENTS[agent][-1], abs=0.1)
    assert source.spec.imported.file == f"{agent}.zip"
    assert json.loads((source.folder / "costs.json").read_text())["target_steps"] == 0


@pytest.mark.parametrize("algorithm", AGENTS_MADE)
def test_an_imported_agent_acts_as_the_saved_one(tmp_path, algorithm):
    env = AGENTS_MADE[algorithm][0]
    file, model = saved(tmp_path, algorithm)
    source, _ = import_source(file, algorithm=algorithm, env=env, store=tmp_path / "runs")
    learner, batch = learner_of(source), observations(env)
    expected, _ = model.predict(batch, deterministic=True)
    np.testing.assert_array_equal(learner.act(batch, deterministic=True), expected)
    for role, tensors in copy_out(model).items():
        assert tensors.keys() == learner.networks()[role].keys()
        for name, array in tensors.items():
            np.testing.assert_array_equal(learner.networks()[role][name], array)
    assert source.spec.imported.notes == ()


def test_a_fixed_entropy_coefficient_and_gsde(tmp_path):
    model = sb3.SAC("MlpPolicy", PENDULUM, **SMALL | FIXED_ENTROPY[1])
    model.save(tmp_path / "agent.zip")
    source, _ = import_source(tmp_path / "agent.zip", algorithm="sac", env=PENDULUM, store=tmp_path / "runs")
    assert (source.spec.learner.ent_coef, source.spec.learner.use_sde) == (0.2, True)
    batch = observations(PENDULUM)
    expected, _ = model.predict(batch, deterministic=True)
    np.testing.assert_array_equal(learner_of(source).act(batch, deterministic=True), expected)


def test_plain_settings_are_taken_where_they_are_valid(tmp_path):
    file, _ = saved(tmp_path, "ppo", gamma=0.9, n_epochs=3, learning_rate=lambda left: 1e-3 * left)
    source, _ = import_source(file, algorithm="ppo", env=CARTPOLE, store=tmp_path / "runs")
    learner = source.spec.learner
    assert (learner.gamma, learner.n_epochs, learner.activation) == (0.9, 3, "elu")
    assert learner.learning_rate == 3e-4  # a function is none of our settings
    assert (learner.net_arch.pi, learner.net_arch.vf) == ((8,), (4, 4))


def test_statistics_imply_normalisation(tmp_path):
    env = VecNormalize(DummyVecEnv([lambda: gymnasium.make(CARTPOLE)]), clip_obs=5.0, norm_reward=False)
    file, model = saved(tmp_path, "ppo", env, n_steps=32, batch_size=32)
    model.learn(64)
    model.save(file)
    env.save(str(tmp_path / "statistics.pkl"))
    more = {"algorithm": "ppo", "env": CARTPOLE, "store": tmp_path / "runs"}
    source, _ = import_source(file, statistics=tmp_path / "statistics.pkl", **more)
    normalize = source.spec.learner.normalize
    assert (normalize.observation, normalize.reward, normalize.clip_observation) == (True, False, 5.0)
    batch = 10 * observations(CARTPOLE)
    expected, _ = model.predict(env.normalize_obs(batch), deterministic=True)
    np.testing.assert_array_equal(learner_of(source).act(batch, deterministic=True), expected)
    assert "(2,)" in refused(
        saved(tmp_path, "ppo", "MountainCar-v0", "car")[0],
        statistics=tmp_path / "statistics.pkl",
        **more | {"env": "MountainCar-v0"},
    )


def test_images_go_through_nature_cnn(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = sb3.DQN("CnnPolicy", "picture_envs:pictures/Bytes-v0", buffer_size=10, **SMALL)
    model.save(tmp_path / "agent.zip")
    env = "picture_envs:pictures/Bytes-v0"
    source, _ = import_source(tmp_path / "agent.zip", algorithm="dqn", env=env, store=tmp_path / "runs")
    assert source.spec.learner.features.name == "nature_cnn"
    batch = np.random.default_rng(0).integers(0, 256, (8, 3, 40, 40), np.uint8)
    expected, _ = model.predict(batch, deterministic=True)
    np.testing.assert_array_equal(learner_of(source).act(batch, deterministic=True), expected)


class TestRefusals:
    @pytest.fixture
    def made(self, tmp_path):
        return saved(tmp_path, "ppo")[0], {"algorithm": "ppo", "env": CARTPOLE, "store": tmp_path / "runs"}

    def test_another_algorithm_is_proposed(self, made):
        message = refused(made[0], **made[1] | {"algorithm": "dqn"})
        assert re.search(r"agent\.zip: is no dqn agent: .*ppo or a2c or trpo: say so with --algorithm", message)

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"algorithm": "pp"}, r"--algorithm: 'pp' is not known; did you mean 'ppo'"),
            ({"env": "CartPol-v1"}, r"--env: .*did you mean 'CartPole-v"),
            ({"env": ""}, r"--env: must not be empty"),
            ({"env": "Acrobot-v1"}, r"agent\.zip: policy_body/0\.weight has shape \(8, 4\) in the file.*Acrobot-v1"),
            ({"name": "../x"}, r"--name: '\.\./x'"),
            ({"algorithm": None}, "either --algorithm .* or --features"),
            ({"features": "resnet"}, "either --algorithm .* or --features"),
            ({"features": "resne", "algorithm": None}, r"--features: 'resne' is not known; did you mean 'resnet'"),
            ({"statistics": "missing.pkl"}, r"missing\.pkl"),
        ],
    )
    def test_what_does_not_fit(self, made, change, expected):
        assert re.search(expected, refused(made[0], **made[1] | change))
        assert not list(made[1]["store"].glob("runs/*"))

    def test_a_missing_file(self, tmp_path, made):
        assert "missing.zip" in refused(tmp_path / "missing.zip", **made[1])

    def test_an_activation_of_ones_own(self, tmp_path, made):
        file, _ = saved(tmp_path, "ppo", policy_kwargs={"activation_fn": torch.nn.Softplus})
        assert re.search(r"agent\.zip: .*Softplus.*known here: tanh", refused(file, **made[1]))

    @pytest.mark.parametrize("tensor", ["mlp_extractor.shared_net.0.weight", "log_std.[/red]", "q\n"])
    def test_a_layout_of_ones_own(self, made, tensor):
        rewrite_policy(made[0], lambda tensors: {tensor: torch.rand(2), **tensors})
        assert f"is no ppo agent: tensor {tensor!r} is of no layout known here" in refused(made[0], **made[1])

    @pytest.mark.parametrize("number", ["0", "9" * 5000])
    def test_layers_that_can_not_be(self, made, number):
        layer = f"mlp_extractor.policy_net.{number}.weight"
        rewrite_policy(made[0], lambda tensors: {**tensors, layer: torch.zeros(0, 4)})
        assert re.search(r"agent\.zip: ", refused(made[0], **made[1]))

    def test_a_name_stands_for_one_file(self, tmp_path, made):
        first, new = import_source(made[0], **made[1])
        again, new_again = import_source(made[0], **made[1])
        assert (new, new_again) == (True, False)
        assert again == first
        (tmp_path / "other").mkdir()
        other, _ = saved(tmp_path / "other", "ppo", seed=4)
        before = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
        assert re.search(r"--name: 'agent' stands for another import", refused(other, **made[1]))
        assert before == {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
        import_source(other, **made[1], name="other")
        assert [source.name for source in stored_sources(Store(made[1]["store"]))] == ["agent", "other"]


BACKBONE = {
    "features.cnn.0.weight": torch.rand(16, 3, 3, 3),
    "features.cnn.0.bias": torch.rand(16),
    "features.linear.0.weight": torch.rand(128, 16 * 6 * 6),
    "features.linear.0.bias": torch.rand(128),
    "classifier.weight": torch.rand(5, 128),
}
SMALL_PICTURES = "picture_envs:pictures/Small-v0"


def imported_backbone(folder):
    save_file(BACKBONE, folder / "backbone.safetensors")
    more = {"env": SMALL_PICTURES, "features": "small_cnn", "store": folder / "runs"}
    return import_source(folder / "backbone.safetensors", **more)[0]


def test_a_backbone_can_not_be_asked(tmp_path):
    imported_backbone(tmp_path)
    tasks = {name: {"id": SMALL_PICTURES} for name in ("source", "target")}
    learner = PAIR["learner"] | {"features": "small_cnn"}
    pair = {**tasks, "source_agent": "backbone", "learner": learner, "budget": {"target": 128}}
    message = plan_refused(tmp_path, pair=pair, arms={"shaping": {"methods": ["shaping"]}})
    assert re.search(r"arms\.shaping\.methods\.0: shaping needs a source that can act, backbone is a vision", message)


def test_a_backbone_fills_the_features_role(tmp_path):
    source = imported_backbone(tmp_path)
    networks = read_knowledge(source.folder / "agent", frozenset({"networks"}), algorithm="").networks
    assert {role for role, arrays in networks.items() if arrays} == {"features"}
    np.testing.assert_array_equal(networks["features"]["cnn.0.weight"], BACKBONE["features.cnn.0.weight"])
    assert source.is_backbone
    assert returns(source) == []
    assert "classifier.weight" in source.spec.imported.notes[0]


def test_a_backbone_has_no_fisher_information(tmp_path):
    imported_backbone(tmp_path)
    tasks = {name: {"id": SMALL_PICTURES} for name in ("source", "target")}
    pair = {**tasks, "source_agent": "backbone", "learner": PAIR["learner"] | {"features": "small_cnn"}}
    arms = {"elastic": {"methods": [{"elastic_weights": {"roles": ["features"]}}]}}
    message = plan_refused(tmp_path, pair=pair, arms=arms)
    assert re.search(r"methods\.0: elastic_weights needs a source that can act, backbone is a vision", message)


@pytest.mark.parametrize("algorithm", ["ppo", "dqn"])
def test_an_imported_agent_plays_for_its_fisher_information(tmp_path, algorithm):
    file, _ = saved(tmp_path, algorithm)
    source, _ = import_source(file, algorithm=algorithm, env=CARTPOLE, store=tmp_path / "runs", name="mine")
    found = estimate_fisher(source.folder, FisherEstimate(30, 1.0), np.random.default_rng(0))
    assert found.costs == {"fisher_samples": 30, "fisher_steps": 30}
    assert found.fisher["value_head"]["weight"].any()


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_a_study_carries_a_backbone(tmp_path):
    imported_backbone(tmp_path)
    tasks = {name: {"id": SMALL_PICTURES} for name in ("source", "target")}
    learner = PAIR["learner"] | {"features": "small_cnn"}
    pair = {**tasks, "source_agent": "backbone", "learner": learner, "budget": {"target": 128}}
    arms = {"features": {"methods": [{"fine_tune": {"roles": ["features"]}}]}}
    outcome, _ = carry_out(tmp_path, pair=pair, arms=arms)
    assert outcome.failures == ()
    assert "not evaluated" in outcome.report.read_text()
    with next((tmp_path / "runs").glob("runs/mine/features/seed0-*/transfer.csv")).open() as file:
        copied = {row["tensor"] for row in csv.DictReader(file) if row["fate"] == "copied"}
    assert copied == {"cnn.0.weight", "cnn.0.bias", "linear.0.weight", "linear.0.bias"}


DQN_PAIR = {"algorithm": "dqn", "learning_starts": 20, "buffer_size": 200, "net_arch": [8, 8]}
PPO_PAIR = PAIR["learner"] | {"net_arch": {"pi": [8], "vf": [4, 4]}, "activation": "elu"}


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
@pytest.mark.parametrize(("algorithm", "learner"), [("ppo", PPO_PAIR), ("dqn", DQN_PAIR)])
def test_a_study_from_one_imported_agent(tmp_path, monkeypatch, capsys, algorithm, learner):
    file, _ = saved(tmp_path, algorithm)
    source, _ = import_source(file, algorithm=algorithm, env=CARTPOLE, store=tmp_path / "runs", name="mine")
    pair = {"source": {"id": CARTPOLE}, "source_agent": "mine", "learner": learner, "budget": {"target": 128}}
    outcome, recorder = carry_out(tmp_path, pair=pair)
    assert outcome.failures == ()
    assert recorder.begun["stored_runs"] == 1
    assert not any("/source" in run for run in recorder.started)
    for comparison in outcome.results.comparisons:
        assert comparison.conditional
        assert comparison.text.endswith("conditional on this checkpoint.")
    manifest = json.loads((tmp_path / "runs/studies/tiny/study.json").read_text())["pairs"]["mine"]
    assert manifest["source_agent"] == {"name": "mine", "sha256": source.spec.imported.sha256}
    assert "conditional on this checkpoint" in outcome.report.read_text()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["run", "tiny.yaml"]) == 0
    assert "(conditional)" in capsys.readouterr().out


def planned(tmp_path, *, pair=None, **study):
    return plan(write_study(tmp_path, pair=pair, **study), store=tmp_path / "runs")


def plan_refused(tmp_path, **settings):
    with pytest.raises(ConfigError) as caught:
        planned(tmp_path, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestPairs:
    PAIR = PAIR | {"source": {"id": CARTPOLE}, "source_agent": "agent", "budget": {"target": 128}, "learner": PPO_PAIR}

    @pytest.fixture(autouse=True)
    def agent(self, tmp_path):
        file, _ = saved(tmp_path, "ppo")
        return import_source(file, algorithm="ppo", env=CARTPOLE, store=tmp_path / "runs")[0]

    def test_all_seeds_and_the_placebo_use_the_one_source(self, tmp_path, agent):
        runs = planned(tmp_path, pair=self.PAIR, seeds=4).runs
        assert [run.key for run in runs if run.spec.role == "source"] == [agent.key]
        used = [run.spec.source.key for run in runs if run.spec.source is not None]
        assert used == [agent.key] * 8

    @pytest.mark.slow
    def test_a_stored_run_can_be_named_by_its_folder(self, tmp_path, agent):
        trained, _ = train_sources(write_study(tmp_path, seeds=2), store=tmp_path / "runs", workers=2)
        name = trained[0].name
        assert re.fullmatch(r"mine/source/seed0-[0-9a-f]{12}", name)
        trained_here = {"source": PAIR["source"], "source_agent": name, "learner": PAIR["learner"]}
        plan = planned(tmp_path, pair=self.PAIR | trained_here)
        assert {run.spec.source.key for run in plan.runs if run.spec.source} == {trained[0].key}

    def test_an_unknown_agent_names_the_nearest_and_how_to_import(self, tmp_path):
        message = plan_refused(tmp_path, pair=self.PAIR | {"source_agent": "agemt"})
        assert re.search(r"mine\.yaml:\d+: source_agent: .*'agemt'.*did you mean 'agent'.*source import FILE", message)

    def test_another_source_task_is_noted(self, tmp_path):
        (note,) = planned(tmp_path, pair=self.PAIR | {"source": PAIR["source"]}).notes
        assert "agent is from CartPole-v1, not transfer/CartPole-v0" in note

    def test_a_sham_of_its_training_is_refused(self, tmp_path):
        arms = {"fine_tune": {"methods": ["fine_tune"], "sham": True}}
        assert re.search(r"arms\.fine_tune\.sham: .*set sham: false", plan_refused(tmp_path, pair=self.PAIR, arms=arms))

    def test_experience_that_it_has_not_is_refused(self, tmp_path):
        arms = {"replay": {"methods": ["replay"]}}
        message = plan_refused(tmp_path, pair=self.PAIR | {"learner": DQN_PAIR}, arms=arms)
        assert re.search(r"arms\.replay\.methods\.0: replay needs experience", message)

    def test_a_learner_of_its_own_contradicts_it(self, tmp_path):
        message = plan_refused(tmp_path, pair=self.PAIR | {"source_learner": dict(PAIR["learner"])})
        assert ": source_learner: " in message

    def test_without_it_the_source_needs_a_budget(self, tmp_path):
        message = plan_refused(tmp_path, pair=PAIR | {"budget": {"target": 128}})
        assert re.search(r"mine\.yaml:\d+: budget\.source: is missing", message)


@needs_zoo
def test_an_agent_that_saw_normalised_observations_needs_a_learner_that_does(tmp_path):
    import_zoo("ppo-Acrobot-v1", tmp_path / "runs")
    tasks = {name: {"id": "Acrobot-v1"} for name in ("source", "target")}
    pair = {**tasks, "source_agent": "ppo-Acrobot-v1", "budget": {"target": 128}}
    message = plan_refused(tmp_path, pair=pair)
    assert re.search(r"learner\.normalize: .*set learner\.normalize: true", message)
    assert planned(tmp_path, pair=pair | {"learner": PAIR["learner"] | {"normalize": True}}).runs


QRDQN = {"algorithm": "qrdqn", "learning_starts": 10, "buffer_size": 200, "train_freq": 8, "net_arch": [8, 8]}


class TestOtherLearners:
    def test_sources_use_the_learner_of_their_own(self, tmp_path):
        runs = planned(tmp_path, pair={"learner": DQN_PAIR, "source_learner": QRDQN}).runs
        assert {run.spec.role: run.spec.learner.algorithm for run in runs} == {"source": "qrdqn", "target": "dqn"}

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"train_freq": 7}, r"budget\.source: 128 steps are no multiple .* 7: take 126 or 133"),
            ({"learning_starts": 500}, r"source_learner\.learning_starts"),
            ({"algorithm": "sac", "train_freq": 1}, r"source: sac can't act"),
            ({"gama": 0.9}, r"source_learner\.gama: unknown key; did you mean 'gamma'"),
        ],
    )
    def test_it_is_checked_like_the_targets(self, tmp_path, change, expected):
        message = plan_refused(tmp_path, pair={"learner": DQN_PAIR, "source_learner": QRDQN | change})
        assert re.search(expected, message)


RANDOM = {"methods": ["random_features"], "placebo": False}


class TestArmsThatUseNothing:
    def test_no_source_is_planned_for_them(self, tmp_path):
        runs = planned(tmp_path, arms={"random": RANDOM}).runs
        assert {run.arm for run in runs} == {"scratch", "random"}
        assert all(run.spec.source is None for run in runs)

    def test_others_still_have_theirs(self, tmp_path):
        arms = {"random": RANDOM, **TINY["arms"]}
        runs = planned(tmp_path, arms=arms, alpha=0.8).runs
        assert {run.arm for run in runs} == {"source", "scratch", "random", "fine_tune", "fine_tune.placebo"}

    @pytest.mark.parametrize("control", ["placebo", "sham"])
    def test_they_have_no_controls(self, tmp_path, control):
        message = plan_refused(tmp_path, arms={"random": RANDOM | {control: True}})
        assert re.search(rf"arms\.random\.{control}: .*has no {control}: set {control}: false", message)

    @pytest.mark.slow
    @pytest.mark.xdist_group("tiny")
    def test_they_run(self, tmp_path):
        outcome, recorder = carry_out(tmp_path, arms={"random": RANDOM})
        assert outcome.failures == ()
        assert len(recorder.started) == 4
        assert [comparison.family for comparison in outcome.results.comparisons] == ["total"]


def test_the_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    assert main(["source", "list"]) == 0
    assert "no sources" in capsys.readouterr().out
    saved(tmp_path, "ppo")
    command = ["source", "import", "agent.zip", "--algorithm", "ppo", "--env", CARTPOLE]
    assert main(command) == 0
    assert "agent.zip imported as agent: ppo, " in capsys.readouterr().out
    assert main(command) == 0
    assert "is imported already as agent" in capsys.readouterr().out
    assert main(["source", "list"]) == 0
    assert re.search(r"agent +│ CartPole-v1 +│ ppo ", capsys.readouterr().out)
    assert main(["source", "show", "agent"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"value_body +│ 2\.weight +│ 4 x 4 ", shown)
    assert re.search(r"sha256 +[0-9a-f]{64}", shown)
    assert "pi: [8], vf: [4, 4]" in shown
    assert main(["source", "show", "agemt"]) == 2
    assert "did you mean 'agent'" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_training_sources_alone(tiny, tmp_path, monkeypatch, capsys):
    folder, _, _ = tiny
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(folder)
    assert main(["source", "train", "tiny.yaml"]) == 0
    assert capsys.readouterr().out.count("mine/source/seed") == 2
    before = {file.name for file in (folder / "runs/runs").glob("*/*")}
    assert main(["source", "list"]) == 0
    assert "trained here" in capsys.readouterr().out
    assert before == {file.name for file in (folder / "runs/runs").glob("*/*")}
