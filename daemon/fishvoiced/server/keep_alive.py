"""Which models stay in memory, and until when (``keep_alive``). Pure: the time is passed in."""

from __future__ import annotations


class KeepAlive:
    """Models in use or waiting to be used again."""

    def __init__(self) -> None:
        self._until: dict[str, float | None] = {}  # None: for ever
        self._users: dict[str, int] = {}

    def enter(self, model: str) -> None:
        """A request works with the model."""
        self._users[model] = self._users.get(model, 0) + 1

    def leave(self, model: str) -> None:
        """That request is over."""
        self._users[model] -= 1
        if not self._users[model]:
            del self._users[model]

    def keep(self, model: str, keep_alive: float, now: float) -> None:
        """Keep the unused model for so many seconds from now; negative: for ever, 0: not at all.

        The newest wish counts, as with Ollama's ``keep_alive``.
        """
        self._until[model] = None if keep_alive < 0 else now + keep_alive

    def forget(self, model: str) -> None:
        """The model is not in memory any more."""
        self._until.pop(model, None)

    def expired(self, now: float) -> tuple[str, ...]:
        """Models to unload now."""
        return tuple(m for m, until in self._until.items() if until is not None and until <= now and not self.used(m))

    def next_expiry(self) -> float | None:
        """When to ask `expired` again."""
        return min((u for m, u in self._until.items() if u is not None and not self.used(m)), default=None)

    def left(self, model: str, now: float) -> float | None:
        """Seconds until the model goes, if nobody uses it meanwhile; None: it stays for ever."""
        until = self._until.get(model)
        return None if until is None else max(0.0, until - now)

    def used(self, model: str) -> bool:
        """Whether a request works with it."""
        return model in self._users
