"""Reading and writing checkpoint folders in upstream's format.

``config.json``, ``model.pth``, ``codec.pth``, ``tokenizer.tiktoken``, ``special_tokens.json`` and, for what
upstream keeps elsewhere, ``fishvoice.json``. Weights are loaded with ``weights_only`` and memory-mapped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fishvoiced.errors import CheckpointError
from fishvoiced.fish.config import FORMAT_FILE, CodecConfig, ModelConfig
from fishvoiced.fish.network.codec import CausalConv, CausalTransposedConv, Codec, VectorQuantizer
from fishvoiced.fish.network.dual_ar import DualAR
from fishvoiced.fish.network.layers import KVScales
from fishvoiced.fish.tokenizer import Tokenizer

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
    kv_scales: list[KVScales] | None = None
    """Of the slow AR's layers, where its graph keeps K and V as int8."""


def load(folder: Path) -> Checkpoint:
    """Raises CheckpointError with the first thing that is wrong."""
    config = ModelConfig.from_checkpoint(folder)
    tokenizer = Tokenizer.load(folder)
    if tokenizer.semantic_count < config.codec.semantic_codebook_size:
        raise CheckpointError(
            f"{folder}: {tokenizer.semantic_count} semantic tokens for a semantic codebook of "
            f"{config.codec.semantic_codebook_size}"
        )
    with torch.device("meta"):
        dual_ar = new_dual_ar(config, tokenizer)
        codec = Codec(config.codec)
    _assign(dual_ar, read_dual_ar(folder / MODEL_FILE), folder / MODEL_FILE)
    _assign(codec, read_codec(folder / CODEC_FILE, config.codec), folder / CODEC_FILE)
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
    _assign(dual_ar, state, where)
    unused = {name: torch.zeros(weight.shape) for name, weight in codec.state_dict().items() if name.endswith(_ENCODES)}
    sound = {name.removeprefix("codec."): weight for name, weight in weights.items() if name.startswith("codec.")}
    _assign(codec, unused | sound, where)
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
    state = _read(path)
    if any(k.startswith("model.") for k in state):
        state = {k.removeprefix("model."): v for k, v in state.items()}
    state = {k: v for k, v in state.items() if "audio_" not in k}
    for name in [k for k in state if k.endswith("attention.wq.weight")]:
        stem = name.removesuffix("wq.weight")
        state[f"{stem}wqkv.weight"] = torch.cat([state.pop(f"{stem}{part}.weight") for part in ("wq", "wk", "wv")])
    return state


def read_codec(path: Path, config: CodecConfig) -> State:
    """Weights of the codec under our names, weight norms and layer scales folded in."""
    state = _read(path)
    if any(k.startswith("generator.") for k in state):
        state = {k.removeprefix("generator."): v for k, v in state.items() if k.startswith("generator.")}
    return codec_from_upstream(state, config)


def codec_from_upstream(state: State, config: CodecConfig) -> State:
    state = _fold_layer_scales(_fold_weight_norms(state))
    renamed: State = {}
    for ours, theirs in codec_names(config):
        for key, value in state.items():
            if key.startswith(theirs + "."):
                renamed[ours + key[len(theirs) :]] = value
    with torch.device("meta"):
        template = Codec(config)
    for name, module in template.named_modules():
        key = f"{name}.conv.weight"
        if isinstance(module, CausalTransposedConv) and key in renamed:
            renamed[key] = transposed_to_phases(renamed[key], module.stride)
            renamed[f"{name}.conv.bias"] = renamed[f"{name}.conv.bias"].repeat(module.stride)
    wanted = template.state_dict().keys()
    return {k: v for k, v in renamed.items() if k in wanted}


def _read(path: Path) -> State:
    try:
        loaded = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing") from error
    except Exception as error:  # torch raises RuntimeError, UnpicklingError, EOFError, zip errors, …
        raise CheckpointError(f"{path} is damaged or not a torch checkpoint: {str(error).splitlines()[0]}") from error
    if isinstance(loaded, dict) and isinstance(loaded.get("state_dict"), dict):
        loaded = loaded["state_dict"]
    if not isinstance(loaded, dict) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise CheckpointError(f"{path} does not hold a table of tensors")
    return dict(loaded)


def _assign(module: nn.Module, state: State, path: Path) -> None:
    wanted = module.state_dict()
    missing = sorted(wanted.keys() - state.keys())
    if missing:
        raise CheckpointError(f"{path} lacks {len(missing)} of {len(wanted)} weights, first {missing[0]}")
    for name, parameter in wanted.items():
        if parameter.shape != state[name].shape:
            raise CheckpointError(
                f"{path}: {name} has shape {tuple(state[name].shape)}, the configuration says {tuple(parameter.shape)}"
            )
    module.load_state_dict({k: state[k].float() for k in wanted}, assign=True)


# -- names and layouts --------------------------------------------------------------------------------


def codec_names(config: CodecConfig) -> Iterator[tuple[str, str]]:
    """Pairs of module prefixes, ours and upstream's."""

    def numbered(ours: str, theirs: Iterator[str]) -> Iterator[tuple[str, str]]:
        return ((f"{ours}.{i}", name) for i, name in enumerate(theirs))

    def decoder() -> Iterator[str]:
        yield "decoder.model.0"
        blocks = len(config.decoder_rates)
        for b in range(1, blocks + 1):
            yield from (f"decoder.model.{b}.block.{i}" for i in range(5))
        yield from (f"decoder.model.{blocks + 1}", f"decoder.model.{blocks + 2}")

    def encoder() -> Iterator[str]:
        yield "encoder.block.0"
        blocks = len(config.encoder_rates)
        for b, n_layer in enumerate(config.encoder_transformer_layers, start=1):
            yield from (f"encoder.block.{b}.block.{i}" for i in range(6 if n_layer else 5))
        yield from (f"encoder.block.{blocks + 1}", f"encoder.block.{blocks + 2}")

    def resampling(name: str) -> Iterator[str]:
        return (f"quantizer.{name}.{i}.{j}" for i in range(len(config.downsample)) for j in range(2))

    yield "quantizer.semantic", "quantizer.semantic_quantizer.quantizers.0"
    for k in range(config.num_codebooks - 1):
        yield f"quantizer.residual.{k}", f"quantizer.quantizer.quantizers.{k}"
    yield "quantizer.post", "quantizer.post_module"
    yield from numbered("quantizer.upsample", resampling("upsample"))
    yield from numbered("decoder", decoder())
    if config.has_encoder:
        yield from numbered("quantizer.downsample", resampling("downsample"))
        yield "quantizer.pre", "quantizer.pre_module"
        yield from numbered("encoder", encoder())


def _fold_weight_norms(state: State) -> State:
    """weight = g · v / ‖v‖, over all axes but the first; both spellings that torch has had."""
    folded = dict(state)
    for key in state:
        if key.endswith(".parametrizations.weight.original1"):
            stem = key.removesuffix(".parametrizations.weight.original1")
            v, g = folded.pop(key), folded.pop(f"{stem}.parametrizations.weight.original0")
        elif key.endswith(".weight_v"):
            stem = key.removesuffix(".weight_v")
            v, g = folded.pop(key), folded.pop(f"{stem}.weight_g")
        else:
            continue
        folded[f"{stem}.weight"] = torch._weight_norm(v.float(), g.float(), 0)
    return folded


def _fold_layer_scales(state: State) -> State:
    """A scale after a linear layer is a scale of its rows."""
    folded = dict(state)
    scaled = {
        "attention_layer_scale.gamma": "attention.wo",
        "ffn_layer_scale.gamma": "feed_forward.w2",
        "gamma": "pwconv2",
    }
    for key in state:
        for suffix, layer in scaled.items():
            if key.endswith("." + suffix):
                stem = key.removesuffix(suffix)
                gamma = folded.pop(key).float()
                folded[f"{stem}{layer}.weight"] = folded[f"{stem}{layer}.weight"].float() * gamma[:, None]
                if f"{stem}{layer}.bias" in folded:
                    folded[f"{stem}{layer}.bias"] = folded[f"{stem}{layer}.bias"].float() * gamma
                break
    return folded


def transposed_to_phases(weight: Tensor, stride: int) -> Tensor:
    """ConvTranspose1d weight [in, out, kernel] → our [stride x out, in, kernel // stride].

    Output sample t·stride + r sums weight[:, :, r + j·stride] · x[t - j]; a convolution's tap i sees
    x[t - (taps - 1 - i)], so the taps are in reverse order.
    """
    channels_in, channels_out, kernel = weight.shape
    taps = weight.reshape(channels_in, channels_out, kernel // stride, stride).flip(2)
    return taps.permute(3, 1, 0, 2).reshape(stride * channels_out, channels_in, kernel // stride).contiguous()


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
