"""Write configs/schema: what editors know of study and pair files, read off the types that validate them.

``python scripts/write_schema.py`` writes the files; with ``--check`` it fails if one is out of date.
"""

import inspect
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import docstring_parser
from pydantic import BaseModel, TypeAdapter

import rl_transfer_envs.wrappers
from rl_transfer.methods import method_class, method_names
from rl_transfer.study import LEARNERS, BudgetConfig, EvaluationConfig, PairConfig, ScoreConfig, StudyConfig
from rl_transfer.study.features import ARCHITECTURES
from rl_transfer.tasks import keywords

FOLDER = Path(__file__).parents[1] / "configs" / "schema"
DRAFT = "http://json-schema.org/draft-07/schema#"
Schema = dict[str, Any]
_PARTS: dict[str, type[BaseModel]] = {"budget": BudgetConfig, "evaluation": EvaluationConfig, "score": ScoreConfig}


def pair_schema() -> Schema:
    """Of a pair's file."""
    return _without_unused(_finished(PairConfig, "A pair of rl_transfer: source, target, learner, budget, scores"))


def study_schema() -> Schema:
    """Of a study's file, whose sections for all pairs are parts of a pair's."""
    schema = _finished(StudyConfig, "A study of rl_transfer: pairs, arms, seeds")
    definitions = schema["definitions"]
    definitions["LearnerPart"] = _any_learner(definitions)
    for name, model in _PARTS.items():
        part, inner = _described(model)
        definitions |= inner
        part.pop("required", None)
        _say(schema, name, part)
    for place in (schema, definitions["ArmConfig"], definitions["ScratchConfig"]):
        _say(place, "learner", _ref("LearnerPart"))
    return _without_unused(schema)


def _finished(model: type[BaseModel], title: str) -> Schema:
    """A model's schema with the short forms that files may have, and plug-ins by name."""
    schema, definitions = _described(model)
    for name in ("EntryConfig", "KeyConfig"):
        if name in definitions:
            definitions[name] = _SHORT_FORMS[name](definitions[name])
    definitions.pop("Named", None)
    definitions |= {"Features": _features(), "Wrapper": _wrappers(), "Method": _methods()}
    for place, key, plug_in in (("ArmConfig", "methods", "Method"), ("TaskConfig", "wrappers", "Wrapper")):
        if place in definitions:
            definitions[place]["properties"][key]["items"] = _ref(plug_in)
    return {"$schema": DRAFT, "title": title, **schema, "definitions": definitions}


def _described(model: type[BaseModel]) -> tuple[Schema, Schema]:
    """A model's schema and its definitions, with what docstrings say of the keys and without what repeats them."""
    schema = model.model_json_schema(ref_template="#/definitions/{model}")
    definitions = schema.pop("$defs", {})
    return _tidied(schema), {name: _tidied(each) for name, each in definitions.items()}


def _tidied(node: Any) -> Any:
    if isinstance(node, list):
        return [_tidied(each) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("discriminator", {}).get("propertyName") == "name":
        return _ref("Features")
    tidy = {key: _tidied(each) for key, each in node.items() if key not in ("title", "discriminator")}
    if isinstance(node.get("properties"), dict):
        about = docstring_parser.parse(tidy.pop("description", ""), docstring_parser.DocstringStyle.GOOGLE)
        if about.short_description:
            tidy["description"] = _plain(about.short_description)
        for said in about.params:
            _say(tidy, said.arg_name, {"description": _plain(said.description or "")})
    return tidy


def _say(schema: Schema, key: str, what: Schema) -> None:
    """Add to what is said of a key; of a reference alone that takes a wrapping."""
    properties = schema["properties"]
    if key in properties:
        kept = {name: properties[key][name] for name in ("default", "description") if name in properties[key]}
        if "type" in what or "$ref" in what:
            properties[key] = {**({"allOf": [what]} if "$ref" in what else what), **kept}
        elif "$ref" in properties[key]:
            properties[key] = {"allOf": [{"$ref": properties[key]["$ref"]}], **kept, **what}
        else:
            properties[key] |= what


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def _plain(text: str) -> str:
    return " ".join(text.replace("``", "`").split())


def _any_learner(definitions: Schema) -> Schema:
    """Some hyperparameters of some algorithm."""
    found: dict[str, list[Schema]] = {}
    for model in LEARNERS.values():
        schema, inner = _described(model)
        definitions |= inner
        for key, value in schema["properties"].items():
            said = {name: each for name, each in value.items() if name != "default"}
            if said not in found.setdefault(key, []):
                found[key].append(said)
    algorithms = {"enum": list(LEARNERS)}
    properties = {key: said[0] if len(said) == 1 else {"anyOf": said} for key, said in found.items()}
    return {"type": "object", "properties": properties | {"algorithm": algorithms}, "additionalProperties": False}


def _entry(schema: Schema) -> Schema:
    return {"anyOf": [schema["properties"]["index"], schema]}


def _key(schema: Schema) -> Schema:
    """The source's key is called ``from`` in YAML."""
    schema["properties"]["from"] = schema["properties"]["source"]
    del schema["required"]
    return {"anyOf": [{"type": "string"}, schema | {"anyOf": [{"required": ["from"]}, {"required": ["source"]}]}]}


_SHORT_FORMS = {"EntryConfig": _entry, "KeyConfig": _key}


def _plug_ins(about: dict[str, str], settings: dict[str, Schema], others: Iterable[Schema] = ()) -> Schema:
    """``name``, or ``{name: {setting: value}}``, or ``{name: NAME, settings: {...}}``."""
    named = {name: {"description": about[name], "anyOf": [each, {"type": "null"}]} for name, each in settings.items()}
    names: Schema = {"anyOf": [{"const": name, "description": about[name]} for name in settings]}
    short = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": named}
    stored = {
        "type": "object",
        "properties": {"name": names, "settings": {"type": "object"}},
        "required": ["name"],
        "additionalProperties": False,
    }
    return {"anyOf": [*names["anyOf"], *others, short | {"additionalProperties": False}, stored]}


def _methods() -> Schema:
    classes = {name: method_class(name) for name in method_names()}
    settings = {name: _tidied(TypeAdapter(cls).json_schema()) for name, cls in classes.items()}
    about = {name: each.pop("description") for name, each in settings.items()}
    return _plug_ins(about, settings)


def _wrappers() -> Schema:
    classes = {
        name: rl_transfer_envs.wrappers.wrapper_class(name) for name in rl_transfer_envs.wrappers.wrapper_names()
    }
    about = {name: (inspect.getdoc(cls) or "").partition("\n")[0] for name, cls in classes.items()}
    settings = {name: _arguments(cls) for name, cls in classes.items()}
    foreign = r"^[^:]+:[^:]+$"
    schema = _plug_ins(about, settings, [{"type": "string", "pattern": foreign}])
    short, stored = schema["anyOf"][-2:]
    short["patternProperties"] = {foreign: {"type": ["object", "null"]}}
    stored["properties"]["name"] = {"anyOf": [stored["properties"]["name"], {"type": "string", "pattern": foreign}]}
    return schema


def _arguments(wrapper: Any) -> Schema:
    """The keywords of a wrapper, whose docstring says what they are."""
    said = {each.arg_name: each.description for each in docstring_parser.parse(wrapper.__init__.__doc__ or "").params}
    found = keywords(wrapper)
    properties = {name: TypeAdapter(each.annotation).json_schema() for name, each in found.items()}
    for name, each in found.items():
        properties[name] |= {"description": _plain(said.get(name) or "")}
        properties[name] |= {} if each.default is each.empty else {"default": each.default}
    required = [name for name, each in found.items() if each.default is each.empty]
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def _features() -> Schema:
    """An architecture: ``name``, or ``{name: {setting: value}}``, or what is stored."""
    made = {name: _described(model)[0] for name, model in ARCHITECTURES.items()}
    settings = {name: each | {"properties": _but_name(each)} for name, each in made.items()}
    about = {name: each.pop("description") for name, each in settings.items()}
    short = _plug_ins(about, settings)["anyOf"][:-1]
    return {"anyOf": [*short, *(each | {"required": ["name"]} for each in made.values())]}


def _but_name(schema: Schema) -> Schema:
    return {key: each for key, each in schema["properties"].items() if key != "name"}


def _without_unused(schema: Schema) -> Schema:
    """Without definitions that nothing refers to."""
    used = {
        name: each for name, each in schema["definitions"].items() if f'"{_ref(name)["$ref"]}"' in json.dumps(schema)
    }
    rest = schema | {"definitions": used}
    return rest if used == schema["definitions"] else _without_unused(rest)


def texts() -> dict[Path, str]:
    """The content of each file."""
    made = {"pair": pair_schema(), "study": study_schema()}
    return {
        FOLDER / f"{name}.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
        for name, schema in made.items()
    }


def main(arguments: list[str]) -> int:
    """Write or check."""
    made = texts()
    if "--check" in arguments:
        return int(any(not file.exists() or file.read_text(encoding="utf-8") != text for file, text in made.items()))
    FOLDER.mkdir(exist_ok=True)
    for file, text in made.items():
        file.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
