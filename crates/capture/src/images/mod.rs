//! Picture files, and folders of them.

mod gif;
mod image_file;

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use passerby_types::{ErrorClass, FrameSource, Picture, SourceError, SourceInfo};

use crate::context::SourceContext;
use crate::file::folder::list;
use crate::file::regular_file::source_name;
use crate::file::sniff::{FileFormat, PictureFormat, is_video, open_sniffed};
use gif::Gif;

/// The settings of [`Images`].
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct ImagesSettings {
    /// The limits and the pool. The pool lends the buffers of rotated pictures and of GIF frames.
    pub context: SourceContext,
}

/// A picture file, or the pictures of a folder by name: JPEG, PNG, GIF, BMP, WebP and TIFF. The content decides, not the
/// name.
///
/// Pictures are upright (EXIF orientation applied). They are `Gray8` if they have no colour, and `Rgb8` otherwise: 16 bits
/// per channel are scaled to 8, CMYK is converted, palettes are expanded, and transparency is dropped. If a GIF is the only
/// file, it gives all its frames, with their delays as time stamps (100 ms for a frame without a delay). An animated WebP
/// and a TIFF of several pages give their first picture. Still pictures have no time stamps.
///
/// If a picture of a folder cannot be read, it is a [`SourceError::Damaged`] that names the file, and the next picture
/// follows. Hidden files and files that aren't pictures are left out.
///
/// ```
/// use passerby_capture::Images;
/// use passerby_types::FrameSource;
///
/// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.jpg");
/// let mut photograph = Images::open(path)?;
/// let picture = photograph.next_picture()?.expect("a picture file holds a picture");
/// assert!(picture.image.width() > 0 && picture.pts.is_none());
/// assert!(photograph.next_picture()?.is_none());
/// # Ok::<(), passerby_types::SourceError>(())
/// ```
pub struct Images {
    info: SourceInfo,
    settings: ImagesSettings,
    files: VecDeque<PathBuf>,
    /// True if the source is a single file. Its errors are then the source's own.
    single: bool,
    gif: Option<(Gif, String)>,
    next_number: u64,
}

impl Images {
    /// Opens a picture or a folder with the default settings.
    ///
    /// # Errors
    /// As [`Images::open_with`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SourceError> {
        Self::open_with(path, ImagesSettings::default())
    }

    /// Opens a picture or a folder.
    ///
    /// The format of a single picture is checked now. Its pixels are decoded when the picture is asked for.
    ///
    /// # Errors
    /// There is nothing to read after any of these. [`SourceError::Io`], [`SourceError::Empty`],
    /// [`SourceError::Unrecognised`] and [`SourceError::Unsupported`] if the file isn't a picture;
    /// [`SourceError::Malformed`] and [`SourceError::TooLarge`] if a GIF's header is wrong; [`SourceError::Malformed`] if
    /// a folder holds no pictures.
    pub fn open_with(path: impl AsRef<Path>, settings: ImagesSettings) -> Result<Self, SourceError> {
        let path = path.as_ref();
        let input = path.display().to_string();
        let name = source_name(path);
        if path.is_dir() {
            let files = list(path)?.into_iter().filter(|file| !is_video(file)).collect::<Vec<_>>();
            if files.is_empty() {
                return Err(SourceError::malformed(input, "a folder without pictures"));
            }
            return Ok(Self::files(files, name, settings));
        }
        let mut pictures = Self { single: true, ..Self::files([path.to_path_buf()], name, settings) };
        let (file, format) = open_sniffed(path, &input)?;
        match format {
            FileFormat::Picture(PictureFormat::Gif) => {
                let limits = pictures.settings.context.limits;
                let gif = catch_panic(&input, || Gif::open(file, &limits, &input))?;
                pictures.gif = Some((gif, input));
                pictures.info.frames = None;
                pictures.files.clear();
            }
            FileFormat::Picture(_) => {}
            other => return Err(other.refuse(&input, "a picture")),
        }
        Ok(pictures)
    }

    /// Creates a source of the pictures in these files, in this order.
    ///
    /// It works like a folder: if a file cannot be read or isn't a picture, the source returns a
    /// [`SourceError::Damaged`] for it. `name` is the source's own name. No file is opened yet.
    ///
    /// ```
    /// use passerby_capture::{Images, ImagesSettings};
    /// use passerby_types::FrameSource;
    ///
    /// # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tiny.jpg");
    /// let mut slides = Images::files([path.into(), path.into()], "slides", ImagesSettings::default());
    /// assert_eq!(slides.info().frames, Some(2));
    /// assert!(slides.next_picture()?.is_some());
    /// # Ok::<(), passerby_types::SourceError>(())
    /// ```
    #[must_use]
    pub fn files(
        files: impl IntoIterator<Item = PathBuf>,
        name: impl Into<String>,
        settings: ImagesSettings,
    ) -> Self {
        let files = files.into_iter().collect::<VecDeque<_>>();
        let frames = Some(files.len() as u64);
        let info = SourceInfo { name: name.into(), frames, ..SourceInfo::default() };
        Self { info, settings, files, single: false, gif: None, next_number: 0 }
    }

    /// Reads the only or first picture of a file.
    fn read(&self, path: &Path) -> Result<Picture, SourceError> {
        let input = path.display().to_string();
        let (file, format) = open_sniffed(path, &input)?;
        let FileFormat::Picture(format) = format else { return Err(format.refuse(&input, "a picture")) };
        let SourceContext { limits, pool, .. } = &self.settings.context;
        let image = catch_panic(&input, || image_file::decode(file, format, limits, pool, &input))?;
        Ok(Picture::new(image, None))
    }
}

impl FrameSource for Images {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if let Some((gif, input)) = &mut self.gif {
            return catch_panic(input, || gif.next(&self.settings.context.pool, input));
        }
        let Some(path) = self.files.pop_front() else { return Ok(None) };
        let number = self.next_number;
        self.next_number += 1;
        match self.read(&path) {
            Ok(picture) => Ok(Some(picture)),
            Err(e) if self.single || e.class() == ErrorClass::Skip => Err(e),
            Err(e) => {
                let input = e.input().to_owned();
                let what = e.to_string();
                let what = what.strip_prefix(&format!("{input}: ")).unwrap_or(&what).to_owned();
                Err(SourceError::Damaged { input, frame: number, what })
            }
        }
    }

    fn info(&self) -> &SourceInfo {
        &self.info
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Images").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Runs a decoder and converts a panic in it to an error. Decoders of foreign formats are the least proven code here.
fn catch_panic<T>(input: &str, decode: impl FnOnce() -> Result<T, SourceError>) -> Result<T, SourceError> {
    catch_unwind(AssertUnwindSafe(decode))
        .unwrap_or_else(|_| Err(SourceError::malformed(input, "its decoder panicked")))
}
