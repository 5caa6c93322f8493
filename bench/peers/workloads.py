"""As workloads.mjs, for Gunicorn."""
import json
import time

ITEMS = [
    {
        "id": index,
        "name": f"item number {index}",
        "price": index * 1.25,
        "available": index % 3 != 0,
        "tags": ["first", "second", "third"],
    }
    for index in range(100)
]


def app(environ, start_response):
    path = environ["PATH_INFO"]
    kind, body = "text/plain", b"hello\n"
    if path == "/json":
        kind, body = "application/json", json.dumps({"items": ITEMS}, separators=(",", ":")).encode()
    if path == "/cpu":
        end = time.thread_time() + 0.001
        while time.thread_time() < end:
            pass
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]
