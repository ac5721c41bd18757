"""Whether a run is one of `claude -p` that we stay with. Lean: imported for every run."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class CannotRun(Exception):
    """The program can't be executed; `args[0]` is the errno."""


def start(
    program: str, name: str, args: "list[str]", environ: "dict[str, str]", options: "dict[str, str]"
) -> int | None:
    """The exit status of the run; None for one that is to be started as if we were not here. Raises
    CannotRun."""
    if not _may_print(args) or not _has_descriptors() or not _is_wanted(options):
        return None
    from cc_guard.headless import plan
    from cc_guard.launch import version

    found = plan.make(args, version.known_version(program), os.urandom(16))
    if found is None:
        return None
    from cc_guard.headless.job import Job

    return Job(program, name, found, environ, options).run()


def _may_print(args: "Sequence[str]") -> bool:
    """Whether one of the words may be -p; most command lines have none."""
    return any(word == "--print" or (word[:1] == "-" != word[1:2] and "p" in word) for word in args)


def _has_descriptors() -> bool:
    """With one of the three closed, a pipe of ours would take its number."""
    try:
        return all(os.fstat(fd) for fd in range(3))
    except OSError:
        return False


def _is_wanted(options: "dict[str, str]") -> bool:
    """Wrong settings are no reason to fail here, where nobody may be looking."""
    from cc_guard import paths, settings_cache

    if not os.path.exists(paths.config_file()) and not settings_cache.variables():
        return options.get("headless.enabled") != "false" and options.get("observe") != "true"
    try:
        settings = settings_cache.load(options)
    except settings_cache.SettingsError:
        return False
    return settings.headless.enabled and not settings.observe
