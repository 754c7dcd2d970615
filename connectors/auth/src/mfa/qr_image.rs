//! The text of the QR code in a picture.

use std::io::Cursor;

use image::error::ImageError;
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, ImageReader, Limits, Luma, LumaA};
use rqrr::PreparedImage;
use tapeline_secrets::Secret;
use thiserror::Error;

/// Photographs of telephones are smaller.
pub const LARGEST_QR_IMAGE: u64 = 16 << 20;
const MOST_PIXELS: u64 = 50_000_000;
/// In pixels.
const MOST_TO_ENLARGE: usize = 8_000_000;
/// While it is unpacked.
const MOST_MEMORY: u64 = 512 << 20;
const WHITE: u32 = 255;

/// Never repeats what a code holds.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QrImageError {
    #[error("it is neither a PNG nor a JPEG; save the QR code as one of them")]
    Kind,
    #[error("it is cut short or damaged; save it anew")]
    Damaged,
    #[error("it is larger than 16 MiB or 50 million pixels; cut it down to the QR code")]
    TooLarge,
    #[error(
        "it shows no QR code that can be read; take it anew, sharp, straight and with a white margin"
    )]
    NoCode,
    #[error("it shows {0} QR codes; cut it down to the one that the venue gives for codes by time")]
    Several(usize),
}

pub fn read_qr_image(bytes: &[u8]) -> Result<Secret, QrImageError> {
    if bytes.len() as u64 > LARGEST_QR_IMAGE {
        return Err(QrImageError::TooLarge);
    }
    let picture = unpacked(bytes)?;
    let mut found = codes(&picture);
    if found.is_empty() && picture.len() <= MOST_TO_ENLARGE {
        found = codes(&enlarged(&picture));
    }
    match found.len() {
        0 | 1 => found.pop().ok_or(QrImageError::NoCode),
        several => Err(QrImageError::Several(several)),
    }
}

fn unpacked(bytes: &[u8]) -> Result<GrayImage, QrImageError> {
    let format = image::guess_format(bytes).map_err(|_| QrImageError::Kind)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
        return Err(QrImageError::Kind);
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|error| described(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(QrImageError::TooLarge);
    }
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| described(&error))?;
    let shown = picture.into_luma_alpha8();
    Ok(GrayImage::from_fn(width, height, |x, y| {
        on_white(*shown.get_pixel(x, y))
    }))
}

/// What is transparent lies on white, as where the code was shown.
fn on_white(pixel: LumaA<u8>) -> Luma<u8> {
    let [grey, alpha] = pixel.0.map(u32::from);
    Luma([((grey * alpha + WHITE * (WHITE - alpha)) / WHITE) as u8])
}

/// A code whose squares are few pixels wide is found more easily so.
fn enlarged(picture: &GrayImage) -> GrayImage {
    let (width, height) = (picture.width() * 2, picture.height() * 2);
    imageops::resize(picture, width, height, FilterType::Triangle)
}

/// Each text once; of codes that are white on black, as dark screens show them, if there is no
/// other.
fn codes(picture: &GrayImage) -> Vec<Secret> {
    let found = codes_on(picture, 0);
    if found.is_empty() {
        codes_on(picture, u8::MAX)
    } else {
        found
    }
}

fn codes_on(picture: &GrayImage, mask: u8) -> Vec<Secret> {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let pixels = picture.as_raw();
    let grey = |x: usize, y: usize| pixels[y * width + x] ^ mask;
    let mut prepared = PreparedImage::prepare_from_greyscale(width, height, grey);
    let mut found: Vec<Secret> = Vec::new();
    for grid in prepared.detect_grids() {
        let text = grid.decode().map(|(_, text)| Secret::new(text));
        let is_new = |text: &Secret| !found.iter().any(|known| known.is_same(text));
        found.extend(text.ok().filter(is_new));
    }
    found
}

fn described(error: &ImageError) -> QrImageError {
    match error {
        ImageError::Limits(_) => QrImageError::TooLarge,
        _ => QrImageError::Damaged,
    }
}
