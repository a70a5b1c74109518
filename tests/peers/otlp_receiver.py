"""An OTLP receiver made of the official messages, over gRPC and HTTP, that shares nothing with the exporter."""

import gzip
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf.unknown_fields import UnknownFieldSet
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

# By signal, which is also the end of the path: request, answer, servicer, and how it is added to a server.
SIGNALS = {
    "metrics": (
        metrics_service_pb2.ExportMetricsServiceRequest, metrics_service_pb2.ExportMetricsServiceResponse,
        metrics_service_pb2_grpc.MetricsServiceServicer, metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server,
    ),
    "logs": (
        logs_service_pb2.ExportLogsServiceRequest, logs_service_pb2.ExportLogsServiceResponse,
        logs_service_pb2_grpc.LogsServiceServicer, logs_service_pb2_grpc.add_LogsServiceServicer_to_server,
    ),
    "traces": (
        trace_service_pb2.ExportTraceServiceRequest, trace_service_pb2.ExportTraceServiceResponse,
        trace_service_pb2_grpc.TraceServiceServicer, trace_service_pb2_grpc.add_TraceServiceServicer_to_server,
    ),
}


class Receiver:
    """Listens on two free ports of 127.0.0.1; answers the first `refusals` exports with 'unavailable'."""

    def __init__(self, refusals=0):
        self.received = {signal: [] for signal in SIGNALS}
        self.refused = 0
        self.problems = []
        self.refusals = refusals
        self.lock = threading.Lock()

    def __enter__(self):
        self.grpc = grpc.server(futures.ThreadPoolExecutor(2))
        for signal, (_, answer, servicer, add) in SIGNALS.items():
            add(_servicer(self, signal, answer, servicer), self.grpc)
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

    def keep(self, signal, request):
        with self.lock:
            self.received[signal].append(request)

    def requests(self, signal):
        with self.lock:
            return list(self.received[signal])

    def metrics(self):
        """Every metric in its newest state, by name."""
        resources = (resource for request in self.requests("metrics") for resource in request.resource_metrics)
        return {metric.name: metric for resource in resources for scope in resource.scope_metrics for metric in scope.metrics}

    def logs(self):
        """Every log record, with the attributes of its resource."""
        resources = [resource for request in self.requests("logs") for resource in request.resource_logs]
        return [(resource.resource, record) for resource in resources for scope in resource.scope_logs for record in scope.log_records]

    def spans(self):
        resources = [resource for request in self.requests("traces") for resource in request.resource_spans]
        return [(resource.resource, span) for resource in resources for scope in resource.scope_spans for span in scope.spans]


def unknown_fields(message):
    """How many fields of `message` the official schema does not know."""
    count = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is not None:
            count += sum(map(unknown_fields, value if field.is_repeated else [value]))
    return count


def _servicer(receiver, signal, answer, base):
    class Servicer(base):
        def Export(self, request, context):
            if not receiver.accepts():
                context.abort(grpc.StatusCode.UNAVAILABLE, "come back later")
            receiver.keep(signal, request)
            return answer()

    return Servicer()


def _handler(receiver):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            signal = self.path.removeprefix("/v1/")
            if signal not in SIGNALS or self.headers["Content-Type"] != "application/x-protobuf":
                receiver.problems.append(f"POST {self.path} {self.headers['Content-Type']}")
                return self.answer(404, b"")
            if not receiver.accepts():
                return self.answer(503, b"", {"Retry-After": "0"})
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            request, answer, *_ = SIGNALS[signal]
            receiver.keep(signal, request.FromString(body))
            return self.answer(200, answer().SerializeToString())

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
