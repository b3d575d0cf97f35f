"""``python -m rl_transfer.cli``: the same as the command ``rl-transfer``."""

import sys

from rl_transfer.cli import main

sys.exit(main())
