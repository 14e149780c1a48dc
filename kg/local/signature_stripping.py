"""Jars without their signatures.

Java checks the signature of a signed jar while it starts, which takes seconds, and keeps its
classes out of a start-up archive. The lock file's checksum has proved more by then, so the server
gets a copy without signatures. The copy has the same bytes on every machine, and is locked too:
entries in their order, not compressed, no times.
"""

import io
import re
import struct
import zipfile
import zlib

SIGNATURE = re.compile(r"META-INF/(?:SIG-[^/]*|[^/]*\.(?:SF|RSA|DSA|EC))", re.IGNORECASE)
MANIFEST = "META-INF/MANIFEST.MF"
VERSION, UTF8_NAMES, STORED = 20, 0x800, 0
TIME, DAY = 0, (2026 - 1980) << 9 | 1 << 5 | 1  # DOS format: midnight of 2026-01-01
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def is_signed(jar: bytes) -> bool:
    """Return whether the jar has signature files."""
    with zipfile.ZipFile(io.BytesIO(jar)) as archive:
        return any(SIGNATURE.fullmatch(name) for name in archive.namelist())


def strip_signatures(jar: bytes) -> bytes:
    """Return the jar without signature files and without the digests in its manifest."""
    content, directory, count = io.BytesIO(), io.BytesIO(), 0
    with zipfile.ZipFile(io.BytesIO(jar)) as archive:
        for entry in archive.infolist():
            if SIGNATURE.fullmatch(entry.filename):
                continue
            data = archive.read(entry)
            if entry.filename == MANIFEST:
                # The sections after the first contain the digests.
                data = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[0] + b"\r\n\r\n"
            name = entry.filename.encode()
            fields = struct.pack(
                "<HHHHHIIIHH",
                VERSION,
                UTF8_NAMES,
                STORED,
                TIME,
                DAY,
                zlib.crc32(data),
                len(data),
                len(data),
                len(name),
                0,
            )
            directory.write(
                CENTRAL
                + struct.pack("<H", VERSION)
                + fields
                + struct.pack("<HHHII", 0, 0, 0, 0, content.tell())
                + name
            )
            content.write(LOCAL + fields + name + data)
            count += 1
    start, size = content.tell(), directory.tell()
    end = END + struct.pack("<HHHHIIH", 0, 0, count, count, size, start, 0)
    return content.getvalue() + directory.getvalue() + end
