"""How long short requests wait beside long ones: python tests/benchmarks/serving_fairness.py BUNDLE [SECONDS]

One client posts texts of a megabyte in a loop, four others short ones.  Prints the
latencies of the short ones, alone and beside the long ones.
"""

import json
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import numpy as np

SHORT = "Ada Bert, the captain of Acme United, left Rome on Monday for a match in Oslo."
LONG = ("He met the captain of Acme United in Rome. " * 24_000)[:1_040_000]


def post(address, text):
    request = urllib.request.Request(f"{address}/predict", json.dumps({"text": text}).encode(),
                                     {"content-type": "application/json"})
    started = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            response.read()
            status = response.status
    except urllib.error.HTTPError as error:
        status = error.code
    return status, time.monotonic() - started


def measure(address, seconds, with_long):
    """Statuses and latencies of the short requests, and how many long ones were sent."""
    end, results, long = time.monotonic() + seconds, [], []

    def client(text, kept):
        while time.monotonic() < end:
            kept.append(post(address, text))
    threads = [threading.Thread(target=client, args=(SHORT, results)) for _ in range(4)]
    if with_long:
        threads.append(threading.Thread(target=client, args=(LONG, long)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results, long


def main(bundle, seconds="20"):
    server = subprocess.Popen([sys.executable, "-m", "ner_mx", "serve", bundle, "--port", "0"], text=True,
                              stderr=subprocess.PIPE)
    try:
        address = re.search(r"http://\S+", server.stderr.readline()).group()
        for name, with_long in (("alone", False), ("beside texts of 1 MB", True)):
            results, long = measure(address, float(seconds), with_long)
            latencies = np.array([latency for _, latency in results]) * 1000
            failed = sum(status != 200 for status, _ in results)
            print(f"{name}: {len(results)} short requests, {failed} failed; median {np.median(latencies):.0f} ms, "
                  f"p99 {np.percentile(latencies, 99):.0f} ms, longest {latencies.max():.0f} ms; {len(long)} long "
                  f"ones, statuses {sorted({status for status, _ in long})}")
    finally:
        server.terminate()


if __name__ == "__main__":
    main(*sys.argv[1:])
