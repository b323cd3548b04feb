"""An S3 server on loopback that honours conditional writes (moto)."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx


@contextmanager
def s3_server(folder: Path, bucket: str) -> Iterator[str]:
    """Run the server with one bucket until the end; yields its address. It takes any credentials."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = (folder / "log").open("w+")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=log, stderr=log, env={"PATH": os.environ["PATH"], "HOME": str(folder)})
    try:
        ends = time.monotonic() + 60
        while True:
            try:
                httpx.put(f"{url}/{bucket}").raise_for_status()
                break
            except httpx.TransportError:
                log.seek(0)
                assert process.poll() is None, log.read()
                assert time.monotonic() < ends, "the S3 server did not start"
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)
        log.close()
