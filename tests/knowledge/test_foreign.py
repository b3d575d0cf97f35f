"""Files that strangers made: honest ones are read, hostile ones get one line, and nothing in them runs."""

import base64
import contextlib
import functools
import hashlib
import logging
import os
import pickle
import re
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import gymnasium
import hostile
import numpy as np
import pytest
import torch
from hostile import members, moments, part, saved, statistics, text, zipped
from safetensors.torch import save as save_safetensors
from stable_baselines3 import A2C, DQN, PPO, SAC, TD3
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import foreign, foreign_safety, foreign_tensors
from rl_transfer.knowledge.foreign import read_agent_file, read_statistics_file, read_tensors
from rl_transfer.knowledge.statistics import Moments, Statistics

ZOO = Path(__file__).parents[3] / "shared" / "zoo"
needs_zoo = pytest.mark.skipif(not ZOO.is_dir(), reason=f"the agents that other people trained are not in {ZOO}")
PAYLOADS = sorted(hostile.payloads("x"))
READERS = {"agent.zip": read_agent_file, "statistics.pkl": read_statistics_file, "net.pth": read_tensors}


def refused(read, path, says=None):
    """That a reader refuses a file in one line that names it."""
    with pytest.raises(ConfigError, match=says) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert "weights_only" not in message  # torch's advice to read it unsafely


def agent(path, **changed):
    return zipped(path / "agent.zip", members(**changed).items())


def written(path, content):
    path.write_bytes(content)
    return path


class Extractor(FlattenExtractor):
    """An extractor of this file's own, which cloudpickle stores as code."""

    def forward(self, observations):
        return super().forward(observations) * len(os.sep)


def model(cls, **more):
    continuous = cls in (SAC, TD3)
    if continuous:
        more["action_noise"] = NormalActionNoise(np.zeros(1), np.ones(1))
    return cls(
        "MlpPolicy",
        gymnasium.make("Pendulum-v1" if continuous else "CartPole-v1"),
        learning_rate=lambda progress: 1e-3 * progress * len(os.sep),
        policy_kwargs={
            "net_arch": [8],
            "activation_fn": torch.nn.ReLU,
            "features_extractor_class": Extractor,
            "optimizer_class": torch.optim.AdamW,
        },
        device="cpu",
        **more,
    )


class TestHonestAgents:
    @pytest.mark.parametrize("cls", [PPO, A2C, DQN, SAC, TD3])
    def test_what_this_release_saves(self, cls, tmp_path):
        theirs, path = model(cls), tmp_path / "agent.zip"
        theirs.save(path)
        found = read_agent_file(path)
        assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        expected = theirs.policy.state_dict()
        assert found.policy.keys() == expected.keys()
        assert all(torch.equal(found.policy[name], tensor) for name, tensor in expected.items())
        parameters = theirs.get_parameters()
        assert found.optimizers.keys() == parameters.keys() - {"policy"}
        for name, state in found.optimizers.items():
            assert state == parameters[name]
        assert found.settings["gamma"] == theirs.gamma
        assert found.settings["policy_kwargs"]["net_arch"] == [8]
        assert "ReLU" in found.settings["policy_kwargs"]["activation_fn"]
        assert ":serialized:" not in str(found.settings)
        assert found.release == "2.9.2"
        assert (set(found.variables) == {"log_ent_coef"}) == (cls is SAC)

    def test_attributes_that_are_pickled_in_odd_ways(self, tmp_path):
        theirs = model(PPO)
        theirs.lr_schedule = functools.partial(round, ndigits=3)
        theirs.odd = [
            Path("x"),
            re.I | re.M,
            "a b".split,
            torch.ones(3),
            np.random.default_rng(0),
            os,
            logging.getLogger(),
        ]
        theirs.save(tmp_path / "agent.zip")
        assert read_agent_file(tmp_path / "agent.zip").settings["odd"] == {":type:": "<class 'list'>"}

    def test_after_learning(self, tmp_path):
        theirs = model(PPO, n_steps=16, batch_size=16, n_epochs=1)
        theirs.learn(16).save(tmp_path / "agent.zip")
        state = read_agent_file(tmp_path / "agent.zip").optimizers["policy.optimizer"]["state"]
        expected = theirs.policy.optimizer.state_dict()["state"]
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[key]["exp_avg"], expected[key]["exp_avg"]) for key in expected)

    def test_zipped_again_with_compression(self, tmp_path):
        path = zipped(tmp_path / "agent.zip", members().items(), zipfile.ZIP_DEFLATED)
        assert read_agent_file(path).settings == {"gamma": 0.9}

    def test_the_policy_alone_is_enough(self, tmp_path):
        found = read_agent_file(zipped(tmp_path / "a.zip", [("policy.pth", members()["policy.pth"])]))
        assert (found.optimizers, found.variables, found.settings, found.release) == ({}, {}, {}, None)

    def test_the_first_releases_formats(self, tmp_path):
        content = {"policy.pth": saved({"w": torch.ones(2)}, legacy=True)}
        content["tensors.pth"] = saved({"log_ent_coef": torch.ones(1, requires_grad=True)}, legacy=True)
        found = read_agent_file(zipped(tmp_path / "a.zip", content.items()))
        assert found.policy["w"].tolist() == [1, 1]
        assert found.variables["log_ent_coef"].tolist() == [1]

    def test_an_unlimited_gradient_norm_is_a_setting(self, tmp_path):
        assert read_agent_file(agent(tmp_path, data=b'{"norm": Infinity}')).settings == {"norm": float("inf")}

    @needs_zoo
    @pytest.mark.parametrize(
        ("name", "release", "optimizers", "variables"),
        [
            ("dqn-LunarLander-v2", "1.0rc0", {"policy.optimizer"}, set()),
            ("ppo-Acrobot-v1", "1.0rc0", {"policy.optimizer"}, set()),
            ("ppo-CartPole-v1", "1.0rc0", {"policy.optimizer"}, set()),
            (
                "sac-Pendulum-v1",
                None,
                {"actor.optimizer", "critic.optimizer", "ent_coef_optimizer"},
                {"log_ent_coef"},
            ),
        ],
    )
    def test_other_peoples(self, name, release, optimizers, variables):
        found = read_agent_file(ZOO / f"{name}.zip")
        assert found.release == release
        assert found.optimizers.keys() == optimizers
        assert found.variables.keys() == variables
        assert found.policy
        assert found.settings["gamma"] > 0.9
        assert ":serialized:" not in str(found.settings)


class TestHostileAgents:
    @pytest.mark.parametrize("name", PAYLOADS)
    def test_a_payload_in_data(self, name, tmp_path):
        marker = tmp_path / "executed"
        payload = hostile.payloads(marker)[name]
        refused(read_agent_file, agent(tmp_path, data=hostile.data(policy_class=payload)), "pickle")
        assert not marker.exists()
        pickle.loads(payload)
        assert marker.exists()  # the trap does work

    def test_a_payload_that_no_list_knows_is_not_executed_either(self, tmp_path):
        marker = tmp_path / "executed"
        payload = hostile.unlisted_payload(marker)
        assert read_agent_file(agent(tmp_path, data=hostile.data(clip_range=payload))).settings["gamma"] == 0.9
        assert not marker.exists()
        pickle.loads(payload)
        assert marker.exists()

    @pytest.mark.parametrize("legacy", [False, True])
    @pytest.mark.parametrize("member", ["policy", "optimizer", "variables"])
    def test_a_payload_among_tensors(self, member, legacy, tmp_path):
        marker = tmp_path / "executed"
        for value in ({"w": hostile.Payload(marker)}, hostile.Payload(marker)):
            refused(read_agent_file, agent(tmp_path, **{member: saved(value, legacy=legacy)}), "posix.system")
        assert not marker.exists()

    @pytest.mark.parametrize("name", PAYLOADS)
    def test_a_bare_pickle_instead_of_tensors(self, name, tmp_path):
        marker = tmp_path / "executed"
        refused(read_agent_file, agent(tmp_path, policy=hostile.payloads(marker)[name]))
        refused(read_agent_file, agent(tmp_path, policy=hostile.unlisted_payload(marker)))
        assert not marker.exists()

    @pytest.mark.parametrize(
        "name", ["x.pkl", "../policy.pth", "/policy.pth", "..\\data", "policy.pth/", "sub/", "DATA", "data\0.txt", "ä"]
    )
    def test_members_that_no_agent_has(self, name, tmp_path):
        info = zipfile.ZipInfo("data")
        info.filename = name
        path = zipped(tmp_path / "agent.zip", [*members().items(), (info, b"")])
        refused(read_agent_file, path, "which no agent file has|is damaged")
        assert [child.name for child in tmp_path.iterdir()] == ["agent.zip"]

    def test_a_member_twice(self, tmp_path):
        for name, content in members().items():
            path = zipped(tmp_path / "agent.zip", [*members().items(), (name, content)])
            refused(read_agent_file, path, "twice")

    def test_a_link(self, tmp_path):
        info = zipfile.ZipInfo("data")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        path = zipped(tmp_path / "agent.zip", [("policy.pth", members()["policy.pth"]), (info, b"/etc/passwd")])
        refused(read_agent_file, path, "link")

    def test_encryption(self, tmp_path):
        content = bytearray(agent(tmp_path).read_bytes())
        content[content.rindex(b"PK\x01\x02") + 8] |= 1
        refused(read_agent_file, written(tmp_path / "agent.zip", content), "encrypted")

    def test_an_unusual_compression(self, tmp_path):
        refused(read_agent_file, zipped(tmp_path / "a.zip", members().items(), zipfile.ZIP_BZIP2), "compression")

    def test_no_policy(self, tmp_path):
        refused(read_agent_file, zipped(tmp_path / "a.zip", [("data", b"{}")]), r"no policy\.pth")

    def test_a_wrong_checksum(self, tmp_path):
        content = agent(tmp_path).read_bytes()
        assert b"action_net.bias" in content
        changed = content.replace(b"action_net.bias", b"action_net.bios")
        refused(read_agent_file, written(tmp_path / "agent.zip", changed), "CRC")

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "damaged"),
            (b"[]", "settings by name"),
            (b"{", "damaged"),
            (b"\xff\xfe", "damaged"),
            (b"[" * 100_000, "damaged"),
            (b'{"a":' * 3000 + b"1" + b"}" * 3000, "damaged"),
            (b'{"a": 1, "a": 2}', "twice"),
            (b'{"a": {"b": NaN}}', "NaN"),
            (b'{"a": ' + b"9" * 5000 + b"}", "damaged"),
            (b'{"a": {":serialized:": 3}}', "no text"),
            (b'{"a": {":serialized:": "abc"}}', "damaged"),
            (b'{"a": {":serialized:": ""}}', "damaged"),
        ],
    )
    def test_data_that_is_no_settings(self, content, says, tmp_path):
        refused(read_agent_file, agent(tmp_path, data=content), says)

    def test_pickles_in_lists_and_below(self, tmp_path):
        bait = base64.b64encode(hostile.payloads("x")["GLOBAL"])
        for place in (b'[{":serialized:": "%b"}]', b'{"b": {":serialized:": "%b"}}'):
            refused(read_agent_file, agent(tmp_path, data=b'{"a": ' + place % bait + b"}"), "posix.system")

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("instructions", "says"),
        [
            (b"\x82\x01.", "EXT1"),
            (b"Pid\n.", "PERSID"),
            (b"NQ.", "BINPERSID"),
            (b"\x80\x05\x97.", "NEXT_BUFFER"),
            (b"N.cposix\nsystem\n.", "behind"),
            (b"Nr\xff\xff\xff\x7f.", "too large"),
            (b"}" + b")" + b"\x85" * 200_000 + b"Ns.", "too large"),
            (b"N0" * 600_000 + b"N.", "too large"),
            (b"\x8e" + b"\xff" * 7 + b"\x00.", "damaged"),
        ],
    )
    def test_pickles_that_only_attack(self, instructions, says, tmp_path):
        refused(read_agent_file, agent(tmp_path, data=hostile.data(x=instructions)), says)
        refused(read_statistics_file, written(tmp_path / "s.pkl", instructions), says)

    @pytest.mark.parametrize("release", [b"", b"\xff", b"1\n2", b"x" * 50])
    def test_a_release_that_is_none(self, release, tmp_path):
        refused(read_agent_file, agent(tmp_path, release=release))


class TestSizes:
    def test_a_small_file_that_unpacks_to_a_large_one(self, tmp_path):
        bomb = b" " * (foreign.MAX_DATA_BYTES + 1)
        path = zipped(tmp_path / "agent.zip", members(data=bomb).items(), zipfile.ZIP_DEFLATED)
        assert path.stat().st_size < 100_000
        refused(read_agent_file, path, "unpacks data to more")

    def test_one_that_lies_about_its_size(self, tmp_path):
        content = members(data=b" " * 1_000_000)
        path = zipped(tmp_path / "agent.zip", content.items(), zipfile.ZIP_DEFLATED)
        for size in (0, 10, 2_000_000):
            lie = path.read_bytes().replace(struct.pack("<I", 1_000_000), struct.pack("<I", size))
            refused(read_agent_file, written(tmp_path / "lie.zip", lie))

    def test_all_members_together(self, tmp_path, monkeypatch):
        path = agent(tmp_path)
        monkeypatch.setattr(foreign, "MAX_FILE_BYTES", 3000)
        refused(read_agent_file, path, "unpacks to more than 3000")

    def test_files(self, tmp_path, monkeypatch):
        path = written(tmp_path / "a", b"12345")
        assert foreign_safety.read_content(path, 5) == b"12345"
        with pytest.raises(foreign_safety.Refused, match="larger than 4"):
            foreign_safety.read_content(path, 4)

    def test_a_bomb_inside_the_tensors(self, tmp_path):
        inner = zipped(tmp_path / "inner", [("a/data.pkl", b"N."), ("a/data/0", bytes(10**6))], zipfile.ZIP_DEFLATED)
        refused(read_agent_file, agent(tmp_path, policy=inner.read_bytes()), "unpacks to more than it holds")

    @pytest.mark.parametrize("legacy", [False, True])
    def test_one_number_in_a_huge_shape(self, legacy, tmp_path):
        policy = saved({"w": torch.ones(1).expand(10**12)}, legacy=legacy)
        refused(read_agent_file, agent(tmp_path, policy=policy), "unpacks to more")

    def test_a_list_that_holds_another_many_times(self, tmp_path):
        for depth in (7, 100):
            many = [0.1]
            for _ in range(depth):
                many = [many] * 10
            refused(read_agent_file, agent(tmp_path, optimizer=saved({"state": many})), "more than a state dictionary")

    def test_a_list_that_holds_itself(self, tmp_path):
        own = []
        own.append(own)
        refused(read_agent_file, agent(tmp_path, optimizer=saved({"state": own})), "more than a state dictionary")

    def test_deep_keys(self, tmp_path):
        """Python itself dies on their hash."""
        content = b"\x80\x02})" + b"\x85" * 200_000 + b"Ns."
        refused(read_tensors, written(tmp_path / "net.pth", content), "too large")
        inner = zipped(tmp_path / "inner.pth", [("a/DATA.PKL", content)])
        refused(read_tensors, inner, "too large")


class TestNumbers:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
    def test_tensors_that_are_not_finite_are_named(self, value, dtype, tmp_path):
        bad = torch.ones(3, dtype=dtype)
        bad[1] = value
        refused(read_agent_file, agent(tmp_path, policy=saved({"q.bias": bad})), r"policy\.pth: tensor 'q.bias' .*NaN")
        refused(read_agent_file, agent(tmp_path, variables=saved({"log_ent_coef": bad})), "'log_ent_coef'")
        state = {"state": {0: {"exp_avg": bad}}, "param_groups": []}
        refused(read_agent_file, agent(tmp_path, optimizer=saved(state)), r"'state\.0\.exp_avg'")
        refused(read_tensors, written(tmp_path / "n.pt", saved({"q": bad})), "'q' holds NaN")
        refused(read_tensors, written(tmp_path / "n.safetensors", save_safetensors({"q": bad})), "'q' holds NaN")

    def test_an_optimizer_s_numbers(self, tmp_path):
        state = saved({"param_groups": [{"lr": float("nan")}]})
        refused(read_agent_file, agent(tmp_path, optimizer=state), r"'param_groups\.lr' is NaN")

    @pytest.mark.parametrize(
        "tensor",
        [
            torch.ones(2, dtype=torch.complex64),
            torch.ones(2, device="meta"),
            torch.eye(2).to_sparse(),
        ],
        ids=["complex", "meta", "sparse"],
    )
    def test_tensors_of_other_kinds(self, tensor, tmp_path):
        refused(read_agent_file, agent(tmp_path, policy=saved({"w": tensor})), "no plain array|damaged")

    @pytest.mark.parametrize("policy", [{}, [1], {"w": 3.0}, {"w": "x"}, {3: torch.ones(1)}, torch.ones(1), None])
    def test_policies_that_are_no_tensors_by_name(self, policy, tmp_path):
        refused(read_agent_file, agent(tmp_path, policy=saved(policy)), "policy.pth")

    def test_integers_and_attributes(self, tmp_path):
        tensor = torch.nn.Parameter(torch.ones(2))
        tensor.isfinite = "mine"
        found = read_agent_file(agent(tmp_path, policy=saved({"w": tensor, "n": torch.tensor(3)}))).policy
        assert type(found["w"]) is torch.Tensor
        assert not vars(found["w"])
        assert not found["w"].requires_grad
        assert found["n"].item() == 3


def normalized(space=None, **settings):
    class Env(gymnasium.Env):
        observation_space = space or gymnasium.spaces.Box(-1, 1, (3,))
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, **kwargs):
            super().reset(**kwargs)
            return self.observation_space.sample(), {}

        def step(self, action):
            return self.observation_space.sample(), 1.0, False, False, {}

    venv = VecNormalize(DummyVecEnv([Env, Env]), **settings)
    venv.seed(0)
    venv.reset()
    for _ in range(5):
        venv.step(np.zeros(2, int))
    return venv


def same(found, theirs):
    np.testing.assert_array_equal(found.mean, theirs.mean)
    np.testing.assert_array_equal(found.var, theirs.var)
    return found.mean.dtype == np.float64 and found.count == theirs.count


class TestHonestStatistics:
    @pytest.mark.parametrize("protocol", [None, 3, 4, 5])
    def test_what_this_release_saves(self, protocol, tmp_path):
        theirs, path = normalized(clip_obs=5, clip_reward=np.inf, epsilon=1e-6), tmp_path / "s.pkl"
        if protocol is None:
            theirs.save(path)
        else:
            path.write_bytes(pickle.dumps(theirs, protocol))
        found = read_statistics_file(path)
        assert same(found.statistics.observation[""], theirs.obs_rms)
        assert same(found.statistics.reward, theirs.ret_rms)
        assert (found.clip_observation, found.clip_reward, found.epsilon) == (5, np.inf, 1e-6)
        assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    def test_observations_in_parts(self, tmp_path):
        box = gymnasium.spaces.Box(-1, 1, (2, 3))
        theirs = normalized(
            gymnasium.spaces.Dict({"a": box, "b": box, "c": gymnasium.spaces.Discrete(3)}), norm_obs_keys=["a", "b"]
        )
        theirs.save(tmp_path / "s.pkl")
        found = read_statistics_file(tmp_path / "s.pkl").statistics.observation
        assert found.keys() == {"a", "b"}
        assert all(same(found[key], theirs.obs_rms[key]) for key in found)

    def test_what_was_not_normalised(self, tmp_path):
        normalized(norm_obs=False, norm_reward=False).save(tmp_path / "s.pkl")
        assert read_statistics_file(tmp_path / "s.pkl").statistics == Statistics({}, None)
        path = written(tmp_path / "s.pkl", statistics(norm_obs=b"\x89", norm_reward=b"\x89"))  # made all the same
        assert read_statistics_file(path).statistics == Statistics({}, None)

    def test_arrays_of_every_layout(self, tmp_path):
        shaped = np.arange(24.0).reshape(2, 3, 4)
        for array in (np.asfortranarray(shaped), shaped.transpose(1, 0, 2), shaped.astype(">f4"), shaped.astype("i2")):
            for protocol in (3, 4, 5):
                instructions = pickle.dumps(array, protocol)[2:-1]
                path = written(tmp_path / "s.pkl", statistics(obs_rms=moments(instructions, instructions)))
                found = read_statistics_file(path).statistics.observation[""]
                np.testing.assert_array_equal(found.mean, array)
                assert found.mean.dtype == np.float64

    def test_our_own(self, tmp_path):
        ours = Statistics({"": Moments(np.zeros(2), np.ones(2), 3.0)})
        ours.write(tmp_path / "s.safetensors")
        found = read_statistics_file(tmp_path / "s.safetensors")
        assert same(found.statistics.observation[""], ours.observation[""])
        assert found.clip_observation is None
        for content in (b"", b"x" * 100, save_safetensors({"w": torch.ones(2)})):
            refused(read_statistics_file, written(tmp_path / "s.safetensors", content), "statistics")

    @needs_zoo
    def test_other_peoples(self):
        found = read_statistics_file(ZOO / "ppo-Acrobot-v1-vecnormalize.pkl")
        observation = found.statistics.observation[""]
        assert observation.mean.shape == (6,)
        # Of cosines and sines: their squares add up to one, a check that no code of theirs was needed for.
        squares = observation.mean**2 + observation.var
        np.testing.assert_allclose(squares[0] + squares[1], 1, atol=1e-3)
        np.testing.assert_allclose(squares[2] + squares[3], 1, atol=1e-3)
        assert observation.count == pytest.approx(1003520.0001)
        assert found.statistics.reward.mean.shape == ()
        assert (found.clip_observation, found.clip_reward, found.epsilon) == (10, 10, 1e-8)


class TestHostileStatistics:
    @pytest.mark.parametrize("name", PAYLOADS)
    def test_payloads(self, name, tmp_path):
        marker = tmp_path / "executed"
        payload = hostile.payloads(marker)[name]
        refused(read_statistics_file, written(tmp_path / "s.pkl", payload))
        body = payload[2:-1] if payload.startswith(b"\x80") else payload[:-1]
        refused(read_statistics_file, written(tmp_path / "s.pkl", statistics(obs_rms=body)))
        assert not marker.exists()

    def test_a_payload_that_no_list_knows_is_not_executed_either(self, tmp_path):
        marker = tmp_path / "executed"
        body = hostile.unlisted_payload(marker)[2:-1]
        path = written(tmp_path / "s.pkl", statistics(observation_space=body))
        assert read_statistics_file(path).statistics.reward is not None
        refused(read_statistics_file, written(tmp_path / "s.pkl", statistics(obs_rms=body)), "no mean")
        assert not marker.exists()

    @pytest.mark.parametrize(
        ("attributes", "says"),
        [
            ({"x": part(np.array([1, "x"], dtype=object))}, "'O8', not of plain numbers"),
            ({"x": part(np.array(["a"]))}, "not of plain numbers"),
            ({"x": part(np.zeros(2, [("a", "f4")]))}, "not of plain numbers"),
            ({"obs_rms": moments(mean=part([1.0, 2.0]))}, "holds a list"),
            ({"obs_rms": moments(count=part("3"))}, "holds a str"),
            ({"obs_rms": moments(count=b"\x88")}, "holds a bool"),
            ({"obs_rms": moments(count=part(np.ones(2)))}, "damaged"),
            ({"obs_rms": moments(mean=part(np.ones(3)))}, "has shape"),
            ({"obs_rms": moments(mean=part(np.array([1, np.nan])))}, "NaN"),
            ({"obs_rms": moments(var=part(np.array([1, -1.0])))}, "negative"),
            ({"ret_rms": moments(count=part(np.inf))}, "NaN or infinity"),
            ({"obs_rms": part({3: 1})}, "something else than text"),
            ({"obs_rms": part({"a": 1})}, "no mean, var and count"),
            ({"ret_rms": part(None)}, "no mean, var and count"),
            ({"obs_rms": part(None), "norm_obs": b"\x88"}, "no mean, var and count"),
            ({"clip_obs": part(np.nan)}, "clip_obs is nan"),
            ({"clip_reward": part(-1)}, "clip_reward is -1"),
            ({"epsilon": part(np.inf)}, "epsilon is inf"),
            ({"x": part(np.arange(3.0)).replace(b"K\x03\x85", b"K\x04\x85")}, "with 24 bytes"),
            ({"x": part(np.arange(3.0)).replace(b"K\x03\x85", b"J\xff\xff\xff\xff\x85")}, "with 24 bytes"),
            ({"x": part(np.arange(3.0)) + part((1, (2,), 3)) + b"b"}, "damaged"),
            ({"x": part(np.arange(3.0)) + part((1, (2,), "f8", False, b"x" * 16)) + b"b"}, "unknown type"),
            ({"x": part(np.arange(3.0)) + part({"array": 3}) + b"b"}, "damaged"),
            ({"x": part(np.arange(3.0)) + part((None, {"array": 3})) + b"b"}, "damaged"),
            ({"x": b"cnumpy\ndtype\n" + part({"plain": 3}) + b"b"}, "damaged"),
            ({"x": b"cnumpy.core.multiarray\n_reconstruct\n" + part((None, {"__init__": 3})) + b"b"}, "damaged"),
            ({"obs_rms": b"cnumpy.core.multiarray\n_reconstruct\n)R"}, "no mean"),
            ({"obs_rms": moments(mean=b"cnumpy.core.multiarray\n_reconstruct\n)R")}, "instead of numbers"),
        ],
    )
    def test_pickles_of_other_things(self, attributes, says, tmp_path):
        refused(read_statistics_file, written(tmp_path / "s.pkl", statistics(**attributes)), says)
        assert read_statistics_file(written(tmp_path / "s.pkl", statistics())).statistics.reward.count == 3

    @pytest.mark.parametrize("value", [None, {}, {"obs_rms": 1, "ret_rms": 2}, np.ones(3), "x"])
    def test_no_vecnormalize(self, value, tmp_path):
        refused(read_statistics_file, written(tmp_path / "s.pkl", pickle.dumps(value)), "no statistics of VecNormalize")

    def test_containers_of_unknown_kinds_are_passed_over(self, tmp_path):
        filled = b"cx\nQueue\n)\x81" + text("a") + b"a" + b"(" + text("a") + b"e" + text("k") + b"Ns"
        path = written(tmp_path / "s.pkl", statistics(x=filled, y=b"\x8f(cx\nY\n)\x81\x90", z=b"cx\nZ\n)\x81(N\x90"))
        assert read_statistics_file(path).statistics.reward.count == 3


WEIGHTS = {"0.weight": torch.arange(6.0).reshape(2, 3), "1.steps": torch.tensor(4)}


class TestTensors:
    def same(self, found):
        assert found.keys() == WEIGHTS.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in WEIGHTS.items())

    @pytest.mark.parametrize("legacy", [False, True])
    @pytest.mark.parametrize("name", ["a.pt", "a.pth", "a.bin"])
    def test_torch_s_files(self, name, legacy, tmp_path):
        for value in (WEIGHTS, {"state_dict": WEIGHTS, "epoch": "x"}, {"model": WEIGHTS}):
            self.same(read_tensors(written(tmp_path / name, saved(value, legacy=legacy))))

    def test_safetensors(self, tmp_path):
        self.same(read_tensors(written(tmp_path / "a.safetensors", save_safetensors(WEIGHTS))))

    def test_another_suffix(self, tmp_path):
        refused(read_tensors, written(tmp_path / "a.onnx", b"x"), "must end in .safetensors")

    def test_none(self, tmp_path):
        refused(read_tensors, written(tmp_path / "a.safetensors", save_safetensors({})), "no tensors")
        refused(read_tensors, written(tmp_path / "a.pt", saved({"state_dict": {}})), "no tensors")

    def test_a_program_instead_of_tensors(self, tmp_path):
        """TorchScript is a zip too, with code in it."""
        content = zipped(tmp_path / "a.pt", [("a/data.pkl", b"\x80\x02N."), ("a/constants.pkl", b"\x80\x02).")])
        refused(read_tensors, content)

    @pytest.mark.parametrize("name", PAYLOADS)
    def test_payloads(self, name, tmp_path):
        marker = tmp_path / "executed"
        payload = hostile.payloads(marker)[name]
        for suffix in (".pt", ".safetensors"):
            refused(read_tensors, written(tmp_path / f"a{suffix}", payload))
        refused(read_tensors, zipped(tmp_path / "a.pt", [("a/data.pkl", payload), ("a/version", b"3\n")]), "pickle")
        assert not marker.exists()

    def test_too_many_values(self, tmp_path, monkeypatch):
        monkeypatch.setattr(foreign_tensors, "MAX_VALUES", 2)
        refused(read_tensors, written(tmp_path / "a.pt", saved(WEIGHTS)), "more than a state dictionary")


def honest(name, folder):
    """A good file for each reader."""
    match name:
        case "agent.zip":
            return agent(folder)
        case "statistics.pkl":
            normalized().save(folder / name)
            return folder / name
        case "net.pth" | "old.pth":
            return written(folder / name, saved({"w": torch.arange(20.0)}, legacy=name == "old.pth"))
        case _:
            return written(folder / name, save_safetensors({"w": torch.arange(20.0)}))


FILES = [*READERS, "old.pth", "net.safetensors"]


class TestAnyFile:
    @pytest.mark.parametrize("read", READERS.values(), ids=READERS)
    @pytest.mark.parametrize("name", ["a", "a.zip", "a.pkl", "a.pth", "a.safetensors"])
    def test_files_that_are_none(self, read, name, tmp_path):
        path = tmp_path / name
        refused(read, path, "no such file|must end in")
        for content in (b"", b"text", bytes(1000), b"PK\x03\x04", b"PK\x05\x06" + bytes(18), b"\x80\x04."):
            refused(read, written(path, content))
        path.unlink()
        path.mkdir()
        refused(read, path, "is no file|must end in")
        path.rmdir()
        os.mkfifo(path)
        refused(read, path, "is no file|must end in")

    @pytest.mark.parametrize("name", FILES)
    def test_truncated_anywhere(self, name, tmp_path):
        path, read = honest(name, tmp_path), READERS.get(name, read_tensors)
        read(path)
        content = path.read_bytes()
        for length in {*range(0, 64), *np.linspace(64, len(content) - 1, 80).astype(int), len(content) - 1}:
            refused(read, written(path, content[:length]))

    @pytest.mark.parametrize("name", FILES)
    def test_damaged_anywhere(self, name, tmp_path):
        path, read = honest(name, tmp_path), READERS.get(name, read_tensors)
        content, generator = path.read_bytes(), np.random.default_rng(0)
        for flips in [1] * 150 + [8] * 50:
            damaged = bytearray(content)
            for place in generator.integers(len(content), size=flips):
                damaged[place] ^= 1 << int(generator.integers(8))
            path.write_bytes(damaged)
            with contextlib.suppress(ConfigError):
                read(path)


LOADED = {"os.system", "os.exec", "os.fork", "os.posix_spawn", "subprocess.Popen", "exec", "compile", "import"}
HEARD: list[str] | None = None


def listen(event, arguments):
    if HEARD is None:
        return
    written_to = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
    if event in LOADED or event.startswith("pickle.") or written_to:
        HEARD.append(f"{event} {arguments}")


@contextlib.contextmanager
def heard():
    """What Python reports of code that runs and files that are written meanwhile."""
    global HEARD
    HEARD = found = []
    try:
        yield found
    finally:
        HEARD = None


def test_nothing_runs_and_nothing_is_written(tmp_path):
    marker, files = tmp_path / "executed", []
    bad = {**hostile.payloads(marker), "unlisted": hostile.unlisted_payload(marker)}
    for number, payload in enumerate(bad.values()):
        for kind, changed in (("data", hostile.data(x=payload)), ("policy", payload)):
            files.append((read_agent_file, zipped(tmp_path / f"{number}{kind}", members(**{kind: changed}).items())))
        files.append((read_statistics_file, written(tmp_path / f"{number}.pkl", payload)))
        files.append((read_tensors, written(tmp_path / f"{number}.pth", payload)))
    for name in FILES:
        files.append((READERS.get(name, read_tensors), honest(name, tmp_path)))
        files[-1][0](files[-1][1])  # so that torch has imported what it needs
    for read, path in files:
        with contextlib.suppress(ConfigError):
            read(path)
    sys.addaudithook(listen)  # for good: it can't be taken off again
    with heard() as found:
        for read, path in files:
            with contextlib.suppress(ConfigError):
                read(path)
    assert found == []
    assert not marker.exists()
    with heard() as found:
        pickle.loads(bad["GLOBAL"])
    assert any("os.system" in event for event in found)  # it does listen
    assert marker.exists()


@pytest.mark.slow
def test_importing_needs_no_torch():
    code = "import sys, rl_transfer.knowledge.foreign; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
