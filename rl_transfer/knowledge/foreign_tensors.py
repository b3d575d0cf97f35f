"""Strangers' tensors: read by torch as data only, then rebuilt from plain containers."""

import io
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_transfer.knowledge.foreign_safety import MAX_FILE_BYTES, Refused, read_content, refusing, scan_pickle, shown

if TYPE_CHECKING:
    import torch

MAX_VALUES = 1_000_000
"""Most tensors, numbers and names in one file; entries that share one value count as many."""

_MAX_DEPTH = 8
_TORCH_SUFFIXES = (".pt", ".pth", ".bin")
_WRAPPERS = ("state_dict", "model")
_LEGACY_PICKLES = 5  # magic number, protocol, system, the object, keys of the storages that follow


def read_tensors(path: Path) -> dict[str, "torch.Tensor"]:
    """Read a backbone's tensors; nothing in the file is executed.

    Args:
        path: A ``.safetensors`` file, or a state dictionary that torch saved (``.pt``, ``.pth``, ``.bin``), which may
            lie under the key ``state_dict`` or ``model`` of a checkpoint.

    Returns:
        The tensors by name, on the CPU and without gradients.

    Raises:
        ConfigError: If the file is missing, damaged or too large, or holds anything but finite tensors.
    """
    with refusing(path, "a file of tensors"):
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            return state_dict(load(read_content(path)), "the file")
        if path.suffix in _TORCH_SUFFIXES:
            return state_dict(_unwrapped(load_data(read_content(path), "the file")), "the file")
        raise Refused(f"must end in .safetensors, {', '.join(_TORCH_SUFFIXES)}, so that it is known how to read it")


def load_data(content: bytes, member: str) -> object:
    """What torch saved, in either of its formats.

    Args:
        content: The bytes of a file that ``torch.save`` wrote.
        member: What to call it in messages.

    Raises:
        Refused: If it holds more than data.
    """
    import torch

    for stream in _pickles(content):
        scan_pickle(stream, with_ids=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch remarks on a stranger's file helps nobody
        try:
            return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        except Exception as error:  # its own messages advise to read the file unsafely
            raise Refused(
                f"{member} is damaged or holds more than tensors ({type(error).__name__}): nothing of it was executed; "
                "get the file again from where it was made"
            ) from error


def _pickles(content: bytes) -> Iterator[io.BytesIO]:
    """The pickles within a file of torch's, each at its beginning."""
    if not content.startswith(b"PK"):
        stream = io.BytesIO(content)
        for _ in range(_LEGACY_PICKLES):
            yield stream
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        # torch stores without compression: what unpacks to more than is there is a bomb.
        if sum(member.file_size for member in members) > len(content):
            raise Refused("unpacks to more than it holds: don't use this file")
        for member in members:
            if member.filename.lower().endswith(".pkl"):
                yield io.BytesIO(archive.read(member))


def _unwrapped(data: object) -> object:
    if isinstance(data, dict):
        return next((data[key] for key in _WRAPPERS if isinstance(data.get(key), dict)), data)
    return data


def state_dict(data: object, member: str) -> dict[str, "torch.Tensor"]:
    """Tensors by name and nothing else, at least one.

    Raises:
        Refused: If there is anything else, or a number that is not finite.
    """
    tensors = tensors_by_name(data, member)
    if not tensors:
        raise Refused(f"{member} holds no tensors: a state dictionary is needed")
    return tensors


def tensors_by_name(data: object, member: str) -> dict[str, "torch.Tensor"]:
    """Tensors by name and nothing else, perhaps none.

    Raises:
        Refused: If there is anything else, or a number that is not finite.
    """
    import torch

    plain = _Plain(member).value(data, "", 0)
    if not isinstance(plain, dict):
        raise Refused(f"{member} holds no dictionary of tensors: save a model's state_dict()")
    for name, tensor in plain.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise Refused(f"{member} holds {shown(name)}, which is no tensor: save a model's state_dict()")
    return plain


def plain_dict(data: object, member: str) -> dict[str, Any]:
    """A dictionary of plain containers, finite numbers and finite tensors, such as an optimizer's state.

    Raises:
        Refused: If it is anything else.
    """
    plain = _Plain(member).value(data, "", 0)
    if not isinstance(plain, dict):
        raise Refused(f"{member} holds no dictionary: save an optimizer's state_dict()")
    return plain


class _Plain:
    """Rebuilds what torch read, so that nothing of the file's own making stays, and counts it."""

    def __init__(self, member: str) -> None:
        self.member, self.count, self.bytes = member, 0, 0

    def value(self, value: object, name: str, depth: int) -> Any:
        import torch

        self.count += 1
        if self.count > MAX_VALUES or depth > _MAX_DEPTH:  # one list that holds another many times is small on disk
            raise Refused(f"{self.member} holds more than a state dictionary could: don't use this file")
        if isinstance(value, torch.Tensor):
            return self.tensor(value, name)
        if isinstance(value, dict):
            return {self.key(key): self.value(item, f"{name}.{key}"[:200], depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            items = [self.value(item, name, depth + 1) for item in value]
            return tuple(items) if isinstance(value, tuple) else items
        if value is None or type(value) in (str, bool, int, float):
            return self.number(value, name)
        raise Refused(f"{self.member}: {shown(name[1:])} is a {type(value).__name__}, neither a tensor nor a number")

    def key(self, key: object) -> str | int:
        if isinstance(key, str | int):
            return key
        raise Refused(f"{self.member} has a key {shown(key)}, which is no name")

    def number(self, value: object, name: str) -> object:
        if isinstance(value, float) and not abs(value) < float("inf"):
            raise Refused(f"{self.member}: {shown(name[1:])} is NaN or infinite: this agent diverged, use another")
        return value

    def tensor(self, value: "torch.Tensor", name: str) -> "torch.Tensor":
        import torch

        tensor = torch.Tensor.detach(value)  # a tensor can carry attributes, even some that hide its methods
        if tensor.dtype not in _plain_types() or tensor.device.type != "cpu" or tensor.layout != torch.strided:
            kind = f"{tensor.dtype}, {tensor.device.type}, {tensor.layout}"
            raise Refused(f"{self.member}: tensor {shown(name[1:])} is no plain array of numbers ({kind})")
        self.bytes += tensor.numel() * tensor.element_size()
        if self.bytes > MAX_FILE_BYTES:  # a view of one number can have any shape
            raise Refused(f"{self.member} unpacks to more than {MAX_FILE_BYTES} bytes: don't use this file")
        if not bool(torch.isfinite(tensor).all()):
            raise Refused(f"{self.member}: tensor {shown(name[1:])} holds NaN or infinity: use another file")
        return tensor


def _plain_types() -> frozenset["torch.dtype"]:
    import torch

    floats = {torch.float16, torch.bfloat16, torch.float32, torch.float64}
    return frozenset(floats | {torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64})
