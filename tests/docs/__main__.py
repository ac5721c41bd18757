"""Writes what of the documentation is made from the code.

    python -m tests.docs [--check]

With --check nothing is written; the exit status is 1 when a file is not what it should be.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.docs import reference

DOCS = Path(__file__).resolve().parents[2] / "docs"
FILES = {
    DOCS / "remedies.md": reference.remedies,
    DOCS / "causes.md": reference.causes,
    DOCS / "settings.md": reference.settings,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.docs", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="write nothing, say what is out of date")
    options = parser.parse_args(argv)
    stale = [path for path, text in FILES.items() if not path.exists() or path.read_text() != text()]
    for path in stale:
        if not options.check:
            path.write_text(FILES[path]())
        print(f"{'out of date' if options.check else 'written'}: docs/{path.name}")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
