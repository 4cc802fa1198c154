//! From untrusted bytes to the photos that are kept. No I/O.

use std::fmt;
use std::io::Cursor;
use std::str::FromStr;

use bytes::Bytes;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use sha2::{Digest as _, Sha256};

/// WebP quality of what is kept, 0 to 100: no difference that a visitor sees, a fifth of the bytes.
const QUALITY: f32 = 80.0;

/// Width of a stored rendition in pixels; the names are those of the places that show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Course cards.
    Card,
    /// Course pages.
    Page,
}

impl Size {
    pub(crate) const ALL: [Self; 2] = [Self::Card, Self::Page];

    pub(crate) const fn width(self) -> u32 {
        match self {
            Self::Card => 480,
            Self::Page => 1280,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Page => "page",
        }
    }
}

impl FromStr for Size {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|size| size.as_str() == text).ok_or(())
    }
}

/// A photo's identity: the SHA-256 of its page rendition. The same picture is the same photo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PhotoId(String);

impl PhotoId {
    fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }
}

impl FromStr for PhotoId {
    type Err = ();

    /// Exactly 64 lower-case hexadecimal digits, so an id never reaches outside its folder.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(digit) { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

impl fmt::Display for PhotoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One stored form of a photo.
#[derive(Debug, Clone)]
pub(crate) struct Rendition {
    pub(crate) size: Size,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// WebP.
    pub(crate) bytes: Bytes,
}

/// A photo as it is kept: re-encoded, without metadata.
#[derive(Debug, Clone)]
pub(crate) struct Photo {
    pub(crate) id: PhotoId,
    pub(crate) renditions: Vec<Rendition>,
}

/// Why bytes are no photo of ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PhotoError {
    /// Neither JPEG, PNG nor WebP by their first bytes, whatever the sender called them.
    #[error("send a JPEG, PNG or WebP picture")]
    UnknownType,
    /// Too many pixels.
    #[error("the picture is larger than {0} pixels on a side")]
    TooManyPixels(u32),
    /// It begins like a picture and is none.
    #[error("the picture can't be read: it is damaged or incomplete")]
    Damaged,
    /// A defect of the encoder.
    #[error("the picture can't be encoded")]
    Encoding,
}

/// Decodes untrusted bytes within limits and encodes them anew.
///
/// # Errors
/// See [`PhotoError`]. Never panics on any input, and never takes more memory than `max_pixels` squared
/// times 4 bytes.
pub(crate) fn render(upload: &[u8], max_pixels: u32) -> Result<Photo, PhotoError> {
    let picture = decode(upload, max_pixels)?;
    let renditions = Size::ALL.map(|size| encode(&picture, size));
    let [card, page] = renditions;
    let (card, page) = (card?, page?);
    Ok(Photo { id: PhotoId::of(&page.bytes), renditions: vec![card, page] })
}

fn decode(upload: &[u8], max_pixels: u32) -> Result<DynamicImage, PhotoError> {
    let format = image::guess_format(upload).map_err(|_| PhotoError::UnknownType)?;
    if !matches!(format, ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) {
        return Err(PhotoError::UnknownType);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(max_pixels);
    limits.max_image_height = Some(max_pixels);
    limits.max_alloc = Some(u64::from(max_pixels) * u64::from(max_pixels) * 4);
    let mut reader = ImageReader::with_format(Cursor::new(upload), format);
    reader.limits(limits);
    let damaged = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => PhotoError::TooManyPixels(max_pixels),
        _ => PhotoError::Damaged,
    };
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    // Cameras store which side is up as metadata, which re-encoding drops: turn the pixels instead.
    let orientation = decoder.orientation().map_err(damaged)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn encode(picture: &DynamicImage, size: Size) -> Result<Rendition, PhotoError> {
    // Never enlarged: it would only cost bytes.
    let small = picture.width() <= size.width();
    let scaled = (!small).then(|| {
        let height = u64::from(picture.height()) * u64::from(size.width()) / u64::from(picture.width());
        let height = u32::try_from(height).unwrap_or(u32::MAX).max(1);
        picture.resize_exact(size.width(), height, image::imageops::FilterType::CatmullRom)
    });
    let pixels = scaled.as_ref().unwrap_or(picture).to_rgba8();
    let (width, height) = pixels.dimensions();
    let encoded = webp::Encoder::from_rgba(pixels.as_raw(), width, height)
        .encode_simple(false, QUALITY)
        .map_err(|_| PhotoError::Encoding)?;
    Ok(Rendition { size, width, height, bytes: Bytes::copy_from_slice(&encoded) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let gradient = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 99]));
        DynamicImage::from(gradient).write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_photo_is_scaled_down_and_never_up() {
        let photo = render(&png(2000, 1000), 8192).unwrap();
        let sizes: Vec<_> = photo.renditions.iter().map(|it| (it.size, it.width, it.height)).collect();
        assert_eq!(sizes, [(Size::Card, 480, 240), (Size::Page, 1280, 640)]);
        let small = render(&png(100, 50), 8192).unwrap();
        assert!(small.renditions.iter().all(|it| (it.width, it.height) == (100, 50)));
    }

    #[test]
    fn the_same_picture_is_the_same_photo() {
        assert_eq!(render(&png(64, 64), 8192).unwrap().id, render(&png(64, 64), 8192).unwrap().id);
        assert_ne!(render(&png(64, 64), 8192).unwrap().id, render(&png(64, 65), 8192).unwrap().id);
    }

    #[test]
    fn what_was_appended_or_hidden_is_gone() {
        let mut polyglot = png(64, 64);
        polyglot.extend_from_slice(b"<script>alert(1)</script>");
        for rendition in render(&polyglot, 8192).unwrap().renditions {
            assert!(!rendition.bytes.windows(8).any(|window| window == b"<script>"));
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let truncated = png(64, 64)[..200].to_vec();
        let mut bomb = png(8, 8);
        bomb[16..24].copy_from_slice(&[0, 0, 0xff, 0xff, 0, 0, 0xff, 0xff]);
        for upload in [&b""[..], b"GIF89a", b"<svg/>", b"\x89PNG\r\n\x1a\n", &truncated, &bomb] {
            assert!(render(upload, 8192).is_err());
        }
        assert!(matches!(render(&png(100, 10), 64), Err(PhotoError::TooManyPixels(64))));
    }

    #[test]
    fn an_id_never_reaches_outside_its_folder() {
        for wrong in ["", "..", "../../etc/passwd", &"A".repeat(64), &"a".repeat(63), &"%2e".repeat(21)] {
            assert!(wrong.parse::<PhotoId>().is_err(), "{wrong}");
        }
    }
}
