"""`cc-guard answer`: an answer to what a guarded session asks, from any other window."""

import argparse
import glob
import json
import os
import socket
import sys
from typing import Any

from cc_guard import paths
from cc_guard.commands.output import plain, written

_WAIT_S = 2.0
_LIMIT = 4 * 1024 * 1024
_ANSWERS = ("yes", "no", "always", "never")

_EPILOG = """\
exit status: 0 answered or shown, 1 nothing to answer, 2 wrong usage

examples:
  cc-guard answer              what is asked, with the exact command
  cc-guard answer yes
  cc-guard answer --code       the code that `claude auth login` wants
"""


def main(argv: list[str]) -> int:
    """Exit status: 0 answered (or shown, without an answer), 1 nothing to answer, 2 wrong usage."""
    try:
        options = _parse(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    asking = [one for one in _sessions() if one[1].get("question") or one[1].get("sign_in")]
    if options.session:
        asking = [one for one in asking if str(one[1].get("session", "")).startswith(options.session)]
    answers = options.answer is not None or options.code
    if options.json and not answers:
        rows = {"questions": [_row(state) for _, state in asking]}
        return written((f"{json.dumps(rows, indent=2)}\n", 0 if asking else 1))
    if not asking:
        return written(("No session asks anything.\n", 1))
    if not answers:
        return written(("".join(map(_text, (state for _, state in asking))), 0))
    if len(asking) > 1:
        sys.stderr.write("cc-guard: several sessions ask. Name one: cc-guard answer --session ID yes\n")
        return 2
    path, state = asking[0]
    request, said = _request(options, state)
    why = _asked(path, request) if request else said
    if why:
        sys.stderr.write(f"cc-guard: not answered: {plain(why)}.\n")
        return 1
    return written((f"{said}\n", 0))


def _request(options: argparse.Namespace, state: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What to ask the guard for, and what to say when it is taken; or nothing, and why not."""
    question = state.get("question")
    if options.code:
        if not state.get("sign_in"):
            return {}, "nobody signs in"
        return {"type": "code", "code": _code()}, "The code is passed on."
    if not question:
        return {}, "a code is wanted: cc-guard answer --code"
    request = {"type": "answer", "question": str(question["id"]), "answer": options.answer}
    return request, plain(f"{options.answer}: {question['title']}")


def _code() -> str:
    """From standard input, as other users may see the words of a command line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    import getpass

    return getpass.getpass("The code (not shown): ").strip()


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cc-guard answer",
        description="Answer what a guarded session asks; without an answer, show it. `always` and `never`\n"
        "hold until the session ends.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("answer", nargs="?", choices=_ANSWERS)
    parser.add_argument("--code", action="store_true", help="read the code of a sign-in from standard input")
    parser.add_argument("--session", metavar="ID", help="the session, where several ask")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args(argv)
    if options.code and options.answer:
        parser.error("an answer or --code, not both")
    return options


def _sessions() -> list[tuple[str, dict[str, Any]]]:
    """The sockets of all guards that live, and what each of them says."""
    found = []
    for path in sorted(glob.glob(os.path.join(glob.escape(paths.socket_dir()), "guard-*.sock"))):
        try:
            with _connected(path) as stream:
                found.append((path, _read(stream, "state")))
        except (OSError, ValueError):
            continue
    return found


def _asked(path: str, request: dict[str, Any]) -> str:
    """Why it was not taken, or empty."""
    try:
        with _connected(path) as stream:
            stream.sendall(json.dumps({"v": 1, **request}).encode() + b"\n")
            reply = _read(stream, "answered")
    except (OSError, ValueError) as error:
        return f"the session does not listen ({error})"
    return "" if reply.get("ok") else str(reply.get("why"))


def _connected(path: str) -> socket.socket:
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(_WAIT_S)
    stream.connect(path)
    return stream


def _read(stream: socket.socket, kind: str) -> dict[str, Any]:
    """The next message of this kind. Raises OSError or ValueError."""
    with stream.makefile("rb") as file:
        while line := file.readline(_LIMIT):
            message = json.loads(line)
            if isinstance(message, dict) and message.get("type") == kind:
                return message
    raise ConnectionError("it hung up")


def _row(state: dict[str, Any]) -> dict[str, Any]:
    sign_in = state.get("sign_in")
    return {
        "session": state.get("session"),
        **(state.get("question") or {}),
        **({"sign_in": sign_in} if sign_in else {}),
    }


def _text(state: dict[str, Any]) -> str:
    question, sign_in = state.get("question"), state.get("sign_in")
    lines = []
    if question:
        lines += [f"Session {state.get('session')} asks: {question['title']}?"]
        lines += [f"  {line}" for line in str(question.get("text", "")).splitlines()]
        lines += ["  Answer with: cc-guard answer yes | no | always | never"]
    if sign_in:
        lines += [f"Session {state.get('session')} signs in."]
        if sign_in.get("url"):
            lines += [f"  Visit: {sign_in['url']}"]
        if sign_in.get("wants_code"):
            lines += ["  Then paste the code into: cc-guard answer --code"]
    return "\n".join(map(plain, lines)) + "\n"
