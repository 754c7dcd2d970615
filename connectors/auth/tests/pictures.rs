//! Pictures of QR codes, as people have them.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::Cursor;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgba, RgbaImage, imageops};
use proptest::prelude::*;
use qrcode::QrCode;
use tapeline_auth::mfa::{LARGEST_QR_IMAGE, QrImageError, Seed, Turn, read_qr_image};
use tapeline_model::Micros;

const SEED: &str = "otpauth://totp/Broker:me%40example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\
                    &issuer=Broker&algorithm=SHA256&digits=8&period=60";

fn drawn(text: &str) -> GrayImage {
    QrCode::new(text).unwrap().render::<Luma<u8>>().build()
}

fn bytes(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture: DynamicImage = picture.into();
    picture
        .write_to(&mut Cursor::new(&mut bytes), format)
        .unwrap();
    bytes
}

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    bytes(picture, ImageFormat::Png)
}

/// On a page of this grey, somewhere.
fn on_page(codes: &[GrayImage], grey: u8) -> GrayImage {
    let width = codes.iter().map(|code| code.width() + 90).sum();
    let height = codes.iter().map(GrayImage::height).max().unwrap() + 300;
    let mut page = GrayImage::from_pixel(width, height, Luma([grey]));
    let mut x = 40;
    for code in codes {
        imageops::overlay(&mut page, code, x, 170);
        x += i64::from(code.width()) + 90;
    }
    page
}

/// As a photograph of a screen that was held askew.
fn turned(picture: &GrayImage, degrees: f32) -> GrayImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let side = picture.width().max(picture.height()) * 3 / 2;
    let (middle, from) = (side as f32 / 2.0, picture.width() as f32 / 2.0);
    let below = picture.height() as f32 / 2.0;
    GrayImage::from_fn(side, side, |x, y| {
        let (x, y) = (x as f32 - middle, y as f32 - middle);
        let (x, y) = (x * cos + y * sin + from, y * cos - x * sin + below);
        let is_outside = x < 0.0 || y < 0.0;
        let found = picture.get_pixel_checked(x as u32, y as u32);
        *found.filter(|_| !is_outside).unwrap_or(&Luma([200]))
    })
}

fn refused(bytes: &[u8]) -> QrImageError {
    read_qr_image(bytes).unwrap_err()
}

#[track_caller]
fn is_read(bytes: &[u8]) {
    assert_eq!(read_qr_image(bytes).unwrap().expose(), SEED);
}

#[test]
fn codes_are_read_as_people_have_them() {
    let code = drawn(SEED);
    is_read(&png(code.clone()));
    is_read(&bytes(code.clone(), ImageFormat::Jpeg));
    let page = on_page(std::slice::from_ref(&code), 235);
    is_read(&png(page.clone()));
    for degrees in [7.0, 90.0, 180.0, 200.0, 315.0] {
        is_read(&png(turned(&page, degrees)));
    }
    let (width, height) = (page.width() * 2 / 3, page.height() * 2 / 3);
    let small = imageops::resize(&page, width, height, imageops::FilterType::Triangle);
    is_read(&bytes(imageops::blur(&small, 1.0), ImageFormat::Jpeg));
    let dim = GrayImage::from_fn(page.width(), page.height(), |x, y| {
        let grey = u32::from(page.get_pixel(x, y).0[0]);
        Luma([(40 + grey / 3 + x * 60 / page.width()) as u8])
    });
    is_read(&bytes(dim, ImageFormat::Jpeg));
    let coloured = DynamicImage::from(page.clone()).to_rgb8();
    is_read(&bytes(coloured, ImageFormat::Jpeg));
    let deep = DynamicImage::from(page.clone()).to_luma16();
    is_read(&png(deep));

    let see_through = RgbaImage::from_fn(code.width(), code.height(), |x, y| {
        let is_dark = code.get_pixel(x, y).0[0] < 128;
        Rgba([0, 0, 0, if is_dark { 255 } else { 0 }])
    });
    is_read(&png(see_through));
    let mut negative = page;
    imageops::invert(&mut negative);
    is_read(&png(negative));
}

#[test]
fn a_seed_from_a_picture_makes_the_codes_that_it_asks_for() {
    let text = read_qr_image(&png(drawn(SEED))).unwrap();
    let mut seed = Seed::parse(text.expose()).unwrap();
    let time = Micros(1_111_111_150 * 1_000_000);
    assert_eq!(seed.form().digits, 8);
    let Turn::Code(code) = seed.turn(time) else {
        panic!("it is the middle of a period");
    };
    assert_eq!(code.expose(), "87143899");
}

#[test]
fn what_shows_no_one_code_is_refused() {
    let code = drawn(SEED);
    let other = drawn("https://get.example/app");
    let both = on_page(&[code.clone(), other], 255);
    assert_eq!(refused(&png(both)), QrImageError::Several(2));
    is_read(&png(on_page(&[code.clone(), code.clone()], 255)));
    let empty = GrayImage::from_pixel(300, 200, Luma([255]));
    assert_eq!(refused(&png(empty)), QrImageError::NoCode);
    let half = imageops::crop_imm(&code, 0, 0, code.width() / 2, code.height()).to_image();
    assert_eq!(refused(&png(half)), QrImageError::NoCode);
}

#[test]
fn what_is_no_picture_is_refused() {
    let whole = png(drawn(SEED));
    assert_eq!(refused(b""), QrImageError::Kind);
    assert_eq!(refused(b"otpauth://totp/a?secret=A"), QrImageError::Kind);
    assert_eq!(refused(b"GIF89a\x01\x00\x01\x00"), QrImageError::Kind);
    assert_eq!(refused(&whole[..whole.len() / 2]), QrImageError::Damaged);
    let photo = bytes(drawn(SEED), ImageFormat::Jpeg);
    assert_eq!(refused(&photo[..40]), QrImageError::Damaged);
}

#[test]
fn a_picture_that_would_take_all_memory_is_refused_unread() {
    let long = vec![0; LARGEST_QR_IMAGE as usize + 1];
    assert_eq!(refused(&long), QrImageError::TooLarge);
    let mut wide = png(GrayImage::new(8, 8));
    // Its width and height, and a checksum that fits.
    wide[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let checksum = crc32(&wide[12..29]);
    wide[29..33].copy_from_slice(&checksum.to_be_bytes());
    assert_eq!(refused(&wide), QrImageError::TooLarge);
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32| {
        if sum & 1 == 1 {
            sum >> 1 ^ 0xEDB8_8320
        } else {
            sum >> 1
        }
    };
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn damage_is_told_and_never_believed(is_jpeg: bool, places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let format = if is_jpeg { ImageFormat::Jpeg } else { ImageFormat::Png };
        let mut picture = bytes(drawn(SEED), format);
        for (at, byte) in places {
            let at = at.index(picture.len());
            picture[at] = byte;
        }
        if let Ok(text) = read_qr_image(&picture) {
            prop_assert_eq!(text.expose(), SEED);
        }
    }

    #[test]
    fn any_pixels_are_looked_at_without_a_panic(width in 1u32..80, height in 1u32..80, noise in prop::collection::vec(any::<u8>(), 6400)) {
        let picture = GrayImage::from_fn(width, height, |x, y| Luma([noise[(y * 80 + x) as usize]]));
        let _either = read_qr_image(&png(picture));
    }
}
