"""Servers that stand in for model servers: they answer, err, dawdle or hang as they are told."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

PREDICT = "/v1/models/credit:predict"


class FakeModel:
    """A server in a thread of the tests; its attributes may be changed while it serves."""

    def __init__(self, score=0.25, delay=0.0, status=200, body=None, port=0):
        self.score, self.delay, self.status, self.body = score, delay, status, body
        self.requests = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # head and body in one packet
            disable_nagle_algorithm = True

            def do_POST(self):
                content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                fake.requests.append((self.command, self.path, dict(self.headers), content))
                time.sleep(fake.delay)
                body = fake.body
                if body is None:
                    try:
                        instances = json.loads(content)["instances"] if content else [0]
                        score = fake.score
                        scores = [score(i) if callable(score) else score for i in instances]
                        status, body = fake.status, json.dumps({"predictions": scores}).encode()
                    except (ValueError, LookupError, TypeError):
                        status, body = 400, b'{"error": "not understood"}'
                else:
                    status = fake.status
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("X-Model", "fake")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_DELETE = do_OPTIONS = do_POST  # noqa: N815 (http.server's names)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass  # a client that went away

        self.server = Server(("127.0.0.1", port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@contextlib.contextmanager
def mortal_model(port=0, score=0.25):
    """A server in a process of its own, to be killed: yields the process, which has `.url`."""
    command = [sys.executable, __file__, str(port), str(score)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        process.port = int(process.stdout.readline())
        process.url = f"http://127.0.0.1:{process.port}"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


class Load:
    """Users who send requests until told to stop, and remember what they got."""

    def __init__(self, url, users=4, content=None):
        self.answers, self.failures = [], []
        self._stop = threading.Event()
        content = content or (lambda i: {"instances": [i]})

        def use(first):
            with httpx.Client(base_url=url, timeout=300) as client:
                i = first
                while not self._stop.is_set():
                    try:
                        self.answers.append(client.post(PREDICT, json=content(i)))
                    except httpx.HTTPError as error:
                        self.failures.append(error)
                    i += users

        self._threads = [threading.Thread(target=use, args=(i,), daemon=True) for i in range(users)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(300)

    @property
    def statuses(self):
        return {answer.status_code for answer in self.answers}

    def reaches(self, n, seconds=120):
        """Wait until this many more requests have been answered."""
        goal, deadline = len(self.answers) + n, time.monotonic() + seconds
        while len(self.answers) < goal:
            assert time.monotonic() < deadline, "the load stands still"
            time.sleep(0.01)


def until(condition, seconds=120):
    """Wait until a condition holds, and return whether it does; `seconds` only bound a hang."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


if __name__ == "__main__":
    with FakeModel(port=int(sys.argv[1]), score=float(sys.argv[2])) as model:
        print(model.port, flush=True)
        sys.stdin.read()  # until the tests end
