"""`python -P -m cc_guard.profile [NAME | auto]`: this machine's profile as a JSON document, for the guard.

With --check instead: a list of all mistakes in the user's own files. Both need libraries that those who ask
have no memory for, and whatever happens here can't hurt them.
"""

import json
import os
import sys

from cc_guard.profile import choose, library, names


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else names.AUTO
    if name == "--check":
        print(json.dumps([str(mistake) for mistake in library.load().mistakes]), flush=True)
    else:
        print(json.dumps(choose.here(name).to_json()), flush=True)
    os._exit(0)  # a thread may still wait for a fact that nobody waits for


if __name__ == "__main__":
    main()
