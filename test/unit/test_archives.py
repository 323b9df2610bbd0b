#!/usr/bin/env python3
"""Read archives made by other writers and compare with what was put in.

usage: test_archives.py PROGRAM

PROGRAM is the built list_archive.  First come the samples in test/archives,
then archives made here.  Writers: Python's zipfile (stored,
deflated, to a file and to a stream that cannot seek, zip64), Info-ZIP zip,
Java's ZipOutputStream, bsdtar, 7z; those that are not installed are skipped,
which is said.
"""
import gzip
import io
import os
import random
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib

PROGRAM = sys.argv[1]
passed = failed = skipped = 0


class Unseekable(io.RawIOBase):
    """A file that can only be written forward, like a pipe."""

    def __init__(self, file):
        self.file = file

    def writable(self):
        return True

    def seekable(self):
        return False

    def write(self, data):
        return self.file.write(data)


def make_files():
    """(name, raw content of the entry, inflated content or None if skipped)"""
    random.seed(1)
    files = []
    for hour in range(24):
        for part in range(3):
            lines = "".join('{"event_id":%d,"text":"%s"}\n' % (i, "x" * random.randrange(80))
                            for i in range(random.choice([0, 1, 5, 400]))).encode()
            files.append(("11/11_2025-01-01_%d#%d.json.gz" % (hour, part), gzip.compress(lines), lines))
    files.append(("11/two-members.json.gz", gzip.compress(b"one\n") + gzip.compress(b"two\n"),
                  b"one\ntwo\n"))
    files.append(("11/empty.json.gz", gzip.compress(b""), b""))
    noise = random.randbytes(300000)
    files.append(("11/noise.json.gz", gzip.compress(noise), noise))
    return files


def expected_listing(files):
    return "".join("%s %d %08x\n" % (name, len(content), zlib.crc32(content))
                   for name, _, content in files if content is not None) + "end\n"


def check(what, path, files, in_order=True):
    global passed, failed
    wanted = expected_listing(files)
    for piece in (1 << 20, 4096, 61, 1):
        if piece == 1 and os.path.getsize(path) > 1000000:
            continue
        got = subprocess.run([PROGRAM, path, str(piece)], stdout=subprocess.PIPE, text=True).stdout
        same = got == wanted if in_order else sorted(got.splitlines()) == sorted(wanted.splitlines())
        if not same:
            print("not ok - %s in pieces of %d" % (what, piece))
            for line in got.splitlines()[-3:]:
                print("# got: " + line)
            failed += 1
            return
    print("ok - " + what)
    passed += 1


def skip(what, why):
    global skipped
    print("ok - %s # SKIP %s" % (what, why))
    skipped += 1


def python_archives(folder, files):
    for method, method_name in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflated")):
        for seekable in (True, False):
            for zip64 in (False, True):
                path = os.path.join(folder, "python.zip")
                with open(path, "wb") as file:
                    target = file if seekable else Unseekable(file)
                    with zipfile.ZipFile(target, "w", method) as archive:
                        archive.comment = b"a comment"
                        for name, raw, _ in files:
                            with archive.open(name, "w", force_zip64=zip64) as entry:
                                entry.write(raw)
                check("Python zipfile, %s, %s%s" % (method_name, "file" if seekable else "stream",
                                                    ", zip64" if zip64 else ""), path, files)
    path = os.path.join(folder, "many.zip")
    many = [("m/%d.json.gz" % i, b"", b"") for i in range(66000)]
    with zipfile.ZipFile(path, "w") as archive:
        for name, raw, _ in many:
            archive.writestr(name, raw)
    check("Python zipfile, 66,000 entries", path, many)

    path = os.path.join(folder, "mixed.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/", b"")
        archive.writestr("readme.txt", b"not json" * 100)
        for name, raw, _ in files:
            archive.writestr(name, raw)
    check("Python zipfile, with other files", path, files)


def write_tree(folder, files):
    root = os.path.join(folder, "tree")
    shutil.rmtree(root, ignore_errors=True)
    for name, raw, _ in files:
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(raw)
    return root


def command_archives(folder, files):
    """Writers that are programs: (title, program, command, standard output to file)"""
    root = write_tree(folder, files)
    path = os.path.join(folder, "command.zip")
    writers = (
        ("Info-ZIP, stored", "zip", ["zip", "-q", "-r", "-0", path, "."], False),
        ("Info-ZIP, deflated", "zip", ["zip", "-q", "-r", "-9", path, "."], False),
        ("Info-ZIP, no directory entries", "zip", ["zip", "-q", "-r", "-D", path, "."], False),
        ("Info-ZIP, stored, to a pipe", "zip", ["sh", "-c", "zip -q -r -0 - . | cat"], True),
        ("Info-ZIP, deflated, to a pipe", "zip", ["sh", "-c", "zip -q -r - . | cat"], True),
        ("Info-ZIP, zip64", "zip", ["zip", "-q", "-r", "-fz", path, "."], False),
        ("bsdtar", "bsdtar", ["bsdtar", "--format", "zip", "-cf", path, "11"], False),
        ("bsdtar, stored", "bsdtar",
         ["bsdtar", "--format", "zip", "--options", "zip:compression=store", "-cf", path, "11"], False),
        ("7z", "7z", ["7z", "a", "-tzip", "-bd", path, "11"], False),
    )
    for title, program, command, to_stdout in writers:
        if shutil.which(program) is None:
            skip(title, program + " is not installed")
            continue
        if os.path.exists(path):
            os.unlink(path)
        with open(path if to_stdout else os.devnull, "wb") as output:
            subprocess.run(command, cwd=root, stdout=output, check=True)
        check(title, path, files, in_order=False)


JAVA = """
import java.io.*;
import java.nio.file.*;
import java.util.zip.*;

public class WriteZip {
    public static void main(String[] arguments) throws Exception {
        try (ZipOutputStream zip = new ZipOutputStream(new FileOutputStream(arguments[0]))) {
            boolean stored = arguments[1].equals("stored");
            for (String name : Files.readAllLines(Paths.get(arguments[2]))) {
                byte[] content = Files.readAllBytes(Paths.get(arguments[3], name));
                ZipEntry entry = new ZipEntry(name);
                if (stored) {
                    CRC32 crc = new CRC32();
                    crc.update(content);
                    entry.setMethod(ZipEntry.STORED);
                    entry.setSize(content.length);
                    entry.setCrc(crc.getValue());
                }
                zip.putNextEntry(entry);
                zip.write(content);
                zip.closeEntry();
            }
        }
    }
}
"""


def java_archives(folder, files):
    root = write_tree(folder, files)
    source = os.path.join(folder, "WriteZip.java")
    names = os.path.join(folder, "names")
    path = os.path.join(folder, "java.zip")
    with open(source, "w") as file:
        file.write(JAVA)
    with open(names, "w") as file:
        file.write("".join(name + "\n" for name, _, _ in files))
    for method in ("stored", "deflated"):
        title = "Java ZipOutputStream, " + method
        if shutil.which("java") is None:
            skip(title, "java is not installed")
            continue
        run = subprocess.run(["java", source, path, method, names, root], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
        if run.returncode != 0:
            skip(title, "java cannot run source files: " + run.stdout.strip().splitlines()[-1])
            continue
        check(title, path, files)


SAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "archives")

REFUSED = {
    "encrypted": "encrypted entries are not supported",
    "aes-encrypted": "encrypted entries are not supported (method 99)",
    "bzip2": "compression method 12 (bzip2) is not supported",
    "lzma": "compression method 14 (LZMA) is not supported",
    "deflate64": "compression method 9 (Deflate64) is not supported",
}


def read(path, piece):
    return subprocess.run([PROGRAM, path, str(piece)], stdout=subprocess.PIPE, text=True).stdout


def sample_archives():
    """Those that are checked in: see test/archives/make."""
    global passed, failed
    with open(os.path.join(SAMPLES, "contents")) as file:
        wanted = sorted(file.read().splitlines() + ["end"])
    names = sorted(name for name in os.listdir(SAMPLES) if name.endswith(".zip"))
    for name in names:
        got = [sorted(read(os.path.join(SAMPLES, name), piece).splitlines()) for piece in (1 << 20, 61, 1)]
        good = all(listing == wanted for listing in got)
        print("%s - sample %s" % ("ok" if good else "not ok", name))
        if not good:
            print("\n".join("# got: " + line for line in got[0]))
        passed += good
        failed += not good
    for name, words in REFUSED.items():
        got = read(os.path.join(SAMPLES, "refused", name + ".zip"), 4096)
        good = words in got and ".json.gz" in got
        print("%s - sample %s is refused" % ("ok" if good else "not ok", name))
        if not good:
            print("# got: " + got.strip())
        passed += good
        failed += not good
    if len(names) < 15:
        print("not ok - there are samples")
        failed += 1


def main():
    folder = tempfile.mkdtemp(prefix="adsexport-archives-")
    try:
        files = make_files()
        sample_archives()
        python_archives(folder, files)
        command_archives(folder, files)
        java_archives(folder, files)
    finally:
        shutil.rmtree(folder)
    print("1..%d" % (passed + failed + skipped))
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    return 1 if failed or not passed else 0


sys.exit(main())
