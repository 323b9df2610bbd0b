"""Every phase in every way to be wrong: a generator of answers.

A case is (name, phase, make); make() returns the pieces of an answer (see attacker.py).  A name that begins with "good" is one that
must be read as if nothing were the matter.
"""

import functools
import gzip
import itertools
import json
import random
import struct
import zlib

import attacker
from attacker import CAMPAIGNS, DEAF, EVENT_FILE, EVENTS, HEARD, KEEP, PHASES, RESET, SECURED, WITH_TICKETS, answer, event_lines

HEAD = b"HTTP/1.1 200 OK\r\n"
MIB = 1 << 20


def endless(data, pause=0.0):
    """A piece that repeats data until the client goes."""
    import time

    def send(write):
        while True:
            write(data)
            if pause:
                time.sleep(pause)
    return send


def raw(*pieces):
    return lambda: list(pieces)


def of(body, status="200 OK", headers=()):
    return lambda: answer(body, status, headers)


# ---------------------------------------------------------------------------
# What HTTP itself can have wrong, for each phase
# ---------------------------------------------------------------------------

def good_body(phase):
    return attacker.Server.good(phase)[0].partition(b"\r\n\r\n")[2]


def transport(phase):
    body = good_body(phase)
    status = b"202 Accepted" if phase == "request" else b"200 OK"
    line = b"HTTP/1.1 " + status + b"\r\n"
    length = b"Content-Length: %d\r\n" % len(body)
    yield "closes without a word", raw()
    yield "resets", raw(RESET)
    yield "half a status line", raw(b"HTTP/1.")
    yield "half a header", raw(line + b"Content-Le")
    yield "no end of the headers", raw(line + length)
    yield "no HTTP", raw(b"220 mail.example.com ESMTP\r\n\r\n")
    yield "binary", raw(bytes(range(256)) * 4)
    yield "HTTP/0.9", raw(body)
    yield "HTTP/3.0", raw(b"HTTP/3.0 " + status + b"\r\n" + length + b"\r\n" + body)
    yield "status 000", raw(b"HTTP/1.1 000 X\r\n" + length + b"\r\n" + body)
    yield "status 099", raw(b"HTTP/1.1 99 X\r\n" + length + b"\r\n" + body)
    yield "status 999", raw(b"HTTP/1.1 999 X\r\n" + length + b"\r\n" + body)
    yield "status of letters", raw(b"HTTP/1.1 abc X\r\n" + length + b"\r\n" + body)
    yield "status 101", raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n" + body)
    yield "status 204", raw(b"HTTP/1.1 204 No Content\r\n\r\n", KEEP)
    yield "status 205", raw(b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", KEEP)
    yield "status 304", raw(b"HTTP/1.1 304 Not Modified\r\n\r\n", KEEP)
    yield "status 206 unasked", raw(b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-9/100\r\n" + length + b"\r\n" + body)
    yield "endless 100 Continue", raw(endless(b"HTTP/1.1 100 Continue\r\n\r\n"))
    yield "dripping 103 Early Hints", raw(endless(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 0.05))
    yield "endless headers", raw(line, endless(b"X-Filler: " + b"x" * 1000 + b"\r\n"))
    yield "dripping headers", raw(line, endless(b"X-Filler: x\r\n", 0.05))
    yield "endless header line", raw(line + b"X-Filler: ", endless(b"x" * 10000))
    yield "header line of 100 kB", raw(line + b"X-Filler: " + b"x" * 102400 + b"\r\n" + length + b"\r\n" + body)
    yield "10,000 headers", raw(line + b"X: y\r\n" * 10000 + length + b"\r\n" + body)
    yield "header without a colon", raw(line + b"nonsense\r\n" + length + b"\r\n" + body)
    yield "NUL in a header", raw(line + b"X-A: b\0c\r\n" + length + b"\r\n" + body)
    yield "negative length", raw(line + b"Content-Length: -5\r\n\r\n" + body)
    yield "length of 2^63", raw(line + b"Content-Length: 9223372036854775808\r\n\r\n" + body)
    yield "length of letters", raw(line + b"Content-Length: many\r\n\r\n" + body)
    yield "two lengths", raw(line + length + b"Content-Length: %d\r\n\r\n" % (len(body) + 5) + body)
    yield "length too large", raw(line + b"Content-Length: %d\r\n\r\n" % (len(body) + 10) + body)
    yield "length too small", raw(line + b"Content-Length: %d\r\n\r\n" % (len(body) // 2) + body)
    yield "length 0", raw(line + b"Content-Length: 0\r\n\r\n", KEEP)
    yield "good until close", raw(line + b"\r\n" + body)
    # Not through the middle of the place-holder for the address.
    yield "good chunks", raw(line + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 40))
    yield "good chunks with extensions and trailers", raw(
        line + b"Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n" % len(body) + body + b"\r\n0\r\nX-Trailer: y\r\n\r\n")
    yield "chunk of letters", raw(line + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body)
    yield "chunk of 2^64", raw(line + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n" + body)
    yield "chunk too long", raw(line + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (len(body) + 9) + body + b"\r\n0\r\n\r\n")
    yield "chunks without an end", raw(line + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n")
    yield "endless trailers", raw(line + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body) + body + b"\r\n0\r\n", endless(b"X: y\r\n"))
    yield "unknown transfer encoding", raw(line + b"Transfer-Encoding: zebra\r\n\r\n" + body)
    yield "transfer encoding that inflates", raw(line + b"Transfer-Encoding: gzip\r\n\r\n" + inflates_to_much())
    yield "transfer encoding that inflates, chunked", raw(line + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(inflates_to_much(), 65536))
    yield "transfer encoding that comes to nothing", raw(line + b"Transfer-Encoding: gzip, gzip\r\n\r\n", endless(inflates_to_nothing()))
    yield "content encoding that inflates", raw(line + b"Content-Encoding: gzip\r\n\r\n" + inflates_to_much())
    yield "content encodings that come to nothing", raw(line + b"Content-Encoding: gzip, gzip\r\n\r\n", endless(inflates_to_nothing()))
    yield "content encodings of two lines", raw(
        line + b"Content-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n", endless(inflates_to_nothing()))
    yield "content encodings of an interim answer", raw(
        b"HTTP/1.1 103 Early Hints\r\nContent-Encoding: gzip\r\n\r\n" + line + b"Content-Encoding: deflate, gzip\r\n\r\n", endless(inflates_to_nothing()))
    yield "content encoding that is none", raw(line + b"Content-Encoding: gzip\r\n" + length + b"\r\n" + body)
    yield "unknown content encoding", raw(line + b"Content-Encoding: zebra\r\n" + length + b"\r\n" + body)
    yield "cut in the middle", raw(line + length + b"\r\n" + body[:len(body) // 2])
    yield "reset in the middle", raw(line + length + b"\r\n" + body[:len(body) // 2], 0.05, RESET)
    yield "silent in the middle", raw(line + length + b"\r\n" + body[:len(body) // 2], 20)
    yield "silent from the start", raw(20)
    yield "redirect to a login", raw(b"HTTP/1.1 302 Found\r\nLocation: https://login.example.com/signin\r\nContent-Length: 0\r\n\r\n", KEEP)
    yield "redirect to itself", raw(b"HTTP/1.1 307 Temporary\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", KEEP)
    yield "redirect to a file", raw(b"HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n", KEEP)
    yield "redirect without a place", raw(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n", KEEP)


@functools.lru_cache(maxsize=None)
def inflates_to_much():
    """Gzip of 150 MB, in 150 kB."""
    return gzip.compress(bytes(150 * MIB), mtime=0)


@functools.lru_cache(maxsize=None)
def inflates_to_nothing():
    """Gzip of the header of gzip data, whose name of 150 MB does not end."""
    return gzip.compress(b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"n" * (150 * MIB), mtime=0)


def chunked(body, size):
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n" % len(part) + part + b"\r\n" for part in parts) + b"0\r\n\r\n"


# ---------------------------------------------------------------------------
# Statuses with bodies
# ---------------------------------------------------------------------------

HTML = "<!DOCTYPE html><html><head><title>Sorry &amp; <b>oops</b></title></head><body>" + "x" * 3000 + "</body></html>"
ODD_TEXT = "a\x00b\x1b[31m\u202e\ud800\x85 line\nline".encode("utf-8", "surrogatepass")

ERROR_BODIES = {
    "no body": b"",
    "JSON": b'{"code": "X", "message": "No luck today"}',
    "HTML": HTML.encode(),
    "odd text": ODD_TEXT,
    "invalid UTF-8": b'{"message": "\xff\xfe\xc0\xaf"}',
    "deep JSON": b"[" * 100000,
    "60 kB of text": b"word " * 12000,
}


def statuses(phase):
    for status in (400, 401, 403, 404, 406, 408, 413, 415, 422, 425, 429, 500, 502, 503, 504, 520):
        name, body = list(ERROR_BODIES.items())[status % len(ERROR_BODIES)]
        yield "%d with %s" % (status, name), of(body, "%d Trouble" % status)
    for status in (400, 403, 404, 429, 500):
        head = b"HTTP/1.1 %d Trouble\r\n" % status
        yield "%d with an endless body" % status, raw(head + b"\r\n", endless(b"x" * 65536))
        yield "%d with a dripping body" % status, raw(head + b"\r\n", endless(b"x", 0.05))
        yield "%d that stops in its body" % status, raw(head + b"Content-Length: 1000\r\n\r\n{", 20)
    yield "429, again at once", of(b"", "429 Slow", [("Retry-After", "0")])
    yield "429, again yesterday", of(b"", "429 Slow", [("Retry-After", "Thu, 01 Jan 1970 00:00:00 GMT")])
    yield "429, again in a thousand years", of(b"", "429 Slow", [("Retry-After", "99999999999999999999")])
    yield "503, again never", of(b"", "503 Slow", [("Retry-After", "never\x7f")])


# ---------------------------------------------------------------------------
# Control messages
# ---------------------------------------------------------------------------

JSON_BODIES = {
    "nothing": b"",
    "white space": b" \n\t ",
    "null": b"null",
    "true": b"true",
    "a number": b"12",
    "a string": b'"x"',
    "an empty array": b"[]",
    "an empty object": b"{}",
    "an array of nulls": b"[null, null]",
    "an array of arrays": b"[[[]]]",
    "an object of nulls": b'{"access_token": null, "exportId": null, "status": null, "profileId": null}',
    "an object of numbers": b'{"access_token": 1, "exportId": 2, "status": 3, "url": 4, "expires_in": {}}',
    "an object of objects": b'{"access_token": {}, "exportId": {}, "status": {}, "url": []}',
    "truncated JSON": b'{"access_token": "Atza|x", "exportId": "E1", "sta',
    "two documents": b'{"exportId": "E1", "status": "PROCESSING"} {}',
    "a byte order mark": b'\xef\xbb\xbf{"x": 1}',
    "UTF-16": '{"exportId": "E1"}'.encode("utf-16"),
    "deep": b"[" * 50000 + b"]" * 50000,
    "deep object": b'{"a":' * 50000 + b"1" + b"}" * 50000,
    "invalid UTF-8": b'{"access_token": "\xff\xfe", "exportId": "\xff", "status": "\xfe"}',
    "NUL": b'{"access_token": "a\\u0000b", "exportId": "E\\u0000", "status": "X\\u0000"}',
    "control characters": b'{"access_token": "a\nb", "exportId": "\x1b[2J", "status": "\x07"}',
    "header injection": b'{"access_token": "a\\r\\nX-Evil: 1", "exportId": "E1\\r\\nX: y", "status": "COMPLETED", "url": "http://127.0.0.1/\\r\\nX: y"}',
    "an HTML page": HTML.encode(),
    "an XML error": b'<?xml version="1.0"?><Error><Code>Slow</Code><Message>Down</Message></Error>',
    "an error in 200": b'{"error": "invalid_grant", "error_description": "no"}',
    "a zip": attacker.GOOD_ARCHIVE,
    "a gzip": attacker.GOOD_DOWNLOAD,
    "a long string": b'{"access_token": "' + b"x" * 500000 + b'", "exportId": "' + b"y" * 500000 + b'", "status": "' + b"z" * 500000 + b'"}',
    "9 MB of JSON": b'{"a": [' + b'"0123456789abcdef",' * 450000 + b"1]}",
    "many keys": b"{" + b",".join(b'"k%d": %d' % (i, i) for i in range(60000)) + b"}",
    "duplicate keys": b'{"exportId": "E1", "exportId": "E2", "status": "X", "status": "COMPLETED", "access_token": "a", "access_token": "b"}',
    "huge numbers": b'{"expires_in": 1e999, "fileSize": 99999999999999999999999, "exportId": "E1", "status": "COMPLETED"}',
}

STATUS_BODIES = {
    "another export": {"exportId": "E2", "status": "COMPLETED"},
    "completed without a link": {"exportId": "E1", "status": "COMPLETED"},
    "a relative link": {"exportId": "E1", "status": "COMPLETED", "url": "/x"},
    "an empty link": {"exportId": "E1", "status": "COMPLETED", "url": ""},
    "a file link": {"exportId": "E1", "status": "COMPLETED", "url": "file:///etc/passwd"},
    "a gopher link": {"exportId": "E1", "status": "COMPLETED", "url": "gopher://127.0.0.1:1/x"},
    "a link to nowhere": {"exportId": "E1", "status": "COMPLETED", "url": "http://127.0.0.1:1/x"},
    "a link with a user": {"exportId": "E1", "status": "COMPLETED", "url": "http://user:word@127.0.0.1:1/x"},
    "a link without a host": {"exportId": "E1", "status": "COMPLETED", "url": "http:///x"},
    "a link of 20 kB": {"exportId": "E1", "status": "COMPLETED", "url": "http://127.0.0.1:1/" + "x" * 20000},
    "a link to the network's address": {"exportId": "E1", "status": "COMPLETED", "url": "http://169.254.169.254/latest/meta-data"},
    "http elsewhere": {"exportId": "E1", "status": "COMPLETED", "url": "http://s3.example.com/x"},
    "failed": {"exportId": "E1", "status": "FAILED", "error": {"errorCode": "INTERNAL_ERROR", "message": "no\u202e\x1b"}},
    "failed with an array": {"exportId": "E1", "status": "FAILED", "error": [[["x"]]]},
    "failed by time": {"exportId": "E1", "status": "FAILED", "error": {"errorCode": "TIMED_OUT", "message": "too much"}},
    "an unknown word": {"exportId": "E1", "status": "DANCING"},
    "an endless word": {"exportId": "E1", "status": "X" * 100000},
    "a negative size": {"exportId": "E1", "status": "COMPLETED", "url": "http://127.0.0.1:1/x", "fileSize": -1},
    "a date of nonsense": {"exportId": "E1", "status": "PROCESSING", "generatedAt": "2025-99-99T99:99:99.999999999999999Z+99:99"},
}

PROFILE_BODIES = {
    "an id of zero": [{"profileId": 0}],
    "a negative id": [{"profileId": -5}],
    "an id with a fraction": [{"profileId": 1.5}],
    "an id of text": [{"profileId": "abc"}],
    "no id": [{"countryCode": "US"}],
    "an id of 100 digits": [{"profileId": int("9" * 100)}],
    "good twice the same": attacker.PROFILES * 2,
    "100,000 profiles of agencies": [{"profileId": 10000 + i, "accountInfo": {"type": "agency"}} for i in range(100000)],
}


def control_bodies(phase):
    status = "202 Accepted" if phase == "request" else "200 OK"
    for name, body in JSON_BODIES.items():
        yield "body: " + name, of(body, status)
    line = b"HTTP/1.1 " + status.encode() + b"\r\n\r\n"
    yield "endless white space", raw(line, endless(b" " * 65536))
    yield "endless string", raw(line + b'{"a": "', endless(b"x" * 65536))
    yield "dripping white space", raw(line, endless(b" ", 0.05))
    yield "endless array", raw(line + b"[", endless(b'{"profileId": 1}, ' * 1000))
    if phase in ("request", "status"):
        for name, body in STATUS_BODIES.items():
            yield "status: " + name, of(json.dumps(body), status)
    if phase == "profiles":
        for name, body in PROFILE_BODIES.items():
            yield name if name.startswith("good") else "profiles: " + name, of(json.dumps(body))
    if phase == "token":
        for value in (0, "0", -1, 1, 1e300, "x", None, [], 10 ** 30):
            yield "expires_in %s" % json.dumps(value), of(json.dumps({"access_token": "Atza|hostile", "expires_in": value}))


# ---------------------------------------------------------------------------
# Content: gzip
# ---------------------------------------------------------------------------

GZIP_HEAD = b"\x1f\x8b\x08\x00\0\0\0\0\0\xff"
EMPTY_MEMBER = gzip.compress(b"", mtime=0)
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"  # stored, of no bytes


def deflated_zeros(count):
    """Raw deflate of that many zeros, without its last block."""
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return machine.compress(b"\0" * count) + machine.flush(zlib.Z_FULL_FLUSH)


ZEROS = deflated_zeros(4 * MIB)
SPACES = ZEROS  # in JSON a zero is an error, in a file that is passed over it is nothing


def deflated(data):
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    return machine.compress(data) + machine.flush(zlib.Z_FULL_FLUSH)


BLANKS = deflated(b" " * (4 * MIB))
BLANK_LINES = deflated(b"\n" * (4 * MIB))


def gzip_contents():
    good = attacker.GOOD_DOWNLOAD
    text = json.dumps(CAMPAIGNS).encode()
    head = HEAD + b"\r\n"
    for name, body in {
        "good": good, "good, two members": gzip.compress(text[:40]) + gzip.compress(text[40:]), "good, plain": text,
        "good, zeros after it": good + bytes(1000),
        "good, a byte order mark": gzip.compress(b"\xef\xbb\xbf" + text), "good, white space": gzip.compress(b" \n" + text + b"\n "),
    }.items():
        # The announced size is of another file, but for the first.
        if name == "good" or name == "good, plain":
            yield name, of(body)
        else:
            yield "size differs: " + name[6:], of(body)
    for name, body in {
        "nothing": b"", "one byte": b"\x1f", "only the magic": b"\x1f\x8b", "only a header": GZIP_HEAD,
        "cut in the deflate data": good[:len(good) // 2], "cut in the trailer": good[:-4],
        "wrong checksum": good[:-8] + bytes([good[-8] ^ 1]) + good[-7:], "wrong length": good[:-1] + bytes([good[-1] ^ 1]),
        "garbage after it": good + b"garbage", "another method": b"\x1f\x8b\x07" + good[3:], "reserved flags": b"\x1f\x8b\x08\xe0" + good[4:],
        "invalid deflate data": GZIP_HEAD + b"\xff" * 100, "gzip in gzip": gzip.compress(good), "a zip": attacker.GOOD_ARCHIVE,
        "an object": gzip.compress(b'{"a": 1}'), "numbers": gzip.compress(b"[1, 2, 3]"), "nulls": gzip.compress(b"[null]"),
        "no end": gzip.compress(text[:-1]), "a comma too many": gzip.compress(text[:-1] + b",]"), "two arrays": gzip.compress(text + text),
        "words": gzip.compress(b"Service unavailable"), "a page": gzip.compress(HTML.encode()), "a plain page": HTML.encode(),
        "a plain error": b'{"message": "no"}', "plain XML": b'<?xml version="1.0"?><Error><Message>no</Message></Error>',
        "deep record": gzip.compress(b"[" + b'{"a":' * 10000 + b"1" + b"}" * 10000 + b"]"),
        "invalid UTF-8": gzip.compress(b'[{"campaignId": "\xff\xfe", "name": "\xc0\xaf"}]'),
        "surrogates": gzip.compress(b'[{"campaignId": "\\ud800", "name": "\\udc00\\ud800"}]'),
        "NUL": gzip.compress(b'[{"campaignId": "1\\u0000", "name": "\\u0000"}]'),
        "raw control characters": gzip.compress(b'[{"campaignId": "1\t\n", "name": "\x00\x1f"}]'),
        "an exponent": gzip.compress(b'[{"campaignId": 1e999999999, "budgetCaps": {"budgetValue": {"monetaryBudget": {"amount": 1e999999}}}}]'),
        "a long number": gzip.compress(b'[{"campaignId": ' + b"9" * 200000 + b"}]"),
        "a long key": gzip.compress(b'[{"' + b"k" * 5000000 + b'": 1}]'),
        "a record of 40 MB": gzip.compress(b'[{"name": "' + b"x" * (40 * MIB) + b'"}]', 1),
        "a record of 70 MB": gzip.compress(b'[{"name": "' + b"x" * (70 * MIB) + b'"}]', 1),
        "many keys": gzip.compress(b'[{"tags": {' + b",".join(b'"k%d":1' % i for i in range(200000)) + b"}}]", 1),
    }.items():
        yield "content: " + name, of(body)
    yield "endless file name", raw(head + b"\x1f\x8b\x08\x08\0\0\0\0\0\xff", endless(b"n" * 65536))
    yield "endless comment", raw(head + b"\x1f\x8b\x08\x10\0\0\0\0\0\xff", endless(b"c" * 65536))
    yield "endless empty members", raw(head, endless(EMPTY_MEMBER * 3000))
    for form, begin in (("zlib", b"\x78\x9c"), ("raw", b"")):
        yield "endless empty blocks of deflate (%s)" % form, raw(
            HEAD + b"Content-Encoding: deflate\r\n\r\n" + begin, endless(EMPTY_BLOCK * 10000))
    yield "endless empty blocks", raw(head + GZIP_HEAD, endless(EMPTY_BLOCK * 10000))
    yield "endless zeros inflated", raw(head + GZIP_HEAD, endless(ZEROS * 16))
    yield "endless blanks inflated", raw(head + GZIP_HEAD, endless(BLANKS * 16))
    yield "endless blanks after the array", raw(head + GZIP_HEAD + deflated(text), endless(BLANKS * 16))
    yield "endless zeros after the member", raw(head + good, endless(bytes(65536)))
    yield "endless records of nothing", raw(head + GZIP_HEAD + deflated(b"["), endless(deflated(b"{}," * 100000) * 4))
    yield "endless string in a record", raw(head + GZIP_HEAD + deflated(b'[{"name": "'), endless(deflated(b"x" * MIB) * 16))
    yield "endless nesting", raw(head + GZIP_HEAD + deflated(b"[{"), endless(deflated(b'"a":{' * 10000)))
    yield "dripping", raw(head, 0.01, *[piece for byte in good for piece in (bytes([byte]), 0.002)])


# ---------------------------------------------------------------------------
# Content: zip
# ---------------------------------------------------------------------------

def local_header(name, method=0, flags=0, crc=0, compressed=0, size=0, extra=b""):
    return b"PK\3\4" + struct.pack("<HHHHHIIIHH", 20, flags, method, 0, 33, crc, compressed, size, len(name), len(extra)) + name + extra


def end_record(count=0, size=0, offset=0, comment=b""):
    return b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, size, offset, len(comment)) + comment


def zip_contents():
    good = attacker.GOOD_ARCHIVE
    name = EVENT_FILE.encode()
    member = gzip.compress(event_lines(EVENTS))
    head = HEAD + b"\r\n"
    local = good.index(b"PK\3\4")
    central = good.index(b"PK\1\2")

    def patched(at, value):
        return good[:at] + value + good[at + len(value):]

    yield "good", of(good)
    yield "good, a second file", of(attacker.archive({EVENT_FILE: member, "1/1_2025-03-01_6#0.json.gz": gzip.compress(b"")}))
    yield "good, with a note of a Mac", of(attacker.archive({"__MACOSX/1/._x.json.gz": b"\0" * 100, EVENT_FILE: member}))
    yield "good, blank lines", of(attacker.archive({EVENT_FILE: gzip.compress(b"\n\n" + event_lines(EVENTS) + b"\r\n\n")}))
    for what, body in {
        "nothing": b"", "two bytes": b"PK", "no directory": good[:central], "no end": good[:-22], "half": good[:len(good) // 2],
        "garbage after it": good + b"garbage", "garbage before it": b"garbage" + good, "a gzip": member, "a page": HTML.encode(),
        "rate limit text": b"rate limit exceeded", "an error": b'{"error": "no"}', "only zeros": bytes(1000),
        "an end without entries": end_record(), "encrypted": patched(local + 6, b"\1\0"), "method 99": patched(local + 8, b"\x63\0"),
        "wrong checksum": patched(local + 14, b"\0\0\0\0"), "wrong size": patched(local + 18, b"\1\0\0\0"),
        "size of 4 GB": patched(local + 18, b"\xff\xff\xff\xff"), "another name in the directory": patched(central + 46, b"x"),
        "another count": patched(len(good) - 12, b"\5\0"), "offset elsewhere": patched(len(good) - 6, b"\xff\xff\xff\x7f"),
        "no export file": attacker.archive({"readme.txt": b"hello"}), "a nameless file": attacker.archive({" ": member}),
        "a name of control characters": attacker.archive({"1/\x1b[31m\n\u202e.json.gz": member}),
        "a name of 60 kB": local_header(b"n" * 60000 + b".json.gz", 0, 0, zlib.crc32(member), len(member), len(member)) + member,
        "no gzip inside": attacker.archive({EVENT_FILE: b"hello"}), "no JSON inside": attacker.archive({EVENT_FILE: gzip.compress(b"hello\n")}),
        "an array inside": attacker.archive({EVENT_FILE: gzip.compress(b"[1,2]\n")}),
        "a broken second line": attacker.archive({EVENT_FILE: gzip.compress(event_lines(EVENTS[:1]) + b"{]\n")}),
        "a broken first line": attacker.archive({EVENT_FILE: gzip.compress(b"{]\n" + event_lines(EVENTS))}),
        "the same file twice": good[:central] + good[:central] + good[central:],
        "gzip cut inside": attacker.archive({EVENT_FILE: member[:-5]}),
        "empty file": attacker.archive({EVENT_FILE: b""}),
    }.items():
        yield "archive: " + what, of(body)
    passed_over = local_header(b"notes.bin", 8, 8)
    yield "endless zeros in a file that is passed over", raw(head + passed_over, endless(ZEROS * 16))
    yield "endless blocks in a file that is passed over", raw(head + passed_over, endless(EMPTY_BLOCK * 10000))
    yield "endless stored file that is passed over", raw(head + local_header(b"notes.bin", 0, 8), endless(bytes(65536)))
    yield "endless empty entries", raw(head, endless(local_header(b"a/", 0) * 1000))
    yield "endless empty export files", raw(head, endless((local_header(name, 0, 0, zlib.crc32(EMPTY_MEMBER), len(EMPTY_MEMBER), len(EMPTY_MEMBER)) + EMPTY_MEMBER) * 500))
    yield "endless blank lines", raw(head + local_header(name, 0, 8) + GZIP_HEAD, endless(BLANK_LINES * 16))
    yield "endless gzip name inside", raw(head + local_header(name, 0, 8) + b"\x1f\x8b\x08\x08\0\0\0\0\0\xff", endless(b"n" * 65536))
    yield "endless empty members inside", raw(head + local_header(name, 0, 8), endless(EMPTY_MEMBER * 3000))
    yield "deflated gzip bomb inside", raw(head + local_header(name, 8, 8) + deflated(GZIP_HEAD), endless(deflated(ZEROS * 4) * 16))
    yield "endless directory", raw(head + good[:central], endless(good[central:-22] * 1000))
    yield "endless zeros after the end", raw(head + good, endless(bytes(65536)))


# ---------------------------------------------------------------------------
# Before HTTP
# ---------------------------------------------------------------------------

# A proxy that answers CONNECT like this has begun a tunnel, or says that it will not.

TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


def tunnels():
    yield "good, by HTTP/1.0", raw(b"HTTP/1.0 200 OK\r\n\r\n", SECURED)
    yield "good, with a length that means nothing", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", SECURED)
    yield "good, with headers that mean nothing", raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\nLocation: /\r\n\r\n", SECURED)
    yield "100 Continue before it", raw(b"HTTP/1.1 100 Continue\r\n\r\n" + TUNNEL, SECURED)
    yield "good, byte by byte", raw(*[bytes([byte]) for byte in TUNNEL], SECURED)
    yield "a tunnel that is closed", raw(TUNNEL)
    yield "a tunnel that is reset", raw(TUNNEL, 0.05, RESET)
    yield "a tunnel that is silent", raw(TUNNEL, 20)
    yield "a tunnel to an endless page", raw(TUNNEL, endless(HTML.encode()))
    yield "a tunnel to endless records of nothing", raw(TUNNEL, endless(EMPTY_RECORD * 1000))
    yield "a tunnel to endless alerts", raw(TUNNEL, endless(record(ALERT, b"\1\x5a") * 1000))
    yield "a tunnel in which the server is silent", raw(TUNNEL, SECURED, 20)
    yield "more than the answer in one piece", raw(TUNNEL + record(ALERT, b"\2\x28"))
    for challenge in ("Basic realm=\"x\"", "Digest realm=\"x\", nonce=\"n\", algorithm=NONE", "NTLM", "NTLM " + "A" * 4000, "Negotiate", "Negotiate !!!",
                      "Bearer", "", ", ,=,\"", "Basic realm=\"" + "x" * 5000):
        head = b"HTTP/1.1 407 No\r\nProxy-Authenticate: %s\r\nContent-Length: 0\r\n\r\n" % challenge.encode()
        yield "407, kept, %.30s" % challenge, raw(endless(head, 0.02))
        yield "407, closed, %.30s" % challenge, raw(head)


HANDSHAKE, ALERT, CHANGE, DATA, HEARTBEAT = 22, 21, 20, 23, 24


def record(kind, content, length=None):
    """One of TLS."""
    return struct.pack(">BHH", kind, 0x0303, len(content) if length is None else length) + content


def message(kind, content, length=None):
    """One of a handshake."""
    return struct.pack(">I", kind << 24 | (len(content) if length is None else length)) + content


EMPTY_RECORD = record(HANDSHAKE, b"")

# TLS 1.2, ECDHE_RSA_WITH_AES_128_GCM_SHA256, safe renegotiation, without which OpenSSL goes no further: a certificate is next.
SERVER_HELLO = message(2, b"\3\3" + b"r" * 32 + b"\0" + b"\xc0\x2f" + b"\0" + b"\0\5\xff\1\0\1\0")


def certificates(*contents):
    listed = b"".join(struct.pack(">I", len(content))[1:] + content for content in contents)
    return message(11, struct.pack(">I", len(listed))[1:] + listed)


def handshakes(before=()):
    """Each after these pieces, and those that are no handshake when the client has spoken."""
    def secured(*pieces):
        return raw(*before, SECURED, *pieces)

    def heard(*pieces):
        return raw(*before, HEARD, *pieces)

    hello = record(HANDSHAKE, SERVER_HELLO)
    yield "good, and then as ever", secured()
    yield "closes without a word", heard()
    yield "resets", heard(RESET)
    yield "silent from the start", heard(20)
    yield "a page", heard(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nplain", KEEP)
    yield "an endless page", heard(endless(HTML.encode()))
    yield "another protocol", heard(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", KEEP)
    yield "binary", heard(bytes(range(256)) * 4, KEEP)
    yield "dripping binary", heard(endless(b"\x16", 0.05))
    for level, word in ((1, "warning"), (2, "fatal")):
        for code in (0, 10, 40, 42, 70, 80, 90, 112, 255):
            yield "alert %d, %s" % (code, word), heard(record(ALERT, bytes((level, code))), KEEP)
        yield "alerts without end, %s" % word, heard(endless(record(ALERT, bytes((level, 90))) * 1000))
        yield "dripping alerts, %s" % word, heard(endless(record(ALERT, bytes((level, 90))), 0.05))
    yield "half a record's head", heard(hello[:3])
    yield "half a record", heard(hello[:20])
    yield "half a record, then silent", heard(hello[:20], 20)
    yield "a dripping record", heard(*[piece for byte in hello * 20 for piece in (bytes([byte]), 0.05)])
    yield "endless records of nothing", heard(endless(EMPTY_RECORD * 1000))
    yield "a record of 65,535 bytes", heard(record(HANDSHAKE, b"", 65535), endless(b"x" * 65536))
    yield "a record of another kind", heard(record(99, b"x" * 100), KEEP)
    yield "data before the handshake", heard(record(DATA, b"x" * 100), KEEP)
    yield "endless data before the handshake", heard(endless(record(DATA, b"x" * 16000)))
    yield "a heartbeat that asks for too much", heard(record(HEARTBEAT, b"\1\xff\xff"), KEEP)
    yield "endless changes of the cipher", heard(endless(record(CHANGE, b"\1") * 1000))
    yield "endless requests to begin", heard(endless(record(HANDSHAKE, message(0, b"")) * 1800))
    yield "endless requests to begin in one piece", heard(endless(record(HANDSHAKE, message(0, b"") * 4096)))
    yield "a hello of 16 MB", heard(record(HANDSHAKE, message(2, b"\3\3", 0xffffff)), endless(record(HANDSHAKE, b"x" * 16000)))
    yield "a hello of nothing", heard(record(HANDSHAKE, message(2, b"")), KEEP)
    yield "a hello of SSL 3.0", heard(hello.replace(b"\3\3", b"\3\0"), KEEP)
    yield "a hello of TLS 1.0", heard(hello.replace(b"\3\3", b"\3\1"), KEEP)
    yield "a hello with a cipher that nobody asked for", heard(hello.replace(b"\xc0\x2f", b"\0\0"), KEEP)
    yield "a hello, then closes", heard(hello)
    yield "a hello, then silent", heard(hello, 20)
    yield "a hello, then records of nothing", heard(hello, endless(EMPTY_RECORD * 1000))
    yield "a hello, then alerts", heard(hello, endless(record(ALERT, b"\1\x5a") * 1000))
    yield "endless hellos", heard(endless(hello * 100))
    yield "no certificate", heard(hello + record(HANDSHAKE, certificates()), KEEP)
    yield "a certificate of nonsense", heard(hello + record(HANDSHAKE, certificates(b"\x30\x82" + b"x" * 1000)), KEEP)
    yield "a certificate of nothing", heard(hello + record(HANDSHAKE, certificates(b"")), KEEP)
    yield "a certificate deep in itself", heard(hello + record(HANDSHAKE, certificates(b"\x30\x80" * 8000)), KEEP)
    yield "an endless certificate", heard(hello + record(HANDSHAKE, message(11, b"\xff\xff\xfc\xff\xff\xf9", 0xffffff)), endless(record(HANDSHAKE, b"x" * 16000)))
    yield "a certificate that drips", heard(hello + record(HANDSHAKE, message(11, b"\0\xff\xfc\0\xff\xf9", 0xffff)), endless(record(HANDSHAKE, b"x"), 0.02))
    yield "the end of the handshake too early", heard(hello + record(HANDSHAKE, message(14, b"")), KEEP)
    yield "a hello, then requests to begin", heard(hello, endless(record(HANDSHAKE, message(0, b"")) * 1800))
    yield "endless tickets", raw(*before, WITH_TICKETS)
    yield "a handshake, then closes", secured(0)
    yield "a handshake, then resets", secured(0.05, RESET)
    yield "a handshake, then silent", secured(20)
    yield "a handshake, then an endless page", secured(endless(HTML.encode()))
    yield "a handshake, then dripping headers", secured(HEAD, endless(b"X-Filler: x\r\n", 0.05))
    yield "a handshake, then half a header", secured(HEAD + b"Content-Le")


# ---------------------------------------------------------------------------
# HTTP/2
# ---------------------------------------------------------------------------

(DATA_FRAME, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION) = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED = 4, 8
TABLE_SIZE, ENABLE_PUSH, CONCURRENT_STREAMS, WINDOW, FRAME_SIZE, HEADER_LIST_SIZE = range(1, 7)
GREATEST = 0xffffffff


def frame(kind, content=b"", flags=0, stream=0, length=None):
    return struct.pack(">I", len(content) if length is None else length)[1:] + struct.pack(">BBI", kind, flags, stream) + content


def setting(*pairs):
    return frame(SETTINGS, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def number(value, bits, first=0):
    """HPACK's number, in what is left of its first byte."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    encoded = bytes([first | limit])
    value -= limit
    while value >= 128:
        encoded += bytes([128 | value & 127])
        value >>= 7
    return encoded + bytes([value])


def text(data):
    return number(len(data), 7) + data


# Their names are of HPACK's static table.
def status(code):
    return b"\x08" + text(b"%d" % code)


def content_length(value):
    return b"\x0f\x0d" + text(b"%d" % value)


def field(name, value, first=b"\0"):
    """Not for the dynamic table, but for first being 0x40."""
    return first + text(name) + text(value)


def head(block, flags=END_HEADERS, stream=1):
    return frame(HEADERS, block, flags, stream)


def data(content=b"", flags=0, stream=1):
    return frame(DATA_FRAME, content, flags, stream)


OPENING = setting() + frame(SETTINGS, flags=ACK)
FILLER = field(b"x-filler", b"x" * 1000)
# A field of 4,000 bytes that is then named by a byte.
TABLED, NAMED = field(b"x", b"y" * 4000, b"\x40"), b"\xbe"


def frames():
    """What a server sends that was asked for HTTP/2, and has the token's request as stream 1."""
    def after_handshake(*pieces):
        return raw(HEARD, *pieces)

    def opened(*pieces):
        return raw(HEARD, OPENING, *pieces)

    def judged_at_once(*pieces):
        """And then closed, so that it is tried again on another connection."""
        return raw(HEARD, OPENING, *pieces, 0.2)

    body = good_body("token")
    good = head(status(200) + content_length(len(body)))

    yield "closes without a word", after_handshake()
    yield "resets", after_handshake(0.05, RESET)
    yield "silent from the start", after_handshake(20)
    yield "a page", after_handshake(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\n\r\nplain", 20)
    yield "an answer of HTTP/1.1", after_handshake(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body, 20)
    yield "an endless page", after_handshake(endless(HTML.encode()))
    yield "binary", after_handshake(bytes(range(256)) * 4, 20)
    yield "zeros without end", after_handshake(endless(bytes(65536)))
    yield "headers before the settings", after_handshake(good + data(body, END_STREAM), 20)
    yield "half a frame's head", after_handshake(OPENING[:5])
    yield "half a frame's head, then silent", after_handshake(OPENING[:5], 20)
    yield "half a frame", opened(good[:12])
    yield "half a frame, then silent", opened(good[:12], 20)
    yield "settings, then silent", opened(20)
    yield "settings byte by byte", raw(HEARD, *[piece for byte in OPENING * 20 for piece in (bytes([byte]), 0.05)])
    for name, kind, stream in (("data", DATA_FRAME, 1), ("headers", HEADERS, 1), ("settings", SETTINGS, 0), ("pings", PING, 0), ("unknown", 99, 1)):
        yield "a frame of 16 MB, %s" % name, opened(frame(kind, b"", END_HEADERS if kind == HEADERS else 0, stream, 0xffffff), endless(b"x" * 16000))
    yield "a frame of 16 MB in the place of settings", after_handshake(frame(SETTINGS, b"", 0, 0, 0xffffff), endless(b"x" * 16000))

    # Nothing of it is an answer.
    ping = frame(PING, b"12345678")
    for name, piece in (
            ("frames of an unknown kind", frame(99, b"x" * 100) * 100), ("frames of an unknown kind of the stream", frame(99, b"x" * 100, 255, 1) * 100),
            ("empty frames of an unknown kind", frame(99) * 1000),
            ("pings", ping * 1000), ("answers to pings", frame(PING, b"12345678", ACK) * 1000), ("settings", setting((CONCURRENT_STREAMS, 100)) * 1000),
            ("settings of nothing", setting() * 1000), ("settings of many", setting(*((99, value) for value in range(2000))) * 4),
            ("settings that are confirmed", frame(SETTINGS, flags=ACK) * 1000),
            ("settings of windows", (setting((WINDOW, 1)) + setting((WINDOW, 65535))) * 500),
            ("settings of tables", (setting((TABLE_SIZE, 0)) + setting((TABLE_SIZE, 65536))) * 500),
            ("updates of the window", frame(WINDOW_UPDATE, struct.pack(">I", 1)) * 1000),
            ("updates of the stream's window", frame(WINDOW_UPDATE, struct.pack(">I", 1), 0, 1) * 1000),
            ("updates of the window of a stream of nobody", frame(WINDOW_UPDATE, struct.pack(">I", 1), 0, 3) * 1000),
            ("updates of the window by nothing", frame(WINDOW_UPDATE, struct.pack(">I", 0)) * 1000),
            ("priorities", frame(PRIORITY, b"\0\0\0\0\x10", 0, 1) * 1000),
            ("priorities of other streams", b"".join(frame(PRIORITY, struct.pack(">IB", 1, 16), 0, stream) for stream in range(3, 2003, 2))),
            ("priorities that depend on themselves", frame(PRIORITY, b"\0\0\0\1\x10", 0, 1) * 1000),
            ("resets of streams of nobody", b"".join(frame(RST_STREAM, bytes(4), 0, stream) for stream in range(3, 2003, 2))),
            ("farewells that exclude nothing", frame(GOAWAY, struct.pack(">II", 0x7fffffff, 0)) * 1000),
            ("farewells with words", frame(GOAWAY, struct.pack(">II", 1, 0) + b"x" * 10000) * 10)):
        yield "endless " + name, opened(endless(piece))
        yield "endless %s, unheard" % name, opened(DEAF, endless(piece))
        yield "endless %s in the answer" % name, opened(good, endless(piece))
    yield "dripping pings", opened(endless(ping, 0.05))
    yield "dripping pings in the answer", opened(good, endless(ping, 0.05))
    yield "dripping settings", opened(endless(setting(), 0.05))
    yield "dripping updates of the window", opened(endless(frame(WINDOW_UPDATE, struct.pack(">I", 1)), 0.05))

    for name, pairs in {"a table of 4 GB": [(TABLE_SIZE, GREATEST)], "a window of 4 GB": [(WINDOW, GREATEST)], "no window": [(WINDOW, 0)],
                        "frames of nothing": [(FRAME_SIZE, 0)], "frames of 4 GB": [(FRAME_SIZE, GREATEST)], "no streams": [(CONCURRENT_STREAMS, 0)],
                        "no list of headers": [(HEADER_LIST_SIZE, 0)], "push": [(ENABLE_PUSH, 1)], "push of 4 GB": [(ENABLE_PUSH, GREATEST)],
                        "what is unknown": [(65535, GREATEST)], "all of it": [(which, GREATEST) for which in range(65535)][:2700]}.items():
        yield "settings: " + name, after_handshake(setting(*pairs), 20)
        yield "settings: %s, then an answer" % name, after_handshake(setting(*pairs) + frame(SETTINGS, flags=ACK) + good + data(body, END_STREAM), 0.2)
    yield "settings of five bytes", after_handshake(frame(SETTINGS, b"12345"), 20)
    yield "settings of a stream", after_handshake(frame(SETTINGS, b"", 0, 1), 20)
    yield "settings confirmed with more", after_handshake(setting() + frame(SETTINGS, b"123456", ACK))
    yield "a ping of seven bytes", judged_at_once(frame(PING, b"1234567"))
    yield "a ping of a stream", judged_at_once(frame(PING, b"12345678", 0, 1))
    yield "a window too large", judged_at_once(frame(WINDOW_UPDATE, struct.pack(">I", 0x7fffffff)) * 2)
    yield "a stream's window too large", judged_at_once(frame(WINDOW_UPDATE, struct.pack(">I", 0x7fffffff), 0, 1) * 2)

    yield "endless headers", opened(head(status(200), 0), endless(frame(CONTINUATION, FILLER * 15, 0, 1)))
    yield "dripping headers", opened(head(status(200), 0), endless(frame(CONTINUATION, field(b"x", b"y"), 0, 1), 0.05))
    yield "headers that go on with nothing", opened(head(status(200), 0), endless(frame(CONTINUATION, b"", 0, 1) * 1000))
    yield "headers that go on with nothing, dripping", opened(head(status(200), 0), endless(frame(CONTINUATION, b"", 0, 1), 0.05))
    yield "headers that do not go on", opened(head(status(200), 0), 20)
    yield "headers that go on with data", judged_at_once(head(status(200), 0) + data(body, END_STREAM))
    yield "headers of another stream in between", judged_at_once(head(status(200), 0) + frame(CONTINUATION, b"", END_HEADERS, 3))
    yield "headers that go on with nothing before", judged_at_once(frame(CONTINUATION, status(200), END_HEADERS, 1))
    yield "a header that is endless", opened(head(status(200) + b"\0" + text(b"x") + number(1 << 30, 7), 0), endless(frame(CONTINUATION, b"y" * 16000, 0, 1)))
    yield "a name that is endless", opened(head(status(200) + b"\0" + number(1 << 30, 7), 0), endless(frame(CONTINUATION, b"y" * 16000, 0, 1)))
    yield "a number that is endless", opened(head(status(200) + b"\0\x7f", 0), endless(frame(CONTINUATION, b"\x80" * 16000, 0, 1)))
    yield "sizes of the table without end", opened(head(b"", 0), endless(frame(CONTINUATION, b"\x20\x3f\xe1\x1f" * 4000, 0, 1)))
    yield "a header of 60 kB", judged_at_once(head(status(200) + b"\0" + text(b"x") + number(60000, 7), 0) + frame(CONTINUATION, b"y" * 16000, 0, 1) * 3 +
                                      frame(CONTINUATION, b"y" * 12000, END_HEADERS, 1) + data(body, END_STREAM))
    yield "10,000 headers", judged_at_once(head(status(200), 0) + frame(CONTINUATION, field(b"x", b"y") * 2500, 0, 1) * 3 +
                                   frame(CONTINUATION, field(b"x", b"y") * 2500, END_HEADERS, 1) + data(body, END_STREAM))
    yield "a header that grows", judged_at_once(head(status(200) + TABLED + NAMED * 12000))
    yield "a header that grows without end", opened(head(status(200) + TABLED, 0), endless(frame(CONTINUATION, NAMED * 16000, 0, 1)))
    yield "a header that grows in answers on the way", opened(head(status(103) + TABLED), endless(head(status(103) + NAMED * 60)))
    yield "a header that grows in trailers", judged_at_once(head(status(200)) + data(body) + head(TABLED + NAMED * 12000, END_HEADERS | END_STREAM))
    for name, block in {"nonsense": bytes(range(255, 0, -1)), "no status": field(b"x", b"y"), "nothing": b"", "a status twice": status(200) * 2,
                        "a status of letters": b"\x08" + text(b"abc"), "a status of nothing": b"\x08" + text(b""), "status 000": b"\x08" + text(b"000"),
                        "status 099": b"\x08" + text(b"099"), "status 999": status(999), "status 2000": status(2000), "status 101": status(101),
                        "status 204": status(204), "status 304": status(304),
                        "a status after others": field(b"x", b"y") + status(200), "a status of a request": b"\x82\x84" + status(200),
                        "a name of the future": b"\xff\xff\xff\xff\x07" + status(200), "number 0": b"\x80" + status(200),
                        "Huffman of nonsense": status(200) + b"\0\x81\xff\x81\xff", "capitals": status(200) + field(b"X-Y", b"z"),
                        "an end of line": status(200) + field(b"x", b"y\r\nz: a"), "NUL": status(200) + field(b"x\0", b"\0"),
                        "a table of 4 GB": b"\x3f\xe0\xff\xff\xff\x0f" + status(200), "connection": status(200) + field(b"connection", b"close"),
                        "chunks": status(200) + field(b"transfer-encoding", b"chunked"), "a coding": status(200) + field(b"content-encoding", b"gzip"),
                        "two lengths": status(200) + content_length(5) + content_length(6), "a length of letters": status(200) + b"\x0f\x0d" + text(b"many"),
                        "a length of 2^63": status(200) + content_length(1 << 63), "a negative length": status(200) + content_length(-5)}.items():
        yield "headers: " + name, judged_at_once(head(block) + data(body, END_STREAM))
        yield "headers: %s, and no more" % name, judged_at_once(head(block, END_HEADERS | END_STREAM))
    yield "headers with more padding than headers", judged_at_once(head(b"\xff" + status(200), END_HEADERS | PADDED))
    yield "headers of stream 0", judged_at_once(head(status(200), stream=0))
    yield "headers of a stream of nobody", judged_at_once(head(status(200), stream=3))
    yield "headers of a stream of the server", judged_at_once(head(status(200), stream=2))
    yield "headers that depend on themselves", judged_at_once(head(b"\0\0\0\1\x10" + status(200), END_HEADERS | 0x20) + data(body, END_STREAM))
    yield "dripping 103 Early Hints", opened(endless(head(status(103) + field(b"link", b"x")), 0.05))
    for code in (100, 103, 199):
        yield "endless %d" % code, opened(endless(head(status(code)) * 100))
        yield "endless %d, unheard" % code, opened(DEAF, endless(head(status(code)) * 100))
    yield "endless 103 with much", opened(endless(head(status(103) + FILLER * 15)))
    yield "endless final answers", opened(endless(head(status(200)) * 100))
    yield "an answer on the way that is the last", judged_at_once(head(status(103), END_HEADERS | END_STREAM))

    for name, block in (("", good), (" of no length", head(status(200)))):
        yield "an answer%s without a body" % name, opened(block, 20)
        yield "endless data of nothing in an answer" + name, opened(block, endless(data() * 1000))
        yield "endless data of nothing in an answer%s, unheard" % name, opened(DEAF, block, endless(data() * 1000))
        yield "dripping data of nothing in an answer" + name, opened(block, endless(data(), 0.05))
        yield "endless padding in an answer" + name, opened(block, endless(data(b"\xff" + bytes(255), PADDED) * 60))
        yield "dripping padding in an answer" + name, opened(block, endless(data(b"\xff" + bytes(255), PADDED), 0.05))
        yield "endless white space in an answer" + name, opened(block, endless(data(b" " * 16384)))
        yield "dripping white space in an answer" + name, opened(block, endless(data(b" "), 0.05))
        yield "silent in the middle of an answer" + name, opened(block + data(body[:10]), 20)
        yield "closed in the middle of an answer" + name, opened(block + data(body[:10]))
        yield "reset in the middle of an answer" + name, opened(block + data(body[:10]), 0.05, RESET)
        yield "endless trailers of an answer" + name, opened(
            block + data(body), frame(HEADERS, b"", END_STREAM, 1), endless(frame(CONTINUATION, FILLER * 15, 0, 1)))
        yield "trailers again and again of an answer" + name, opened(block + data(body), endless(head(field(b"x", b"y"), END_HEADERS) * 100))
        yield "trailers that do not end an answer" + name, judged_at_once(block + data(body) + head(field(b"x", b"y")))
        yield "a page after the end of an answer" + name, opened(block + data(body, END_STREAM), endless(HTML.encode()))
        yield "endless data after the end of an answer" + name, opened(block + data(body, END_STREAM), endless(data(b" " * 16384)))
        yield "endless pings after the end of an answer" + name, opened(block + data(body, END_STREAM), endless(ping * 1000))
        yield "silent after the end of an answer" + name, opened(block + data(body, END_STREAM), 20)
        yield "closed after the end of an answer" + name, opened(block + data(body, END_STREAM))
        yield "an answer%s, byte by byte" % name, opened(block + b"".join(data(body[at:at + 1]) for at in range(len(body))) + data(b"", END_STREAM), 20)
    yield "silent in the middle", opened(good + data(body[:10]), 20)
    yield "white space byte by byte", opened(head(status(200)) + data(b" ") * 60000 + data(body, END_STREAM), 20)
    yield "data before the headers", judged_at_once(data(body, END_STREAM))
    yield "endless data before the headers", opened(endless(data(b" " * 16384)))
    yield "endless data of nothing before the headers", opened(endless(data() * 1000))
    yield "data of stream 0", judged_at_once(good + data(body, END_STREAM, 0))
    yield "data of a stream of nobody", judged_at_once(good + data(body, END_STREAM, 3))
    yield "endless data of a stream of nobody", opened(good, endless(data(b" " * 16384, 0, 3)))
    yield "data with more padding than data", judged_at_once(good + data(b"\xff" + body, PADDED))
    yield "length too large", judged_at_once(head(status(200) + content_length(len(body) + 10)) + data(body, END_STREAM))
    yield "length too small", judged_at_once(head(status(200) + content_length(len(body) // 2)) + data(body, END_STREAM))
    yield "length 0", judged_at_once(head(status(200) + content_length(0), END_HEADERS | END_STREAM))
    yield "content encoding that inflates", judged_at_once(
        head(status(200) + field(b"content-encoding", b"gzip")) +
        b"".join(data(inflates_to_much()[at:at + 16384]) for at in range(0, len(inflates_to_much()), 16384)) + data(b"", END_STREAM))
    yield "500 with an endless body", opened(head(status(500)), endless(data(b"x" * 16384)))
    yield "500 with a dripping body", opened(head(status(500)), endless(data(b"x"), 0.05))
    yield "500 that stops in its body", opened(head(status(500)) + data(b"{"), 20)
    yield "503, again never", judged_at_once(head(status(503) + field(b"retry-after", b"never"), END_HEADERS | END_STREAM))

    for code in (*range(15), 255, GREATEST):
        yield "stream reset, %d" % code, judged_at_once(frame(RST_STREAM, struct.pack(">I", code), 0, 1))
        yield "stream reset in the answer, %d" % code, judged_at_once(good + data(body[:10]) + frame(RST_STREAM, struct.pack(">I", code), 0, 1))
        yield "farewell, %d" % code, judged_at_once(frame(GOAWAY, struct.pack(">II", 0, code)))
    yield "stream 0 reset", judged_at_once(frame(RST_STREAM, bytes(4)))
    yield "endless resets of the stream", opened(endless(frame(RST_STREAM, bytes(4), 0, 1) * 1000))
    for last in (0, 1, 0x7fffffff):
        yield "farewell after stream %d, then silent" % last, opened(frame(GOAWAY, struct.pack(">II", last, 0)), 20)
        yield "farewell after stream %d, then closes" % last, opened(frame(GOAWAY, struct.pack(">II", last, 0)))
        yield "farewell after stream %d, then an answer" % last, opened(frame(GOAWAY, struct.pack(">II", last, 0)) + good + data(body, END_STREAM), 20)
        yield "endless farewells after stream %d" % last, opened(endless(frame(GOAWAY, struct.pack(">II", last, 0)) * 1000))
        yield "dripping farewells after stream %d" % last, opened(endless(frame(GOAWAY, struct.pack(">II", last, 0)), 0.05))
    yield "farewell of nothing", judged_at_once(frame(GOAWAY))
    yield "farewell with words of another kind", judged_at_once(frame(GOAWAY, struct.pack(">II", 0, 0) + ODD_TEXT))
    yield "farewell of a stream", judged_at_once(frame(GOAWAY, bytes(8), 0, 1))
    promise = struct.pack(">I", 2) + b"\x82\x84\x87\x41" + text(b"127.0.0.1")
    yield "a promise", judged_at_once(frame(PUSH_PROMISE, promise, END_HEADERS, 1))
    yield "a promise of nothing", judged_at_once(frame(PUSH_PROMISE, b"", END_HEADERS, 1))
    yield "endless promises", opened(endless(frame(PUSH_PROMISE, promise, END_HEADERS, 1)))
    yield "a promise that goes on without end", opened(frame(PUSH_PROMISE, promise, 0, 1), endless(frame(CONTINUATION, FILLER * 15, 0, 1)))


# ---------------------------------------------------------------------------
# At random
# ---------------------------------------------------------------------------

def damaged(phase, count, seed):
    """Good answers with a few bytes changed, dropped or doubled: the headers included."""
    whole = attacker.Server.good(phase)[0]
    chance = random.Random("%s %d" % (phase, seed))
    for number in range(count):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            how = chance.randrange(3)
            if how == 0:
                data[at] = chance.randrange(256)
            elif how == 1:
                del data[at:at + chance.randint(1, 20)]
            else:
                data[at:at] = data[at:at + chance.randint(1, 20)]
        yield "damaged %d" % number, raw(bytes(data))


def all_cases(seed=1):
    for phase in PHASES:
        if phase == "tls":
            kinds = [handshakes()]
        elif phase == "http2":
            kinds = [frames()]
        elif phase == "nested":
            kinds = [handshakes([TUNNEL])]
        else:
            kinds = [transport(phase), statuses(phase), damaged(phase, 10, seed)]
        if phase in ("token", "profiles", "request", "status"):
            kinds.append(control_bodies(phase))
        if phase == "proxy":
            # What is good of an answer in other calls closes a tunnel, or says nothing in it.
            kinds = [((name.replace("good ", "as "), make) for name, make in itertools.chain(*kinds)), tunnels()]
        if phase == "download":
            kinds.append(gzip_contents())
        if phase == "archive":
            kinds.append(zip_contents())
        for kind in kinds:
            for name, make in kind:
                yield name, phase, make
