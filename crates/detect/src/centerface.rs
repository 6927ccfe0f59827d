//! CenterFace: finds faces and their five landmarks in one pass over the picture.

use std::fmt;
use std::path::Path;

#[cfg(feature = "bundled")]
use passerby_inference::Bundled;
use passerby_inference::{Model, ModelError, Session};
use passerby_pixels::{Letterbox, LetterboxScratch, Normalize, letterbox};
use passerby_types::{BBox, Detector, Face, Frame, Image, Landmarks, Point, StageError};

use crate::decode::{CHANNELS, Maps};
use crate::error::{DetectorError, STAGE};
use crate::lru_cache::LruCache;
use crate::nms::nms;
use crate::settings::CenterFaceSettings;

/// The names of the network's outputs: likelihood, size, offset, landmarks.
const OUTPUT_NAMES: [&str; 4] = ["537", "538", "539", "540"];

/// The sides of the input must be multiples of the network's largest stride.
const INPUT_MULTIPLE: u32 = 32;

/// The number of sessions that an instance keeps, one for each input shape. The cameras of one installation have few
/// shapes. If a hostile stream changes its shape at every frame, the limit bounds the memory.
const MAX_SESSIONS: usize = 8;

/// Finds faces with CenterFace (J. Xu et al., 2020, arXiv 1911.03599): a box, a score and five landmarks for each face.
///
/// The detector scales each picture so that its longer side is [`CenterFaceSettings::long_side`], and puts it at the top
/// left of a black input whose sides are multiples of 32 (for example 480x270 in 480x288). The network sees RGB from 0 to
/// 255. A batch runs frame by frame, so the faces of a frame never depend on the other frames.
///
/// Instances that are made from one [`Model`] share its weights and the plans for each input shape. An instance has only
/// buffers and up to eight sessions of its own, and works on one thread.
///
/// Boxes and landmarks are in pixels of the upright picture. Every box has an area and lies at least partly inside the
/// picture, and all numbers are finite. A box may reach outside the picture by the rounding of the scaled size, and a
/// landmark may lie anywhere.
///
/// ```
/// use passerby_detect::CenterFace;
/// use passerby_types::{ColorSpace, Image, PixelLayout};
///
/// # #[cfg(feature = "bundled")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let grey = vec![128; 320 * 180];
/// let image = Image::from_vec(PixelLayout::Gray8, 320, 180, ColorSpace::JPEG, grey)?;
/// let mut detector = CenterFace::bundled()?;
/// assert!(detector.detect_image(&image)?.is_empty());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bundled"))]
/// # fn main() {}
/// ```
pub struct CenterFace {
    model: Model,
    /// The index of each of [`OUTPUT_NAMES`] among the session's outputs.
    outputs: [usize; 4],
    settings: CenterFaceSettings,
    sessions: LruCache<[usize; 3], Session>,
    scratch: LetterboxScratch,
    /// The faces of single cells. Many of them may stand for one face.
    cell_faces: Vec<Face>,
}

impl CenterFace {
    /// Creates a detector with the bundled weights and the default settings.
    ///
    /// For other settings, call [`CenterFace::with_settings`] with [`CenterFace::bundled_model`].
    ///
    /// # Errors
    /// As for [`CenterFace::bundled_model`].
    #[cfg(feature = "bundled")]
    pub fn bundled() -> Result<Self, DetectorError> {
        Self::new(Self::bundled_model()?)
    }

    /// Returns the bundled network: weights of Star-Clouds/CenterFace (MIT), stored in half precision and computed in single
    /// precision. The first call reads it; later calls return the same shared network.
    ///
    /// # Errors
    /// [`DetectorError::Model`] if the engine cannot run the network, which means that this build is broken.
    #[cfg(feature = "bundled")]
    pub fn bundled_model() -> Result<Model, DetectorError> {
        static NETWORK: Bundled =
            Bundled::new("centerface", include_bytes!("../models/centerface_fp16.onnx"))
                .with_graph(include_bytes!("../models/centerface.graph"))
                .with_ranges(include_str!("../models/centerface.ranges"));
        Ok(NETWORK.model()?)
    }

    /// Creates a detector with the weights of an ONNX file and the default settings. It needs the feature `tract`.
    ///
    /// For several instances, or for other settings, read the file once with [`Model::from_path`] and use
    /// [`CenterFace::with_settings`].
    ///
    /// # Errors
    /// As for [`CenterFace::new`], or if the file cannot be read. The message names the file.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, DetectorError> {
        Self::new(Model::from_path(path)?)
    }

    /// Creates a detector with these weights and the default settings.
    ///
    /// # Errors
    /// As for [`CenterFace::with_settings`].
    pub fn new(model: Model) -> Result<Self, DetectorError> {
        Self::with_settings(model, CenterFaceSettings::default())
    }

    /// Creates a detector with these weights and settings. The network must have an input `[batch, 3, height, width]` and
    /// the outputs 537 to 540.
    ///
    /// The detector prepares the network for 16:9 pictures, which most cameras send.
    ///
    /// ```
    /// use passerby_detect::{CenterFace, CenterFaceSettings};
    ///
    /// # #[cfg(feature = "bundled")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // Close cameras show large faces, so a small input is enough.
    /// let settings = CenterFaceSettings { long_side: 320, ..CenterFaceSettings::default() };
    /// let detector = CenterFace::with_settings(CenterFace::bundled_model()?, settings)?;
    /// assert_eq!(detector.settings().long_side, 320);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bundled"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`DetectorError::Interface`] if the network is not CenterFace. [`DetectorError::Setting`] if a setting is outside its
    /// range. [`DetectorError::Model`] if the network has no ranges for the precision, or if a required device is missing.
    pub fn with_settings(model: Model, settings: CenterFaceSettings) -> Result<Self, DetectorError> {
        settings.check()?;
        let mut detector = Self {
            outputs: find_outputs(&model)?,
            model: model.with_precision(settings.precision)?,
            settings,
            sessions: LruCache::new(MAX_SESSIONS),
            scratch: LetterboxScratch::default(),
            cell_faces: Vec::new(),
        };
        // If the network cannot take this shape, the first frame returns the error.
        let usual = Letterbox::new(1920, 1080, detector.settings.long_side, INPUT_MULTIPLE).item();
        match detector.sessions.get_or_insert_with(usual, || detector.model.session(usual)) {
            Err(e @ ModelError::Device { .. }) => Err(e.into()),
            _ => Ok(detector),
        }
    }

    /// Returns the settings of this detector.
    #[must_use]
    pub fn settings(&self) -> &CenterFaceSettings {
        &self.settings
    }

    /// Returns the session for each input shape that was used lately, starting with 16:9. A session has the backend of the
    /// network and the reason for it.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// Returns the place of a picture in the network's input if its longer side is scaled to `long_side` pixels. A
    /// calibration samples pictures by it.
    #[must_use]
    pub fn letterbox(image: &Image, long_side: u32) -> Letterbox {
        Letterbox::new(image.width(), image.height(), long_side, INPUT_MULTIPLE)
    }

    /// Returns the faces of a picture: best score first, in pixels of the upright picture. The list is empty if there are no
    /// faces.
    ///
    /// It allocates the list. For many frames, [`Detector::detect`] uses lists that the caller keeps.
    ///
    /// ```
    /// use passerby_detect::CenterFace;
    /// use passerby_types::{ColorSpace, Image, PixelLayout};
    ///
    /// # #[cfg(feature = "bundled")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pixels = vec![90; 3 * 320 * 180];
    /// let image = Image::from_vec(PixelLayout::Rgb8, 320, 180, ColorSpace::JPEG, pixels)?; // pixels of your own
    /// let mut detector = CenterFace::bundled()?;
    /// for face in detector.detect_image(&image)? {
    ///     println!("{:.0} pixels wide, score {:.2}", face.bbox.width(), face.score);
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bundled"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// As for [`Detector::detect`], but the error names no frame.
    pub fn detect_image(&mut self, image: &Image) -> Result<Vec<Face>, StageError> {
        let mut faces = Vec::new();
        self.detect_into(image, &mut faces)?;
        Ok(faces)
    }

    /// Replaces the contents of `out` by the faces of a picture.
    fn detect_into(&mut self, image: &Image, out: &mut Vec<Face>) -> Result<(), StageError> {
        let place = Self::letterbox(image, self.settings.long_side);
        // If the network cannot take a shape, it never will, but the next frame may have another one. A device may return.
        let session = self
            .sessions
            .get_or_insert_with(place.item(), || self.model.session(place.item()))
            .map_err(|e| match e {
                ModelError::Device { .. } => StageError::reset(STAGE, e),
                e => StageError::skip(STAGE, e),
            })?;

        letterbox(image, &place, &Normalize::NONE, &mut self.scratch, session.input());
        let answers = session.run().map_err(|e| StageError::reset(STAGE, e))?;

        let maps = self.outputs.map(|at| answers.data(at));
        let maps = Maps::new(place.input_width, place.input_height, maps).ok_or_else(|| {
            let shapes: Vec<&[usize]> = (0..answers.len()).map(|at| answers.shape(at)).collect();
            let name = self.model.name();
            let item = place.item();
            StageError::fatal(STAGE, format!("{name}: outputs {shapes:?} do not fit the input {item:?}"))
        })?;
        maps.faces(self.settings.threshold, &mut self.cell_faces);
        nms(&mut self.cell_faces, self.settings.nms_iou, self.settings.max_faces);
        let width = image.width();
        let height = image.height();
        let picture_from_input = place.image_from_input(width, height);
        let faces = self.cell_faces.iter().map(|face| scaled(face, picture_from_input));
        out.clear();
        // A face that lies entirely in the black part of the input is outside the picture.
        out.extend(faces.filter(|face| !face.bbox.clamped(width, height).is_empty()));
        Ok(())
    }
}

impl Detector for CenterFace {
    /// Finds the faces of the frames one after another. See [`Detector::detect`].
    ///
    /// The first frame with another shape than 16:9 takes some tens of milliseconds longer, because the detector must
    /// prepare the network for it.
    ///
    /// # Errors
    /// `Skip` if the network cannot take a picture of this shape, `Reset` if the engine fails, `Fatal` if the outputs are
    /// not those of CenterFace. The message names the frame.
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        for (frame, faces) in frames.iter().zip(faces) {
            self.detect_into(&frame.image, faces).map_err(|e| e.at(&frame.meta))?;
        }
        Ok(())
    }
}

/// Prints the network's name and the settings.
impl fmt::Debug for CenterFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CenterFace")
            .field("model", &self.model.name())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Returns the index of each of [`OUTPUT_NAMES`] among the outputs of a network.
fn find_outputs(model: &Model) -> Result<[usize; 4], DetectorError> {
    let differs = |problem: String| DetectorError::Interface { model: model.name().to_owned(), problem };
    let has_channels = |dims: &[Option<usize>], n: usize| match dims {
        [_, c, _, _] => c.is_none_or(|c| c == n),
        dims => dims.is_empty(),
    };
    let input = model.input();
    if !has_channels(&input.dims, 3) {
        return Err(differs(format!(
            "input {} is {:?} instead of a picture with 3 channels",
            input.name, input.dims
        )));
    }
    let mut found = [0; 4];
    for ((at, name), n) in found.iter_mut().zip(OUTPUT_NAMES).zip(CHANNELS) {
        let place = model.outputs().iter().position(|o| o.name == name);
        *at = place.ok_or_else(|| differs(format!("output {name} is missing")))?;
        let dims = &model.outputs()[*at].dims;
        if !has_channels(dims, n) {
            return Err(differs(format!("output {name} is {dims:?} instead of a map with {n} channels")));
        }
    }
    Ok(found)
}

/// Returns the face in pixels of a picture that is larger by these factors.
fn scaled(face: &Face, (x, y): (f32, f32)) -> Face {
    let BBox { x1, y1, x2, y2 } = face.bbox;
    Face {
        bbox: BBox::new(x1 * x, y1 * y, x2 * x, y2 * y),
        score: face.score,
        landmarks: face.landmarks.map(|l| Landmarks(l.0.map(|p| Point::new(p.x * x, p.y * y)))),
    }
}
