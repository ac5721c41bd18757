"""The words of cc-guard's command line as data: what completion offers. Options of the client are not among
them."""

from dataclasses import dataclass

FILE = "file"
PROFILE = "profile"
"""What a word may stand for, besides one of a list."""


@dataclass(frozen=True)
class Option:
    """`takes`: nothing, FILE, PROFILE, the values to choose from, or a word nobody can guess, by its name."""

    name: str
    about: str
    takes: str | tuple[str, ...] = ""


@dataclass(frozen=True)
class Verb:
    """The first word behind a command; `takes` is what follows it."""

    name: str
    about: str
    takes: str = ""


@dataclass(frozen=True)
class Command:
    name: str
    about: str
    options: tuple[Option, ...] = ()
    verbs: tuple[Verb, ...] = ()
    takes: str = ""


_JSON = Option("--json", "one JSON document")
_SESSION = Option("--session", "one session", "ID")
HELP = Option("--help", "what there is")

OPTIONS = (
    Option("--profile", "the machine profile to use", PROFILE),
    Option("--panel", "open the panel beside the client", ("auto", "split", "off")),
    Option("--observe", "detect and record, act on nothing"),
    Option("--no-hold", "never pause the client"),
    Option("--no-rerun", "with -p: never go on with a run"),
    Option("--record", "write a recording of the session", FILE),
    Option("--version", "print the version"),
    HELP,
)
"""Before the command. Each has a value or none, and none may be left out."""

CLIENT = Command("claude", "run Claude Code; what follows reaches it verbatim")

COMMANDS = (
    CLIENT,
    Command(
        "answer",
        "answer what a session asks",
        (_SESSION, _JSON, Option("--code", "pass a sign-in's code on, from standard input")),
        tuple(
            Verb(word, about)
            for word, about in (
                ("yes", "this time"),
                ("no", "not this time"),
                ("always", "yes, for the rest of the session"),
                ("never", "no, for the rest of the session"),
            )
        ),
    ),
    Command(
        "completion",
        "print a script for your shell",
        (),
        tuple(Verb(shell, f"for {shell}") for shell in ("bash", "zsh", "fish")),
    ),
    Command(
        "demo",
        "the whole story in a minute",
        (Option("--list", "the scenarios"),),
        tuple(
            Verb(name, about)
            for name, about in (
                ("outage", "the network is gone for a while"),
                ("ports", "no local ports are left"),
                ("ipv6", "IPv6 is broken"),
                ("login", "the sign-in has expired"),
                ("tart", "virtual machines are in the way"),
                ("server", "the server fails"),
            )
        ),
    ),
    Command(
        "doctor",
        "why the API is not reached, and what to do",
        (Option("--url", "the base URL to look at", "URL"), _JSON),
    ),
    Command("explain", "what an error text means", (_JSON,)),
    Command(
        "incidents",
        "what went wrong so far",
        (
            Option("--limit", "at most so many", "N"),
            _SESSION,
            Option("--days", "those of the last days", "N"),
            Option("--format", "of an export", ("json", "csv", "otlp")),
            Option("--with-addresses", "in a report: hosts and addresses, too"),
            _JSON,
        ),
        (
            Verb("list", "the newest first"),
            Verb("show", "one of them in order", "ID"),
            Verb("stats", "by cause, hour, way and version"),
            Verb("report", "Markdown for a bug report", "ID"),
            Verb("export", "all of them, for other programs"),
        ),
    ),
    Command(
        "panel",
        "the state of a session",
        (_SESSION, Option("--colours", "as the terminal is, or", ("auto", "dark", "light"))),
    ),
    Command(
        "profiles",
        "what may be done on which machine",
        (Option("--profile", "as if this one were asked for", PROFILE), _JSON),
        (
            Verb("list", "all of them"),
            Verb("show", "what one allows", PROFILE),
            Verb("which", "the one that is used here"),
            Verb("check", "whether a file is right", FILE),
        ),
    ),
    Command("replay", "what detection says about a recording", (_JSON,), takes=FILE),
    Command("restore", "take back what a dead session has changed", (_JSON,)),
)
