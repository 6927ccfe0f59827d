//! Opens files that hold several pictures.

use std::path::Path;

use passerby_types::SourceError;

use super::gif::Gif;
use super::mjpeg_file::MjpegFile;
use super::png_animation::PngAnimation;
use super::sequence::{PictureSequence, catch_panic};
use super::tiff_pages::TiffPages;
use super::webp_animation::WebpAnimation;
use crate::context::SourceContext;
use crate::file::sniff::{FileFormat, PictureFormat, open_sniffed};

/// Opens a file that holds several pictures. Returns `None` if it holds one.
pub(super) fn open(
    path: &Path,
    input: &str,
    context: &SourceContext,
) -> Result<Option<Box<dyn PictureSequence>>, SourceError> {
    let (file, format) = open_sniffed(path, input)?;
    let limits = context.limits;
    catch_panic(input, || {
        Ok(match format {
            FileFormat::Mjpeg => boxed(Some(MjpegFile::multipart(file, limits))),
            FileFormat::Picture(PictureFormat::Gif) => boxed(Some(Gif::open(file, &limits, input)?)),
            FileFormat::Picture(PictureFormat::Jpeg) => boxed(MjpegFile::bare(file, limits, input)?),
            FileFormat::Picture(PictureFormat::Png) => boxed(PngAnimation::open(file, &limits, input)?),
            FileFormat::Picture(PictureFormat::WebP) => boxed(WebpAnimation::open(file, &limits, input)?),
            FileFormat::Picture(PictureFormat::Tiff) => boxed(TiffPages::open(path, file, context, input)?),
            _ => None,
        })
    })
}

fn boxed(found: Option<impl PictureSequence + 'static>) -> Option<Box<dyn PictureSequence>> {
    found.map(|sequence| Box::new(sequence) as Box<dyn PictureSequence>)
}
