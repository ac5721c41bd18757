"""Sends incidents as OpenTelemetry logs, by OTLP over HTTP. Needs the extra `otlp`.

Where to, how and as whom is said by the standard variables (OTEL_EXPORTER_OTLP_ENDPOINT, …_LOGS_ENDPOINT,
…_HEADERS, …_CERTIFICATE, …_TIMEOUT, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES), which the library reads
itself. One record for each incident: its time is the incident's start, its severity the outcome.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cc_guard import __version__
from cc_guard.history_report import words
from cc_guard.history_report.flat import flat
from cc_guard.incident.record import Incident, Outcome
from cc_guard.redact import redact

EVENT = "cc_guard.incident"
BATCH = 100
"""Records in one request: a collector takes 4 MiB or more, and a record has some 2 KB."""
_DEFAULT = "http://localhost:4318/v1/logs"
_PROTOCOL = "http/protobuf"
_SEVERITY: dict[Outcome, str] = {
    "recovered": "INFO",
    "released": "WARN",
    "abandoned": "WARN",
    "failed": "ERROR",
    "open": "INFO",
}


class CannotSend(Exception):
    """The text says why and what to do, in at most two lines."""


def send(incidents: Sequence[Incident]) -> tuple[int, str]:
    """How many were sent, and where to. Those still open are left for another time. Raises CannotSend."""
    _check_protocol()
    try:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.sdk._logs.export import LogRecordExportResult
    except ImportError as error:
        missing = f"Sending to an OpenTelemetry collector needs the extra 'otlp' ({error})."
        raise CannotSend(f"{missing}\nInstall it: pip install 'cc-guard[otlp]'") from error
    where = endpoint()
    records = _records([one for one in incidents if one.outcome != "open"])
    with _listening() as said:
        try:
            exporter = OTLPLogExporter()
            try:
                for start in range(0, len(records), BATCH):
                    if exporter.export(records[start : start + BATCH]) is not LogRecordExportResult.SUCCESS:
                        raise _failed(where, start, said)
            finally:
                exporter.shutdown()  # type: ignore[no-untyped-call]
        except CannotSend:
            raise
        except Exception as error:  # of a wrong variable, a certificate that is not there
            raise _failed(where, 0, [str(error)]) from error
    return len(records), where


def endpoint() -> str:
    """Where logs go, by the standard variables, without a password: to be shown."""
    whole = os.environ.get("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "").strip()
    base = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    return redact(whole or (f"{base.rstrip('/')}/v1/logs" if base else _DEFAULT))


def _check_protocol() -> None:
    names = ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    name = next((name for name in names if os.environ.get(name)), None)
    if name is not None and os.environ[name] != _PROTOCOL:
        why = f"{name}={os.environ[name]}, and cc-guard sends by {_PROTOCOL} only."
        advice = f"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL={_PROTOCOL} with a collector's port 4318 does it."
        raise CannotSend(f"{redact(why)}\n{advice}")


def _failed(where: str, sent: int, said: Sequence[str]) -> CannotSend:
    why = redact(" ".join(said[-1].split()))[:300] if said else "no reason was given"
    done = f" after {words.counted(sent, 'incident')}" if sent else ""
    advice = "Is a collector listening there? OTEL_EXPORTER_OTLP_ENDPOINT says where to send."
    return CannotSend(f"{where} does not take the incidents{done}: {why}\n{advice}")


def _records(incidents: Sequence[Incident]) -> list[Any]:
    """As the exporter wants them: made by the library's own logger, which knows about resource and scope."""
    from opentelemetry._logs import SeverityNumber
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
    from opentelemetry.sdk.resources import Resource

    known = Resource.create({})
    if str(known.attributes.get("service.name", "")).startswith("unknown_service"):
        known = known.merge(Resource({"service.name": "cc-guard"}))
    provider = LoggerProvider(known.merge(Resource({"service.version": __version__})), shutdown_on_exit=False)
    memory = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]
    provider.add_log_record_processor(SimpleLogRecordProcessor(memory))
    logger = provider.get_logger("cc_guard.history", __version__)
    for one in incidents:
        severity = _SEVERITY[one.outcome]
        logger.emit(
            timestamp=_nanoseconds(one.started_at),
            observed_timestamp=_nanoseconds(one.ended_at or one.started_at),
            severity_text=severity,
            severity_number=SeverityNumber[severity],
            body=_sentence(one),
            attributes={f"{EVENT}.{name}": value for name, value in flat(one).items() if value is not None},
            event_name=EVENT,
        )
    return list(memory.get_finished_logs())


def _sentence(incident: Incident) -> str:
    what = words.what(incident.kind, incident.code)
    cause = f", cause {incident.cause}" if incident.cause else ""
    helped = ", ".join(words.helped(incident))
    by = f" by {helped}" if helped else ""
    return f"{what}{cause}: {incident.outcome}{by} after {words.span(incident.downtime_s)}"


def _nanoseconds(t: float) -> int:
    return round(t * 1000) * 1_000_000  # a float has no more than that


@contextmanager
def _listening() -> Iterator[list[str]]:
    """The library says why only in its log, which must not reach the user's screen as it is."""
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    log = logging.getLogger("opentelemetry")
    listener, before = Listener(logging.WARNING), log.propagate
    log.addHandler(listener)
    log.propagate = False
    try:
        yield said
    finally:
        log.removeHandler(listener)
        log.propagate = before
