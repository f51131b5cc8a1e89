"""A local AWS: moto's server with patches (`moto_patches/`), and fast enough for benchmarks.

Prints one line of JSON, `{"port": N}`, when it listens on 127.0.0.1. Exits when its standard input closes, so that a
killed test leaves no server behind.
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

# Set before moto reads its settings. CORS headers take time in each response, and only browsers need them.
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

import behaviours  # noqa: E402
import control  # noqa: E402
import faults  # noqa: E402
import iam_requests  # noqa: E402
import moto_patches  # noqa: E402
import moto_performance  # noqa: E402
import request_check  # noqa: E402
from moto_patches.lock import LOCK  # noqa: E402

# The services that wekactl and the lab call: the signing name, and botocore's name.
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
    "tagging": "resourcegroupstaggingapi",
}

# Services whose operations are identified by method and path.
REST = ("apigateway", "lambda", "route53")

READS = (
    "BatchGet", "Describe", "Filter", "Get", "Head", "List", "Lookup", "Query", "Scan", "Simulate", "Test", "Validate",
)  # fmt: skip


class ConnectionClosed(Exception):
    """The connection closes without a response."""


class Handler(MotoRequestHandler):
    """Keeps connections open, unlike werkzeug's handler, and does not log."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Write the status line, headers and body at once.
    wbufsize = -1

    def run_wsgi(self):
        def start_response(status, headers):
            code, _, reason = status.partition(" ")
            self.send_response_only(int(code), reason)
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()

        try:
            for part in self.server.app(self.make_environ(), start_response):
                self.wfile.write(part)
            self.wfile.flush()
        except ConnectionClosed:
            self.close_connection = True

    def log(self, *_args, **_kwargs):
        pass


class Server(ThreadedWSGIServer):
    daemon_threads = True
    request_queue_size = 256

    def log(self, *_args, **_kwargs):
        pass


class Lab:
    """The WSGI application: moto with a lock and an optional latency."""

    def __init__(self, latency, record, invalid_requests):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.latency = latency
        self.record = open(record, "a", buffering=1, encoding="utf-8") if record else None
        # Forks write to the same file.
        self.invalid_requests = open(invalid_requests, "a", buffering=1, encoding="utf-8") if invalid_requests else None

    def serve(self, report_port):
        """Serves on a free port until standard input closes. Calls `report_port` with the port."""
        server = Server("127.0.0.1", 0, self, handler=Handler)
        port = server.server_address[1]
        # moto uses this port to call itself when one of its services uses another.
        os.environ["MOTO_PORT"] = str(port)
        report_port(port)
        threading.Thread(target=exit_with_stdin, daemon=True).start()
        server.serve_forever()

    def fork(self, region):  # noqa: ARG002
        """Forks a copy of this AWS and returns its port. The copy ends with this process or by `/lab/exit`."""
        read, write = os.pipe()
        # Hold the lock: no other thread is inside moto, and the new process has only this thread.
        with LOCK:
            if os.fork() == 0:
                LOCK.release()
                try:
                    close_connections()
                    self.record = None
                    faults.FAULT.clear()

                    def report_port(port):
                        os.write(write, str(port).encode())
                        os.close(write)

                    self.serve(report_port)
                finally:
                    os._exit(1)
        os.close(write)
        with os.fdopen(read) as port:
            return int(port.read(16))

    def __call__(self, environ, start_response):
        started = time.time()
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        if environ["PATH_INFO"].startswith("/lab/"):
            return control.handle(environ, body, start_response, self)
        status = "500 Internal Server Error"
        headers = [("Content-Type", "application/json")]
        fault, iam = None, []

        def set_response(new_status, new_headers, _exc_info=None):
            nonlocal status, headers
            status, headers = new_status, new_headers
            return lambda _data: None

        with LOCK:
            try:
                parsed = self.parse(environ, body)
                iam = self.iam_requests(parsed, environ)
                if violations := self.violations(parsed):
                    status, headers = "400 Bad Request", [("Content-Type", "application/xml")]
                    response = error_body(environ, "; ".join(violations), "ValidationException").encode()
                elif refusal := self.refusal(environ, body):
                    status, headers = refusal[0], [("Content-Type", "application/xml")]
                    response = error_body(environ, refusal[2], refusal[1]).encode()
                elif (fault := faults.FAULT and faults.next_fault(self.is_mutating(environ, body))) == faults.REFUSED:
                    status, headers = "400 Bad Request", [("Content-Type", "application/xml")]
                    response = error_body(environ, "injected fault").encode()
                else:
                    response = b"".join(self.moto(environ, set_response))
                    if not status.startswith("2"):
                        # The request was rejected: there is nothing to lose.
                        fault = None
                    elif fault:
                        status, headers = "500 Internal Server Error", [("Content-Type", "application/xml")]
                        response = error_body(environ, "injected fault", "InternalFailure").encode()
            except Exception as error:  # noqa: BLE001
                # The SDKs retry a 500, but not a 501.
                status, headers = "501 Not Implemented", [("Content-Type", "text/plain")]
                response = error_body(environ, f"{type(error).__name__}: {error}").encode()
                print(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", file=sys.stderr)
                traceback.print_exc()
        if self.latency:
            time.sleep(self.latency)
        if self.record:
            self.record_call(environ, body, status, response, started, iam)
        if fault == "closed":
            raise ConnectionClosed
        # The connection stays open, so the length must be correct. Some of moto's lengths are wrong.
        headers = [header for header in headers if header[0].lower() not in ("connection", "content-length")]
        if not status.startswith("204"):
            headers.append(("Content-Length", str(len(response))))
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [response]

    @staticmethod
    def is_mutating(environ, body):
        return not call_of(environ, body)[1].startswith(READS)

    @staticmethod
    def refusal(environ, body):
        if not behaviours.ENABLED or not app_of(environ).startswith("wekactl"):
            return None
        service, operation = call_of(environ, body)
        return behaviours.refusal(service, operation, not operation.startswith(READS), environ, body)

    def parse(self, environ, body):
        """The request, if something will be done with it."""
        service = service_of(environ, body) if self.invalid_requests else None
        return request_check.Parsed(service, environ, body) if service else None

    def violations(self, parsed):
        """What AWS refuses in this request. Also writes it to a file, because a caller may ignore the error."""
        found = request_check.violations(parsed) if parsed else []
        for violation in found:
            self.invalid_requests.write(violation.replace("\n", " ") + "\n")
        return found

    def iam_requests(self, parsed, environ):
        """What IAM evaluates for this call, before it changes anything."""
        if not (self.record and parsed and app_of(environ).startswith("wekactl")):
            return []
        region = environ["HTTP_AUTHORIZATION"].split("/")[2]
        try:
            found = iam_requests.requests(parsed, environ, region)
        except Exception as error:  # noqa: BLE001
            # The resource does not exist: AWS rejects the call, whoever the caller is.
            return [{"action": "", "resource": f"{type(error).__name__}: {error}", "context": {}}]
        return [dict(zip(("action", "resource", "context"), request, strict=True)) for request in found]

    def record_call(self, environ, body, status, response, started, iam):
        service, operation = call_of(environ, body)
        line = {
            "service": service,
            "operation": operation,
            "app": app_of(environ),
            "mutating": not operation.startswith(READS),
            "status": int(status.split()[0]),
            "start_ms": round(started * 1000, 1),
            "end_ms": round(time.time() * 1000, 1),
            "instances": instances_of(service, environ["PATH_INFO"], body),
            "iam": iam,
        }
        if line["status"] >= 400:
            line["error"] = response.decode("utf-8", "replace")[:500]
        self.record.write(json.dumps(line) + "\n")

    def warm_up(self):
        """Loads the models of the services. Each takes up to 0.5 s, which would slow down the first call."""
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
            # Only for benchmarks: moto builds its tables of errors and paths on first use.
            ErrorLookupFactory().for_service(model)
            service_name_from_moto_package_name(service)
            if service in REST:
                with contextlib.suppress(NotFound):
                    router.match(Request.from_primitives("GET", "http://127.0.0.1/", {}))
        get_service_model("elb")


def error_body(environ, message, code="LabFailure"):
    """An error in the format of the called service, so that an SDK shows the message."""
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    if is_form(environ):
        return f"<Response><Errors>{error}</Errors>{error}</Response>"
    if "/route53/" in environ.get("HTTP_AUTHORIZATION", ""):
        return f"<ErrorResponse>{error}</ErrorResponse>"
    return json.dumps({"__type": code, "message": message})


def app_of(environ):
    """The app name that the SDKs send."""
    return "".join(re.findall(r"\bapp/(\S+)", environ.get("HTTP_USER_AGENT", "")))


def is_form(environ):
    return environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")


def service_of(environ, body):
    """botocore's name of the called service; None if the request is not a signed call."""
    try:
        service = SERVICES[environ["HTTP_AUTHORIZATION"].split("/")[3]]
    except (KeyError, IndexError):
        return None
    # Classic load balancers have the same signing name.
    is_classic = service == "elbv2" and b"Version=2012-06-01" in body
    return "elb" if is_classic else service


def call_of(environ, body):
    """The service and the operation of a request."""
    try:
        service = environ["HTTP_AUTHORIZATION"].split("/")[3]
    except (KeyError, IndexError):
        return "", f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return service, target.rsplit(".", 1)[-1]
    if is_form(environ):
        return service, parse_qs(body.decode()).get("Action", [""])[0]
    try:
        return service, get_service_router(SERVICES[service]).match(Request(environ.copy()))[0].name
    except Exception:  # noqa: BLE001
        return service, f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"


def instances_of(service, path, body):
    """The instance ids in a request. No protocol encodes them."""
    # Requests to Lambda can contain a large package and never contain instance ids.
    text = path if service == "lambda" else f"{path} {body.decode('latin-1')}"
    return sorted(set(re.findall(r"\bi-[0-9a-f]{17}\b", text)))


def exit_with_stdin():
    # Do not use sys.stdin: a fork inherits its lock in the locked state.
    while os.read(0, 4096):
        pass
    os._exit(0)


def close_connections():
    """Closes the inherited connections of the original process, so that they close when that process closes them."""
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                os.dup2(null, int(name))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=0, help="additional time of each response")
    parser.add_argument("--record", help="file for the recorded calls, one line of JSON each")
    parser.add_argument("--invalid-requests", help="file for what AWS refuses in requests; without it, they are not checked")
    parser.add_argument("--iam-delay-ms", type=float, default=0, help="how long a new role cannot be assumed")
    parser.add_argument("--function-pending-ms", type=float, default=0, help="how long functions stay Pending")
    parser.add_argument("--attach-pending-ms", type=float, default=0, help="how long attached instances stay Pending")
    parser.add_argument("--behaviour", action="append", default=[], choices=behaviours.NAMES, help="see docs/lab.md")
    parser.add_argument("--functions", help="URL that runs functions; without it, functions and state machines do not run")
    args = parser.parse_args()
    # Reap exited forks automatically.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    moto_performance.install()
    behaviours.ENABLED.update(args.behaviour)
    delays = (args.iam_delay_ms, args.function_pending_ms, args.attach_pending_ms)
    moto_patches.configure(*(delay / 1000 for delay in delays), args.functions)
    lab = Lab(args.latency_ms / 1000, args.record, args.invalid_requests)
    lab.warm_up()
    # The models have a million permanent objects. Each garbage collection of them takes 0.3 s.
    gc.freeze()
    lab.serve(lambda port: print(json.dumps({"port": port}), flush=True))


if __name__ == "__main__":
    main()
