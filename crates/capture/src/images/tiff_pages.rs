//! The pages of a TIFF file.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use passerby_types::{FramePool, Picture, SourceError};

use super::image_file::{self, Page};
use super::sequence::PictureSequence;
use crate::context::SourceContext;
use crate::file::sniff::{PictureFormat, open_sniffed};

/// The most pages that are read. A file that claims more is read up to this number.
const MAX_PAGES: usize = 10_000;
/// The bytes of an entry of a page's directory.
const ENTRY_LEN: u64 = 12;

/// Reads the pages of a TIFF file.
///
/// Its decoder reads the first page alone. For each other page it gets the file with the place of that page in the header.
pub(super) struct TiffPages {
    path: PathBuf,
    context: SourceContext,
    pages: VecDeque<[u8; 4]>,
}

impl TiffPages {
    /// Reads the places of the pages. Returns `None` if there is only one.
    pub(super) fn open(
        path: &Path,
        mut file: BufReader<File>,
        context: &SourceContext,
        input: &str,
    ) -> Result<Option<Self>, SourceError> {
        let pages = places(&mut file).map_err(|cause| SourceError::Io { input: input.into(), cause })?;
        let (path, context) = (path.to_owned(), context.clone());
        Ok((pages.len() > 1).then(|| Self { path, context, pages: pages.into() }))
    }
}

impl PictureSequence for TiffPages {
    fn next(&mut self, _: &FramePool, input: &str) -> Result<Option<Picture>, SourceError> {
        let Some(place) = self.pages.pop_front() else { return Ok(None) };
        let (file, _) = open_sniffed(&self.path, input)?;
        let page = Page { offset: 4, bytes: place };
        let SourceContext { limits, pool, .. } = &self.context;
        let (image, _) = image_file::decode(file, PictureFormat::Tiff, Some(page), limits, pool, input)?;
        Ok(Some(Picture::new(image, None)))
    }
}

/// Returns the place of each page, as it stands in the file. Ends at a place that is not in the file, or comes twice.
fn places(file: &mut (impl Read + Seek)) -> io::Result<Vec<[u8; 4]>> {
    let mut head = [0; 8];
    file.seek(SeekFrom::Start(0))?;
    file.read_exact(&mut head)?;
    let is_big_endian = head.starts_with(b"MM");
    let number = |bytes: [u8; 4]| {
        u64::from(if is_big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    };
    let mut place = [head[4], head[5], head[6], head[7]];
    let mut seen = HashSet::new();
    let mut places = Vec::new();
    while number(place) > 0 && places.len() < MAX_PAGES && seen.insert(place) {
        let mut count = [0; 2];
        file.seek(SeekFrom::Start(number(place)))?;
        if file.read_exact(&mut count).is_err() {
            break;
        }
        places.push(place);
        let entries = if is_big_endian { u16::from_be_bytes(count) } else { u16::from_le_bytes(count) };
        file.seek(SeekFrom::Start(number(place) + 2 + u64::from(entries) * ENTRY_LEN))?;
        if file.read_exact(&mut place).is_err() {
            break;
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A file with an empty directory at each of these places, each of which names the next one.
    fn file(places: &[u32], last: u32) -> Vec<u8> {
        let mut bytes = b"II*\0".to_vec();
        bytes.extend(places[0].to_le_bytes());
        for (i, &place) in places.iter().enumerate() {
            bytes.resize(place as usize, 0);
            bytes.extend([0, 0]);
            bytes.extend(places.get(i + 1).copied().unwrap_or(last).to_le_bytes());
        }
        bytes
    }

    fn count(bytes: Vec<u8>) -> usize {
        places(&mut Cursor::new(bytes)).unwrap().len()
    }

    #[test]
    fn pages_are_found_until_the_chain_ends() {
        assert_eq!(count(file(&[8], 0)), 1);
        assert_eq!(count(file(&[8, 20, 40], 0)), 3);
        assert_eq!(count(file(&[8, 20, 40], 8)), 3, "a loop");
        assert_eq!(count(file(&[8, 20], 4000)), 2, "a place behind the file");
    }
}
