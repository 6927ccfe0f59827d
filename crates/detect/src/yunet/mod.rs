//! YuNet: finds faces and their five landmarks in one pass over the picture, and looks again if it is in doubt.

mod decode;
mod large_faces;
mod second_look;
mod settings;

use std::fmt;
use std::path::Path;

#[cfg(feature = "bundled")]
use passerby_inference::Bundled;
use passerby_inference::{Model, Session};
use passerby_pixels::{ChannelOrder, Letterbox, Normalize};
use passerby_types::{Detector, Face, Frame, FrameMeta, Image, StageError};

use self::decode::{Grids, OUTPUTS};
use self::second_look::WEAK_SCORE;
pub use self::settings::YuNetSettings;
use crate::boxes::{is_finite, scaled};
use crate::error::DetectorError;
use crate::network::{Network, NetworkInterface, placement};
use crate::nms::nms;

const INTERFACE: NetworkInterface<12> = NetworkInterface {
    name: "YuNet",
    outputs: OUTPUTS,
    channel_axis: 2,
    axes: 3,
    normalize: YuNet::NORMALIZE,
};

/// The cells with a face, and the faces, that a picture rarely exceeds. Lists have room for them from the start.
const USUAL_CELLS: usize = 1024;
const USUAL_FACES: usize = 32;

/// The score that a weak face needs if it gets no second look because others were better.
const UNSEEN_THRESHOLD: f32 = 0.65;

/// Finds faces with YuNet (W. Wu et al., Machine Intelligence Research 20, 2023): a box, a score and five landmarks for each
/// face.
///
/// The detector scales each picture to a size that follows from [`YuNetSettings::min_face`], and puts it at the top left of a
/// black input whose sides are multiples of 32 (for example 544x306 in 544x320). The network sees BGR from 0 to 255, as in
/// OpenCV's `FaceDetectorYN`.
///
/// It looks again in two cases. If a face seems to be larger in the input than those that the network was trained for, it looks
/// at a smaller copy of the picture. If the score of a small face is neither high nor low, it looks at an enlarged copy of the
/// face's place, and the score becomes the mean of both. A batch runs frame by frame, so the faces of a frame never depend
/// on the other frames.
///
/// Instances that are made from one [`Model`] share its weights and the plans for each input shape. An instance has only
/// buffers and up to twelve sessions of its own, and works on one thread.
///
/// Boxes and landmarks are in pixels of the upright picture. Every box has an area and lies at least partly inside the
/// picture, and all numbers are finite. Boxes and landmarks may reach outside the picture.
///
/// ```
/// use passerby_detect::YuNet;
/// use passerby_types::{ColorSpace, Image, PixelLayout};
///
/// # #[cfg(feature = "bundled")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let grey = vec![128; 320 * 180];
/// let image = Image::from_vec(PixelLayout::Gray8, 320, 180, ColorSpace::JPEG, grey)?;
/// let mut detector = YuNet::bundled()?;
/// assert!(detector.detect_image(&image)?.is_empty());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bundled"))]
/// # fn main() {}
/// ```
pub struct YuNet {
    network: Network<12>,
    settings: YuNetSettings,
    /// The faces of the last look: first those of single cells, in pixels of its input, of which many may stand for one face.
    look: Vec<Face>,
    /// The faces of the picture so far, in its pixels.
    found: Vec<Face>,
    /// The number of boxes beyond `max_faces` of each frame of the last batch.
    left_out: Vec<u64>,
}

impl YuNet {
    /// How pixels become numbers of the input: blue, green, red, 0 to 255.
    pub const NORMALIZE: Normalize = Normalize { order: ChannelOrder::Bgr, ..Normalize::NONE };

    /// Creates a detector with the bundled weights and the default settings.
    ///
    /// For other settings, call [`YuNet::with_settings`] with [`YuNet::bundled_model`].
    ///
    /// # Errors
    /// As for [`YuNet::bundled_model`].
    #[cfg(feature = "bundled")]
    pub fn bundled() -> Result<Self, DetectorError> {
        Self::new(Self::bundled_model()?)
    }

    /// Returns the bundled network: the weights of opencv_zoo's `face_detection_yunet_2023mar` (MIT). The first call reads it;
    /// later calls return the same shared network.
    ///
    /// # Errors
    /// [`DetectorError::Model`] if the engine cannot run the network, which means that this build is broken.
    #[cfg(feature = "bundled")]
    pub fn bundled_model() -> Result<Model, DetectorError> {
        static NETWORK: Bundled = Bundled::new("yunet", include_bytes!("../../models/yunet.onnx"))
            .with_graph(include_bytes!("../../models/yunet.graph"));
        Ok(NETWORK.model()?)
    }

    /// Creates a detector with the weights of an ONNX file and the default settings. It needs the feature `tract`.
    ///
    /// For several instances, or for other settings, read the file once with [`Model::from_path`] and use
    /// [`YuNet::with_settings`].
    ///
    /// # Errors
    /// As for [`YuNet::new`], or if the file cannot be read. The message names the file.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, DetectorError> {
        Self::new(Model::from_path(path)?)
    }

    /// Creates a detector with these weights and the default settings.
    ///
    /// # Errors
    /// As for [`YuNet::with_settings`].
    pub fn new(model: Model) -> Result<Self, DetectorError> {
        Self::with_settings(model, YuNetSettings::default())
    }

    /// Creates a detector with these weights and settings. The network must have an input `[batch, 3, height, width]` and
    /// the outputs `cls_S`, `obj_S`, `bbox_S` and `kps_S` for S of 8, 16 and 32.
    ///
    /// The detector prepares the network for 1920x1080.
    ///
    /// ```
    /// use passerby_detect::{YuNet, YuNetSettings};
    ///
    /// # #[cfg(feature = "bundled")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // Close cameras show large faces, so a small input is enough.
    /// let settings = YuNetSettings { long_side: Some(320), ..YuNetSettings::default() };
    /// let detector = YuNet::with_settings(YuNet::bundled_model()?, settings)?;
    /// assert_eq!(detector.settings().long_side, Some(320));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "bundled"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`DetectorError::Interface`] if the network is not YuNet. [`DetectorError::Setting`] if a setting is outside its range.
    /// [`DetectorError::Model`] if a required device is missing.
    pub fn with_settings(model: Model, settings: YuNetSettings) -> Result<Self, DetectorError> {
        settings.check()?;
        let network = Network::new(model, &INTERFACE, settings.input_long_side(1920, 1080, 1.0))?;
        let look = Vec::with_capacity(USUAL_CELLS);
        let found = Vec::with_capacity(USUAL_CELLS);
        Ok(Self { network, settings, look, found, left_out: Vec::new() })
    }

    /// Returns the settings of this detector.
    #[must_use]
    pub fn settings(&self) -> &YuNetSettings {
        &self.settings
    }

    /// Returns the session for each input shape that was used lately. A new detector has that for 1920x1080. A session has the
    /// backend of the network and the reason for it.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.network.sessions()
    }

    /// Returns the place of a picture in the network's input if its longer side is scaled to `long_side` pixels. A
    /// calibration samples pictures by it.
    #[must_use]
    pub fn letterbox(image: &Image, long_side: u32) -> Letterbox {
        placement(image.width(), image.height(), long_side)
    }

    /// Returns the faces of a photograph: best score first, in pixels of the upright picture. The list is empty if there are
    /// no faces. The detector looks with [`FrameMeta::PHOTO_DETAIL`]. Afterwards [`Detector::left_out`] counts for frame 0 the boxes
    /// beyond `max_faces`.
    ///
    /// It allocates the list. For many frames, [`Detector::detect`] uses lists that the caller keeps.
    ///
    /// ```
    /// use passerby_detect::YuNet;
    /// use passerby_types::{ColorSpace, Image, PixelLayout};
    ///
    /// # #[cfg(feature = "bundled")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pixels = vec![90; 3 * 320 * 180];
    /// let image = Image::from_vec(PixelLayout::Rgb8, 320, 180, ColorSpace::JPEG, pixels)?; // pixels of your own
    /// let mut detector = YuNet::bundled()?;
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
        self.left_out.clear();
        let left_out = self.detect_into(image, FrameMeta::PHOTO_DETAIL, &mut faces)?;
        self.left_out.push(left_out);
        Ok(faces)
    }

    /// Replaces the contents of `out` by the faces of a picture. Returns the number of boxes beyond `max_faces`.
    fn detect_into(&mut self, image: &Image, detail: f32, out: &mut Vec<Face>) -> Result<u64, StageError> {
        let width = image.width();
        let height = image.height();
        let long_side = self.settings.input_long_side(width, height, detail);
        let place = placement(width, height, long_side);
        let mut left_out = self.look_at_copy(image, &place)?;
        let smaller = large_faces::smaller_long_side(&self.look, long_side);
        self.scale_look(place.image_from_input(width, height));
        self.found.clear();
        self.found.extend_from_slice(&self.look);
        if let Some(smaller) = smaller {
            let place = placement(width, height, smaller);
            left_out += self.look_at_copy(image, &place)?;
            self.scale_look(place.image_from_input(width, height));
            large_faces::replace(&mut self.found, &self.look, long_side as f32 / width.max(height) as f32);
            left_out += nms(&mut self.found, self.settings.nms_iou, self.settings.max_faces);
        }
        // A face that lies entirely in the black part of the input is outside the picture.
        self.found.retain(|face| is_finite(face) && !face.bbox.clamped(width, height).is_empty());
        self.look_again(image)?;
        out.clear();
        // The number of faces changes all the time. A list that has room for the usual ones never grows for them.
        out.reserve(self.found.len().max(USUAL_FACES));
        out.extend_from_slice(&self.found);
        Ok(left_out as u64)
    }

    /// Looks at a scaled copy of the picture. Afterwards `look` has its faces, weak ones too, in pixels of the input. Returns the
    /// number of boxes beyond `max_faces`.
    fn look_at_copy(&mut self, image: &Image, place: &Letterbox) -> Result<usize, StageError> {
        let outputs = self.network.look(image, place)?;
        let Some(grids) = Grids::new(place.input_width, place.input_height, outputs) else {
            return Err(self.network.misfit(place.item()));
        };
        grids.faces(WEAK_SCORE.min(self.settings.threshold), &mut self.look);
        Ok(nms(&mut self.look, self.settings.nms_iou, self.settings.max_faces))
    }

    /// Turns the faces of the last look into pixels of the picture.
    fn scale_look(&mut self, picture_from_input: (f32, f32)) {
        self.look.iter_mut().for_each(|face| *face = scaled(face, picture_from_input));
    }

    /// Looks again at the places of weak faces. Afterwards `found` has only the faces that are reported, best first.
    fn look_again(&mut self, image: &Image) -> Result<(), StageError> {
        let mut looks = self.settings.second_looks;
        let threshold = self.settings.threshold;
        let mut kept = 0;
        for at in 0..self.found.len() {
            let mut face = self.found[at];
            let mut needed = threshold;
            if self.settings.second_looks > 0 && second_look::is_weak(&face) {
                let cost = second_look::cost(&face);
                if looks >= cost {
                    looks -= cost;
                    face.score = self.second_score(image, &face)?;
                } else {
                    needed = threshold.max(UNSEEN_THRESHOLD);
                }
            }
            if face.score >= needed {
                self.found[kept] = face;
                kept += 1;
            }
        }
        self.found.truncate(kept);
        self.found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score));
        Ok(())
    }

    /// Returns the score of a face after a second look at its place.
    fn second_score(&mut self, image: &Image, face: &Face) -> Result<f32, StageError> {
        let side = second_look::side(face);
        let outputs = self.network.look_at(image, &second_look::picture_from_copy(face), side)?;
        let Some(grids) = Grids::new(side, side, outputs) else {
            return Err(self.network.misfit([3, side, side]));
        };
        grids.faces(0.0, &mut self.look);
        Ok(second_look::score(face, &self.look))
    }
}

impl Detector for YuNet {
    /// Finds the faces of the frames one after another. See [`Detector::detect`].
    ///
    /// The first frame of another size than 1920x1080, and the first second look of each size, take some milliseconds longer,
    /// because the detector must prepare the network for them.
    ///
    /// # Errors
    /// `Skip` if the network cannot take a picture of this shape, `Reset` if the engine fails, `Fatal` if the outputs are
    /// not those of YuNet. The message names the frame.
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        self.left_out.clear();
        for (frame, faces) in frames.iter().zip(faces) {
            let left_out = self.detect_into(&frame.image, frame.meta.detail, faces);
            self.left_out.push(left_out.map_err(|e| e.at(&frame.meta))?);
        }
        Ok(())
    }

    fn left_out(&self, frame: usize) -> u64 {
        self.left_out.get(frame).copied().unwrap_or(0)
    }
}

/// Prints the network's name and the settings.
impl fmt::Debug for YuNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("YuNet")
            .field("model", &self.network.name())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
