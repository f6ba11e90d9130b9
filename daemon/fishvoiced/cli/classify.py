"""`fishvoiced classify`: the tier of a CPU given by hand, as JSON, to report wrong guesses."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from fishvoiced.hardware.apple_models import fanless
from fishvoiced.hardware.arm_parts import part_name
from fishvoiced.hardware.classify import classify
from fishvoiced.hardware.cpu_name import parse_brand
from fishvoiced.hardware.facts import ArmPart, Core, HardwareFacts, Isa


def classify_command(argv: Sequence[str]) -> int:
    """Print ``{"tier", "confidence", "reasons"}`` for the machine that the flags describe."""
    verdict = classify(_facts(argv))
    answer = {
        "tier": verdict.tier.value,
        "confidence": verdict.confidence,
        "reasons": list(verdict.reasons),
    }
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0


def _facts(argv: Sequence[str]) -> HardwareFacts:
    parser = _parser()
    args = parser.parse_args(list(argv))
    if args.brand is None and args.part is None and args.device_tree_model is None:
        parser.error("give at least --brand, --device-tree-model or --implementer with --part")
    if (args.part is None) != (args.implementer is None):
        parser.error("--implementer and --part belong together")
    parts = (ArmPart(args.implementer, args.part),) if args.part is not None else ()
    brand = args.brand or (part_name(parts[0]) if parts else "")
    return HardwareFacts(
        brand=brand,
        name=parse_brand(brand, args.vendor),
        cores=tuple(Core((cpu,)) for cpu in range(args.cores or 0)),
        isa=Isa(avx2=False if args.no_avx2 else None),
        arm_parts=parts,
        virtualization="given" if args.virtual else None,
        fanless=fanless(args.apple_model) if args.apple_model else None,
        apple_model=args.apple_model,
        board_model=args.device_tree_model,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fishvoiced classify", description="Tell the hardware tier of a CPU.", allow_abbrev=False
    )
    parser.add_argument("--brand", help="the CPU's brand string, as the system shows it")
    parser.add_argument("--vendor", default="", help="GenuineIntel, AuthenticAMD, Apple, …")
    parser.add_argument("--cores", type=_cores, help="physical cores")
    parser.add_argument("--apple-model", help="hw.model of a Mac, such as Mac14,2")
    parser.add_argument("--device-tree-model", help="the board's name in the device tree")
    parser.add_argument("--implementer", type=_number, help="ARM implementer, such as 0x41")
    parser.add_argument("--part", type=_number, help="ARM part number, such as 0xd0b")
    parser.add_argument("--virtual", action="store_true", help="a virtual machine")
    parser.add_argument("--no-avx2", action="store_true", help="the CPU lacks AVX2")
    return parser


def _number(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no number (write 0x41 or 65)") from error


def _cores(text: str) -> int:
    cores = _number(text)
    if not 1 <= cores <= 4096:
        raise argparse.ArgumentTypeError(f"{cores} cores: expected 1 to 4096")
    return cores
