"""Nothing of who and where somebody is gets through; and what helps to find a fault does."""

import ipaddress
import json
import os
import re
import socket
import string

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cc_guard.history_report.anonymous import HOME, HOST, USER, Identity, Scrubber

LABELS = ("path", "home", "in", "user", "host")
BOB = Identity(("/home/bob", "/data/people/bob"), ("bob", "Bob Jones"), ("bobs-mac.example.net", "bobs-mac"))

# What may stand around a word in a sentence, in JSON, in a URL.
around = st.sampled_from(
    ["", " ", "\t", "\n", '"', "'", "(", ")", "[", "]", "=", ",", ";", "/", "@", "<", ">", "`"]
)
prose = st.text(st.sampled_from("xyz .:,;/-_(){}[]<>'\"`\n%~0123456789é"), max_size=30)
name = st.text(string.ascii_lowercase + string.digits + "-_.é", min_size=2, max_size=12).filter(
    lambda text: text[0].isalpha() and text[-1].isalpha() and text not in (*LABELS, "root", "localhost")
)


def scrub(text: str, identity: Identity = BOB, addresses: bool = False) -> str:
    return Scrubber(identity, addresses).text(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("can't read /home/bob/desk/a.pem: denied", f"can't read {HOME} denied"),
        ("/home/bob", HOME),
        ("in '/home/bob/My Work/a b.pem' and", f"in {HOME} and"),
        ("in /home/bob/My Great Work/a.pem, line 3", f"in {HOME}, line 3"),
        ("/data/people/bob/x /data/people/alice/x", f"{HOME} /data/people/alice/x"),
        ("/home/alice/secret and /Users/eve/x", f"{HOME} and {HOME}"),
        (r"C:\Users\Bob\x.pem", HOME),
        ("/mnt/c/Users/Robert/x", f"/mnt/c{HOME}"),
        ("~/desk/x ~eve/x", f"{HOME} {HOME}"),
        ("projects/-home-bob-desk/x.jsonl", f"projects/{HOME}/x.jsonl"),
        ("-data-people-bob-desk", HOME),
        ("file:///home/bob/x", f"file:{HOME}"),
        ("run by bob as Bob Jones", f"run by {USER} as {USER}"),
        ("mail to eve.smith+x@example.com", f"mail to {USER}"),
        ("BOBS-MAC.local, bobs-mac, bobs-mac.example.net", f"{HOST}, {HOST}, {HOST}"),
        ("proxy.corp.internal:3128", f"{HOST}:3128"),
        ("refused by 93.184.216.34:443", "refused by [public IPv4 1]:443"),
        ("10.0.0.7, 127.0.0.1, 10.0.0.7", "[private IPv4 1], [loopback IPv4 2], [private IPv4 1]"),
        ("[2607:6bc0::10]:443: no route", "[[public IPv6 1]]:443: no route"),
        ("by fe80::1%eth0.", "by [link-local IPv6 1]."),
        ("::ffff:10.0.0.7 and ::1", "[private IPv6 1] and [loopback IPv6 2]"),
        ("gateway 00:1a:2b:3c:4d:5e.", "gateway [hardware address 1]."),
        ("ip-10-0-0-7.eu", "ip-[IPv4 1].eu"),
    ],
)
def test_what_is_taken_out(text: str, expected: str) -> None:
    assert scrub(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://api.anthropic.com:443: connection refused",
        "Claude Code 2.1.330, attempt 2/10, at 17:53:12 and 2026-11-21T17:53:12.250Z",
        "20261121-175312-3f2a",
        "6f1c2b3a-1111-4222-8333-444455556666",
        "req_011CSHoEeqs5C35K2UUqR7Fy",
        "std::string, a :: b, module::function",
        "/etc/resolv.conf and /usr/local/lib",
        "bobby and kebob",
        "root may do it",
        'certificate of github.com by "Let\'s Encrypt"',
    ],
)
def test_what_helps_stays(text: str) -> None:
    assert scrub(text, Identity(("/root", "/"), ("root", "bob"), ("localhost",))) == text


def test_addresses_stay_where_they_are_asked_for() -> None:
    text = "10.0.0.7 2607:6bc0::10 00:1a:2b:3c:4d:5e"
    assert scrub(text, addresses=True) == text
    assert scrub("/home/bob/x bob 10.0.0.7", addresses=True) == f"{HOME} {USER} 10.0.0.7"


def test_secrets_are_masked_as_well() -> None:
    assert "Zq7xW2cV9bN4mK1j" not in scrub("key sk-ant-api03-Zq7xW2cV9bN4mK1j")


def test_a_root_folder_as_home_hides_nothing() -> None:
    assert scrub("/etc/hosts", Identity(("/", ""), ("",), ("",))) == "/etc/hosts"


def test_values_of_evidence_are_scrubbed_at_any_depth() -> None:
    found = Scrubber(BOB).value({"/home/bob/x": [{"a": "10.0.0.7"}, "/home/bob/a b c.pem", 443, None, True]})
    assert found == {HOME: [{"a": "[private IPv4 1]"}, HOME, 443, None, True]}


def test_this_machine_is_known() -> None:
    here = Identity.here()
    assert os.path.expanduser("~") in here.homes
    assert socket.gethostname() in here.hosts
    given_ = Identity.here({"HOME": "/h/carol", "USER": "dave", "HOSTNAME": "box.example.net"})
    assert {"carol", "dave"} <= set(given_.users)
    assert {"box.example.net", "box"} <= set(given_.hosts)


@given(prose, around, st.ip_addresses(v=4), around, prose)
def test_no_ipv4_gets_through(
    before: str, left: str, address: ipaddress.IPv4Address, right: str, after: str
) -> None:
    assume(not before[-1:].isdigit() or left)
    assume(not after[:1].isdigit() or right)
    assert str(address) not in scrub(f"{before}{left}{address}{right}{after}")


def _forms(address: ipaddress.IPv6Address) -> list[str]:
    return [str(address), address.exploded, str(address).upper()]


@given(prose, around.filter(bool), st.ip_addresses(v=6), st.integers(0, 2), around.filter(bool), prose)
@example("", " ", ipaddress.ip_address("::ffff:192.0.2.1"), 0, " ", "")
@example("", " ", ipaddress.ip_address("fe80::"), 0, ":", "")
def test_no_ipv6_gets_through(
    before: str, left: str, address: ipaddress.IPv6Address, form: int, right: str, after: str
) -> None:
    assume(address != ipaddress.ip_address("::"))
    text = _forms(address)[form]
    found = scrub(f"{before}{left}{text}{right}{after}")
    assert text not in found


@given(prose, around.filter(bool), name, around.filter(bool), prose, st.booleans())
def test_no_user_and_no_host_gets_through(
    before: str, left: str, who: str, right: str, after: str, is_host: bool
) -> None:
    identity = Identity((), () if is_host else (who,), (who,) if is_host else ())
    for text in (who, who.upper(), who.capitalize()):
        found = scrub(f"{before}{left}{text}{right}{after}", identity)
        assert not re.search(rf"(?i)(?<![^\W_]){re.escape(who)}(?![^\W_])", found)


folder = st.text(string.ascii_letters + string.digits + "-_.é+@=", min_size=3, max_size=10).filter(
    lambda text: text.strip(".") == text and text.lower() not in LABELS
)


@given(prose, around.filter(bool), name, st.lists(folder, min_size=1, max_size=4), around, st.booleans())
def test_no_path_below_home_gets_through(
    before: str, left: str, who: str, parts: list[str], right: str, is_custom: bool
) -> None:
    home = f"/srv/people/{who}" if is_custom else f"/home/{who}"
    identity = Identity((home,), (who,), ())
    secret = "Qsecretq"
    path = "/".join([home, *parts, secret])
    assert secret not in scrub(f"{before}{left}{path}{right} after", identity)
    assert home not in scrub(f"{before}{left}{path}{right} after", identity)
    # With any character that a file's name may have, where it is a value of its own.
    assert secret not in json.dumps(Scrubber(identity).value({"file": f"{home}/my (own), 'x'; {secret}"}))


@given(st.text(max_size=200))
def test_any_text_is_scrubbed_twice_as_well_as_once(text: str) -> None:
    once = scrub(text)
    assert scrub(once) == once
