"""The configured way to the API, as the client sees it.

What is said here of proxies was measured on 1.0.120, 2.0.60 and 2.1.330 (`claude -p` against a proxy that
notes what it is asked for); where they differ, 2.1.330 counts.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cc_guard.probe import route
from cc_guard.probe.route import (
    InvalidRoute,
    Proxy,
    Route,
    effective_environment,
    effective_route,
    settings_files,
)

PROXY = "http://proxy.corp:3128"
HOST = "https://api.example.test"


def write(path: Path, env: dict[str, Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"env": env}))
    return str(path)


def url(**variables: str) -> str:
    return str(effective_route(variables))


# The environment and the settings files


def test_without_any_setting_it_is_anthropic() -> None:
    assert url() == "https://api.anthropic.com:443"


def test_only_what_decides_the_route_is_looked_at() -> None:
    """Keys and tokens do not even get into this process's variables."""
    environ = {"ANTHROPIC_BASE_URL": HOST, "ANTHROPIC_API_KEY": "sk-ant-secret", "PATH": "/bin"}
    assert effective_environment(environ, []) == {"ANTHROPIC_BASE_URL": HOST}


def test_later_files_win_over_earlier_ones_and_over_the_environment(tmp_path: Path) -> None:
    """The order: environment, user, project, local, --settings, managed."""
    names = ["user", "project", "local", "option", "managed"]
    files = [str(tmp_path / name) for name in names]
    environ = {"ANTHROPIC_BASE_URL": "http://environment"}
    assert url(**effective_environment(environ, files)) == "http://environment:80"
    for name, path in zip(names, files, strict=True):
        write(Path(path), {"ANTHROPIC_BASE_URL": f"http://{name}"})
        assert url(**effective_environment(environ, files)) == f"http://{name}:80"


def test_the_places_of_the_files(tmp_path: Path) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    environ = {"CLAUDE_CONFIG_DIR": str(home)}
    found = settings_files(environ, str(work), ["given.json"])
    assert found[:4] == [
        str(home / "settings.json"),
        str(work / ".claude" / "settings.json"),
        str(work / ".claude" / "settings.local.json"),
        "given.json",
    ]
    assert found[4].endswith("/managed-settings.json")
    assert os.path.isabs(found[4])


def test_the_local_settings_of_a_repository(tmp_path: Path) -> None:
    """Measured on 2.1.330: those of its top folder win over those of the folder inside; the shared ones of
    the top folder do not count there."""
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    local = os.path.join(".claude", "settings.local.json")
    assert str(tmp_path / local) not in settings_files({}, str(inside))
    (tmp_path / ".git").touch()  # a file, as in a worktree
    found = settings_files({}, str(inside))
    assert found[1:4] == [
        str(inside / ".claude" / "settings.json"),
        str(inside / local),
        str(tmp_path / local),
    ]
    assert settings_files({}, str(tmp_path)).count(str(tmp_path / local)) == 1


def test_drop_ins_of_a_company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured on 2.1.330: by name, the last wins; hidden files and others than .json are none."""
    monkeypatch.setattr(route, "_MANAGED", str(tmp_path))
    folder = tmp_path / "managed-settings.d"
    assert settings_files({}, "/work")[-1] == str(tmp_path / "managed-settings.json")
    write(tmp_path / "managed-settings.json", {"ANTHROPIC_BASE_URL": "http://managed"})
    for name in ("10-a.json", "9-b.json", "B.json", ".zz.json", "zz.txt"):
        write(folder / name, {"ANTHROPIC_BASE_URL": f"http://{name}"})
    found = settings_files({}, "/work")
    assert found[-3:] == [str(folder / name) for name in ("10-a.json", "9-b.json", "B.json")]
    assert effective_environment({}, found)["ANTHROPIC_BASE_URL"] == "http://B.json"


def test_without_a_config_dir_the_users_file_is_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert settings_files({}, "/work")[0] == "/home/someone/.claude/settings.json"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '"text"',
        "null",
        '{"env": []}',
        '{"env": "text"}',
        '{"env": null}',
        '{"x": NaN, "env": {"ANTHROPIC_BASE_URL": "http://other"}}',
        '{"env": {"ANTHROPIC_BASE_URL": "http://other"},}',
        '{"env": {"ANTHROPIC_BASE_URL": "http://other"}} // a comment',
        "\x00\xff",
        "[" * 100_000,
    ],
)
def test_a_file_that_says_nothing_changes_nothing(tmp_path: Path, content: str) -> None:
    good = write(tmp_path / "good", {"ANTHROPIC_BASE_URL": HOST})
    bad = tmp_path / "bad"
    bad.write_bytes(content.encode("latin-1"))
    found = effective_environment({}, [good, str(bad), str(tmp_path / "missing"), str(tmp_path)])
    assert found == {"ANTHROPIC_BASE_URL": HOST}


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"env": {"ANTHROPIC_BASE_URL": HOST}}), encoding="utf-8-sig")
    assert effective_environment({}, [str(path)]) == {"ANTHROPIC_BASE_URL": HOST}


@pytest.mark.timeout(20)
def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    """`--settings <(…)`: reading would wait for ever, and take what is meant for the client."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert effective_environment({}, [str(pipe)]) == {}


def test_values_are_text_as_javascript_makes_it(tmp_path: Path) -> None:
    """`null` is a text, too: the client then says `Invalid URL` (measured on six versions)."""
    odd: dict[str, object] = {
        "CLAUDE_CODE_USE_BEDROCK": True,
        "CLOUD_ML_REGION": 5,
        "NO_PROXY": None,
        "AWS_REGION": {},
    }
    path = write(tmp_path / "s", odd)
    assert effective_environment({}, [path]) == {
        "CLAUDE_CODE_USE_BEDROCK": "true",
        "CLOUD_ML_REGION": "5",
        "NO_PROXY": "null",
        "AWS_REGION": "[object Object]",
    }


def test_a_path_that_is_not_utf_8(tmp_path: Path) -> None:
    folder = os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe")
    os.makedirs(os.path.join(folder, ".claude"))
    with open(os.path.join(folder, ".claude", "settings.json"), "w") as file:
        json.dump({"env": {"ANTHROPIC_BASE_URL": HOST}}, file)
    assert effective_environment({}, settings_files({"CLAUDE_CONFIG_DIR": "/none"}, folder)) == {
        "ANTHROPIC_BASE_URL": HOST
    }


# The endpoint


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ANTHROPIC_BASE_URL": "http://127.0.0.1:8080/prefix"}, "http://127.0.0.1:8080"),
        ({"ANTHROPIC_BASE_URL": " HTTPS://Gateway.Corp/ "}, "https://gateway.corp:443"),
        ({"ANTHROPIC_BASE_URL": "https://user:secret@gateway.corp"}, "https://gateway.corp:443"),
        ({"ANTHROPIC_BASE_URL": "http://[::1]:8080"}, "http://[::1]:8080"),
        ({"ANTHROPIC_BASE_URL": "https://bücher.example"}, "https://xn--bcher-kva.example:443"),
        ({"ANTHROPIC_BASE_URL": ""}, "https://api.anthropic.com:443"),
        # As the client's parser takes them: measured on 2.0.60, 2.1.116 and 2.1.330.
        ({"ANTHROPIC_BASE_URL": "http:/127.0.0.1:8080/x"}, "http://127.0.0.1:8080"),
        ({"ANTHROPIC_BASE_URL": "http:///127.0.0.1:8080/x"}, "http://127.0.0.1:8080"),
        ({"ANTHROPIC_BASE_URL": "https:gateway.corp"}, "https://gateway.corp:443"),
        ({"ANTHROPIC_BASE_URL": "https:\\\\gateway.corp\\x"}, "https://gateway.corp:443"),
        # Native builds only, from 2.1.113 on.
        ({"ANTHROPIC_BASE_URL": "localhost:8080/x"}, "http://localhost:8080"),
        ({"ANTHROPIC_BASE_URL": "gateway.corp:8080"}, "http://gateway.corp:8080"),
        (
            {"CLAUDE_CODE_USE_BEDROCK": "1", "AWS_REGION": "eu-west-1", "ANTHROPIC_BASE_URL": HOST},
            "https://bedrock-runtime.eu-west-1.amazonaws.com:443",
        ),
        (
            {"CLAUDE_CODE_USE_BEDROCK": "true", "AWS_DEFAULT_REGION": "eu-central-1"},
            "https://bedrock-runtime.eu-central-1.amazonaws.com:443",
        ),
        ({"CLAUDE_CODE_USE_BEDROCK": "yes"}, "https://bedrock-runtime.us-east-1.amazonaws.com:443"),
        (
            {"CLAUDE_CODE_USE_BEDROCK": "1", "AWS_REGION": "cn-north-1"},
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn:443",
        ),
        (
            {"CLAUDE_CODE_USE_BEDROCK": "1", "ANTHROPIC_BEDROCK_BASE_URL": "https://vpce.corp"},
            "https://vpce.corp:443",
        ),
        ({"CLAUDE_CODE_USE_BEDROCK": "0"}, "https://api.anthropic.com:443"),
        ({"CLAUDE_CODE_USE_VERTEX": "1"}, "https://us-east5-aiplatform.googleapis.com:443"),
        (
            {"CLAUDE_CODE_USE_VERTEX": "1", "CLOUD_ML_REGION": "global"},
            "https://aiplatform.googleapis.com:443",
        ),
        (
            {"CLAUDE_CODE_USE_VERTEX": "1", "CLOUD_ML_REGION": "eu"},
            "https://aiplatform.eu.rep.googleapis.com:443",
        ),
        (
            {"CLAUDE_CODE_USE_VERTEX": "1", "ANTHROPIC_VERTEX_BASE_URL": "https://vertex.corp/v1"},
            "https://vertex.corp:443",
        ),
        (
            {"CLAUDE_CODE_USE_FOUNDRY": "1", "ANTHROPIC_FOUNDRY_RESOURCE": "mine"},
            "https://mine.services.ai.azure.com:443",
        ),
        (
            {"CLAUDE_CODE_USE_FOUNDRY": "1", "ANTHROPIC_FOUNDRY_BASE_URL": "https://foundry.corp"},
            "https://foundry.corp:443",
        ),
    ],
)
def test_the_endpoint(variables: dict[str, str], expected: str) -> None:
    assert url(**variables) == expected


@pytest.mark.parametrize(
    "bad",
    [
        "api.anthropic.com",
        "ftp://api.anthropic.com",
        "unix:///run/socket",
        "https://",
        "http://[::1",
        "http://h:99999",
        "http://h:port",
        "http://a b/",
        "http://h\x00x/",
        "http://name:pa℀ss@h",
        "user:1234@h",
        "127.0.0.1:8080",
        "//h/x",
        "null",
        "https://sk-ant-api03-made-up-made-up",
        "sk-ant-api03-made-up-made-up:443",
    ],
)
def test_what_is_no_url_is_said_without_quoting_it(bad: str) -> None:
    """A mistyped URL may hold a password at any place, and the text goes into the history."""
    with pytest.raises(InvalidRoute) as caught:
        url(ANTHROPIC_BASE_URL=bad)
    assert "endpoint" in str(caught.value)
    for part in ("port'", "pa", "ss@", "99999"):
        assert part not in str(caught.value)


def test_a_password_for_a_port_is_not_repeated() -> None:
    """`user:secret` without the `@host`."""
    with pytest.raises(InvalidRoute) as caught:
        url(HTTPS_PROXY="http://user:secret")
    assert "secret" not in str(caught.value)
    assert "proxy" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ANTHROPIC_UNIX_SOCKET", "/run/gateway.sock"),
        ("CLAUDE_CODE_USE_MANTLE", "1"),
        ("CLAUDE_CODE_USE_ANTHROPIC_AWS", "true"),
        ("CLAUDE_CODE_USE_GATEWAY", "1"),
    ],
)
def test_a_way_that_cannot_be_told_is_not_guessed(name: str, value: str) -> None:
    """Probing api.anthropic.com instead would pause a client that never uses it."""
    with pytest.raises(InvalidRoute, match=name):
        url(**{name: value})
    assert url(**{name: ""}) == "https://api.anthropic.com:443"


# The proxy


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "order",
    ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
)
def test_one_proxy_serves_both_schemes(scheme: str, order: str) -> None:
    """Unlike curl: the client takes HTTPS_PROXY for http, too, and HTTP_PROXY for https."""
    route = effective_route({"ANTHROPIC_BASE_URL": f"{scheme}://api.example.test", order: PROXY})
    assert route.proxy == Proxy("proxy.corp", 3128, tls=False)


def test_the_order_of_the_proxy_variables() -> None:
    names = ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
    for at, name in enumerate(names):
        variables = {other: f"http://{other.lower()}-{n}" for n, other in enumerate(names) if n >= at}
        found = effective_route(variables).proxy
        assert found is not None
        assert found.host == f"{name.lower()}-{at}"


def test_an_empty_variable_does_not_hide_the_next() -> None:
    assert effective_route({"https_proxy": "", "HTTPS_PROXY": PROXY}).proxy is not None


@pytest.mark.parametrize(
    ("value", "proxy"),
    [
        ("proxy.corp:3128", Proxy("proxy.corp", 3128, False)),
        ("http://proxy.corp", Proxy("proxy.corp", 80, False)),
        ("https://proxy.corp", Proxy("proxy.corp", 443, True)),
        ("http://user:secret@proxy.corp:3128/", Proxy("proxy.corp", 3128, False)),
        ("http://[fd00::1]:3128", Proxy("fd00::1", 3128, False)),
    ],
)
def test_forms_of_a_proxy(value: str, proxy: Proxy) -> None:
    assert effective_route({"HTTPS_PROXY": value}).proxy == proxy


def test_the_route_names_its_proxy_but_not_the_password() -> None:
    text = url(HTTPS_PROXY="http://user:secret@[fd00::1]:3128")
    assert text == "https://api.anthropic.com:443 via proxy [fd00::1]:3128"


def test_a_socks_proxy_is_no_route() -> None:
    """2.1.330 refuses it as well: `UnsupportedProxyProtocol`."""
    with pytest.raises(InvalidRoute, match="proxy"):
        url(HTTPS_PROXY="socks5://127.0.0.1:1080")


@pytest.mark.parametrize(
    ("rules", "endpoint"),
    [
        ("*", HOST),
        ("other.test *", HOST),
        ("api.example.test", HOST),
        ("API.Example.TEST", HOST),
        ("example.test", HOST),
        (".example.test", HOST),
        ("*.example.test", HOST),
        (".example.test", "https://example.test"),
        ("foo, bar,api.example.test", HOST),
        ("foo bar\tapi.example.test", HOST),
        ("api.example.test:443", HOST),
        (".example.test:443", HOST),
        ("api.example.test", f"{HOST}:8443"),
        ("api.example.test:8443", f"{HOST}:8443"),
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("10.0.0.0/8", "https://10.1.2.3"),
        ("fd00::5", "http://[fd00::5]:8089"),
        ("[fd00::5]", "http://[fd00::5]:8089"),
        ("[fd00::5]:8089", "http://[fd00::5]:8089"),
        ("fd00::/8", "http://[fd00::5]:8089"),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_what_no_proxy_excludes(name: str, rules: str, endpoint: str) -> None:
    assert effective_route({"ANTHROPIC_BASE_URL": endpoint, "HTTPS_PROXY": PROXY, name: rules}).proxy is None


@pytest.mark.parametrize(
    ("rules", "endpoint"),
    [
        ("", HOST),
        (",", HOST),
        (".", HOST),
        ("xample.test", HOST),
        ("example.test", "https://myexample.test"),
        ("api.*", HOST),
        ("api.example.test:8443", HOST),
        ("api.example.test.other", HOST),
        ("localhost", "http://127.0.0.1:8080"),
        ("10.0.0.0/8", "https://11.1.2.3"),
        ("10.0.0.0/8", HOST),
        ("fd00::6", "http://[fd00::5]:8089"),
        ("[fd00::5]:1", "http://[fd00::5]:8089"),
        ("nonsense/99", HOST),
    ],
)
def test_what_no_proxy_leaves(rules: str, endpoint: str) -> None:
    variables = {"ANTHROPIC_BASE_URL": endpoint, "HTTPS_PROXY": PROXY, "NO_PROXY": rules}
    assert effective_route(variables).proxy is not None


def test_loopback_is_not_excluded_by_itself() -> None:
    """Measured on all three versions."""
    for host in ("127.0.0.1", "localhost", "[::1]"):
        route = effective_route({"ANTHROPIC_BASE_URL": f"http://{host}:8080", "HTTP_PROXY": PROXY})
        assert route.proxy is not None


def test_the_small_name_counts_before_the_large_one() -> None:
    variables = {"ANTHROPIC_BASE_URL": HOST, "HTTPS_PROXY": PROXY}
    assert effective_route(variables | {"no_proxy": "*", "NO_PROXY": "x"}).proxy is None
    assert effective_route(variables | {"no_proxy": "x", "NO_PROXY": "*"}).proxy is not None


def test_an_excluded_endpoint_does_not_need_a_good_proxy() -> None:
    assert effective_route({"HTTPS_PROXY": "socks5://x", "NO_PROXY": "*"}) == Route(
        "api.anthropic.com", 443, True
    )
