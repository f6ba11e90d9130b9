"""Reading and writing checkpoint folders in upstream's format.

``config.json``, ``model.pth``, ``codec.pth``, ``tokenizer.tiktoken``, ``special_tokens.json`` and, for what
upstream keeps elsewhere, ``fishvoice.json``. What is read comes from ``fish/checkpoint``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fishvoiced.backends.fish.checkpoint.folder import recognize
from fishvoiced.backends.fish.checkpoint.shapes import check, codec_shapes
from fishvoiced.backends.fish.checkpoint.tensors import Table, Weight
from fishvoiced.backends.fish.checkpoint.weight_files import open_table
from fishvoiced.backends.fish.checkpoint.weights import codec_names, codec_weights, language_weights
from fishvoiced.backends.fish.config import FORMAT_FILE, CodecConfig, ModelConfig
from fishvoiced.backends.fish.network.codec import CausalConv, CausalTransposedConv, Codec, VectorQuantizer
from fishvoiced.backends.fish.network.dual_ar import DualAR
from fishvoiced.backends.fish.tokenizer import Tokenizer
from fishvoiced.errors import CheckpointError

MODEL_FILE = "model.pth"
CODEC_FILE = "codec.pth"
State = dict[str, Tensor]
OUTPUT = "output.weight"
_ENCODES = ("in_proj.weight", "in_proj.bias")
"""Of the quantizers: weights that only encoding a recording needs."""


@dataclass
class Checkpoint:
    """A loaded folder: fp32 modules in evaluation mode."""

    config: ModelConfig
    tokenizer: Tokenizer
    dual_ar: DualAR
    codec: Codec


def load(folder: Path) -> Checkpoint:
    """Raises CheckpointError with the first thing that is wrong."""
    found = recognize(folder)
    config = found.config
    tokenizer = Tokenizer.load(folder)
    if tokenizer.semantic_count < config.codec.semantic_codebook_size:
        raise CheckpointError(
            f"{folder}: {tokenizer.semantic_count} semantic tokens for a semantic codebook of "
            f"{config.codec.semantic_codebook_size}"
        )
    with torch.device("meta"):
        dual_ar = new_dual_ar(config, tokenizer)
        codec = Codec(config.codec)
    _assign(dual_ar, language_weights(open_table(found.model)), found.model)
    _assign(codec, codec_weights(open_table(found.codec), config.codec), found.codec)
    return Checkpoint(config, tokenizer, dual_ar.eval(), codec.eval())


def spoken_weights(loaded: Checkpoint) -> State:
    """All that speaking needs, by name: ``dual_ar.…``, ``codec.…``, and of the output layer the rows that can be
    chosen, ``head``."""
    model = loaded.dual_ar
    state = {f"dual_ar.{name}": weight for name, weight in model.state_dict().items() if name != OUTPUT}
    if not loaded.config.dual_ar.tie_word_embeddings:
        state["head"] = model.state_dict()[OUTPUT][_chosen(loaded.tokenizer)]
    codec = loaded.codec.state_dict().items()
    return state | {f"codec.{name}": weight for name, weight in codec if not name.endswith(_ENCODES)}


def from_spoken_weights(config: ModelConfig, tokenizer: Tokenizer, weights: State, where: Path) -> Checkpoint:
    """The inverse of :func:`spoken_weights`, for a model without an encoder. Raises CheckpointError."""
    with torch.device("meta"):
        dual_ar, codec = new_dual_ar(config, tokenizer), Codec(config.codec)
    state = {name.removeprefix("dual_ar."): weight for name, weight in weights.items() if name.startswith("dual_ar.")}
    if "head" in weights:
        output = torch.zeros(config.dual_ar.vocab_size, config.dual_ar.slow.dim)
        output[_chosen(tokenizer)] = weights["head"]
        state[OUTPUT] = output
    _assign(dual_ar, _table(state), where)
    unused = {name: torch.zeros(weight.shape) for name, weight in codec.state_dict().items() if name.endswith(_ENCODES)}
    sound = {name.removeprefix("codec."): weight for name, weight in weights.items() if name.startswith("codec.")}
    _assign(codec, _table(unused | sound), where)
    return Checkpoint(config, tokenizer, dual_ar.eval(), codec.eval())


def _chosen(tokenizer: Tokenizer) -> list[int]:
    """The tokens that are speech, and the end."""
    begin = tokenizer.semantic_begin
    return [*range(begin, begin + tokenizer.semantic_count), tokenizer.end_token]


def new_dual_ar(config: ModelConfig, tokenizer: Tokenizer) -> DualAR:
    return DualAR(config.dual_ar, tokenizer.semantic_begin, tokenizer.semantic_count, tokenizer.end_token)


def save_weights(folder: Path, config: ModelConfig, dual_ar: DualAR, codec: Codec, dtype: torch.dtype) -> None:
    """Write ``config.json``, ``fishvoice.json``, ``model.pth`` and ``codec.pth`` as upstream reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"model_type": "dual_ar", **{k: v for k, v in asdict(config.dual_ar).items() if v is not None}}
    extras = {k: v for k, v in config.to_json().items() if k != "dual_ar"}
    (folder / "config.json").write_text(json.dumps(sizes, indent=2) + "\n", encoding="utf-8")
    (folder / FORMAT_FILE).write_text(json.dumps(extras, indent=2) + "\n", encoding="utf-8")
    torch.save({k: v.to(dtype) for k, v in dual_ar.state_dict().items()}, folder / MODEL_FILE)
    torch.save({k: v.to(dtype) for k, v in codec_to_upstream(codec).items()}, folder / CODEC_FILE)


# -- reading ------------------------------------------------------------------------------------------


def read_dual_ar(path: Path) -> State:
    """Weights of the language model under our names (which are upstream's)."""
    return _tensors(language_weights(open_table(path)))


def read_codec(path: Path, config: CodecConfig) -> State:
    """Weights of the codec under our names, weight norms and layer scales folded in."""
    return _codec(open_table(path), config)


def codec_from_upstream(state: State, config: CodecConfig) -> State:
    return _codec(_table(state), config)


def _table(state: State) -> Table:
    return {name: Weight.of(tensor.float().numpy()) for name, tensor in state.items()}


def _codec(stored: Table, config: CodecConfig) -> State:
    wanted = codec_shapes(config)
    return _tensors({name: weight for name, weight in codec_weights(stored, config).items() if name in wanted})


def _tensors(stored: Table) -> State:
    # What is read may be the mapped file itself, which nobody may write to: torch has a copy.
    return {name: torch.from_numpy(np.array(weight.read(), np.float32)) for name, weight in stored.items()}


def _assign(module: nn.Module, stored: Table, path: Path) -> None:
    shapes = {name: tuple(parameter.shape) for name, parameter in module.state_dict().items()}
    check(stored, shapes, path)
    module.load_state_dict(_tensors({name: stored[name] for name in shapes}), assign=True)


# -- writing ------------------------------------------------------------------------------------------


def phases_to_transposed(weight: Tensor, stride: int) -> Tensor:
    """Inverse of :func:`transposed_to_phases`."""
    rows, channels_in, taps = weight.shape
    phases = weight.reshape(stride, rows // stride, channels_in, taps).permute(2, 1, 3, 0).flip(2)
    return phases.reshape(channels_in, rows // stride, taps * stride).contiguous()


def codec_to_upstream(codec: Codec) -> State:
    """Our weights in upstream's layout: weight norms with g = ‖v‖, layer scales of 1."""
    state = {k: v.detach() for k, v in codec.state_dict().items()}
    modules = dict(codec.named_modules())
    out: State = {}
    for ours, theirs in codec_names(codec.config):
        for key in [k for k in state if k.startswith(ours + ".")]:
            name = theirs + key[len(ours) :]
            value = state[key]
            owner = modules[key.rpartition(".")[0].removesuffix(".conv")]
            if isinstance(owner, CausalTransposedConv):
                first = value.shape[0] // owner.stride
                value = phases_to_transposed(value, owner.stride) if key.endswith("weight") else value[:first]
            normed = isinstance(owner, CausalConv | CausalTransposedConv) and not theirs.startswith("quantizer.")
            if normed and name.endswith("conv.weight"):
                stem = name.removesuffix("weight")
                out[f"{stem}parametrizations.weight.original0"] = _row_norms(value)
                out[f"{stem}parametrizations.weight.original1"] = value
            elif isinstance(modules[ours], VectorQuantizer) and name.endswith("_proj.weight"):
                out[f"{name}_g"], out[f"{name}_v"] = _row_norms(value), value
            else:
                out[name] = value
    for key in list(out):
        stem, _, leaf = key.rpartition(".")
        if leaf == "weight" and stem.endswith("pwconv2"):
            out[stem.removesuffix("pwconv2") + "gamma"] = torch.ones(out[key].shape[0])
        elif leaf == "weight" and stem.endswith("attention.wo"):
            out[stem.removesuffix("attention.wo") + "attention_layer_scale.gamma"] = torch.ones(out[key].shape[0])
        elif leaf == "weight" and stem.endswith("feed_forward.w2"):
            out[stem.removesuffix("feed_forward.w2") + "ffn_layer_scale.gamma"] = torch.ones(out[key].shape[0])
    return out


def _row_norms(weight: Tensor) -> Tensor:
    return weight.flatten(1).norm(dim=1).reshape(-1, 1, 1)
