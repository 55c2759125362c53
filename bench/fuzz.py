"""The fuzz tests with ever other examples, for as long as asked for.

    python bench/fuzz.py [--minutes 10] [--examples 2000] [--only test_streams]

Runs tests/fuzz again and again, each time with another seed and so many examples of each. What
fails is printed with the seed that shows it again (`--seed`), and the exit code is 1. What is found
becomes an `@example` of its test when it is mended.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--only", default="", help="of a file or test with this in its name")
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    until_s = time.monotonic() + given.minutes * 60
    rounds = failed = 0
    while True:
        seed = given.seed if given.seed is not None else random.randrange(2**32)
        rounds += 1
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=0"]
        command += [f"--hypothesis-seed={seed}", "tests/fuzz", "-k", given.only]
        answer = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"FUZZ_EXAMPLES": str(given.examples)},
            capture_output=True,
            text=True,
            check=False,
        )
        last = answer.stdout.strip().splitlines()[-1:] or [answer.stderr]
        print(f"seed {seed}: {last[0]}", flush=True)
        if answer.returncode:
            failed += 1
            print(answer.stdout, answer.stderr, f"exit code {answer.returncode}", flush=True)
        if given.seed is not None or time.monotonic() >= until_s:
            break
    print(f"{rounds} rounds of {given.examples} examples, {failed} with findings")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
