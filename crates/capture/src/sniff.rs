//! What a file is, by its first bytes and never by its name.

use std::io::{Read, Seek, SeekFrom};

use image::ImageFormat;
use passerby_types::SourceError;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// MP4 or MOV.
    Mp4,
    /// A bare H.264 byte stream.
    AnnexB,
    /// A picture, or several in one file.
    Picture(ImageFormat),
    /// Known, but not to be read here; and what to do about it.
    Foreign(&'static str),
    /// Unknown; perhaps what it looks like.
    Unknown(Option<&'static str>),
}

/// The pictures that can be decoded.
const PICTURES: [ImageFormat; 6] = [
    ImageFormat::Jpeg,
    ImageFormat::Png,
    ImageFormat::Gif,
    ImageFormat::Bmp,
    ImageFormat::WebP,
    ImageFormat::Tiff,
];

/// How many bytes decide. Two packets of a transport stream and a byte.
const HEAD: u64 = 2 * 188 + 1;

/// Says what the file is, and leaves it at its start.
///
/// # Errors
/// [`SourceError::Io`] and [`SourceError::Empty`].
pub(crate) fn format(file: &mut (impl Read + Seek), input: &str) -> Result<Format, SourceError> {
    let io = |cause| SourceError::Io { input: input.to_owned(), cause };
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).map_err(io)?;
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    if head.is_empty() {
        return Err(SourceError::Empty { input: input.to_owned() });
    }
    Ok(of(&head))
}

fn of(head: &[u8]) -> Format {
    if let Ok(format) = image::guess_format(head) {
        return if PICTURES.contains(&format) {
            Format::Picture(format)
        } else {
            Format::Unknown(Some("a picture of another format"))
        };
    }
    match head {
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', b'i' | b'f', ..]
        | [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => {
            Format::Foreign("HEIF or AVIF picture; convert it to JPEG or PNG")
        }
        [_, _, _, _, kind @ ..] if boxes().any(|known| kind.starts_with(known)) => Format::Mp4,
        [0, 0, 1, nal, ..] | [0, 0, 0, 1, nal, ..] if matches!(nal & 0x9f, 6 | 7 | 9) => Format::AnnexB,
        [0, 0, 1, 0xba, ..] => {
            Format::Foreign("container MPEG program stream; remux it to MP4 (ffmpeg -c copy)")
        }
        [0x1a, 0x45, 0xdf, 0xa3, ..] => Format::Foreign(
            "container Matroska or WebM; remux H.264 to MP4 (ffmpeg -c copy), convert VP8, VP9 and AV1 to H.264",
        ),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => {
            Format::Foreign("container AVI; convert it to MP4 with H.264")
        }
        [b'R', b'I', b'F', b'F', ..] => Format::Unknown(Some("a RIFF file that is no video")),
        [0x47, ..]
            if head.get(188).is_none_or(|&b| b == 0x47) && head.get(376).is_none_or(|&b| b == 0x47) =>
        {
            Format::Foreign("container MPEG transport stream; remux it to MP4 (ffmpeg -c copy)")
        }
        [b'F', b'L', b'V', 1, ..] => Format::Foreign("container FLV; remux it to MP4 (ffmpeg -c copy)"),
        [b'O', b'g', b'g', b'S', ..] => Format::Foreign("container Ogg; convert it to MP4 with H.264"),
        [0x30, 0x26, 0xb2, 0x75, ..] => Format::Foreign("container ASF or WMV; convert it to MP4 with H.264"),
        [b'S', b'Q', b'L', b'i', b't', b'e', ..] => Format::Unknown(Some("an SQLite database")),
        [b'%', b'P', b'D', b'F', ..] => Format::Unknown(Some("a PDF document")),
        _ if head.iter().all(|b| matches!(b, 9 | 10 | 13 | 32..=126)) => Format::Unknown(Some("text")),
        _ => Format::Unknown(None),
    }
}

/// The boxes with which MP4 and MOV files begin.
fn boxes() -> impl Iterator<Item = &'static [u8; 4]> {
    [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"sidx", b"pnot", b"emsg"]
        .into_iter()
}

impl Format {
    /// The error of a reader that wanted something else.
    pub(crate) fn refuse(self, input: &str, wanted: &str) -> SourceError {
        let input = input.to_owned();
        match self {
            Self::Foreign(what) => SourceError::Unsupported { input, what: what.into() },
            Self::Unknown(found) => SourceError::Unrecognised { input, found },
            Self::Mp4 => {
                SourceError::Unsupported { input, what: format!("input: an MP4 video, not {wanted}") }
            }
            Self::AnnexB => {
                SourceError::Unsupported { input, what: format!("input: an H.264 video, not {wanted}") }
            }
            Self::Picture(format) => {
                SourceError::Unsupported { input, what: format!("input: a {format:?} picture, not {wanted}") }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide() {
        let cases: [(&[u8], Format); 12] = [
            (b"\0\0\0\x20ftypisom", Format::Mp4),
            (b"\0\0\0\x08wide", Format::Mp4),
            (b"\0\0\0\x18ftypheic", Format::Foreign("HEIF or AVIF picture; convert it to JPEG or PNG")),
            (&[0, 0, 0, 1, 0x67, 66], Format::AnnexB),
            (&[0, 0, 1, 9, 0x10], Format::AnnexB),
            (&[0xff, 0xd8, 0xff, 0xe0], Format::Picture(ImageFormat::Jpeg)),
            (b"GIF89a", Format::Picture(ImageFormat::Gif)),
            (b"RIFF\0\0\0\0WEBPVP8 ", Format::Picture(ImageFormat::WebP)),
            (b"RIFF\0\0\0\0WAVE", Format::Unknown(Some("a RIFF file that is no video"))),
            (b"hello, this is not a video\n", Format::Unknown(Some("text"))),
            (&[7, 200, 3, 0, 0, 90, 255], Format::Unknown(None)),
            (&[0], Format::Unknown(None)),
        ];
        for (head, want) in cases {
            assert_eq!(of(head), want, "{head:?}");
        }
        assert!(matches!(format(&mut std::io::Cursor::new([]), "x"), Err(SourceError::Empty { .. })));
    }
}
