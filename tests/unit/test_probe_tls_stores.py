"""A certificate that several stores judge: what is said of one that none of them takes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support.peers import Peer, silent
from tests.unit.network import looked
from tests.unit.test_probe_tls import server

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "times", "error"),
    [
        ("127.0.0.1", {"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}, "expired"),
        ("127.0.0.9", {}, "wrong_host"),
    ],
)
def test_what_the_store_says_that_knows_the_issuer(
    name: str, times: dict[str, Any], error: str, tmp_path: Path
) -> None:
    """A company's own authority, in NODE_EXTRA_CA_CERTS: the system's store knows nothing of it, and the
    advice to trust it would be the wrong one."""
    authority = trustme.CA(organization_name="Corp", organization_unit_name="Inspection")
    ca = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca)
    with Peer(silent, server(authority, name, **times)) as peer:
        given = {"ANTHROPIC_BASE_URL": f"https://127.0.0.1:{peer.port}", "NODE_EXTRA_CA_CERTS": str(ca)}
        (finding,) = looked(tmp_path, given)["tls"]
    assert finding.evidence["error"] == error
    assert finding.state == "fail"
