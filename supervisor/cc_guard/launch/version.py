"""The client's version, read off the file system. Lean: the start-up path imports this file.

`claude --version` takes 1.0-1.4 s for the Node builds. Each kind of install says it somewhere cheaper:
npm packages in their package.json, the native installer, Nix, Homebrew and the like in a folder's name,
cli.js in a comment at its top. For the rest there is a cache, which the guard fills
(cc_guard.client.version).
"""

import os

from cc_guard import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    Version = tuple[int, int, int]

_PACKAGE = "@anthropic-ai/claude-code"  # the platform packages add -linux-x64 and so on
_PACKAGE_JSON_LIMIT = 65536
_HEAD = 2048


def known_version(path: str) -> "Version | None":
    """The version of the client that `path` starts; None when only running it could tell."""
    real = os.path.realpath(path)
    return _from_package(real) or _from_folder_names(real) or _from_text(real) or _from_cache(real)


def parse(text: str) -> "Version | None":
    """`2.1.330` at the start of `text`, with anything but a digit behind it."""
    parts = text.split(".", 3)[:3]
    if len(parts) < 3:
        return None
    last = parts[2]
    end = 0
    while end < len(last) and last[end].isdigit():
        end += 1
    numbers = (parts[0], parts[1], last[:end])
    if not all(number.isascii() and number.isdigit() for number in numbers):
        return None
    return int(numbers[0]), int(numbers[1]), int(numbers[2])


def cache_file() -> str:
    return os.path.join(paths.state_dir(), "client-versions")


def cache_key(real: str) -> str:
    """What an entry of the cache begins with: path, size and time of the file. Raises OSError."""
    status = os.stat(real)
    return f"{real!a} {status.st_size} {status.st_mtime_ns} "


def _from_package(real: str) -> "Version | None":
    folder = os.path.dirname(real)
    for place in (folder, os.path.dirname(folder)):
        text = _read(os.path.join(place, "package.json"), _PACKAGE_JSON_LIMIT)
        if _json_string(text, "name").startswith(_PACKAGE):
            return parse(_json_string(text, "version"))
    return None


def _json_string(text: str, key: str) -> str:
    """The value of the first `key` in a package.json, which is a string without escapes."""
    _, found, rest = text.partition(f'"{key}"')
    if not found:
        return ""
    _, _, rest = rest.partition('"')
    return rest.partition('"')[0]


def _from_folder_names(real: str) -> "Version | None":
    """`claude/versions/2.1.5`, `Caskroom/claude-code/2.1.5/claude`, `…-claude-code-2.1.5/bin/claude`."""
    parts = real.split("/")
    for index in range(len(parts) - 1, 0, -1):
        _, marker, tail = parts[index].rpartition("claude-code-")
        if marker:
            version = parse(tail)
        elif any("claude" in part for part in parts[max(0, index - 2) : index]):
            version = parse(parts[index])
        else:
            continue
        if version:
            return version
    return None


def _from_text(real: str) -> "Version | None":
    head = _read(real, _HEAD)
    if not head.startswith("#!"):
        return None
    _, found, rest = head.partition("\n// Version: ")
    if found:
        return parse(rest)
    # The script of the client's local installer: exec "…/node_modules/.bin/claude" "$@"
    target, found, _ = head.partition('/node_modules/.bin/claude"')
    if found:
        target = f"{target.rpartition(chr(34))[2]}/node_modules/.bin/claude"
        return _from_package(os.path.realpath(target))
    return None


def _from_cache(real: str) -> "Version | None":
    try:
        key = cache_key(real)
        with open(cache_file(), encoding="ascii") as file:
            for line in file:
                if line.startswith(key):
                    return parse(line[len(key) :])
    except (OSError, UnicodeDecodeError):
        pass
    return None


def _read(path: str, limit: int) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(limit).decode(errors="replace")
    except OSError:
        return ""
