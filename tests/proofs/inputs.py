"""Odd settings, variables, certificates, files and answers of tools through the doctor's probes.

    python -m tests.proofs.inputs [--times 40]

Runs tests/unit/test_probe_input_fuzz.py and test_probe_host_fuzz.py with so many times more examples, new
ones each time. The exit status is pytest's.
"""

import argparse
import os
import sys
from collections.abc import Sequence

import pytest

_FILES = ("tests/unit/test_probe_input_fuzz.py", "tests/unit/test_probe_host_fuzz.py")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.proofs.inputs", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--times", type=int, default=40)
    options = parser.parse_args(argv)
    os.environ["CC_GUARD_TEST_LONGER"] = str(options.times)
    return int(pytest.main([*_FILES, "-n", "2", "-o", "timeout=0", "-k", "any or names or anything"]))


if __name__ == "__main__":
    sys.exit(main())
