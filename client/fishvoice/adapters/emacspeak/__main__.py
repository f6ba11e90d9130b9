"""``python -m fishvoice.adapters.emacspeak``: how configurations of earlier installs start it."""

import sys

from fishvoice.adapters.emacspeak.server import main

sys.exit(main())
