"""An OTLP metrics receiver made of the official messages, over gRPC and HTTP, that shares nothing with the exporter."""

import gzip
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as messages
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as services


class Receiver:
    """Listens on two free ports of 127.0.0.1; answers the first `refusals` exports with 'unavailable'."""

    def __init__(self, refusals=0):
        self.requests = []
        self.refused = 0
        self.problems = []
        self.refusals = refusals
        self.lock = threading.Lock()

    def __enter__(self):
        self.grpc = grpc.server(futures.ThreadPoolExecutor(2))
        services.add_MetricsServiceServicer_to_server(_servicer(self), self.grpc)
        grpc_port = self.grpc.add_insecure_port("127.0.0.1:0")
        self.grpc.start()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.endpoints = {"grpc": f"http://127.0.0.1:{grpc_port}", "http": f"http://127.0.0.1:{self.http.server_port}"}
        return self

    def __exit__(self, *_):
        self.grpc.stop(None).wait()
        self.http.shutdown()
        self.http.server_close()

    def accepts(self):
        with self.lock:
            if self.refused < self.refusals:
                self.refused += 1
                return False
            return True

    def keep(self, request):
        with self.lock:
            self.requests.append(request)

    def metrics(self):
        """Every metric in its newest state, by name."""
        with self.lock:
            requests = list(self.requests)
        scopes = (scope for request in requests for resource in request.resource_metrics for scope in resource.scope_metrics)
        return {metric.name: metric for scope in scopes for metric in scope.metrics}


def unknown_fields(message):
    """How many fields of `message` the official schema does not know."""
    count = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is not None:
            count += sum(map(unknown_fields, value if field.is_repeated else [value]))
    return count


def _servicer(receiver):
    class Servicer(services.MetricsServiceServicer):
        def Export(self, request, context):
            if not receiver.accepts():
                context.abort(grpc.StatusCode.UNAVAILABLE, "come back later")
            receiver.keep(request)
            return messages.ExportMetricsServiceResponse()

    return Servicer()


def _handler(receiver):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/v1/metrics" or self.headers["Content-Type"] != "application/x-protobuf":
                receiver.problems.append(f"POST {self.path} {self.headers['Content-Type']}")
                return self.answer(404, b"")
            if not receiver.accepts():
                return self.answer(503, b"", {"Retry-After": "0"})
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            receiver.keep(messages.ExportMetricsServiceRequest.FromString(body))
            return self.answer(200, messages.ExportMetricsServiceResponse().SerializeToString())

        def answer(self, status, body, headers=None):
            self.send_response(status)
            for name, value in {"Content-Type": "application/x-protobuf", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler
