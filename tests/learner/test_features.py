"""Feature extractors: which one a space gets, what comes out of it, and tensors from other people's files."""

import io
import itertools
import sys
import zipfile
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from pydantic import TypeAdapter, ValidationError
from safetensors.numpy import load_file
from stable_baselines3 import DQN, PPO, SAC
from stable_baselines3.common.preprocessing import is_image_space_channels_first
from stable_baselines3.common.torch_layers import CombinedExtractor, FlattenExtractor, NatureCNN

from rl_transfer.errors import ConfigError
from rl_transfer.learner.sb3.backbone import backbone_tensors
from rl_transfer.learner.sb3.features import (
    DictExtractor,
    ScaledNatureCNN,
    SmallCNN,
    extractor_arguments,
    is_plain,
)
from rl_transfer.study import (
    FeaturesConfig,
    FlattenConfig,
    ImpalaCNNConfig,
    NatureCNNConfig,
    ResNetConfig,
    SmallCNNConfig,
    channels_first,
    choose_architectures,
    has_parameters,
    load_study,
)

FEATURES: TypeAdapter[FeaturesConfig] = TypeAdapter(FeaturesConfig)
VECTOR = spaces.Box(-1, 1, (3,), np.float32)
TINY_RESNET = ResNetConfig(embedding_size=4, hidden_sizes=(4, 8), depths=(1, 1))
IMAGE_NETWORKS = [
    NatureCNNConfig(features_dim=16),
    SmallCNNConfig(features_dim=16),
    SmallCNNConfig(features_dim=16, channels=(4, 8)),
    ImpalaCNNConfig(features_dim=16, channels=(4, 8)),
    ResNetConfig(embedding_size=4, hidden_sizes=(8, 16), depths=(1, 1)),
]


def pixels(*shape):
    return spaces.Box(0, 255, shape, np.uint8)


def unit(*shape, dtype=np.float32):
    return spaces.Box(0, 1, shape, dtype)


def build(features, space, seed=0):
    arguments = extractor_arguments(features, space)
    torch.manual_seed(seed)
    return arguments["features_extractor_class"](space, **arguments["features_extractor_kwargs"])


def picture(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def batch(array):
    return torch.as_tensor(array, dtype=torch.float32)[None]


class Show(gymnasium.Env[Any, Any]):
    """One step; the observation is a sample, the reward the action."""

    def __init__(self, observation_space, continuous=False):
        self.observation_space = observation_space
        self.action_space = spaces.Box(-1, 1, (1,), np.float32) if continuous else spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        return self.observation_space.sample(), float(np.sum(action)), True, False, {}


def agent(cls, features, space):
    env = Show(space, continuous=cls is SAC)
    policy_kwargs = extractor_arguments(features, space) | {"net_arch": [8]}
    settings = {"n_steps": 32, "batch_size": 16, "n_epochs": 1} if cls is PPO else {"learning_starts": 16}
    settings |= {} if cls is PPO else {"buffer_size": 100, "batch_size": 8, "train_freq": 8}
    kind = "MultiInputPolicy" if isinstance(space, spaces.Dict) else "MlpPolicy"
    return cls(kind, env, policy_kwargs=policy_kwargs, seed=0, device="cpu", **settings)


class TestConfiguration:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("nature_cnn", NatureCNNConfig()),
            ({"small_cnn": {"features_dim": 64}}, SmallCNNConfig(features_dim=64)),
            ({"resnet": None}, ResNetConfig()),
            ({"name": "impala_cnn", "channels": [4]}, ImpalaCNNConfig(channels=(4,))),
            ("flatten", FlattenConfig()),
        ],
    )
    def test_forms(self, text, expected):
        assert FEATURES.validate_python(text) == expected

    @pytest.mark.parametrize("config", [*IMAGE_NETWORKS, FlattenConfig()])
    def test_what_is_stored_is_read(self, config):
        assert FEATURES.validate_json(FEATURES.dump_json(config)) == config
        assert FEATURES.validate_python(config) == config

    @pytest.mark.parametrize(
        "text",
        [3, "", [], {}, {"a": 1, "b": 2}, {"small_cnn": 3}, {"name": ["a"]}, {"small_cnn": {"name": "resnet"}}, True],
    )
    def test_nonsense(self, text):
        with pytest.raises(ValidationError):
            FEATURES.validate_python(text)

    @pytest.mark.parametrize(
        ("text", "key", "message"),
        [
            ("nature_cn", "", "'nature_cn' is not known; did you mean 'nature_cnn'?"),
            ("{small_cnn: {features_dm: 3}}", ".small_cnn.features_dm", "unknown key; did you mean 'features_dim'?"),
            ("{impala_cnn: {channels: [0]}}", ".impala_cnn.channels.0", "must be greater than 0, not 0"),
            ("{impala_cnn: {input: imagnet}}", ".impala_cnn.input", "did you mean 'imagenet'?"),
            ("{resnet: {depths: [1, 2]}}", ".resnet.depths", "as many entries as hidden_sizes (4), not [1, 2]"),
            ("{resnet: {hidden_sizes: [8]}}", ".resnet", "as many entries as hidden_sizes (1)"),
            (
                "{resnet: {layer_type: bottleneck, hidden_sizes: [6], depths: [1]}}",
                ".resnet.hidden_sizes",
                "multiples of 4",
            ),
            ("3", "", "must be one name"),
        ],
    )
    def test_errors_name_file_line_key_and_nearest_name(self, tmp_path, text, key, message):
        file = tmp_path / "pair.yaml"
        file.write_text(
            "description: a pair\nsource: {id: CartPole-v1}\ntarget: {id: CartPole-v1}\n"
            f"learner:\n  algorithm: ppo\n  features: {text}\nbudget: {{source: 4096, target: 4096}}\n"
            "score: {random: 20.0, reference: 500, worst: 0.0}\n"
            "threshold_score: 0.8\nsource_threshold_return: 400\n"
        )
        with pytest.raises(ConfigError) as caught:
            load_study(str(file))
        assert (caught.value.key, caught.value.line) == (f"learner.features{key}", 6)
        assert message in caught.value.message


class TestChoice:
    @pytest.mark.parametrize(
        ("space", "name"),
        [
            (VECTOR, "flatten"),
            (spaces.Discrete(4), "flatten"),
            (spaces.MultiBinary(4), "flatten"),
            (pixels(84, 84, 4), "nature_cnn"),
            (pixels(36, 36, 3), "nature_cnn"),
            (pixels(36, 35, 3), "small_cnn"),
            (pixels(7, 7, 3), "small_cnn"),
            (unit(10, 10, 4, dtype=bool), "small_cnn"),
            (unit(3, 2, 5), "flatten"),
            (unit(1, 1, 5), "flatten"),
        ],
    )
    def test_by_default_the_size_decides(self, space, name):
        assert choose_architectures(None, space)[""].name == name
        assert has_parameters(None, space) == (name != "flatten")
        assert sum(p.numel() for p in agent(PPO, None, space).policy.features_extractor.parameters()) > 0 or (
            name == "flatten"
        )

    def test_dict(self):
        space = spaces.Dict({"z": VECTOR, "a": pixels(7, 7, 3), "m": pixels(40, 40, 3)})
        names = {key: one.name for key, one in choose_architectures(None, space).items()}
        assert list(names.items()) == [("a", "small_cnn"), ("m", "nature_cnn"), ("z", "flatten")]
        assert has_parameters(None, space)
        assert not has_parameters(FlattenConfig(), space)
        assert not has_parameters(None, spaces.Dict({"z": VECTOR}))

    @pytest.mark.parametrize("size", [(35, 40, 3), (3, 40, 35)])
    def test_too_small(self, size):
        with pytest.raises(ConfigError, match=r"needs at least 36 x 36 pixels.*small_cnn would fit") as caught:
            has_parameters(NatureCNNConfig(), pixels(*size))
        assert caught.value.key == "features"

    def test_too_small_for_so_many_convolutions(self):
        with pytest.raises(ConfigError, match=r"at least 7 x 7.*'view' has 6 x 9"):
            has_parameters(SmallCNNConfig(channels=(4, 4, 4)), spaces.Dict({"view": pixels(6, 9, 3)}))

    @pytest.mark.parametrize("space", [VECTOR, spaces.Discrete(3), spaces.Dict({"a": VECTOR})])
    @pytest.mark.parametrize("features", IMAGE_NETWORKS)
    def test_no_image(self, features, space):
        with pytest.raises(ConfigError, match=f"{features.name} is for images") as caught:
            extractor_arguments(features, space)
        assert caught.value.key == "features"

    @pytest.mark.parametrize(
        ("space", "message"),
        [
            (pixels(40, 40, 4), "3 channels.*has 4: use input: unit"),
            (spaces.Box(-1, 1, (40, 40, 3), np.float32), "use input: raw"),
            (spaces.Box(0, 10, (40, 40, 3), np.uint8), "use input: raw"),
        ],
    )
    def test_imagenet_scaling_needs_colours_in_a_known_range(self, space, message):
        with pytest.raises(ConfigError, match=message):
            extractor_arguments(ResNetConfig(), space)

    def test_a_missing_package_is_named(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "transformers", None)
        with pytest.raises(ConfigError, match=r"pip install rl-transfer\[transformers\]"):
            extractor_arguments(TINY_RESNET, pixels(40, 40, 3))

    @pytest.mark.parametrize("key", ["a.b", "keys", "training", ""])
    def test_keys_that_torch_refuses(self, key):
        with pytest.raises(ConfigError, match="can't be called"):
            extractor_arguments(None, spaces.Dict({key: VECTOR, "x": VECTOR}))


class TestPlain:
    """What the library can load by itself."""

    @pytest.mark.parametrize(
        ("features", "space", "expected"),
        [
            (None, VECTOR, FlattenExtractor),
            (FlattenConfig(), pixels(40, 40, 3), FlattenExtractor),
            (None, pixels(40, 40, 3), NatureCNN),
            (NatureCNNConfig(features_dim=8), pixels(40, 40, 3), NatureCNN),
            (NatureCNNConfig(input="raw"), pixels(40, 40, 3), ScaledNatureCNN),
            (None, unit(40, 40, 3), ScaledNatureCNN),
            (None, pixels(7, 7, 3), SmallCNN),
            (None, spaces.Dict({"a": VECTOR}), CombinedExtractor),
            (None, spaces.Dict({"a": pixels(40, 40, 3), "b": VECTOR}), CombinedExtractor),
            (None, spaces.Dict({"a": pixels(7, 7, 3), "b": VECTOR}), DictExtractor),
            (None, spaces.Dict({"a": unit(40, 40, 3)}), DictExtractor),
            (FlattenConfig(), spaces.Dict({"a": pixels(40, 40, 3)}), DictExtractor),
        ],
    )
    def test_the_librarys_classes_where_they_do(self, features, space, expected):
        assert extractor_arguments(features, space)["features_extractor_class"] is expected
        assert is_plain(features, space) == expected.__module__.startswith("stable_baselines3")

    @pytest.mark.parametrize("space", [pixels(40, 40, 3), spaces.Dict({"a": pixels(40, 40, 3), "b": VECTOR})])
    def test_a_plain_agent_names_nothing_of_ours(self, space):
        content = io.BytesIO()
        agent(PPO, NatureCNNConfig(features_dim=8), space).save(content)
        with zipfile.ZipFile(content) as archive:
            assert "rl_transfer" not in archive.read("data").decode()
        content.seek(0)
        assert PPO.load(content, device="cpu").policy.features_extractor.features_dim in (8, 11)

    def test_an_agent_of_ours_loads_too(self):
        made, content = agent(DQN, None, spaces.Dict({"a": pixels(7, 7, 3), "b": VECTOR})), io.BytesIO()
        made.save(content)
        content.seek(0)
        again = DQN.load(content, device="cpu")
        seen = {"a": picture(7, 7, 3), "b": np.zeros(3, np.float32)}
        q_values = [one.policy.q_net(one.policy.obs_to_tensor(seen)[0]) for one in (made, again)]
        assert torch.equal(*q_values)


class TestNumbers:
    @pytest.mark.slow
    @pytest.mark.parametrize("features", IMAGE_NETWORKS)
    @pytest.mark.parametrize("space", [unit(40, 38, 3), pixels(3, 40, 38), spaces.Box(0, 255, (40, 38, 3), np.float32)])
    def test_shapes_and_gradients(self, features, space):
        extractor = build(features, space)
        found = extractor(torch.rand(5, *space.shape))
        assert found.shape == (5, 16) == (5, extractor.features_dim)
        found.sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in extractor.parameters())

    @pytest.mark.parametrize("features", IMAGE_NETWORKS)
    def test_where_the_channels_stand_makes_no_difference(self, features):
        first, last = build(features, unit(3, 40, 38)), build(features, unit(40, 38, 3))
        shown = picture(40, 38, 3) / 255
        expected = first(batch(np.moveaxis(shown, 2, 0)))
        assert expected.abs().sum() > 0
        assert torch.allclose(last(batch(shown)), expected, atol=1e-5)

    @pytest.mark.parametrize("features", IMAGE_NETWORKS)
    def test_bytes_and_their_fractions_make_no_difference(self, features):
        # The library puts channels first before the extractor sees bytes.
        shown = picture(3, 40, 38)
        of_bytes = build(features, pixels(3, 40, 38))
        divisor = 255 if is_plain(features, pixels(3, 40, 38)) else 1  # the library divides for its own
        of_fractions = build(features, unit(3, 40, 38))
        assert torch.allclose(of_bytes(batch(shown / divisor)), of_fractions(batch(shown / 255)), atol=1e-5)

    def test_a_grid_as_high_and_wide_as_it_has_channels_has_them_last(self):
        extractor = build(None, unit(10, 10, 10, dtype=bool))
        seen = torch.zeros(1, 10, 10, 10)
        seen[0, :, :, 4] = 1.0
        assert torch.equal(extractor.picture(seen)[0, 4], torch.ones(10, 10))

    @pytest.mark.filterwarnings("ignore:Treating image space as channels-last")
    @pytest.mark.parametrize("shape", list(itertools.product([3, 4, 5], repeat=3)))
    def test_bytes_have_their_channels_where_the_library_sees_them(self, shape):
        assert channels_first(pixels(*shape)) == is_image_space_channels_first(pixels(*shape))

    @pytest.mark.parametrize("space", [pixels(3, 7, 7), unit(3, 7, 7), spaces.Box(0, 255, (3, 7, 7), np.float32)])
    @pytest.mark.parametrize("scaling", ["unit", "imagenet", "raw"])
    def test_scaling(self, scaling, space):
        top = float(space.high.max())
        seen = picture(3, 7, 7).astype(np.float64) / 255 * top
        fraction = seen / top
        mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
        expected = {
            "unit": fraction,
            "imagenet": (fraction - mean[:, None, None]) / std[:, None, None],
            "raw": seen,
        }[scaling]
        found = build(SmallCNNConfig(input=scaling), space).picture(batch(seen))[0].numpy()
        assert np.allclose(found, expected, rtol=1e-5, atol=1e-5)

    def test_few_bytes_are_no_255th_of_anything(self):
        space = spaces.Box(0, 10, (7, 7, 3), np.uint8)
        assert torch.equal(build(None, space).picture(torch.full((1, 7, 7, 3), 10.0)), torch.full((1, 3, 7, 7), 10.0))

    def test_scaling_has_no_tensors(self):
        for features in IMAGE_NETWORKS:
            assert not any("picture" in name for name in build(features, unit(40, 40, 3)).state_dict())

    def test_stacked_colours(self):
        extractor = build(SmallCNNConfig(input="imagenet"), unit(6, 7, 7))
        found = extractor.picture(torch.zeros(1, 6, 7, 7))[0, :, 0, 0]
        assert torch.equal(found[:3], found[3:])

    @pytest.mark.parametrize("space", [pixels(40, 44, 3), pixels(3, 40, 44)])
    def test_nature_cnn_is_the_librarys(self, space):
        env = Show(space)
        theirs = PPO("CnnPolicy", env, seed=3, device="cpu")
        ours = PPO("MlpPolicy", env, seed=3, device="cpu", policy_kwargs=extractor_arguments(None, space))
        seen = picture(4, *space.shape)
        values = [one.policy.predict_values(one.policy.obs_to_tensor(seen)[0]) for one in (theirs, ours)]
        assert torch.equal(*values)

    def test_own_nature_cnn_has_the_librarys_names_and_numbers(self):
        theirs, ours = build(None, pixels(3, 40, 40)), build(None, unit(40, 40, 3))
        ours.load_state_dict(theirs.state_dict())
        shown = picture(3, 40, 40) / 255
        assert torch.allclose(ours(batch(np.moveaxis(shown, 0, 2))), theirs(batch(shown)), atol=1e-6)

    def test_dict_puts_features_side_by_side_in_order(self):
        space = spaces.Dict({"z": VECTOR, "a": unit(7, 7, 3), "k": pixels(3, 8, 8), "d": spaces.Discrete(3)})
        extractor = build(SmallCNNConfig(features_dim=6), space)
        seen = {key: torch.rand(2, *(part.shape or (3,))) for key, part in space.items()}
        found = extractor(seen)
        assert found.shape == (2, 6 + 3 + 6 + 3) == (2, extractor.features_dim)
        assert torch.equal(found[:, :6], extractor.extractors["a"](seen["a"]))
        assert torch.equal(found[:, 6:9], seen["d"])
        assert torch.equal(found[:, -3:], seen["z"])
        assert {name.split(".")[1] for name in extractor.state_dict()} == {"a", "k"}

    def test_images_that_are_flattened_are_divided_too(self):
        extractor = build(FlattenConfig(), spaces.Dict({"a": pixels(3, 4, 4)}))
        assert torch.equal(extractor({"a": torch.full((1, 3, 4, 4), 255.0)}), torch.ones(1, 48))


SPACES = {
    "bytes": pixels(40, 40, 3),
    "grid": unit(10, 10, 4, dtype=bool),
    "dict": spaces.Dict({"view": pixels(9, 9, 3), "speed": VECTOR, "gear": spaces.Discrete(3)}),
    "plain dict": spaces.Dict({"view": pixels(40, 40, 3), "speed": VECTOR}),
}


class TestLearning:
    @pytest.mark.parametrize("space", SPACES)
    @pytest.mark.parametrize("cls", [PPO, DQN, SAC])
    def test_every_part_is_trained(self, cls, space):
        made = agent(cls, None, SPACES[space])
        extractor = (made.critic if cls is SAC else made.q_net if cls is DQN else made.policy).features_extractor
        before = {name: tensor.clone() for name, tensor in extractor.state_dict().items()}
        assert before
        made.learn(64)
        assert all(not torch.equal(tensor, before[name]) for name, tensor in extractor.state_dict().items())

    @pytest.mark.slow
    @pytest.mark.parametrize("features", IMAGE_NETWORKS)
    def test_every_architecture_tells_left_from_right(self, features):
        space, generator = unit(40, 40, 3), np.random.default_rng(0)
        extractor = build(features, space, seed=1)  # of 16 units, seed 0 leaves too few alive in one network
        head = torch.nn.Linear(extractor.features_dim, 1)
        optimizer = torch.optim.Adam([*extractor.parameters(), *head.parameters()], lr=3e-3)
        side = torch.as_tensor(generator.integers(2, size=32))
        seen = torch.as_tensor(generator.random((32, 40, 40, 3)) * 0.2, dtype=torch.float32)
        for row, right in enumerate(side):
            seen[row, :, 20 * right : 20 * right + 20] += 0.6
        for _ in range(60):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(head(extractor(seen))[:, 0], side.float())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert loss < 0.2


@pytest.fixture(scope="module")
def theirs():
    from transformers import ResNetConfig as Settings
    from transformers import ResNetForImageClassification

    torch.manual_seed(1)
    settings = Settings(embedding_size=4, hidden_sizes=[4, 8], depths=[1, 1], layer_type="basic", num_labels=3)
    model = ResNetForImageClassification(settings)
    for _ in range(3):  # running statistics of their own
        model(torch.randn(4, 3, 40, 40))
    return model.eval()


class TestBackbones:
    SPACE = pixels(40, 40, 3)

    @pytest.fixture
    def tensors(self, theirs, tmp_path):
        theirs.save_pretrained(tmp_path)
        return load_file(tmp_path / "model.safetensors")

    @pytest.mark.parametrize("prefix", ["resnet.", "", "module.model.resnet."])
    def test_a_hugging_face_file_gives_its_features(self, theirs, tensors, prefix):
        renamed = {name.replace("resnet.", prefix, 1): array for name, array in tensors.items()}
        found, dropped = backbone_tensors(TINY_RESNET, self.SPACE, renamed)
        assert sorted(dropped) == ["classifier.1.bias", "classifier.1.weight"]
        extractor = build(TINY_RESNET, pixels(3, 40, 40)).eval()
        extractor.load_state_dict({name: torch.as_tensor(array) for name, array in found.items()})
        shown = picture(3, 40, 40)
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        scaled = (batch(shown) / 255 - mean[:, None, None]) / std[:, None, None]
        with torch.no_grad():
            expected = theirs.resnet(scaled).pooler_output.flatten(1)
            assert expected.std() > 0.01
            assert torch.allclose(extractor(batch(shown)), expected, atol=1e-4)

    def test_a_file_without_batch_counts_fits(self, tensors):
        few = {name: array for name, array in tensors.items() if not name.endswith("num_batches_tracked")}
        found, _ = backbone_tensors(TINY_RESNET, self.SPACE, few)
        assert len(found) == len(few) - 2

    def test_half_precision_is_widened(self, tensors):
        half = {
            name: array.astype(np.float16) if array.dtype == np.float32 else array for name, array in tensors.items()
        }
        found, _ = backbone_tensors(TINY_RESNET, self.SPACE, half)
        assert {str(array.dtype) for array in found.values()} == {"float32", "int64"}

    def test_missing_and_left_over_tensors_are_named(self, tensors):
        name = "resnet.embedder.embedder.convolution.weight"
        array = tensors.pop(name)
        with pytest.raises(ConfigError, match=r"missing: embedder\.embedder\.convolution\.weight"):
            backbone_tensors(TINY_RESNET, self.SPACE, tensors)
        tensors |= {name: array, "resnet.encoder.stages.2.layers.0.extra": array}
        with pytest.raises(ConfigError, match=r"not in this architecture: resnet\.encoder\.stages\.2"):
            backbone_tensors(TINY_RESNET, self.SPACE, tensors)

    def test_many_names_are_cut_short(self, tensors):
        own = [name for name in tensors if name.startswith("resnet.") and not name.endswith("num_batches_tracked")]
        with pytest.raises(ConfigError, match=f"missing: .*, .* and {len(own) - 5} more$"):
            backbone_tensors(TINY_RESNET, self.SPACE, {})

    def test_other_shapes_are_named(self, tensors):
        with pytest.raises(
            ConfigError, match=r"of another shape: .*stages\.1.*\(8, 4, 3, 3\) instead of \(12, 4, 3, 3\)"
        ):
            backbone_tensors(TINY_RESNET.model_copy(update={"hidden_sizes": (4, 12)}), self.SPACE, tensors)

    def test_a_tensor_given_twice_is_refused(self, tensors):
        tensors["embedder.embedder.convolution.weight"] = tensors["resnet.embedder.embedder.convolution.weight"]
        with pytest.raises(ConfigError, match=r"named twice: embedder\.embedder\.convolution\.weight"):
            backbone_tensors(TINY_RESNET, self.SPACE, tensors)

    def test_the_librarys_policy_gives_its_features(self):
        made = PPO("CnnPolicy", Show(self.SPACE), seed=1, device="cpu")
        tensors = {name: tensor.numpy() for name, tensor in made.policy.state_dict().items()}
        found, dropped = backbone_tensors(None, self.SPACE, tensors)
        own = made.policy.features_extractor.state_dict()
        assert found.keys() == own.keys()
        assert all(np.array_equal(found[name], own[name]) for name in own)
        assert "action_net.weight" in dropped
        assert len(dropped) + len(found) == len(tensors)

    def test_every_image_of_a_dict_gets_the_backbone(self, tensors):
        space = spaces.Dict({"left": self.SPACE, "right": self.SPACE, "speed": VECTOR})
        found, _ = backbone_tensors(TINY_RESNET, space, tensors)
        extractor = DictExtractor(space, **extractor_arguments(TINY_RESNET, space)["features_extractor_kwargs"])
        assert found.keys() == extractor.state_dict().keys()

    def test_no_random_numbers_are_drawn(self, tensors):
        before = torch.get_rng_state()
        backbone_tensors(TINY_RESNET, self.SPACE, tensors)
        assert torch.equal(torch.get_rng_state(), before)
