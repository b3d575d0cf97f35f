"""Agents that leave: the actor as ONNX and torch files, and the library's own zip; both act as the learner does."""

import io
import json
import os
import subprocess
import sys
from importlib.util import find_spec

import gymnasium
import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
import torch
from builders import as_bytes, learner, make, task_of, tiny, train
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import Moments, Statistics
from rl_transfer.learner import LOSS_PATHS, actor_file
from rl_transfer.learner.sb3.export import _LAYERS
from rl_transfer.learner.sb3.regime import optimizers
from rl_transfer.study import LEARNERS, TaskConfig

ALGORITHMS = sorted(LOSS_PATHS)
CONTINUOUS = [name for name in ALGORITHMS if LEARNERS[name].off_policy and "policy" in LEARNERS[name].parts]
LIBRARY = {
    name: getattr(stable_baselines3, name.upper(), None) or getattr(sb3_contrib, name.upper()) for name in ALGORITHMS
}
LIBRARY_OF = {name: cls.__module__.partition(".")[0] for name, cls in LIBRARY.items()}
QUICK = {("vector", "ppo"), ("vector", "qrdqn")}
FACTS = {"algorithm": "any", "task": "Sights-v0", "run": "0123456789ab"}

_IMAGE = spaces.Box(0, 255, (12, 16, 3), np.uint8)
_VECTOR = spaces.Box(-50, 50, (3,), np.float32)
SIGHTS = {
    "vector": _VECTOR,
    "doubles": spaces.Box(-np.inf, np.inf, (2, 2), np.float64),
    "choice": spaces.Discrete(5),
    "choices": spaces.MultiDiscrete([3, 4]),
    "bits": spaces.MultiBinary(4),
    "image": _IMAGE,
    "unit_image": spaces.Box(0, 1, (9, 10, 2), np.float32),
    "dict": spaces.Dict({"vector": _VECTOR, "image": _IMAGE, "choice": spaces.Discrete(3)}),
}
DEEDS = {
    "choice": spaces.Discrete(3),
    "choices": spaces.MultiDiscrete([2, 3]),
    "bits": spaces.MultiBinary(3),
    "box": spaces.Box(np.float32([-2, -0.5]), np.float32([3, 0.1])),
    "matrix": spaces.Box(-0.1, 0.3, (2, 2), np.float64),
}


class Sights(gymnasium.Env):
    """Any observation, any action; vectors are far from having mean 0 and variance 1."""

    def __init__(self, sight, deed):
        self.observation_space, self.action_space = SIGHTS[sight], DEEDS[deed]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return look(self.observation_space, self.np_random), {}

    def step(self, action):
        return look(self.observation_space, self.np_random), float(self.np_random.normal()), False, False, {}


def look(space, generator):
    if isinstance(space, spaces.Dict):
        return {key: look(part, generator) for key, part in space.items()}
    if isinstance(space, spaces.Box) and space.dtype != np.uint8 and space.high.max() > 1:
        return generator.normal(5, [1, 3, 9][: space.shape[-1]], space.shape).clip(-50, 50).astype(space.dtype)
    space.seed(int(generator.integers(2**31)))
    seen = space.sample()
    return (seen * generator.random()).astype(space.dtype) if len(space.shape) == 3 else seen  # bright or dark


if "Sights-v0" not in gymnasium.registry:
    gymnasium.register("Sights-v0", entry_point=Sights, max_episode_steps=10)


def observations(space, count, seed=7):
    generator = np.random.default_rng(seed)
    seen = [look(space, generator) for _ in range(count)]
    return {key: np.stack([one[key] for one in seen]) for key in space} if isinstance(seen[0], dict) else np.stack(seen)


def trained(algorithm, sight="vector", deed=None, **changes):
    deed = deed or ("box" if algorithm in CONTINUOUS else "choice")
    config = tiny(algorithm, **{"net_arch": [32], "learning_rate": 0.001} | changes)
    agent = learner(config, TaskConfig(id="Sights-v0", kwargs={"sight": sight, "deed": deed}))
    train(agent, 64)
    spread(agent, observations(SIGHTS[sight], 100, seed=1))
    return agent


def spread(agent, batch):
    """Let the last layer's outputs vary around 0: the little that was learned is to do the same always."""
    last = agent._model.policy.get_submodule(_LAYERS[agent.algorithm][-1])
    layer = [part for part in last.modules() if isinstance(part, torch.nn.Linear)][-1]
    outputs = []
    hook = layer.register_forward_hook(lambda _, __, output: outputs.append(output))
    agent.act(batch, deterministic=True)
    hook.remove()
    with torch.no_grad():
        std = outputs[0].std(0).clamp(min=0.05)
        layer.weight /= std[:, None]
        layer.bias.sub_(outputs[0].mean(0)).div_(std)


def onnx_actor(content):
    import onnxruntime

    session = onnxruntime.InferenceSession(content)

    def act(batch):
        parts = batch if isinstance(batch, dict) else {"": batch}
        given = {f"observation/{key}" if key else "observation": part for key, part in parts.items()}
        return session.run(["action"], given)[0]

    return act


def torch_actor(content):
    module = torch.export.load(io.BytesIO(content)).module()

    def act(batch):
        if isinstance(batch, dict):
            return module({key: torch.as_tensor(part) for key, part in batch.items()}).numpy()
        return module(torch.as_tensor(batch)).numpy()

    return act


READERS = {"onnx": onnx_actor, "torch": torch_actor}


def same(ours, theirs):
    if ours.shape != theirs.shape:
        return False
    discrete = np.issubdtype(ours.dtype, np.integer)
    return np.array_equal(ours, theirs) if discrete else np.allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def check(agent, sight):
    """Both files give the learner's actions, in the dtype that the environment takes, for batches of any size."""
    space = SIGHTS[sight]
    for form, reader in READERS.items():
        act = reader(actor_file(agent, form, FACTS))
        for count in (1, 7, 200):
            batch = observations(space, count)
            got, expected = act(batch), agent.act(batch, deterministic=True)
            assert same(got, expected), (form, count)
            assert got.dtype == agent._model.action_space.dtype
        assert len(np.unique(got.round(4), axis=0)) > 1  # else any constant would pass


def cases():
    for algorithm in ALGORITHMS:
        for sight in ("vector", "dict", "choice", "image"):
            for normalize in (True, False) if sight in ("vector", "dict") else (False,):
                # An actor and a value network.
                quick = normalize and (sight, algorithm) in QUICK
                marks = () if quick else (pytest.mark.slow,)
                yield pytest.param(algorithm, sight, normalize, marks=marks)


@pytest.mark.slow
@pytest.mark.parametrize(("algorithm", "sight", "normalize"), list(cases()))
def test_files_act_as_the_learner_does(algorithm, sight, normalize):
    agent = trained(algorithm, sight, normalize=normalize)
    check(agent, sight)
    agent.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "sight", "deed", "changes"),
    [
        ("ppo", "doubles", "choices", {"normalize": True}),
        ("a2c", "choices", "box", {}),
        ("trpo", "bits", "bits", {}),
        ("ppo", "vector", "matrix", {"use_sde": True, "normalize": True}),
        ("ppo", "unit_image", "box", {"share_features_extractor": False}),
        ("sac", "vector", "box", {"use_sde": True, "normalize": True}),
        ("tqc", "vector", "matrix", {"use_sde": True}),
        ("td3", "image", "box", {"features": {"impala_cnn": {"channels": [4], "features_dim": 8}}}),
        ("dqn", "image", "choice", {"features": "flatten"}),
        ("ppo", "vector", "choice", {"normalize": {"observation": False, "reward": True}}),
        ("ppo", "vector", "choice", {"normalize": {"clip_observation": 0.5}}),
    ],
)
def test_other_spaces_and_settings(algorithm, sight, deed, changes):
    agent = trained(algorithm, sight, deed, **changes)
    check(agent, sight)
    agent.close()


@pytest.mark.parametrize("form", ["torch", pytest.param("onnx", marks=pytest.mark.slow)])
class TestFile:
    def test_wrong_statistics_would_be_caught(self, form):
        agent, batch = trained("ppo", deed="box", normalize=True), observations(SIGHTS["vector"], 50)
        act = READERS[form](actor_file(agent, form, FACTS))
        assert same(act(batch), agent.act(batch, deterministic=True))
        (moments,) = agent.statistics().observation.values()
        for mean, var in ((moments.mean + 0.1, moments.var), (moments.mean, moments.var * 1.1)):
            agent.load_statistics(Statistics({"": Moments(mean, var, moments.count)}))
            assert not same(act(batch), agent.act(batch, deterministic=True))
        agent.close()

    def test_no_normalisation_would_be_caught(self, form):
        agent, plain = (trained("ppo", deed="box", normalize=on) for on in (True, False))
        plain.load_networks(agent.networks())
        act, batch = READERS[form](actor_file(plain, form, FACTS)), observations(SIGHTS["vector"], 50)
        assert not same(act(batch), agent.act(batch, deterministic=True))
        agent.close()
        plain.close()

    def test_it_is_a_copy_and_leaves_the_learner_as_it_was(self, form):
        agent, batch = trained("sac", normalize=True), observations(SIGHTS["vector"], 50)
        agent.freeze(["policy_body"])
        before, expected = as_bytes(agent.networks()), agent.act(batch, deterministic=True)
        hooks = [len(part._forward_hooks) for part in agent._model.policy.modules()]
        act = READERS[form](actor_file(agent, form, FACTS))
        assert as_bytes(agent.networks()) == before
        assert [len(part._forward_hooks) for part in agent._model.policy.modules()] == hooks
        train(agent, 128)
        assert same(act(batch), expected)
        assert not same(act(batch), agent.act(batch, deterministic=True))
        agent.close()

    def test_the_same_agent_gives_the_same_bytes_without_paths_of_this_machine(self, form):
        agent = trained("ppo")
        content = actor_file(agent, form, FACTS)
        assert content == actor_file(agent, form, FACTS)
        assert os.fsencode(os.path.dirname(find_spec("rl_transfer").origin)) not in content  # noqa: PTH120
        agent.close()

    @pytest.mark.slow
    def test_nothing_is_printed(self, form, capfd):
        agent = trained("ppo", "dict")
        capfd.readouterr()
        actor_file(agent, form, FACTS)
        assert capfd.readouterr() == ("", "")
        agent.close()

    @pytest.mark.parametrize("normalize", [True, False])
    def test_the_facts_are_inside(self, form, normalize):
        import onnx

        agent = trained("ppo", normalize=normalize)
        content = actor_file(agent, form, FACTS)
        if form == "onnx":
            found = {entry.key: entry.value for entry in onnx.load_from_string(content).metadata_props}
        else:
            extra = {"facts.json": ""}
            torch.export.load(io.BytesIO(content), extra_files=extra)
            found = json.loads(extra["facts.json"])
        assert found == FACTS | {"normalised": str(normalize).lower()}
        agent.close()


@pytest.mark.slow
def test_onnx_inputs_are_named_and_the_batch_is_free():
    import onnxruntime

    agent = trained("ppo", "dict")
    session = onnxruntime.InferenceSession(actor_file(agent, "onnx", FACTS))
    assert {node.name: (node.shape, node.type) for node in session.get_inputs()} == {
        "observation/choice": (["batch"], "tensor(int64)"),
        "observation/image": (["batch", 12, 16, 3], "tensor(uint8)"),
        "observation/vector": (["batch", 3], "tensor(float)"),
    }
    assert [(node.name, node.shape, node.type) for node in session.get_outputs()] == [
        ("action", ["batch"], "tensor(int64)")
    ]
    agent.close()


@pytest.mark.parametrize("missing", ["onnx", "onnxscript"])
def test_a_missing_package_is_said(monkeypatch, missing):
    monkeypatch.setattr(
        "rl_transfer.learner.sb3.export.find_spec", lambda name: None if name == missing else find_spec(name)
    )
    agent = learner(tiny("ppo"))
    with pytest.raises(ConfigError, match=r"pip install 'rl-transfer\[onnx\]'"):
        actor_file(agent, "onnx", FACTS)
    assert actor_file(agent, "torch", FACTS)
    agent.close()


def without_us(code, *arguments):
    """Run code where neither this project nor the libraries that it names exist."""
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_the_torch_file_needs_neither_this_project_nor_its_libraries(tmp_path):
    agent = trained("sac", "dict", features="small_cnn")
    (tmp_path / "actor.pt2").write_bytes(actor_file(agent, "torch", FACTS))
    batch = observations(SIGHTS["dict"], 4)
    np.savez(tmp_path / "batch.npz", **batch)
    printed = without_us(
        "import sys\n"
        "for name in ('rl_transfer', 'stable_baselines3', 'gymnasium'): sys.modules[name] = None\n"
        "import json, numpy, torch\n"
        "act = torch.export.load(sys.argv[1] + '/actor.pt2').module()\n"
        "batch = {key: torch.as_tensor(part) for key, part in numpy.load(sys.argv[1] + '/batch.npz').items()}\n"
        "print(json.dumps(act(batch).tolist()))",
        str(tmp_path),
    )
    assert same(np.float32(json.loads(printed)), agent.act(batch, deterministic=True))
    agent.close()


def treated(algorithm, treatment):
    """A tiny agent, trained after something was done to it."""
    agent = learner(tiny(algorithm))
    role = LOSS_PATHS[algorithm]["value"][0]
    if treatment == "freeze and scale":
        agent.freeze([role], until=40, gradual=True)
        agent.scale_learning_rate({LOSS_PATHS[algorithm]["value"][1]: 0.1})
    else:
        agent.keep_exploration()
    train(agent, 64)
    return agent


WALK_OBSERVATIONS = np.linspace(-2, 2, 80, dtype=np.float32).reshape(40, 2)


@pytest.mark.parametrize("treatment", ["freeze and scale", "keep exploration"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_librarys_own_load_reads_the_zip_and_goes_on_learning(tmp_path, algorithm, treatment):
    agent = treated(algorithm, treatment)
    agent.save_agent(tmp_path)
    env = DummyVecEnv([lambda: make(task_of(tiny(algorithm)))] * 2)
    model = LIBRARY[algorithm].load(tmp_path / "model.zip", env=env)
    assert type(model) is LIBRARY[algorithm]
    ours, _ = model.predict(WALK_OBSERVATIONS, deterministic=True)
    assert ours.tolist() == agent.act(WALK_OBSERVATIONS, deterministic=True).tolist()
    assert optimizers(model)
    assert all(len(optimizer.param_groups) == 1 for optimizer in optimizers(model))
    before = [tensor.clone() for tensor in model.policy.parameters()]
    model.learn(64)
    assert any(not torch.equal(*pair) for pair in zip(before, model.policy.parameters(), strict=True))
    agent.close()
    env.close()


@pytest.mark.slow
def test_the_zips_need_nothing_of_this_project(tmp_path):
    expected = {}
    for algorithm in ALGORITHMS:
        agent = treated(algorithm, "keep exploration")
        agent.save_agent(tmp_path / algorithm)
        expected[algorithm] = agent.act(WALK_OBSERVATIONS, deterministic=True).tolist()
        agent.close()
    np.save(tmp_path / "batch.npy", WALK_OBSERVATIONS)
    printed = without_us(
        "import sys\n"
        "sys.modules['rl_transfer'] = None\n"
        "import importlib, json, numpy\n"
        "batch, found = numpy.load(sys.argv[1] + '/batch.npy'), {}\n"
        "for name, library in json.loads(sys.argv[2]).items():\n"
        "    cls = getattr(importlib.import_module(library), name.upper())\n"
        "    found[name] = cls.load(f'{sys.argv[1]}/{name}/model.zip').predict(batch, deterministic=True)[0].tolist()\n"
        "print(json.dumps(found))",
        str(tmp_path),
        json.dumps(LIBRARY_OF),
    )
    found = json.loads(printed)
    assert found.keys() == expected.keys()
    assert all(np.allclose(found[name], expected[name], atol=1e-6) for name in ALGORITHMS)
