"""No run of eight characters of a secret gets into a recording; everything else does, at its place."""

import random
import re
import string
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.guard import masking
from cc_guard.guard.masking import Masker, drawn
from cc_guard.guard.secret_values import secrets_of
from cc_guard.redact import redact

KEY = "sk-ant-api03-Zm9vYmFyYmF6-qX7_tR2kLw9PzN4vB8sHc3JdE5uGyA"
PASSWORD = "hunter2-hunter3"
SHORT = "s3cr3t"

RUN = 8


def masked(text: str, *secrets: str) -> str:
    return Masker(secrets or (KEY, PASSWORD, SHORT)).mask_text(text)


def leaks(shown: bytes, secret: str) -> list[str]:
    """The runs of the secret that can be read in it."""
    seen = drawn(shown).decode(errors="replace")
    return [secret[at : at + RUN] for at in range(len(secret) - RUN + 1) if secret[at : at + RUN] in seen]


# What is masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"key {KEY} used", f"key {'*' * len(KEY)} used"),
        (f"API key: sk-ant-...{KEY[-20:]}", f"API key: sk-ant-...{'*' * 20}"),
        (f"{KEY[:8]} {KEY[10:17]} {KEY[20:28]}x", f"{'*' * 8} {KEY[10:17]} {'*' * 8}x"),
        (
            f"\x1b[1m{KEY[:20]}\x1b[22m{KEY[20:]}\x1b[m",
            f"\x1b[1m{'*' * 20}\x1b[22m{'*' * (len(KEY) - 20)}\x1b[m",
        ),
        (f"│ {KEY[:30]} │\r\n│   {KEY[30:34]} │", f"│ {'*' * 30} │\r\n│   **** │"),
        (f"\x1b[3;3H{KEY[:12]}\x1b[4;3H{KEY[12:15]} ok", f"\x1b[3;3H{'*' * 12}\x1b[4;3H*** ok"),
        ("".join(f"{c}\x1b[7m \x1b[27m\b" for c in KEY[:9]), "*\x1b[7m \x1b[27m\b" * 9),
        (f"\x1b]0;{PASSWORD}\x07", f"\x1b]0;{'*' * len(PASSWORD)}\x07"),
        (f"it is {SHORT}!", "it is ******!"),
        (f"{SHORT[:3]}\r\n  {SHORT[3:]}", "***\r\n  ***"),
    ],
)
def test_masks(text: str, expected: str) -> None:
    assert masked(text) == expected


@pytest.mark.parametrize(
    "text", [KEY[:7], SHORT[:5], "hunter", "", "\x1b[", "plain text", "sk-learn-it", "█" * 9]
)
def test_leaves(text: str) -> None:
    assert masked(text) == text


def test_the_layout_stays() -> None:
    """Wide characters have two columns, combining ones none."""
    secret = "pässwort密码秘密e\u0301"
    assert masked(f"<{secret}>", secret) == f"<{'*' * (8 + 4 * 2 + 1)}>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sk-ant-oat01-Abc_9 x", "sk-ant-*********** x"),
        ("\x1b[31mghp_0123456789abcdef", "\x1b[31mghp_****************"),
        ("github_pat_11ABC_def", "github_pat_*********"),
        ("xoxb-123456-abc", "xoxb-**********"),
        ("AKIAIOSFODNN7EXAMPLE", "AKIA****************"),
        ("sk-proj-abcdefghijklm1", "sk-*******************"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ ok", f"{'*' * 34} ok"),
        ("https://user:pass@host/x", "https://user:****@host/x"),
        (
            "  ghp_0123456789abcdefghij\r\n  klmnop234 and so on",
            "  ghp_********************\r\n  ********* and so on",
        ),
        ("ghp_0123456789abcdef\r\n  continues here", "ghp_****************\r\n  continues here"),
    ],
)
def test_known_tokens(text: str, expected: str) -> None:
    assert masked(text) == expected
    assert redact(drawn(text.encode()).decode()) != drawn(text.encode()).decode(), "a token there, too"


@pytest.mark.parametrize(
    "text",
    [
        "the task-force-of-twenty met",
        "risk-averse-investors-united",
        "git clone ssh://git@github.com/a/b",
        "http://localhost:8080/a@b",
        "keyJpanese",
        "6f1c2b3a-1111-4222-8333-444455556666",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    ],
)
def test_no_tokens(text: str) -> None:
    assert masked(text) == text


def test_a_character_is_masked_as_a_whole_or_not() -> None:
    """密 and 寅 differ in their last byte alone, 密 and 醆 have it in common."""
    assert masked("abcdefgh寅", "abcdefgh密") == "********寅"
    assert masked("醆abcdefgh", "密abcdefgh") == "醆********"


# However it is cut


FILLERS = st.sampled_from(
    [
        "",
        "",
        "",
        "",
        "\x1b[m",
        "\x1b[38;2;1;2;3m",
        "\r\n",
        "\r\n    ",
        " │\r\n│ ",
        "\x1b[12;7H",
        "\x1b[5C",
        "\t",
    ]
)


@st.composite
def wrapped(draw: st.DrawFn) -> tuple[str, str]:
    """A secret, and how a client may show it."""
    secret = draw(st.text(string.ascii_letters + string.digits + "-_+/=.é密", min_size=8, max_size=60))
    around = draw(st.text("ab \r\n1é密", max_size=20))
    parts = [c + draw(FILLERS) for c in secret]
    return secret, around + "".join(parts) + around


@given(wrapped(), st.lists(st.integers(1, 30), min_size=1))
def test_random_cuts_never_leak(shown: tuple[str, str], cuts: list[int]) -> None:
    """Even when every piece is written before the next one is there."""
    secret, text = shown
    masker = Masker([secret])
    data, before, out = text.encode(), b"", b""
    while data:
        for cut in cuts:
            piece, data = data[:cut], data[cut:]
            out += masker.mask([piece], before)[0]
            before += piece
    repeated = {
        window for window in (secret[at : at + RUN] for at in range(len(secret))) if len(set(window)) == 1
    }
    assert set(leaks(out, secret)) <= repeated


@given(wrapped(), st.lists(st.integers(1, 40), min_size=1))
def test_cuts_change_nothing_where_all_is_known(shown: tuple[str, str], cuts: list[int]) -> None:
    secret, text = shown
    data, pieces = text.encode(), []
    while data:
        for cut in cuts:
            pieces.append(data[:cut])
            data = data[cut:]
    whole = Masker([secret]).mask([text.encode()])[0]
    assert re.sub(b"\\*+", b"*", b"".join(Masker([secret]).mask(pieces))) == re.sub(b"\\*+", b"*", whole)


@given(st.binary(max_size=300), st.lists(st.integers(1, 60)))
def test_what_holds_no_secret_is_unchanged(data: bytes, cuts: list[int]) -> None:
    pieces = [data[a:b] for a, b in pairwise([0, *sorted(cuts), len(data)])]
    assert b"".join(Masker(["\N{SNOWMAN}" * 3, KEY]).mask(pieces)) == b"".join(pieces)


@given(st.text("sk-antghp_AKIAeyJxob:/@.0aZ \r\n\x1b[m", max_size=120))
def test_any_text_is_masked_to_its_width(text: str) -> None:
    result = masked(text)
    assert len(result) == len(text)
    assert all(a == b or b == "*" for a, b in zip(text, result, strict=True))


@pytest.mark.parametrize("secret", [KEY, PASSWORD, "qX7_tR2kLw9Pz"])
def test_in_a_flood_of_output(secret: str) -> None:
    """More than a client draws is searched in another way: first for what gives a secret away."""
    source = random.Random(secret)
    words = ["the", "quick", "\x1b[32mbrown\x1b[m", "jumps", "over-the", "lazy_dog", "0x7f", "größer", "\n"]
    text = source.choices(words, k=40_000)
    half = len(secret) // 2
    for number in range(20):
        shown = secret if number % 2 else f"{secret[:half]}\r\n  {secret[half:]}"
        text.insert(source.randrange(len(text)), shown)
    data = " ".join(text).encode()
    assert len(data) > 2 * masking._LITTLE
    pieces = [data[at : at + 4096] for at in range(0, len(data), 4096)]
    out = b"".join(Masker([secret]).mask(pieces))
    assert leaks(out, secret) == []
    assert len(out) == len(data)
    assert out.count(b"*") == 20 * len(secret)


def test_takes_linear_time() -> None:
    for unit in ("://a:", "sk-", "eyJ.", "sk-ant-1a\r\n", " │\r\n", "\x1b[", KEY[:4], "hunt", "s3cr3"):
        masked(unit * (300_000 // len(unit)))


# What is a secret


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ANTHROPIC_API_KEY", KEY, [KEY]),
        ("GITHUB_TOKEN", "abcdef", ["abcdef"]),
        ("AWS_SECRET_ACCESS_KEY", "abcdef", ["abcdef"]),
        ("DB_PASSWORD_2", "hunter2", ["hunter2"]),
        ("MY_PASSWORD_PROD", "hunter2", ["hunter2"]),
        ("STRIPE_KEY", " abcdef\n", ["abcdef"]),
        ("MYSQL_PWD", "hunter2", ["hunter2"]),
        ("DB_PASSWORD", "test", []),
        ("PWD", "/home/me/project", []),
        ("OLDPWD", "abcdefgh", []),
        ("SSH_KEY", str(Path(__file__)), []),
        ("SSH_KEY", "/no/such/file", ["/no/such/file"]),
        ("MAX_THINKING_TOKENS", "100000", []),
        ("HOST_KEY_CHECKING", "disabled", []),
        ("CC_GUARD_HOLD__RELEASE_KEY", "ctrl-]", []),
        ("KEYBOARD", "german", []),
        ("HTTPS_PROXY", "http://user:pass-word@proxy:3128", [":pass-word@", "pass-word"]),
        ("HTTPS_PROXY", "http://user:abcd@proxy:3128", [":abcd@"]),
        ("HTTPS_PROXY", "http://user:p%40ssword@proxy", [":p%40ssword@", "p%40ssword", "p@ssword"]),
        ("HTTPS_PROXY", "http://proxy:3128", []),
        ("PIP_INDEX_URL", "https://t0k3n-t0k3n@pypi.example/simple", ["t0k3n-t0k3n"]),
        ("PIP_INDEX_URL", "http://[::1/x@y", []),
        ("ANTHROPIC_CUSTOM_HEADERS", "X-Team: platform\nAuthorization: Bearer abcdef", ["abcdef"]),
        ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=abcdef,a=b", ["abcdef"]),
        ("EDITOR", "abcdefgh", []),
    ],
)
def test_secrets_of_the_environment(name: str, value: str, expected: list[str]) -> None:
    assert secrets_of({name: value}) == expected


def test_a_key_of_many_lines() -> None:
    """As of ssh: its lines are masked wherever they are broken, lines of dashes are not."""
    body = "\n".join("".join(random.Random(n).choices(string.ascii_letters, k=64)) for n in range(6))
    pem = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----"
    (secret,) = secrets_of({"DEPLOY_SECRET": f"{pem}\n{pem}\n"})
    shown = "\r\n".join(body.replace("\n", "")[at : at + 50] for at in range(0, 384, 50))
    assert set(masked(shown, secret)) == {"*", "\r", "\n"}
    assert masked("-" * 80, secret) == "-" * 80
