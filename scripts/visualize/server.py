"""One page served on this machine."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from wasabi import msg

from scripts.cli import InputError, Stopped

HOST = "127.0.0.1"  # seen from this machine only


def serve_page(page: bytes, port: int) -> None:
    """Show a page, and nothing else, on this machine until Ctrl-C or SIGTERM.

    RAISES (InputError): The port is taken or cannot be used.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    try:
        server = ThreadingHTTPServer((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        raise InputError(f"Port {port} cannot be used ({error}): give another with --port.") from None
    with server:
        msg.info(f"See http://{HOST}:{server.server_port}/, Ctrl-C ends")
        try:
            server.serve_forever()
        except Stopped:
            msg.good("Ended")
