"""Results: how they are spelled, judged, kept and read, and that the page tells them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.__main__ import PAGE, RESULTS, main
from benchmarks.report import (
    Entry,
    Goal,
    Results,
    Row,
    entry,
    markdown,
    number,
    read,
    related,
    row_table,
    save,
)
from benchmarks.running import Run

ROW = Row(
    "P3",
    "a call",
    "µs",
    "httpx",
    [Goal("a call ÷ httpx", "≤", 0.7, 0.75)],
    [entry("chainhub", [300.0, 310.0, 290.0]), Entry("openai", None, note="not installed")],
    ["A note."],
)
RESULTS_OF_ONE = Results(
    date="2026-01-01",
    machine={"processor": "p", "cores": 2, "memory_gb": 4, "system": "s", "python": "3"},
    versions={"httpx": "1"},
    seconds=61.0,
    load=0.5,
    rows=[ROW],
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0.0, "0"),
        (1.0, "1"),
        (0.6789, "0.68"),
        (0.01234, "0.012"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (1234.5, "1,234"),
        (99.96, "100"),
    ],
)
def test_numbers_have_the_digits_that_count(value: float | None, expected: str) -> None:
    """Three digits, two below one, and a dash for what was not measured."""
    assert number(value) == expected


@pytest.mark.parametrize(
    ("sense", "limit", "value", "verdict"),
    [
        ("≤", 1.0, 1.0, "met"),
        ("≤", 1.0, 1.01, "**missed**"),
        ("≥", 2.0, 2.0, "met"),
        ("≥", 2.0, 1.9, "**missed**"),
        ("=", 1, 1.0, "met"),
        ("=", 0, 3.0, "**missed**"),
        ("≤", 1.0, None, "not measured"),
        ("≤", 1.0, float("nan"), "not measured"),
    ],
)
def test_goals_are_judged(sense: str, limit: float, value: float | None, verdict: str) -> None:
    """A goal that is missed is said to be missed, and one without a figure is not met."""
    assert Goal("what", sense, limit, value).verdict == verdict  # type: ignore[arg-type]


def test_entries_are_medians_with_their_spread_and_ratios() -> None:
    """The yardstick has the ratio 1; who was not measured comes last, without a ratio."""
    found = related(
        [Entry("c", None, note="why"), entry("a", [4.0]), entry("b", [1.0, 2.0, 9.0])], "a"
    )
    assert [(one.name, one.value, one.ratio) for one in found] == [
        ("b", 2.0, 0.5),
        ("a", 4.0, 1.0),
        ("c", None, None),
    ]
    assert (found[0].low, found[0].high) == (1.0, 9.0)


def test_a_missing_peer_is_named() -> None:
    """Who is not installed stands in the table and says so."""
    assert "| openai | – | – |  | not installed |" in row_table(ROW)


def test_results_are_kept_and_read(tmp_path: Path) -> None:
    """What is written is what is read; the Markdown beside it tells the same."""
    save(RESULTS_OF_ONE, tmp_path)
    assert read(tmp_path) == RESULTS_OF_ONE
    text = (tmp_path / "results.md").read_text("utf-8")
    assert text == markdown(RESULTS_OF_ONE)
    assert "| P3 | a call ÷ httpx | ≤ 0.70 | 0.75 | **missed** |" in text


def test_a_page_is_filled_between_its_marks() -> None:
    """Only what stands between the marks is replaced; a part nobody knows is an error."""
    text = "a\n<!-- figures: P3 -->\nold\n<!-- end -->\nb\n"
    filled = page.filled(text, RESULTS_OF_ONE)
    assert filled.startswith("a\n<!-- figures: P3 -->\nA note.\n\n<details>\n")
    assert filled.endswith("<!-- end -->\nb\n")
    assert page.filled(filled, RESULTS_OF_ONE) == filled
    with pytest.raises(StopIteration):
        page.filled(text.replace("P3", "P99"), RESULTS_OF_ONE)


def test_the_page_tells_the_results() -> None:
    """Every figure of docs/performance.md is that of the results beside the benchmarks."""
    assert main(["page", "--check"]) == 0


def test_the_page_has_no_figures_of_its_own() -> None:
    """Outside the parts that are filled there is no number but in names of files and protocols."""
    prose = page.PART.sub("", PAGE.read_text("utf-8"))
    prose = re.sub(r"\]\([^)]*\)|`[^`]*`|HTTP/2", "", prose)
    assert re.findall(r"\d[\d.,]*", prose) == []


def test_the_results_name_no_place() -> None:
    """Neither the machine's name nor a path is in the results."""
    import platform

    for path in RESULTS.iterdir():
        text = path.read_text("utf-8")
        assert platform.node() not in text
        assert not re.search(r"(?<![\w.])/(?:home|root|tmp|usr)/", text)


def test_a_row_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The command says what there is and ends with the status of a wrong call."""
    assert main(["--only", "P99"]) == 2
    assert "no such benchmark: P99" in capsys.readouterr().err


def test_a_benchmark_that_fails_loses_nothing_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, the status says so, and nothing is taken for the results of a whole run."""

    def broken(run: Run) -> Iterator[Row]:
        raise RuntimeError("no server")
        yield

    def good(run: Run) -> Iterator[Row]:
        yield RESULTS_OF_ONE.rows[0]

    monkeypatch.setattr("benchmarks.__main__.chosen", lambda only: [good, broken, good])
    monkeypatch.setattr("benchmarks.__main__.PROJECT", tmp_path)
    monkeypatch.setattr("benchmarks.__main__.ASIDE", tmp_path / "aside")
    monkeypatch.setattr("benchmarks.__main__.RESULTS", tmp_path / "results")
    assert main([]) == 1
    assert capsys.readouterr().err == "broken failed: RuntimeError: no server\n"
    assert read(tmp_path / "aside").rows == RESULTS_OF_ONE.rows * 2
    assert not (tmp_path / "results").exists()


def test_a_table_has_no_empty_columns() -> None:
    """Every column has a name, and one that holds nothing is left out."""
    bare = Row("M", "t", "s", "", [], [Entry("one", 1.0)], [])
    assert row_table(bare).splitlines() == ["| measured | s |", "| --- | --- |", "| one | 1 |"]
    full = Row("M", "t", "s", "", [], [Entry("one", 1.0, low=1.0, high=2.0, note="n")], [])
    head = "| measured | s | least to most | note |"
    assert row_table(full).splitlines()[::2] == [head, "| one | 1 | 1 to 2 | n |"]
