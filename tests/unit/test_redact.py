"""Secrets are masked; what a person needs to understand an incident stays."""

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cc_guard.redact import is_secret_name, redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key sk-ant-api03-Ab_c-9xyz used", "key sk-ant-*** used"),
        ("sk-ant-oat01-aaaaaaaaaaaa", "sk-ant-***"),
        ("Bearer abc.def-ghi", "Bearer ***"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: ***"),
        ("Proxy-Authorization: Basic dXNlcjpwYXNz\nHost: a", "Proxy-Authorization: ***\nHost: a"),
        ('"x-api-key": "abc"', '"x-api-key": ***'),
        ("Cookie: a=1; b=2", "Cookie: ***"),
        ("http://user:pass@proxy:3128/", "http://***@proxy:3128/"),
        ("http://user:p@ss@proxy:3128", "http://***@proxy:3128"),
        ("http://user:p/a@proxy:3128", "http://***@proxy:3128"),
        ("http://token@proxy", "http://***@proxy"),
        ("GET https://a.b/c?key=abc&x=1", "GET https://a.b/c?key=***&x=1"),
        ("https://a.b/c?x=1&access_token=abc#y", "https://a.b/c?x=1&access_token=***"),
        ("https://a.b/callback?code=abc", "https://a.b/callback?code=***"),
        ("ANTHROPIC_AUTH_TOKEN=abc claude", "ANTHROPIC_AUTH_TOKEN=*** claude"),
        ("ANTHROPIC_API_KEY: abc", "ANTHROPIC_API_KEY: ***"),
        ('{"refresh_token": "abc", "n": 1}', '{"refresh_token": "***", "n": 1}'),
        ("ghp_0123456789abcdef", "ghp_***"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ ok", "*** ok"),
    ],
)
def test_masks(text: str, expected: str) -> None:
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "API Error: Unable to connect to API (ConnectionRefused)",
        "Connection dropped (ECONNRESET) · Retrying in 8s · attempt 5/10",
        "https://api.anthropic.com:443/v1/messages",
        "http://[::1]:8080/x@y",
        "https://unpkg.com:443/claude@2.1.330",
        "prompt is too long: 205000 tokens > 200000, max_tokens: 4096",
        "request id req_011CSHoEeqs5C35K2UUqR7Fy",
        "session 6f1c2b3a-1111-4222-8333-444455556666",
        "/root/.claude/projects/-work-main/6f1c2b3a-1111-4222-8333-444455556666.jsonl",
        "/Users/Bob/Library/Application_Support/Claude/projects/Guard2/main.py",
        "code=ECONNRESET errno=104",
        "=" * 80,
        "NonInteractive2SessionAuthenticationError",
    ],
)
def test_leaves(text: str) -> None:
    assert redact(text) == text


def test_masks_random_tokens_whatever_their_name() -> None:
    source = random.Random(1)
    for size in (24, 32, 48, 96):
        tokens = [base64.b64encode(source.randbytes(size)).decode() for _ in range(200)]
        kept = [token for token in tokens if redact(f"saw {token} there") != "saw *** there"]
        assert len(kept) <= 2, kept


@given(st.text(alphabet="ab1:/@=?&\"'. \nkeytokensecretBearerhttp", max_size=80))
def test_is_stable(text: str) -> None:
    assert redact(redact(text)) == redact(text)


@given(
    st.text(alphabet="abcxyz", min_size=1, max_size=20), st.text(alphabet="abcxyz@:", min_size=1, max_size=20)
)
def test_no_password_in_a_url_survives(user: str, password: str) -> None:
    assert redact(f"proxy http://{user}:{password}@host:3128/") == "proxy http://***@host:3128/"


def test_takes_linear_time() -> None:
    for unit in ("://a:", "token", "a:b@", "key=", "A" * 31 + "+", "eyJ", "\"'"):
        redact(unit * (20_000 // len(unit)))


@pytest.mark.parametrize(
    "name", ["ANTHROPIC_AUTH_TOKEN", "x-api-key", "password", "Authorization", "client_secret"]
)
def test_secret_names(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["input_tokens", "host", "release_key", "keyboard"])
def test_other_names(name: str) -> None:
    assert not is_secret_name(name)
