"""What editors are told of study and pair files agrees with what the loader takes."""

import json
import re
import runpy
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from rl_transfer.study import shipped_names
from rl_transfer.study.shipped import find_file, schema_address

ROOT = Path(__file__).parents[2]
KINDS = {"pairs": "pair", "studies": "study"}
SHIPPED = [(kind, name) for kind in KINDS for name in shipped_names(kind)]
PAIR = """
source: {id: CartPole-v1}
target: {id: transfer/CartPole-v0, kwargs: {gravity: 20.0}}
learner: {algorithm: ppo}
budget: {source: 100, target: 100}
score: {random: 22, reference: 500, worst: 8}
threshold_score: 0.8
source_threshold_return: 400
"""
STUDY = "pairs: [a.yaml]\narms: {fine_tune: {methods: [fine_tune]}}\n"
GOOD = [
    ("pair", PAIR),
    ("pair", PAIR + "mapping: {observation: [0, null, {index: 1, scale: -2}], action: [1, {index: 0}]}"),
    ("pair", PAIR + "mapping: {observation: []}"),
    ("pair", PAIR + "mapping: {observation: {channels: [0, null]}}"),
    ("pair", PAIR + "mapping: {observation: {view: {from: picture, channels: [0]}, goal: goal, time: null}}"),
    ("pair", PAIR.replace("ppo", "sac, ent_coef: auto_0.1, learning_rate: lin_3e-4, net_arch: {pi: [8], qf: [8]}")),
    ("pair", PAIR.replace("ppo", "ppo, normalize: true, features: {impala_cnn: {channels: [8]}}")),
    ("pair", PAIR.replace("ppo", "ppo, normalize: {reward: false}, features: {name: nature_cnn, features_dim: 8}")),
    ("pair", PAIR.replace("20.0}", "20.0}, wrappers: [reverse_actions, {scale_reward: {factor: -1}}]")),
    ("pair", PAIR.replace("20.0}", "20.0}, wrappers: [{name: delay_actions, settings: {steps: 1}}]")),
    ("pair", PAIR.replace("20.0}", "20.0}, wrappers: ['gymnasium.wrappers:NormalizeReward', {'a.b:C': {d: 1}}]")),
    (
        "pair",
        PAIR + "other_sources: {far: {source: {id: CartPole-v1}, source_threshold_return: 1, budget: {source: 9}}}",
    ),
    ("study", STUDY),
    ("study", STUDY + "seeds: {looks: [6, 12], alphas: [0.02, 0.03]}\nbaseline_seeds: [6, 20]"),
    ("study", STUDY + "learner: {gamma: 0.9, normalize: true}\nbudget: {target: 100}\nevaluation: {points: 3}"),
    ("study", STUDY + "learner: {algorithm: dqn, net_arch: [8]}\nscratch: {learner: {learning_rate: lin_0.1}}"),
    ("study", STUDY.replace("[fine_tune]", "[fine_tune, {replay: {share: 0.5}}, {guard: null}], sham: true")),
    ("study", STUDY.replace("[fine_tune]", "[{name: fine_tune, settings: {freeze: [features]}}]")),
]
BAD = {
    "an unknown key": ("pair", PAIR + "bugdet: {}"),
    "an unknown key inside": ("pair", PAIR.replace("ppo", "ppo, gama: 0.9")),
    "another algorithm's key": ("pair", PAIR.replace("ppo", "dqn, clip_range: 0.2")),
    "an unknown algorithm": ("pair", PAIR.replace("ppo", "pppo")),
    "text for a number": ("pair", PAIR.replace("0.8", "high")),
    "a missing key": ("pair", PAIR.replace("threshold_score: 0.8", "")),
    "a budget of nothing": ("pair", PAIR.replace("target: 100", "target: 0")),
    "an unknown wrapper": ("pair", PAIR.replace("20.0}", "20.0}, wrappers: [reverse_action]")),
    "a wrapper's unknown setting": ("pair", PAIR.replace("20.0}", "20.0}, wrappers: [{scale_reward: {fctor: 2}}]")),
    "a wrapper's missing setting": ("pair", PAIR.replace("20.0}", "20.0}, wrappers: [{scale_reward: {}}]")),
    "a schedule of another form": ("pair", PAIR.replace("ppo", "ppo, learning_rate: linear_1")),
    "an architecture's unknown setting": ("pair", PAIR.replace("ppo", "ppo, features: {nature_cnn: {channels: [8]}}")),
    "no arms": ("study", "pairs: [a.yaml]"),
    "an unknown method": ("study", STUDY.replace("[fine_tune]", "[fine_tun]")),
    "a method's unknown setting": ("study", STUDY.replace("[fine_tune]", "[{fine_tune: {freez: [features]}}]")),
    "a method's setting of another type": ("study", STUDY.replace("[fine_tune]", "[{replay: {share: half}}]")),
    "an unknown role": ("study", STUDY.replace("[fine_tune]", "[{fine_tune: {freeze: [feature]}}]")),
    "one method without a list": ("study", STUDY.replace("[fine_tune]", "fine_tune")),
    "one seed": ("study", STUDY + "seeds: 1"),
    "a part of no learner": ("study", STUDY + "learner: {gama: 0.9}"),
    "an arm's part of no learner": ("study", STUDY.replace("]}}", "], learner: {gama: 0.9}}}")),
    "a part of no budget": ("study", STUDY + "budget: {targets: 100}"),
    "an unknown device": ("study", STUDY + "device: tpu"),
}


@pytest.fixture(scope="module")
def validators():
    return {
        kind: Draft7Validator(json.loads((ROOT / f"configs/schema/{kind}.schema.json").read_text(encoding="utf-8")))
        for kind in KINDS.values()
    }


def errors(validators, kind, text):
    return [f"{list(error.path)}: {error.message}" for error in validators[kind].iter_errors(yaml.safe_load(text))]


@pytest.mark.slow
def test_they_are_what_the_types_say():
    script = runpy.run_path(str(ROOT / "scripts" / "write_schema.py"))
    assert script["main"](["--check"]) == 0, "run: python scripts/write_schema.py"


@pytest.mark.slow
def test_an_outdated_one_is_noticed(tmp_path, monkeypatch):
    main = runpy.run_path(str(ROOT / "scripts" / "write_schema.py"))["main"]
    monkeypatch.setitem(main.__globals__, "FOLDER", tmp_path / "schema")
    assert main(["--check"]) == 1
    assert main([]) == 0 and main(["--check"]) == 0
    file = tmp_path / "schema" / "study.schema.json"
    file.write_text(file.read_text(encoding="utf-8").replace("fine_tune", "fine_tun", 1), encoding="utf-8")
    assert main(["--check"]) == 1


def test_they_are_schemas(validators):
    for validator in validators.values():
        validator.check_schema(validator.schema)
        used = set(re.findall(r'"#/definitions/(\w+)"', json.dumps(validator.schema)))
        assert used == set(validator.schema["definitions"])


@pytest.mark.parametrize(("kind", "name"), SHIPPED)
def test_every_shipped_file_names_its_schema_and_obeys_it(validators, kind, name):
    file, _ = find_file(name, (kind,))
    text = file.read_text(encoding="utf-8")
    address = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (file.parent / address).resolve() == (file.parents[1] / f"schema/{KINDS[kind]}.schema.json").resolve()
    assert errors(validators, KINDS[kind], text) == []


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_all_forms_that_a_file_may_have_are_taken(validators, kind, text):
    assert errors(validators, kind, text) == []


@pytest.mark.parametrize(("kind", "text"), BAD.values(), ids=BAD)
def test_mistakes_are_underlined(validators, kind, text):
    assert errors(validators, kind, text)


def test_keys_say_what_they_are_and_what_they_default_to(validators):
    study = validators["study"].schema
    assert study["properties"]["matrix"]["description"].startswith("Pairs by a short name")
    (replay,) = (each for each in study["definitions"]["Method"]["anyOf"] if each.get("const") == "replay")
    assert replay["description"] == "Lets the target learn from the source's newest transitions too."
    wrapper = validators["pair"].schema["definitions"]["Wrapper"]["anyOf"][-2]["properties"]["sticky_actions"]
    assert wrapper["anyOf"][0]["properties"]["probability"]["default"] == 0.25


def test_a_file_anywhere_can_name_the_shipped_schema():
    address = schema_address("pair")
    assert address.startswith("file:///") and address.endswith("/schema/pair.schema.json")
    assert Path(address.removeprefix("file://")).is_file()
