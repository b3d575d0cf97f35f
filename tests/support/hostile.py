"""Makers of files that strangers could send: pickles that run a command in many encodings, and files around them."""

import base64
import io
import json
import os
import pickle
import struct
import warnings
import zipfile

import numpy as np
import torch


class Payload:
    """Pickled, it makes a file when it is unpickled."""

    def __init__(self, marker):
        self.command = f"touch {marker}"

    def __reduce__(self):
        return os.system, (self.command,)


def text(value):
    """The instruction that pushes a text."""
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def payloads(marker):
    """Whole pickles that make the marker when they are loaded, by the way in which they name what they call."""
    call = text(f"touch {marker}") + b"\x85R."
    code = text(f"__import__('os').system('touch {marker}')") + b"\x85R."
    return {
        **{f"protocol {number}": pickle.dumps(Payload(marker), number) for number in range(6)},
        "GLOBAL": b"cposix\nsystem\n" + call,
        "INST": b"(" + text(f"touch {marker}") + b"iposix\nsystem\n.",
        "OBJ": b"(cposix\nsystem\n" + text(f"touch {marker}") + b"o.",
        "STACK_GLOBAL": b"\x80\x04" + text("subprocess") + text("getoutput") + b"\x93" + call,
        "byte strings": b"\x80\x04U\x05posixU\x06system\x93" + call,
        "memoised": b"\x80\x04" + text("posix") + b"\x940" + text("system") + b"\x940h\x00h\x01\x93" + call,
        "put and got": b"\x80\x04Vposix\np7\n0Vsystem\np9\n0g7\ng9\n\x93" + call,
        "hidden names": b"\x80\x04" + text("posix") + text("system") + b"N0\x93" + call,
        "attribute": b"\x80\x04" + text("glob") + text("os.system") + b"\x93" + call,
        "eval": b"cbuiltins\neval\n" + code,
        "old eval": b"c__builtin__\neval\n" + code,
        "nested": b"\x80\x04cpickle\nloads\nC" + _counted(pickle.dumps(Payload(marker))) + b"\x85R.",
        "module by name": b"\x80\x04cbuiltins\ngetattr\ncglob\nos\n" + text("system") + b"\x86R" + call,
    }


def unlisted_payload(marker):
    """The same through names that honest agents use too, as cloudpickle writes them."""
    module = b"ccloudpickle.cloudpickle\nsubimport\n" + text("os") + b"\x85R"
    function = b"cbuiltins\ngetattr\n" + module + text("system") + b"\x86R"
    return b"\x80\x04" + function + text(f"touch {marker}") + b"\x85R."


def _counted(content):
    return bytes([len(content)]) + content


def part(value):
    """The instructions that push a value."""
    return pickle.dumps(value, 3)[2:-1]


def moments(mean=None, var=None, count=None):
    """The instructions that push a RunningMeanStd; each of its parts may be given as instructions."""
    mean, var = (part(np.arange(2.0)) if each is None else each for each in (mean, var))
    items = text("mean") + mean + text("var") + var + text("count") + (part(3.0) if count is None else count)
    return b"cstable_baselines3.common.running_mean_std\nRunningMeanStd\n)\x81}(" + items + b"ub"


def statistics(**attributes):
    """A VecNormalize pickle; attributes are instructions, those of the numbers have defaults."""
    attributes = {"obs_rms": moments(), "ret_rms": moments(part(np.float64(0)), part(np.float64(1)))} | attributes
    items = b"".join(text(name) + value for name, value in attributes.items())
    return b"\x80\x04cstable_baselines3.common.vec_env.vec_normalize\nVecNormalize\n)\x81}(" + items + b"ub."


def saved(value, *, legacy=False):
    """What torch.save writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def data(**pickles):
    """The member ``data`` with pickles among its settings."""
    entries = {name: {":type:": "x", ":serialized:": base64.b64encode(each).decode()} for name, each in pickles.items()}
    return json.dumps({"gamma": 0.9, **entries}).encode()


def members(**changed):
    """The members of a small agent file; names with dots are given by ``policy=`` and the like."""
    return {
        "data": changed.get("data", data()),
        "policy.pth": changed.get("policy", saved({"action_net.bias": torch.ones(2)})),
        "policy.optimizer.pth": changed.get("optimizer", saved({"state": {}, "param_groups": [{"lr": 0.1}]})),
        "pytorch_variables.pth": changed.get("variables", saved({"log_ent_coef": torch.zeros(1)})),
        "_stable_baselines3_version": changed.get("release", b"2.9.2"),
    }


def zipped(path, named, compression=zipfile.ZIP_STORED):
    """A zip of (name or ZipInfo, content) pairs, duplicates and all."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as archive:
        warnings.simplefilter("ignore")  # Python remarks on duplicates
        for name, content in named:
            archive.writestr(name, content)
    return path
