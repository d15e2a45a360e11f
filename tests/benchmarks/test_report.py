"""Results: how they are written, judged, kept and read, and that the page tells them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
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
    """The yardstick has the ratio 1; who was not measured comes last, without a ratio.

    A ratio is the median of those of the rounds: b took half of a's time in two of three, and the
    quotient of the medians would be 0.67.
    """
    lines = related(
        [
            Entry("c", None, note="why"),
            entry("a", [2.0, 3.0, 8.0]),
            entry("b", [1.0, 2.0, 4.0]),
            entry("d", [2.0, 12.0]),
        ],
        "a",
    )
    assert [(line.name, line.value, line.ratio) for line in lines] == [
        ("b", 2.0, 0.5),
        ("a", 3.0, 1.0),
        ("d", 7.0, 2.5),
        ("c", None, None),
    ]
    assert (lines[0].low, lines[0].high) == (1.0, 4.0)


def test_a_missing_peer_is_named() -> None:
    """Who is not installed stands in the table and says so."""
    assert "| openai | – | – |  |  | not installed |" in row_table(ROW)


def test_results_are_kept_and_read(tmp_path: Path) -> None:
    """What is written is what is read; the Markdown beside it tells the same."""
    save(RESULTS_OF_ONE, tmp_path)
    assert read(tmp_path) == RESULTS_OF_ONE
    text = (tmp_path / "results.md").read_text("utf-8")
    assert text == markdown(RESULTS_OF_ONE)
    assert "| P3 | a call ÷ httpx | ≤ 0.70 | 0.75 | **missed** |" in text


def test_a_page_is_filled_between_its_marks() -> None:
    """Only what stands between the marks is replaced; a part nobody knows is an error.

    A row that is new has no figures before the next whole run, and the page says so.
    """
    text = "a\n<!-- figures: P3 -->\nold\n<!-- end -->\nb\n"
    filled = page.filled(text, RESULTS_OF_ONE)
    assert filled.startswith("a\n<!-- figures: P3 -->\nA note.\n\n<details>\n")
    assert filled.endswith("<!-- end -->\nb\n")
    assert page.filled(filled, RESULTS_OF_ONE) == filled
    assert "\nNot measured yet.\n" in page.filled(text.replace("P3", "P4"), RESULTS_OF_ONE)
    with pytest.raises(KeyError):
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


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let runs write to a folder of the test's."""
    monkeypatch.setattr("benchmarks.__main__.PROJECT", tmp_path)
    monkeypatch.setattr("benchmarks.__main__.SCRATCH", tmp_path / "aside")
    monkeypatch.setattr("benchmarks.__main__.RESULTS", tmp_path / "results")
    monkeypatch.setattr("benchmarks.__main__.sources", lambda project: "1")
    monkeypatch.setattr("benchmarks.__main__._page", lambda *, check: 0)
    return tmp_path


class Measured(list[str]):
    """The rows that were measured, in turn; those of `broken` fail."""

    def __init__(self) -> None:
        self.broken: set[str] = set()


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Let there be three rows."""
    measured_rows = Measured()

    def row(name: str) -> tuple[tuple[str, ...], object]:
        def measure(run: Run) -> Iterator[Row]:
            if name in measured_rows.broken:
                raise RuntimeError("no server")
            measured_rows.append(name)
            yield replace(ROW, id=name)

        return (name,), measure

    pairs = [row("P3"), row("P4"), row("M")]
    monkeypatch.setattr("benchmarks.__main__.select", lambda only: pairs)
    return measured_rows


def test_a_run_that_was_stopped_goes_on(
    places: Path, measured: Measured, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row that fails is named and loses nothing of the others; the next run measures it alone."""
    measured.broken = {"P3"}
    assert main([]) == 1
    assert measured == ["P4", "M"]
    assert "measure failed: RuntimeError: no server\n" in capsys.readouterr().err
    assert not (places / "results").exists()
    measured.broken = set()
    assert main([]) == 0
    assert measured == ["P4", "M", "P3"]
    assert [row.id for row in read(places / "results").rows] == ["P3", "P4", "M"]
    assert main([]) == 0  # what is complete is measured anew
    assert measured[3:] == ["P3", "P4", "M"]


@pytest.mark.parametrize("change", ["sources", "everybody"])
def test_a_run_of_something_else_begins_anew(
    places: Path, measured: Measured, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Rows of other sources, or of other peers, are not put beside new ones."""
    measured.broken = {"P3"}
    assert main([]) == 1
    measured.broken = set()
    if change == "sources":
        monkeypatch.setattr("benchmarks.__main__.sources", lambda project: "2")
    assert main(["--all"] if change == "everybody" else []) == 0
    assert measured == ["P4", "M", "P3", "P4", "M"]


def test_a_choice_of_rows_is_written_aside(places: Path, measured: Measured) -> None:
    """It neither goes on with a run that was stopped nor counts as one."""
    assert main(["--only", "P3"]) == 0
    assert [row.id for row in read(places / "aside").rows] == ["P3"]
    assert not (places / "aside" / "unfinished").exists()
    assert not (places / "results").exists()


def test_a_table_has_no_empty_columns() -> None:
    """Every column has a name, and one that holds nothing is left out."""
    bare = Row("M", "t", "s", "", [], [Entry("one", 1.0)], [])
    assert row_table(bare).splitlines() == ["| measured | s |", "| --- | --- |", "| one | 1 |"]
    full = Row(
        "M", "t", "s", "", [], [Entry("one", 1.0, low=1.0, high=2.0, rounds=3, note="n")], []
    )
    head = "| measured | s | least to most | rounds | note |"
    assert row_table(full).splitlines()[::2] == [head, "| one | 1 | 1 to 2 | 3 | n |"]
