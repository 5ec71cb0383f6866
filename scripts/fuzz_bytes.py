"""How fuzz.py changes bytes, without regard to what they mean, and what it puts in the place of files."""
import gzip
import os
import re
import shutil
import struct
import zlib

# What stands for a number in text.
WORDS = ["", "0", "-1", "-0", "1", "2", "0.5", "1e308", "-1e308", "1e-320", "1e154", "1e999", "nan", "inf", "-inf", "NaN", "null", "2147483647",
         "2147483648", "4294967295", "4294967296", "9007199254740993", "9223372036854775807", "9223372036854775808",
         "18446744073709551615", "18446744073709551616", "1" * 400, "0." + "3" * 400, "1e999999999999", "0x10", "1_000", "1,5", " 1",
         "[]", "{}", "\"\"", "true", "[" * 3000, "\u0661", "a" * 70000]
# Extremes of whole numbers and floats, put at aligned places.
PATTERNS = [value.to_bytes(size, order, signed=value < 0)
            for size in (1, 2, 4, 8) for order in ("little", "big")
            for value in (0, 1, 2**(8 * size - 1) - 1, -2**(8 * size - 1), -1, -2, 256 if size > 1 else 64, 65536 if size > 2 else 3)]
PATTERNS += [struct.pack(order + form, value) for order in "<>" for form in "fd"
             for value in (float("nan"), float("inf"), float("-inf"), -1.0, 1e38, -0.0, 1e-40)]
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def place(data, rng):
    """A place in a file: its ends, where headers and indexes lie, more often than its middle."""
    end = rng.choice([64, 600, len(data)])
    at = rng.randrange(max(1, min(end, len(data))))
    return at if rng.random() < 0.6 else max(0, len(data) - 1 - at)


def change_once(data, rng, other):
    """Bytes with one change, and what it is. `other` is a valid file of any kind."""
    kind = rng.choice(["flip", "flip", "run", "delete", "insert", "cut", "double", "splice", "number", "number", "number", "extreme", "extreme"])
    at = place(data, rng) if data else 0
    length = rng.choice([1, 1, 2, 4, 8, 16, rng.randrange(1, 300)])
    if kind == "flip":
        bits = rng.choice([1, 1, 1, 2, 8])
        for _ in range(bits):
            at = place(data, rng) if data else 0
            data = data[:at] + bytes(byte ^ 1 << rng.randrange(8) for byte in data[at:at + 1]) + data[at + 1:]
        return data, f"{bits} bits, one at {at}"
    if kind == "run":
        byte = rng.choice([0, 255])
        return data[:at] + bytes([byte]) * min(length, len(data) - at) + data[at + length:], f"{length} times {byte} at {at}"
    if kind == "delete":
        return data[:at] + data[at + length:], f"{length} gone at {at}"
    if kind == "insert":
        return data[:at] + rng.choice([rng.randbytes(length), b"\0" * length, b"\n", b"\r\n", b"\xff\xfe", b"\xef\xbb\xbf", b"\""]) + data[at:], f"inserted at {at}"
    if kind == "cut":
        return data[:at], f"cut at {at}"
    if kind == "double":
        to = place(data, rng) if data else 0
        return data[:to] + data[at:at + length * 4] + data[to:], f"{length * 4} from {at} again at {to}"
    if kind == "splice":
        to = place(other, rng) if other else 0
        return data[:at] + other[to:], f"from {at} on another file from {to} on"
    found = list(NUMBER.finditer(data[:200_000])) if kind == "number" else []
    if found:
        number, word = rng.choice(found), rng.choice(WORDS).encode()
        is_text = b"\0" not in data[:1000] and b"\0" not in data[-200:]
        if not is_text:
            # All else stays where it is.
            word = word[:len(number[0])].ljust(len(number[0]))
        return data[:number.start()] + word + data[number.end():], f"{number[0][:20]!r} at {number.start()} is {word[:24]!r}"
    pattern = rng.choice(PATTERNS)
    at -= at % len(pattern)
    return data[:at] + pattern + data[at + len(pattern):], f"{pattern.hex()} at {at}"


def changed(data, rng, other):
    """Bytes with a few changes, inside of what is compressed or checked as a whole where that can be made anew."""
    labels = []
    packed = data[:2] == b"\x1f\x8b" and rng.random() < 0.6
    if packed:
        data = gzip.decompress(data)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        data, label = change_once(data, rng, other)
        labels.append(label)
    if packed:
        data = gzip.compress(data[:1 << 20], 1)
        labels.append("packed again")
    if data[:8] == b"\x89PNG\r\n\x1a\n" and rng.random() < 0.6:
        data = checked_png(data)
    if rng.random() < 0.5 and is_shard(data):
        data = checked_shard(data)
    return data, "; ".join(labels)


def checked_png(data):
    """A PNG file with the checksums of its parts made right."""
    made, at = data[:8], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        body = data[at + 4:at + 8 + length]
        made += data[at:at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return made


def crc32c(data):
    value = 0xffffffff
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
    return value ^ 0xffffffff


def is_shard(data):
    """Whether a small file may be a shard of Zarr of which each part lies inside: an index with its checksum ends it."""
    return len(data) < 5000 and data[:4] == b"\x28\xb5\x2f\xfd" and data.count(b"\x28\xb5\x2f\xfd") > 1


def checked_shard(data, parts=4):
    """A shard whose index has the right checksum."""
    index = data[-(16 * parts + 4):-4]
    return data[:-4] + struct.pack("<I", crc32c(index))


SUFFIXES = [".tif", ".ome.tif", ".zarr", ".zarr.zip", ".npy", ".npz", ".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".png", ".jpg", ".bmp", ".csv",
            ".txt", ".zip", ".raw", "", ".\u00e9", ".TIF"]


def replace_file(path, rng):
    """Puts something else in a file's place. Returns its path now, and what was done."""
    kind = rng.choice(["folder", "pipe", "loop", "dangling", "empty", "device", "renamed", "renamed", "gone", "socket", "itself inside"])
    if kind == "renamed":
        stem = path.name.split(".")[0] or "hidden"
        to = path.with_name(stem + rng.choice(SUFFIXES))
        if to != path and not to.exists():
            path.rename(to)
        return to, f"{path.name} renamed to {to.name}"
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "empty":
        path.touch()
    elif kind == "device":
        path.symlink_to(rng.choice(["/dev/zero", "/dev/null", "/dev/tty"]))
    elif kind == "socket":
        os.mknod(path, 0o140600)
    elif kind == "itself inside":
        path.mkdir()
        (path / path.name).symlink_to("..")
    return path, f"{path.name}: {kind}"


def files_of(path):
    return [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())


def change_file(path, rng, others):
    """Changes the bytes of one file of an image or a folder, metadata more often than chunks."""
    files = files_of(path)
    if not files:
        return "nothing to change"
    heads = [p for p in files if p.suffix in (".json", ".csv", ".txt") or p.name.startswith(".z")]
    file = rng.choice(heads) if heads and rng.random() < 0.6 else rng.choice(files)
    data, label = changed(file.read_bytes(), rng, rng.choice(others))
    file.write_bytes(data)
    return f"{file.name}: {label}"
