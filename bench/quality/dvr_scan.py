"""DVR-Scan with its defaults (MOG2, threshold 0.15): `pip install 'dvr-scan[opencv-headless]'`.

In an environment of its own; `DVR_SCAN` names the command. Its events have 1.5 s before and 2 s
after the motion added, which are taken off again here.
"""

import os
import re
import resource
import subprocess
import tempfile
from pathlib import Path

import av

from .result import Result

BEFORE_S, AFTER_S = 1.5, 2.0
_TIME = re.compile(r"(\d+):(\d+):(\d+\.\d+)")


class DvrScan:
    name = "dvr-scan"

    def run(self, path: Path) -> Result:
        command = [os.environ.get("DVR_SCAN", "dvr-scan"), "--ignore-user-config", "-so", "-q"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with tempfile.TemporaryDirectory() as home:  # two at once trip over their log file
            done = subprocess.run(
                [*command, "-i", str(path.resolve())],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "HOME": home, "XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home},
            )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            fps, count = float(stream.average_rate or 25), stream.frames
        times = [int(h) * 3600 + int(m) * 60 + float(s) for h, m, s in _TIME.findall(done.stdout)]
        flags = [False] * count
        for start, end in zip(times[::2], times[1::2], strict=True):
            # At either end of the file there may be less to take off.
            first = 0 if start < 0.01 else round((start + BEFORE_S) * fps)
            last = count - 1 if end * fps > count - 2 else round((end - AFTER_S) * fps)
            for n in range(first, min(count, max(first, last) + 1)):
                flags[n] = True
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Result(flags=flags, boxes=[[] for _ in flags], cpu_s=cpu_s)
