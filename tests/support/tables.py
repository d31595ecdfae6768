"""Tables as a command reads and writes them."""

import csv
import io


def write_table(tmp_path, text, name="in.csv"):
    file = tmp_path / name
    file.write_text(text, "utf-8")
    return ["--input", str(file)]


def read_rows(file):
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
