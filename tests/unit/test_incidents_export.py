"""What other programs get: a table, and OpenTelemetry logs, by a real collector's eyes."""

import csv
import gzip
import io
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from cc_guard import __version__
from cc_guard.commands.incidents import main
from cc_guard.history import History
from cc_guard.history_report import otlp
from cc_guard.history_report.flat import csv_text, flat
from cc_guard.incident.record import Action, Finding, Incident, Symptom
from cc_guard.owner import Owner

T = 1_795_283_592.25


class Collector:
    """Takes POSTs on a loopback port. `status`: what it answers."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Message, bytes]] = []
        self.status = 200
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.requests.append((self.path, self.headers, body))
                self.send_response(collector.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def decoded(self) -> list[ExportLogsServiceRequest]:
        found = []
        for _, headers, body in self.requests:
            plain = gzip.decompress(body) if headers.get("Content-Encoding") == "gzip" else body
            found.append(ExportLogsServiceRequest.FromString(plain))
        return found


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    found = Collector()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
    yield found
    found.close()


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def incident(**changes: object) -> Incident:
    given_ = {
        "id": "20261121-175312-3f2a",
        "session": "6f1c2b3a-1111-4222-8333-444455556666",
        "started_at": T,
        "ended_at": T + 30.3,
        "kind": "connection",
        "code": "ECONNRESET",
        "cause": "tcp.blocked",
        "confidence": 0.75,
        "symptoms": [Symptom(T, "connection", "retrying", "ECONNRESET", attempt=2, max_attempts=10)],
        "evidence": [Finding("api.path", "fail", "refused", {"route": "https://api.anthropic.com:443"}, 1.0)],
        "actions": [Action("hold.wait", "ok", "", T, 30.0)],
        "outcome": "recovered",
        "held_s": 30.0,
        "downtime_s": 30.3,
        "recovery_s": 0.3,
        "retries_spent": 2,
        "client_version": "2.1.330",
        "profile": "generic",
        "signals": ["screen", "transcript"],
    }
    return Incident(**{**given_, **changes})  # type: ignore[arg-type]


def save(*incidents: Incident) -> None:
    with History() as store:
        for one in incidents:
            store.save(one, Owner.current())


def attributes(pairs: object) -> dict[str, object]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}  # type: ignore[attr-defined]


def test_a_collector_gets_each_incident_once(
    collector: Collector, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=guards")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=desk")
    failed = incident(id="b", started_at=T + 60, outcome="failed", actions=[], recovery_s=None)
    save(incident(), failed, incident(id="c", outcome="open", ended_at=None))
    assert main(["export", "--format", "otlp"]) == 0
    assert capsys.readouterr().out == f"2 incidents sent to {collector.url}/v1/logs\n"
    ((path, headers, _),) = collector.requests
    assert (path, headers["Content-Type"], headers["x-team"]) == (
        "/v1/logs",
        "application/x-protobuf",
        "guards",
    )
    (resource,) = collector.decoded[0].resource_logs
    about = attributes(resource.resource.attributes)
    assert (about["service.name"], about["service.version"]) == ("cc-guard", __version__)
    assert about["deployment.environment"] == "desk"
    assert "host.name" not in about
    (scope,) = resource.scope_logs
    first, second = scope.log_records
    assert (first.severity_text, first.severity_number, second.severity_text) == ("INFO", 9, "ERROR")
    assert first.event_name == "cc_guard.incident"
    assert (first.time_unix_nano, first.observed_time_unix_nano) == (
        1_795_283_592_250_000_000,
        1_795_283_622_550_000_000,
    )
    assert first.body.string_value == "connection ECONNRESET, cause tcp.blocked: recovered by pause after 30s"
    found = attributes(first.attributes)
    expected = {f"cc_guard.incident.{k}": v for k, v in flat(incident()).items() if v is not None}
    assert found == expected
    assert found["cc_guard.incident.downtime_s"] == 30.3


def test_the_standard_variables_are_obeyed(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", f"{collector.url}/own/path")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "my-guard")
    assert otlp.send([incident()]) == (1, f"{collector.url}/own/path")
    assert collector.requests[0][0] == "/own/path"
    about = attributes(collector.decoded[0].resource_logs[0].resource.attributes)
    assert about["service.name"] == "my-guard"


def test_many_go_in_several_requests(collector: Collector) -> None:
    count, _ = otlp.send([incident(id=f"{n:04}") for n in range(otlp.BATCH + 1)])
    sizes = [len(one.resource_logs[0].scope_logs[0].log_records) for one in collector.decoded]
    assert (count, sizes) == (otlp.BATCH + 1, [otlp.BATCH, 1])


def test_nothing_to_send_is_no_request(collector: Collector) -> None:
    assert otlp.send([])[0] == 0
    assert collector.requests == []


def test_a_collector_that_refuses_is_two_lines(
    collector: Collector, capfd: pytest.CaptureFixture[str]
) -> None:
    collector.status = 400
    save(incident())
    assert main(["export", "--format", "otlp"]) == 1
    captured = capfd.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert f"{collector.url}/v1/logs does not take the incidents: " in first
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in second


def test_no_collector_is_two_lines(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, collector: Collector
) -> None:
    collector.close()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    save(incident())
    assert main(["export", "--format", "otlp"]) == 1
    captured = capfd.readouterr()
    assert len(captured.err.splitlines()) == 2
    assert "Traceback" not in captured.err
    collector.__init__()  # type: ignore[misc]  # for the fixture to close


def test_another_protocol_is_refused(
    collector: Collector, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    save(incident())
    assert main(["export", "--format", "otlp"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert collector.requests == []


def test_a_missing_extra_is_two_lines(tmp_path: Path) -> None:
    """As where nothing of OpenTelemetry is installed: a module of that name that is no package."""
    (tmp_path / "opentelemetry.py").touch()
    program = "import sys; from cc_guard.commands.incidents import main; sys.exit(main(sys.argv[1:]))"
    for format_, status in (("otlp", 1), ("csv", 0), ("json", 0)):
        result = subprocess.run(
            [sys.executable, "-c", program, "export", "--format", format_],
            env={"PYTHONPATH": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == status, result.stderr
        if status:
            first, second = result.stderr.splitlines()
            assert "needs the extra 'otlp'" in first
            assert second == "Install it: pip install 'cc-guard[otlp]'"


def test_a_password_in_the_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hunter2@collector:4318/")
    assert otlp.endpoint() == "http://***@collector:4318/v1/logs"


def test_the_table_has_a_cell_for_every_value() -> None:
    (row,) = csv.DictReader(io.StringIO(csv_text([incident()])))
    assert row == {name: "" if value is None else str(value) for name, value in flat(incident()).items()}
    assert (row["retries_saved"], row["stock"], row["stock_later_s"]) == ("4", "next_retry", "4.7")
    assert (row["way"], row["actions"], row["findings"]) == (
        *("https://api.anthropic.com:443", "hold.wait ok", "api.path fail"),
    )


def test_a_cell_is_no_formula_and_steers_no_terminal() -> None:
    (row,) = csv.DictReader(io.StringIO(csv_text([incident(code="=cmd()\x1b[2J", profile='a,"b"\nc')])))
    assert (row["code"], row["profile"]) == ("'=cmd()?[2J", 'a,"b"?c')
