"""An answer before it is sent: status, headers and a body of known length."""

import os


class BytesBody:
    """A body in memory."""

    path = None

    def __init__(self, data):
        self.data = data
        self.size = len(data)

    def read(self, offset, length):
        return self.data[offset:offset + length]


class FileBody:
    """A body in a file, so that sendfile can carry it."""

    def __init__(self, path):
        self.path = path
        self.size = os.stat(path).st_size

    def read(self, offset, length):
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read(length)


class Response:
    def __init__(self, status, headers=(), body=b"", reason=None):
        self.status = status
        self.reason = reason
        self.headers = list(headers)
        self.body = BytesBody(body.encode("utf-8") if isinstance(body, str) else body) if isinstance(body, (bytes, str)) else body
        self.offset = 0
        self.length = self.body.size
        self.chunked = False

    def set_header(self, name, value):
        self.headers = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, str(value)))

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None


def with_ranges(request, response, etag, unsatisfiable):
    """Serve Range, If-Range, If-Match and If-None-Match the way S3 does.

    unsatisfiable(size) makes the 416.
    """
    size = response.body.size
    response.set_header("ETag", etag)
    response.set_header("Accept-Ranges", "bytes")
    if_match = request.headers.get("If-Match")
    if if_match and if_match not in ("*", etag):
        return Response(412, [], "")
    if request.headers.get("If-None-Match") in ("*", etag):
        return Response(304, [("ETag", etag)], "")
    wanted = request.headers.get("Range", "")
    if_range = request.headers.get("If-Range")
    if not wanted.startswith("bytes=") or (if_range and if_range not in (etag, response.header("Last-Modified"))):
        return response
    first, dash, last = wanted[len("bytes="):].partition("-")
    if not dash or "," in wanted or not (first or last):
        return response  # Several ranges or nonsense: S3 sends everything.
    try:
        if first:
            start = int(first)
            end = min(int(last), size - 1) if last else size - 1
        else:
            start = max(0, size - int(last))
            end = size - 1
    except ValueError:
        return response
    if start >= size or start > end:
        refusal = unsatisfiable(size)
        refusal.set_header("Content-Range", "bytes */%d" % size)
        return refusal
    response.status = 206
    response.offset = start
    response.length = end - start + 1
    response.set_header("Content-Range", "bytes %d-%d/%d" % (start, end, size))
    return response
