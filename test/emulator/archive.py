"""gzip and ZIP bytes, in the layouts Amplitude uses and in those it might use.

Python's zipfile writes neither stored entries with zero sizes in the local
header and a data descriptor, nor most of the other variants, so the bytes are
written here by hand.
"""

import struct
import zlib

LOCAL = 0x04034B50
DESCRIPTOR = 0x08074B50
CENTRAL = 0x02014B50
END = 0x06054B50
END64 = 0x06064B50
LOCATOR64 = 0x07064B50
BIG = 0xFFFFFFFF
DOS_TIME = (12 << 11) | (30 << 5)
DOS_DATE = ((2025 - 1980) << 9) | (3 << 5) | 8

# What an archive looks like. A variant sets some of these; several variants are
# joined by commas, later ones win.
LAYOUT = {
    "method": "stored",         # stored, deflate, mixed, or a number of a method nobody here can read
    "sizes": "descriptor",      # descriptor: zero in the local header; header: known there; mixed
    "descriptor_signature": True,
    "zip64": (),                # any of: sizes, descriptor, offsets, end
    "encrypted": False,
    "comment": b"",
    "extra": b"",               # extra field of local and central headers
    "directories": False,
    "foreign": False,           # entries that are no .json.gz
    "empty": False,             # .json.gz entries without any line
    "zero_bytes": False,        # .json.gz entries of no bytes at all
    "padding_entries": 0,       # so many more entries with an empty gzip
    "members": 1,               # gzip members per entry
    "gzip_level": None,
    "gzip_fields": False,       # FEXTRA, FNAME, FCOMMENT and FHCRC in the gzip header
    "final_newline": True,
    "line_end": "\n",
    "blank_lines": False,
    "shuffled": False,          # another order of entries for each request
    "varying": False,           # another gzip level for each request, so other bytes for the same content
}

VARIANTS = {
    "stored-descriptor": {},
    "stored-sizes": {"sizes": "header"},
    "deflate-descriptor": {"method": "deflate"},
    "deflate-sizes": {"method": "deflate", "sizes": "header"},
    "mixed": {"method": "mixed", "sizes": "mixed"},
    "bare-descriptor": {"descriptor_signature": False},
    "zip64-sizes": {"zip64": ("sizes",), "sizes": "header"},
    "zip64-descriptor": {"zip64": ("sizes", "descriptor"), "sizes": "descriptor"},
    "zip64-offsets": {"zip64": ("offsets", "end")},
    "zip64-end": {"zip64": ("end",)},
    "zip64-all": {"zip64": ("sizes", "descriptor", "offsets", "end")},
    "many-entries": {"padding_entries": 66000},
    "too-many-entries": {"padding_entries": 262144},
    "multi-member": {"members": 3},
    "gzip-fields": {"gzip_fields": True},
    "gzip-stored": {"gzip_level": 0},
    "directories": {"directories": True},
    "foreign-files": {"foreign": True},
    "empty-entries": {"empty": True},
    "zero-byte-entries": {"zero_bytes": True},
    "comment": {"comment": b"an archive comment"},
    # Python's zipfile takes the signature in this comment for the end record; readers should not.
    "tricky-comment": {"comment": b"an archive comment with PK\x05\x06 in it"},
    "extra-fields": {"extra": struct.pack("<HH", 0x5455, 5) + b"\x01\x00\x00\x00\x00"},
    "no-final-newline": {"final_newline": False},
    "crlf": {"line_end": "\r\n"},
    "blank-lines": {"blank_lines": True},
    "shuffled": {"shuffled": True},
    "varying": {"varying": True},
    "encrypted": {"encrypted": True},
    # Reserved for an algorithm that was never published; others tend to be learnt one day.
    "unknown-method": {"method": 7},
}


def layout_of(names):
    """The layout for variant names joined by commas."""
    layout = dict(LAYOUT)
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name not in VARIANTS:
            raise ValueError("unknown archive variant %r; known: %s" % (name, ", ".join(sorted(VARIANTS))))
        layout.update(VARIANTS[name])
    return layout


def gzip_member(content, level=6, fields=False):
    """One gzip member; its header holds no time, so equal content gives equal bytes."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15, 9)
    body = compressor.compress(content) + compressor.flush()
    header = b"\x1f\x8b\x08" + (b"\x1e" if fields else b"\x00") + b"\x00\x00\x00\x00\x00\xff"
    if fields:
        # Signatures inside the header mislead a reader that searches for them.
        extra = b"AP\x08\x00PK\x07\x08PK\x03\x04"
        header += struct.pack("<H", len(extra)) + extra + b"events.json\0" + b"PK\x01\x02 comment\0"
        header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    return header + body + struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF)


def gzip_bytes(content, level=6, members=1, fields=False):
    if members <= 1:
        return gzip_member(content, level, fields)
    # Cuts fall inside lines on purpose: a record may span members.
    step = max(1, len(content) // members + 1)
    pieces = [content[start:start + step] for start in range(0, len(content), step)] or [b""]
    return b"".join(gzip_member(piece, level, fields) for piece in pieces)


def lines_bytes(lines, layout):
    """The text of one file of events."""
    end = layout["line_end"]
    parts = []
    for number, line in enumerate(lines):
        parts.append(line)
        if layout["blank_lines"] and number % 3 == 0:
            parts.append("")
        if layout["blank_lines"] and number % 7 == 0:
            parts.append("  ")
    text = end.join(parts)
    if parts and layout["final_newline"]:
        text += end
    return text


class ZipWriter:
    """Writes entries one after the other to anything with a write method."""

    def __init__(self, output, layout=None):
        self.output = output
        self.layout = layout or LAYOUT
        self.offset = 0
        self.central = []

    def write(self, data):
        self.output.write(data)
        self.offset += len(data)

    def add(self, name, content):
        layout = self.layout
        number = len(self.central)
        method = layout["method"]
        if method == "mixed":
            method = "deflate" if number % 2 else "stored"
        sizes = layout["sizes"]
        if sizes == "mixed":
            sizes = "descriptor" if number // 2 % 2 else "header"
        if name.endswith("/"):
            method, sizes = "stored", "header"
        if method == "deflate":
            compressor = zlib.compressobj(6, zlib.DEFLATED, -15)
            packed = compressor.compress(content) + compressor.flush()
            code = 8
        else:
            packed = content
            code = 0 if method == "stored" else method
        flags = 0
        if sizes == "descriptor":
            flags |= 0x0008
        if layout["encrypted"]:
            flags |= 0x0001
            packed = bytes(range(12)) + packed
        encoded = name.encode("utf-8")
        if not name.isascii():
            flags |= 0x0800
        checksum = zlib.crc32(content)
        wide = "sizes" in layout["zip64"]
        version = 45 if wide else 20
        start = self.offset
        zero = sizes == "descriptor"
        local_extra = layout["extra"]
        if wide:
            local_extra += struct.pack("<HHQQ", 1, 16, 0 if zero else len(content), 0 if zero else len(packed))
            local_sizes = (BIG, BIG)
        else:
            local_sizes = (0, 0) if zero else (len(packed), len(content))
        self.write(struct.pack("<IHHHHHIIIHH", LOCAL, version, flags, code, DOS_TIME, DOS_DATE, 0 if zero else checksum,
                               local_sizes[0], local_sizes[1], len(encoded), len(local_extra)) + encoded + local_extra)
        self.write(packed)
        if zero:
            descriptor = struct.pack("<I", DESCRIPTOR) if layout["descriptor_signature"] else b""
            form = "<IQQ" if wide and "descriptor" in layout["zip64"] else "<III"
            self.write(descriptor + struct.pack(form, checksum, len(packed), len(content)))
        self.central.append((encoded, flags, code, checksum, len(packed), len(content), start, version))

    def finish(self):
        layout = self.layout
        start = self.offset
        for name, flags, code, checksum, packed, size, offset, version in self.central:
            fields = b""
            shown_packed, shown_size, shown_offset = packed, size, offset
            if "sizes" in layout["zip64"]:
                fields += struct.pack("<QQ", size, packed)
                shown_packed = shown_size = BIG
            if "offsets" in layout["zip64"]:
                fields += struct.pack("<Q", offset)
                shown_offset = BIG
            extra = layout["extra"]
            if fields:
                extra = struct.pack("<HH", 1, len(fields)) + fields + extra
                version = 45
            self.write(struct.pack("<IHHHHHHIIIHHHHHII", CENTRAL, 3 << 8 | version, version, flags, code, DOS_TIME, DOS_DATE,
                                   checksum, shown_packed, shown_size, len(name), len(extra), 0, 0, 0,
                                   0o40755 << 16 if name.endswith(b"/") else 0o100644 << 16, shown_offset) + name + extra)
        length = self.offset - start
        count = len(self.central)
        if "end" in layout["zip64"] or count > 65535:
            end64 = self.offset
            self.write(struct.pack("<IQHHIIQQQQ", END64, 44, 3 << 8 | 45, 45, 0, 0, count, count, length, start))
            self.write(struct.pack("<IIQI", LOCATOR64, 0, end64, 1))
            self.write(struct.pack("<IHHHHIIH", END, 0, 0, 0xFFFF, 0xFFFF, BIG, BIG, len(layout["comment"])))
        else:
            self.write(struct.pack("<IHHHHIIH", END, 0, 0, count, count, length, start, len(layout["comment"])))
        self.write(layout["comment"])


def write_archive(output, files, layout, gzip_level=6, random=None):
    """Write (name, text lines) pairs as an archive; returns the number of entries.

    random: a random.Random for the shuffled and varying layouts.
    """
    writer = ZipWriter(output, layout)
    level = layout["gzip_level"] if layout["gzip_level"] is not None else gzip_level
    if layout["varying"]:
        level = 1 + random.randrange(9)

    def pack(content):
        return gzip_bytes(content, level, layout["members"], layout["gzip_fields"])

    def entries():
        folder = None
        empty_sent = False
        for number, (name, lines) in enumerate(files):
            if layout["directories"] and folder is None:
                folder = name.rsplit("/", 1)[0] + "/"
                yield folder, b""
            if layout["foreign"] and number % 5 == 0:
                yield "README-%d.txt" % number, b"this is no file of events\n"
                yield name + ".sig", b"\x00\x01\x02 PK\x03\x04"
            if layout["empty"] and not empty_sent:
                yield name.replace("#", "#9"), pack(b"")
            if layout["zero_bytes"] and not empty_sent:
                yield name.replace("#", "#8"), b""
            empty_sent = True
            yield name, pack(lines_bytes(lines, layout).encode("utf-8", "surrogateescape"))
        if layout["padding_entries"]:
            nothing = pack(b"")
            for number in range(layout["padding_entries"]):
                yield "0/0_2025-01-01_0#%d.json.gz" % number, nothing

    if layout["shuffled"]:
        everything = list(entries())
        random.shuffle(everything)
    else:
        everything = entries()
    for name, content in everything:
        writer.add(name, content)
    writer.finish()
    return len(writer.central)
