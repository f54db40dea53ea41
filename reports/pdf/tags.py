"""Tags, metadata and attachments: what makes a page readable by a machine and fit for an archive.

The law: everything on a page is either tagged content, in reading order, or marked as an artifact
(ISO 14289-1, PDF/UA); fonts, colours and attachments are inside the file (ISO 19005-3, PDF/A-3a).
ReportLab writes neither; this module adds both at the level of PDF objects.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from reportlab import rl_config
from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas

_Dict, _Name, _Array, _Text = (
    pdfdoc.PDFDictionary,
    pdfdoc.PDFName,
    pdfdoc.PDFArray,
    pdfdoc.PDFString,
)


@dataclass(slots=True)
class Element:
    """One node of the structure tree; `kids` are elements or (page, content id) pairs."""

    tag: str
    attributes: dict[str, Any] = field(default_factory=dict)
    kids: list[Any] = field(default_factory=list)

    def add(self, tag: str, **attributes: Any) -> Element:
        """A new child."""
        child = Element(tag, attributes)
        self.kids.append(child)
        return child


@dataclass(frozen=True, slots=True)
class Meta:
    """What the document says of itself; `attachment` is the machine-readable report."""

    title: str
    subject: str
    software: str
    made_at: datetime
    attachment: bytes
    attachment_name: str
    attachment_note: str = "every figure of this report with the entries it rests on"


class TaggedCanvas(Canvas):  # type: ignore[misc]
    """A canvas whose content is tagged; same calls, same bytes."""

    def __init__(self, out: BytesIO, meta: Meta, font: str, size: tuple[float, float]) -> None:
        super().__init__(
            out,
            pagesize=size,
            invariant=1,
            pageCompression=1,
            initialFontName=font,
            lang="en-GB",
            pdfVersion=(1, 7),
        )
        self.root = Element("Document")
        self._meta = meta
        self._on_page: list[Element] = []
        self._pages: list[list[Element]] = []
        self._page_refs: list[Any] = []
        date = meta.made_at.strftime("D:%Y%m%d%H%M%S+00'00'")
        self._doc.setDateFormatter(lambda *_: date)
        self.setTitle(meta.title)
        self.setSubject(meta.subject)
        self.setAuthor(meta.software)
        self.setCreator(meta.software)
        self.setProducer(meta.software)

    @contextmanager
    def tagged(self, element: Element) -> Iterator[None]:
        """What is drawn inside belongs to `element`."""
        content = len(self._on_page)
        self._code.append(f"/{element.tag} <</MCID {content}>> BDC")
        element.kids.append((len(self._pages), content))
        self._on_page.append(element)
        yield
        self._code.append("EMC")

    @contextmanager
    def artifact(self, kind: str = "Layout") -> Iterator[None]:
        """What is drawn inside is decoration or furniture, not content."""
        self._code.append(f"/Artifact <</Type /{kind}>> BDC")
        yield
        self._code.append("EMC")

    def showPage(self) -> None:  # noqa: N802, the name ReportLab calls
        """End the page and remember what was tagged on it."""
        number = len(self._pages)
        super().showPage()
        page = self._doc.Pages.pages[-1]
        page.__NoDefault__ = [*page.__NoDefault__, "StructParents", "Tabs"]
        page.StructParents, page.Tabs = number, _Name("S")
        self._pages.append(self._on_page)
        self._page_refs.append(page)
        self._on_page = []

    def finish(self) -> None:
        """Write the document."""
        self.showPage()
        catalog = self._doc.Catalog
        catalog.__NoDefault__ = [*catalog.__NoDefault__, "OutputIntents", "AF"]
        self._structure(catalog)
        self._archive(catalog)
        with _line_before_endstream():
            self._doc.SaveToFile(self._filename, self)

    def _structure(self, catalog: Any) -> None:
        references: dict[int, Any] = {}
        tree = _Dict({"Type": _Name("StructTreeRoot")})
        tree_reference = self._doc.Reference(tree)
        tree["K"] = _Array([self._element(self.root, tree_reference, references)])
        numbers: list[Any] = []
        for number, elements in enumerate(self._pages):
            row = _Array([references[id(element)] for element in elements])
            numbers += [number, self._doc.Reference(row)]
        tree["ParentTree"] = self._doc.Reference(_Dict({"Nums": _Array(numbers)}))
        tree["ParentTreeNextKey"] = len(self._pages)
        catalog.StructTreeRoot = tree_reference
        catalog.MarkInfo = _Dict({"Marked": "true"})
        catalog.Lang = _Text("en-GB")
        self.setViewerPreference("DisplayDocTitle", "true")

    def _element(self, element: Element, parent: Any, references: dict[int, Any]) -> Any:
        node = _Dict({"Type": _Name("StructElem"), "S": _Name(element.tag), "P": parent})
        reference = references[id(element)] = self._doc.Reference(node)
        for name, value in element.attributes.items():
            node[name] = value
        kids = []
        for kid in element.kids:
            if isinstance(kid, Element):
                kids.append(self._element(kid, reference, references))
            else:
                page, content = kid
                place = {"Type": _Name("MCR"), "Pg": self._page_refs[page], "MCID": content}
                kids.append(_Dict(place))
        node["K"] = _Array(kids)
        return reference

    def _archive(self, catalog: Any) -> None:
        meta, document = self._meta, self._doc
        profile = (files("reports") / "fonts" / "srgb.icc").read_bytes()
        intent = {
            "Type": _Name("OutputIntent"),
            "S": _Name("GTS_PDFA1"),
            "OutputConditionIdentifier": _Text("sRGB"),
            "Info": _Text("sRGB"),
            "DestOutputProfile": document.Reference(_stream({"N": 3}, profile)),
        }
        catalog.OutputIntents = _Array([_Dict(intent)])
        digest = hashlib.md5(meta.attachment, usedforsecurity=False).hexdigest()
        parameters = {
            "Size": len(meta.attachment),
            "ModDate": _Text(meta.made_at.strftime("D:%Y%m%d%H%M%S+00'00'")),
            "CheckSum": f"<{digest}>",
        }
        embedded = {
            "Type": _Name("EmbeddedFile"),
            "Subtype": "/application#2Fjson",
            "Params": _Dict(parameters),
        }
        data = document.Reference(_stream(embedded, meta.attachment))
        name = _Text(meta.attachment_name)
        specification = {
            "Type": _Name("Filespec"),
            "F": name,
            "UF": name,
            "Desc": _Text(meta.attachment_note),
            "AFRelationship": _Name("Data"),
            "EF": _Dict({"F": data, "UF": data}),
        }
        file = document.Reference(_Dict(specification))
        catalog.Names = _Dict({"EmbeddedFiles": _Dict({"Names": _Array([name, file])})})
        catalog.AF = _Array([file])
        metadata = {"Type": _Name("Metadata"), "Subtype": _Name("XML")}
        catalog.Metadata = pdfdoc.PDFStream(_Dict(metadata), content=_xmp(meta), filters=[])


def layout(**values: Any) -> Any:
    """An attribute object owned by Layout, such as a figure's bounding box."""
    return _Dict({"O": _Name("Layout"), **values})


def scope(word: str, columns: int = 1) -> Any:
    """The attribute that says whether a header cell heads a Column or a Row, and how many it spans."""
    span = {"ColSpan": columns} if columns > 1 else {}
    return _Dict({"O": _Name("Table"), "Scope": _Name(word), **span})


def text(value: str) -> Any:
    """A PDF text string."""
    return _Text(value)


def numbers(values: list[float]) -> Any:
    """A PDF array of numbers."""
    return _Array([round(value, 2) for value in values])


def _stream(entries: dict[str, Any], content: bytes) -> Any:
    return pdfdoc.PDFStream(_Dict(entries), content=content, filters=[pdfdoc.PDFZCompress])


@contextmanager
def _line_before_endstream() -> Iterator[None]:
    """PDF/A wants a line break before `endstream`, and ASCII85 only makes files larger."""
    original, ascii85 = pdfdoc.PDFStream.format, rl_config.useA85

    def spaced(self: Any, document: Any) -> bytes:
        written: bytes = original(self, document)
        return written.removesuffix(b"endstream\n") + b"\nendstream\n"

    pdfdoc.PDFStream.format, rl_config.useA85 = spaced, 0
    try:
        yield
    finally:
        pdfdoc.PDFStream.format, rl_config.useA85 = original, ascii85


_SCHEMA = "http://www.aiim.org/pdfa/ns/"


def _xmp(meta: Meta) -> bytes:
    """The metadata packet: title, dates, and the two standards the file claims."""
    date = meta.made_at.strftime("%Y-%m-%dT%H:%M:%S+00:00")
    software, title, subject = (escape(t) for t in (meta.software, meta.title, meta.subject))
    extension = (
        "<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType='Resource'>"
        "<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>"
        "<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>"
        "<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>"
        "<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType='Resource'>"
        "<pdfaProperty:name>part</pdfaProperty:name>"
        "<pdfaProperty:valueType>Integer</pdfaProperty:valueType>"
        "<pdfaProperty:category>internal</pdfaProperty:category>"
        "<pdfaProperty:description>part of ISO 14289 followed</pdfaProperty:description>"
        "</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas>"
    )
    packet = (
        "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?>\n"
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'>"
        "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
        "<rdf:Description rdf:about='' xmlns:dc='http://purl.org/dc/elements/1.1/'"
        " xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmlns:pdf='http://ns.adobe.com/pdf/1.3/'"
        f" xmlns:pdfaid='{_SCHEMA}id/' xmlns:pdfuaid='http://www.aiim.org/pdfua/ns/id/'>"
        "<dc:format>application/pdf</dc:format>"
        f"<dc:title><rdf:Alt><rdf:li xml:lang='x-default'>{title}</rdf:li></rdf:Alt></dc:title>"
        f"<dc:creator><rdf:Seq><rdf:li>{software}</rdf:li></rdf:Seq></dc:creator>"
        "<dc:description><rdf:Alt>"
        f"<rdf:li xml:lang='x-default'>{subject}</rdf:li></rdf:Alt></dc:description>"
        f"<xmp:CreateDate>{date}</xmp:CreateDate><xmp:ModifyDate>{date}</xmp:ModifyDate>"
        f"<xmp:CreatorTool>{software}</xmp:CreatorTool><pdf:Producer>{software}</pdf:Producer>"
        "<pdfaid:part>3</pdfaid:part><pdfaid:conformance>A</pdfaid:conformance>"
        "<pdfuaid:part>1</pdfuaid:part></rdf:Description>"
        f"<rdf:Description rdf:about='' xmlns:pdfaExtension='{_SCHEMA}extension/'"
        f" xmlns:pdfaSchema='{_SCHEMA}schema#' xmlns:pdfaProperty='{_SCHEMA}property#'>"
        f"{extension}</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end='w'?>"
    )
    return packet.encode()
