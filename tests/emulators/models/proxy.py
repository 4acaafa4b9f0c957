"""Passes requests on to an emulator of AWS, and holds them and its replies against AWS's models.

    proxy.py PORT EMULATOR_PORT

The models are those that botocore brings. Requests that no service signs for (the URLs of deployed
functions, the emulator's own pages) are passed on unread.

Asked for `/_models/before/PORT`, it is before that emulator from then on. Asked for `/_models`, it
answers one line for each deviation: whose it is (`request` or `reply`), the service, the operation,
how many times, and what; and one with `call` for each operation that was called. Fields are parted
by tabs.
"""

import collections
import contextlib
import functools
import http.client
import http.server
import re
import socket
import sys
import threading
import traceback

import botocore.exceptions
import botocore.session

import shape
import wire

ADDRESS = "127.0.0.1"

# Not passed on: they are about one connection, or written anew.
OWN_HEADERS = {"connection", "content-length", "keep-alive", "transfer-encoding"}

# Longer than any invocation of a function takes.
PATIENCE_SECONDS = 900

session = botocore.session.get_session()


@functools.lru_cache(maxsize=None)
def model_of(service):
    try:
        return session.get_service_model(service)
    except botocore.exceptions.UnknownServiceError:
        return None


class Record:
    """What has been called and what deviated, by what it is and how often."""

    def __init__(self):
        self.lock = threading.Lock()
        self.lines = collections.Counter()

    def add(self, side, service, operation, what=""):
        with self.lock:
            self.lines[(side, service, operation, " ".join(what.split()))] += 1

    def text(self):
        with self.lock:
            lines = sorted(self.lines.items())
        return "".join(
            "\t".join((side, service, operation, str(count), what)) + "\n"
            for (side, service, operation, what), count in lines
        )


record = Record()
# Parsing a model is not safe to be done twice at once.
reading = threading.Lock()


def read_request(request):
    """Notes what deviates in `request`. Service, model and operation, if there is one."""
    service = wire.service_of(request)
    if service is None:
        return None
    with reading:
        model = model_of(service)
        if model is None:
            record.add("request", service, "?", "there is no model of this service")
            return None
        try:
            operation, labels = wire.operation_of(model, request)
        except wire.Unreadable as error:
            record.add("request", service, "?", str(error))
            return None
        record.add("call", service, operation.name)
        note("request", service, operation, lambda: request_deviations(model, operation, labels, request))
    return service, model, operation


def request_deviations(model, operation, labels, request):
    value, wrong = wire.input_of(model, operation, labels, request)
    if operation.input_shape is not None:
        wrong += shape.check(operation.input_shape, value)
    return wrong


def read_reply(service, model, operation, reply):
    if reply.status < 300 and not operation.has_event_stream_output:
        with reading:
            note("reply", service, operation, lambda: reply_deviations(model, operation, reply))


def reply_deviations(model, operation, reply):
    value = wire.output_of(model, operation, reply)
    return shape.check(operation.output_shape, value, requires=False) if operation.output_shape else []


def note(side, service, operation, deviations):
    try:
        for what in deviations():
            # Which item of a list it is makes no other deviation.
            record.add(side, service, operation.name, re.sub(r"\[\d+\]", "[]", what))
    except wire.Unreadable as error:
        record.add(side, service, operation.name, f"it: {error}")
    except Exception as error:  # A defect of ours must be seen, and must not look like the server's.
        traceback.print_exc()
        record.add(side, service, operation.name, f"it: cannot be judged: {error!r}")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    emulator = 0

    def answer(self):
        body = self.read_body()
        if self.path == "/_models":
            return self.write(200, [("content-type", "text/plain")], record.text().encode())
        if self.path.startswith("/_models/before/"):
            Handler.emulator = int(self.path.rpartition("/")[2])
            return self.write(200, [], b"")
        headers = {name.lower(): value for name, value in self.headers.items()}
        content = body
        if "aws-chunked" in headers.get("content-encoding", "") or headers.get(
            "x-amz-content-sha256", ""
        ).startswith("STREAMING-"):
            content = unwrapped(body)
        request = wire.Message(headers, content, self.command, self.path)
        known = read_request(request)
        try:
            status, reply_headers, reply = self.pass_on(body)
        except (OSError, http.client.HTTPException) as error:
            return self.write(502, [], f"the emulator does not answer: {error}".encode())
        if known and self.command != "HEAD":
            by_name = {name.lower(): value for name, value in reply_headers}
            read_reply(*known, wire.Message(by_name, reply, status=status))
        self.write(status, reply_headers, reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

    def read_body(self):
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        chunks = []
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
            if size == 0:
                return b"".join(chunks)

    def pass_on(self, body):
        """On a connection of its own: one that was kept may have been given up by the other side,
        and then nobody knows whether the request was carried out."""
        connection = http.client.HTTPConnection(ADDRESS, self.emulator, timeout=PATIENCE_SECONDS)
        with contextlib.closing(connection):
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in OWN_HEADERS:
                    connection.putheader(name, value)
            if body or self.command in ("POST", "PUT", "PATCH"):
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            headers = [header for header in answer.getheaders() if header[0].lower() not in OWN_HEADERS]
            length = answer.getheader("content-length")
            if self.command == "HEAD" and length is not None:
                headers.append(("content-length", length))
            return answer.status, headers, answer.read()

    def write(self, status, headers, body):
        head = [f"HTTP/1.1 {status} {http.client.responses.get(status, '')}"]
        head += [f"{name}: {value}" for name, value in headers]
        if not any(name.lower() == "content-length" for name, _ in headers):
            head.append(f"content-length: {len(body)}")
        content = b"" if self.command == "HEAD" else body
        # In one piece, or the client waits for the second.
        self.wfile.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + content)

    def log_message(self, *arguments):
        pass


def unwrapped(body):
    """The content of a body that is sent in signed chunks."""
    content = []
    while body:
        line, _, body = body.partition(b"\r\n")
        size = int(line.split(b";")[0] or b"0", 16)
        if size == 0:
            break
        content.append(body[:size])
        body = body[size + 2:]
    return b"".join(content)


def main():
    port, Handler.emulator = int(sys.argv[1]), int(sys.argv[2])
    http.server.ThreadingHTTPServer.daemon_threads = True
    http.server.ThreadingHTTPServer.request_queue_size = 128
    http.server.ThreadingHTTPServer((ADDRESS, port), Handler).serve_forever()


if __name__ == "__main__":
    main()
