"""`python -m cc_guard`."""

import sys

from cc_guard.cli import main

sys.exit(main())
