"""Files of a folder, raw, for benchmarks: /files/NAME."""

import contextlib
import mimetypes
import os
import urllib.parse

from response import Response, with_ranges


class Files:
    def __init__(self, emulator, folder):
        self.emulator = emulator
        self.folder = folder

    def reset(self):
        pass

    @staticmethod
    def classify(call):
        call.facts["api"] = "files"
        call.facts["call"] = "file"

    @contextlib.contextmanager
    def busy(self, call):
        with self.emulator.counting("files"):
            yield

    def handle(self, call):
        name = urllib.parse.unquote(call.path[len("/files/"):])
        path = os.path.join(self.folder, name) if self.folder else None
        if path is None or name.startswith(".") or "/" in name or not os.path.isfile(path):
            return Response(404, [("Content-Type", "text/plain")], "no such file\n")
        content = self.emulator.store.of_file(path)
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        response = Response(200, [("Content-Type", "application/octet-stream" if name.endswith(".gz") else media_type)], content.body)
        return with_ranges(call, response, content.etag, lambda size: Response(416, [], ""))
