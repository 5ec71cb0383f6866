"""Small valid images of every format, and how their own libraries read them, for mutate_inputs.py and fuzz.py."""
import csv
import itertools
import re
import shutil
import zipfile

import numpy as np

SHAPE = (6, 10, 12)


def volume(dtype="uint16", shape=SHAPE):
    """Values that differ from voxel to voxel, with zeros among them."""
    z, y, x = np.indices(shape)
    values = (z * 37 + y * 11 + x * 3) % 97
    return np.where((z + y + x) % 3 == 0, 0, values).astype(dtype)


def write_tiff(array=None, name="image.tif", **options):
    def write(folder):
        import tifffile
        path = folder / name
        tifffile.imwrite(path, volume() if array is None else array, **options)
        return path
    return write


def read_tiff(path):
    import tifffile
    if path.is_dir():
        files = sorted(path.iterdir(), key=lambda p: [int(n) for n in re.findall(r"\d+", p.name)])
        return np.stack([tifffile.imread(file) for file in files]), None
    with tifffile.TiffFile(path) as file:
        if len(file.series) > 1:
            raise ValueError("several series")
        series = file.series[0]
        array, axes = series.asarray(), series.get_axes(squeeze=False)
        array = array.reshape(series.get_shape(squeeze=False))
    for axis in "CT":
        if axis in axes and array.shape[axes.index(axis)] > 1 and axis == "C":
            array, axes = array.take(1, axes.index(axis)), axes.replace(axis, "")
    keep = [i for i, axis in enumerate(axes) if axis in "YX" or array.shape[i] > 1]
    if len(keep) > 3:
        raise ValueError(f"axes {axes}")
    return array.reshape([array.shape[i] for i in keep]), None


def write_slices(folder):
    import tifffile
    path = folder / "slices"
    path.mkdir()
    for z, plane in enumerate(volume()):
        tifffile.imwrite(path / f"slice_{z:03}.tif", plane)
    return path


def write_zarr(array=None, ome=None, **options):
    def write(folder):
        import zarr
        values = volume() if array is None else array
        path = folder / "image.zarr"
        if ome is None:
            stored = zarr.create_array(str(path), shape=values.shape, dtype=values.dtype, **options)
            stored[:] = values
            return path
        group = zarr.open_group(str(path), mode="w", zarr_format=options["zarr_format"])
        for level, step in enumerate([1, 2]):
            part = values[:, ::step, ::step]
            stored = group.create_array(str(level), shape=part.shape, dtype=values.dtype, chunks=(3, 5, 6), **({"chunk_key_encoding": {"name": "v2", "separator": "/"}} if options["zarr_format"] == 2 else {}))
            stored[:] = part
        axes = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
        scale = lambda f: [{"type": "scale", "scale": [2.0, 0.5 * f, 0.25 * f]}]
        multiscales = [{"axes": axes, "name": "image", "datasets": [{"path": str(n), "coordinateTransformations": scale(f)} for n, f in enumerate([1, 2])]}]
        group.attrs.update({"multiscales": [{**multiscales[0], "version": "0.4"}]} if ome == "0.4" else {"ome": {"version": ome, "multiscales": multiscales}})
        return path
    return write


def read_zarr(path):
    import zarr
    node = zarr.open(str(path), mode="r")
    if isinstance(node, zarr.Array):
        return squeezed(node[...]), None
    image = (node.attrs.get("ome") or node.attrs)["multiscales"][0]
    level = image["datasets"][0]
    array = node[level["path"]]
    scale = np.ones(array.ndim)
    for step in level["coordinateTransformations"] + image.get("coordinateTransformations", []):
        if step["type"] == "scale":
            scale = scale * np.array(step["scale"], float)
    names = [axis["name"] for axis in image["axes"]]
    if names != ["z", "y", "x"]:
        raise ValueError(f"axes {names}")
    return array[...], scale


def squeezed(array):
    array = np.asarray(array)
    while array.ndim > 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim not in (2, 3):
        raise ValueError(f"shape {array.shape}")
    return array


def write_npy(array=None, **options):
    def write(folder):
        np.save(folder / "image.npy", volume() if array is None else array)
        return folder / "image.npy"
    return write


def read_npy(path):
    return squeezed(np.load(path, allow_pickle=False)), None


def write_npz(folder):
    np.savez_compressed(folder / "image.npz", image=volume())
    return folder / "image.npz"


def read_npz(path):
    with np.load(path, allow_pickle=False) as found:
        if len(found.files) != 1:
            raise ValueError("several arrays")
        return squeezed(found[found.files[0]]), None


def write_zip(folder):
    write_zarr(chunks=(3, 5, 6), zarr_format=2)(folder)
    path = folder / "image.zarr.zip"
    with zipfile.ZipFile(path, "w") as target:
        for file in sorted((folder / "image.zarr").rglob("*")):
            if file.is_file():
                target.write(file, str(file.relative_to(folder / "image.zarr")))
    shutil.rmtree(folder / "image.zarr")
    return path


def read_zip(path):
    import zarr
    return zarr.open(zarr.storage.ZipStore(str(path), mode="r"), mode="r")[...], None


def write_nifti(name):
    def write(folder):
        import nibabel
        image = nibabel.Nifti1Image(volume("int16").T, np.diag([0.25, 0.5, 2.0, 1.0]))
        image.header.set_xyzt_units("mm")
        nibabel.save(image, str(folder / name))
        return folder / name
    return write


def read_nifti(path):
    import nibabel
    image = nibabel.load(str(path))
    array = np.asanyarray(image.dataobj)
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    zooms = image.header.get_zooms()[:array.ndim]
    return squeezed(array.T), [abs(float(z)) for z in zooms[::-1]]


def write_nrrd(encoding, name="image.nrrd"):
    def write(folder):
        import nrrd
        header = {"spacings": [2.0, 0.5, 0.25], "encoding": encoding, "units": ["mm"] * 3}
        header["spacings"] = header["spacings"][::-1]
        detached = name.endswith(".nhdr")
        nrrd.write(str(folder / name), volume(), header, detached_header=detached, index_order="C")
        return folder / name
    return write


def read_nrrd(path):
    import nrrd
    array, header = nrrd.read(str(path), index_order="C")
    spacing = header.get("spacings")
    return squeezed(array), None if spacing is None or np.isnan(spacing).any() else [abs(s) for s in spacing[::-1]]


def write_meta(name):
    def write(folder):
        import SimpleITK
        image = SimpleITK.GetImageFromArray(volume())
        image.SetSpacing([0.25, 0.5, 2.0])
        SimpleITK.WriteImage(image, str(folder / name))
        return folder / name
    return write


def read_meta(path):
    import SimpleITK
    image = SimpleITK.ReadImage(str(path))
    return squeezed(SimpleITK.GetArrayFromImage(image)), list(image.GetSpacing())[::-1]


def write_pictures(form):
    def write(folder):
        from PIL import Image
        path = folder / "slices"
        path.mkdir()
        for z, plane in enumerate(volume("uint8")):
            Image.fromarray(plane).save(path / f"slice_{z:03}.{form}")
        return path
    return write


def read_pictures(path):
    from PIL import Image
    files = sorted(path.iterdir())
    planes = [np.asarray(Image.open(file)) for file in files]
    return np.stack(planes), None


# Tables of tiles: tiles at whole numbers, the largest value where they overlap.

def write_table(folder):
    import tifffile
    image = volume(shape=(1, 20, 30))[0]
    rows = ["path,y,x"]
    for y, x in itertools.product([0, 8], [0, 9, 18]):
        tifffile.imwrite(folder / f"tile_{y}_{x}.tif", image[y:y + 12, x:x + 12])
        rows.append(f"tile_{y}_{x}.tif,{y},{x}")
    (folder / "tiles.csv").write_text("\n".join(rows) + "\n")
    return folder / "tiles.csv"


def read_table(path):
    import tifffile
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    tiles = []
    for row in rows:
        y, x = float(row["y"]), float(row["x"])
        if y % 1 or x % 1 or set(row) != {"path", "y", "x"}:
            raise ValueError("not on whole pixels")
        tiles.append((int(y), int(x), tifffile.imread(path.parent / row["path"])))
    top, left = min(t[0] for t in tiles), min(t[1] for t in tiles)
    shape = max(t[0] + t[2].shape[0] for t in tiles) - top, max(t[1] + t[2].shape[1] for t in tiles) - left
    if np.prod(shape) > 1e7:
        raise ValueError("too large")
    canvas = np.zeros(shape, "uint16")
    for y, x, tile in tiles:
        part = canvas[y - top:, x - left:][:tile.shape[0], :tile.shape[1]]
        np.maximum(part, tile, out=part)
    return canvas, None


IMAGEJ = {"imagej": True, "resolution": (4, 2), "metadata": {"axes": "ZYX", "spacing": 2.0, "unit": "um"}}
OME = {"metadata": {"axes": "ZYX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0}}
TWO = np.stack([volume(), volume()[:, ::-1]])
