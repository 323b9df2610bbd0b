"""A recording of the demonstration, from the lines that record_demo.py noted: a terminal that scrolls, and starts over.

Waits take as long as they took; what came at once stays long enough to be read.
"""

from xml.sax.saxutils import escape

COLUMNS, ROWS = 104, 30
LINE, WIDTH = 17, 7.45
READING = 0.2  # seconds for each line
AT_ONCE = 20  # lines, after the first screen
PAUSE = 6  # seconds at the end

STYLE = """<style>text{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:12.2px;white-space:pre}
.panel{fill:#ffffff;stroke:#d0d7de}.head{fill:#f6f8fa}.title{fill:#59636e}.sql{fill:#0550ae}.note{fill:#59636e}.notice{fill:#9a6700}.out{fill:#1f2328}
@media (prefers-color-scheme:dark){.panel{fill:#0d1117;stroke:#30363d}.head{fill:#161b22}.title{fill:#9198a1}.sql{fill:#79c0ff}.note{fill:#9198a1}.notice{fill:#e3b341}.out{fill:#e6edf3}}
%s
@media (prefers-reduced-motion:reduce){*{animation:none!important}}</style>"""


def kind_of(line, in_statement):
    # A line of dashes under column heads is none.
    if line.startswith("-- "):
        return "note"
    if line.startswith(("NOTICE:", "WARNING:")):
        return "notice"
    if line.startswith("demo/run:"):
        return "title"
    return "sql" if in_statement else "out"


STATEMENTS = ("SELECT", "CREATE", "IMPORT", "INSERT", "EXPLAIN", "SET ", "CALL")
# What psql prints of a command that returns no rows begins in the same way.
TAGS = ("CREATE EXTENSION", "CREATE SERVER", "CREATE USER MAPPING", "CREATE SCHEMA", "CREATE TABLE", "IMPORT FOREIGN SCHEMA", "SET", "CALL")


def kinds(lines):
    inside = False
    for line in lines:
        if not inside and line.startswith(STATEMENTS) and line not in TAGS and not line.startswith("INSERT 0"):
            inside = True
        kind = kind_of(line, inside)
        yield kind
        if kind == "sql" and line.rstrip().endswith(";"):
            inside = False


def with_time_to_read(lines):
    """The same lines at later moments: never more at once than can be read, and no sooner than what is before them was read."""
    result, moment, shown, left = [], 0.0, None, ROWS - 1
    for seconds, text in lines:
        came = shown is not None and seconds > shown
        if came or left == 0:
            count = sum(1 for earlier, _ in result if earlier == moment)
            moment = round(moment + max(count * READING, seconds - shown if came else 0), 2)
            left = AT_ONCE
        shown = seconds
        left -= 1
        result.append((moment, text))
    return result


def draw(lines):
    lines = with_time_to_read(lines)
    total = lines[-1][0] + PAUSE
    height = 34 + ROWS * LINE + 12
    width = int(COLUMNS * WIDTH) + 32
    moments = sorted({seconds for seconds, _ in lines})
    rules, body = [], []

    def percent(seconds):
        return "%.3f%%" % (100 * seconds / total)

    # A batch of lines appears at its moment; the whole page moves up when it is longer than the screen.
    scroll, shown = ["0%{transform:translateY(0)}"], 0
    texts = [line for _, line in lines]
    kind_of_line = list(kinds(texts))
    for batch, moment in enumerate(moments):
        numbers = [index for index, (seconds, _) in enumerate(lines) if seconds == moment]
        before = max(shown - ROWS, 0)
        shown = numbers[-1] + 1
        after = max(shown - ROWS, 0)
        if after != before:
            scroll.append("%s{transform:translateY(%dpx)}" % (percent(moment), -LINE * after))
        name = ""
        if moment > 0:
            name = ' class="b b%d"' % batch
            rules.append("@keyframes k%d{0%%{opacity:0}%s{opacity:1}}.b%d{animation-name:k%d}" % (batch, percent(moment), batch, batch))
        body.append("<g%s>" % name)
        for index in numbers:
            if texts[index].strip():
                body.append('<text class="%s" x="14" y="%d">%s</text>' % (kind_of_line[index], 34 + LINE * (index + 1), escape(texts[index][:COLUMNS])))
        body.append("</g>")
    rules.append("@keyframes s{%s}.s{animation:s %.2fs steps(1,end) infinite}.b{animation-duration:%.2fs;animation-timing-function:steps(1,end);animation-iteration-count:infinite}"
                 % ("".join(scroll), total, total))
    return "\n".join(
        ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" xml:space="preserve">' % (width, height, width, height),
         "<title>A recording of demo/run: statements, notices about what is waited for, and results</title>", STYLE % "\n".join(rules),
         '<clipPath id="screen"><rect x="1" y="34" width="%d" height="%d"/></clipPath>' % (width - 2, ROWS * LINE + 8),
         '<rect class="panel" x=".5" y=".5" width="%d" height="%d" rx="8"/>' % (width - 1, height - 1),
         '<path class="head" d="M1 8a7 7 0 0 1 7-7H%da7 7 0 0 1 7 7V30H1z"/>' % (width - 8),
         '<text class="title" x="%d" y="20" text-anchor="middle">demo/run</text>' % (width / 2),
         '<g clip-path="url(#screen)"><g class="s">'] + body + ["</g></g></svg>", ""])
