"""The API that the guides protect: it answers with what reached it. `python3 guides/api.py [PORT]` runs it."""

from __future__ import annotations

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Api(BaseHTTPRequestHandler):
    """Says what was asked for, and who asks according to the gateway."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        """Reads the body, so that the connection can go on, and answers."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        known = ("Key", "Action")
        said = [f"{name.lower()}={self.headers.get(f'X-Durwan-{name}', '')}" for name in known]
        body = f"{self.command} {self.path} {' '.join(said)}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - the names are http.server's

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is http.server's
        """Says nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9000), Api).serve_forever()
