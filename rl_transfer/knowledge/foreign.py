"""Agent files that strangers saved with Stable-Baselines3, of any release: read as data, nothing is executed."""

import base64
import hashlib
import io
import json
import re
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from rl_transfer.knowledge.foreign_safety import MAX_FILE_BYTES, Refused, read_content, refusing, scan_pickle, shown
from rl_transfer.knowledge.foreign_statistics import StatisticsFile, read_statistics_file
from rl_transfer.knowledge.foreign_tensors import load_data, plain_dict, read_tensors, state_dict, tensors_by_name

if TYPE_CHECKING:
    import torch

__all__ = ["AgentFile", "StatisticsFile", "read_agent_file", "read_statistics_file", "read_tensors"]

MAX_DATA_BYTES = 16 * 1024**2
"""Largest ``data``: settings and the last observations."""

MAX_TEXT_BYTES = 64 * 1024
"""Largest of the two texts about the library and the system."""

_POLICY = "policy.pth"
_OPTIMIZERS = ("policy.optimizer.pth", "actor.optimizer.pth", "critic.optimizer.pth", "ent_coef_optimizer.pth")
_VARIABLES = ("tensors.pth", "pytorch_variables.pth")  # of the first releases, of the others
_RELEASE = "_stable_baselines3_version"
_LIMITS = dict.fromkeys((_POLICY, *_OPTIMIZERS, *_VARIABLES), MAX_FILE_BYTES) | {
    "data": MAX_DATA_BYTES,
    _RELEASE: MAX_TEXT_BYTES,
    "system_info.txt": MAX_TEXT_BYTES,
}
_SERIALIZED = ":serialized:"


@dataclass(frozen=True, eq=False)
class AgentFile:
    """What one agent file holds, as far as it is data.

    Attributes:
        sha256: Digest of the whole file.
        policy: The policy's tensors by Stable-Baselines3's names.
        optimizers: State dictionaries by the library's names, such as ``actor.optimizer``; those that the file has.
        variables: Tensors beside the networks, such as ``log_ent_coef``.
        settings: The plain part of the agent's attributes. Of what was pickled, the texts beside it remain: its type
            under ``:type:``, and its plain items.
        release: Stable-Baselines3's version; None in files of the first releases.
    """

    sha256: str
    policy: dict[str, "torch.Tensor"]
    optimizers: dict[str, dict[str, Any]]
    variables: dict[str, "torch.Tensor"]
    settings: dict[str, JsonValue]
    release: str | None


def read_agent_file(path: Path) -> AgentFile:
    """Read an agent file of any origin; nothing in it is executed, nothing is unpacked to disk.

    Args:
        path: The ``.zip`` that an agent's ``save`` wrote.

    Raises:
        ConfigError: If the file is missing, damaged, too large or made to attack, or holds numbers that are not finite.
    """
    with refusing(path, "a Stable-Baselines3 agent"):
        content = read_content(path)
        members = _members(content)
        variables: dict[str, torch.Tensor] = {}
        for name in _VARIABLES:
            if name in members:
                variables |= tensors_by_name(load_data(members[name], name) or {}, name)
        return AgentFile(
            sha256=hashlib.sha256(content).hexdigest(),
            policy=state_dict(load_data(members[_POLICY], _POLICY), _POLICY),
            optimizers={
                name.removesuffix(".pth"): plain_dict(load_data(members[name], name), name)
                for name in _OPTIMIZERS
                if name in members
            },
            variables=variables,
            settings=_settings(members["data"]) if "data" in members else {},
            release=_release(members[_RELEASE]) if _RELEASE in members else None,
        )


def _members(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        for number, member in enumerate(members):
            _refuse_member(member)
            if member.filename in {other.filename for other in members[:number]}:
                raise Refused(f"has the member {shown(member.filename)} twice: don't use this file")
        if _POLICY not in archive.namelist():
            raise Refused(f"has no {_POLICY}: give the zip that an agent's save() wrote")
        if sum(member.file_size for member in members) > MAX_FILE_BYTES:
            raise Refused(f"unpacks to more than {MAX_FILE_BYTES} bytes: don't use this file")
        return {member.filename: _member(archive, member) for member in members}


def _refuse_member(member: zipfile.ZipInfo) -> None:
    name = member.orig_filename  # zipfile rewrites names with backslashes, and cuts them at a null
    if name not in _LIMITS or name != member.filename:
        raise Refused(f"has the member {shown(name)}, which no agent file has: don't use this file")
    if member.flag_bits & 0x41:
        raise Refused(f"has the encrypted member {name}: save the agent without encryption")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise Refused(f"has the member {name} as a link: don't use this file")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"has the member {name} in an unusual compression: zip it again without compression")
    if member.file_size > _LIMITS[name]:
        raise Refused(f"unpacks {name} to more than {_LIMITS[name]} bytes: don't use this file")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        content = file.read(_LIMITS[member.filename] + 1)  # to the end, where the checksum is compared
    if len(content) != member.file_size:
        raise Refused(f"holds another number of bytes of {member.filename} than it says: get it again")
    return content


def _settings(content: bytes) -> dict[str, JsonValue]:
    data = json.loads(content, parse_constant=_constant, object_pairs_hook=_unique)
    if not isinstance(data, dict):
        raise Refused("has no settings by name in data: get it again from where it was made")
    return {key: _plain(value) for key, value in data.items()}


def _constant(text: str) -> float:
    if text == "NaN":
        raise Refused("holds NaN among its settings: use another file")
    return float(text)  # an infinite bound is a setting, such as max_grad_norm


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused("names a setting twice in data: don't use this file")
    return found


def _plain(value: JsonValue) -> JsonValue:
    """The value without pickles, which are looked at and never loaded."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _SERIALIZED in value:
        _refuse_payload(value[_SERIALIZED])
    return {key: _plain(item) for key, item in value.items() if key != _SERIALIZED}


def _refuse_payload(text: JsonValue) -> None:
    if not isinstance(text, str):
        raise Refused("holds a pickle in data that is no text: don't use this file")
    stream = io.BytesIO(base64.b64decode(text))
    scan_pickle(stream)
    if stream.read(1):
        raise Refused("hides something behind a pickle in data: don't use this file")


def _release(content: bytes) -> str:
    release = content.decode("ascii").strip()
    if not re.fullmatch(r"[\w.+-]{1,40}", release):
        raise Refused(f"gives the release {shown(release)}, which is no version: get it again")
    return release
