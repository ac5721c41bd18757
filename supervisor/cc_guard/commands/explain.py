"""`cc-guard explain`: what an error text of Claude Code means, what can cause it, and what to do here."""

import json
import os
import shutil
import sys
from typing import Any

from cc_guard import paths
from cc_guard.commands.output import painted, written
from cc_guard.detect import signatures
from cc_guard.explain import advice, machine, paste, recognise, report

USAGE = """\
usage: cc-guard explain [--json] [TEXT... | -]

What an error text of Claude Code means, what can cause it, and what to do on this machine.
Without TEXT it reads what is piped in, or asks you to paste it.

  --json   one JSON document

examples:
  cc-guard explain "Unable to connect to API (ECONNRESET)"
  cc-guard explain 529
  pbpaste | cc-guard explain

Exit status: 0 recognised, 1 nothing recognised, 2 wrong usage or a mistake in your signatures.toml.
"""

_HINT = (
    "nothing in this text is an error of Claude Code that cc-guard explain knows. "
    "Paste the whole message, as `API Error: …`, or teach it the wording: docs/signatures.md"
)


class _UsageError(Exception):
    pass


def main(argv: list[str]) -> int:
    """Exit status: 0 recognised, 1 nothing recognised, 2 wrong usage or a bad signatures file."""
    try:
        as_json, words = _parse(argv)
        if words is None:
            return written((USAGE, 0))
        known = signatures.load()
        return _explain(paste.decode(_input(words)), known, as_json)
    except (_UsageError, signatures.SignatureError) as error:
        print(f"cc-guard: {error}", file=sys.stderr)
        return 2


def _parse(argv: list[str]) -> tuple[bool, list[str] | None]:
    """Whether JSON is wanted, and the words of TEXT; None instead of them for the help. Not argparse: an
    error may begin with a dash."""
    as_json = False
    words: list[str] = []
    for index, word in enumerate(argv):
        if word == "--":
            return as_json, words + argv[index + 1 :]
        if word in ("-h", "--help"):
            return as_json, None
        if word == "--json":
            as_json = True
        elif word.startswith("-") and word != "-" and " " not in word:
            raise _UsageError(f"explain has no option {word}; a text that begins with a dash follows --")
        else:
            words.append(word)
    return as_json, words


def _input(words: list[str]) -> bytes:
    if words and words != ["-"]:
        return b" ".join(os.fsencode(word) for word in words)
    if not words and sys.stdin.isatty():
        print("Paste the error, then press Enter and Ctrl-D:", file=sys.stderr)
    return sys.stdin.buffer.read()


def _explain(text: str, known: signatures.Signatures, as_json: bool) -> int:
    found = recognise.recognise(text, known)
    if found is None or found.reading.kind is None:
        if as_json:
            return written((_json(report.document(None, _HINT)), 1))
        print(f"cc-guard: {_HINT}", file=sys.stderr)
        return 1
    platform = machine.platform()
    causes = found.reading.causes or ("unknown",)
    own = {found.form, found.reading.signature} & known.own
    explanation = report.Explanation(
        found,
        advice.advise(causes, found.text, platform, machine.detours(os.environ)),
        platform,
        paths.config_signatures() if own else None,
    )
    if as_json:
        return written((_json(report.document(explanation)), 0))
    width = min(shutil.get_terminal_size().columns, 100)
    return written((report.page(explanation, width, painted) + "\n", 0))


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2) + "\n"
