"""The demo in a network of its own: `python -m cc_guard.demo SCENARIO`."""

import sys

from cc_guard.commands.demo import inside

if __name__ == "__main__":
    sys.exit(inside(sys.argv[1]))
