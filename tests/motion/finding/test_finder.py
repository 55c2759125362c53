"""A test picture of an address, made in a process of its own."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from chimera_storage.config import CameraSettings
from chimera_storage.errors import ConflictError, SourceError
from chimera_storage.motion.finding import Finder
from tests.motion.clips import HEIGHT, WIDTH, jpegs, write_clip
from tests.support.http_camera import HttpCamera


def camera(url: str) -> CameraSettings:
    return CameraSettings.model_validate({"id": 0, "url": url})


def picture(url: str) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    jpeg = asyncio.run(Finder().picture(camera(url)))
    return np.asarray(simplejpeg.decode_jpeg(jpeg, colorspace="GRAY"))


def test_compressed_video_and_jpeg_give_a_picture(tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", 1, [])
    assert picture(str(tmp_path / "clip.mp4")).shape[:2] == (HEIGHT, WIDTH)
    files = jpegs(0.2, [])
    with HttpCamera(files) as http:
        assert asyncio.run(Finder().picture(camera(http.url("/snapshot.jpg")))) in files


def test_the_reason_is_said_without_the_password() -> None:
    with pytest.raises(SourceError) as raised:
        picture("rtsp://viewer:geheim@127.0.0.1:1/geheim")
    assert "refuses the connection" in str(raised.value)
    assert "geheim" not in str(raised.value)


def test_only_two_are_tried_at_once() -> None:
    async def run() -> None:
        finder = Finder()
        tasks = [asyncio.create_task(finder.picture(camera("demo:"))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ConflictError):
            await finder.picture(camera("demo:"))
        assert all(jpeg[:2] == b"\xff\xd8" for jpeg in await asyncio.gather(*tasks))

    asyncio.run(run())
