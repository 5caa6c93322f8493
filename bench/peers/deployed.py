import os
import time

time.sleep(float(os.environ.get("LOAD_TIME", 0)) / 1000)


def app(environ, start_response):
    body = b"hello\n"
    if environ["REQUEST_METHOD"] == "POST":
        received = 0
        while chunk := environ["wsgi.input"].read(65536):
            received += len(chunk)
        body = str(received).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
