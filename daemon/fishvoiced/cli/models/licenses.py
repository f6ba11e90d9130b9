"""A model's licence, as a person wants to read it."""

from __future__ import annotations

NON_COMMERCIAL = "-NC"


def license_note(license_name: str | None) -> str:
    """``licence CC-BY-NC-SA-4.0 (not for commercial use)``; None: unknown."""
    if license_name is None:
        return "licence unknown: see where the model comes from"
    limit = " (not for commercial use)" if NON_COMMERCIAL in license_name.upper() else ""
    return f"licence {license_name}{limit}"
