"""`doctor --chaos` finds what is lost, and nothing where nothing is."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera_storage.cli.doctor_chaos import tell
from chimera_storage.doctor.chaos.room import Room
from chimera_storage.doctor.chaos.run import Outcome, run
from chimera_storage.doctor.chaos.server import TrialError
from chimera_storage.doctor.chaos.witness import Witness, lost
from tests.support.archive import JPEG

pytestmark = pytest.mark.timeout(300)


def kill(room: Room) -> str:
    room.images(1)
    assert room.server.kill_each("motion") == 1
    room.images(1)
    room.server.kill_all()
    room.server.start()
    return "killed"


def newest(room: Room, camera: int) -> Path:
    """The newest image that the index has: what happens to it is found by `check`, too."""
    room.witness.look()
    there = (room.server.captures / n for n in room.witness.named().keys() & room.listed())
    return max(path for path in there if path.exists() and path.parts[-4] == str(camera))


def delete(room: Room) -> str:
    newest(room, 1).unlink()
    return "deleted"


def change(room: Room) -> str:
    newest(room, 2).write_bytes(JPEG)
    return "changed"


def lie(room: Room) -> str:
    """Says that it never sent one of the images."""
    room.cameras.sent.discard(zlib.crc32(newest(room, 3).read_bytes()))
    return "lied"


def hang(room: Room) -> str:
    """The server is away, and a byte of an image is another one."""
    image = newest(room, 1)
    room.server.stop()
    data = bytearray(image.read_bytes())
    data[-100] ^= 1
    image.write_bytes(data)
    raise TrialError("waited 60 s in vain for the server to answer")


TRIALS = {"killed": kill, "deleted": delete, "changed": change, "lied": lie, "hung": hang}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """Of trials in which nothing is lost, and of those in which something is."""
    folder = tmp_path_factory.mktemp("chaos")
    yield {o.trial: o for o in run(folder, 1, TRIALS, on_small_disk=False)}


def test_nothing_is_lost_where_processes_are_killed(outcomes: dict[str, Outcome]) -> None:
    assert outcomes["killed"].lost == ()
    assert outcomes["killed"].images >= 6


@pytest.mark.parametrize(
    ("trial", "camera", "says"),
    [
        ("deleted", 1, "is gone"),
        ("changed", 2, "is not what it was"),
        ("lied", 3, "is no picture that its camera sent"),
    ],
)
def test_what_is_lost_is_found_once(
    outcomes: dict[str, Outcome], trial: str, camera: int, says: str
) -> None:
    (text,) = outcomes[trial].lost
    assert text.startswith(f"{camera}/")
    assert text.endswith(says)


def test_a_server_that_does_not_go_on_is_a_loss(outcomes: dict[str, Outcome]) -> None:
    first, second = outcomes["hung"].lost
    assert first == "waited 60 s in vain for the server to answer"
    assert "does not answer /convert/listFramesVideo" in second


def test_all_files_are_checked_in_the_end(outcomes: dict[str, Outcome]) -> None:
    # what was written by another hand while the server ran is taken as it is by then
    found = {text.split()[1] for text in outcomes["check"].lost if text.startswith("1/")}
    assert found == {"missing", "changed"}


@pytest.mark.parametrize(
    ("there", "served", "says"),
    [
        ({"a": 5}, {"a": 5}, {}),
        ({"a": 5}, {"a": 0}, {}),  # listed, and not asked for
        ({}, {"a": 5}, {"a": "is gone"}),
        ({"a": 6}, {"a": 5}, {"a": "is not what it was"}),
        ({"a": 5}, {}, {"a": "is not in the index"}),
        ({"a": 5}, {"a": -1}, {"a": "is served otherwise than it is"}),
    ],
)
def test_each_way_of_losing_an_image_has_its_words(
    there: dict[str, int], served: dict[str, int], says: dict[str, str]
) -> None:
    assert lost({"a": 5}, there, served) == says


def test_an_image_that_has_its_name_before_it_is_whole_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "1/20260320/12"
    folder.mkdir(parents=True)
    (folder / "20260320-120000-00.jpg").write_bytes(JPEG)
    (folder / "20260320-120000-01.jpg").write_bytes(JPEG[:-40])
    (folder / ".20260320-120000-02.jpg").write_bytes(JPEG[:-40])
    witness = Witness(tmp_path)
    witness.look()
    assert witness.broken() == ["1/20260320/12/20260320-120000-01.jpg"]
    assert len(witness.named()) == 2


def test_the_exit_code_says_whether_anything_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    whole = Outcome(trial="one", done="this", images=3)
    broken = Outcome(trial="two", done="that", images=3, lost=("1/x.jpg is gone",))
    not_tried = Outcome(trial="three", done="not tried", tried=False)
    tell([whole, not_tried], 1, as_json=False)
    assert capsys.readouterr().out == "Nothing is lost.\n"
    with pytest.raises(SystemExit) as ended:
        tell([whole, broken], 1, as_json=True)
    assert ended.value.code == 1
    said = json.loads(capsys.readouterr().out)
    assert said["lost"] is True
    assert [trial["lost"] for trial in said["trials"]] == [[], ["1/x.jpg is gone"]]
