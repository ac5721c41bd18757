"""Whatever is in a file of the user's: no exception, every mistake in its place, and a profile."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cc_guard import paths
from cc_guard.commands import profiles
from cc_guard.profile import choose, library, machine, policies
from cc_guard.profile.library import Library
from cc_guard.profile.resolved import Profile
from tests.unit.profile_home import LINUX, REMEDIES

WORDS = st.sampled_from(
    [
        *(
            "title",
            "extends",
            "priority",
            "match",
            "hold",
            "remedies",
            "parameters",
            "warn",
            "os",
            "arch",
            "wsl",
        ),
        *(
            "container",
            "commands",
            "processes",
            "enabled",
            "after_attempt",
            "tart",
            "docker",
            "names",
            "ports",
        ),
        *(
            "start",
            "count",
            "ports_used",
            "dns",
            "flush",
            "suspend",
            "dns.flush",
            "mtu.lower",
            "servers",
            "x",
        ),
    ]
)
VALUES = st.sampled_from(
    [
        *(
            "1",
            "0",
            "-3",
            "65535",
            "1e400",
            "nan",
            "true",
            "false",
            '"auto"',
            '"ask"',
            '"linux"',
            '"mine"',
            '""',
        ),
        *('["a"]', "[]", "{}", "[[1]]", '{names = ["a"]}', "{a = {b = {c = 1}}}", '"""x\ny"""', "1979-05-27"),
        *('"generic"', '"other"', "0xffffffffffffffffffffffff", "'\\'", '"\\u001b[2J"'),
    ]
)


@st.composite
def lines(draw: st.DrawFn) -> str:
    words = [
        draw(st.sampled_from(["{0}", '"{0}"', "'{0}'"])).format(draw(WORDS))
        for _ in range(draw(st.integers(1, 3)))
    ]
    key = ".".join(words)
    return draw(
        st.sampled_from(
            ["{key} = {value}", "[{key}]", "[[{key}]]", "{key} = [{value}, {value}]", "# {key}", "{value}"]
        )
    ).format(key=key, value=draw(VALUES))


TEXTS = st.one_of(st.text(max_size=60), st.lists(lines(), max_size=8).map("\n".join))
FILES = st.dictionaries(st.sampled_from(["mine", "other", "generic", "linux"]), TEXTS, max_size=3)


@contextmanager
def installed(files: dict[str, Any]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", folder)
        patch.setattr(policies, "remedies", lambda: REMEDIES)
        patch.setattr(machine, "look", lambda wanted: LINUX)
        own = Path(paths.config_profiles())
        own.mkdir(parents=True)
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
            (own / f"{name}.toml").write_bytes(data)
        yield own


def holds(known: Library, own: Path) -> None:
    for mistake in known.mistakes:
        path = Path(mistake.path)
        assert path.parent == own
        assert len(str(mistake).splitlines()) <= 2
        assert mistake.line is None or 1 <= mistake.line <= path.read_bytes().count(b"\n") + 1
    wrong = {mistake.path for mistake in known.mistakes}
    for profile in known.profiles.values():
        assert not wrong & {layer.path for layer in profile.layers}
        settled = profile.settled("x")
        assert Profile.from_json(json.dumps(settled.to_json())) == settled


@settings(max_examples=150, deadline=None)
@given(FILES)
def test_any_files(files: dict[str, str]) -> None:
    with installed(files) as own:
        holds(library.load(), own)
        assert choose.here().name in {"linux", "generic", *files}


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    with installed({"mine": data}) as own:
        holds(library.load(), own)


@settings(max_examples=60, deadline=None)
@given(FILES)
def test_any_files_through_the_command(files: dict[str, str]) -> None:
    with installed(files) as own:
        assert profiles.main(["list"]) == 0
        assert profiles.main(["which", "--json"]) == 0
        for name in files:
            assert profiles.main(["show", name]) in (0, 1)
            assert profiles.main(["check", str(own / f"{name}.toml")]) in (0, 1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100_000), st.sampled_from(["delete", "double", "flip"]))
def test_a_shipped_file_with_one_thing_spoiled(place: int, how: str) -> None:
    text = bytearray((Path(paths.shipped("profiles")) / "macos-tart.toml").read_bytes())
    at = place % len(text)
    if how == "delete":
        del text[at : at + 3]
    elif how == "double":
        text[at:at] = text[at : at + 7]
    else:
        text[at] ^= 1 << (place % 8)
    with installed({"mine": bytes(text)}) as own:
        holds(library.load(), own)
