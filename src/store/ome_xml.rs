//! OME-XML: a file's metadata in the OME data model, in any namespace and prefix.
//!
//! `OME/Image/Pixels` has the sizes, the order of planes, the size of a pixel and the type of its values; its `Channel`
//! elements name channels, its `TiffData` elements map pages of files to planes, and its `Plane` elements have the
//! positions of the stage. `BinaryOnly` refers to another file for all of this.

use std::path::Path;

use roxmltree::{Document, Node};

use crate::error::{Error, Result};
use crate::store::xml_limits;

/// A document.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ome {
    /// The identifier of the file that contains the document.
    pub(crate) uuid: Option<String>,
    /// The file with the metadata, if this one only refers to it.
    pub(crate) elsewhere: Option<String>,
    pub(crate) images: Vec<OmeImage>,
    /// The type of a further axis that is stored along z: `lifetime`.
    pub(crate) within_z: Option<String>,
}

/// An image in a document.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OmeImage {
    /// Pixels and planes along (x, y, z), channels, time points.
    pub(crate) sizes: [Option<u64>; 5],
    /// The axes of planes, the fastest first: `XYCZT`.
    pub(crate) order: Option<String>,
    pub(crate) channels: Vec<OmeChannel>,
    /// Pixel size along (z, y, x), as text, with its unit.
    pub(crate) pixel: [Option<(String, Option<String>)>; 3],
    pub(crate) data: Vec<TiffData>,
    /// Whether the values are in the document itself.
    pub(crate) binary: bool,
    pub(crate) planes: Vec<OmePlane>,
}

/// A channel of an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OmeChannel {
    pub(crate) name: Option<String>,
    pub(crate) samples: u64,
}

/// Consecutive pages of a file, and the planes in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TiffData {
    /// The file; this one if it is not named.
    pub(crate) file: Option<OmeFileName>,
    pub(crate) page: u64,
    /// The first plane, along (z, channel, time).
    pub(crate) first: [u64; 3],
    /// Number of pages; by default all from the first one on.
    pub(crate) count: Option<u64>,
}

/// The name of a file in a set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OmeFileName {
    pub(crate) name: Option<String>,
    pub(crate) uuid: String,
}

/// The position of the stage for a plane.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OmePlane {
    /// Time point, channel and plane, by which planes are ordered.
    pub(crate) place: [u64; 3],
    /// Position along (z, y, x), as text, with its unit.
    pub(crate) position: [Option<(String, Option<String>)>; 3],
}

impl Ome {
    /// Returns a predicate for file names in the metadata: whether one is that of the file with this path. Its UUID
    /// counts first, since files are renamed; if the metadata name only one file, it is this one.
    pub(crate) fn is_own<'a>(&'a self, path: &Path) -> impl Fn(&OmeFileName) -> bool + 'a {
        let names = || self.images.iter().flat_map(|image| &image.data).filter_map(|data| data.file.as_ref());
        let path = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let same_uuid = |file: &OmeFileName| Some(&file.uuid) == self.uuid.as_ref();
        let same_name =
            move |file: &OmeFileName| file.name.as_deref().is_some_and(|name| base_name(name).to_lowercase() == path);
        let by_uuid = names().any(same_uuid);
        let by_name = names().any(&same_name);
        let alone = names().zip(names().skip(1)).all(|(a, b)| a.uuid == b.uuid && a.name == b.name);
        move |file| if by_uuid { same_uuid(file) } else { same_name(file) || (!by_name && alone) }
    }

    /// The images that have pixels in the file with this path.
    pub(crate) fn images_in(&self, path: &Path) -> Vec<&OmeImage> {
        let is_own = self.is_own(path);
        let here = |image: &&OmeImage| {
            let mut files = image.data.iter().map(|data| data.file.as_ref());
            image.data.is_empty() || files.any(|file| file.is_none_or(&is_own))
        };
        self.images.iter().filter(here).collect()
    }
}

/// The last part of a path from any operating system.
pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Attributes with the lengths of the axes.
const SIZES: [&str; 5] = ["SizeX", "SizeY", "SizeZ", "SizeC", "SizeT"];
const SPACE: [&str; 3] = ["Z", "Y", "X"];

/// Returns whether a text looks like OME-XML.
pub(crate) fn is_ome(text: &str) -> bool {
    text.trim_start().starts_with('<') && (text.contains("<OME") || text.contains(":OME"))
}

/// Parses OME-XML.
///
/// # Errors
/// `Data` with the line and column if it is malformed, or a number in it is.
pub(crate) fn parse(text: &str) -> Result<Ome> {
    let document = document(text, "OME metadata that cannot be read")?;
    let root = document.root_element();
    let mut ome = Ome { uuid: root.attribute("UUID").map(String::from), ..Ome::default() };
    for element in root.children().filter(Node::is_element) {
        match element.tag_name().name() {
            "BinaryOnly" => {
                ome.elsewhere = Some(element.attribute("MetadataFile").unwrap_or("another file").to_owned());
                ome.uuid = element.attribute("UUID").map(String::from).or(ome.uuid);
            }
            "Image" => {
                for pixels in named(element, "Pixels") {
                    ome.images.push(image(pixels)?);
                }
            }
            "StructuredAnnotations" => ome.within_z = within_z(element),
            _ => {}
        }
    }
    Ok(ome)
}

/// Parses a text as XML.
///
/// # Errors
/// `Data` with the line and column if it is malformed.
pub(crate) fn document<'t>(text: &'t str, what: &str) -> Result<Document<'t>> {
    let text = text.trim();
    xml_limits::require_modest(text)?;
    Document::parse(text).map_err(|error| {
        let (line, column) = match error {
            // A missing end is reported at the end of the text.
            roxmltree::Error::UnclosedRootNode
            | roxmltree::Error::NoRootNode
            | roxmltree::Error::UnexpectedEndOfStream => {
                let last = text.lines().last().unwrap_or_default();
                (text.lines().count(), last.chars().count() + 1)
            }
            _ => (error.pos().row as usize, error.pos().col as usize),
        };
        let message = format!("has {what}, at line {line}, column {column}; save it again as a plain TIFF stack");
        Error::data(message).because(error)
    })
}

fn image(pixels: Node<'_, '_>) -> Result<OmeImage> {
    let mut sizes = [None; 5];
    for (size, name) in sizes.iter_mut().zip(SIZES) {
        *size = whole(pixels, name)?;
    }
    let pixel = SPACE.map(|axis| with_unit(pixels, &format!("PhysicalSize{axis}")));
    let order = pixels.attribute("DimensionOrder").map(String::from);
    let mut image = OmeImage { sizes, order, pixel, ..OmeImage::default() };
    for element in pixels.children().filter(Node::is_element) {
        match element.tag_name().name() {
            "Channel" => {
                let name = element.attribute("Name").filter(|name| !name.is_empty()).map(String::from);
                image.channels.push(OmeChannel { name, samples: whole(element, "SamplesPerPixel")?.unwrap_or(1) });
            }
            "TiffData" => image.data.push(tiff_data(element)?),
            "BinData" => image.binary = true,
            "Plane" => {
                let place = ["TheT", "TheC", "TheZ"].map(|name| whole(element, name).ok().flatten().unwrap_or(0));
                let position = SPACE.map(|axis| with_unit(element, &format!("Position{axis}")));
                image.planes.push(OmePlane { place, position });
            }
            _ => {}
        }
    }
    Ok(image)
}

fn tiff_data(element: Node<'_, '_>) -> Result<TiffData> {
    let count = match (whole(element, "PlaneCount")?, whole(element, "NumPlanes")?) {
        (Some(count), _) | (None, Some(count)) => Some(count).filter(|count| *count > 0),
        // One page, unless pages are not numbered either.
        (None, None) => element.attribute("IFD").map(|_| 1),
    };
    let file = named(element, "UUID").next().map(|uuid| OmeFileName {
        name: uuid.attribute("FileName").map(String::from),
        uuid: uuid.text().unwrap_or_default().trim().to_owned(),
    });
    let [z, c, t] = ["FirstZ", "FirstC", "FirstT"].map(|name| whole(element, name));
    let first = [z?, c?, t?].map(Option::unwrap_or_default);
    Ok(TiffData { file, page: whole(element, "IFD")?.unwrap_or(0), first, count })
}

/// The type of a further axis along z, as Bio-Formats annotates it (6D, 7D and 8D storage).
fn within_z(annotations: Node<'_, '_>) -> Option<String> {
    let along = annotations.descendants().find(|node| node.tag_name().name() == "ModuloAlongZ")?;
    let labels = named(along, "Label").count();
    let number = |name| along.attribute(name).and_then(|text| text.parse::<f64>().ok());
    let steps = number("Start").zip(number("End")).is_some_and(|(start, end)| start != end);
    (labels > 1 || steps).then(|| along.attribute("Type").unwrap_or("other").to_owned())
}

fn named<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

fn with_unit(node: Node<'_, '_>, name: &str) -> Option<(String, Option<String>)> {
    let unit = node.attribute(&*format!("{name}Unit")).map(String::from);
    node.attribute(name).map(|text| (text.to_owned(), unit))
}

fn whole(node: Node<'_, '_>, name: &str) -> Result<Option<u64>> {
    let Some(text) = node.attribute(name) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| {
        let at = node.document().text_pos_at(node.range().start);
        Error::data(format!(
            "has {text:?} as {name} in its OME metadata, at line {}, column {}, which is no whole number; save it again",
            at.row, at.col
        ))
    })
}

#[cfg(feature = "mosaic")]
/// Parses a number with a decimal point or a decimal comma.
///
/// # Errors
/// `Data` if it is malformed or not finite.
pub(crate) fn number(text: &str, name: &str) -> Result<f64> {
    let wrong = || Error::data(format!("has {text:?} as {name} in its metadata, which is no number; save it again"));
    decimal(text).filter(|number| number.is_finite()).ok_or_else(wrong)
}

/// Parses a number with a decimal point or a decimal comma.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        // One comma and no point: `1,234.5` and `1,234,567` are ambiguous.
        let one = !text.contains('.') && text.matches(',').count() == 1;
        one.then(|| text.replacen(',', ".", 1).parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_comments_and_cdata_change_nothing() {
        let body = |p: &str| {
            format!(
                "<?xml version=\"1.0\"?><{p}OME xmlns{}=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\" UUID=\"a\">\
                 <!-- <Pixels SizeC=\"7\"/> --><{p}Image><{p}Description><![CDATA[<Pixels SizeC=\"9\">]]></{p}Description>\
                 <{p}Pixels DimensionOrder=\"XYCZT\" SizeX='9' SizeY=\"8\" SizeZ=\"3\" SizeC=\"2\" SizeT=\"1\" \
                 PhysicalSizeX=\"0.25\" PhysicalSizeXUnit=\"&#181;m\"><{p}Channel Name=\"DAPI\"/><{p}Channel/>\
                 <{p}TiffData IFD=\"4\" FirstZ=\"1\"><{p}UUID FileName=\"b.tif\">u</{p}UUID></{p}TiffData><{p}TiffData/>\
                 </{p}Pixels></{p}Image></{p}OME>",
                if p.is_empty() { String::new() } else { format!(":{}", p.trim_end_matches(':')) }
            )
        };
        let plain = parse(&body("")).unwrap();
        assert!(is_ome(&body("ns0:")) && plain == parse(&body("ns0:")).unwrap());
        let image = &plain.images[0];
        assert_eq!(image.sizes, [9, 8, 3, 2, 1].map(Some));
        assert_eq!(image.pixel[2], Some(("0.25".to_owned(), Some("µm".to_owned()))));
        assert_eq!(image.channels[0].name.as_deref(), Some("DAPI"));
        let file = Some(OmeFileName { name: Some("b.tif".to_owned()), uuid: "u".to_owned() });
        assert_eq!(image.data[0], TiffData { file, page: 4, first: [1, 0, 0], count: Some(1) });
        assert_eq!(image.data[1], TiffData::default());
    }

    #[test]
    fn what_cannot_be_parsed_is_named_with_its_place() {
        let said = |text: &str| parse(text).unwrap_err().to_string();
        assert!(said("<OME>\n<Image>").contains("cannot be read, at line 2, column 8"));
        let sizes = said("<OME>\n <Image><Pixels SizeZ=\"many\"/></Image></OME>");
        assert!(sizes.contains("has \"many\" as SizeZ in its OME metadata, at line 2, column 9"), "{sizes}");
        assert_eq!([decimal("2,5"), decimal("1,234.5"), decimal(" -1 ")], [Some(2.5), None, Some(-1.0)]);
    }
}
