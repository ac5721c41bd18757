"""Lines of keys: the scanner finds the same keys as tomllib, and each on the line where it stands."""

import string
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.profile.positions import Path, positions


def paths_of(value: Any, above: Path = ()) -> set[Path]:
    found: set[Path] = {above} - {()}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found |= paths_of(inner, (*above, key))
    return found


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1", ("a",), 1),
        ("\n# b = 1\nb = 1", ("b",), 3),
        ("[t]\n\nk = 1", ("t", "k"), 3),
        ("[t]\n\nk = 1", ("t",), 1),
        ("[ t . 'u.v' ]\nk = 1", ("t", "u.v"), 1),
        ('t."u\\u0041".k = 1', ("t", "uA", "k"), 1),
        ("t = {a = 1, b = {c = 2}}\nd = 1", ("t", "b", "c"), 1),
        ("t = {a = 1, b = {c = 2}}\nd = 1", ("d",), 2),
        ("l = [\n  1, # one ]\n  'x',\n]\nk = 1", ("l", 1), 3),
        ("l = [\n  1, # one ]\n  'x',\n]\nk = 1", ("k",), 5),
        ("t = {l = [\n1,\n{a = 2}]}", ("t", "l", 1, "a"), 3),
        ('s = """\n[no]\nno = 1\\"""\n"""\nk = 1', ("k",), 5),
        ('s = """a"""""\nk = 1', ("k",), 2),
        ("s = '''\nno = '1'''''\nk = 1", ("k",), 3),
        ('s = ""\nk = 1', ("k",), 2),
        ("s = 'a#b' # c\nk = 1", ("k",), 2),
        ("d = 1979-05-27 07:32:00Z\nk = 1", ("k",), 2),
        ("[[t]]\nk = 1\n[[t]]\nk = 2", ("t", 1, "k"), 4),
        ("[[t]]\nk = 1\n[[t]]\nk = 2\n[t.u]\nv = 1", ("t", 1, "u", "v"), 6),
        ("a.b = 1\na.c = 2", ("a", "c"), 2),
        ("a.b = 1\na.c = 2", ("a",), 1),
        ("a = 1\r\n\r\nb = 2", ("b",), 3),
        ("'' = 1", ("",), 1),
        ("1 = 2", ("1",), 1),
    ],
)
def test_lines(text: str, path: Path, line: int) -> None:
    assert positions(text)[path] == line
    assert set(positions(text)) == paths_of(tomllib.loads(text))


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment", "a = 1 # end"])
def test_small(text: str) -> None:
    assert set(positions(text)) == paths_of(tomllib.loads(text))


def test_what_is_nested_too_deeply_has_a_beginning() -> None:
    assert positions("k = 1\nl = " + "[" * 100_000)[("k",)] == 1


@given(st.text())
def test_any_text_at_all(text: str) -> None:
    positions(text)


# Documents in random styles, written line by line: each key is unique, so its line can be told by the text.

BARE = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=4)
STRINGS = st.sampled_from(
    [
        '"x"',
        "'x'",
        '""',
        "''",
        '"\\"#=[]"',
        "'#=[{'",
        '"""a\n[b]\n= " c"""',
        "'''\n#\n'''",
        '"""x"""',
        '"\\\\"',
    ]
)
SCALARS = st.one_of(
    STRINGS, st.sampled_from(["1", "-2.5e3", "true", "nan", "1979-05-27", "1979-05-27 07:32:00.5", "0xff"])
)
BLANK = st.sampled_from(["", " ", "\t"])
BREAK = st.sampled_from(["", " ", "\n", " # [c] = '\n  "])


@st.composite
def lists(draw: st.DrawFn, value: st.SearchStrategy[str]) -> str:
    elements = draw(st.lists(value, max_size=3))
    text = ",".join(draw(BREAK) + element + draw(BREAK) for element in elements)
    comma = "," if elements and draw(st.sampled_from([True, False])) else ""
    return f"[{text}{comma}{draw(BREAK)}]"


class Keys:
    """Names that are all different, bare or quoted."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._count = 0

    def new(self) -> str:
        self._count += 1
        name = f"{self._draw(BARE)}_{self._count}"
        return self._draw(st.sampled_from([name, f'"{name}"', f"'{name}'", f'"{name}.[x]#"', f"'{name} ='"]))


@st.composite
def documents(draw: st.DrawFn) -> str:
    keys = Keys(draw)
    value = st.recursive(SCALARS, lists, max_leaves=4)

    def key() -> str:
        words = [keys.new() for _ in range(draw(st.integers(1, 3)))]
        return f"{draw(BLANK)}.{draw(BLANK)}".join(words)

    def assigned(depth: int) -> str:
        if depth and draw(st.booleans()):
            inside = ",".join(
                draw(BLANK) + assigned(depth - 1) + draw(BLANK) for _ in range(draw(st.integers(0, 3)))
            )
            return f"{key()} = {{{inside}}}"
        return f"{key()}{draw(BLANK)}={draw(BLANK)}{draw(value)}"

    lines = []
    several = draw(st.lists(st.sampled_from(["one", "two"]), max_size=4))
    for _ in range(draw(st.integers(0, 6))):
        form = draw(st.sampled_from(["key", "key", "table", "several", "comment"]))
        if form == "table":
            lines.append(f"[{draw(BLANK)}{key()}{draw(BLANK)}]")
        elif form == "several" and several:
            lines.append(f"[[{several.pop()}]]")
        elif form == "comment":
            lines.append(f"{draw(BLANK)}# [t] k = 'v' \"")
        else:
            lines.append(assigned(2))
    return "\n".join(lines)


@given(documents())
def test_the_same_keys_as_tomllib_and_each_on_its_line(text: str) -> None:
    found = positions(text)
    assert set(found) == paths_of(tomllib.loads(text))
    lines = text.split("\n")
    for path, line in found.items():
        if isinstance(path[-1], str):
            assert path[-1] in lines[line - 1]
