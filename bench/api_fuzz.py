"""Generated requests against a running server, for long: what it answers has to be described.

    python bench/api_fuzz.py URL --token TOKEN [--examples N]

Asks every route but the endless ones with N right and N wrong requests (1000). It deletes what it
finds, adds users and changes cameras: let it loose on a server of its own (`make run DATA=…`) only,
whose camera 1 has images, with the token of an admin (`chimera-storage token add`).
"""

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import hypothesis
import schemathesis
from tests.support.openapi_fuzz import make_known, wrong_answers


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--token", required=True, help="an admin's")
    arguments = parser.parse_args()
    headers = {"Authorization": f"Bearer {arguments.token}"}
    with httpx.Client(base_url=arguments.url, headers=headers, timeout=60) as client:
        known = make_known(client)
    described = schemathesis.openapi.from_url(f"{arguments.url}/openapi.json", headers=headers)
    settings = hypothesis.settings(
        max_examples=arguments.examples,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    begin = time.perf_counter()
    wrong = 0
    for answer in wrong_answers(described, settings, headers, known):
        wrong += 1
        print(answer, end="\n\n", flush=True)
    print(f"{wrong} wrong answers in {time.perf_counter() - begin:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
