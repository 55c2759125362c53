"""Changing cameras in a storage.toml: what is not changed stays as it was, to the letter."""

import tomllib

import pytest

from chimera_storage.config_edit import (
    differences,
    has_cameras,
    with_camera,
    with_changed_camera,
    without_camera,
)

CORNER = [[0.0, 0.0], [1.0, 0.0], [1.0, 0.5]]
TEXT = """\
# my cameras
[server]
port = 8083   # the usual

[[camera]]               # the door
id = 1
url = "rtsp://u:p@h/1"   # secret
name = "Front"
[camera.motion]
# as it was found out
threshold = 0.001  # cats

[[camera.motion.zone]]   # street
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 0.5]]
threshold = 0.02         # high

# the yard
[[camera]]
id = 2
url = "demo:"

[retention]
days = 30
"""


def test_a_changed_key_is_the_only_line_that_differs() -> None:
    changed = with_changed_camera(TEXT, 1, {"motion": {"threshold": 0.01}})
    assert changed == TEXT.replace("threshold = 0.001  # cats", "threshold = 0.01  # cats")


def test_new_keys_and_tables_stand_where_they_belong_and_nothing_else_moves() -> None:
    areas = [{"polygon": CORNER, "threshold": 0.02}, {"polygon": CORNER[::-1], "threshold": 0.5}]
    changes = {"paused": True, "motion": {"zone": areas}, "retention": {"days": 3.0}}
    changed = with_changed_camera(TEXT, 1, changes)
    kept = [line for line in changed.splitlines() if line in TEXT.splitlines()]
    assert [line for line in kept if line] == [line for line in TEXT.splitlines() if line]
    values = tomllib.loads(changed)
    assert values["camera"][1] == {"id": 2, "url": "demo:"}
    assert values["camera"][0]["paused"] is True
    assert values["camera"][0]["motion"] == {"threshold": 0.001, "zone": areas}
    assert values["camera"][0]["retention"] == {"days": 3.0}
    assert changed.endswith(TEXT[TEXT.index("# the yard") :])


def test_areas_that_go_take_their_own_lines_alone() -> None:
    changed = with_changed_camera(TEXT, 1, {"motion": {"zone": []}})
    begin, end = TEXT.index("[[camera.motion.zone]]"), TEXT.index("# the yard")
    assert changed.replace("\n\n\n", "\n\n") == TEXT[:begin] + TEXT[end:]


def test_a_key_is_taken_out() -> None:
    changed = with_changed_camera(TEXT, 1, {"name": None, "loop": None})
    assert changed == TEXT.replace('name = "Front"\n', "")


def test_a_camera_that_goes_takes_its_own_comments_and_no_others() -> None:
    begin, yard = TEXT.index("[[camera]]"), TEXT.index("# the yard")
    assert without_camera(TEXT, 1) == TEXT[:begin] + TEXT[yard:]
    assert without_camera(TEXT, 2) == TEXT[:yard] + TEXT[TEXT.index("[retention]") :]
    assert not has_cameras(without_camera(without_camera(TEXT, 1), 2))


def test_bug_a_camera_that_went_took_comments_on_other_things_with_it() -> None:
    other = "# [[camera]]\n# id = 7, in winter only\n\n"
    begin = TEXT.index("# the yard")
    text = TEXT[:begin] + "# what was said of its zone\n\n" + other + TEXT[begin:]
    text = text.replace("# high\n\n# what", "# high\n# what")
    gone = without_camera(text, 1)
    assert gone == TEXT[: TEXT.index("[[camera]]")] + other + TEXT[begin:]
    last = "[[camera]]\nid = 1\n\n# the end\n"
    assert without_camera(last, 1) == "# the end\n"


def test_a_camera_is_added_after_the_last() -> None:
    camera = {"id": 5, "url": "demo:2", "name": "x", "motion": {"zone": [{"polygon": CORNER}]}}
    added = with_camera(TEXT, camera)
    values = tomllib.loads(added)
    assert values["camera"][2] == camera
    assert values["retention"] == {"days": 30}
    assert added.startswith(TEXT[: TEXT.index("[retention]")])
    assert added.endswith(TEXT[TEXT.index("[retention]") :])
    assert tomllib.loads(with_camera("", camera)) == {"camera": [camera]}
    assert tomllib.loads(with_camera("[server]\nport = 1", camera))["server"] == {"port": 1}


def test_settings_in_one_line_become_a_table() -> None:
    text = '[[camera]]\nid = 3\nmotion = { event_gap = 2 }\nurl = "demo:"\n'
    changed = with_changed_camera(text, 3, {"motion": {"zone": [{"polygon": CORNER}]}})
    (camera,) = tomllib.loads(changed)["camera"]
    motion = {"event_gap": 2, "zone": [{"polygon": CORNER}]}
    assert camera == {"id": 3, "url": "demo:", "motion": motion}


def test_windows_line_ends_stay() -> None:
    text = TEXT.replace("\n", "\r\n")
    changed = with_changed_camera(text, 2, {"url": "demo:7"})
    assert changed == text.replace('"demo:"', '"demo:7"')


@pytest.mark.parametrize(
    "text", ["", TEXT, 'camera = [{ id = 4, url = "demo:" }]\n', "[[other]]\nid = 4\n"]
)
def test_a_camera_that_is_no_table_of_its_own_is_not_touched(text: str) -> None:
    with pytest.raises(LookupError):
        with_changed_camera(text, 4, {"name": "x"})
    with pytest.raises(LookupError):
        without_camera(text, 4)


def test_differences_are_only_what_differs() -> None:
    before = {"id": 1, "name": "", "motion": {"threshold": 1, "zone": []}, "retention": {"days": 2}}
    after = {
        "id": 1,
        "name": "x",
        "motion": {"threshold": 1, "zone": [1]},
        "retention": {"days": 2},
    }
    assert differences(before, after) == {"name": "x", "motion": {"zone": [1]}}
