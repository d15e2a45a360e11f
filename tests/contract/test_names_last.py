"""A page that is added later renames nothing: pages one by one, in several orders."""

import os
import random
from copy import deepcopy
from pathlib import Path

import pytest

from tools import commands
from tools.changes import promises
from tools.contract import called, operations, sequence
from tools.errors import PipelineError
from tools.pages import hosts, merge, reading
from tools.repair.media import is_bytes
from tools.repair.names import pascal
from tools.tasks import places

PROJECT = Path(__file__).resolve().parent.parent.parent
PAGES = Path(os.environ.get("VENDOR_PAGES", PROJECT.parent / "shared" / "vendor-pages"))
STATES = 6  # how often the names are looked at while the contract grows

TEXT = {"type": "string"}
SIZE = {"type": "string", "enum": ["small", "large"]}


def model(**fields):
    """Describe an object."""
    return {"type": "object", "properties": fields}


def page(path, summary="", body=None, answer=None, method="post", **operation):
    """Write a page as the vendor would."""
    content = {"application/json": {"schema": answer or model(id=TEXT, state=model(word=SIZE))}}
    made = {"summary": summary, "responses": {"200": {"description": "", "content": content}}}
    if body:
        made["requestBody"] = {"content": {"application/json": {"schema": body}}}
    document = {
        "openapi": "3.0.1",
        "info": {"title": "", "version": "1"},
        "servers": [{"url": "https://api.example"}],
        "paths": {path: {method: made | operation}},
    }
    return merge.Source(f"{path} {summary}", f"{summary}.md", document)


SORT = [{"name": "sort", "in": "query", "schema": {"type": "string", "enum": ["up", "down"]}}]
OWN = [
    page("/v1/film/create", "Create film veo", model(prompt=TEXT, size=SIZE)),
    page("/v1/film/create", "Create film sora", model(prompt=TEXT, scenes=model(a=SIZE))),
    page("/v1/film/create", "Create film sora", model(seconds={"type": "integer"})),
    page("/v1/film/create", "Create film grok", model(prompt=TEXT, size=SIZE)),
    page("/v1/film/create", "Create film", {"oneOf": [model(a=TEXT), model(b=TEXT)]}),
    page("/v1/film/list", "Films", method="get", parameters=SORT, answer=model(more=TEXT)),
    page("/v1/film/list", "Films again", method="get", answer=model(films=model(a=model(b=TEXT)))),
    page("/v1/film/{id}", "One film", method="get"),
    page("/v1/film/{id}/parts", "Its parts", method="get", parameters=SORT),
    page("/v2/film/create", "Create film", model(prompt=TEXT)),
    page("/kling/textToFilm", "Kling", model(callBack=model(url=TEXT))),
]


def names(document):
    """List the names in a contract: of operations by their path, of all else, of files."""
    repaired = commands.repaired_document(deepcopy(document), "the contract").document
    calls = {
        called(place): f"client.{sequence(one['tags'])[0]}.{one['operationId']}"
        for place, one in operations(repaired)
    }
    entries = promises.from_contract(repaired, calls.values())
    kinds = ("call", "parameter", "model")
    others = {name for name, entry in entries.items() if entry.kind in kinds}
    listed = {entry.enum_class for entry in entries.values() if entry.enum_class}
    files = {
        pascal(f"{sequence(one['tags'])[0]} {one['operationId']} answer")
        for place, one in operations(repaired)
        if is_bytes(places.answer(repaired, place).media_type or "", is_body=False)
    }
    return calls, others, listed, files


def grown(pages):
    """Add pages one by one; tell the names at the end, and those that did not last."""
    hosts_of_all = set().union(*(hosts.hosts_of(one.document) for one in pages))
    base, before, lost = None, ({}, set(), set(), set()), []
    for number, one in enumerate(pages, 1):
        base = merge.merge([one], hosts_of_all, base=base).document
        if number % max(1, len(pages) // STATES) == 0 or number == len(pages):
            now = names(base)
            lost += [name for path, name in before[0].items() if now[0][path] != name]
            # A page may show the answer of another page where the operation sends a file. When that
            # other page comes, it is a file.
            lost += before[1] - now[1] - now[3]
            before = now
    return before, lost


def vendors():
    """Read the vendor's pages, as far as they can be read."""
    found = []
    for path in sorted(PAGES.rglob("*.md")):
        try:
            found += reading.contracts(path, PAGES)
        except PipelineError:
            continue
    return [merge.Source(one.place, one.name, one.document) for one in found]


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param(lambda: OWN, id="own"),
        pytest.param(
            vendors,
            id="vendor",
            marks=[
                pytest.mark.slow,
                # They are the vendor's own text, which is not ours to keep here.
                pytest.mark.skipif(not PAGES.is_dir(), reason="the published pages are not here"),
            ],
        ),
    ],
)
def test_names_are_the_same_in_any_order(pages):
    """Operations, parameters, models and listed values; on the way none is lost."""
    found = pages()
    orders = [found, found[::-1], random.Random(7).sample(found, len(found))]
    (first, lost), *others = map(grown, orders)
    assert lost == []
    assert len(first[1]) > len(found)
    for other, gone in others:
        assert gone == []
        assert other == first


def test_the_folder_of_a_page_does_not_count(tmp_path):
    """Nor its file's name: the same pages give the same names, flat or in a tree."""
    text = "```yaml\n{}```\n"
    states = []
    for files in (("a.md", "b.md"), ("VEO/new/a.md", "other/deep/b.md")):
        folder = tmp_path / str(len(states))
        for place, one in zip(files, OWN, strict=False):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_text(text.format(commands.documents.text_of(one.document)))
        contract = commands.documents.parse(reading.imported([folder]).text, "x")
        states.append(names(contract))
    assert states[0] == states[1]
    assert {"FilmCreateVeo", "FilmCreateSora"} <= states[0][1]
