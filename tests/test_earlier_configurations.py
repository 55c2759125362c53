"""A storage.toml of an earlier version says the same to this one."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from chimera_storage.config import Settings
from chimera_storage.config_load import load_settings

FILES = sorted((Path(__file__).parent / "configurations").glob("*.toml"))


def plain(value: Any) -> Any:
    """Settings as a file has them."""
    if isinstance(value, dict):
        return {str(key): plain(below) for key, below in value.items() if below is not None}
    if isinstance(value, list | tuple):
        return [plain(below) for below in value]
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def is_within(less: Any, more: Any, key: str = "") -> None:
    """That all of `less` stands in `more`."""
    if isinstance(less, dict):
        for name, value in less.items():
            assert name in more, f"{key}.{name}"
            is_within(value, more[name], f"{key}.{name}")
    elif isinstance(less, list) and less and isinstance(less[0], dict):
        for number, (one, other) in enumerate(zip(less, more, strict=True)):
            is_within(one, other, f"{key}[{number}]")
    elif key != ".storage.path" and not key.endswith(".mask_file"):  # made absolute
        assert less == more, key


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_key_of_an_earlier_version_is_understood(file: Path) -> None:
    settings = load_settings(file, {})
    is_within(tomllib.loads(file.read_text("utf-8")), plain(settings.model_dump()))


def test_the_newest_file_has_every_key_there_is() -> None:
    written = tomllib.loads(FILES[-1].read_text("utf-8"))
    everything = plain(load_settings(FILES[-1], {}).model_dump())
    is_within(everything, written)  # fails with the name of a key that is not in the file


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_key_of_the_file_is_at_its_default_so_that_one_that_is_ignored_is_seen(
    file: Path,
) -> None:
    default = Settings.model_validate({"camera": [{"id": 9, "url": "demo:"}]})
    written = tomllib.loads(file.read_text("utf-8"))
    for section in ("server", "storage", "retention", "convert", "mqtt"):
        for key, value in written[section].items():
            assert plain(getattr(getattr(default, section), key)) != value, f"{section}.{key}"
    camera = plain(default.camera[0].model_dump())
    for key, value in written["camera"][0]["motion"].items():
        assert camera["motion"][key] != value, key
