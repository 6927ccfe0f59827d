//! CenterFace: finds faces and their five landmarks in one pass over the picture.

mod decode;
mod settings;

use std::fmt;
use std::path::Path;

#[cfg(feature = "bundled")]
use passerby_inference::Bundled;
use passerby_inference::{Model, Session};
use passerby_pixels::{Letterbox, Normalize};
use passerby_types::{Detector, Face, Frame, Image, StageError};

use self::decode::Maps;
pub use self::settings::CenterFaceSettings;
use crate::boxes::scaled;
use crate::error::DetectorError;
use crate::network::{Network, NetworkInterface, placement};
use crate::nms::nms;

/// The outputs: likelihood, size, offset, landmarks.
const INTERFACE: NetworkInterface<4> = NetworkInterface {
    name: "CenterFace",
    outputs: [("537", 1), ("538", 2), ("539", 2), ("540", 10)],
    channel_axis: 1,
    axes: 4,
    normalize: Normalize::NONE,
};

/// Finds faces with CenterFace (J. Xu et al., 2020, arXiv 1911.03599): a box, a score and five landmarks for each face.
///
/// The detector scales each picture so that its longer side is [`CenterFaceSettings::long_side`], and puts it at the top
/// left of a black input whose sides are multiples of 32 (for example 480x270 in 480x288). The network sees RGB from 0 to
/// 255. A batch runs frame by frame, so the faces of a frame never depend on the other frames.
///
/// Instances that are made from one [`Model`] share its weights and the plans for each input shape. An instance has only
/// buffers and up to twelve sessions of its own, and works on one thread.
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
    network: Network<4>,
    settings: CenterFaceSettings,
    /// The faces of single cells. Many of them may stand for one face.
    cell_faces: Vec<Face>,
    /// The number of boxes beyond `max_faces` of each frame of the last batch.
    left_out: Vec<u64>,
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
            Bundled::new("centerface", include_bytes!("../../models/centerface_fp16.onnx"))
                .with_graph(include_bytes!("../../models/centerface.graph"))
                .with_ranges(include_str!("../../models/centerface.ranges"));
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
        let model = model.with_precision(settings.precision)?;
        let network = Network::new(model, &INTERFACE, settings.long_side)?;
        Ok(Self { network, settings, cell_faces: Vec::new(), left_out: Vec::new() })
    }

    /// Returns the settings of this detector.
    #[must_use]
    pub fn settings(&self) -> &CenterFaceSettings {
        &self.settings
    }

    /// Returns the session for each input shape that was used lately, starting with 16:9. A session has the backend of the
    /// network and the reason for it.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.network.sessions()
    }

    /// Returns the place of a picture in the network's input if its longer side is scaled to `long_side` pixels. A
    /// calibration samples pictures by it.
    #[must_use]
    pub fn letterbox(image: &Image, long_side: u32) -> Letterbox {
        placement(image.width(), image.height(), long_side)
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
        self.left_out.clear();
        let left_out = self.detect_into(image, &mut faces)?;
        self.left_out.push(left_out);
        Ok(faces)
    }

    /// Replaces the contents of `out` by the faces of a picture. Returns the number of boxes beyond `max_faces`.
    fn detect_into(&mut self, image: &Image, out: &mut Vec<Face>) -> Result<u64, StageError> {
        let place = Self::letterbox(image, self.settings.long_side);
        let outputs = self.network.look(image, &place)?;
        let Some(maps) = Maps::new(place.input_width, place.input_height, outputs) else {
            return Err(self.network.misfit(place.item()));
        };
        maps.faces(self.settings.threshold, &mut self.cell_faces);
        let left_out = nms(&mut self.cell_faces, self.settings.nms_iou, self.settings.max_faces);
        let width = image.width();
        let height = image.height();
        let picture_from_input = place.image_from_input(width, height);
        let faces = self.cell_faces.iter().map(|face| scaled(face, picture_from_input));
        out.clear();
        // A face that lies entirely in the black part of the input is outside the picture.
        out.extend(faces.filter(|face| !face.bbox.clamped(width, height).is_empty()));
        Ok(left_out as u64)
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
        self.left_out.clear();
        for (frame, faces) in frames.iter().zip(faces) {
            let left_out = self.detect_into(&frame.image, faces);
            self.left_out.push(left_out.map_err(|e| e.at(&frame.meta))?);
        }
        Ok(())
    }

    fn left_out(&self, frame: usize) -> u64 {
        self.left_out.get(frame).copied().unwrap_or(0)
    }
}

/// Prints the network's name and the settings.
impl fmt::Debug for CenterFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CenterFace")
            .field("model", &self.network.name())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
