"""``python -m tools.starter_voice STAGE``: every stage of the recipe, each resumable."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable
from pathlib import Path

import platformdirs

from fishvoiced.text.english import LEXICON_FILE
from fishvoiced.text.misaki import load
from tools.starter_voice import lexicon, speech, text
from tools.starter_voice.source import Source

SHIPPED = Path(__file__).resolve().parents[2] / "daemon" / "fishvoiced" / "starter"
TEXT_FILE = "text.json"


def main(arguments: list[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    work: Path = options.work
    work.mkdir(parents=True, exist_ok=True)
    if getattr(options, "threads", None):
        import torch

        torch.set_num_threads(options.threads)
    options.run(options, work)


def _text(options: argparse.Namespace, work: Path) -> None:
    prose = text.sentences()
    words = {w for s in prose for w in re.findall(r"[a-z]+(?:'(?!s\b)[a-z]+)?", s.lower()) if len(w) > 1}
    spoken = {w for w in words if re.search("[aeiouy]", w)} | set(text.word_list())
    table = lexicon.build(Source().phonemize, spoken, prose)
    lexicon.save(table, work / LEXICON_FILE)
    corpus = text.gather(prose, table, options.lines)
    (work / TEXT_FILE).write_text(json.dumps(vars(corpus)) + "\n", encoding="utf-8")
    print(f"{len(prose)} sentences, {len(table)} words in the lexicon, {len(corpus.lines)} lines to speak")


def _speech(options: argparse.Namespace, work: Path) -> None:
    corpus = json.loads((work / TEXT_FILE).read_text(encoding="utf-8"))
    lines = [(kind, line) for kind, line in corpus["lines"]]
    speech.make(Source(), load(work), lines[: options.lines], work / "speech", options.with_samples)


def _codebooks(options: argparse.Namespace, work: Path) -> None:
    from tools.starter_voice import codebooks, data

    file = work / "codebooks.pt"
    if options.start:
        codebooks.Codebooks.from_checkpoint(options.start).save(file)
    elif not file.exists():
        shards = sorted((work / "speech").glob("[0-9][0-9][0-9][0-9].npz"))
        codebooks.learn(*codebooks.shard_features(shards, options.frames)).save(file)
    print(f"{sum(1 for _ in data.encoded(work))} shards encoded")


def _decoder(options: argparse.Namespace, work: Path) -> None:
    from tools.starter_voice import decoder

    decoder.train(work, options.hours, options.batch, start=options.start)


def _adversarial(options: argparse.Namespace, work: Path) -> None:
    from tools.starter_voice import adversarial

    adversarial.train(work, options.hours, options.batch)


def _dual_ar(options: argparse.Namespace, work: Path) -> None:
    from tools.starter_voice import dual_ar

    dual_ar.train(work, options.hours, start=options.start, compiled=options.compile)


def _pack(options: argparse.Namespace, work: Path) -> None:
    from tools.starter_voice import pack

    pack.pack(work, options.folder)


def _evaluate(options: argparse.Namespace, work: Path) -> None:
    from tools.starter_voice import evaluate
    from tools.starter_voice.say import DecoderVoice, ProjectVoice, SourceVoice, Voice, torch_voice

    if options.sentences_of == "plain":
        texts = evaluate.plain_sentences()
    else:
        texts = json.loads((work / TEXT_FILE).read_text(encoding="utf-8"))[options.sentences_of]
    voices: dict[str, Callable[[], Voice]] = {
        "project": lambda: ProjectVoice(options.model_path),
        "torch": lambda: torch_voice(options.folder),
        "decoder": lambda: DecoderVoice(options.folder),
    }
    voice, source = voices[options.engine](), SourceVoice(options.folder)
    known = [text for text in texts if source.knows(text)][: options.count]
    evaluate.evaluate(voice, source, known, options.seeds, work / options.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.starter_voice", description=__doc__)
    default = Path(platformdirs.user_cache_dir("fishvoice")) / "starter_voice"
    parser.add_argument("--work", type=Path, default=default, help="speech and training states (%(default)s)")
    stages = parser.add_subparsers(dest="stage", required=True)

    stage = stages.add_parser("text", help="gather the lines to be spoken, and the lexicon")
    stage.add_argument("--lines", type=int, default=120_000)
    stage.set_defaults(run=_text)

    stage = stages.add_parser("speech", help="speak them (hibari)")
    stage.add_argument("--lines", type=int, default=None, help="only so many")
    stage.add_argument("--with-samples", type=int, default=24, help="shards that keep the sound (%(default)s)")
    stage.set_defaults(run=_speech)

    stage = stages.add_parser("codebooks", help="residual k-means; encode all speech")
    stage.add_argument("--frames", type=int, default=120_000)
    stage.add_argument("--start", type=Path, help="take the books of a packed checkpoint folder instead")
    stage.add_argument("--threads", type=int)
    stage.set_defaults(run=_codebooks)

    for name, run, what in (("decoder", _decoder, "codes to sound"), ("dual_ar", _dual_ar, "text to codes")):
        stage = stages.add_parser(name, help=f"train {what}")
        stage.add_argument("--hours", type=float, default=2.0, help="training time planned in all (%(default)s)")
        stage.add_argument("--start", type=Path, help="begin from a packed checkpoint folder")
        stage.add_argument("--threads", type=int)
        stage.set_defaults(run=run)
        if name == "decoder":
            stage.add_argument("--batch", type=int, default=4)
        else:
            stage.add_argument("--compile", action="store_true", help="twice as fast; needs a C++ compiler")

    stage = stages.add_parser("adversarial", help="train the decoder further, against discriminators")
    stage.add_argument("--hours", type=float, default=1.0, help="of this stage alone (%(default)s)")
    stage.add_argument("--batch", type=int, default=4)
    stage.add_argument("--threads", type=int)
    stage.set_defaults(run=_adversarial)

    stage = stages.add_parser("pack", help="write the checkpoint folder")
    stage.add_argument("--folder", type=Path, default=SHIPPED)
    stage.set_defaults(run=_pack)

    stage = stages.add_parser("evaluate", help="judge a packed voice")
    stage.add_argument("--folder", type=Path, default=SHIPPED, help="the checkpoint (for its lexicon, too)")
    stage.add_argument("--engine", choices=("project", "torch", "decoder"), default="project")
    stage.add_argument("--model-path", type=Path, help="another model than the shipped one, for --engine project")
    stage.add_argument("--sentences-of", choices=("plain", "test", "valid"), default="plain")
    stage.add_argument("--count", type=int, default=100)
    stage.add_argument("--seeds", type=int, default=3)
    stage.add_argument("--out", default="evaluation")
    stage.add_argument("--threads", type=int)
    stage.set_defaults(run=_evaluate)
    return parser


if __name__ == "__main__":
    main()
