"""What is said about the configured route: where each value comes from, what looks wrong, and no secret."""

import json
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cc_guard.diagnose import quirks, shape
from cc_guard.incident.record import Finding
from tests.unit.network import configured, one

SECRET = "Geheim0815"


def found(folder: Path, **environ: str) -> Finding:
    return one(folder, environ, "config.route")[0]


def write(folder: Path, name: str, **content: Any) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return str(path)


def test_nothing_is_configured(tmp_path: Path) -> None:
    finding = found(tmp_path)
    assert (finding.state, finding.evidence["problem"]) == ("pass", None)
    assert finding.evidence["base_url"] == "https://api.anthropic.com"
    assert (finding.evidence["default"], finding.evidence["source"]) == (True, "default")
    assert (finding.evidence["key"], finding.evidence["proxy"], finding.evidence["settings"]) == (
        None,
        None,
        {},
    )


def test_the_usual_endpoint_spelled_out_is_no_other(tmp_path: Path) -> None:
    assert found(tmp_path, ANTHROPIC_BASE_URL="https://api.anthropic.com/").evidence["default"] is True


def test_each_value_is_told_with_its_source(tmp_path: Path) -> None:
    user = write(tmp_path, "settings.json", env={"ANTHROPIC_BASE_URL": "https://user.example.com"})
    local = write(
        tmp_path, ".claude/settings.local.json", env={"HTTPS_PROXY": "http://proxy.example.com:3128"}
    )
    evidence = found(tmp_path, ANTHROPIC_BASE_URL="https://shell.example.com", NO_PROXY="x.test").evidence
    assert (evidence["host"], evidence["source"]) == ("user.example.com", user)
    assert (evidence["proxy"], evidence["proxy_source"]) == ("proxy.example.com:3128", local)
    assert evidence["settings"]["NO_PROXY"] == "environment"


def test_an_option_takes_the_place_of_the_configured_endpoint(tmp_path: Path) -> None:
    environ = {"CLAUDE_CODE_USE_BEDROCK": "1", "ANTHROPIC_BASE_URL": "https://shell.example.com"}
    configuration = configured(tmp_path, environ, url="https://gateway.example.com/x/")
    assert (configuration.base_url, configuration.source(configuration.base)) == (
        "https://gateway.example.com/x",
        "--url",
    )
    assert configuration.provider == "anthropic"


def test_no_proxy_is_told_apart_from_no_proxy_at_all(tmp_path: Path) -> None:
    evidence = found(tmp_path, HTTPS_PROXY="http://p.example.com:1", NO_PROXY=".anthropic.com").evidence
    assert (evidence["no_proxy"], evidence["proxy"]) == (True, None)
    assert evidence["proxy_source"] == "environment"


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        ("https://gateway.example.com", []),
        ("https://gateway.example.com/", []),
        ("https://gateway.example.com/anthropic", []),
        ("http://127.0.0.1:8080", []),
        ("http://192.168.1.5:8080/", []),
        ("http://gateway.internal", []),
        ("http://gateway", []),
        ("https://gateway.example.com/v1", ["v1_path"]),
        ("https://gateway.example.com/v1/", ["v1_path"]),
        ("https://gateway.example.com/v1/v1", ["v1_path"]),
        ("https://gateway.example.com/v1/messages", ["message_path"]),
        ("https://gateway.example.com//x", ["double_slash"]),
        ("https://gateway.example.com/x?key=1", ["junk"]),
        ("https://gateway.example.com/x#y", ["junk"]),
        ("https://gateway.example.com/x,", ["junk"]),
        (" https://gateway.example.com", ["blank"]),
        ("https://gateway.example.com\n", ["blank"]),
        ("http://gateway.example.com", ["plain_http"]),
        ("http://8.8.8.8", ["plain_http"]),
        ("https://gateway.example.com:80", ["scheme_port"]),
        ("https://gateway.example.com//", []),  # the client cuts them off: measured
        ("localhost:8080", ["no_scheme"]),
        ("https:/gateway.example.com", ["no_scheme"]),
        ("https://console.anthropic.com", ["other_host"]),
        ("https://claude.ai", ["other_host"]),
    ],
)
def test_what_looks_wrong_and_still_parses(tmp_path: Path, url: str, codes: list[str]) -> None:
    finding = found(tmp_path, ANTHROPIC_BASE_URL=url)
    assert finding.evidence["problems"] == codes
    assert finding.state == ("warn" if codes else "pass")
    assert (finding.evidence["problem"] is None) == (not codes)


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        ('"https://gateway.example.com"', ["quotes"]),
        ("“https://gateway.example.com”", ["quotes"]),
        ("api.example.com", ["no_scheme"]),
        ("127.0.0.1:8080", ["no_scheme"]),
        ("//gateway.example.com", ["no_scheme"]),
        ("\u200bhttps://gateway.example.com", ["blank"]),
        ("https://gateway.example.com:8080;x", []),
        ("ftp://api.example.com", []),
        ("https://", []),
    ],
)
def test_what_does_not_parse(tmp_path: Path, url: str, codes: list[str]) -> None:
    finding = found(tmp_path, ANTHROPIC_BASE_URL=url)
    assert finding.state == "fail"
    assert finding.evidence["problems"] == ["endpoint", *codes]
    assert finding.evidence["base_url"] is None
    assert "ANTHROPIC_BASE_URL (set in the environment)" in finding.summary


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        ('{"env": {}} // mine', True),
        ('{"env": {},}', True),
        ("[]", True),
        ("\xff\xfe", True),
        ("{}", False),
        (" { } ", False),
        ("", False),
        ('{"model": "opus"}', False),
    ],
)
def test_a_settings_file_that_is_passed_over(tmp_path: Path, text: str, ignored: bool) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(text.encode("latin-1"))
    finding = found(tmp_path)
    assert finding.evidence["ignored"] == ([str(path)] if ignored else [])
    assert finding.evidence["problems"] == (["settings_file"] if ignored else [])
    assert (finding.state, str(path) in finding.summary) == (("warn", True) if ignored else ("pass", False))


def test_a_proxy_that_is_none(tmp_path: Path) -> None:
    finding = found(tmp_path, HTTPS_PROXY="socks5://127.0.0.1:1080")
    assert (finding.state, finding.evidence["problems"]) == ("fail", ["proxy"])
    assert finding.summary.startswith("HTTPS_PROXY (set in the environment)")


def test_a_way_that_cannot_be_told(tmp_path: Path) -> None:
    finding = found(tmp_path, ANTHROPIC_UNIX_SOCKET="/run/x.sock")
    assert (finding.state, finding.evidence["provider"]) == ("fail", "unknown")


@pytest.mark.parametrize("provider", ["bedrock", "vertex", "foundry"])
def test_other_providers(tmp_path: Path, provider: str) -> None:
    environ = {f"CLAUDE_CODE_USE_{provider.upper()}": "1", "ANTHROPIC_FOUNDRY_RESOURCE": "mine"}
    evidence = found(tmp_path, **environ).evidence
    assert (evidence["provider"], evidence["default"]) == (provider, True)


def test_own_authorities(tmp_path: Path) -> None:
    good, empty, cut = (tmp_path / name for name in ("ca.pem", "empty.pem", "cut.pem"))
    pem = trustme.CA().cert_pem.bytes()
    good.write_bytes("# Türktrust\n".encode() + pem + pem)
    cut.write_bytes(pem + pem[:300])
    empty.write_text("")
    assert found(tmp_path, NODE_EXTRA_CA_CERTS=str(good)).evidence["extra_ca_readable"] is True
    for bad in (empty, cut, tmp_path / "missing", tmp_path):
        finding = found(tmp_path, NODE_EXTRA_CA_CERTS=str(bad))
        assert (finding.state, finding.evidence["problems"]) == ("warn", ["extra_ca"])


def test_checks_that_are_turned_off(tmp_path: Path) -> None:
    finding = found(tmp_path, NODE_TLS_REJECT_UNAUTHORIZED="0")
    assert (finding.state, finding.evidence["tls_reject_off"]) == ("warn", True)


# Keys: that they are there, and their shape


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("sk-ant-api03-" + "x" * 95, "sk-ant-api03-…, 108 characters"),
        ("sk-ant-oat01-abc", "sk-ant-oat01-…, 16 characters"),
        (" sk-ant-api03-abc\n", "sk-ant-api03-…, 16 characters, with blanks"),
        ('"abcdef"', "no known prefix, 6 characters, in quotes"),
        ("<your key>", "no known prefix, 10 characters, with blanks, a placeholder"),
        ("", "empty"),
        ("''", "empty"),
    ],
)
def test_the_shape_of_a_key(key: str, told: str) -> None:
    assert shape.of_key(key) == told


def test_where_the_key_comes_from(tmp_path: Path) -> None:
    assert found(tmp_path, ANTHROPIC_API_KEY="x").evidence["key"] == "env"
    write(tmp_path, "settings.json", env={"ANTHROPIC_AUTH_TOKEN": "x"})
    assert found(tmp_path, ANTHROPIC_API_KEY="x").evidence["key"] == "settings"
    write(tmp_path, "settings.json", apiKeyHelper="/usr/bin/secret-tool lookup key")
    evidence = found(tmp_path).evidence
    assert (evidence["key"], evidence["key_shape"]) == ("helper", "a command")


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@gateway.example.com",
        f"https://user:{SECRET}/x@gateway.example.com",
        f"https://{SECRET}@gateway.example.com/v1",
        f"user:{SECRET}@gateway.example.com",
        f"https://user:{SECRET}",
        f'"https://user:{SECRET}@gateway.example.com"',
        f"https://gateway.example.com/?key={SECRET}",
        f"https://gateway.example.com/#{SECRET}",
    ],
)
@pytest.mark.parametrize("name", ["ANTHROPIC_BASE_URL", "HTTPS_PROXY", "http_proxy"])
def test_a_password_is_never_told(tmp_path: Path, name: str, url: str) -> None:
    environ = {name: url, "ANTHROPIC_API_KEY": f"sk-ant-{SECRET}", "ANTHROPIC_AUTH_TOKEN": SECRET}
    assert SECRET not in json.dumps(found(tmp_path, **environ).to_json())
    assert SECRET not in repr(configured(tmp_path, environ))


# Whatever is in the files and variables

_TEXT = st.text(max_size=60)
_FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@_FUZZ
@given(url=_TEXT | st.from_regex(r"https?://[\w@:/\[\]%.?#-]{0,30}"), proxy=_TEXT, no_proxy=_TEXT)
def test_any_text_as_a_variable(tmp_path: Path, url: str, proxy: str, no_proxy: str) -> None:
    environ = {"ANTHROPIC_BASE_URL": url, "HTTPS_PROXY": proxy, "NO_PROXY": no_proxy}
    assert found(tmp_path, **environ).state in ("pass", "warn", "fail")
    quirks.of_url(url)
    shape.of_url(url)
    shape.of_key(url)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=10,
)


@_FUZZ
@given(content=st.binary(max_size=80) | st.dictionaries(st.sampled_from(["env", "apiKeyHelper", "x"]), _JSON))
def test_any_content_of_a_settings_file(tmp_path: Path, content: bytes | dict[str, Any]) -> None:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    (tmp_path / "settings.json").write_bytes(data)
    assert found(tmp_path).state in ("pass", "warn", "fail")


@_FUZZ
@given(value=_JSON)
def test_any_value_of_a_variable_in_a_settings_file(tmp_path: Path, value: Any) -> None:
    write(tmp_path, "settings.json", env={"ANTHROPIC_BASE_URL": value, "NODE_EXTRA_CA_CERTS": value})
    assert found(tmp_path).state in ("pass", "warn", "fail")
