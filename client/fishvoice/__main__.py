"""``python -m fishvoice``: the command ``fishvoice``."""

from fishvoice.cli import main

raise SystemExit(main())
