"""Serves moto's EC2 on a free port of the loopback while a command runs, or until a signal comes.

With a command: it gets the endpoint as AWS_ENDPOINT_URL_EC2, with a region and credentials that moto takes, and its exit
status is this program's. Without one: the endpoint is one line on stdout.
"""

import logging
import os
import signal
import subprocess
import sys

from moto.server import ThreadedMotoServer


def main(command: list[str]) -> int:
    signals = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    if not command:
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    # A line for each request is not what somebody looks for in the output of a test.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    try:
        if command:
            return subprocess.run(command, env=os.environ | client_of(endpoint), check=False).returncode
        print(endpoint, flush=True)
        signal.sigwait(signals)
        return 0
    finally:
        server.stop()


def client_of(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_EC2": endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        # Without this a client that finds no credentials asks the metadata service of the machine that the tests run on.
        "AWS_EC2_METADATA_DISABLED": "true",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
