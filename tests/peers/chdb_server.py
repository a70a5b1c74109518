"""ClickHouse of today behind HTTP, as far as duskwatch asks: python chdb_server.py PORT FOLDER"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from chdb.session import Session


# Of an address; the others are for a server that has several questions at a time.
SETTINGS = {"short_circuit_function_evaluation", "max_execution_time", "log_comment"}


class Caller(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        for name in asked.keys() & SETTINGS:
            session.query(f"SET {name} = '{asked[name]}'")
        try:
            status, answer = 200, session.query(f"{asked.get('query', '')}\n{body}", "TabSeparated").bytes()
        except RuntimeError as error:
            status, answer = 500, str(error).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


session = Session(sys.argv[2])
HTTPServer(("127.0.0.1", int(sys.argv[1])), Caller).serve_forever()
