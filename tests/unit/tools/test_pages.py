"""How contracts are found in published pages, exported files and folders."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import documents
from tools.contract import mapping
from tools.errors import PipelineError
from tools.pages import reading

CONTRACT = "openapi: 3.0.1\npaths:\n  example: |\n    ```\n    a cow\n    ```\nservers: []\n\n"
PAGE = f"# Title\n\n```json\n{{}}\n```\n\n````yaml\n{CONTRACT}````\n\n```\nother\n```\n"
SMALL = "```yaml\nopenapi: 3.0.1\npaths:\n  /%s:\n    get: {responses: {}}\n```\n"


def page(folder: Path, text: str, name: str = "page.md") -> Path:
    """Write a page."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode())
    return path


def paths_of(imported: reading.Imported) -> list[str]:
    """List the paths of the contract that was made."""
    read = documents.parse(imported.text, "made")["paths"]
    assert isinstance(read, dict)
    return list(read)


def test_a_fence_ends_only_at_one_as_long(tmp_path: Path) -> None:
    """A shorter fence inside an example does not cut the contract; every byte survives."""
    assert reading.imported([page(tmp_path, PAGE)]) == reading.Imported(CONTRACT)


def test_odd_line_ends_and_letters_survive(tmp_path: Path) -> None:
    """What a text reader would call a line end is left alone."""
    text = "openapi: 3.0.1\r\nx: a\u2028b\r\n"
    assert reading.imported([page(tmp_path, f"~~~ yaml\r\n{text}~~~~\r\n")]).text == text


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.yaml", "openapi: 3.1.0\npaths: {}\n"), ("a.JSON", '{"openapi": "3.1.0", "paths": {}}')],
)
def test_an_exported_file_is_taken_as_it_is(tmp_path: Path, name: str, text: str) -> None:
    """It needs no page around it."""
    assert reading.imported([page(tmp_path, text, name)]).text == text


def test_pages_that_only_fail_together_are_reported(tmp_path: Path) -> None:
    """The contract is made, and the sentence says what keeps it from being generated."""

    def check(document: dict[str, documents.Json], place: str) -> None:
        if len(mapping(document["paths"])) > 1:
            raise PipelineError(f"{place}: two are too many.")

    for name in "ab":
        page(tmp_path, SMALL % name, f"{name}.md")
    imported = reading.imported([tmp_path], check=check)
    assert imported.refused == ["all pages together: two are too many."]
    assert paths_of(imported) == ["/a", "/b"]


def test_blocks_tell_their_line_and_language() -> None:
    """So that a fault inside is found in the page; the language is the first word."""
    found = list(reading.blocks("\n```YAML title=x\na\n```\n```\n```", "p"))
    assert found == [("a\n", 3, "yaml"), ("", 6, "")]


def test_a_fence_may_be_indented() -> None:
    """As in a list: the lines inside lose as much; a fence further in is part of the text."""
    text = "1. A\n\n   ```yaml\n   a: |\n     ```\n\n  b: 1\n  ```\n\n    ```\n    no end\n"
    (block,) = reading.blocks(text, "p")
    assert (block.text, block.line, block.language) == ("a: |\n  ```\n\nb: 1\n", 4, "yaml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("# no fence\n", "page.md holds no OpenAPI document."),
        ("```yaml\na: 1\n```\n", "page.md holds no OpenAPI document."),
        ("```\nopenapi: 3.0.1\n```\n", "page.md holds no OpenAPI document."),
        (PAGE.replace("\n````\n", "\n```\n"), "page.md:7: the fence ```` is never closed."),
        ("\n```yaml\na: b: c\n```\n", "page.md:3:5 is not valid YAML: mapping values are not"),
    ],
)
def test_a_named_page_is_refused_rather_than_half_read(
    tmp_path: Path, text: str, sentence: str
) -> None:
    """One sentence names the page, and the line where there is one."""
    with pytest.raises(PipelineError) as caught:
        reading.imported([page(tmp_path, text)])
    assert str(caught.value).startswith(f"{tmp_path}/{sentence}")


def test_a_folder_leaves_out_what_it_cannot_read(tmp_path: Path) -> None:
    """Each page left out is told; pages without a contract and other files are no fault."""
    page(tmp_path, SMALL % "a", "sub/1.md")
    page(tmp_path, "# status codes\n", "2.md")
    page(tmp_path, "```yaml\na: [\n```\n", "3.md")
    page(tmp_path, "not text: [", "4.txt")
    imported = reading.imported([tmp_path])
    assert paths_of(imported) == ["/a"]
    assert len(imported.refused) == 1
    assert imported.refused[0].startswith(f"{tmp_path}/3.md:3:1 is not valid YAML")
    with pytest.raises(PipelineError, match=r"3\.md:3:1 is not valid YAML"):
        reading.imported([tmp_path, tmp_path / "3.md"])


def test_a_strange_host_among_named_pages_is_an_error(tmp_path: Path) -> None:
    """In a folder the page is left out instead, unless the host is allowed by name."""
    for number, host in enumerate(("good", "good", "strange")):
        server = f"servers: [{{url: 'https://{host}'}}]\n```"
        page(tmp_path, (SMALL % number).replace("```\n", server + "\n", 2)[len(server) + 1 :])
        text = f"```yaml\nopenapi: 3.0.1\npaths: {{/{number}: {{get: {{}}}}}}\n{server}\n"
        page(tmp_path, text, f"{number}.md")
    (tmp_path / "page.md").unlink()
    named = sorted(tmp_path.iterdir())
    with pytest.raises(
        PipelineError, match=r"2\.md is refused: the key would go to its server strange"
    ):
        reading.imported(named)
    imported = reading.imported([tmp_path])
    assert paths_of(imported) == ["/0", "/1"]
    assert len(imported.refused) == 1
    assert paths_of(reading.imported(named, ["strange"])) == ["/0", "/1", "/2"]


def test_a_page_that_is_alone_may_not_name_another_host(tmp_path: Path) -> None:
    """Two hosts in one page, of which the contract in place has one."""
    servers = "servers: [{url: 'https://good'}, {url: 'https://strange'}]"
    page(tmp_path, f"```yaml\nopenapi: 3.0.1\n{servers}\npaths: {{}}\n```\n")
    with pytest.raises(PipelineError, match="the key would go to its server strange"):
        reading.imported([tmp_path / "page.md"], known_hosts=["good"])
    assert reading.imported([tmp_path / "page.md"], ["strange"], known_hosts=["good"]).notes == []


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    """Rather than a contract without operations."""
    with pytest.raises(PipelineError, match="No page with a contract is left to import"):
        reading.imported([tmp_path])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("```yaml\nopenapi: 3.0.1\n", "page.md:1: the fence ``` is never closed."),
        ("```yaml\nswagger: '2.0'\n```\n", "page.md is a contract of Swagger 2; convert it"),
    ],
)
def test_the_only_page_of_a_folder_is_refused_with_its_reason(
    tmp_path: Path, text: str, sentence: str
) -> None:
    """Rather than with the sentence that none is left."""
    page(tmp_path, text)
    with pytest.raises(PipelineError, match=re.escape(sentence)):
        reading.imported([tmp_path])
