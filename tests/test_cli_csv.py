"""Tables from CSV files: what is read, and what is refused with which line and column."""

import codecs
import contextlib
import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_edu.cli import main
from tinygrad_edu.cli.csv_data import BadCSV, classes_of, is_classes, numbers, read
from tinygrad_edu.cli.datasets import from_table

ROWS = "".join(f"{i},{i * i},{'ab'[i % 2]}\n" for i in range(12))
GOOD = f"size,square,kind\n{ROWS}"


def table(tmp_path, content, **options):
    path = tmp_path / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return from_table(path, **{"target": "kind", **options})


# ---- what is read ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content",
    [
        GOOD.encode(),
        codecs.BOM_UTF8 + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace(",", ";").encode(),
        GOOD.replace(",", "\t").encode(),
        GOOD.replace(",", " , ").encode(),
        GOOD.replace("kind", '"kind"').replace("a\n", '"a"\n').encode(),
        GOOD.replace("3,", "\n3,").encode() + b"\n\n",
        GOOD.rstrip().encode(),
    ],
    ids=["plain", "bom", "crlf", "semicolons", "tabs", "spaces", "quotes", "blank lines", "no last newline"],
)
def test_tables_as_programs_write_them(content, tmp_path):
    data = table(tmp_path, content)
    np.testing.assert_array_equal(data.x, [[i, i * i] for i in range(12)])
    np.testing.assert_array_equal(data.y, [i % 2 for i in range(12)])
    assert (data.columns, data.target, data.classes) == (["size", "square"], "kind", ["a", "b"])


def test_columns_by_number_and_columns_left_out(tmp_path):
    data = table(tmp_path, GOOD, target="3", ignored=["1"])
    assert (data.columns, data.target) == (["square"], "kind")


def test_what_is_a_class_and_what_is_a_quantity(tmp_path):
    few = "x,kind\n" + "".join(f"{i},{i % 3}.0\n" for i in range(12))
    many = "x,kind\n" + "".join(f"{i},{i}\n" for i in range(30))
    broken = "x,kind\n" + "".join(f"{i},{i % 2 + 0.5}\n" for i in range(12))
    assert table(tmp_path, few).classes == ["0", "1", "2"]
    assert table(tmp_path, few, task="regress").classes is None
    quantities = table(tmp_path, many)
    assert quantities.classes is None
    np.testing.assert_array_equal(quantities.y, np.arange(30.0)[:, None])
    assert table(tmp_path, broken).classes is None
    assert table(tmp_path, broken, task="classify").classes == ["0.5", "1.5"]


def test_classes_are_in_the_order_of_their_numbers(tmp_path):
    content = "x,kind\n" + "".join(f"{i},{(2, 10, 1)[i % 3]}\n" for i in range(12))
    assert table(tmp_path, content).classes == ["1", "2", "10"]


words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=5).map(
    lambda text: "w" + text
)


@given(
    st.lists(st.tuples(st.floats(-1e300, 1e300), words), min_size=1, max_size=8),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_python_writes_comes_back(tmp_path_factory, rows, delimiter, ending):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=ending).writerows([("number", "two\nlines"), *rows])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(text.getvalue().encode())
    sheet = read(path, delimiter)
    assert sheet.columns == ["number", "two\nlines"]
    np.testing.assert_array_equal(numbers(sheet, ["number"])[:, 0], [number for number, _ in rows])
    assert [cell for _, cell in sheet.column("two\nlines")] == [word for _, word in rows]
    assert [line for line, _ in sheet.lines] == list(range(3, 3 + len(rows)))


# ---- what is refused ---------------------------------------------------------------------------------------------
def changed(line, text):
    """The good table with another line (2 is the first sample)."""
    lines = GOOD.splitlines()
    lines[line - 1] = text
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("size,kind\n", "no samples: there is nothing below line 1"),
        ("size,kind\n1,a\n2,b\n3,a\n4,b\n5,a\n6,b\n", "has 6 samples"),
        ("size,kind\n1,a\n,b\n", r"line 3, column 'size': the value is missing"),  # though it is too short as well
        ("1,2,3\n" + ROWS, "line 1: the first line holds numbers"),
        ("size,,kind\n" + ROWS, "line 1: column 2 has no name"),
        ("size,size,kind\n" + ROWS, "line 1: columns 1 and 2 are both named 'size'"),
        (changed(5, "3,,b"), "line 5, column 'square': the value is missing"),
        (changed(5, "3,NA,b"), "line 5, column 'square': the value is missing ('NA')"),
        (changed(5, "3,9,"), "line 5, column 'kind': the value is missing"),
        (changed(7, "5,many,b"), "line 7, column 'square': 'many' is not a number"),
        (changed(7, "5,1_000,b"), "line 7, column 'square': '1_000' is not a number"),
        (changed(7, '5,"25,5",b'), "line 7, column 'square': '25,5' is not a number; write it with a point"),
        (changed(7, "5,inf,b"), "line 7, column 'square': inf is not a finite number"),
        (changed(7, "5,1e999,b"), "line 7, column 'square': 1e999 is not a finite number"),
        (changed(7, "5,25"), "line 7: there are 2 values, but 3 columns; the last value is in column 'square'"),
        (changed(7, "5,25,b,c"), "line 7: there are 4 values, but 3 columns"),
        (changed(7, '5,"25,b'), "is a quote missing?"),
        (changed(4, "2,4,c"), "line 4, column 'kind': the class 'c' occurs once only"),
        ("size,kind\n" + "1,a\n" * 12, "lines 2 to 13, column 'kind': there is one class only, 'a'"),
        ("size,kind\n" + "1,2.5\n" * 12, "lines 2 to 13, column 'kind': all values are 2.5"),
        (
            "size,kind\n" + "1,2.5\n1,3.5\n" * 6 + "1,x\n",
            "line 14, column 'kind': 'x' is not a number, but most others",
        ),
        ("kind\n" + "a\nb\n" * 6, "has no column to predict 'kind' from"),
        (GOOD.replace("kind", "sort"), "there is no column 'kind'; there are: size, square, sort"),
        (GOOD.encode().replace(b"3,9", b"3,\xff"), "line 5: this is not text in UTF-8"),
    ],
)
def test_bad_tables(content, says, tmp_path):
    with pytest.raises(BadCSV) as refused:
        table(tmp_path, content)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_files_that_are_none(tmp_path):
    with pytest.raises(BadCSV, match="No such file"):
        from_table(tmp_path / "missing.csv", "kind")
    with pytest.raises(BadCSV, match="is a directory"):
        from_table(tmp_path, "kind")


@given(content=st.binary(max_size=200) | st.text('a1,;"\n\r\t .x', max_size=60).map(str.encode))
def test_whatever_is_in_a_file_it_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "anything.csv"
    path.write_bytes(content)
    with contextlib.suppress(BadCSV):
        sheet = read(path)
        for name in sheet.columns:
            is_classes(sheet, name)
            classes_of(sheet, name)


def test_the_command_says_it_in_one_line(tmp_path, capsys):
    path = tmp_path / "table.csv"
    path.write_text(changed(7, "5,many,b"), encoding="utf-8")
    assert main(["train", "csv", str(path), "--target", "kind"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "line 7, column 'square': 'many' is not a number" in err


def test_numbers_too_large_to_be_scaled(tmp_path, capsys):
    path = tmp_path / "table.csv"
    path.write_text(changed(2, "1e308,1,a").replace("11,", "-1e308,"), encoding="utf-8")
    assert main(["train", "csv", str(path), "--target", "kind"]) == 2
    assert "overflows" in capsys.readouterr().err
