//! Picture files, and folders of them.

mod canvas;
mod gif;
mod image_file;
mod mjpeg_file;
mod png_animation;
mod sequence;
mod several;
mod tiff_pages;
mod webp_animation;

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};

use passerby_types::{CodedDemand, ErrorClass, FrameSource, Picture, SourceError, SourceInfo};

use crate::context::SourceContext;
use crate::file::folder::list;
use crate::file::regular_file::source_name;
use crate::file::sniff::{FileFormat, PictureFormat, is_video, open_sniffed};
use sequence::{PictureSequence, catch_panic};

/// The settings of [`Images`].
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct ImagesSettings {
    /// The limits and the pool. The pool lends the buffers of rotated pictures and of GIF frames.
    pub context: SourceContext,
}

/// A picture file, or the pictures of a folder by name: JPEG, PNG, GIF, BMP, WebP, TIFF and streams of JPEG pictures. The content
/// decides, not the name.
///
/// Pictures are upright (EXIF orientation applied). They are `Gray8` if they have no colour, and `Rgb8` otherwise: 16 bits
/// per channel are scaled to 8, CMYK is converted, palettes are expanded, and transparency is dropped.
///
/// A file that holds several pictures gives all of them: an animated GIF, PNG or WebP, a TIFF of several pages, JPEG pictures one
/// after another (raw MJPEG), and the saved stream of an HTTP camera. Frames of animations have their delays as time stamps
/// (100 ms for a frame without a delay), those of JPEG streams come at 25 a second, and pages and still pictures have none. In a
/// folder, such a file gives its first picture, and a [`SourceError::Notice`] says that it holds more.
///
/// A JPEG file that was cut off is shown as far as it goes, after a [`SourceError::Notice`].
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
    sequence: Option<(Box<dyn PictureSequence>, String)>,
    /// A picture that follows a notice.
    waiting: Option<Picture>,
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
        pictures.info.format = match open_sniffed(path, &input)?.1 {
            FileFormat::Picture(format) => Some(format.to_string()),
            FileFormat::Mjpeg => Some(PictureFormat::Jpeg.to_string()),
            other => return Err(other.refuse(&input, "a picture")),
        };
        if let Some(sequence) = several::open(path, &input, &pictures.settings.context)? {
            pictures.info.codec = sequence.codec();
            pictures.sequence = Some((sequence, input));
            pictures.info.frames = None;
            pictures.files.clear();
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
        Self { info, settings, files, single: false, sequence: None, waiting: None, next_number: 0 }
    }

    /// Reads the only or first picture of a file. The text is a remark about it for the user.
    fn read(&self, path: &Path) -> Result<(Picture, Option<&'static str>), SourceError> {
        let input = path.display().to_string();
        let context = &self.settings.context;
        // A single file was checked when it was opened.
        if let Some(mut several) = if self.single { None } else { several::open(path, &input, context)? } {
            let first = catch_panic(&input, || several.next(&context.pool, &input))?;
            let first = first.ok_or_else(|| SourceError::malformed(input.clone(), "it holds no picture"))?;
            let more = catch_panic(&input, || several.next(&context.pool, &input));
            let notice =
                (!matches!(more, Ok(None))).then_some("it holds more pictures; open it alone to get all");
            return Ok((Picture { pts: None, ..first }, notice));
        }
        let (file, format) = open_sniffed(path, &input)?;
        let FileFormat::Picture(format) = format else { return Err(format.refuse(&input, "a picture")) };
        let SourceContext { limits, pool, .. } = context;
        let decoded = catch_panic(&input, || image_file::decode(file, format, None, limits, pool, &input));
        let (image, cut_off) = decoded?;
        let notice = cut_off.then_some("the picture is cut off; its missing part is grey");
        Ok((Picture::new(image, None), notice))
    }
}

impl FrameSource for Images {
    fn next_picture(&mut self) -> Result<Option<Picture>, SourceError> {
        if let Some(picture) = self.waiting.take() {
            return Ok(Some(picture));
        }
        if let Some((sequence, input)) = &mut self.sequence {
            return catch_panic(input, || sequence.next(&self.settings.context.pool, input));
        }
        let Some(path) = self.files.pop_front() else { return Ok(None) };
        let number = self.next_number;
        self.next_number += 1;
        match self.read(&path) {
            Ok((picture, None)) => Ok(Some(picture)),
            Ok((picture, Some(what))) => {
                self.waiting = Some(picture);
                Err(SourceError::notice(path.display().to_string(), what))
            }
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

    fn offer_coded(&mut self, demand: &CodedDemand) {
        self.sequence.iter_mut().for_each(|(sequence, _)| sequence.offer_coded(demand));
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Images").field("info", &self.info).finish_non_exhaustive()
    }
}
