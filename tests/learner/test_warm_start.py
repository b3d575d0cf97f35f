"""Starting one's own model from another: models, zips of any origin, stored runs."""

import base64
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
from builders import TINY, carry_out, dqn, source_spec, task_of, tiny
from sb3_contrib import ARS, QRDQN, TQC, TRPO, CrossQ, RecurrentPPO
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.sb2_compat.rmsprop_tf_like import RMSpropTFLike
from stable_baselines3.common.torch_layers import FlattenExtractor

import rl_transfer
from rl_transfer.errors import ConfigError, StoreError

ZOO = Path(__file__).parents[3] / "shared" / "zoo"
needs_zoo = pytest.mark.skipif(not ZOO.is_dir(), reason=f"the agents that other people trained are not in {ZOO}")
CLASSES = {cls.__name__.lower(): cls for cls in (PPO, A2C, TRPO, DQN, QRDQN, SAC, TQC, TD3, DDPG)}
REPLAY = (DQN, QRDQN, SAC, TQC, TD3, DDPG)


class Payload:
    """Pickled, it makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def walk(cls=PPO):
    """The walk with actions that the algorithm can take."""
    kwargs = task_of(tiny(cls.__name__.lower())).kwargs if cls.__name__.lower() in TINY else {}
    return gymnasium.make("probes:Walk-v0", disable_env_checker=True, **kwargs)


def model(cls=PPO, seed=0, **more):
    policy = {"net_arch": [8], "activation_fn": torch.nn.Tanh}
    if cls in (PPO, TRPO):
        more = {"n_steps": 16, "batch_size": 16} | more
    if cls in REPLAY:
        more = {"learning_starts": 0, "buffer_size": 100, "train_freq": 4, "batch_size": 8} | more
    return cls("MlpPolicy", walk(cls), policy_kwargs=policy, seed=seed, device="cpu", **more)


def state(model):
    """All tensors byte for byte, SAC's entropy coefficient included."""
    tensors = dict(model.policy.state_dict())
    if getattr(model, "log_ent_coef", None) is not None:
        tensors["log_ent_coef"] = model.log_ent_coef.detach()
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}


def online(model):
    """Those of the networks that learn."""
    return {name: content for name, content in state(model).items() if "_target." not in name}


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
        folder = carry_out(source_spec(tiny(cls.__name__.lower(), activation="tanh")), tmp_path)
        ours = model(cls)
        if cls in (QRDQN, TQC):
            policy = {"net_arch": [8], "n_quantiles": 5, "activation_fn": torch.nn.Tanh}
            ours = cls("MlpPolicy", walk(cls), policy_kwargs=policy, buffer_size=9)
        rl_transfer.warm_start(ours, folder)
        theirs = cls.load(folder / "agent" / "model.zip", device="cpu")
        if cls in (SAC, TQC):  # the library's own load leaves it at its first value
            theirs.log_ent_coef.data[:] = ours.log_ent_coef.data
        assert online(ours) == online(theirs)  # its targets lag behind

    @pytest.mark.parametrize("cls", REPLAY)
    def test_the_target_network_follows(self, cls):
        ours, theirs = model(cls), model(cls, seed=1).learn(32)
        rl_transfer.warm_start(ours, theirs)
        found = state(ours)
        targets = [name for name in found if "_target." in name]
        assert targets
        assert all(found[name] == found[name.replace("_target.", ".")] for name in targets)

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
            *((role, "reinitialised") for role in ("policy_head", "value_body", "value_head")),
        }

    def test_frozen_roles_stay_through_learning(self):
        ours, theirs = model(), model(seed=1)
        fates = rl_transfer.warm_start(ours, theirs, freeze=["policy_body", "value_head"])
        assert {fate.role for fate in fates if fate.frozen == "for ever"} == {"policy_body", "value_head"}
        assert {fate.frozen for fate in fates} == {"for ever", "no"}
        before = state(ours)
        ours.learn(64)
        stays = {name for name, content in state(ours).items() if content == before[name]}
        assert stays == {name for name in before if "policy_net" in name or name.startswith("value_net")}

    @pytest.mark.parametrize("argument", ["roles", "freeze"])
    def test_an_unknown_role_names_the_nearest(self, argument):
        ours = model()
        before = state(ours)
        with pytest.raises(ConfigError, match="'policy_bdy' is not known; did you mean 'policy_body'"):
            rl_transfer.warm_start(ours, model(seed=1), **{argument: ["policy_bdy"]})
        assert state(ours) == before


class Normalised(FlattenExtractor):
    """Features with running statistics."""

    def __init__(self, space, affine=True):
        super().__init__(space)
        self.norm = torch.nn.BatchNorm1d(2, affine=affine)

    def forward(self, observations):
        return self.norm(super().forward(observations))


class TestRunningStatistics:
    def made(self, seed=0, affine=True):
        features = {"features_extractor_class": Normalised, "features_extractor_kwargs": {"affine": affine}}
        return PPO(
            "MlpPolicy",
            gymnasium.make("probes:Walk-v0", disable_env_checker=True),
            policy_kwargs=features | {"net_arch": [8]},
            n_steps=16,
            batch_size=16,
            seed=seed,
            device="cpu",
        )

    def features(self, agent):
        extractor = agent.policy.features_extractor.state_dict()
        return {name: tensor.numpy().tobytes() for name, tensor in extractor.items()}

    @pytest.mark.parametrize("affine", [True, False], ids=["with weights", "without"])
    def test_frozen_features_keep_theirs_through_training(self, affine):  # SB3.md 8
        source = self.made(seed=1, affine=affine).learn(64)
        ours = self.made(affine=affine)
        rl_transfer.warm_start(ours, source, freeze=["features"])
        assert self.features(ours) == self.features(source)
        body = state(ours)
        ours.learn(64)
        assert self.features(ours) == self.features(source)
        assert state(ours) != body

    @pytest.mark.parametrize("affine", [True, False], ids=["with weights", "without"])
    @pytest.mark.parametrize("settings", [{"freeze": ["features"], "freeze_steps": 32}, {"critic_warmup_steps": 32}])
    def test_they_move_again_after_the_last_frozen_step(self, settings, affine):
        # Of all that the policy's actions depend on nothing moves while the critic warms up, these included.
        ours, seen = self.made(affine=affine), {}
        rl_transfer.warm_start(ours, self.made(seed=1, affine=affine).learn(64), **settings)
        start = self.features(ours)

        class Look(BaseCallback):
            def _on_step(self):
                return True

            def _on_rollout_start(look):
                seen[ours.num_timesteps] = self.features(ours)

        ours.learn(96, callback=Look())
        assert seen[0] == seen[16] == seen[32] == start
        assert not set(seen[64].values()) & set(start.values())

    def test_thawed_features_move_theirs(self):
        source = self.made(seed=1).learn(64)
        ours = self.made()
        rl_transfer.warm_start(ours, source, freeze=["policy_body"])
        ours.learn(64)
        assert not set(self.features(ours).values()) & set(self.features(source).values())


class TestMoreThanOnce:
    """A model may be started from several sources, each with settings of its own."""

    def test_scales_of_both_are_in_force_and_the_optimizer_is_as_before(self):
        ours, steps = model(n_epochs=1), {}
        rl_transfer.warm_start(ours, model(seed=1), roles=["policy_body"], learning_rate_scale={"policy_body": 0.1})
        rl_transfer.warm_start(ours, model(seed=2), roles=["value_body"], learning_rate_scale={"value_body": 0.01})
        before = {name: tensor.detach().clone() for name, tensor in ours.policy.named_parameters()}
        groups = ours.policy.optimizer.param_groups
        ours.learn(16)  # one update of Adam, whose first step is the rate
        assert ours.policy.optimizer.param_groups is groups
        assert len(groups) == 1
        for name, tensor in ours.policy.named_parameters():
            steps[name] = float((tensor.detach() - before[name]).abs().max())
        for name, step in steps.items():
            scale = 0.1 if "policy_net" in name else 0.01 if "mlp_extractor.value_net" in name else 1.0
            assert step == pytest.approx(3e-4 * scale, rel=0.5), name  # its epsilon takes a little off

    def test_what_either_froze_stays(self):
        ours = model()
        rl_transfer.warm_start(ours, model(seed=1), roles=["policy_body"], freeze=["policy_body"])
        rl_transfer.warm_start(ours, model(seed=2), roles=["value_body"], freeze=["value_body"], freeze_steps=32)
        before = state(ours)
        ours.learn(96)
        stays = {name for name, content in state(ours).items() if content == before[name]}
        assert stays == {name for name in before if "policy_net" in name}


class TestOptimizers:
    def made(self, kind, seed=0):
        policy = {"net_arch": [8], "optimizer_class": kind}
        return A2C("MlpPolicy", walk(), policy_kwargs=policy, seed=seed, device="cpu")

    @pytest.mark.parametrize(
        "kind",
        [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, RMSpropTFLike],
        ids=lambda kind: kind.__name__,
    )
    def test_known_kinds_are_carried(self, kind):
        theirs, ours = self.made(kind, seed=1).learn(32), self.made(kind)
        rl_transfer.warm_start(ours, theirs, optimizer="carry")
        kept = [[{n: float(torch.as_tensor(v).sum()) for n, v in s.items()}
                 for s in one.policy.optimizer.state_dict()["state"].values()] for one in (ours, theirs)]  # fmt: skip
        assert kept[0] == kept[1] != []
        ours.learn(32)

    def test_others_are_refused_and_the_model_unchanged(self):
        theirs, ours = self.made(torch.optim.Adam, seed=1).learn(32), self.made(torch.optim.Adagrad)
        before = state(ours)
        with pytest.raises(ConfigError, match=r"the target's adagrad.*use optimizer: fresh"):
            rl_transfer.warm_start(ours, theirs, optimizer="carry")
        assert state(ours) == before

    def test_a_zip_s_is_not_read(self, tmp_path):
        self.made(torch.optim.Adam, seed=1).learn(32).save(tmp_path / "their.zip")
        with pytest.raises(ConfigError, match=r"left no optimizer state .*use optimizer: fresh"):
            rl_transfer.warm_start(self.made(torch.optim.Adam), tmp_path / "their.zip", optimizer="carry")


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

    def test_an_algorithm_that_shares_no_role(self, tmp_path):
        # A Q-network has a value for each action, and no policy.
        other = DQN("MlpPolicy", walk(), policy_kwargs={"net_arch": [4]}, buffer_size=10, device="cpu")
        self.refused(model(), other, r"no role of the source fits the target: .*policy_body has the tensors none")
        other.save(tmp_path / "dqn.zip")
        self.refused(model(), tmp_path / "dqn.zip", "no role of the source fits", source_algorithm="dqn")
        self.refused(model(), tmp_path / "dqn.zip", "no ppo agent of a layout known")
        folder = carry_out(source_spec(dqn(net_arch=[4])), tmp_path)
        self.refused(model(), folder, "no role of the source fits the target")

    @pytest.mark.parametrize("cls", [ARS, CrossQ, RecurrentPPO])
    def test_an_algorithm_without_roles(self, cls):
        policy = "MlpLstmPolicy" if cls is RecurrentPPO else "MlpPolicy"
        env = walk(SAC) if cls is CrossQ else walk()
        unknown = cls(policy, env, device="cpu")
        says = f"no roles are known for {cls.__name__}; known: ppo, a2c, trpo, dqn, qrdqn, sac, tqc, td3, ddpg"
        self.refused(unknown, model(), says)
        self.refused(model(), unknown, says)

    def test_a_class_of_one_s_own_is_not_taken_for_the_library_s(self):
        class Mine(PPO):
            pass

        self.refused(model(Mine), model(), "no roles are known for Mine")

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
        self.refused(model(), tmp_path / "broken.zip", r"broken\.zip: .*'value_net\.bias' holds NaN")

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
        says = r"features has the tensors policy\.layer\.weight.*value\.layer\.bias, the target's layer\.weight"
        self.refused(made(shared=True), made(shared=False), says)
        self.refused(made(shared=True), tmp_path / "two.zip", says)
        for shared, name in ((True, "one.zip"), (False, "two.zip")):
            ours = made(shared=shared)
            fates = rl_transfer.warm_start(ours, tmp_path / name)
            tensors = [fate.tensor for fate in fates if fate.role == "features"]
            expected = ["layer.weight", "layer.bias"]
            both = [f"{part}.{tensor}" for part in ("policy", "value") for tensor in expected]
            assert tensors == (expected if shared else both)
            assert state(ours) == state(PPO.load(tmp_path / name, device="cpu"))

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
        self.refused(model(), tmp_path, r"(spec\.json|networks\.safetensors)", error=(ConfigError, StoreError))

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
    @pytest.mark.parametrize("cls", [PPO, SAC])
    def test_nothing_in_a_file_is_executed(self, cls, tmp_path):
        theirs, path, trap = model(cls, seed=1), tmp_path / "their.zip", tmp_path / "executed"
        bait = pickle.dumps(Payload(trap))
        settings = {"policy_class": {":type:": "x", ":serialized:": base64.b64encode(bait).decode()}}
        good = {"policy.pth": dict(theirs.policy.state_dict())}
        if cls is SAC:
            good["pytorch_variables.pth"] = {"log_ent_coef": theirs.log_ent_coef.detach()}
        with_member(path, good | {"data": b"{}"})
        ours = model(cls)
        rl_transfer.warm_start(ours, path)  # the tensors are fine
        assert state(ours) == state(theirs)
        for member in ({"data": json.dumps(settings).encode()}, {"data": b"{}", "x.pkl": bait}):
            with_member(path, good | member)
            with pytest.raises(ConfigError, match=r"their\.zip"):
                rl_transfer.warm_start(model(cls), path)
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
    @pytest.mark.slow
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
