"""How fast videos are made, and how good they are, beside the 2021 server's ffmpeg command.

    .venv/bin/python bench/convert_video.py [--images FOLDER] [--count 300] [--folder FOLDER]

The images are those of FOLDER (JPEGs of one size), or drawn: 1080p of the demonstration street,
quality 80. In the same run: the command the 2021 server called (concat, `-b:v 16384k`, libx264)
with `-r 25`, at which it keeps every image (at its default of 20 it drops a fifth), and a
conversion process of this server from the moment it gets its job (the server keeps one ready) to
its end with the file synced, with all cores and with one; all at the same low priority. Processor
time includes its start. SSIM is that of ffmpeg's filter over all frames against the images, which
it brings to the video's range. Then `codec: mjpeg` over ten times as many images against `cat` of
the same files into one, synced.

Needs Debian's package ffmpeg. Nothing else should run.
"""

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.convert.job import Job
from chimera_storage.convert.pictures import size_of
from chimera_storage.model import ConversionType, Image, ImageKey
from chimera_storage.motion.demo import DemoScene
from chimera_storage.motion.picture import encode_jpeg
from chimera_storage.options import VideoOptions

BEGIN_S = 1_767_260_000
FPS = 25
_READY_S = 2.0  # until a process waits for its job


def drawn(folder: Path, count: int) -> list[Path]:
    """The demonstration street at 1080p, as JPEGs of the default quality."""
    folder.mkdir(parents=True, exist_ok=True)
    scene = DemoScene(1920, 1080, 10, seed=1)
    paths = [folder / f"{number:06d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        if not path.exists():
            path.write_bytes(encode_jpeg(scene.frame(60 + number), 80))
    return paths


def take_in(root: Path, paths: list[Path]) -> Layout:
    """The images as a data folder's, ten a second."""
    layout = Layout(root, ZoneInfo("UTC"))
    layout.captures.mkdir(parents=True)
    images = []
    for number, path in enumerate(paths):
        jpeg = path.read_bytes()
        width, height = size_of(jpeg)
        key = ImageKey(camera=1, second=BEGIN_S + number // 10, number=number % 10)
        target = layout.image_path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(jpeg)
        images.append(
            Image(
                key=key,
                taken_at_us=key.second * 1_000_000 + key.number * 100_000,  # type: ignore[operator]
                size=len(jpeg),
                crc32=zlib.crc32(jpeg),
                width=width,
                height=height,
            )
        )
    with closing(Index(layout.index)) as index:
        index.add_images(images)
    return layout


class Took(NamedTuple):
    """Seconds by the clock, and of processors."""

    wall_s: float
    cpu_s: float


@contextmanager
def timed() -> Iterator[list[Took]]:
    """The list gets what the processes took that were waited for within."""
    took: list[Took] = []
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    yield took
    wall_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    took.append(Took(wall_s, cpu_s))


def convert(layout: Layout, target: Path, cores: str, **options: object) -> Took:
    """What a conversion process takes on these cores, from its job to its end.

    It was started as the server starts the one that it keeps ready.
    """
    target.unlink(missing_ok=True)
    job = Job(
        id="bench-20260101-000000",
        type=ConversionType.MP4,
        camera=1,
        name="Street",
        start_us=0,
        end_us=2**52,
        fps=FPS,
        skip=1,
        options=VideoOptions.model_validate(options).to_json(),
        root=layout.root,
        timezone="UTC",
        output=target,
    )
    command = ["taskset", "-c", cores, sys.executable, "-P", "-m", "chimera_storage.convert"]
    command.append("video")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdin is not None
        time.sleep(_READY_S)
        with timed() as took:
            child.stdin.write(job.to_line())
            child.stdin.flush()
            assert child.wait() == 0
    return took[0]


def as_in_2021(paths: list[Path], target: Path) -> Took:
    """What the 2021 server's command takes."""
    listed = write_list(paths, target.with_suffix(".txt"))
    command: list[str | Path] = ["nice", "-n", "10", "ffmpeg", "-nostdin", "-v", "error", "-y"]
    command += ["-f", "concat", "-safe", "0", "-i", listed]
    command += ["-r", str(FPS), "-b:v", "16384k", "-vcodec", "libx264", "-f", "mp4", target]
    with timed() as took:
        subprocess.run(command, check=True)
    return took[0]


def write_list(paths: list[Path], listed: Path) -> Path:
    """A list for ffmpeg's concat."""
    listed.write_text("".join(f"file '{path}'\n" for path in paths))
    return listed


def ssim(video: Path, paths: list[Path]) -> tuple[str, str]:
    """(of luma, of all planes): ffmpeg's filter, video against images, frame by frame."""
    listed = write_list(paths, video.with_suffix(".txt"))
    graph = "[0:v]settb=1/25,setpts=N[a];[1:v]settb=1/25,setpts=N[b];[a][b]ssim"
    command: list[str | Path] = ["ffmpeg", "-nostdin", "-v", "info", "-i", video]
    command += ["-f", "concat", "-safe", "0"]
    command += ["-i", listed, "-lavfi", graph, "-f", "null", "-"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    found = re.search(r"SSIM Y:([\d.]+).*All:([\d.]+)", said)
    assert found is not None, said
    return found[1], found[2]


def concatenated(paths: list[Path], target: Path) -> Took:
    """What `cat` of the files into one takes, synced."""
    with timed() as took, target.open("wb") as file:
        subprocess.run(["nice", "-n", "10", "cat", *paths], check=True, stdout=file)
        os.fsync(file.fileno())
    return took[0]


def row(what: str, took: Took, count: int, target: Path, quality: tuple[str, str]) -> None:
    """One line of the table."""
    size_kb = target.stat().st_size / count / 1000
    print(
        f"| {what} | {count / took.wall_s:.1f} | {took.cpu_s / count * 1000:.2f} | {size_kb:.1f} |"
        f" {quality[0]} | {quality[1]} |",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench-video"))  # noqa: S108
    parser.add_argument("--option", action="append", default=[], help="such as codec=h265")
    given = parser.parse_args()
    shutil.rmtree(given.folder / "data", ignore_errors=True)
    if given.images is None:
        paths = drawn(given.folder / "images", given.count)
    else:
        paths = sorted(given.images.glob("*.jpg"))[: given.count]
    layout = take_in(given.folder / "data", paths)
    cores = sorted(os.sched_getaffinity(0))
    everyone = ",".join(map(str, cores))
    count = len(paths)
    print(f"{count} images, {sum(p.stat().st_size for p in paths) / count / 1000:.0f} kB each\n")
    print("| | images/s | CPU ms an image | kB an image | SSIM Y | SSIM all |")
    print("| --- | --- | --- | --- | --- | --- |")
    old, ours = given.folder / "2021.mp4", given.folder / "ours.mp4"
    options = dict(option.split("=", 1) for option in given.option)
    old_took = as_in_2021(paths, old)
    row("the 2021 server's command", old_took, count, old, ssim(old, paths))
    all_took = convert(layout, ours, everyone, **options)
    row(f"this server, {len(cores)} cores", all_took, count, ours, ssim(ours, paths))
    one_took = convert(layout, ours, str(cores[0]), **options)
    row("this server, 1 core", one_took, count, ours, ("", ""))
    many = paths * 10
    shutil.rmtree(given.folder / "data")
    layout = take_in(given.folder / "data", many)
    stored = sorted((given.folder / "data").rglob("*.jpg"))
    copied_took = convert(layout, ours, everyone, codec="mjpeg")
    row("this server, codec mjpeg", copied_took, len(many), ours, ("", ""))
    cat_took = concatenated(stored, given.folder / "cat")
    row("cat", cat_took, len(many), given.folder / "cat", ("", ""))
    print(
        f"\n{old_took.wall_s / all_took.wall_s:.2f} times the 2021 server by the clock,"
        f" {old_took.cpu_s / all_took.cpu_s:.2f} times by processor time;"
        f" {len(cores)} cores {one_took.wall_s / all_took.wall_s:.2f} times one;"
        f" mjpeg {cat_took.wall_s / copied_took.wall_s:.2f} times cat"
    )


if __name__ == "__main__":
    main()
