"""What the pictures share: an SVG with a panel and a style that follows the reader's choice of light or dark. No fonts but the reader's."""

from xml.sax.saxutils import escape

# Name of a class -> what it sets, light and dark.
INK = {
    "panel": ("fill: #ffffff; stroke: #d0d7de", "fill: #0d1117; stroke: #30363d"),
    "text": ("fill: #1f2328", "fill: #e6edf3"),
    "faint": ("fill: #59636e", "fill: #9198a1"),
    "grid": ("stroke: #d8dee4", "stroke: #262c34"),
    "line": ("stroke: #59636e; fill: none", "stroke: #9198a1; fill: none"),
    "arrow": ("fill: #59636e", "fill: #9198a1"),
    "vendor": ("fill: #f6d8a8", "fill: #5c431c"),
    "waits": ("fill: #dfe3e8", "fill: #2d333b"),
    "poll": ("fill: #bc4c00", "fill: #f0883e"),
    "download": ("fill: #0969da", "fill: #4493f8"),
    "thread": ("fill: #8250df", "fill: #ab7df8"),
    "rows": ("fill: #1a7f37", "fill: #3fb950"),
    "ours": ("fill: #ddf4ff; stroke: #0969da", "fill: #12263f; stroke: #4493f8"),
    "theirs": ("fill: #fff4e0; stroke: #bf8700", "fill: #33280f; stroke: #bb8009"),
    "plain": ("fill: #f6f8fa; stroke: #8c959f", "fill: #171c23; stroke: #6e7681"),
}


def style(extra=""):
    def rules(index):
        return "".join(".%s{%s}" % (name, values[index].replace(": ", ":").replace("; ", ";")) for name, values in INK.items())
    return ("<style>text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:13px}.small{font-size:11.5px}.strong{font-weight:600}"
            + rules(0) + "@media (prefers-color-scheme:dark){" + rules(1) + "}" + extra + "</style>")


class Picture:
    def __init__(self, width, height, title, extra_style=""):
        self.parts = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">' % (width, height, width, height),
                      "<title>%s</title>" % escape(title), style(extra_style),
                      '<rect class="panel" x=".5" y=".5" width="%d" height="%d" rx="8"/>' % (width - 1, height - 1)]

    def add(self, part):
        self.parts.append(part)

    def text(self, x, y, words, kind="text", anchor="start"):
        self.add('<text class="%s" x="%.1f" y="%.1f"%s>%s</text>' % (kind, x, y, "" if anchor == "start" else ' text-anchor="%s"' % anchor, escape(words)))

    def bar(self, kind, x, y, width, height, radius=2):
        self.add('<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="%d"/>' % (kind, x, y, max(width, 2.5), height, radius))

    def line(self, x1, y1, x2, y2, kind="line"):
        self.add('<path class="%s" d="M%.1f %.1fL%.1f %.1f"/>' % (kind, x1, y1, x2, y2))

    def dot(self, kind, x, y, radius=3.5):
        self.add('<circle class="%s" cx="%.1f" cy="%.1f" r="%.1f"/>' % (kind, x, y, radius))

    def diamond(self, kind, x, y, size=5.5):
        self.add('<path class="%s" d="M%.1f %.1fl%.1f %.1fl-%.1f %.1fl-%.1f -%.1fz"/>' % (kind, x, y - size, size, size, size, size, size, size))

    def arrow(self, points):
        """Along straight pieces, with a head at the end of the last one."""
        self.add('<path class="line" d="M%s"/>' % "L".join("%.1f %.1f" % point for point in points))
        (x1, y1), (x2, y2) = points[-2:]
        length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** .5
        dx, dy = (x2 - x1) / length, (y2 - y1) / length
        self.add('<path class="arrow" d="M%.1f %.1fL%.1f %.1fL%.1f %.1fz"/>' % (x2, y2, x2 - 8 * dx - 4 * dy, y2 - 8 * dy + 4 * dx, x2 - 8 * dx + 4 * dy, y2 - 8 * dy - 4 * dx))

    def box(self, kind, x, y, width, height, title, *lines):
        self.bar(kind, x, y, width, height, 6)
        first = y + height / 2 - 8.5 * len(lines) + 5
        self.text(x + width / 2, first, title, "text strong", "middle")
        for number, words in enumerate(lines):
            self.text(x + width / 2, first + 17 * (number + 1), words, "faint small", "middle")

    def finish(self):
        return "\n".join(self.parts + ["</svg>", ""])
