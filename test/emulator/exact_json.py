"""JSON whose numbers and string escapes keep their exact spelling.

The tests compare numeric text digit by digit, so a number with a fraction must
never pass through a binary float, and some strings must be written with
escapes (\\u00e9, surrogate pairs, \\/) although they need none.
"""

import decimal
import json

escape_text = json.encoder.encode_basestring


class Number(decimal.Decimal):
    """A JSON number that remembers how it is written ("6396.0", "25.50")."""

    __slots__ = ("literal",)

    def __new__(cls, literal):
        self = super().__new__(cls, literal)
        self.literal = literal
        return self

    def __str__(self):
        return self.literal

    def __repr__(self):
        return "Number(%r)" % self.literal

    def __reduce__(self):
        return (Number, (self.literal,))


class EscapedText(str):
    """A string that remembers its JSON spelling, quotes included."""

    def __new__(cls, literal):
        self = super().__new__(cls, json.loads(literal, strict=False))
        self.literal = literal
        return self

    def __reduce__(self):
        return (EscapedText, (self.literal,))


class Literal:
    """Raw text put into the document as it is, valid JSON or not."""

    __slots__ = ("literal",)

    def __init__(self, literal):
        self.literal = literal

    def __repr__(self):
        return "Literal(%r)" % self.literal


class KeyCache(dict):
    """Object keys repeat in every record; each is escaped once."""

    def __missing__(self, key):
        text = self[key] = escape_text(key) + ":"
        return text


key_text = KeyCache()


def dumps(value):
    """Compact JSON text of a value."""
    kind = type(value)
    if kind is str:
        return escape_text(value)
    if kind is dict:
        return "{" + ",".join([key_text[key] + dumps(member) for key, member in value.items()]) + "}"
    if kind is int:
        return str(value)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if kind is list:
        return "[" + ",".join([dumps(member) for member in value]) + "]"
    if kind is Number or kind is EscapedText or kind is Literal:
        return value.literal
    if kind is float:
        return repr(value)
    if isinstance(value, str):
        return escape_text(str(value))
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, tuple):
        return dumps(list(value))
    raise TypeError("no JSON form for %r" % (value,))


def dumps_pretty(value, indent=0):
    """The same with two spaces of indentation and a space after colons."""
    inner = "\n" + "  " * (indent + 1)
    if isinstance(value, dict) and value:
        members = [
            escape_text(key) + ": " + dumps_pretty(member, indent + 1) for key, member in value.items()
        ]
        return "{" + inner + ("," + inner).join(members) + "\n" + "  " * indent + "}"
    if isinstance(value, list) and value:
        members = [dumps_pretty(member, indent + 1) for member in value]
        return "[" + inner + ("," + inner).join(members) + "\n" + "  " * indent + "]"
    return dumps(value)


def loads(text):
    """Parse JSON, keeping numbers with a fraction or an exponent as Number."""
    return json.loads(text, parse_float=Number)


def encode(text):
    """UTF-8 bytes; U+DC80..U+DCFF stand for single raw bytes (invalid UTF-8 on purpose)."""
    return text.encode("utf-8", "surrogateescape")
