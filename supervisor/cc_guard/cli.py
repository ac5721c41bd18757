"""The command line, split by hand: what follows `claude` reaches the client verbatim.

Lean: this is the start-up path. Subcommands import what they need when they are called.
"""

import os
import sys

from cc_guard import __version__

USAGE = """\
usage: cc-guard [OPTIONS] claude [ARGS...]       run Claude Code; ARGS reach it verbatim
       cc-guard [OPTIONS] -- PROGRAM [ARGS...]   another name or path of the client
       cc-guard demo [SCENARIO]                  the whole story in a minute, without Claude Code
       cc-guard explain [--json] [TEXT... | -]
       cc-guard doctor [--json] [--url URL]      why the API is not reached, and what to do
       cc-guard incidents [list | show ID | stats | report ID | export] [--json]
       cc-guard panel [--session ID]             what the guard of a session sees and does, beside it
       cc-guard profiles [list | show NAME | which | check FILE] [--json]
       cc-guard replay FILE.cast... [--json]     what detection says about a recording
       cc-guard answer [yes | no | always | never]   what a session asks, from any other window
       cc-guard restore [--json]                 take back what a session that died has changed
       cc-guard completion bash | zsh | fish     a script that completes commands and options

options:
  --profile NAME   the machine profile to use (default: found by itself)
  --panel auto|split|off   open the panel beside the client (default: auto, where the terminal allows it)
  --observe        detect and record, act on nothing
  --no-hold        never pause the client
  --no-rerun       with -p: never go on with a run that has lost its connection
  --record FILE.cast   write the session's output to a recording (asciicast v2), secrets masked
  --version, -V    print the version
  --help, -h       print this text

examples:
  cc-guard claude                    a guarded session
  cc-guard claude --continue         any option of the client
  cc-guard explain "ECONNRESET"      what an error text means, and what to do about it
  cc-guard incidents                 what went wrong so far, and how it ended

While cc-guard holds the client, Ctrl-] lets it go on at once.
"""

COMMANDS = (
    "answer",
    "completion",
    "demo",
    "doctor",
    "explain",
    "incidents",
    "panel",
    "profiles",
    "replay",
    "restore",
)

USAGE_ERROR = 2
_WITH_VALUE = {"--profile": "name", "--record": "file", "--panel": "value"}
_PANEL = ("auto", "split", "off")
_COMMAND_LIMIT = 4096  # characters of it in a recording's header


class UsageError(Exception):
    """A wrong command line; the text is for the user."""


def split(argv: list[str]) -> tuple[dict[str, str], str | None, list[str]]:
    """Our own options (as settings), the first word that is not one of them, and all that follows it.

    The word is `--` when a program follows, `--help`/`--version` for those, None when there is none.
    """
    options: dict[str, str] = {}
    index = 0
    while index < len(argv):
        word = argv[index]
        index += 1
        if word in ("-h", "--help"):
            return options, "--help", []
        if word in ("-V", "--version"):
            return options, "--version", []
        if word == "--observe":
            options["observe"] = "true"
        elif word == "--no-hold":
            options["hold.enabled"] = "false"
        elif word == "--no-rerun":
            options["headless.enabled"] = "false"
        elif word.partition("=")[0] in _WITH_VALUE:
            option, equals, value = word.partition("=")
            if not equals and index < len(argv):
                value = argv[index]
                index += 1
            if not value:
                raise UsageError(f"{option} needs a {_WITH_VALUE[option]}.")
            if option == "--panel" and value not in _PANEL:
                raise UsageError("--panel is one of auto, split and off.")
            options[option[2:]] = value
        elif word.startswith("-") and word != "--":
            raise UsageError(f"unknown option {word}. Options of the client go behind the word claude.")
        else:
            return options, word, argv[index:]
    return options, None, []


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status, or dies of the signal that the client died of."""
    try:
        return _dispatch(sys.argv[1:] if argv is None else argv)
    except UsageError as error:
        return _fail(f"{error}\ncc-guard --help shows what there is.", USAGE_ERROR)
    except KeyboardInterrupt:
        return 130


def _dispatch(argv: list[str]) -> int:
    options, word, rest = split(argv)
    if word == "--version":
        print(f"cc-guard {__version__}")
        return 0
    if word == "--help":
        print(USAGE, end="")
        return 0
    if word is None:
        raise UsageError("nothing to run. To start a session: cc-guard claude")
    if word == "claude":
        return _guard("claude", rest, options)
    if word == "--":
        if not rest:
            raise UsageError("a program must follow --")
        return _guard(rest[0], rest[1:], options)
    if word == "answer":
        from cc_guard.commands import answer

        return answer.main(rest)
    if word == "completion":
        from cc_guard.commands import completion

        return completion.main(rest)
    if word == "demo":
        from cc_guard.commands import demo

        return demo.main(rest)
    if word == "doctor":
        from cc_guard.short_lived import keep_garbage

        keep_garbage()
        from cc_guard.commands import doctor

        return doctor.main(rest)
    if word == "explain":
        from cc_guard.commands import explain

        return explain.main(rest)
    if word == "incidents":
        from cc_guard.commands import incidents

        return incidents.main(rest)
    if word == "panel":
        from cc_guard.commands import panel

        return panel.main(rest)
    if word == "profiles":
        from cc_guard.commands import profiles

        return profiles.main(rest, options)
    if word == "replay":
        from cc_guard.commands import replay

        return replay.main(rest)
    if word == "restore":
        from cc_guard.commands import restore

        return restore.main(rest)
    raise UsageError(f"unknown command '{word}'.{_nearest(word)}")


def _guard(name: str, args: list[str], options: dict[str, str]) -> int:
    from cc_guard.launch import find

    record = options.pop("record", "")
    try:
        program = find.find_program(name, os.environ)
    except find.NotFound as error:
        return _fail(str(error), 127)
    except find.NotExecutable as error:
        return _fail(str(error), 126)
    environ = child_environment()
    inside = "CC_GUARD" in os.environ
    has_terminal = _is_terminal(0) and _is_terminal(1)
    if record and (inside or not has_terminal):
        why = "inside another cc-guard" if inside else "without a terminal"
        sys.stderr.write(f"cc-guard: nothing is recorded {why}.\n")
    if not inside and not (record and has_terminal):
        status = _headless(program, name, args, environ, options)
        if status is not None:
            return status
    if inside or not has_terminal:
        return _replace(program, [name, *args], environ)

    from cc_guard import settings_cache

    try:
        if settings_cache.needs_check(options):
            settings_cache.check(options)
        wrong = _wrong_profile(options) or _wrong_signatures()
    except settings_cache.SettingsError as error:
        return _fail(str(error), USAGE_ERROR)
    if wrong:
        return _fail(wrong, USAGE_ERROR)
    words = [f"option.{key}={value}" for key, value in options.items()]
    if record:
        import shlex

        from cc_guard.launch import record_file

        try:
            words.append(f"record={record_file.create(record)}")
        except record_file.CannotRecord as error:
            return _fail(str(error), USAGE_ERROR)
        words.append(f"command={shlex.join([name, *args])[:_COMMAND_LIMIT]}")
    return _session(program, name, args, options, words, environ)


def _headless(
    program: str, name: str, args: list[str], environ: dict[str, str], options: dict[str, str]
) -> int | None:
    """With -p, which has no screen, with a terminal or without. None: it is not that, or not for us."""
    from cc_guard.headless import start

    try:
        return start.start(program, name, args, environ, options)
    except start.CannotRun as error:
        return _cannot_run(program, error.args[0])
    except Exception as error:
        return _crashed(error)


def _wrong_profile(options: dict[str, str]) -> str:
    """What is wrong with the profile that was asked for, or with the user's own ones."""
    from cc_guard import paths, settings_cache

    named = "profile" in options or settings_cache.variables() or os.path.exists(paths.config_file())
    if not named and not os.path.isdir(paths.config_profiles()):
        return ""
    from cc_guard.profile import checked

    return checked.wrong(options)


def _wrong_signatures() -> str:
    """What is wrong with the user's own wordings; few have any, so nothing is imported before there are."""
    from cc_guard import paths

    if not os.path.exists(paths.config_signatures()):
        return ""
    from cc_guard.detect import signatures

    try:
        signatures.load()
    except signatures.SignatureError as error:
        return str(error)
    return ""


def _session(
    program: str,
    name: str,
    args: list[str],
    options: dict[str, str],
    words: list[str],
    environ: dict[str, str],
) -> int:
    """`words` are the guard's, besides those that the launch adds."""
    from cc_guard.launch.session import prepare_session
    from cc_guard.relay import session

    launch = prepare_session(program, args, options)
    try:
        status = session.run(program, [name, *launch.args], environ, [*launch.words, *words])
    except session.CannotRun as error:
        return _cannot_run(program, error.args[0])
    except Exception as error:
        return _crashed(error)
    finally:
        launch.clean_up()
    _after(status)
    return session.exit_like(status)


def _after(status: int) -> None:
    """The terminal is the shell's again: what a guard that was killed has left is taken back, and the first
    time people are told which profile they got."""
    from cc_guard.profile import first_run
    from cc_guard.remedies import at_end

    at_end.sweep()
    line = first_run.tell()
    if line and os.WIFEXITED(status):
        sys.stderr.write(f"{line}\n")


def _replace(program: str, argv: list[str], environ: dict[str, str]) -> int:
    """No terminal, or already inside cc-guard: become the client, so that nothing is in its way."""
    import signal

    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)  # Python ignores both, and exec would keep that
    try:
        os.execve(program, argv, environ)
    except OSError as error:
        return _cannot_run(program, error.errno or 0)


def child_environment() -> dict[str, str]:
    """What the client gets: the user's environment and CC_GUARD=1."""
    environ = dict(os.environ)
    if environ.get("LC_CTYPE") in ("C.UTF-8", "C.utf8", "UTF-8"):
        _undo_coercion(environ)
    environ["CC_GUARD"] = "1"
    return environ


def _undo_coercion(environ: dict[str, str]) -> None:
    """In the C locale Python sets LC_CTYPE itself (PEP 538). /proc shows the environment as it was at
    exec; where there is none, nobody knows, and the variable stays."""
    try:
        with open("/proc/self/environ", "rb") as file:
            original = [e for e in file.read().split(b"\0") if e.startswith(b"LC_CTYPE=")]
    except OSError:
        return
    del environ["LC_CTYPE"]
    if original:
        environ["LC_CTYPE"] = os.fsdecode(original[0].partition(b"=")[2])


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


def _cannot_run(program: str, number: int) -> int:
    import errno

    status = 127 if number == errno.ENOENT else 126
    text = f"{program} can't be run: {os.strerror(number)}."
    return _fail(f"{text}\nReinstall it, or name another: cc-guard -- /path/to/claude", status)


def _crashed(error: Exception) -> int:
    """The relay failed: one line for the user, the details in a private file."""
    import traceback

    from cc_guard import paths

    where = os.path.join(paths.state_dir(), "relay.log")
    with open(os.open(where, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        traceback.print_exception(error, file=file)
    return _fail(
        f"cc-guard failed ({type(error).__name__}); the session has ended. Details: {where}\n"
        "Nothing is lost: claude --resume continues it.",
        70,  # EX_SOFTWARE, sysexits.h
    )


def _nearest(word: str) -> str:
    import difflib

    found = difflib.get_close_matches(word, (*COMMANDS, "claude"), 1)
    return f" Did you mean '{found[0]}'?" if found else ""


def _fail(text: str, status: int) -> int:
    sys.stderr.write(f"cc-guard: {text}\n")
    return status
