"""Starting one's own model from another: models, zips of any origin, stored runs."""

import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from builders import carry_out, dqn, ppo, source_spec
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.torch_layers import FlattenExtractor

import rl_transfer
from rl_transfer.errors import ConfigError, StoreError

ZOO = Path(__file__).parents[3] / "shared" / "zoo"
needs_zoo = pytest.mark.skipif(not ZOO.is_dir(), reason=f"the agents that other people trained are not in {ZOO}")
CLASSES = {"ppo": PPO, "dqn": DQN}


class Payload:
    """Pickled, it makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def model(cls=PPO, env="probes:Walk-v0", seed=0, **more):
    policy = {"net_arch": [8], "activation_fn": torch.nn.Tanh}
    if cls is PPO:
        more = {"n_steps": 16, "batch_size": 16} | more
    if cls is DQN:
        more = {"learning_starts": 0, "buffer_size": 100} | more
    return cls(
        "MlpPolicy",
        gymnasium.make(env, disable_env_checker=True),
        policy_kwargs=policy,
        seed=seed,
        device="cpu",
        **more,
    )


def state(model):
    return {name: tensor.numpy().tobytes() for name, tensor in model.policy.state_dict().items()}


def with_member(path, members):
    """A zip of given members: bytes, or an object that torch saves."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if not isinstance(content, bytes):
                buffer = io.BytesIO()
                torch.save(content, buffer)
                content = buffer.getvalue()
            archive.writestr(name, content)
    return path


@pytest.fixture(params=sorted(CLASSES))
def cls(request):
    return CLASSES[request.param]


class TestSources:
    def test_from_a_model(self, cls):
        ours, theirs = model(cls), model(cls, seed=1)
        fates = rl_transfer.warm_start(ours, theirs)
        assert state(ours) == state(theirs)
        assert {fate.fate for fate in fates} == {"copied"}

    @pytest.mark.parametrize("kind", [str, Path])
    def test_from_a_zip(self, cls, kind, tmp_path):
        ours, theirs = model(cls), model(cls, seed=1)
        theirs.save(tmp_path / "their.zip")
        rl_transfer.warm_start(ours, kind(tmp_path / "their.zip"))
        assert state(ours) == state(theirs)

    def test_from_a_stored_run(self, cls, tmp_path):
        config = {PPO: ppo(), DQN: dqn()}[cls]
        folder = carry_out(source_spec(config), tmp_path)
        ours = model(cls)
        rl_transfer.warm_start(ours, folder)
        theirs = state(cls.load(folder / "agent" / "model.zip", device="cpu"))  # its targets lag behind
        assert {n: t for n, t in state(ours).items() if "target" not in n} == {
            n: t for n, t in theirs.items() if "target" not in n
        }

    def test_the_target_network_follows(self):
        ours = model(DQN)
        rl_transfer.warm_start(ours, model(DQN, seed=1))
        tensors = ours.policy.state_dict()
        assert all(
            torch.equal(tensors[n], tensors[n.replace("q_net", "q_net_target", 1)]) for n in tensors if n[5] == "."
        )

    def test_it_goes_on_learning(self, cls):
        ours = model(cls)
        rl_transfer.warm_start(ours, model(cls, seed=1))
        before = state(ours)
        ours.learn(64)
        assert state(ours) != before


class TestRoles:
    def test_only_the_named_role_is_copied(self):
        ours, theirs = model(), model(seed=1)
        before, source = state(ours), state(theirs)
        fates = rl_transfer.warm_start(ours, theirs, roles=["policy_body"])
        for name, content in state(ours).items():
            assert content == (source if "policy_net" in name else before)[name], name
        assert {(fate.role, fate.fate) for fate in fates} == {
            ("policy_body", "copied"),
            *((role, "initial") for role in ("policy_head", "value_body", "value_head")),
        }

    def test_frozen_roles_stay_through_learning(self):
        ours, theirs = model(), model(seed=1)
        fates = rl_transfer.warm_start(ours, theirs, freeze=["policy_body", "value_head"])
        assert {fate.role for fate in fates if fate.frozen} == {"policy_body", "value_head"}
        before = state(ours)
        ours.learn(64)
        stays = {name for name, content in state(ours).items() if content == before[name]}
        assert stays == {name for name in before if "policy_net" in name or name.startswith("value_net")}

    @pytest.mark.parametrize("argument", ["roles", "freeze"])
    def test_an_unknown_role_names_the_nearest(self, argument):
        ours = model()
        before = state(ours)
        with pytest.raises(ConfigError, match="no role is called 'policy_bdy'; did you mean 'policy_body'"):
            rl_transfer.warm_start(ours, model(seed=1), **{argument: ["policy_bdy"]})
        assert state(ours) == before


class Normalised(FlattenExtractor):
    """Features with running statistics."""

    def __init__(self, space):
        super().__init__(space)
        self.norm = torch.nn.BatchNorm1d(2)

    def forward(self, observations):
        return self.norm(super().forward(observations))


class TestRunningStatistics:
    def made(self, seed=0):
        return PPO(
            "MlpPolicy",
            gymnasium.make("probes:Walk-v0", disable_env_checker=True),
            policy_kwargs={"features_extractor_class": Normalised, "net_arch": [8]},
            n_steps=16,
            batch_size=16,
            seed=seed,
            device="cpu",
        )

    def features(self, agent):
        extractor = agent.policy.features_extractor.state_dict()
        return {name: tensor.numpy().tobytes() for name, tensor in extractor.items()}

    def test_frozen_features_keep_theirs_through_training(self):
        source = self.made(seed=1).learn(64)
        ours = self.made()
        rl_transfer.warm_start(ours, source, freeze=["features"])
        assert self.features(ours) == self.features(source)
        body = state(ours)
        ours.learn(64)
        assert self.features(ours) == self.features(source)
        assert state(ours) != body

    def test_thawed_features_move_theirs(self):
        source = self.made(seed=1).learn(64)
        ours = self.made()
        rl_transfer.warm_start(ours, source, freeze=["policy_body"])
        ours.learn(64)
        assert not set(self.features(ours).values()) & set(self.features(source).values())


class TestRefusals:
    def refused(self, ours, source, says, error=ConfigError, **more):
        before = state(ours)
        with pytest.raises(error, match=says):
            rl_transfer.warm_start(ours, source, **more)
        assert state(ours) == before
        assert all(
            parameter.requires_grad for name, parameter in ours.policy.named_parameters() if "target" not in name
        )

    def test_freezing_all_that_a_loss_trains(self):
        self.refused(model(), model(seed=1), "nothing to train", freeze=["policy_body", "policy_head"])

    def test_another_algorithm(self, tmp_path):
        self.refused(model(), model(DQN), "DQN.*PPO")
        model(DQN).save(tmp_path / "dqn.zip")
        self.refused(model(), tmp_path / "dqn.zip", "no ppo agent of a layout known")
        self.refused(model(), carry_out(source_spec(dqn()), tmp_path), "policy_body has the tensors none")

    def test_an_algorithm_without_roles(self):
        a2c = A2C("MlpPolicy", gymnasium.make("probes:Walk-v0", disable_env_checker=True), device="cpu")
        self.refused(a2c, model(), "no roles are known for A2C; known: ppo, dqn")

    def test_another_shape(self):
        other = PPO("MlpPolicy", model().env, policy_kwargs={"net_arch": [4]}, n_steps=16, batch_size=16, device="cpu")
        self.refused(model(), other, r"policy_body/0\.\w+ has shape \(4")

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_weights_that_are_not_finite(self, value, tmp_path):
        broken = model(seed=1)
        with torch.no_grad():
            broken.policy.value_net.bias.fill_(value)
        broken.save(tmp_path / "broken.zip")
        self.refused(model(), broken, "value_head/bias.*NaN")
        self.refused(model(), tmp_path / "broken.zip", "value_head/bias.*NaN")

    def test_two_feature_extractors(self, tmp_path):
        class Layered(FlattenExtractor):
            def __init__(self, space):
                super().__init__(space)
                self.layer = torch.nn.Linear(2, 2)

            def forward(self, observations):
                return self.layer(super().forward(observations))

        def made(shared):
            return PPO(
                "MlpPolicy",
                gymnasium.make("probes:Walk-v0", disable_env_checker=True),
                policy_kwargs={"features_extractor_class": Layered, "share_features_extractor": shared},
                n_steps=16,
                batch_size=16,
                device="cpu",
            )

        made(shared=False).save(tmp_path / "two.zip")
        made(shared=True).save(tmp_path / "one.zip")
        self.refused(made(shared=True), made(shared=False), "feature extractors of their own")
        self.refused(made(shared=True), tmp_path / "two.zip", "feature extractors of their own")
        ours = made(shared=True)
        assert any(fate.role == "features" for fate in rl_transfer.warm_start(ours, tmp_path / "one.zip"))

    @pytest.mark.parametrize(
        "what", ["missing", "empty", "text", "no policy", "truncated", "list", "nothing in it", "bare"]
    )
    def test_files_that_are_no_agent(self, what, tmp_path, cls):
        path = tmp_path / "their.zip"
        model(cls).save(path)
        content = path.read_bytes()
        path.unlink()
        match what:
            case "empty":
                path.write_bytes(b"")
            case "text":
                path.write_text("no zip")
            case "no policy":
                with_member(path, {"data": b"{}"})
            case "truncated":
                path.write_bytes(content[: len(content) // 2])
            case "list":
                with_member(path, {"policy.pth": [1, 2]})
            case "nothing in it":
                with_member(path, {"policy.pth": {}})
            case "bare":
                with_member(path, {"policy.pth": {"q_net.q_net.0.weight": 3, "value_net.bias": "x"}})
        self.refused(model(cls), path, "their.zip")

    def test_a_folder_that_is_no_run(self, tmp_path):
        self.refused(model(), tmp_path, r"networks\.safetensors", error=(ConfigError, StoreError))

    def test_damage_anywhere_in_a_zip(self, tmp_path):
        ours, path = model(), tmp_path / "their.zip"
        model(seed=1).save(path)
        content, generator = path.read_bytes(), np.random.default_rng(0)
        for _ in range(60):
            damaged = bytearray(content)
            for place in generator.integers(len(content), size=8):
                damaged[place] ^= int(generator.integers(1, 256))
            path.write_bytes(damaged)
            try:
                rl_transfer.warm_start(ours, path)
            except ConfigError:
                continue


# Torch remarks on the protocol of the hostile pickle before it refuses it.
@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
class TestHostileFiles:
    def test_nothing_in_a_file_is_executed(self, cls, tmp_path):
        theirs, path, trap = model(cls, seed=1), tmp_path / "their.zip", tmp_path / "executed"
        data = {"policy_class": {":type:": "x", ":serialized:": pickle.dumps(Payload(trap)).hex()}}
        bait = pickle.dumps(Payload(trap))
        with_member(
            path, {"data": json.dumps(data).encode(), "policy.pth": dict(theirs.policy.state_dict()), "x.pkl": bait}
        )
        ours = model(cls)
        rl_transfer.warm_start(ours, path)  # the tensors are fine, the rest is not looked at
        assert state(ours) == state(theirs)
        for hostile in (bait, {"weight": Payload(trap)}, Payload(trap)):
            with_member(path, {"data": b"{}", "policy.pth": hostile})
            before = state(ours)
            with pytest.raises(ConfigError, match=r"their\.zip"):
                rl_transfer.warm_start(ours, path)
            assert state(ours) == before
        assert not trap.exists()
        pickle.loads(bait)
        assert trap.exists()  # the trap does work

    def test_a_stored_run_holds_no_pickle_that_is_read(self, tmp_path):
        (tmp_path / "agent").mkdir()
        (tmp_path / "agent" / "networks.safetensors").write_bytes(pickle.dumps(Payload(tmp_path / "executed")))
        with pytest.raises(StoreError):
            rl_transfer.warm_start(model(), tmp_path)
        assert not (tmp_path / "executed").exists()


@needs_zoo
class TestOtherPeoplesAgents:
    def test_a_cartpole_agent_scores_500_from_the_start(self):
        ours = PPO("MlpPolicy", "CartPole-v1", device="cpu", seed=0)
        fates = rl_transfer.warm_start(ours, ZOO / "ppo-CartPole-v1.zip")
        assert {fate.fate for fate in fates} == {"copied"}
        env = gymnasium.make("CartPole-v1")
        for episode in range(10):
            observation, _ = env.reset(seed=episode)
            total, ended = 0.0, False
            while not ended:
                action, _ = ours.predict(observation, deterministic=True)
                observation, reward, terminated, truncated, _ = env.step(int(action))
                total, ended = total + float(reward), terminated or truncated
            assert total == 500
        env.close()

    def test_another_task_s_agent_is_refused(self):
        ours = PPO("MlpPolicy", "CartPole-v1", device="cpu", seed=0)
        before = state(ours)
        with pytest.raises(ConfigError, match="has shape"):
            rl_transfer.warm_start(ours, ZOO / "ppo-Acrobot-v1.zip")
        assert state(ours) == before

    def test_an_old_dqn_file_with_target_parameters_is_read(self):
        space = gymnasium.spaces.Box(-10, 10, (8,), np.float32)

        class Lander(gymnasium.Env):
            observation_space, action_space = space, gymnasium.spaces.Discrete(4)

        ours = DQN("MlpPolicy", Lander(), policy_kwargs={"net_arch": [256, 256]}, buffer_size=10, device="cpu")
        fates = rl_transfer.warm_start(ours, ZOO / "dqn-LunarLander-v2.zip")
        assert {fate.fate for fate in fates} == {"copied"}
        tensors = ours.policy.state_dict()
        assert torch.equal(tensors["q_net.q_net.4.weight"], tensors["q_net_target.q_net.4.weight"])

    @pytest.mark.parametrize("name", ["sac-Pendulum-v1.zip", "ppo-Acrobot-v1-vecnormalize.pkl", "README.md"])
    def test_files_of_another_kind_are_refused(self, name):
        with pytest.raises(ConfigError, match=name):
            rl_transfer.warm_start(model(), ZOO / name)
