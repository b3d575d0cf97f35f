"""Whatever stands in a file, on the command line or in a name: a study, or an error written for the user."""

import re
from copy import deepcopy
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rl_transfer_configs import __file__ as configs

from rl_transfer.errors import ConfigError
from rl_transfer.study import LoadedStudy, load_study, parse_overrides
from rl_transfer.study.yaml_file import parse_yaml

FUZZ = settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
SHIPPED = {file.stem: file.read_text(encoding="utf-8") for file in sorted(Path(configs).parent.glob("*/*.yaml"))}
PIECES = st.one_of(
    st.sampled_from(
        ["a", "seeds", "5", ": ", ":", "\n", "  ", "- ", "[", "]", "{", "}", ", ", "'", '"', "#", "|", ">"]
    ),
    st.sampled_from(
        ["&a ", "*a", "!!int ", "!x ", "<<: ", "? ", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! x\n", "\\x4"]
    ),
    st.sampled_from(["1e999", ".nan", "0x1", "1_", "~", "=", "@", "`", "\t", "\\", "\\U0011FFFF", "\r", "\0"]),
    st.sampled_from(["\ufeff", "\x85", "\u2028", "\U0001f600", "\ud800"]),
)
TEXTS = st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["ppo", "dqn", "x/y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=3),
    max_leaves=4,
)


def load_or_refuse(text: str, *sets: str) -> LoadedStudy | None:
    try:
        loaded = load_study(text, parse_overrides(sets))
    except ConfigError as error:
        assert str(error).isprintable(), str(error)
        assert "pydantic" not in str(error)
        return None
    assert isinstance(loaded, LoadedStudy)
    return loaded


def write(folder: Path, text: str) -> str:
    file = folder / "file.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    return str(file)


@given(text=TEXTS)
@FUZZ
def test_any_text(tmp_path, text):
    load_or_refuse(write(tmp_path, text))


@given(content=st.binary(max_size=40))
@FUZZ
def test_any_bytes(tmp_path, content):
    (tmp_path / "file.yaml").write_bytes(content)
    load_or_refuse(str(tmp_path / "file.yaml"))


@given(name=st.sampled_from(sorted(SHIPPED)), data=st.data())
@FUZZ
def test_a_shipped_file_with_its_text_cut_and_mixed(tmp_path, name, data):
    text = SHIPPED[name]
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        stop = min(len(text), start + data.draw(st.integers(0, 8)))
        text = text[:start] + data.draw(TEXTS | st.just("")) + text[stop:]
    load_or_refuse(write(tmp_path, text))


@pytest.mark.slow
@given(name=st.sampled_from(sorted(SHIPPED)), data=st.data())
@FUZZ
def test_a_shipped_file_with_another_value_anywhere(tmp_path, name, data):
    raw = yaml.safe_load(SHIPPED[name])
    inner, value = raw, data.draw(VALUES)
    while True:
        places = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        place = data.draw(st.sampled_from(places))
        if not isinstance(inner[place], dict | list) or not inner[place] or data.draw(st.booleans()):
            break
        inner = inner[place]
    if isinstance(inner, dict) and data.draw(st.booleans()):
        inner[data.draw(st.text(max_size=5))] = inner.pop(place)
    else:
        inner[place] = value
    load_or_refuse(write(tmp_path, yaml.safe_dump(raw)))


KEYS = ["seeds", "pairs", "arms", "learner", "algorithm", "gamma", "score", "random", "fine_tune", "methods", "0"]


@given(
    sets=st.lists(
        st.tuples(st.lists(st.sampled_from(KEYS) | st.text(max_size=3), min_size=1, max_size=4), VALUES | TEXTS),
        max_size=3,
    )
)
@FUZZ
def test_any_override(sets):
    load_or_refuse("cartpole_heavy_pole", *(f"{'.'.join(key)}={value}" for key, value in sets))


@given(text=st.text(max_size=20) | st.lists(st.sampled_from([*"./~\\\0\n", "a", ".yaml"]), max_size=8).map("".join))
@FUZZ
def test_any_name(text):
    load_or_refuse(text)


@pytest.mark.slow
@given(value=VALUES)
@settings(FUZZ, max_examples=30)
def test_any_value_given_from_python(value):
    before = deepcopy(value)
    for key in ("seeds", "learner.gamma", "arms", "arms.x.methods", "description", "learner", "pairs"):
        try:
            load_study("cartpole_heavy_pole", {key: value})
        except ConfigError as error:
            assert str(error).isprintable(), str(error)
    assert repr(value) == repr(before)


# PyYAML writes texts such as 0E0 without quotes, which here, as in YAML 1.2, are numbers.
WORDS = st.text().filter(lambda text: not re.fullmatch(r"[-+]?[\d._]+[eE][-+]?\d+", text))
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    WORDS,
)
PLAIN_KEYS = WORDS.filter(lambda key: key != "<<")


@given(
    value=st.recursive(
        PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(PLAIN_KEYS, inner, max_size=4), max_leaves=8
    )
)
@settings(deadline=None, max_examples=40)
def test_what_another_program_writes_is_read_back_as_it_was(value):
    class Plain(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    text = yaml.dump(value, Dumper=Plain, sort_keys=False)
    read, _ = parse_yaml(text)
    assert repr(read) == repr(value)
