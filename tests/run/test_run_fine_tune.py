"""Fine-tuning in whole runs: killed at any boundary, told tensor by tensor, neutral where it has no strength."""

import csv
import re

import pytest
from builders import BOX_WALK, REGIME, arm_spec, carry_out, flat, outputs, ppo, run_spec, source_spec, tiny

from rl_transfer.errors import ConfigError
from rl_transfer.knowledge import read_networks
from rl_transfer.run.transfer import _COLUMNS

CONFIGS = {name: tiny(name, normalize=True) for name in ("ppo", "sac")}


def spec_of(config, **changes):
    return run_spec(config, task=BOX_WALK, **changes)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    root = tmp_path_factory.mktemp("sources")
    return {name: carry_out(source_spec(config, task=BOX_WALK), root) for name, config in CONFIGS.items()}


def table(folder):
    return list(csv.DictReader((folder / "transfer.csv").read_text().splitlines()))


@pytest.mark.parametrize("algorithm", ["ppo", pytest.param("sac", marks=pytest.mark.slow)])
class TestRegime:
    @pytest.mark.slow
    def test_killed_at_any_boundary_it_goes_on_byte_for_byte(self, algorithm, sources, tmp_path):
        source = sources[algorithm]
        spec = arm_spec(spec_of(CONFIGS[algorithm], segment_steps=32), source, ("fine_tune", REGIME))
        alone = outputs(carry_out(spec, tmp_path / "alone", source))
        assert {"curve.csv", "transfer.csv", "networks.safetensors", "statistics.safetensors"} <= alone.keys()
        for segment in (1, 2, 3):
            root = tmp_path / str(segment)
            assert not (carry_out(spec, root, source, stop_after_segment=segment) / "status.json").exists()
            assert outputs(carry_out(spec, root, source)) == alone, segment
        root = tmp_path / "every"
        for segment in (1, 2, 3):
            carry_out(spec, root, source, stop_after_segment=segment)
        assert outputs(carry_out(spec, root, source)) == alone

    @pytest.mark.slow
    def test_each_of_its_settings_matters(self, algorithm, sources, tmp_path):
        source, found = sources[algorithm], {}
        settings = {"all": REGIME, "plain": {}}
        for name in REGIME.keys() - {"freeze", "blend_steps", "gradual_unfreezing", "freeze_steps"}:
            settings[name] = {key: value for key, value in REGIME.items() if key != name and key != "blend_steps"}
        settings["at once"] = REGIME | {"gradual_unfreezing": False}
        settings["longer"] = REGIME | {"freeze_steps": 100}
        for name, values in settings.items():
            spec = arm_spec(spec_of(CONFIGS[algorithm]), source, ("fine_tune", values))
            found[name] = outputs(carry_out(spec, tmp_path, source))["networks.safetensors"]
        assert len(set(found.values())) == len(found)

    def test_the_table_has_a_row_for_every_tensor_of_either_side_and_the_log_shows_it(
        self, algorithm, sources, tmp_path, capsys
    ):
        source = sources[algorithm]
        spec = arm_spec(spec_of(CONFIGS[algorithm]), source, ("fine_tune", REGIME))
        folder = carry_out(spec, tmp_path, source)
        log = [line.split() for line in capsys.readouterr().out.splitlines()]
        rows = table(folder)
        assert tuple(rows[0]) == _COLUMNS
        assert list(_COLUMNS) in log
        for row in rows:
            words = " ".join(value for value in row.values() if value).split()
            assert words in log, row
        ours, theirs = (flat(read_networks(one / "agent" / "networks.safetensors")) for one in (folder, source))
        listed = [f"{row['role']}/{row['tensor']}" for row in rows]
        assert len(listed) == len(set(listed))
        assert set(listed) >= ours.keys() | theirs.keys()
        kinds = {row["role"] for row in rows}
        assert {"statistics", "optimizer", "policy_body", "policy_head", "value_body", "value_head"} <= kinds
        frozen = {row["role"]: row["frozen"] for row in rows}
        assert frozen["policy_body"] == frozen["value_head"] == "until 80 at the latest, layer by layer"
        assert frozen["policy_head"] == "until 40"  # the critic's warm-up
        assert frozen["value_body"] == "no"
        changed = {row["role"] for row in rows if "times 0.8, plus 0.1 of its initial value" in row["why"]}
        assert changed == {"policy_body", "policy_head", "value_body", "value_head"}
        assert {row["fate"] for row in rows if row["role"] == "optimizer" and row["tensor"].startswith("value")} == {
            "dropped"
        }
        assert all(row["fate"] in ("copied", "resized", "reinitialised", "dropped") for row in rows)
        assert all(row["why"] for row in rows)


ZERO = [
    {"shrink": 1.0, "perturb": 0.0, "freeze": [], "critic_warmup_steps": 0},
    {"learning_rate_scale": dict.fromkeys(("features", "policy_body", "policy_head", "exploration"), 1.0)},
    {"statistics": "blend", "blend_steps": 10**9},
]


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ppo", pytest.param("sac", marks=pytest.mark.slow)])
def test_settings_of_no_strength_give_the_curve_of_plain_fine_tuning(algorithm, sources, tmp_path):
    source = sources[algorithm]
    plain = outputs(carry_out(arm_spec(spec_of(CONFIGS[algorithm]), source, "fine_tune"), tmp_path, source))
    for settings in ZERO:
        spec = arm_spec(spec_of(CONFIGS[algorithm]), source, ("fine_tune", settings))
        found = outputs(carry_out(spec, tmp_path / "zero", source))
        for file in ("curve.csv", "networks.safetensors", "statistics.safetensors", "costs"):
            assert found[file] == plain[file], (settings, file)


@pytest.mark.slow
@pytest.mark.parametrize("pair", [("ppo", "sac"), ("ppo", "a2c"), ("sac", "ppo")])
def test_across_algorithms_a_run_lists_what_fitted_and_why_the_rest_did_not(pair, tmp_path):
    ours, theirs = (tiny(algorithm, activation="tanh") for algorithm in pair)
    source = carry_out(source_spec(ours, task=BOX_WALK), tmp_path)
    folder = carry_out(arm_spec(spec_of(theirs), source, "fine_tune"), tmp_path, source)
    rows = table(folder)
    copied = {row["role"] for row in rows if row["fate"] == "copied" and row["to_shape"]}
    everything = {"policy_body", "policy_head", "exploration", "value_body", "value_head"}
    assert copied == ({"policy_body"} if "sac" in pair else everything)
    for row in rows:
        if row["fate"] != "copied":
            assert re.search(
                "give both the same architecture|exploration starts anew|as they are|of their bounds", row["why"]
            )


def test_a_source_with_normalised_observations_is_refused_by_a_learner_without(sources, tmp_path):
    spec = arm_spec(spec_of(ppo()), sources["ppo"], "fine_tune")
    with pytest.raises(ConfigError, match=r"set learner\.normalize"):
        carry_out(spec, tmp_path, sources["ppo"])
    assert not list(tmp_path.rglob("status.json"))
