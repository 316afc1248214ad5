"""Flat plans of ACP: read as AutoFlat reads them, and refused line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from capture.errors import BadInput
from capture.night.flat_plan import FlatLine, in_runs, read_flat_plan

SAMPLE = """\ufeff;
; Sample flat plan
;
3,  HAlpha, 1                   ; narrowband first
3,  HAlpha, 2

\t3, Clear Glass ,1 ; a name may have a space
3,Red,2
3, Green, 2
2, Red, 2
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "flats.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_lines_are_read_in_their_order_without_comments_and_blanks(tmp_path: Path) -> None:
    assert read_flat_plan(write(tmp_path, SAMPLE)) == (
        FlatLine(4, 3, "HAlpha", 1),
        FlatLine(5, 3, "HAlpha", 2),
        FlatLine(7, 3, "Clear Glass", 1),
        FlatLine(8, 3, "Red", 2),
        FlatLine(9, 3, "Green", 2),
        FlatLine(10, 2, "Red", 2),
    )


def test_a_job_is_a_run_of_lines_of_one_binning_and_no_filter_twice(tmp_path: Path) -> None:
    runs = in_runs(read_flat_plan(write(tmp_path, SAMPLE)))
    assert [[line.number for line in run] for run in runs] == [[4], [5], [7], [8, 9], [10]]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Ha, 10, 1", "line 2 has the count 'Ha'; it is a number from 1 to 1000"),
        ("0, Ha, 1", "line 2 has the count '0'; it is a number from 1 to 1000"),
        ("10, Ha, 1x1", "line 2 has the binning '1x1'; it is a number from 1 to 8"),
        ("10, Ha, 9", "line 2 has the binning '9'; it is a number from 1 to 8"),
        ("10, Ha", "line 2 is '10, Ha'; write count, filter, binning, as 10, Ha, 1"),
        ("10, , 1", "line 2 is '10, , 1'; write count, filter, binning"),
        ("10, Ha, 1, 90", "line 2 has a rotator angle; it is set in the config"),
        ("#DOMEFLATS", "line 2 has the directive #DOMEFLATS; only flats are taken"),
    ],
)
def test_a_wrong_line_is_told_by_its_number_and_with_what_is_right(
    tmp_path: Path, line: str, words: str
) -> None:
    path = write(tmp_path, f"10, L, 1\n{line}\n")
    with pytest.raises(BadInput) as refused:
        read_flat_plan(path)
    assert str(refused.value).startswith(f"{path}: {words}")


def test_every_wrong_line_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as refused:
        read_flat_plan(write(tmp_path, "x, L, 1\n5, L, 1\n5, L\n"))
    assert [line.split("line ")[1][0] for line in str(refused.value).splitlines()] == ["1", "3"]


@pytest.mark.parametrize(
    ("text", "words"), [("", "asks for nothing"), ("; 5, L, 1\n", "asks for nothing"), (None, "there is no")]
)
def test_a_plan_without_flats_or_a_file_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    path = tmp_path / "none.txt" if text is None else write(tmp_path, text)
    with pytest.raises(BadInput, match=words):
        read_flat_plan(path)
