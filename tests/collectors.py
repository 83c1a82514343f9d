"""A collector of traces and a Sentry of a test's own: real servers that keep what was sent to them."""

import contextlib
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Collected:
    """What came, in order: path, headers with lower-case names, and the body unpacked."""

    url: str
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def everything(self) -> bytes:
        """All bodies and headers, to be searched."""
        return b"\n".join(repr(headers).encode() + b"\n" + body for _, headers, body in self.posts)

    def spans(self) -> list[Any]:
        """The spans of all posts to the path of traces."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        found = []
        for path, _, body in list(self.posts):
            assert path == "/v1/traces", path
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                found += [span for scope in resource.scope_spans for span in scope.spans]
        return found

    def resource(self) -> dict[str, str]:
        """What the spans of the first post say of who sent them."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        (resource,) = ExportTraceServiceRequest.FromString(self.posts[0][2]).resource_spans
        return facts(resource.resource)

    def events(self) -> list[dict[str, Any]]:
        """The events within the envelopes of Sentry."""
        found = []
        for path, _, body in list(self.posts):
            assert path == "/api/7/envelope/", path
            lines = body.split(b"\n")
            found += [json.loads(lines[i + 1]) for i, line in enumerate(lines) if b'"type":"event"' in line]
        return found

    def wait_for(self, enough: Callable[["Collected"], bool], within_s: float = 30.0) -> None:
        """Until `enough`; fails with what there is."""
        until = time.monotonic() + within_s
        while not enough(self):
            assert time.monotonic() < until, [(path, body[:300]) for path, _, body in self.posts]
            time.sleep(0.02)


def facts(span: Any) -> dict[str, Any]:
    """The attributes of a span or resource as a mapping."""
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


@contextlib.contextmanager
def collecting(status: int = 200) -> Iterator[Collected]:
    """A server that answers every POST with `status`."""
    kept: list[tuple[str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", "0")))
            kept.append((self.path, headers, gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body))
            answer = b"{}" if self.path.startswith("/api/") else b""
            self.send_response(status)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield Collected(f"http://127.0.0.1:{server.server_port}", kept)
        finally:
            server.shutdown()
            thread.join()
