"""Files that answers are made of, built once and kept on disk."""

import hashlib
import os
import random
import tempfile
import threading
import zlib

import archive
import exact_json
from response import FileBody

FLUSH_SIZE = 1 << 18


class Content:
    """One finished file."""

    def __init__(self, path, etag=None):
        self.path = path
        self.etag = '"%s"' % (etag or digest_of(path))
        self.body = FileBody(path)
        self.size = self.body.size


def digest_of(path):
    """The MD5 of a file, which is what S3 uses as ETag."""
    digest = hashlib.md5()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


class ContentStore:
    """Makes files from data and remembers them by what they hold.

    A file is built by the first who asks; others with the same key wait for it.
    """

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="adsexport-emulator-")
        self.lock = threading.Lock()
        self.known = {}
        self.number = 0

    def new_path(self):
        with self.lock:
            self.number += 1
            return os.path.join(self.folder, "content-%d" % self.number)

    def get(self, key, build):
        """key: hashable; build(path) writes the file."""
        with self.lock:
            slot = self.known.get(key)
            if slot is None:
                slot = self.known[key] = {"lock": threading.Lock(), "content": None}
        with slot["lock"]:
            if slot["content"] is None:
                path = self.new_path()
                build(path)
                slot["content"] = Content(path)
            return slot["content"]

    def of_file(self, path):
        status = os.stat(path)
        with self.lock:
            key = ("file", path, status.st_mtime_ns, status.st_size)
            content = self.known.get(key)
        if content is None:
            # Reading a large file for its digest would take longer than sending it.
            content = Content(path, "%032x" % (status.st_mtime_ns * 1000003 + status.st_size))
            with self.lock:
                self.known[key] = content
        return content

    def forget(self):
        with self.lock:
            self.known.clear()

    def remove(self):
        for name in os.listdir(self.folder):
            os.unlink(os.path.join(self.folder, name))
        os.rmdir(self.folder)


def write_whole(path, data):
    with open(path, "wb") as file:
        file.write(data)


def export_text_blocks(records, layout="compact"):
    """A JSON array of records as blocks of bytes."""
    separator = {"compact": ",", "lines": ",\n", "pretty": ",\n"}[layout]
    dumps = exact_json.dumps_pretty if layout == "pretty" else exact_json.dumps
    parts = ["["]
    size = 0
    first = True
    for record in records:
        text = dumps(record)
        parts.append(text if first else separator + text)
        first = False
        size += len(text)
        if size > FLUSH_SIZE:
            yield exact_json.encode("".join(parts))
            parts = []
            size = 0
    parts.append("]")
    yield exact_json.encode("".join(parts))


def write_export(path, records, settings):
    """An export file. An empty one is the 22 bytes of a gzip of "[]"."""
    blocks = export_text_blocks(records, settings.export_layout)
    with open(path, "wb") as file:
        if settings.export_encoding == "plain":
            for block in blocks:
                file.write(block)
        elif settings.export_encoding == "multi-member":
            for block in blocks:
                half = len(block) // 2
                file.write(archive.gzip_member(block[:half], settings.gzip_level))
                file.write(archive.gzip_member(block[half:], settings.gzip_level))
        else:
            compressor = zlib.compressobj(settings.gzip_level, zlib.DEFLATED, 31)
            for block in blocks:
                file.write(compressor.compress(block))
            file.write(compressor.flush())


def write_amplitude(path, files, settings, seed=None):
    """An archive of (entry name, records) pairs."""
    layout = archive.layout_of(settings.archive)
    named_lines = ((name, [exact_json.dumps(record) for record in records]) for name, records in files)
    with open(path, "wb") as file:
        return archive.write_archive(file, named_lines, layout, settings.gzip_level, random.Random(seed))


