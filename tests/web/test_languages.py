"""What a person reads stands in the catalogues, in every language, and is said in the right one."""

import json
import re
from collections.abc import Iterator

import pytest

from chimera_storage.web import pages
from chimera_storage.web.pages.texts import LANGUAGES, preferred, speaker
from tests.support.web import NOW, Room, web_room

FOLDER = pages.FOLDER
CATALOGUES = {
    language: json.loads((FOLDER / "texts" / f"{language}.json").read_text("utf-8"))
    for language in LANGUAGES
}
ENGLISH = CATALOGUES["en"]
SOURCES = [
    *(FOLDER / "templates").rglob("*.html"),
    *(FOLDER / "static").rglob("*.js"),
    *FOLDER.parent.glob("*.py"),
    FOLDER / "navigation.py",
]
CALL = re.compile(r"""(?<![\w.])t\(\s*(["'`])([^"'`$]+)""")
QUOTED = re.compile(r"""["'`]([a-z]\w*\.[\w.]+)""")
PLURAL = re.compile(r"_(one|other)$")
NAVIGATION = {f"nav.{entry.name}" for entry in (*pages.navigation.MAIN, *pages.navigation.SETTINGS)}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with web_room(
        tmp_path_factory.mktemp("languages"), camera=[{"id": 1, "url": "rtsp://192.0.2.1/one"}]
    ) as made:
        made.save(1, NOW)
        yield made


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_the_same_things(language: str) -> None:
    texts = CATALOGUES[language]
    assert texts.keys() == ENGLISH.keys()
    for key, text in texts.items():
        assert text.strip() == text, key
        assert text, key
        holes = sorted(re.findall(r"{(\w*)}", text))
        assert holes == sorted(re.findall(r"{(\w*)}", ENGLISH[key])), key
    for key in texts:
        if PLURAL.search(key):
            assert {PLURAL.sub(end, key) for end in ("_one", "_other")} <= texts.keys(), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_catalogues_are_sorted_so_that_two_changes_meet_seldom(language: str) -> None:
    assert list(CATALOGUES[language]) == sorted(CATALOGUES[language])


def test_every_text_that_is_asked_for_is_there() -> None:
    for source in SOURCES:
        for _, key in CALL.findall(source.read_text("utf-8")):
            begins = [known for known in ENGLISH if known.startswith(key)]
            is_part = key.endswith((".", "_")) and begins
            assert is_part or {key, f"{key}_other"} & ENGLISH.keys(), f"{source.name}: {key}"


def test_every_text_is_used() -> None:
    used, parts = set(NAVIGATION), set()
    for source in SOURCES:
        text = source.read_text("utf-8")
        used |= set(QUOTED.findall(text))
        parts |= {key for _, key in CALL.findall(text) if key.endswith((".", "_"))}
    parts.discard("nav.")
    unused = [
        key
        for key in ENGLISH
        if not {key, PLURAL.sub("", key)} & used and not key.startswith(tuple(parts))
    ]
    assert unused == []


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-CH, en;q=0.8", "de"),
        ("fr, es;q=0.5, en;q=0.4", "es"),
        ("en;q=0.1, ES;q=0.9", "es"),
        ("de;q=0, es;q=0.1", "es"),
        ("*", "en"),
        ("de;q=high, en", "en"),
        ("," * 9000 + "de", "en"),
    ],
)
def test_the_first_language_that_the_browser_prefers_is_taken(asked: str, language: str) -> None:
    assert preferred(asked) == language


def test_a_text_is_escaped_and_so_is_what_it_is_filled_with() -> None:
    text = speaker("de").t("link.until", time="<b>&")
    assert text == "Dieser Link gilt bis &lt;b&gt;&amp;."


def test_numbers_and_plurals_are_those_of_the_language() -> None:
    assert [speaker(language).number(1234567.25, 1) for language in LANGUAGES] == [
        "1,234,567.2",
        "1.234.567,2",
        "1.234.567,2",
    ]
    assert speaker("es").number(1234) == "1234"
    assert speaker("de").size(2_500_000) == "2,5 MB"
    assert speaker("de").t("folder.entries", n=1) == "1 Eintrag"
    assert speaker("de").t("folder.entries", n=20_000) == "20.000 Einträge"


def test_a_page_is_in_the_browsers_language_until_another_is_chosen(room: Room) -> None:
    asked = {"accept-language": "de-AT,de;q=0.9"}
    page = room.get("/account", headers=asked).text
    assert '<html lang="de"' in page
    assert "<h1>Konto</h1>" in page
    chosen = room.request(
        "POST",
        "/language",
        data={"language": "es", "next": "/account?x=1"},
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert chosen.status_code == 303
    assert chosen.headers["location"] == "/account?x=1"
    cookie = chosen.headers["set-cookie"].partition(";")[0]
    again = room.get("/account", headers=asked | {"cookie": cookie}).text
    assert '<html lang="es"' in again
    assert "<h1>Cuenta</h1>" in again


@pytest.mark.parametrize("next_path", ["//other.example/", "https://other.example/", "\\\\x"])
def test_choosing_a_language_leads_to_no_other_host(room: Room, next_path: str) -> None:
    chosen = room.request("POST", "/language", json={"language": "de", "next": next_path})
    assert chosen.headers["location"] == "/"


def test_a_language_that_is_not_there_is_refused_with_those_that_are(room: Room) -> None:
    refused = room.request("POST", "/language", json={"language": "../en"})
    assert refused.status_code == 400
    assert "en, de, es" in refused.json()["error"]


def test_a_language_in_the_cookie_that_is_not_there_is_passed_over(room: Room) -> None:
    page = room.get("/account", headers={"cookie": "chimera_storage_language=../../etc"})
    assert '<html lang="en"' in page.text


def test_texts_for_modules_cannot_end_their_script(room: Room) -> None:
    page = room.get("/account").text
    inside = re.search(r'id="texts">(.*?)</script>', page, re.DOTALL)
    assert inside is not None
    assert "<" not in inside[1]
    assert json.loads(inside[1])["common.cancel"] == "Cancel"


def test_no_template_has_a_text_of_its_own() -> None:
    """Words between tags that no `t(…)` gave; names and code may stand there."""
    allowed = {"Chimera Storage", "MP4", "GIF", "WebP", "Zip", "Tar", "H.26", "AV1"}
    for template in (FOLDER / "templates").rglob("*.html"):
        text = template.read_text("utf-8")
        text = re.sub(r"{#.*?#}|{{.*?}}|{%.*?%}", "", text, flags=re.DOTALL)
        text = re.sub(r"<(script|pre|code)\b.*?</\1>", "", text, flags=re.DOTALL)
        text = re.sub(r'[\w-]+="[^"]*"', "", text)
        for words in re.findall(r">([^<>]*[A-Za-z]{2}[^<>]*)<", text):
            assert any(name in words for name in allowed), f"{template.name}: {words.strip()}"
