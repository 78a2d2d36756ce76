"""Many clients at once: python serving_load.py ADDRESS BUNDLE TEXTS [CLIENTS] [SECONDS]

Each client sends one text after the other over its own connection, and
compares each response with the result of the tagger in this process.  TEXTS is
a file with one text per line.
Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import urlsplit

from ner_mx.inference.tagger import Tagger

TEXTS = 512


async def run_client(number, host, port, requests, expected, end, latencies, wrong):
    """Send requests until the end."""
    reader, writer = await asyncio.open_connection(host, port)
    position = number * 37
    while time.perf_counter() < end:
        index = position % len(requests)
        position += 1
        started = time.perf_counter()
        writer.write(requests[index])
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n")
                      if line.lower().startswith(b"content-length"))
        body = await reader.readexactly(length)
        latencies.append(time.perf_counter() - started)
        entities = None
        if b" 200 " in head.split(b"\r\n")[0]:
            entities = [(entity["start"], entity["end"], entity["label"]) for entity in json.loads(body)["entities"]]
        if entities != expected[index]:
            wrong.append((index, head[:40], body[:200]))
    writer.close()


async def main(address: str, bundle: str, texts: str, clients: str = "32", seconds: str = "60") -> None:
    url = urlsplit(address)
    with open(texts, encoding="utf-8") as file:
        lines = [line.strip() for line in file if 40 < len(line) < 2000][:TEXTS]
    tagger = Tagger.load(bundle, threads=1)
    expected = [[(entity.start, entity.end, entity.label) for entity in entities]
                for entities in tagger.predict_batch(lines)]
    requests = []
    for line in lines:
        body = json.dumps({"text": line}).encode()
        requests.append(b"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                        b"content-length: %d\r\n\r\n%b" % (len(body), body))
    latencies, wrong = [], []
    started = time.perf_counter()
    end = started + float(seconds)
    await asyncio.gather(*(run_client(number, url.hostname, url.port, requests, expected, end, latencies, wrong)
                           for number in range(int(clients))))
    seconds_taken = time.perf_counter() - started
    latencies.sort()
    words = sum(len(line.split()) for line in lines) / len(lines)
    percentiles = {f"p{share}_ms": round(1000 * latencies[len(latencies) * share // 100], 1) for share in (50, 95, 99)}
    print(json.dumps({"requests": len(latencies), "wrong": len(wrong), "requests_per_second":
                      round(len(latencies) / seconds_taken, 1), "words_per_request": round(words, 1), **percentiles,
                      "example": repr(wrong[:1])}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
