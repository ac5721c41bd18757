"""How answers and errors look on the wire: the API's JSON, its server-sent events, the edge's pages.

Shapes: https://docs.claude.com/en/api/messages-streaming and https://docs.claude.com/en/api/errors.
"""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from tests.standin.answers import Block, Json, Text

_ERRORS = {
    400: ("invalid_request_error", "messages: at least one message is required"),
    401: (
        "authentication_error",
        "OAuth token has expired. Please obtain a new token or refresh your existing token.",
    ),
    403: ("permission_error", "Your account does not have access to Claude Code."),
    404: ("not_found_error", "Not found"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


@dataclass(frozen=True)
class Event:
    """One server-sent event, sent `pause_s` seconds after the one before it."""

    data: Json
    pause_s: float = 0.0

    @property
    def type(self) -> str:
        return str(self.data["type"])

    def encode(self) -> bytes:
        return f"event: {self.type}\ndata: {json.dumps(self.data)}\n\n".encode()


def request_id() -> str:
    return f"req_{uuid.uuid4().hex[:24]}"


def error_json(status: int, request: str) -> bytes:
    kind, message = _ERRORS.get(status, ("api_error", f"Status {status}"))
    return json.dumps(
        {"type": "error", "error": {"type": kind, "message": message}, "request_id": request}
    ).encode()


_ENVOY = "upstream connect error or disconnect/reset before headers. reset reason: connection timeout"


def limit_headers(claim: str) -> dict[str, str]:
    """A limit of the user's plan is used up, and comes back in two hours."""
    ahead = "anthropic-ratelimit-unified-"
    values = {"status": "rejected", "representative-claim": claim, "reset": str(int(time.time()) + 7200)}
    return {ahead + key: value for key, value in values.items()}


def edge_page(status: int, body: str = "") -> tuple[str, bytes]:
    """Content type and body of an error that a load balancer in front of the API makes."""
    if body == "envoy":
        return "text/plain", _ENVOY.encode()
    if body == "plain" or (not body and status == 503):
        return "text/plain", b"no healthy upstream"
    reason = {
        500: "Internal Server Error",
        502: "Bad Gateway",
        503: "Service Temporarily Unavailable",
        504: "Gateway Time-out",
    }.get(status, "Error")
    title = f"{status} {reason}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    return "text/html", page.encode()


def _stop_reason(blocks: list[Block]) -> str:
    return "end_turn" if isinstance(blocks[-1], Text) else "tool_use"


def _block_json(block: Block) -> Json:
    if isinstance(block, Text):
        return {"type": "text", "text": "".join(block.chunks)}
    return {
        "type": "tool_use",
        "id": f"toolu_{uuid.uuid4().hex[:24]}",
        "name": block.name,
        "input": block.input,
    }


def message(model: str, blocks: list[Block]) -> Json:
    return {
        "id": f"msg_{uuid.uuid4().hex[:24]}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [_block_json(block) for block in blocks],
        "stop_reason": _stop_reason(blocks),
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 10},
    }


def events(model: str, blocks: list[Block]) -> Iterator[Event]:
    whole = message(model, blocks)
    yield Event({"type": "message_start", "message": whole | {"content": [], "stop_reason": None}})
    for index, block in enumerate(blocks):
        content = whole["content"][index]
        empty: Json = {"text": ""} if isinstance(block, Text) else {"input": {}}
        yield Event({"type": "content_block_start", "index": index, "content_block": content | empty})
        if isinstance(block, Text):
            for chunk in block.chunks:
                delta: Json = {"type": "text_delta", "text": chunk}
                yield Event({"type": "content_block_delta", "index": index, "delta": delta}, block.pause_s)
        else:
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block.input)}
            yield Event({"type": "content_block_delta", "index": index, "delta": delta})
        yield Event({"type": "content_block_stop", "index": index})
    yield Event(
        {
            "type": "message_delta",
            "delta": {"stop_reason": whole["stop_reason"], "stop_sequence": None},
            "usage": {"output_tokens": 10},
        }
    )
    yield Event({"type": "message_stop"})
