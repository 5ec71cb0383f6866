"""How one value of a valid image is changed, and all the images that mutate_inputs.py and fuzz.py change."""
import json
import re
import struct

import numpy as np

from seed_images import (IMAGEJ, OME, TWO, read_meta, read_nifti, read_npy, read_npz, read_nrrd, read_pictures, read_table, read_tiff,
                         read_zarr, read_zip, volume, write_meta, write_nifti, write_npy, write_npz, write_nrrd, write_pictures,
                         write_slices, write_table, write_tiff, write_zarr, write_zip)

NUMBERS = [0, 1, 2, 3, 5, 7, 8, 16, 17, 255, 256, 257, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1]
WORDS = ["", "0", "-1", "1", "2", "5", "6", "7", "999999999", "18446744073709551616", "NaN", "inf", "-inf", "1e400", "1e-400",
         "abc", "0x10", "1,5", "\u00b5m", "um", "nm", "pixel", "true", "\x00", " ", "../..", "\u2028", "a" * 5000]


class Seed:
    """A valid image: `write` makes it in a folder, `read` is how its library reads it, `mutate` changes one value."""

    def __init__(self, name, write, read, mutate, *options):
        self.name, self.write, self.read, self.mutate, self.options = name, write, read, mutate, options


def changed_number(value, rng, top=2**32):
    near = [value - 1, value + 1, value * 2, value // 2, -value, value ^ 1]
    return rng.choice([n for n in near + NUMBERS if n != value]) % top


def changed_word(text, rng):
    """A text with one number, or one word, of it changed."""
    tokens = list(re.finditer(r"[-+]?\d+(?:\.\d+)?|[A-Za-z_]+", text))
    if not tokens:
        return rng.choice(WORDS), "all"
    token = rng.choice(tokens)
    other = str(changed_number(int(token[0]), rng)) if token[0].isdigit() and rng.random() < 0.6 else rng.choice(WORDS)
    return text[:token.start()] + other + text[token.end():], f"{text[max(0, token.start() - 24):token.end()]!r}={other[:20]!r}"


# TIFF

class Tiff:
    """Where the entries of a file's directories lie."""

    def __init__(self, data):
        self.end = "<" if data[:2] == b"II" else ">"
        self.big = struct.unpack_from(self.end + "H", data, 2)[0] == 43
        self.word, self.entry = ("Q", 20) if self.big else ("I", 12)
        self.entries, self.links = [], [8 if self.big else 4]
        while True:
            (at,) = struct.unpack_from(self.end + self.word, data, self.links[-1])
            if at == 0 or at + 8 > len(data):
                break
            counter = "Q" if self.big else "H"
            (count,) = struct.unpack_from(self.end + counter, data, at)
            first = at + struct.calcsize(counter)
            self.entries += [first + i * self.entry for i in range(count)]
            self.links.append(first + count * self.entry)

    SIZES = {1: "B", 2: "B", 3: "H", 4: "I", 5: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}

    def values(self, data, at):
        """Place and form of the values of an entry."""
        code, kind = struct.unpack_from(self.end + "HH", data, at)
        (count,) = struct.unpack_from(self.end + self.word, data, at + 4)
        form = self.SIZES.get(kind, "B")
        inline = at + 4 + struct.calcsize(self.word)
        size = struct.calcsize(form) * count * (2 if kind == 5 else 1)
        if size <= struct.calcsize(self.word):
            return code, kind, count, inline, form
        return code, kind, count, struct.unpack_from(self.end + self.word, data, inline)[0], form


def mutate_tiff(path, rng):
    if path.is_dir():
        path = rng.choice(sorted(path.iterdir()))
    data = bytearray(path.read_bytes())
    tiff = Tiff(data)
    # The first directory more often than others.
    per_page = len(tiff.entries) // max(1, len(tiff.links) - 1)
    at = rng.choice(tiff.entries[:per_page] if rng.random() < 0.6 else tiff.entries)
    code, kind, count, place, form = tiff.values(data, at)
    what = rng.choice(["value"] * 8 + ["code", "kind", "count", "next", "head"])
    where = "" if at in tiff.entries[:per_page] else " of a later page"
    label = f"tag {code} {what}{where}"
    if what == "value" and kind == 2:
        text, token = changed_word(bytes(data[place:place + count]).rstrip(b"\0").decode("utf-8", "replace"), rng)
        new = text.encode("utf-8")[: max(0, 60000)] + b"\0"
        if len(new) > count:
            place = len(data)
            data += new + b"\0" * (len(new) % 2)
            struct.pack_into(tiff.end + tiff.word, data, at + 4 + struct.calcsize(tiff.word), place)
        else:
            data[place:place + count] = new.ljust(count, b"\0")
            new = data[place:place + count]
        struct.pack_into(tiff.end + tiff.word, data, at + 4, len(new))
        label += f" {token}"
    elif what == "value":
        many = count * (2 if kind == 5 else 1)
        spot = place + struct.calcsize(form) * rng.randrange(min(many, 8))
        (old,) = struct.unpack_from(tiff.end + form, data, spot)
        if form in "fd":
            new = rng.choice([0.0, -1.0, float("nan"), float("inf"), 1e30])
            struct.pack_into(tiff.end + form, data, spot, new)
        else:
            bits = 8 * struct.calcsize(form)
            new = changed_number(int(old), rng, 2**bits)
            data[spot:spot + bits // 8] = new.to_bytes(bits // 8, "little" if tiff.end == "<" else "big")
        label += f"={old}->{new}"
    elif what == "code":
        new = rng.choice([code + 1, code - 1, 254, 256, 258, 259, 262, 270, 277, 282, 284, 317, 320, 322, 330, 338, 339, 32997, 33629, 34412, 50838, 65535]) % 65536
        struct.pack_into(tiff.end + "H", data, at, new)
        label += f"={new}"
    elif what == "kind":
        new = rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 18, 99])
        struct.pack_into(tiff.end + "H", data, at + 2, new)
        label += f"={new}"
    elif what == "count":
        new = changed_number(count, rng)
        struct.pack_into(tiff.end + tiff.word, data, at + 4, new)
        label += f"={new}"
    elif what == "next":
        link = rng.choice(tiff.links)
        (old,) = struct.unpack_from(tiff.end + tiff.word, data, link)
        firsts = [struct.unpack_from(tiff.end + tiff.word, data, l)[0] for l in tiff.links[:-1]]
        new = rng.choice(firsts + [0, 1, 7, len(data) - 1, len(data) + 10, old + 1, old + 12, 2**32 - 2])
        struct.pack_into(tiff.end + tiff.word, data, link, new)
        label = f"link to directory {tiff.links.index(link)}={old}->{new}"
    else:
        spot = rng.randrange(8)
        data[spot] = rng.choice([0, 1, 42, 43, 73, 77, 255, data[spot] ^ 1])
        label = f"head byte {spot}={data[spot]}"
    path.write_bytes(data)
    return label


# JSON

JSON_VALUES = [None, True, False, 0, -1, 1, 2, 3, 5, 6, 7, 10, 1e308, 2**31, 2**53 + 1, 2**64, 0.5, "", "0", "NaN", "abc", "C", "F", "/", ".", [], [1], [0, 0, 0], {}, "micrometer", "<u1", "|b1", "uint8", "float64", ">f8"]


def changed_json(document, rng):
    """Changes one value, or takes one away. The label names its path."""
    places = []

    def walk(value, path):
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in items:
            places.append((value, key, path + [str(key)]))
            walk(inner, path + [str(key)])
    walk(document, [])
    holder, key, path = rng.choice(places)
    old = holder[key]
    if rng.random() < 0.1:
        del holder[key]
        return "/".join(path) + " taken away"
    if isinstance(old, bool) or not isinstance(old, (int, float)) or rng.random() < 0.4:
        new = rng.choice([v for v in JSON_VALUES if v != old or type(v) is not type(old)])
    else:
        new = rng.choice([old + 1, old - 1, old * 2, -old, old * 1000000, float(old), str(old)])
    holder[key] = new
    return "/".join(path) + f"={new!r}"[:60]


def mutate_json(path, rng):
    files = [p for p in sorted(path.rglob("*")) if p.name in (".zarray", ".zattrs", ".zgroup", "zarr.json", "attributes.json")]
    file = rng.choice(files)
    document = json.loads(file.read_text())
    if not document:
        document = {"zarr_format": 2}
    label = changed_json(document, rng)
    file.write_text(json.dumps(document))
    return f"{file.relative_to(path)} {label}"


# Files with a header of fixed or textual form.

def mutate_text_header(limit):
    """Changes one number or word of the first bytes, which are text; what follows stays."""
    def mutate(path, rng):
        data = path.read_bytes()
        end = limit(data)
        text, label = changed_word(data[:end].decode("latin-1"), rng)
        path.write_bytes(text.encode("utf-8") + data[end:])
        return label
    return mutate


def mutate_npy(path, rng):
    data = bytearray(path.read_bytes())
    if rng.random() < 0.15:
        spot = rng.randrange(10)
        data[spot] = rng.choice([0, 1, 2, 3, 255, data[spot] ^ 1])
        path.write_bytes(data)
        return f"byte {spot}={data[spot]}"
    length = struct.unpack_from("<H", data, 8)[0]
    text, label = changed_word(bytes(data[10:10 + length]).decode("latin-1"), rng)
    text = text.rstrip("\n ")
    header = text.encode("utf-8") + b" " * max(0, length - 1 - len(text.encode("utf-8"))) + b"\n"
    path.write_bytes(bytes(data[:8]) + struct.pack("<H", min(len(header), 65535)) + header + bytes(data[10 + length:]))
    return label


def mutate_bytes(first, last):
    """Changes one byte, or a number of two or four, between two places."""
    def mutate(path, rng):
        if path.is_dir():
            path = rng.choice(sorted(path.iterdir()))
        data = bytearray(path.read_bytes())
        size = rng.choice([1, 1, 2, 4])
        low = first if first >= 0 else max(0, len(data) + first)
        high = min(last if last else len(data), len(data)) - size
        spot = rng.randrange(low, max(high, low + 1))
        old = int.from_bytes(data[spot:spot + size], "little")
        new = changed_number(old, rng, 256**size)
        data[spot:spot + size] = new.to_bytes(size, "little")
        path.write_bytes(data)
        return f"bytes {spot}:{spot + size}={old}->{new}"
    return mutate


# NIfTI-1: the fields that say what the file holds, by place and form.
NIFTI = {"sizeof_hdr": (0, "i"), "datatype": (70, "h"), "bitpix": (72, "h"), "vox_offset": (108, "f"), "scl_slope": (112, "f"),
         "scl_inter": (116, "f"), "xyzt_units": (123, "B"), "qform_code": (252, "h"), "sform_code": (254, "h"), "magic": (344, "B")}
NIFTI |= {f"dim{n}": (40 + 2 * n, "h") for n in range(8)} | {f"pixdim{n}": (76 + 4 * n, "f") for n in range(8)}
NIFTI |= {f"quatern{n}": (256 + 4 * n, "f") for n in range(6)} | {f"srow{n}": (280 + 4 * n, "f") for n in range(12)}


def mutate_nifti(path, rng):
    import gzip
    packed = path.name.endswith(".gz")
    data = bytearray(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    name, (at, form) = rng.choice(list(NIFTI.items()))
    (old,) = struct.unpack_from("<" + form, data, at)
    if form == "f":
        new = rng.choice([0.0, 1.0, -1.0, 2.0, -old, float("nan"), float("inf"), 1e30, 352.5, 1e-30])
        struct.pack_into("<f", data, at, new)
    else:
        bits = 8 * struct.calcsize(form)
        new = changed_number(int(old), rng, 2**bits)
        data[at:at + bits // 8] = new.to_bytes(bits // 8, "little")
    path.write_bytes(gzip.compress(bytes(data)) if packed else bytes(data))
    return f"{name}={old}->{new}"


def end_of_blank_line(data):
    return data.index(b"\n\n") if b"\n\n" in data else len(data)


def end_of_meta(data):
    at = data.index(b"ElementDataFile")
    return data.index(b"\n", at)


SEEDS = [
    Seed("tiff-plain", write_tiff(metadata=None), read_tiff, mutate_tiff),
    Seed("tiff-shaped", write_tiff(), read_tiff, mutate_tiff),
    Seed("tiff-imagej", write_tiff(**IMAGEJ), read_tiff, mutate_tiff),
    Seed("tiff-hyperstack", write_tiff(TWO.swapaxes(0, 1), imagej=True, metadata={"axes": "ZCYX"}), read_tiff, mutate_tiff, "--channel", "1"),
    Seed("tiff-ome", write_tiff(name="image.ome.tif", **OME), read_tiff, mutate_tiff),
    Seed("tiff-ome-channels", write_tiff(TWO, name="image.ome.tif", metadata={"axes": "CZYX"}), read_tiff, mutate_tiff, "--channel", "1"),
    Seed("tiff-big", write_tiff(bigtiff=True), read_tiff, mutate_tiff),
    Seed("tiff-big-endian", write_tiff(volume("float32"), byteorder=">", metadata=None), read_tiff, mutate_tiff),
    Seed("tiff-tiled", write_tiff(volume(shape=(2, 40, 50)), tile=(16, 16), compression="deflate", predictor=True), read_tiff, mutate_tiff),
    Seed("tiff-lzw", write_tiff(compression="lzw", rowsperstrip=4, metadata=None), read_tiff, mutate_tiff),
    Seed("tiff-zstd", write_tiff(volume("uint8"), compression="zstd", metadata=None), read_tiff, mutate_tiff),
    Seed("tiff-packbits", write_tiff(volume("uint8"), compression="packbits", metadata=None), read_tiff, mutate_tiff),
    Seed("tiff-slices", write_slices, read_tiff, mutate_tiff),
    Seed("zarr-v2", write_zarr(chunks=(3, 5, 6), zarr_format=2), read_zarr, mutate_json),
    Seed("zarr-v2-raw", write_zarr(volume("float32"), chunks=(3, 5, 6), zarr_format=2, compressors=None, order="F"), read_zarr, mutate_json),
    Seed("zarr-v3", write_zarr(chunks=(3, 5, 6), zarr_format=3), read_zarr, mutate_json),
    Seed("zarr-v3-sharded", write_zarr(volume("int8"), chunks=(3, 5, 6), shards=(6, 5, 12), zarr_format=3), read_zarr, mutate_json),
    Seed("zarr-ome-04", write_zarr(ome="0.4", zarr_format=2), read_zarr, mutate_json),
    Seed("zarr-ome-05", write_zarr(ome="0.5", zarr_format=3), read_zarr, mutate_json),
    Seed("zarr-zip", write_zip, read_zip, mutate_bytes(-600, 0)),
    Seed("npy", write_npy(), read_npy, mutate_npy),
    Seed("npy-fortran", write_npy(np.asfortranarray(volume("float16"))), read_npy, mutate_npy),
    Seed("npz", write_npz, read_npz, mutate_bytes(-200, 0)),
    Seed("nifti", write_nifti("image.nii"), read_nifti, mutate_nifti),
    Seed("nifti-gz", write_nifti("image.nii.gz"), read_nifti, mutate_nifti),
    Seed("nrrd", write_nrrd("raw"), read_nrrd, mutate_text_header(end_of_blank_line)),
    Seed("nrrd-gzip", write_nrrd("gzip"), read_nrrd, mutate_text_header(end_of_blank_line)),
    Seed("nrrd-detached", write_nrrd("raw", "image.nhdr"), read_nrrd, mutate_text_header(end_of_blank_line)),
    Seed("metaimage", write_meta("image.mha"), read_meta, mutate_text_header(end_of_meta)),
    Seed("metaimage-detached", write_meta("image.mhd"), read_meta, mutate_text_header(end_of_meta)),
    Seed("png", write_pictures("png"), read_pictures, mutate_bytes(0, 60)),
    Seed("bmp", write_pictures("bmp"), read_pictures, mutate_bytes(0, 70)),
    Seed("table", write_table, read_table, mutate_text_header(len)),
]
