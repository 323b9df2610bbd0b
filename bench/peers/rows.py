#!/usr/bin/python3
"""JSON records on standard input, CSV for COPY on standard output: the loader that people write.

    rows.py COLUMNS.json array|lines
"""

import csv
import json
import sys


def value_of(record, path):
    for key in path:
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record


def text_of(value, kind):
    if value is None:
        return None
    if kind == "jsonb":
        return json.dumps(value, ensure_ascii=False)
    if kind == "text[]":
        return "{" + ",".join(json.dumps(item, ensure_ascii=False) for item in value) + "}"
    if isinstance(value, bool):
        return "t" if value else "f"
    return value


def main():
    with open(sys.argv[1]) as file:
        columns = [(column["path"], column["type"]) for column in json.load(file)]
    sys.stdout.reconfigure(encoding="utf-8", newline="")
    writer = csv.writer(sys.stdout)
    records = json.load(sys.stdin.buffer) if sys.argv[2] == "array" else map(json.loads, sys.stdin.buffer)
    for record in records:
        writer.writerow([text_of(value_of(record, path), kind) if path else None for path, kind in columns])


main()
