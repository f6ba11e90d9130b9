"""The doctor's report: facts, tier, platform, expectation against measurement, as one record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fishvoiced.doctor.platforms import (
    Capability,
    Installed,
    Platform,
    Tool,
    capabilities,
    platform_of,
    tools,
    warnings,
)
from fishvoiced.hardware.classify import Classification, classify
from fishvoiced.hardware.environment import SessionAdvice, environment, session_advice
from fishvoiced.hardware.facts import HardwareFacts
from fishvoiced.hardware.threads import ThreadBudget, thread_budget
from fishvoiced.hardware.tiers import TierProfile, profile_for
from fishvoiced.voices.speed import Measured


@dataclass(frozen=True, slots=True)
class SensorLine:
    """One source: whether it answered, what it said or why it is silent, how to get it; ``heat``
    is False for a source of power only."""

    name: str
    available: bool
    detail: str
    hint: str = ""
    heat: bool = True


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """Everything that `doctor` prints."""

    facts: HardwareFacts
    classification: Classification
    profile: TierProfile
    platform: Platform
    threads: ThreadBudget
    session: SessionAdvice
    environment: tuple[tuple[str, str], ...]
    sensors: tuple[SensorLine, ...]
    capabilities: tuple[Capability, ...]
    tools: tuple[Tool, ...]
    warnings: tuple[str, ...]
    installed: Installed
    measured: Measured | None = None
    daemon: tuple[tuple[str, str], ...] = ()
    """What a running daemon has in memory, and how that runs."""


def diagnose(
    facts: HardwareFacts,
    sensors: Iterable[SensorLine] = (),
    installed: Installed | None = None,
    measured: Measured | None = None,
    daemon: tuple[tuple[str, str], ...] = (),
) -> DoctorReport:
    """Assemble the report. Pure: the caller has read the machine and its sensors."""
    sensors = tuple(sensors)
    installed = installed or Installed()
    classification = classify(facts)
    tier = classification.tier
    platform = platform_of(facts, tier)
    answered = tuple(sensor.name for sensor in sensors if sensor.available and sensor.heat)
    return DoctorReport(
        facts=facts,
        classification=classification,
        profile=profile_for(tier, facts),
        platform=platform,
        threads=thread_budget(facts),
        session=session_advice(facts),
        environment=tuple(sorted(environment(facts).items())),
        sensors=sensors,
        capabilities=capabilities(platform, installed, answered),
        tools=tools(facts, platform, answered),
        warnings=warnings(facts, tier, platform, answered),
        installed=installed,
        measured=measured,
        daemon=daemon,
    )
