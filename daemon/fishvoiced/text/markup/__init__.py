"""The first stage: markup → spans. ``plain`` is taken literally; ``auto`` looks at the text itself."""

from fishvoiced.text.markup.read import Markup, read

__all__ = ["Markup", "read"]
