"""The tier that a brand string, a model or a board leads to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.hardware.classify import GUESS, classify
from fishvoiced.hardware.cpu_name import parse_brand
from fishvoiced.hardware.facts import ArmPart, Core, HardwareFacts, Isa
from fishvoiced.hardware.tiers import Tier
from tests.hardware.brands import CASES


def of(brand: str = "", **more: object) -> HardwareFacts:
    vendor = str(more.pop("vendor_id", ""))
    return HardwareFacts(brand=brand, name=parse_brand(brand, vendor), **more)  # type: ignore[arg-type]


def test_the_table_is_large() -> None:
    assert len(CASES) > 200
    assert {tier for tier, _ in CASES} == set(Tier) - {Tier.M1_AIR}


@pytest.mark.parametrize(("tier", "brand"), CASES, ids=lambda case: str(case).strip())
def test_brand(tier: Tier, brand: str) -> None:
    verdict = classify(of(brand))
    assert verdict.tier is tier
    assert 0 < verdict.confidence < 1
    assert verdict.reasons
    assert all(verdict.reasons)


@pytest.mark.parametrize(("tier", "brand"), CASES, ids=lambda case: str(case).strip())
def test_brand_survives_case_blanks_and_lost_marks(tier: Tier, brand: str) -> None:
    for marked in (f"  {brand.upper()}\0   ", brand.lower(), brand.replace("(R)", "®")):
        assert classify(of(marked)).tier is tier


@pytest.mark.parametrize(
    ("brand", "model", "tier"),
    [
        ("Apple M1", "MacBookAir10,1", Tier.M1_AIR),
        ("Apple M1", "MacBookPro17,1", Tier.M1_PRO),
        ("Apple M1", "Macmini9,1", Tier.M1_PRO),
        ("Apple M1", "iMac21,1", Tier.M1_PRO),
        ("Apple M2", "Mac14,2", Tier.M1_AIR),
        ("Apple M2", "Mac14,15", Tier.M1_AIR),
        ("Apple M2", "Mac14,7", Tier.M1_PRO),
        ("Apple M3", "Mac15,12", Tier.M1_AIR),
        ("Apple M3", "Mac15,13", Tier.M1_AIR),
        ("Apple M3", "Mac15,3", Tier.M1_PRO),
        ("Apple M4", "Mac16,12", Tier.M1_AIR),
        ("Apple M4", "Mac16,13", Tier.M1_AIR),
        ("Apple M4", "Mac16,10", Tier.M1_PRO),
        ("Apple M5", "Mac17,2", Tier.M1_PRO),
        ("Apple M4", "Mac99,1", Tier.M1_PRO),
        ("Apple M2 Max", "Mac14,6", Tier.M1_PRO),
        ("VirtualApple @ 2.50GHz", "MacBookAir10,1", Tier.M1_AIR),
        ("VirtualApple @ 2.50GHz", "Macmini9,1", Tier.M1_PRO),
        ("Apple A18 Pro", None, Tier.M1_AIR),
        ("Apple M1", None, Tier.M1_AIR),
        ("Apple M1", "VirtualMac2,1", Tier.GENERIC),
    ],
)
def test_apple_by_model(brand: str, model: str | None, tier: Tier) -> None:
    assert classify(of(brand, apple_model=model)).tier is tier


def test_rosetta_is_named() -> None:
    verdict = classify(of("VirtualApple @ 2.50GHz", apple_model="MacBookAir10,1"))
    assert any("Rosetta" in reason for reason in verdict.reasons)


def test_unknown_apple_model_is_a_guess() -> None:
    assert classify(of("Apple M2")).confidence == GUESS


@pytest.mark.parametrize(
    ("parts", "board", "tier"),
    [
        ([(0x41, 0xD0B)], "Raspberry Pi 5 Model B Rev 1.0", Tier.ARM_SBC),
        ([(0x41, 0xD08)], "Raspberry Pi 4 Model B Rev 1.4", Tier.ARM_SBC),
        ([(0x41, 0xD03)], "Raspberry Pi Zero 2 W Rev 1.0", Tier.ARM_SBC),
        ([(0x41, 0xD03)], "Raspberry Pi 3 Model B Plus Rev 1.3\0", Tier.ARM_SBC),
        ([(0x41, 0xB76)], "Raspberry Pi Zero W Rev 1.1", Tier.ARM_SBC),
        ([(0x41, 0xD05), (0x41, 0xD0B)], "Orange Pi 5", Tier.ARM_SBC),
        ([(0x41, 0xD05), (0x41, 0xD0B)], "Radxa ROCK 5B", Tier.ARM_SBC),
        ([(0x41, 0xD03), (0x41, 0xD08)], "Pine64 RockPro64 v2.1", Tier.ARM_SBC),
        ([(0x41, 0xD42)], "NVIDIA Jetson AGX Orin Developer Kit", Tier.ARM_SBC),
        ([(0x4E, 0x004)], None, Tier.ARM_SBC),
        ([(0x41, 0xD03), (0x41, 0xD09)], "Hardkernel ODROID-N2", Tier.ARM_SBC),
        ([(0x41, 0xD0B)], None, Tier.ARM_SBC),
        ([], "Khadas VIM4", Tier.ARM_SBC),
        ([(0x41, 0xD0C)], None, Tier.GENERIC),
        ([(0x41, 0xD4F)], None, Tier.GENERIC),
        ([(0xC0, 0xAC3)], None, Tier.GENERIC),
        ([(0x51, 0x001)], "ASUS Vivobook S 15", Tier.GENERIC),
        ([(0x41, 0xD4B), (0x41, 0xD4C)], "Lenovo ThinkPad X13s", Tier.GENERIC),
        ([(0x41, 0xD08)], "linux,dummy-virt", Tier.GENERIC),
        ([(0x61, 0x022), (0x61, 0x023)], "Apple MacBook Air (M1, 2020)", Tier.M1_AIR),
        ([(0x61, 0x024), (0x61, 0x025)], "Apple MacBook Pro (14-inch, M1 Pro, 2021)", Tier.M1_PRO),
        ([(0x99, 0x123)], None, Tier.GENERIC),
    ],
)
def test_arm_by_part_and_board(parts: list[tuple[int, int]], board: str | None, tier: Tier) -> None:
    verdict = classify(of(arm_parts=tuple(ArmPart(*part) for part in parts), board_model=board))
    assert verdict.tier is tier


def test_an_intel_board_computer_is_no_arm_board() -> None:
    assert classify(of("Intel(R) N97", board_model="ODROID-H4")).tier is Tier.INTEL_LOW_END


def test_a_virtual_machine_is_generic_whatever_its_brand() -> None:
    verdict = classify(of("13th Gen Intel(R) Core(TM) i9-13900K", virtualization="kvm"))
    assert verdict.tier is Tier.GENERIC


def test_wsl_keeps_the_brand_with_less_confidence() -> None:
    bare = classify(of("12th Gen Intel(R) Core(TM) i7-12700H"))
    wsl = classify(of("12th Gen Intel(R) Core(TM) i7-12700H", virtualization="wsl"))
    assert wsl.tier is bare.tier is Tier.INTEL_HIGH_END
    assert wsl.confidence < bare.confidence


@pytest.mark.parametrize("brand", ["13th Gen Intel(R) Core(TM) i9-13900K", "AMD Ryzen 7 5800X"])
def test_no_avx2_is_low_end(brand: str) -> None:
    verdict = classify(of(brand, isa=Isa(avx2=False)))
    assert verdict.tier is Tier.INTEL_LOW_END
    assert "AVX2" in " ".join(verdict.reasons)


def test_a_server_without_avx2_stays_generic() -> None:
    facts = of("Intel(R) Xeon(R) CPU E5-2670 0 @ 2.60GHz", isa=Isa(avx2=False))
    assert classify(facts).tier is Tier.GENERIC


def test_nothing_known_is_a_generic_guess() -> None:
    verdict = classify(HardwareFacts())
    assert verdict.tier is Tier.GENERIC
    assert verdict.confidence == GUESS


def test_generic_tells_cores_and_quota() -> None:
    cores = tuple(Core((cpu,)) for cpu in range(4))
    reasons = " ".join(classify(of("AMD EPYC", cores=cores, quota_cpus=1.5)).reasons)
    assert "4 cores" in reasons
    assert "1.5 CPUs" in reasons


@pytest.mark.parametrize(
    ("brand", "vendor", "family", "number", "generation", "suffix"),
    [
        ("11th Gen Intel(R) Core(TM) i5-11260H @ 2.60GHz", "intel", "Core i5", "11260", 11, "H"),
        ("Intel(R) Core(TM) i7-1065G7 CPU @ 1.30GHz", "intel", "Core i7", "1065", 10, "G7"),
        ("13th Gen Intel(R) Core(TM) i7-1365U", "intel", "Core i7", "1365", 13, "U"),
        ("Intel(R) Core(TM) i7-4790 CPU @ 3.60GHz", "intel", "Core i7", "4790", 4, ""),
        ("Intel(R) Core(TM) i7 CPU         870  @ 2.93GHz", "intel", "Core i7", "870", 1, ""),
        ("Intel(R) Core(TM) i7-7Y75 CPU @ 1.30GHz", "intel", "Core i7", "7Y75", 7, "Y"),
        ("Intel(R) Core(TM) Ultra 7 265K", "intel", "Core Ultra 7", "265", 2, "K"),
        ("AMD Ryzen 7 5800X3D 8-Core Processor  ", "amd", "Ryzen 7", "5800", 5, "X3D"),
        ("AMD Ryzen 7 PRO 4750U with Radeon Graphics", "amd", "Ryzen 7", "4750", 4, "U"),
        ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", "amd", "Ryzen AI 9", "370", 3, "HX"),
        ("Apple M2 Ultra", "apple", "M", "2", 2, "Ultra"),
        ("INTEL(R) XEON(R) GOLD 5520+", "intel", "Xeon", "5520+", None, ""),
    ],
)
def test_parts_of_a_brand(
    brand: str, vendor: str, family: str, number: str, generation: int | None, suffix: str
) -> None:
    name = parse_brand(brand)
    assert (name.vendor, name.family, name.number) == (vendor, family, number)
    assert (name.generation, name.suffix) == (generation, suffix)


def test_the_vendor_id_helps_where_the_brand_is_silent() -> None:
    assert parse_brand("0000", "GenuineIntel").vendor == "intel"
    assert parse_brand("", "AuthenticAMD").vendor == "amd"


PIECES = st.sampled_from(
    [
        *("Intel(R) Core(TM) ", "AMD ", "Apple ", "Ryzen ", "i7-", "i5-", "Ultra 7 ", "M", "AI ", "PRO ", "Xeon ", "("),
        *"0123456789UHKXGPN @",
    ]
)


@given(
    brand=st.text(max_size=40) | st.lists(PIECES, max_size=10).map("".join),
    vendor=st.text(max_size=12),
    model=st.none() | st.text(max_size=12),
)
def test_any_name_has_a_tier(brand: str, vendor: str, model: str | None) -> None:
    facts = HardwareFacts(brand=brand, name=parse_brand(brand, vendor), apple_model=model, board_model=model)
    verdict = classify(facts)
    assert verdict.tier in Tier
    assert verdict.reasons
