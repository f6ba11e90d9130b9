"""Files to chapters: EPUB, PDF, HTML, Markdown, text; and what only pretends to be a book."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fishvoice.books import epub as epub_reader
from fishvoice.books.book import Cut, UnreadableBook, chapters
from fishvoice.books.markup import html_text
from fishvoice.books.output import file_name
from fishvoice.books.pdf import paragraphs
from fishvoice.books.reader import read_book
from tests.client.books.make import TITLES, make_epub, make_pdf


def test_an_epub_has_its_titles_author_cover_and_chapters(tmp_path: Path) -> None:
    book = read_book(make_epub(tmp_path / "a.epub"))
    assert (book.title, book.author) == ("The Lighthouse", "A. Keeper")
    assert [chapter.title for chapter in book.chapters] == TITLES
    assert book.cover is not None
    assert "Sentence 3 of chapter 2." in book.chapters[1].text
    assert "not to be read" not in "".join(chapter.text for chapter in book.chapters)


def test_chapters_may_begin_in_the_middle_of_a_file(tmp_path: Path) -> None:
    book = read_book(make_epub(tmp_path / "a.epub", one_file=True))
    assert [chapter.title for chapter in book.chapters] == TITLES
    assert "of chapter 1." in book.chapters[0].text
    assert "of chapter 2." not in book.chapters[0].text


def test_a_pdf_is_read_by_its_outline(tmp_path: Path) -> None:
    book = read_book(make_pdf(tmp_path / "a.pdf"))
    assert [chapter.title for chapter in book.chapters] == ["First", "Second"]
    assert "Page one" in book.chapters[0].text
    assert "Page two" in book.chapters[1].text


def test_lines_of_a_page_become_paragraphs() -> None:
    assert (
        paragraphs("12\nA light-\nhouse stands\nthere.\n\nNew\nparagraph.")
        == "A lighthouse stands there.\n\nNew paragraph."
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", "<html><head><title>x</title></head><body><h1>One</h1><p>Alpha<b>bet</b>.<script>bad()</script>"
                   "<h1>Two</h1>Beta.<br>Gamma.</body></html>"),
        ("a.md", "# One\n\nAlpha*bet*.\n\n# Two\n\nBeta.\nGamma.\n"),
    ],
)  # fmt: skip
def test_headings_are_chapters(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    book = read_book(tmp_path / name)
    assert [(chapter.title, chapter.text.split()) for chapter in book.chapters] == [
        ("One", ["One", "Alphabet."]),
        ("Two", ["Two", "Beta.", "Gamma."]),
    ]


def test_plain_text_is_one_chapter(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Hello.\n")
    assert [(chapter.title, chapter.text) for chapter in read_book(tmp_path / "a.txt").chapters] == [("a", "Hello.")]


# -- what is no book -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.epub", "a.pdf"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"%PDF-1.7\n", bytes(range(256)) * 20], ids=range(4))
def test_damaged_files_are_refused_in_words(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableBook, match=r"a\.(epub|pdf)"):
        read_book(tmp_path / name)


def test_unknown_suffixes_and_missing_files_are_refused(tmp_path: Path) -> None:
    for name in ("a.docx", "a.txt"):
        with pytest.raises(UnreadableBook):
            read_book(tmp_path / name)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epub_reader, "MAX_ENTRY_BYTES", 1 << 20)
    bomb = tmp_path / "bomb.epub"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.xhtml", b"\0" * (2 << 20))
    assert bomb.stat().st_size < 10_000
    with pytest.raises(UnreadableBook, match="that is no book"):
        read_book(bomb)


def test_entities_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    text = html_text(f'<!DOCTYPE html [<!ENTITY x SYSTEM "file://{secret}">]><html><body>&x; seen</body></html>').text
    assert "the secret" not in text
    assert "seen" in text


def test_deep_nesting_ends_in_order() -> None:
    html_text("<div>" * 100_000 + "deep")  # however much of it is read


@settings(deadline=None)
@given(st.text(max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_chapters_lose_no_text(text: str, offsets: list[int]) -> None:
    cuts = [Cut(min(offset, len(text)), "x") for offset in offsets]
    found = "".join(chapter.text for chapter in chapters(text, cuts, "before"))
    assert "".join(found.split()) == "".join(text.split())


@given(st.text(max_size=200))
def test_no_title_leads_out_of_its_folder(title: str) -> None:
    name = file_name(title)
    assert name
    assert not set(name) & set('/\\:\0<>|?*"')
    assert name.strip(".") == name
