"""Upstream's own code (fish-speech 0.1.0, Apache-2.0), imported as the ground truth of parity tests.

Its codec wants ``audiotools`` and ``dac``'s base classes, which pull in CUDA builds of torchaudio; the
decoder's arithmetic uses none of them, so empty stand-ins take their place.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import torch


def _stand_in(name: str, **members: Any) -> None:
    if name not in sys.modules:
        module = types.ModuleType(name)
        module.__dict__.update(members)
        sys.modules[name] = module


def dual_ar(folder: Path) -> Any:
    """Upstream's DualARTransformer with the folder's weights, fp32, caches set up."""
    from fish_speech.models.text2semantic.llama import BaseTransformer

    model = BaseTransformer.from_pretrained(str(folder), load_weights=True).float().eval()
    model.setup_caches(1, model.config.max_seq_len, dtype=torch.float32)
    return model


def codec(config: Any) -> Any:
    """Upstream's DAC in the sizes of a CodecConfig, with its own random weights."""
    _import_codec_dependencies()
    from functools import partial

    from fish_speech.models.dac import modded_dac, rvq

    def transformer(n_layer: int) -> Any:
        t = config.transformer
        args = modded_dac.ModelArgs(
            block_size=t.max_seq_len,
            n_layer=n_layer,
            n_head=t.n_head,
            dim=t.dim,
            intermediate_size=t.intermediate_size,
            head_dim=t.head_dim,
            rope_base=t.rope_base,
            norm_eps=t.norm_eps,
        )
        return modded_dac.WindowLimitedTransformer(
            args, input_dim=t.dim, window_size=config.transformer_window, causal=True
        )

    quantizer = rvq.DownsampleResidualVectorQuantize(
        input_dim=config.latent_dim,
        n_codebooks=config.num_codebooks - 1,
        codebook_dim=config.codebook_dim,
        codebook_size=config.codebook_size,
        semantic_codebook_size=config.semantic_codebook_size,
        downsample_factor=config.downsample,
        pre_module=transformer(config.transformer_layers) if config.transformer_layers else None,
        post_module=transformer(config.transformer_layers) if config.transformer_layers else None,
    )
    general = partial(
        modded_dac.ModelArgs,
        block_size=config.encoder_max_positions,
        n_local_heads=-1,
        head_dim=64,
        rope_base=config.rope_base,
        norm_eps=config.norm_eps,
    )
    return modded_dac.DAC(
        encoder_dim=config.encoder_dim,
        encoder_rates=list(config.encoder_rates),
        latent_dim=config.latent_dim,
        decoder_dim=config.decoder_dim,
        decoder_rates=list(config.decoder_rates),
        quantizer=quantizer,
        sample_rate=config.sample_rate,
        causal=True,
        encoder_transformer_layers=list(config.encoder_transformer_layers),
        decoder_transformer_layers=[0] * len(config.decoder_rates),
        transformer_general_config=general,
    ).eval()


def _import_codec_dependencies() -> None:
    class Base(torch.nn.Module):
        def get_delay(self) -> int:
            return 0

    _stand_in("audiotools", AudioSignal=object, STFTParams=object, ml=None)
    _stand_in("audiotools.ml", BaseModel=Base)
    # The real one, if it is here, is wanted by others in this process.
    if "librosa" not in sys.modules and importlib.util.find_spec("librosa") is None:
        _stand_in("librosa")
    _stand_in("dac")
    sys.modules["dac"].__path__ = []  # type: ignore[attr-defined]
    _stand_in("dac.model")
    sys.modules["dac.model"].__path__ = []  # type: ignore[attr-defined]
    _stand_in("dac.model.base", CodecMixin=type("CodecMixin", (), {}))
    _load_dac_module("dac.nn.layers")
    _load_dac_module("dac.nn.quantize")


def _load_dac_module(name: str) -> None:
    """Import one file of descript-audio-codec (MIT) without running its package's ``__init__``."""
    import importlib.metadata

    if name in sys.modules:
        return
    _stand_in("dac.nn")
    sys.modules["dac.nn"].__path__ = []  # type: ignore[attr-defined]
    path = importlib.metadata.distribution("descript-audio-codec").locate_file(name.replace(".", "/") + ".py")
    spec = importlib.util.spec_from_file_location(name, str(path))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
