"""``python -m fishvoice.adapters.speechd``: how configurations of earlier installs start it."""

import sys

from fishvoice.adapters.speechd.module import main

sys.exit(main())
