"""The blocks of the documentation's pages, for test/docs/run and for the tests of test/t that run what needs more than one server.

    pages.block("docs/managed.md", "CREATE EXTENSION postgres_fdw")     the code of the one block of the page that has these words
"""

import glob
import os
import re

FOLDER = os.path.dirname(os.path.realpath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(FOLDER))
FENCE = re.compile(r"^(?P<comment>(?:<!-- setup: (?P<setup>.*?) -->\n+)?)(?P<indent> *)```(?P<language>[^\s`]*)(?: (?P<info>[^\n]*))?\n(?P<code>.*?)^(?P=indent)```$", re.M | re.S)

NUMBERS_VARY = "its numbers vary"


def paths():
    return [os.path.join(CHECKOUT, "README.md")] + sorted(glob.glob(os.path.join(CHECKOUT, "docs", "*.md"))) + [os.path.join(CHECKOUT, "examples", "README.md")]


class Block:
    """One block of a page, with the block "text" that follows it immediately."""

    def __init__(self, text, match, following=None):
        self.language, self.info, self.setup, self.indent = match["language"], match["info"] or "", match["setup"], match["indent"]
        self.line = text.count("\n", 0, match.start("code"))
        self.span = match.span("code")
        self.code = re.sub("(?m)^" + self.indent, "", match["code"])
        self.output = None
        if following is not None and following["language"] == "text" and text[match.end():following.start()].strip() == "":
            self.output = Block(text, following)

    @property
    def reason(self):
        """Why it is not run by test/docs/run, or None."""
        return self.info[len("no-run:"):].strip() if self.info.startswith("no-run:") else None

    def prints(self, text):
        """Whether that is what it prints, by the page."""
        return pattern(self.output.code, self.output.info == NUMBERS_VARY).match(text.rstrip("\n") + "\n") is not None


def blocks(text):
    found = list(FENCE.finditer(text))
    return [Block(text, match, found[number + 1] if number + 1 < len(found) else None) for number, match in enumerate(found)]


def pattern(expected, numbers_vary=False):
    """A regular expression for an output in which "…" stands for what may differ, and so does each number if numbers_vary."""
    parts = []
    for line in expected.rstrip("\n").split("\n"):
        if numbers_vary and not re.fullmatch(r"\(\d+ rows?\)", line):
            line = re.sub(r"\d+(?=$| )", "…", line)
        if line.strip() == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            # What differs may be as wide as it likes.
            parts.append(".*?".join(re.escape(part) for part in re.split(" *… *", line.rstrip())) + r" *\n")
    return re.compile("".join(parts) + r"\Z")


def read(page):
    with open(os.path.join(CHECKOUT, page), encoding="utf-8") as file:
        return file.read()


def block(page, words):
    found = [one for one in blocks(read(page)) if words in one.code]
    if len(found) != 1:
        raise LookupError("%d blocks of %s have %r" % (len(found), page, words))
    return found[0]
