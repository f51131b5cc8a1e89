"""An AWS on this machine: moto's server with its gaps mended (`mends/`), made fast enough to measure against.

Prints one line of JSON, `{"port": N}`, when it listens on 127.0.0.1, and ends when its standard input does: a test that
is killed leaves no server behind.
"""

import argparse
import contextlib
import gc
import io
import json
import os
import re
import signal
import stat
import sys
import threading
import time
import traceback
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

# Before moto reads its settings. CORS headers cost time in each answer and serve browsers only.
os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"

from moto.core.errors import ErrorLookupFactory  # noqa: E402
from moto.core.responses import get_service_router  # noqa: E402
from moto.core.request import Request  # noqa: E402
from moto.core.routing import NotFound  # noqa: E402
from moto.core.utils import get_service_model, service_name_from_moto_package_name  # noqa: E402
from moto.moto_server.werkzeug_app import (  # noqa: E402
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import ThreadedWSGIServer  # noqa: E402

import controls  # noqa: E402
import faults  # noqa: E402
import faster  # noqa: E402
import mends  # noqa: E402
from mends.turn import LOCK  # noqa: E402

# The services that wekactl and the lab call: as a request's signature names them, and as botocore does.
SERVICES = {
    "apigateway": "apigateway",
    "autoscaling": "autoscaling",
    "cloudformation": "cloudformation",
    "dynamodb": "dynamodb",
    "ec2": "ec2",
    "elasticloadbalancing": "elbv2",
    "events": "events",
    "iam": "iam",
    "kms": "kms",
    "lambda": "lambda",
    "logs": "logs",
    "route53": "route53",
    "states": "stepfunctions",
    "sts": "sts",
}

# Those that tell operations by method and path.
REST = ("apigateway", "lambda", "route53")

READS = (
    "BatchGet", "Describe", "Filter", "Get", "Head", "List", "Lookup", "Query", "Scan", "Simulate", "Test", "Validate",
)  # fmt: skip


class Handler(MotoRequestHandler):
    """Keeps connections open, which werkzeug's own never does, and writes no log."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # One write for status line, headers and body.
    wbufsize = -1

    def run_wsgi(self):
        def start_response(status, headers):
            code, _, reason = status.partition(" ")
            self.send_response_only(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()

        for part in self.server.app(self.make_environ(), start_response):
            self.wfile.write(part)
        self.wfile.flush()

    def log(self, *_args, **_kwargs):
        pass


class Server(ThreadedWSGIServer):
    daemon_threads = True
    request_queue_size = 256

    def log(self, *_args, **_kwargs):
        pass


class Lab:
    """The WSGI application: moto behind a lock and, as the network would, a while after."""

    def __init__(self, latency, record):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.latency = latency
        self.record = open(record, "a", buffering=1, encoding="utf-8") if record else None

    def serve(self, tell):
        """Serves on a free port, which `tell` is given, until standard input ends."""
        server = Server("127.0.0.1", 0, self, handler=Handler)
        port = server.server_address[1]
        # moto calls itself by this port where one of its services uses another.
        os.environ["MOTO_PORT"] = str(port)
        tell(port)
        threading.Thread(target=end_with_stdin, daemon=True).start()
        server.serve_forever()

    def fork(self, region):  # noqa: ARG002
        """A second AWS that begins with what stands in this one; its port. It ends as this one does, or by `/lab/end`."""
        read, write = os.pipe()
        # Nobody else is in moto meanwhile: the new process has no other thread that could leave it.
        with LOCK:
            if os.fork() == 0:
                LOCK.release()
                try:
                    forget_connections()
                    self.record = None
                    faults.FAULT.clear()

                    def tell(port):
                        os.write(write, str(port).encode())
                        os.close(write)

                    self.serve(tell)
                finally:
                    os._exit(1)
        os.close(write)
        with os.fdopen(read) as answer:
            return int(answer.read(16))

    def __call__(self, environ, start_response):
        started = time.time()
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        if environ["PATH_INFO"].startswith("/lab/"):
            return controls.answer(environ, body, start_response, self)
        status = "500 Internal Server Error"
        headers = [("Content-Type", "application/json")]

        def take(new_status, new_headers, _exc_info=None):
            nonlocal status, headers
            status, headers = new_status, new_headers
            return lambda _data: None

        with LOCK:
            try:
                if faults.FAULT and faults.fails(not call_of(environ, body)[1].startswith(READS)):
                    status, headers = "400 Bad Request", [("Content-Type", "application/xml")]
                    answer = failure(environ, "a fault that was asked for").encode()
                else:
                    answer = b"".join(self.moto(environ, take))
            except Exception as error:  # noqa: BLE001
                # 501: the SDKs take it for final; a 500 they would try again.
                status, headers = "501 Not Implemented", [("Content-Type", "text/plain")]
                answer = failure(environ, f"{type(error).__name__}: {error}").encode()
                print(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", file=sys.stderr)
                traceback.print_exc()
        if self.latency:
            time.sleep(self.latency)
        if self.record:
            self.note(environ, body, status, answer, started)
        # The length ends the answer where the connection stays open; some of moto's are wrong.
        headers = [h for h in headers if h[0].lower() not in ("connection", "content-length")]
        if not status.startswith("204"):
            headers.append(("Content-Length", str(len(answer))))
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer]

    def note(self, environ, body, status, answer, started):
        service, operation = call_of(environ, body)
        line = {
            "service": service,
            "operation": operation,
            # As the SDKs name the program that they work for.
            "app": "".join(re.findall(r"\bapp/(\S+)", environ.get("HTTP_USER_AGENT", ""))),
            "mutating": not operation.startswith(READS),
            "status": int(status.split()[0]),
            "start_ms": round(started * 1000, 1),
            "end_ms": round(time.time() * 1000, 1),
            "instances": instances_of(service, environ["PATH_INFO"], body),
        }
        if line["status"] >= 400:
            line["error"] = answer.decode("utf-8", "replace")[:500]
        self.record.write(json.dumps(line) + "\n")

    def warm_up(self):
        """Loads the models of the services now: it takes up to 0.5 s each, which the first call would be charged."""
        for signing_name, service in SERVICES.items():
            scope = f"AWS4-HMAC-SHA256 Credential=lab/20260101/eu-west-1/{signing_name}/aws4_request, x"
            environ = {
                "REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "127.0.0.1", "HTTP_AUTHORIZATION": scope,
                "HTTP_X_AMZ_TARGET": "DynamoDB_20120810.ListTables",
            }  # fmt: skip
            self.moto.get_application(environ)
            model = get_service_model(service)
            router = get_service_router(service)
            if not self.latency:
                continue
            # Where time is measured. Errors are put in order at the first one, paths at the first request, whatever it asks for.
            ErrorLookupFactory().for_service(model)
            service_name_from_moto_package_name(service)
            if service in REST:
                with contextlib.suppress(NotFound):
                    router.match(Request.from_primitives("GET", "http://127.0.0.1/", {}))
        get_service_model("elb")


def failure(environ, message):
    """An error in the form of the service that was called, so that an SDK shows the message."""
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        error = f"<Error><Code>LabFailure</Code><Message>{escape(message)}</Message></Error>"
        return f"<Response><Errors>{error}</Errors>{error}</Response>"
    return json.dumps({"__type": "LabFailure", "message": message})


def call_of(environ, body):
    """Service and operation of a request, for the record."""
    try:
        service = environ["HTTP_AUTHORIZATION"].split("/")[3]
    except (KeyError, IndexError):
        return "", f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return service, target.rsplit(".", 1)[-1]
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return service, parse_qs(body.decode()).get("Action", [""])[0]
    try:
        return service, get_service_router(SERVICES[service]).match(Request(environ.copy()))[0].name
    except Exception:  # noqa: BLE001
        return service, f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


def instances_of(service, path, body):
    """The instances that a request names: ids are written as they are in each protocol's body and path."""
    # Code comes in megabytes, and names none.
    text = path if service == "lambda" else f"{path} {body.decode('latin-1')}"
    return sorted(set(re.findall(r"\bi-[0-9a-f]{17}\b", text)))


def end_with_stdin():
    # Not by sys.stdin: its lock is held by the process that a fork is of.
    while os.read(0, 4096):
        pass
    os._exit(0)


def forget_connections():
    """Those of the process that this one is a fork of: they are to end when it ends."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                os.dup2(nothing, int(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0, help="added to each answer, in place of a network")
    parser.add_argument("--record", help="file to which each call is added, a line of JSON each")
    parser.add_argument("--iam-delay-ms", type=float, default=0, help="how long a new role cannot be assumed yet")
    parser.add_argument("--function-pending-ms", type=float, default=0, help="how long functions stay Pending")
    parser.add_argument("--attach-pending-ms", type=float, default=0, help="how long attached instances stay Pending")
    parser.add_argument("--functions", help="where functions are run; without it neither they nor state machines do")
    args = parser.parse_args()
    # Forks that have ended are not waited for.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    faster.without_waste()
    delays = (args.iam_delay_ms, args.function_pending_ms, args.attach_pending_ms)
    mends.configure(*(delay / 1000 for delay in delays), args.functions)
    lab = Lab(args.latency_ms / 1000, args.record)
    lab.warm_up()
    # A million objects of models stay for good: looking through them for garbage takes a third of a second each time.
    gc.freeze()
    lab.serve(lambda port: print(json.dumps({"port": port}), flush=True))


if __name__ == "__main__":
    main()
