"""bench/RESULTS.md."""

import os
import platform
import re
import shutil
import statistics
import subprocess

import lab
from lab import DATA_NAMES, QUERIES, QUERY_NAMES

# Ratios to the floor that the project set itself (Amplitude: to inflating the same members with zlib).
TARGETS = [
    ("targets", "zlib on", (1.1, 1.2, 2.1)),
    ("targets", "zlib off", (1.4, 1.7, 3.0)),
    ("targets", "isal on", (0.45, 0.6, 1.5)),
    ("events", "zlib on", (1.1, 1.2, 2.0)),
    ("events", "isal on", (0.5, 0.65, 1.3)),
]

LABELS = {
    "inflate": {"targets": "floor: `pigz -p1 -dc FILE`", "events": "floor: `bench/inflate FILE` (zlib)"},
    "inflate.c": "`bench/inflate FILE` (zlib), to compare with pigz",
    "igzip": "`igzip -dc FILE` (ISA-L)",
    "download": "`curl URL`, nothing else",
    "zlib on": "adsexport_fdw, zlib, read-ahead on",
    "zlib off": "adsexport_fdw, zlib, read-ahead off",
    "isal on": "adsexport_fdw, ISA-L, read-ahead on",
    "isal off": "adsexport_fdw, ISA-L, read-ahead off",
    "local": "PostgreSQL, the same rows already loaded",
    "duckdb": {"targets": "DuckDB `read_json`, 2 threads, local file", "events": "DuckDB `read_json`, 2 threads, local files, unzipped before"},
    "unzip": "`unzip`, which DuckDB needs before",
    "jq": {"targets": "curl, gunzip, jq into COPY", "events": "curl, unzip, gunzip, jq into COPY"},
    "python": {"targets": "curl, gunzip, Python into COPY", "events": "curl, unzip, gunzip, Python into COPY"},
    "file_fdw": {"targets": "file_fdw PROGRAM (curl, gunzip, jq), jsonb", "events": "file_fdw PROGRAM (curl, unzip, gunzip), jsonb"},
}
POSTGRESQL_ROUTES = ("jq", "python", "file_fdw")


# What bench/waits writes stands between two of these.
WAITS_MARK = "<!-- bench/waits -->\n"


def part_of_waits(path):
    """Of the file as it is, to be kept when the rest is written anew."""
    try:
        with open(path) as file:
            parts = file.read().split(WAITS_MARK)
    except FileNotFoundError:
        return ""
    return "\n" + WAITS_MARK + parts[1] + WAITS_MARK if len(parts) == 3 else ""


def label(who, data):
    text = LABELS[who]
    return text if isinstance(text, str) else text[data]


def output_of(*command):
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True)
    except OSError:
        return ""
    return done.stdout


def first(pattern, text):
    found = re.search(pattern, text, re.M)
    return found.group(1).strip() if found else None


def machine():
    with open("/proc/cpuinfo") as file:
        model = first(r"^model name\s*: (.*)", file.read()) or platform.machine()
    with open("/proc/meminfo") as file:
        memory = int(first(r"^MemTotal:\s*(\d+)", file.read()))
    return {"model": model, "cores": len(os.sched_getaffinity(0)), "memory": memory / 1024 / 1024, "system": first(r'^PRETTY_NAME="?([^"\n]*)', open("/etc/os-release").read()),
            "kernel": platform.release(), "load": os.getloadavg()[0]}


def versions(cluster):
    configuration = cluster.environment["PG_CONFIG"]
    found = {
        "PostgreSQL": first(r"PostgreSQL (\S+)", output_of(configuration, "--version")),
        "compiler": first(r"(.*)", output_of("cc", "--version")),
        "zlib": first(r"(.*)", output_of("pkg-config", "--modversion", "zlib")),
        "libcurl": first(r"(.*)", output_of("pkg-config", "--modversion", "libcurl")),
        "pigz": first(r"pigz (\S+)", output_of("pigz", "--version")),
        "jq": first(r"jq-(\S+)", output_of("jq", "--version")),
        "Python": platform.python_version(),
        "node": first(r"v(\S+)", output_of("node", "--version")) if shutil.which("node") else None,
    }
    if cluster.isal:
        found["ISA-L"] = first(r"(.*)", output_of("pkg-config", "--modversion", "libisal"))
    return {name: version for name, version in found.items() if version}


def commit_text(options):
    """What is built; to be asked for before others commit more."""
    git = ["git", "-C", lab.CHECKOUT]
    commit = first(r"^([0-9a-f]+)$", output_of(*git, "rev-parse", "--short=10", options.commit or "HEAD")) or "unknown"
    if not options.commit and output_of(*git, "status", "--porcelain", "--", "src", "sql", "Makefile").strip():
        commit += ", with uncommitted changes"
    return commit


def runs_text(number):
    return "1 run" if number == 1 else "%d runs" % number


def mark(passed):
    return "✓" if passed else "✗"


def command_text(options):
    words = ["bench/run"]
    if options.quick:
        words.append("--quick")
    if options.runs != (1 if options.quick else 5):
        words += ["--runs", str(options.runs)]
    if options.slow_runs != 1:
        words += ["--slow-runs", str(options.slow_runs)]
    if options.data:
        words += ["--data", options.data]
    for name in options.only or ():
        words += ["--only", name]
    if options.commit:
        words += ["--commit", options.commit]
    return " ".join(words)


class Writer:
    def __init__(self, bench, options, has_picture):
        self.bench = bench
        self.options = options
        self.has_picture = has_picture
        self.median = bench.medians()
        self.lines = []
        self.passed = True

    def add(self, *lines):
        self.lines += lines

    def seconds(self, data, query, who):
        return self.median.get((data, query, who))

    def floor(self, data):
        """One number: the median of all samples, which were taken beside each query."""
        return statistics.median([value for query in QUERIES for value in self.bench.samples.get((data, query, "inflate"), ())])

    def ratio(self, data, query, who):
        seconds = self.seconds(data, query, who)
        return None if seconds is None else seconds / self.floor(data)

    def judge(self, passed):
        self.passed = self.passed and passed
        return mark(passed)

    def head(self):
        bench, options = self.bench, self.options
        machine = bench.machine
        self.add("# Results", "",
                 "Written by `%s`; do not edit. What is measured and how: [README.md](README.md)." % command_text(options), "")
        if options.quick:
            self.add("**A smoke run: the data is small and each figure was taken once. It says nothing about speed.**", "")
        sizes = bench.data.sizes
        targets, events = sizes["targets"], sizes["events"]
        self.add("- %s UTC, commit %s" % (bench.began.strftime("%Y-%m-%d %H:%M"), bench.commit),
                 "- %d cores of %s, %.0f GiB, %s, Linux %s; load average when it began %.1f" % (
                     machine["cores"], machine["model"], machine["memory"], machine["system"], machine["kernel"], machine["load"]),
                 "- " + ", ".join("%s %s" % pair if pair[0] != "compiler" else pair[1] for pair in bench.versions.items()),
                 "- Targets: {:,} records, {:.0f} MB of JSON in one gzip array of {:.0f} MB".format(bench.data.targets, targets[1] / 1e6, targets[0] / 1e6),
                 "- Events: {:,} records, {:.2f} GB of JSON in a zip of {:.0f} MB with {} gz files".format(
                     bench.data.hours * bench.data.events_per_hour, events[1] / 1e9, events[0] / 1e6, bench.data.hours),
                 "- The cluster lies in %s" % bench.cluster.folder.kind,
                 "- Seconds are medians of %s, interleaved; of %s for the ways that take ten times as long (jq, Python, file_fdw)" % (
                     runs_text(options.runs), runs_text(options.slow_runs)), "")
        if self.has_picture:
            self.add("![Seconds by query and way](results.svg)", "")

    def targets(self):
        rows = [(data, who, bounds) for data, who, bounds in TARGETS if any(self.ratio(data, query, who) is not None for query in QUERIES)]
        if not rows:
            return
        self.add("## Against the targets", "", "Ratios to inflating the same file with zlib, to nowhere.", "",
                 "| | Q1 | Q2 | Q3 |", "|---|---|---|---|")
        for data, who, bounds in rows:
            cells = []
            for query, bound in zip(QUERIES, bounds):
                ratio = self.ratio(data, query, who)
                cells.append("%.2f, at most %s %s" % (ratio, bound, self.judge(ratio <= bound)))
            self.add("| %s, %s | %s |" % (DATA_NAMES[data], label(who, data), " | ".join(cells)))
        self.add("")

    def compare(self):
        """Against DuckDB and against what PostgreSQL users have."""
        duckdb = []
        routes = []
        for data in self.bench.names:
            for query in QUERIES:
                own = self.seconds(data, query, "zlib on")
                if own is None:
                    continue
                theirs = self.seconds(data, query, "duckdb")
                if theirs is not None:
                    unzip = self.seconds(data, "Q1", "unzip") or 0
                    isal = self.seconds(data, query, "isal on")
                    text = "| %s %s | %.2f | %s | %.2f%s | %.1f %s |" % (
                        DATA_NAMES[data], query, own, "%.2f" % isal if isal else "–", theirs, " + %.2f" % unzip if unzip else "",
                        (theirs + unzip) / own, self.judge(own < theirs + unzip))
                    text += " %s |" % ("%.1f %s" % (theirs / own, mark(own < theirs)) if unzip else "")
                    text += " %s |" % ("%.1f %s" % (theirs / isal, mark(isal < theirs)) if unzip and isal else "")
                    duckdb.append(text)
                cells = []
                for who in POSTGRESQL_ROUTES:
                    seconds = self.seconds(data, query, who)
                    cells.append("%.1f s, %.0f times %s" % (seconds, seconds / own, self.judge(own * 10 <= seconds)) if seconds else "–")
                if any(cell != "–" for cell in cells):
                    routes.append("| %s %s | %.2f s | %s |" % (DATA_NAMES[data], query, own, " | ".join(cells)))
        if routes:
            self.add("## What PostgreSQL users have", "",
                     "Target: at most a tenth of the time of any of them (✓); the factor is how many times longer they take.", "",
                     "| | adsexport_fdw, zlib | jq into COPY | Python into COPY | file_fdw, jsonb |", "|---|---|---|---|---|")
            self.add(*routes)
            self.add("")
        if duckdb:
            self.add("## DuckDB", "",
                     "Target: faster than DuckDB on every query. DuckDB reads a local file with both cores and its Q3 makes a table in memory "
                     "with the nested values as they are; adsexport_fdw downloads, and makes a PostgreSQL table of all columns. "
                     "DuckDB cannot read a zip, so that the time to unzip is part of its way for Amplitude; the last two columns leave it out.", "",
                     "| | zlib | ISA-L | DuckDB | times faster (zlib) | without unzip: zlib | without unzip: ISA-L |", "|---|---|---|---|---|---|---|")
            self.add(*duckdb)
            self.add("")

    def everything(self):
        for data in self.bench.names:
            contenders = [who for who in LABELS if any((data, query, who) in self.median for query in QUERIES)]
            if not contenders or (data, "Q1", "inflate") not in self.median:
                continue
            self.add("## All figures: %s" % DATA_NAMES[data], "",
                     "Seconds: median (lowest to highest); then the ratio to the floor.", "",
                     "| | " + " | ".join("%s `%s`" % (query, QUERY_NAMES[query]) if query == "Q1" else "%s %s" % (query, QUERY_NAMES[query])
                                         for query in QUERIES) + " |", "|---|---|---|---|")
            for who in contenders:
                if who == "inflate":
                    values = [value for query in QUERIES for value in self.bench.samples[data, query, who]]
                    self.add("| %s | %s | | |" % (label(who, data), self.cell(values, data)))
                    continue
                cells = [self.cell(self.bench.samples.get((data, query, who), ()), data) for query in QUERIES]
                self.add("| %s | %s |" % (label(who, data), " | ".join(cells)))
            self.add("")

    def cell(self, values, data):
        if not values:
            return ""
        median = statistics.median(values)
        spread = " (%.2f to %.2f)" % (min(values), max(values)) if len(values) > 1 else ""
        return "%.2f%s; %.2f" % (median, spread, median / self.floor(data))

    def memory(self):
        if not self.bench.memory:
            return
        bound = 32 << 20
        self.add("## Memory", "",
                 "How much the backend grows from its first moment, before the library is loaded, over a large export (the same records several times). "
                 "Private memory is the peak of RssAnon, looked at every 10 ms; the high-water mark (VmHWM) also counts the code of the libraries "
                 "and the pages of shared buffers that the query touches. Target: private memory grows by less than 32 MB.", "",
                 "| | build, read-ahead | inflated | rows | private memory | high-water mark |", "|---|---|---|---|---|---|")
        for found in self.bench.memory:
            self.add("| {} {} | {}, {} | {:.2f} GB | {:,} | {:.1f} MB {} | {:.1f} MB |".format(
                DATA_NAMES[found["data"]], found["query"], "ISA-L" if found["build"] == "bench_isal" else "zlib", found["read_ahead"],
                found["inflated"] / 1e9, found["rows"], found["private"] / 2 ** 20, self.judge(found["private"] < bound), found["high_water"] / 2 ** 20))
        self.add("")

    def end(self):
        notes = self.bench.notes
        if notes:
            self.add("## Left out", "")
            self.add(*["- %s: %s" % pair for pair in sorted(notes.items())])
            self.add("")
        self.add("## Again", "", "```", command_text(self.options), "```")


def write(bench, options, has_picture):
    writer = Writer(bench, options, has_picture)
    writer.head()
    writer.targets()
    writer.compare()
    writer.memory()
    writer.everything()
    writer.end()
    return "\n".join(writer.lines) + "\n", writer.passed
