//! Pictures in fewer bytes, for pages.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ImageFormat, RgbImage};

use crate::error::{Error, Result};

/// Quality of the JPEG: lines stay clear.
const QUALITY: u8 = 88;

/// The picture in a PNG file as JPEG, in half its size, a quarter and so on until it takes no more than a number of bytes.
///
/// # Errors
/// `Data` if the bytes are no PNG file.
pub(crate) fn reduced(png: &[u8], most: usize) -> Result<Vec<u8>> {
    let read = image::load_from_memory_with_format(png, ImageFormat::Png);
    let damaged = |error| Error::data("overview.png is damaged; run the analysis again").because(error);
    let mut picture = read.map_err(damaged)?.into_rgb8();
    loop {
        let bytes = jpeg(&picture)?;
        if bytes.len() <= most || picture.width().max(picture.height()) <= 256 {
            return Ok(bytes);
        }
        let (width, height) = ((picture.width() / 2).max(1), (picture.height() / 2).max(1));
        picture = image::imageops::resize(&picture, width, height, FilterType::Triangle);
    }
}

fn jpeg(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    let encoded = JpegEncoder::new_with_quality(&mut bytes, QUALITY).encode_image(picture);
    encoded.map_err(|error| Error::internal("the picture cannot be encoded").because(error))?;
    Ok(bytes.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn a_picture_is_made_as_small_as_is_asked_for() {
        let noise = |x: u32, y: u32| (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503) ^ (x * y)) as u8;
        let picture = RgbImage::from_fn(640, 480, |x, y| image::Rgb([noise(x, y); 3]));
        let mut png = Cursor::new(Vec::new());
        picture.write_to(&mut png, ImageFormat::Png).unwrap();
        let png = png.into_inner();
        let [large, small] = [usize::MAX, 60_000].map(|most| reduced(&png, most).unwrap());
        assert!(small.len() <= 60_000 && large.len() > small.len(), "{} and {} bytes", large.len(), small.len());
        let size = |bytes: &[u8]| image::load_from_memory(bytes).unwrap().into_rgb8().dimensions();
        assert_eq!((size(&large), reduced(b"no picture", 1).unwrap_err().kind()), ((640, 480), Kind::Data));
        assert!(size(&small).0 < 640);
    }
}
