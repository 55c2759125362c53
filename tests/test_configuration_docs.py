"""docs/configuration.md describes every key that can be set, with the default it has."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from chimera_storage import config_load
from chimera_storage.config import (
    CameraRetentionSettings,
    CameraSettings,
    ExportSettings,
    Settings,
    WebhookSettings,
)
from chimera_storage.motion_settings import MaskSettings, MotionSettings, ZoneSettings

DOCS = Path(__file__).parents[1] / "docs" / "configuration.md"
SECTIONS: dict[str, type[BaseModel]] = {
    **{
        f"[{name}]": type(field.default)
        for name, field in Settings.model_fields.items()
        if isinstance(field.default, BaseModel)
    },
    "[[camera]]": CameraSettings,
    "[[exports]]": ExportSettings,
    "[[webhooks]]": WebhookSettings,
    "[camera.motion]": MotionSettings,
    "[camera.retention]": CameraRetentionSettings,
    "[[camera.motion.mask]]": MaskSettings,
    "[[camera.motion.zone]]": ZoneSettings,
}


def described(heading: str) -> dict[str, str]:
    """Key → default of the table below a heading."""
    text = DOCS.read_text("utf-8")
    _, found, below = text.partition(f"\n## `{heading}`\n")
    assert found, f"no section {heading}"
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| .+ \|$", below.partition("\n## ")[0], re.MULTILINE)
    return dict(rows)


def written(default: Any) -> str:
    """A default as the table shows it."""
    if default is PydanticUndefined:
        return "needed"
    if default is None or default in ((), {}):
        return "none"
    if isinstance(default, tuple):
        return f"`{json.dumps(default)}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default}`" if isinstance(default, int | float) else f'`"{default}"`'


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_key_of_a_section_is_described_with_its_default(heading: str) -> None:
    fields = dict(SECTIONS[heading].model_fields)
    for section in ("motion", "retention"):
        fields.pop(section, None)
    assert described(heading) == {
        name: written(field.get_default(call_default_factory=True))
        for name, field in fields.items()
    }


def test_every_section_is_described() -> None:
    sections = {
        *(f"[{name}]" for name in Settings.model_fields),
        "[[camera]]",
        "[[exports]]",
        "[[webhooks]]",
    }
    sections -= {"[camera]", "[exports]", "[webhooks]"}
    assert sections - {"[camera_names]"} <= set(SECTIONS)
    assert described("[camera_names]") == {"camera_names": "none"}


def test_every_name_of_the_environment_is_described() -> None:
    text = DOCS.read_text("utf-8")
    names = {*config_load._ENVIRONMENT, *config_load._MOTION_CONF_NAMES}
    for name in names | {"cameras", "command_HOST", "command_PORT", "storage_ON", "CHIMERA_LOG"}:
        assert f"`{name}`" in text, name


def test_every_setting_says_what_it_is_for() -> None:
    for section in (MotionSettings, MaskSettings, ZoneSettings):
        for name, field in section.model_fields.items():
            assert field.description, name


def test_the_example_of_masks_and_zones_is_right() -> None:
    for example in re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL):
        camera = '[[camera]]\nid = 1\nurl = "demo:"\n'
        Settings.model_validate(tomllib.loads(camera + example))
