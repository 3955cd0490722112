"""A service's way to SQS that lets through what its role allows, as IAM would, and notes what was asked."""

import fnmatch
import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Gate:
    """Passes calls on to `upstream`. `statements` are those of the role's policy. It also hands out credentials, as ECS
    does to a task."""

    def __init__(self, upstream, account, statements):
        self.allowed = {
            (action, resource)
            for statement in statements
            for action in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        }
        self.used, self.denied = set(), set()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                keys = {"AccessKeyId": "test", "SecretAccessKey": "test", "Token": "test", "Expiration": "2100-01-01T00:00:00Z"}
                self.answer(200, json.dumps(keys).encode())

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if not gate.lets_through(self.headers["X-Amz-Target"].split(".")[1], json.loads(body), account):
                    refusal = {"__type": "com.amazonaws.sqs#AccessDeniedException", "message": "no right"}
                    return self.answer(403, json.dumps(refusal).encode())
                passed = {name: self.headers[name] for name in ("X-Amz-Target", "Content-Type", "Authorization", "X-Amz-Date")}
                request = urllib.request.Request(upstream, body, passed)
                try:
                    with urllib.request.urlopen(request, timeout=60) as response:
                        self.answer(response.status, response.read())
                except urllib.error.HTTPError as error:
                    self.answer(error.code, error.read())

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def lets_through(self, call, body, account):
        """A batch call needs the right of the single one."""
        action = "sqs:" + call.removesuffix("Batch")
        queue = body.get("QueueName") or (body.get("QueueUrl") or body.get("SourceArn").replace(":", "/")).split("/")[-1]
        asked = (action, f"arn:aws:sqs:us-east-1:{account}:{queue}")
        allowed = any(asked[0] == action and fnmatch.fnmatch(asked[1], resource) for action, resource in self.allowed)
        (self.used if allowed else self.denied).add(asked)
        return allowed


def as_list(value):
    return value if isinstance(value, list) else [value]
