"""kill -9 at random moments under load: what was renamed, indexed and served afterwards.

    python bench/archive_crashes.py [--rounds 200] [--seed 1]

Two savers (four cameras, events, sidecars, a batch each 0.1 s), a deleter and the server work on
one data folder. In each round, after a random number of images, all of them, the server alone or
all but the server are killed in random order; the server is started again where it was killed.
Then every image that a saver said it had saved has to be on disk with the bytes it had, unless its
deletion had been announced, and files, rows and the server's answers have to be the same. At the
end `chimera-storage check` has to find nothing. Prints a line for each tenth of the way; ends with
exit code 1 at the first difference.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.crashing import Crashes
from tests.support.server import RunningServer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began_s = time.monotonic()
    names = ("rounds", "saved", "deleted", "unprinted", "renamed", "indexed", "served")
    print(" ".join(f"{name:>9}" for name in (*names, "no score", "s")))
    with tempfile.TemporaryDirectory() as name, RunningServer(Path(name)) as server:
        crashes = Crashes(server, options.seed)
        for number in range(1, options.rounds + 1):
            crashes.round()
            if number % max(1, options.rounds // 10) == 0:
                counts = crashes.counts
                figures = [getattr(counts, name) for name in names]
                figures += [counts.without_score, round(time.monotonic() - began_s)]
                print(" ".join(f"{figure:9}" for figure in figures), flush=True)
        crashes.finish()
        print(f"killed: {dict(crashes.counts.killed)}")


if __name__ == "__main__":
    main()
