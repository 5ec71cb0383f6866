//! TIFF files, and folders of them.

use std::path::Path;

use super::{Kind, SHAPE, file, values};

/// A directory of a file: tags with their type and values as little-endian bytes, and the pixels.
#[derive(Clone, Default)]
struct Page {
    tags: Vec<(u16, u16, Vec<u8>)>,
    pixels: Vec<u8>,
    /// Whether the strip is said to be nowhere.
    sparse: bool,
}

const SHORT: u16 = 3;
const LONG: u16 = 4;

impl Page {
    /// A page of 16 bits, uncompressed, in one strip.
    fn plane(z: usize) -> Page {
        let [_, height, width] = SHAPE;
        let size = height * width;
        let pixels = values().skip(z * size).take(size).flat_map(u16::to_le_bytes).collect();
        let mut page = Page { pixels, ..Page::default() };
        for (tag, value) in [(256, width), (257, height), (258, 16), (259, 1), (262, 1), (277, 1), (278, height)] {
            page.set(tag, SHORT, &[value as u32]);
        }
        page
    }

    fn set(&mut self, tag: u16, kind: u16, values: &[u32]) {
        let bytes = values.iter().flat_map(|&v| match kind {
            SHORT => (v as u16).to_le_bytes().to_vec(),
            _ => v.to_le_bytes().to_vec(),
        });
        self.tags.retain(|(other, _, _)| *other != tag);
        self.tags.push((tag, kind, bytes.collect()));
    }

    /// The description, as bytes; a zero ends it.
    fn describe(mut self, text: impl AsRef<[u8]>) -> Page {
        self.tags.push((270, 2, [text.as_ref(), b"\0"].concat()));
        self
    }

    /// Pixels along x and y for each unit of the resolution: 4 and 2.
    fn resolved(mut self, unit: u32) -> Page {
        self.set(282, 5, &[4, 1]);
        self.set(283, 5, &[2, 1]);
        self.set(296, SHORT, &[unit]);
        self
    }

    fn with(mut self, tag: u16, kind: u16, values: &[u32]) -> Page {
        self.set(tag, kind, values);
        self
    }
}

/// The bytes of a little-endian file of pages.
fn tiff(pages: Vec<Page>) -> Vec<u8> {
    let mut bytes = b"II*\0\0\0\0\0".to_vec();
    let mut link = 4;
    for mut page in pages {
        let (mut strip, mut length) = (bytes.len() as u32, page.pixels.len() as u32);
        if page.sparse {
            (strip, length) = (0, 0);
        } else {
            bytes.append(&mut page.pixels);
        }
        page.set(273, LONG, &[strip]);
        page.set(279, LONG, &[length]);
        page.tags.sort_by_key(|(tag, _, _)| *tag);
        let mut entries = (page.tags.len() as u16).to_le_bytes().to_vec();
        for (tag, kind, values) in page.tags {
            let size = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8][usize::from(kind)];
            entries.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            entries.extend((values.len() as u32 / size).to_le_bytes());
            if values.len() <= 4 {
                entries.extend([&values[..], &[0; 4][values.len()..]].concat());
            } else {
                bytes.resize(bytes.len().next_multiple_of(2), 0);
                entries.extend((bytes.len() as u32).to_le_bytes());
                bytes.extend(values);
            }
        }
        entries.extend([0; 4]);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        let at = bytes.len() as u32;
        bytes[link..link + 4].copy_from_slice(&at.to_le_bytes());
        bytes.extend(entries);
        link = bytes.len() - 4;
    }
    bytes
}

/// A file of the three planes, the first of them changed.
fn stack(change: impl Fn(Page) -> Page) -> Vec<u8> {
    tiff((0..SHAPE[0]).map(|z| if z == 0 { change(Page::plane(z)) } else { Page::plane(z) }).collect())
}

/// What OME-XML says of the image.
fn ome(sizes: &str, more: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image
        ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="5" SizeY="4" {sizes}
        PhysicalSizeX="0.25" PhysicalSizeY="0.5" PhysicalSizeZ="2" {more}><TiffData/></Pixels></Image></OME>"#
    )
}

const FILE: &str = "TIFF";
const FOLDER: &str = "Folder of slices";

pub(super) fn kinds() -> Vec<Kind> {
    let kind = |form, example, found_by, options, write| Kind { form, example, found_by, options, write };
    vec![
        kind(FILE, "three pages without a description", "one page is one plane along z", &[], |at| {
            file(at, "image.tif", stack(|page| page))
        }),
        kind(FILE, "one page", "a page alone is a 2-D image", &[], |at| {
            file(at, "image.tif", tiff(vec![Page::plane(0)]))
        }),
        kind(
            FILE,
            "pages with a resolution in dots per inch",
            "not used: most writers leave 72 or 96 there",
            &[],
            |at| file(at, "image.tif", stack(|page| page.resolved(2))),
        ),
        kind(
            FILE,
            "ImageJ stack, `unit=um`, `spacing=2`",
            "the description begins with `ImageJ=`; the resolution tags are pixels a unit",
            &[],
            |at| {
                file(
                    at,
                    "image.tif",
                    stack(|page| page.describe("ImageJ=1.54f\nimages=3\nslices=3\nunit=um\nspacing=2\n").resolved(1)),
                )
            },
        ),
        kind(
            FILE,
            "ImageJ stack without `spacing`",
            "what the description has for some axes only is said and not used",
            &[],
            |at| {
                file(
                    at,
                    "image.tif",
                    stack(|page| page.describe("ImageJ=1.54f\nimages=3\nslices=3\nunit=um\n").resolved(1)),
                )
            },
        ),
        kind(FILE, "ImageJ, three channels", "`channels=3`", &[], |at| {
            file(at, "image.tif", stack(|page| page.describe("ImageJ=1.54f\nimages=3\nchannels=3\nmode=grayscale\n")))
        }),
        kind(FILE, "ImageJ, three channels", "`channels=3`", &["--channel", "1"], |at| {
            file(at, "image.tif", stack(|page| page.describe("ImageJ=1.54f\nimages=3\nchannels=3\nmode=grayscale\n")))
        }),
        kind(FILE, "ImageJ, a z-stack that was saved as a movie", "`frames=3`", &[], |at| {
            file(at, "image.tif", stack(|page| page.describe("ImageJ=1.54f\nimages=3\nframes=3\n")))
        }),
        kind(FILE, "ImageJ, a z-stack that was saved as a movie", "`frames=3`", &["--axes", "z,y,x"], |at| {
            file(at, "image.tif", stack(|page| page.describe("ImageJ=1.54f\nimages=3\nframes=3\n")))
        }),
        kind(FILE, "ImageJ, `images=9` and three pages", "pages are counted", &[], |at| {
            file(at, "image.tif", stack(|page| page.describe("ImageJ=1.54f\nimages=9\nslices=9\n")))
        }),
        kind(FILE, "OME-TIFF", "the description is OME-XML", &[], |at| {
            file(at, "image.ome.tif", stack(|page| page.describe(ome(r#"SizeZ="3" SizeC="1" SizeT="1""#, ""))))
        }),
        kind(
            FILE,
            "OME-TIFF, `PhysicalSizeZUnit=\"nm\"`",
            "units that differ are converted into micrometers",
            &[],
            |at| {
                let text = ome(r#"SizeZ="3" SizeC="1" SizeT="1""#, r#"PhysicalSizeZUnit="nm""#);
                file(at, "image.ome.tif", stack(|page| page.describe(&text)))
            },
        ),
        kind(
            FILE,
            "OME-TIFF of 12 planes, of which three are there",
            "`SizeZ`, `SizeC`, `SizeT` and the number of pages",
            &[],
            |at| file(at, "image.ome.tif", stack(|page| page.describe(ome(r#"SizeZ="12" SizeC="1" SizeT="1""#, "")))),
        ),
        kind(FILE, "OME-XML that is cut off", "a description that begins as XML has to be XML", &[], |at| {
            let text = ome(r#"SizeZ="3" SizeC="1" SizeT="1""#, "");
            file(at, "image.ome.tif", stack(|page| page.describe(&text[..text.len() - 40])))
        }),
        kind(FILE, "tifffile, `shape` in JSON", "the description is JSON with `shape`", &[], |at| {
            file(at, "image.tif", stack(|page| page.describe(r#"{"shape": [3, 4, 5]}"#)))
        }),
        kind(FILE, "tifffile, `shape` of six planes, three pages", "`shape` and the number of pages", &[], |at| {
            file(at, "image.tif", stack(|page| page.describe(r#"{"shape": [6, 4, 5]}"#)))
        }),
        kind(
            FILE,
            "ImageJ, `order=zct`, three channels of one plane",
            "`order`, `channels`, `slices`",
            &["--channel", "2"],
            |at| {
                let text = "ImageJ=1.54f\nimages=3\nchannels=3\nslices=1\nhyperstack=true\norder=zct\n";
                file(at, "image.tif", stack(|page| page.describe(text)))
            },
        ),
        kind(FILE, "ImageJ, signed values with 32,768 added", "`cf`, `c0` and `c1`", &[], |at| {
            let text =
                "ImageJ=1.54f\nimages=3\nslices=3\nunit=um\nspacing=2\ncf=0\nc0=-32768.0\nc1=1.0\nvunit=Gray Value\n";
            file(at, "image.tif", stack(|page| page.describe(text).resolved(1)))
        }),
        kind(FILE, "ImageJ, `zunit=pixel` beside `unit=um`", "a size in pixels is none", &[], |at| {
            let text = "ImageJ=1.54f\nimages=3\nslices=3\nunit=um\nzunit=pixel\nspacing=2\n";
            file(at, "image.tif", stack(|page| page.describe(text).resolved(1)))
        }),
        kind(FILE, "SCIFIO (ImageJ2, KNIME)", "`axes`, `lengths`, `scales` and `units`, fastest first", &[], |at| {
            let lists = "axes=X,Y,Z\nlengths=5,4,3\nscales=0.25,0.5,2.0\nunits=micron,micron,micron";
            let text = format!("SCIFIO=0.46.0\n{lists}\nimages=3\nslices=3\nunit=micron\n");
            file(at, "image.tif", stack(|page| page.describe(&text)))
        }),
        kind(FILE, "SCIFIO, channels slower than z", "the order of `axes`", &["--channel", "1"], |at| {
            let text = "SCIFIO=0.46.0\naxes=X,Y,Z,Channel\nlengths=5,4,1,3\nimages=3\nchannels=3\nslices=1\n";
            file(at, "image.tif", stack(|page| page.describe(text)))
        }),
        kind(FILE, "OME-TIFF of two images", "the number of `Image` elements with pixels", &[], |at| {
            let text = ome(r#"SizeZ="3" SizeC="1" SizeT="1""#, "");
            let image = &text[text.find("<Image").expect("one")..text.find("</OME>").expect("an end")];
            let text = text.replace("</OME>", &format!("{}</OME>", image.replace(":0", ":1")));
            file(at, "image.ome.tif", stack(|page| page.describe(&text)))
        }),
        kind(
            FILE,
            "white is zero",
            "`PhotometricInterpretation` is 0: values are as stored, as labels and numbers",
            &[],
            |at| file(at, "image.tif", stack(|page| page.with(262, SHORT, &[0]))),
        ),
        kind(FILE, "a reduced page in the chain", "`NewSubfileType` is 1: left out", &[], |at| {
            let mut small = Page::plane(1).with(254, LONG, &[1]).with(256, SHORT, &[2]).with(257, SHORT, &[2]).with(
                278,
                SHORT,
                &[2],
            );
            small.pixels.truncate(8);
            file(at, "image.tif", tiff(vec![Page::plane(0), small, Page::plane(1), Page::plane(2)]))
        }),
        kind(FILE, "a strip that is not there (offset 0, length 0)", "zeros, as GDAL writes it", &[], |at| {
            file(at, "image.tif", tiff(vec![Page::plane(0), Page { sparse: true, ..Page::plane(1) }, Page::plane(2)]))
        }),
        kind(FILE, "zstd", "`Compression`", &[], |at| {
            let packed = |z| {
                let mut page = Page::plane(z).with(259, SHORT, &[50000]);
                page.pixels = zstd::encode_all(&page.pixels[..], 0).expect("memory");
                page
            };
            file(at, "image.tif", tiff((0..3).map(packed).collect()))
        }),
        kind(FILE, "JPEG 2000", "`Compression`", &[], |at| {
            file(at, "image.tif", stack(|page| page.with(259, SHORT, &[33005])))
        }),
        kind(FILE, "colour (RGB)", "`SamplesPerPixel` is 3", &[], |at| {
            let mut page = Page::plane(0).with(277, SHORT, &[3]).with(262, SHORT, &[2]).with(258, SHORT, &[16; 3]);
            page.pixels = page.pixels.repeat(3);
            file(at, "image.tif", tiff(vec![page]))
        }),
        kind(FILE, "pages of two sizes", "each page is compared with the first", &[], |at| {
            let mut second = Page::plane(1).with(257, SHORT, &[2]).with(278, SHORT, &[2]);
            second.pixels.truncate(20);
            file(at, "image.tif", tiff(vec![Page::plane(0), second]))
        }),
        kind(
            FILE,
            "a strip that is shorter than its rows",
            "the lengths of strips, the rows and the file",
            &[],
            |at| {
                let mut page = Page::plane(0);
                page.pixels.truncate(20);
                file(at, "image.tif", tiff(vec![page]))
            },
        ),
        kind(FILE, "cut off in the middle", "where directories and strips lie", &[], |at| {
            let bytes = stack(|page| page);
            file(at, "image.tif", &bytes[..bytes.len() / 2])
        }),
        kind(FOLDER, "`slice_1.tif` to `slice_3.tif`", "the numbers in the names, one page a file", &[], slices),
        kind(FOLDER, "`a_DAPI.tif` and `a_GFP.tif`", "no numbers in the names", &[], |at| {
            file(at, "slices/a_DAPI.tif", tiff(vec![Page::plane(0)]));
            file(at, "slices/a_GFP.tif", tiff(vec![Page::plane(1)]));
            at.join("slices")
        }),
        kind(FOLDER, "a slice of another size", "each slice is compared with the first", &[], |at| {
            let folder = slices(at);
            let mut page = Page::plane(0).with(257, SHORT, &[2]).with(278, SHORT, &[2]);
            page.pixels.truncate(20);
            file(&folder, "slice_4.tif", tiff(vec![page]));
            folder
        }),
    ]
}

fn slices(at: &Path) -> std::path::PathBuf {
    for z in 0..SHAPE[0] {
        file(at, &format!("slices/slice_{}.tif", z + 1), tiff(vec![Page::plane(z)]));
    }
    at.join("slices")
}
