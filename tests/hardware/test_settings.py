"""The tier table, the thread rule and the environment of a machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishvoiced.hardware.detect.collect import collect
from fishvoiced.hardware.detect.system_access import Files, SystemAccess
from fishvoiced.hardware.environment import (
    apply_environment,
    environment,
    session_advice,
)
from fishvoiced.hardware.facts import Core, HardwareFacts, Isa, Power, System
from fishvoiced.hardware.threads import prefer_fewer, thread_budget
from fishvoiced.hardware.tiers import PROFILES, Tier, profile_for
from tests.hardware.machines import EPYC_GUEST, I7_12700H, RK3588, tree

CORES = st.lists(
    st.builds(
        lambda n, fast: Core(tuple(range(n)), fast),
        st.integers(1, 2),
        st.booleans(),
    ),
    max_size=16,
).map(
    lambda cores: tuple(
        Core(tuple(2 * i + k for k in range(len(core.cpus))), core.performance) for i, core in enumerate(cores)
    )
)


def facts_of(root: Path, files: dict[str, str], cpus: int) -> HardwareFacts:
    affinity = frozenset(range(cpus))
    return collect(SystemAccess(System.LINUX, "x86_64", Files(tree(root, files)), affinity=affinity))


def test_every_tier_has_a_profile() -> None:
    assert set(PROFILES) == set(Tier)


@pytest.mark.parametrize(
    ("tier", "before", "onnx", "clip_10s", "clip_30s"),
    [
        (Tier.INTEL_HIGH_END, 12, 3.0, 30, 90),
        (Tier.AMD_HIGH_END, 10, 2.5, 25, 75),
        (Tier.M1_PRO, 12, 12.0, 120, 360),
        (Tier.I5_BASELINE, 24, 6.0, 60, 180),
        (Tier.M1_AIR, 12, 12.0, 120, 360),
        (Tier.INTEL_LOW_END, 48, 12.0, 120, 360),
        (Tier.AMD_MOBILE, 40, 10.0, 100, 300),
        (Tier.ARM_SBC, None, 25.0, 240, 750),
        (Tier.GENERIC, None, None, None, None),
    ],
)
def test_expected_figures(tier: Tier, before: float, onnx: float, clip_10s: float, clip_30s: float) -> None:
    expected = PROFILES[tier].expected
    assert (expected.rtf_before, expected.rtf_onnx) == (before, onnx)
    assert (expected.clip_10s, expected.clip_30s) == (clip_10s, clip_30s)


def test_m1_air_expects_throttling() -> None:
    profile = PROFILES[Tier.M1_AIR]
    assert profile.expected.rtf_throttled == 20.0
    assert "40–60 %" in (profile.thermal_warning or "")


def test_no_fast_4_bit_kernels_means_8_bit() -> None:
    old = HardwareFacts(isa=Isa(avx2=False))
    assert profile_for(Tier.INTEL_LOW_END, old).lm_precision == "int8"
    assert profile_for(Tier.ARM_SBC, HardwareFacts(isa=Isa(dotprod=False))).lm_precision == "int8"
    assert profile_for(Tier.ARM_SBC, HardwareFacts(isa=Isa(dotprod=True))).lm_precision == "int4"
    assert profile_for(Tier.GENERIC).lm_precision == "int4"


def test_threads_are_performance_cores(tmp_path: Path) -> None:
    assert thread_budget(facts_of(tmp_path, I7_12700H, 20)).threads == 6


def test_affinity_counts_cores_not_siblings(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, I7_12700H, 20)
    assert thread_budget(replace(facts, affinity=frozenset({0, 1, 2, 15}))).threads == 2
    only_slow = thread_budget(replace(facts, affinity=frozenset({12, 13, 14})))
    assert only_slow.threads == 3
    assert any("efficiency cores only" in reason for reason in only_slow.reasons)


@pytest.mark.parametrize(("quota", "threads"), [(0.5, 1), (1.9, 1), (2.0, 2), (100.0, 6)])
def test_quota_is_rounded_down_but_never_to_nothing(tmp_path: Path, quota: float, threads: int) -> None:
    facts = replace(facts_of(tmp_path, I7_12700H, 20), quota_cpus=quota)
    assert thread_budget(facts).threads == threads


@given(
    cores=CORES,
    affinity=st.none() | st.frozensets(st.integers(0, 40)),
    quota=st.none() | st.floats(0.01, 64),
)
def test_thread_budget_is_always_at_least_one(
    cores: tuple[Core, ...], affinity: frozenset[int] | None, quota: float | None
) -> None:
    facts = HardwareFacts(cores=cores, affinity=affinity, quota_cpus=quota)
    budget = thread_budget(facts)
    assert 1 <= budget.half <= budget.threads
    if cores:
        assert budget.threads <= len(cores)
    if quota is not None:
        assert budget.threads <= max(1, quota)


def test_fewer_threads_win_within_five_percent() -> None:
    assert prefer_fewer([(8, 1.00), (4, 1.04)]) == 4
    assert prefer_fewer([(8, 1.00), (4, 1.06)]) == 8
    with pytest.raises(ValueError, match="no measurement"):
        prefer_fewer([])


def test_intel_environment(tmp_path: Path) -> None:
    hybrid = facts_of(tmp_path, I7_12700H, 20)
    wanted = environment(hybrid)
    assert wanted["OMP_NUM_THREADS"] == wanted["MKL_NUM_THREADS"] == "6"
    assert "KMP_AFFINITY" not in wanted
    assert wanted["GOMP_CPU_AFFINITY"] == ",".join(map(str, range(12)))
    alike = replace(hybrid, cores=tuple(Core((c,)) for c in range(4)))
    assert environment(alike)["KMP_AFFINITY"].startswith("granularity=fine")
    assert "OMP_PROC_BIND" not in environment(alike)


def test_amd_environment(tmp_path: Path) -> None:
    guest = facts_of(tmp_path, EPYC_GUEST, 2)
    assert environment(guest)["OMP_NUM_THREADS"] == "2"
    assert "OMP_PROC_BIND" not in environment(guest), "a guest's CPUs wander"
    bare = replace(guest, virtualization=None)
    assert environment(bare)["OMP_PLACES"] == "cores"
    assert "KMP_AFFINITY" not in environment(bare)


def test_the_users_own_variables_stay() -> None:
    target = {"OMP_NUM_THREADS": "3"}
    fresh = apply_environment({"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "8"}, target)
    assert fresh == {"MKL_NUM_THREADS": "8"}
    assert target == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "8"}


def test_session_advice_pins_to_fast_cores(tmp_path: Path) -> None:
    advice = session_advice(facts_of(tmp_path, RK3588, 8))
    assert advice.intra_op_threads == 4
    # One-based, and without the calling thread's own core.
    assert advice.thread_affinities == "6;7;8"
    assert advice.execution_mode == "sequential"


def test_session_advice_saves_battery_and_quota(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, EPYC_GUEST, 2)
    assert session_advice(facts).allow_spinning
    assert session_advice(facts).thread_affinities is None
    assert not session_advice(replace(facts, power=Power.BATTERY)).allow_spinning
    assert not session_advice(replace(facts, quota_cpus=1.5)).allow_spinning
