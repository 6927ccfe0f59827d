//! Recognises a file by its first bytes, never by its name.

use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use passerby_types::SourceError;

use crate::file::regular_file::open_regular;

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileFormat {
    /// MP4 or MOV.
    Mp4,
    /// A bare H.264 byte stream.
    AnnexB,
    /// One picture, or several in one file.
    Picture(PictureFormat),
    /// The saved stream of an HTTP camera: JPEG pictures with boundaries between them.
    Mjpeg,
    /// A known format that this crate doesn't read, with advice for the user.
    Foreign(&'static str),
    /// An unknown format, with a guess if there is one.
    Unknown(Option<&'static str>),
}

/// A picture format that this crate decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PictureFormat {
    Jpeg,
    Png,
    Gif,
    Bmp,
    WebP,
    Tiff,
}

impl fmt::Display for PictureFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
        })
    }
}

/// The number of bytes that decide: two packets of a transport stream and one byte.
const HEAD_LEN: u64 = 2 * 188 + 1;

/// Opens a regular file and returns it at its start, with its format.
///
/// # Errors
/// [`SourceError::Io`] and [`SourceError::Empty`].
pub(crate) fn open_sniffed(path: &Path, input: &str) -> Result<(BufReader<File>, FileFormat), SourceError> {
    let mut file = BufReader::new(open_regular(path).map_err(|cause| SourceError::io(path, cause))?);
    let format = sniff(&mut file, input)?;
    Ok((file, format))
}

/// Returns true for a video, even if this crate cannot read it.
pub(crate) fn is_video(path: &Path) -> bool {
    let found = open_sniffed(path, "");
    found.is_ok_and(|(_, format)| {
        matches!(format, FileFormat::Mp4 | FileFormat::AnnexB | FileFormat::Foreign(_))
    })
}

/// Returns the format of `file` and leaves the file at its start.
///
/// # Errors
/// [`SourceError::Io`] and [`SourceError::Empty`].
pub(crate) fn sniff(file: &mut (impl Read + Seek), input: &str) -> Result<FileFormat, SourceError> {
    let io = |cause| SourceError::Io { input: input.to_owned(), cause };
    let mut head = Vec::new();
    file.by_ref().take(HEAD_LEN).read_to_end(&mut head).map_err(io)?;
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    if head.is_empty() {
        return Err(SourceError::Empty { input: input.to_owned() });
    }
    Ok(format_of(&head))
}

fn format_of(head: &[u8]) -> FileFormat {
    if let Some(format) = picture_format(head) {
        return format;
    }
    match head {
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', b'i' | b'f', ..]
        | [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => {
            FileFormat::Foreign("HEIF or AVIF picture; convert it to JPEG or PNG")
        }
        [_, _, _, _, kind @ ..] if box_types().any(|known| kind.starts_with(known)) => FileFormat::Mp4,
        [0, 0, 1, nal, ..] | [0, 0, 0, 1, nal, ..] if matches!(nal & 0x9f, 6 | 7 | 9) => FileFormat::AnnexB,
        [0, 0, 1, 0x40, 1, ..] | [0, 0, 0, 1, 0x40, 1, ..] => FileFormat::Foreign(
            "codec hevc (H.265) without a container; convert it to H.264 (ffmpeg -c:v libx264)",
        ),
        [0, 0, 1, 0xb3, ..] => FileFormat::Foreign("codec MPEG-1 or MPEG-2; convert it to MP4 with H.264"),
        [0, 0, 1, 0xba, ..] => {
            FileFormat::Foreign("container MPEG program stream; remux it to MP4 (ffmpeg -c copy)")
        }
        [0x1a, 0x45, 0xdf, 0xa3, ..] => FileFormat::Foreign(
            "container Matroska or WebM; remux H.264 to MP4 (ffmpeg -c copy), convert VP8, VP9 and AV1 to H.264",
        ),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'A', b'V', b'I', ..] => {
            FileFormat::Foreign("container AVI; convert it to MP4 with H.264")
        }
        [b'R', b'I', b'F', b'F', ..] => FileFormat::Unknown(Some("a RIFF file that is not a video")),
        [0x47, ..]
            if head.get(188).is_none_or(|&b| b == 0x47) && head.get(376).is_none_or(|&b| b == 0x47) =>
        {
            FileFormat::Foreign("container MPEG transport stream; remux it to MP4 (ffmpeg -c copy)")
        }
        [b'F', b'L', b'V', 1, ..] => FileFormat::Foreign("container FLV; remux it to MP4 (ffmpeg -c copy)"),
        [b'D', b'K', b'I', b'F', ..] => FileFormat::Foreign("container IVF; convert it to MP4 with H.264"),
        [0x06, 0x0e, 0x2b, 0x34, ..] => FileFormat::Foreign("container MXF; convert it to MP4 with H.264"),
        [b'O', b'g', b'g', b'S', ..] => FileFormat::Foreign("container Ogg; convert it to MP4 with H.264"),
        [0x30, 0x26, 0xb2, 0x75, ..] => {
            FileFormat::Foreign("container ASF or WMV; convert it to MP4 with H.264")
        }
        _ if is_multipart(head) => FileFormat::Mjpeg,
        [b'S', b'Q', b'L', b'i', b't', b'e', ..] => FileFormat::Unknown(Some("an SQLite database")),
        [b'%', b'P', b'D', b'F', ..] => FileFormat::Unknown(Some("a PDF document")),
        _ if head.iter().all(|b| matches!(b, 9 | 10 | 13 | 32..=126)) => FileFormat::Unknown(Some("text")),
        _ => FileFormat::Unknown(None),
    }
}

/// Returns the format of a picture file, `Unknown` for pictures that aren't decoded here, and `None` for other files.
fn picture_format(head: &[u8]) -> Option<FileFormat> {
    const OTHER_PICTURES: [&[u8]; 13] = [
        b"DDS ",
        b"#?RADIANCE",
        b"qoif",
        b"farbfeld",
        &[0x76, 0x2f, 0x31, 0x01], // OpenEXR
        &[0, 0, 1, 0],             // ICO
        b"P1",
        b"P2",
        b"P3",
        b"P4",
        b"P5",
        b"P6",
        b"P7",
    ];
    let format = match head {
        [0xff, 0xd8, 0xff, ..] => PictureFormat::Jpeg,
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => PictureFormat::Png,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => PictureFormat::Gif,
        [b'B', b'M', ..] => PictureFormat::Bmp,
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => PictureFormat::WebP,
        [b'M', b'M', 0, b'*', ..] | [b'I', b'I', b'*', 0, ..] => PictureFormat::Tiff,
        [0, 0, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', b'f', ..] => {
            return Some(FileFormat::Unknown(Some("a picture of another format")));
        }
        _ if OTHER_PICTURES.iter().any(|magic| head.starts_with(magic)) => {
            return Some(FileFormat::Unknown(Some("a picture of another format")));
        }
        _ => return None,
    };
    Some(FileFormat::Picture(format))
}

/// Returns true if a file begins as the stream of a camera that sends JPEG pictures over HTTP: with a boundary and the type of a
/// picture, or with the header of the answer.
fn is_multipart(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let start = text.trim_start();
    start.starts_with("--") && text.contains("image/jp")
        || start.starts_with("http/1.") && text.contains("multipart/x-mixed-replace")
}

/// Returns the types of the boxes with which MP4 and MOV files begin.
fn box_types() -> impl Iterator<Item = &'static [u8; 4]> {
    [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"moof", b"sidx", b"pnot", b"emsg"]
        .into_iter()
}

impl FileFormat {
    /// Returns the error of a reader that needs another format. `wanted` names it, for example `a video`.
    pub(crate) fn refuse(self, input: &str, wanted: &str) -> SourceError {
        let input = input.to_owned();
        let found = match self {
            Self::Foreign(what) => return SourceError::unsupported(input, what),
            Self::Unknown(found) => return SourceError::Unrecognised { input, found },
            Self::Mp4 => "an MP4 video".to_owned(),
            Self::AnnexB => "an H.264 video".to_owned(),
            Self::Picture(format) => format!("a {format} picture"),
            Self::Mjpeg => "a stream of JPEG pictures".to_owned(),
        };
        SourceError::unsupported(input, format!("input: {found}, not {wanted}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide() {
        let cases: [(&[u8], FileFormat); 21] = [
            (b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8", FileFormat::Mjpeg),
            (b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n", FileFormat::Mjpeg),
            (b"-- a comment\nselect 1\n", FileFormat::Unknown(Some("text"))),
            (b"\0\0\0\x20ftypisom", FileFormat::Mp4),
            (b"\0\0\0\x08wide", FileFormat::Mp4),
            (b"\0\0\0\x18ftypheic", FileFormat::Foreign("HEIF or AVIF picture; convert it to JPEG or PNG")),
            (b"\0\0\0\x18ftypavif", FileFormat::Unknown(Some("a picture of another format"))),
            (b"P5\n2 2", FileFormat::Unknown(Some("a picture of another format"))),
            (&[0, 0, 0, 1, 0x67, 66], FileFormat::AnnexB),
            (&[0, 0, 1, 9, 0x10], FileFormat::AnnexB),
            (&[0xff, 0xd8, 0xff, 0xe0], FileFormat::Picture(PictureFormat::Jpeg)),
            (b"\x89PNG\r\n\x1a\n", FileFormat::Picture(PictureFormat::Png)),
            (b"GIF89a", FileFormat::Picture(PictureFormat::Gif)),
            (b"BM6\0", FileFormat::Picture(PictureFormat::Bmp)),
            (b"II*\0", FileFormat::Picture(PictureFormat::Tiff)),
            (b"MM\0*", FileFormat::Picture(PictureFormat::Tiff)),
            (b"RIFF\0\0\0\0WEBPVP8 ", FileFormat::Picture(PictureFormat::WebP)),
            (b"RIFF\0\0\0\0WAVE", FileFormat::Unknown(Some("a RIFF file that is not a video"))),
            (b"hello, this is not a video\n", FileFormat::Unknown(Some("text"))),
            (&[7, 200, 3, 0, 0, 90, 255], FileFormat::Unknown(None)),
            (&[0], FileFormat::Unknown(None)),
        ];
        for (head, want) in cases {
            assert_eq!(format_of(head), want, "{head:?}");
        }
    }

    #[test]
    fn an_empty_file_is_an_error() {
        assert!(matches!(sniff(&mut std::io::Cursor::new([]), "x"), Err(SourceError::Empty { .. })));
    }
}
