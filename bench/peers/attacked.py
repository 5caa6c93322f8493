"""As attacked.mjs, for Gunicorn."""
import os
import time

PAGE = b"x" * int(os.environ.get("PAGE", 0))


def app(environ, start_response):
    path = environ["PATH_INFO"]
    body = PAGE if path == "/page" else b"hello\n"
    if path == "/health":
        end = time.thread_time() + 0.002
        while time.thread_time() < end:
            pass
    if path == "/upload":
        environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
