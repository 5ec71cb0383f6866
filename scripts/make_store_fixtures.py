"""Writes the stored images in tests/fixtures/stores, with the libraries that microscopists write them with.

    python scripts/make_store_fixtures.py [FOLDER]

Made with zarr 3.1.6, numcodecs 0.16.6, tifffile 2026.3.3, Pillow 13.0.0 and NumPy 2.4.6. The tests compute the
expected values by the same formula: see `value` here and `expected` in src/store/fixtures.rs.
"""

import shutil
import sys
from pathlib import Path

import numcodecs
import numpy as np
import tifffile
import zarr
from PIL import Image, TiffImagePlugin
from zarr.codecs import BloscCodec, ZstdCodec

SHAPE = (5, 12, 14)


def value(shape, dtype, image=0):
    """100 z + 10 y + x + 7 image in the type: minus 300 where it has a sign, a quarter of it in floats, modulo 251 in
    uint8, whether it is a multiple of three in bool."""
    z, y, x = np.indices(shape)
    v = 100 * z + 10 * y + x + 7 * image
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return v % 3 == 0
    if dtype.kind == "f":
        return ((v - 300) / 4).astype(dtype)
    if dtype.kind == "i":
        return (v - 300).astype(dtype)
    return (v % 251 if dtype.itemsize == 1 else v).astype(dtype)


def zarrs(folder):
    def v2(name, dtype, **options):
        array = zarr.create_array(folder / name, shape=SHAPE, dtype=dtype, zarr_format=2, **options)
        array[:] = value(SHAPE, dtype)

    v2("v2_blosc.zarr", ">u2", chunks=(3, 5, 6), compressors=numcodecs.Blosc("lz4", shuffle=1))
    v2("v2_gzip_f.zarr", "<i2", chunks=(5, 12, 7), compressors=numcodecs.GZip(5), order="F",
       chunk_key_encoding={"name": "v2", "separator": "/"})
    v2("v2_raw.zarr", "|b1", chunks=(5, 6, 14), compressors=None)

    # One shard and one inner chunk are missing: planes 4.. of rows ..8, and the first eight columns of planes 2..4.
    array = zarr.create_array(folder / "v3_sharded.zarr", shape=SHAPE, dtype="uint16", chunks=(2, 4, 8),
                              shards=(4, 8, 16), compressors=ZstdCodec(), fill_value=9,
                              config={"write_empty_chunks": False})
    values = value(SHAPE, "uint16")
    values[4:, :8] = 9
    values[2:4, :4, :8] = 9
    array[:] = values

    array = zarr.create_array(folder / "v3_blosc_2d.zarr", shape=SHAPE[1:], dtype="float32", chunks=(5, 6),
                              compressors=BloscCodec(cname="zstd"))
    array[:] = value((1, *SHAPE[1:]), "float32")[0]

    for name, version in (("ome04.zarr", "0.4"), ("ome05.zarr", "0.5")):
        zarr_format = 2 if version == "0.4" else 3
        group = zarr.create_group(folder / name, zarr_format=zarr_format)
        encoding = {"name": "v2" if zarr_format == 2 else "default", "separator": "/"}
        array = group.create_array("0", shape=(2, 3, *SHAPE), dtype="int32", chunks=(1, 2, 5, 12, 14),
                                   chunk_key_encoding=encoding)
        for t in range(2):
            for c in range(3):
                array[t, c] = value(SHAPE, "int32", image=3 * t + c)
        axes = [{"name": "t", "type": "time", "unit": "second"}, {"name": "c", "type": "channel"}]
        axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]
        datasets = [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2.0, 0.5, 0.25]}]}]
        multiscale = {"axes": axes, "datasets": datasets,
                      "coordinateTransformations": [{"type": "scale", "scale": [30, 1, 1, 1, 2]}]}
        if version == "0.4":
            group.attrs["multiscales"] = [{"version": version, **multiscale}]
        else:
            group.attrs["ome"] = {"version": version, "multiscales": [multiscale]}


def tiffs(folder):
    imagej = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(folder / "imagej.tif", value(SHAPE, "uint16"), imagej=True, resolution=(4, 2), metadata=imagej)
    hyperstack = np.stack([[value((1, 12, 14), "uint16", image=3 * z + c)[0] for c in range(3)]
                           for z in range(2)])
    tifffile.imwrite(folder / "imagej_hyperstack.tif", hyperstack, imagej=True, metadata={"axes": "ZCYX"})
    ome = {"axes": "ZYX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}
    ome |= {f"PhysicalSize{a}Unit": "µm" for a in "XYZ"}
    tifffile.imwrite(folder / "image.ome.tif", value(SHAPE, "float32"), ome=True, metadata=ome)
    tifffile.imwrite(folder / "big_endian.tif", value(SHAPE, "int16"), byteorder=">", metadata=None)
    tifffile.imwrite(folder / "bigtiff.tif", value(SHAPE, "float64"), bigtiff=True, metadata=None, photometric="minisblack")
    tifffile.imwrite(folder / "tiled_deflate.tif", value((2, 40, 50), "uint32"), tile=(16, 32), compression="zlib",
                     metadata=None, photometric="minisblack", byteorder=">")
    tifffile.imwrite(folder / "dpi.tif", value((1, 12, 14), "uint8")[0], resolution=(300, 300), resolutionunit=2,
                     metadata=None)
    TiffImagePlugin.STRIP_SIZE = 28 * 5
    pages = [Image.fromarray(page) for page in value(SHAPE, "uint16")]
    pages[0].save(folder / "strips_lzw.tif", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    pages = [Image.fromarray(page) for page in value(SHAPE, "bool")]
    pages[0].save(folder / "bits_packbits.tif", save_all=True, append_images=pages[1:], compression="packbits")
    slices = folder / "slices"
    slices.mkdir()
    for z, page in enumerate(value((11, 6, 7), "uint8")):
        tifffile.imwrite(slices / f"slice_{z}.tif", page, metadata=None)
    (slices / "notes.txt").write_text("Slices come in the order of their numbers.\n")


def npys(folder):
    np.save(folder / "c_i4.npy", value(SHAPE, "<i4"))
    np.save(folder / "f_f8.npy", np.asfortranarray(value(SHAPE, "<f8")))
    np.save(folder / "be_2d.npy", value((1, 12, 14), ">u2")[0])
    np.save(folder / "bool.npy", value(SHAPE, "bool"))


def main():
    default = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "stores"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    zarrs(folder)
    tiffs(folder)
    npys(folder)


if __name__ == "__main__":
    main()
