//! Anything that can be opened.

use std::path::Path;

use passerby_types::{FrameSource, SourceError};

use crate::images::{Images, sniffed};
use crate::sniff::Format;
use crate::video::Video;

/// Opens a video, a picture or a folder of pictures. The content decides, not the name.
///
/// ```
/// use passerby_types::ErrorClass;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.mp4");
/// let mut source = passerby_capture::open(path)?;
/// let (mut pictures, mut lost) = (0, 0);
/// loop {
///     match source.next_picture() {
///         Ok(Some(picture)) => pictures += u32::from(picture.image.width() > 0),
///         Ok(None) => break,
///         Err(e) if e.class() == ErrorClass::Skip => lost += 1,
///         Err(e) => return Err(e.into()),
///     }
/// }
/// assert_eq!((pictures, lost), (10, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Those of [`Video::open_with`](crate::Video::open_with) and [`Images::open_with`](crate::Images::open_with); for what
/// is neither, [`SourceError::Unsupported`] with what it is and what to do, or [`SourceError::Unrecognised`].
pub fn open(path: impl AsRef<Path>) -> Result<Box<dyn FrameSource>, SourceError> {
    let path = path.as_ref();
    if path.is_dir() {
        return Ok(Box::new(Images::open(path)?));
    }
    let input = path.display().to_string();
    let (_, format) = sniffed(path, &input)?;
    match format {
        Format::Mp4 | Format::AnnexB => Ok(Box::new(Video::open(path)?)),
        Format::Picture(_) => Ok(Box::new(Images::open(path)?)),
        other => Err(other.refuse(&input, "a video or picture")),
    }
}
