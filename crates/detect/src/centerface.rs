//! CenterFace: faces and their five landmarks in one pass over the picture.

use std::fmt;
use std::path::Path;

#[cfg(feature = "bundled")]
use passerby_inference::Bundled;
use passerby_inference::{Model, ModelError, Session};
use passerby_pixels::{Letterbox, LetterboxScratch, Normalize, letterbox};
use passerby_types::{BBox, Detector, Face, Frame, Image, Landmarks, Point, StageError};

use crate::decode::{CHANNELS, Maps};
use crate::recent::Recent;
use crate::{CenterFaceSettings, DetectorError, STAGE, nms};

/// The names of the network's outputs: likelihood, size, offset, landmarks.
const OUTPUTS: [&str; 4] = ["537", "538", "539", "540"];

/// The input's sides are multiples of this, the network's largest stride.
const MULTIPLE: u32 = 32;

/// Sessions an instance keeps, one an input shape. Cameras of one installation have few shapes of picture; a hostile
/// stream that changes its shape at every frame makes sessions anew but does not pile them up.
const SESSIONS: usize = 8;

/// Finds faces with CenterFace (J. Xu et al., 2020, arXiv 1911.03599): a box, a score and five landmarks each.
///
/// Each picture is scaled so that its longer side is [`CenterFaceSettings::long_side`], put at the top left of a
/// black input whose sides are multiples of 32 (480x270 in 480x288), and run as RGB from 0 to 255. A batch runs
/// frame by frame, so a frame's faces never depend on the other frames.
///
/// Instances made from one [`Model`] share its weights and the plans for each input shape; an instance of its own
/// has only buffers and up to eight sessions. One instance works on one thread.
///
/// Boxes may reach outside the picture by the rounding of its scaled size, and landmarks wherever the network puts
/// them; every box has an area and a part inside the picture, and all numbers are finite.
pub struct CenterFace {
    model: Model,
    /// Where in the session's answers each of [`OUTPUTS`] is.
    outputs: [usize; 4],
    settings: CenterFaceSettings,
    sessions: Recent<[usize; 3], Session>,
    scratch: LetterboxScratch,
    /// The faces of single cells, many of which mean one face.
    cells: Vec<Face>,
}

impl CenterFace {
    /// CenterFace with the bundled weights, which are read once a process: see [`CenterFace::bundled_model`].
    ///
    /// # Errors
    /// [`DetectorError::Setting`] for a setting outside its range.
    #[cfg(feature = "bundled")]
    pub fn bundled(settings: &CenterFaceSettings) -> Result<Self, DetectorError> {
        Self::new(Self::bundled_model()?, settings)
    }

    /// The bundled network: weights of Star-Clouds/CenterFace (MIT), stored in half precision, computed in single.
    /// Read at the first call; every later call gives the same shared one.
    ///
    /// # Errors
    /// [`DetectorError::Model`] where the engine does not take the network, which would be a fault of this build.
    #[cfg(feature = "bundled")]
    pub fn bundled_model() -> Result<Model, DetectorError> {
        static NETWORK: Bundled =
            Bundled::new("centerface", include_bytes!("../models/centerface_fp16.onnx"))
                .with_ranges(include_str!("../models/centerface.ranges"));
        Ok(NETWORK.model()?)
    }

    /// CenterFace with the weights of an ONNX file. To make several instances, read the file once with
    /// [`Model::from_path`] and use [`CenterFace::new`].
    ///
    /// # Errors
    /// [`DetectorError`]; all but a wrong setting name the file.
    pub fn from_path(path: impl AsRef<Path>, settings: &CenterFaceSettings) -> Result<Self, DetectorError> {
        Self::new(Model::from_path(path)?, settings)
    }

    /// CenterFace with these weights: an input `[batch, 3, height, width]` and the outputs 537 to 540. It is ready at once
    /// for pictures of 16:9.
    ///
    /// # Errors
    /// [`DetectorError::Interface`] for another network, [`DetectorError::Setting`] for a setting outside its range,
    /// [`DetectorError::Model`] for a precision that the network has no ranges for, or a required device that cannot be had.
    pub fn new(model: Model, settings: &CenterFaceSettings) -> Result<Self, DetectorError> {
        settings.check()?;
        let mut detector = Self {
            outputs: interface(&model)?,
            model: model.with_precision(settings.precision)?,
            settings: settings.clone(),
            sessions: Recent::new(SESSIONS),
            scratch: LetterboxScratch::default(),
            cells: Vec::new(),
        };
        // Made ready for the shape that most cameras have. A network that does not take it says so at its first frame.
        let usual = Letterbox::new(1920, 1080, settings.long_side, MULTIPLE).item();
        match detector.sessions.get_or_make(usual, || detector.model.session(usual)) {
            Err(e @ ModelError::Device { .. }) => Err(e.into()),
            _ => Ok(detector),
        }
    }

    /// The settings it was made with.
    #[must_use]
    pub fn settings(&self) -> &CenterFaceSettings {
        &self.settings
    }

    /// The network for each shape of picture that was seen lately, and for 16:9 from the start: what runs it, and why.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// Where in the network's input a picture lies, at this longer side: what a calibration samples.
    #[must_use]
    pub fn place(image: &Image, long_side: u32) -> Letterbox {
        Letterbox::new(image.width(), image.height(), long_side, MULTIPLE)
    }

    fn faces(&mut self, image: &Image, out: &mut Vec<Face>) -> Result<(), StageError> {
        let place = Self::place(image, self.settings.long_side);
        // A shape the network cannot take stays so: skip these frames, others may have another. A device may come back.
        let session = self.sessions.get_or_make(place.item(), || self.model.session(place.item())).map_err(
            |e| match e {
                ModelError::Device { .. } => StageError::reset(STAGE, e),
                e => StageError::skip(STAGE, e),
            },
        )?;

        letterbox(image, &place, &Normalize::NONE, &mut self.scratch, session.input());
        let answers = session.run().map_err(|e| StageError::reset(STAGE, e))?;

        let maps = self.outputs.map(|at| answers.data(at));
        let maps = Maps::new(place.input_width, place.input_height, maps).ok_or_else(|| {
            let shapes: Vec<&[usize]> = (0..answers.len()).map(|at| answers.shape(at)).collect();
            let (name, item) = (self.model.name(), place.item());
            StageError::fatal(STAGE, format!("{name}: answers of {shapes:?} do not fit an input of {item:?}"))
        })?;
        maps.faces(self.settings.threshold, &mut self.cells);
        nms(&mut self.cells, self.settings.nms_iou, self.settings.max_faces);
        let (w, h) = (image.width(), image.height());
        let picture_from_input = place.image_from_input(w, h);
        let faces = self.cells.iter().map(|face| scaled(face, picture_from_input));
        out.clear();
        // What lies wholly in the black part of the input has no pixels.
        out.extend(faces.filter(|face| !face.bbox.clamped(w, h).is_empty()));
        Ok(())
    }
}

impl Detector for CenterFace {
    /// As [`Detector::detect`] says. The first frame of another shape than 16:9 takes some tens of milliseconds longer: the network
    /// is made ready for it.
    ///
    /// # Errors
    /// Each names the frame. `Skip`: the network cannot take a picture of this shape. `Reset`: the engine failed.
    /// `Fatal`: the network's answers are not CenterFace's.
    fn detect(&mut self, frames: &[Frame], faces: &mut [Vec<Face>]) -> Result<(), StageError> {
        for (frame, faces) in frames.iter().zip(faces) {
            self.faces(&frame.image, faces).map_err(|e| e.at(&frame.meta))?;
        }
        Ok(())
    }
}

/// The network's name and the settings.
impl fmt::Debug for CenterFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CenterFace")
            .field("model", &self.model.name())
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Where each of [`OUTPUTS`] is, in a network that has what CenterFace has.
fn interface(model: &Model) -> Result<[usize; 4], DetectorError> {
    let differs = |what: String| DetectorError::Interface { model: model.name().to_owned(), what };
    let channels = |dims: &[Option<usize>], n: usize| match dims {
        [_, c, _, _] => c.is_none_or(|c| c == n),
        dims => dims.is_empty(),
    };
    let input = model.input();
    if !channels(&input.dims, 3) {
        return Err(differs(format!(
            "input {} is {:?}, not 3 channels of a picture",
            input.name, input.dims
        )));
    }
    let mut found = [0; 4];
    for ((at, name), n) in found.iter_mut().zip(OUTPUTS).zip(CHANNELS) {
        let place = model.outputs().iter().position(|o| o.name == name);
        *at = place.ok_or_else(|| differs(format!("no output {name}")))?;
        let dims = &model.outputs()[*at].dims;
        if !channels(dims, n) {
            return Err(differs(format!("output {name} is {dims:?}, not {n} channels of a map")));
        }
    }
    Ok(found)
}

/// The face in pixels of a picture that is larger by these factors.
fn scaled(face: &Face, (x, y): (f32, f32)) -> Face {
    let BBox { x1, y1, x2, y2 } = face.bbox;
    Face {
        bbox: BBox::new(x1 * x, y1 * y, x2 * x, y2 * y),
        score: face.score,
        landmarks: face.landmarks.map(|l| Landmarks(l.0.map(|p| Point::new(p.x * x, p.y * y)))),
    }
}
