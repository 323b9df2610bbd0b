"""bench/results.svg: bars of seconds, by data set and query."""

from html import escape

from lab import DATA_NAMES, QUERIES, QUERY_NAMES

# On a light card of its own, so that it can be read on pages of any colour.
BACKGROUND, BORDER, TEXT, FAINT, GRID = "#fbfbf8", "#d5d5cc", "#2b2b28", "#6b6b64", "#e4e4dc"

BARS = [
    ("inflate", "inflate with zlib only (floor)", "#b9bcb6"),
    ("isal on", "adsexport_fdw, ISA-L", "#2f7d6b"),
    ("zlib on", "adsexport_fdw, zlib", "#5fb39c"),
    ("zlib off", "adsexport_fdw, zlib, no read-ahead", "#a5d6c6"),
    ("duckdb", "DuckDB, 2 threads, local file", "#e3b04b"),
    ("jq", "curl, gunzip, jq, COPY", "#dd8a70"),
    ("python", "curl, gunzip, Python, COPY", "#cf7b93"),
    ("file_fdw", "file_fdw PROGRAM, jsonb", "#a585c2"),
]
WIDTH, MARGIN, LEFT, RIGHT = 920, 20, 236, 70
BAR, GAP = 15, 4
TITLES = {"Q1": "Q1  count(*)", "Q2": "Q2  four columns, grouped", "Q3": "Q3  all columns into an unlogged table"}


class Picture:
    def __init__(self):
        self.parts = []
        self.y = 0

    def text(self, x, y, text, size=12, color=TEXT, anchor="start", weight="normal"):
        self.parts.append('<text x="%.1f" y="%.1f" font-size="%g" fill="%s" text-anchor="%s" font-weight="%s">%s</text>'
                          % (x, y, size, color, anchor, weight, escape(text)))

    def rect(self, x, y, width, height, color, radius=2):
        self.parts.append('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%g" fill="%s"/>' % (x, y, width, height, radius, color))

    def line(self, x1, y1, x2, y2, color):
        self.parts.append('<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>' % (x1, y1, x2, y2, color))


def step_of(limit):
    """A round distance between lines of the grid."""
    for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20):
        if limit / step <= 8:
            return step
    return 50


def draw_data(picture, data, seconds, unzip):
    bars = [bar for bar in BARS if any((data, query, bar[0]) in seconds for query in QUERIES)]

    def value(query, who):
        found = seconds.get((data, query, who))
        # DuckDB reads no zip.
        return found + unzip if found is not None and who == "duckdb" else found

    near = [value(query, who) for query in QUERIES for who in ("inflate", "isal on", "zlib on", "zlib off", "duckdb")]
    # What takes ten times as long is cut; its number tells.
    limit = max(number for number in near if number is not None) * 1.12
    scale = (WIDTH - LEFT - RIGHT - MARGIN) / limit
    picture.y += 26
    picture.text(MARGIN, picture.y, DATA_NAMES[data], 16, weight="bold")
    picture.text(WIDTH - MARGIN, picture.y, "seconds", 12, FAINT, "end")
    step = step_of(limit)
    for query in QUERIES:
        shown = [(who, text, color) for who, text, color in bars if value(query, who) is not None]
        picture.y += 30
        picture.text(MARGIN, picture.y, TITLES[query], 13, weight="bold")
        picture.y += 9
        top = picture.y
        bottom = top + len(shown) * (BAR + GAP) + GAP
        number = 0
        while number * step <= limit:
            x = LEFT + number * step * scale
            picture.line(x, top, x, bottom, GRID)
            picture.text(x, bottom + 11, "%g" % round(number * step, 2), 10, FAINT, "middle")
            number += 1
        picture.y += GAP
        for who, text, color in shown:
            found = value(query, who)
            if who == "duckdb" and unzip:
                text = "unzip, then DuckDB, 2 threads"
            width = min(found, limit) * scale
            middle = picture.y + BAR / 2 + 4
            picture.text(LEFT - 8, middle, text, 12, anchor="end")
            picture.rect(LEFT, picture.y, width, BAR, color)
            if found > limit:
                # A gap says that the bar goes on.
                x = LEFT + width - 28
                picture.parts.append('<path d="M%.1f %.1f l6 %g h7 l-6 -%g z" fill="%s"/>' % (x, picture.y - 1, BAR + 2, BAR + 2, BACKGROUND))
            weight = "bold" if who in ("zlib on", "isal on") else "normal"
            picture.text(LEFT + width + 6, middle, "%.2f" % found if found < 10 else "%.0f" % found, 12, weight=weight)
            picture.y += BAR + GAP
        picture.y = bottom + 12
    picture.y += 8


def draw(bench):
    seconds = {(data, query, who): value for (data, query, who), value in bench.medians().items()}
    for data in bench.names:
        floors = [value for query in QUERIES for value in bench.samples.get((data, query, "inflate"), ())]
        if floors:
            floors.sort()
            for query in QUERIES:
                seconds[data, query, "inflate"] = floors[len(floors) // 2]
    names = [data for data in bench.names if (data, "Q1", "inflate") in seconds]
    if not names:
        return None
    picture = Picture()
    picture.y = 8
    for data in names:
        draw_data(picture, data, seconds, seconds.get((data, "Q1", "unzip"), 0) if data == "events" else 0)
    height = picture.y + 10
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="system-ui, \'DejaVu Sans\', sans-serif" '
            'role="img" aria-label="Seconds by query and way; the figures are in RESULTS.md">\n'
            '<rect x="0.5" y="0.5" width="%d" height="%.0f" rx="8" fill="%s" stroke="%s"/>\n%s\n</svg>\n'
            % (WIDTH, height, WIDTH, height, WIDTH - 1, height - 1, BACKGROUND, BORDER, "\n".join(picture.parts)))
