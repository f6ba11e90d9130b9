"""Books for tests, made with the libraries that make real ones."""

from __future__ import annotations

import zlib
from pathlib import Path

from ebooklib import epub

TITLES = ["The Lamp", "The Storm", "The Morning"]
PARAGRAPHS = 12  # with 8 sentences each some seven printed pages


def picture() -> bytes:
    """A PNG of one pixel."""

    def block(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)

    header = block(b"IHDR", (1).to_bytes(4) + (1).to_bytes(4) + bytes([8, 2, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + header + block(b"IDAT", zlib.compress(b"\0\x20\x40\x60")) + block(b"IEND", b"")


def make_epub(path: Path, *, one_file: bool = False) -> Path:
    """Three chapters, some twenty pages; in a file each, or all in one."""
    book = epub.EpubBook()
    book.set_identifier("lighthouse")
    book.set_title("The Lighthouse")
    book.set_language("en")
    book.add_author("A. Keeper")
    book.set_cover("cover.png", picture())
    bodies = [_body(number, title) for number, title in enumerate(TITLES, 1)]
    if one_file:
        bodies = ["".join(bodies)]
    files = []
    for number, body in enumerate(bodies, 1):
        item = epub.EpubHtml(title=f"file {number}", file_name=f"text/{number}.xhtml")
        item.content = f"<html><head><style>p {{}} /* not to be read */</style></head><body>{body}</body></html>"
        book.add_item(item)
        files.append(item)
    names = ["text/1.xhtml"] * 3 if one_file else [item.file_name for item in files]
    book.toc = [
        epub.Link(f"{name}#c{n}", title, f"c{n}") for n, (name, title) in enumerate(zip(names, TITLES, strict=True), 1)
    ]
    book.add_item(epub.EpubNcx())
    book.add_item(epub.EpubNav())
    book.spine = ["nav", *files]
    epub.write_epub(str(path), book)
    return path


def _body(number: int, title: str) -> str:
    sentences = [f"Sentence {n} of chapter {number}. It tells of the sea and of the light." for n in range(8)]
    return f'<h1 id="c{number}">{title}</h1>' + f"<p>{' '.join(sentences)}</p>" * PARAGRAPHS


def make_pdf(path: Path) -> Path:
    """Two pages with an outline, written by hand: it is one of the few formats where that is short."""
    texts = [b"Page one speaks.", b"Page two speaks."]
    streams = [b"BT /F1 12 Tf 72 720 Td (" + text + b") Tj ET" for text in texts]
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Outlines 8 0 R>>",
        b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>",
        *(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 7 0 R>>>>/Contents %d 0 R>>"
            % number
            for number in (5, 6)
        ),
        *(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream) for stream in streams),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        b"<</Type/Outlines/First 9 0 R/Last 10 0 R/Count 2>>",
        b"<</Title(First)/Parent 8 0 R/Next 10 0 R/Dest[3 0 R/Fit]>>",
        b"<</Title(Second)/Parent 8 0 R/Prev 9 0 R/Dest[4 0 R/Fit]>>",
    ]
    out, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start)
    path.write_bytes(out)
    return path
