//! A detector's network, and the pictures that it looks at.

use passerby_inference::{Model, ModelError, Session};
use passerby_pixels::{Border, Letterbox, LetterboxScratch, Normalize, letterbox, warp};
use passerby_types::{Image, Similarity, StageError};

use crate::error::{DetectorError, STAGE};
use crate::lru_cache::LruCache;

/// The sides of the input must be multiples of the largest stride, which is 32 in both networks.
const INPUT_MULTIPLE: u32 = 32;

/// The number of sessions that an instance keeps, one for each input shape. The cameras of one installation have few
/// shapes, and second looks have a few more. If a hostile stream changes its shape at every frame, the limit bounds the memory.
const MAX_SESSIONS: usize = 12;

/// The interface of a network with `N` outputs.
pub(crate) struct NetworkInterface<const N: usize> {
    /// The network's name in errors.
    pub(crate) name: &'static str,
    /// The name of each output and its number of channels.
    pub(crate) outputs: [(&'static str, usize); N],
    /// The axis of the channels in the outputs.
    pub(crate) channel_axis: usize,
    /// The number of axes of the outputs.
    pub(crate) axes: usize,
    pub(crate) normalize: Normalize,
}

/// A network with a session for each input shape that was used lately.
pub(crate) struct Network<const N: usize> {
    model: Model,
    /// The index of each output among those of a session.
    outputs: [usize; N],
    normalize: Normalize,
    sessions: LruCache<[usize; 3], Session>,
    scratch: LetterboxScratch,
}

impl<const N: usize> Network<N> {
    /// Prepares the network for pictures of 16:9 whose longer side becomes `long_side`. If the network cannot take their
    /// shape, the first frame returns the error.
    ///
    /// # Errors
    /// [`DetectorError::Interface`] if an input or output differs. [`DetectorError::Model`] if a required device is missing.
    pub(crate) fn new(
        model: Model,
        interface: &NetworkInterface<N>,
        long_side: u32,
    ) -> Result<Self, DetectorError> {
        let mut network = Self {
            outputs: interface.find(&model)?,
            model,
            normalize: interface.normalize,
            sessions: LruCache::new(MAX_SESSIONS),
            scratch: LetterboxScratch::default(),
        };
        let usual = placement(1920, 1080, long_side).item();
        match network.sessions.get_or_insert_with(usual, || network.model.session(usual)) {
            Err(e @ ModelError::Device { .. }) => Err(e.into()),
            _ => Ok(network),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.model.name()
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.sessions.values()
    }

    /// Runs the network on a whole picture and returns its outputs.
    ///
    /// # Errors
    /// `Skip` if the network cannot take this shape, `Reset` if the engine fails.
    pub(crate) fn look(&mut self, image: &Image, place: &Letterbox) -> Result<[&[f32]; N], StageError> {
        let Self { model, outputs, normalize, sessions, scratch } = self;
        let session = session(model, sessions, place.item())?;
        letterbox(image, place, normalize, scratch, session.input());
        run(session, outputs)
    }

    /// Runs the network on a square part of a picture, whose side becomes `side` pixels, and returns its outputs. Outside the
    /// picture the part is black.
    ///
    /// # Errors
    /// As for [`Network::look`].
    pub(crate) fn look_at(
        &mut self,
        image: &Image,
        image_from_part: &Similarity,
        side: usize,
    ) -> Result<[&[f32]; N], StageError> {
        let Self { model, outputs, normalize, sessions, .. } = self;
        let session = session(model, sessions, [3, side, side])?;
        warp(image, image_from_part, side, Border::Black, normalize, session.input());
        run(session, outputs)
    }

    /// Returns the error of outputs that do not fit an input of this shape.
    pub(crate) fn misfit(&mut self, item: [usize; 3]) -> StageError {
        let shapes = match session(&self.model, &mut self.sessions, item) {
            Ok(session) => session.output_shapes().to_vec(),
            Err(e) => return e,
        };
        let name = self.model.name();
        StageError::fatal(STAGE, format!("{name}: outputs {shapes:?} do not fit the input {item:?}"))
    }
}

/// Returns the place of a picture in an input whose longer side is `long_side`, rounded up to the network's stride.
pub(crate) fn placement(width: u32, height: u32, long_side: u32) -> Letterbox {
    Letterbox::new(width, height, long_side, INPUT_MULTIPLE)
}

/// Returns the session for an input shape.
fn session<'a>(
    model: &Model,
    sessions: &'a mut LruCache<[usize; 3], Session>,
    item: [usize; 3],
) -> Result<&'a mut Session, StageError> {
    // If the network cannot take a shape, it never will, but the next frame may have another one. A device may return.
    sessions.get_or_insert_with(item, || model.session(item)).map_err(|e| match e {
        ModelError::Device { .. } => StageError::reset(STAGE, e),
        e => StageError::skip(STAGE, e),
    })
}

fn run<'a, const N: usize>(
    session: &'a mut Session,
    outputs: &[usize; N],
) -> Result<[&'a [f32]; N], StageError> {
    let answers = session.run().map_err(|e| StageError::reset(STAGE, e))?;
    Ok(outputs.map(|at| answers.data(at)))
}

impl<const N: usize> NetworkInterface<N> {
    /// Returns the index of each output among the outputs of a network.
    fn find(&self, model: &Model) -> Result<[usize; N], DetectorError> {
        let differs = |problem: String| DetectorError::Interface {
            model: model.name().to_owned(),
            network: self.name,
            problem,
        };
        let has_channels = |dims: &[Option<usize>], axes: usize, axis: usize, n: usize| {
            dims.is_empty() || (dims.len() == axes && dims[axis].is_none_or(|c| c == n))
        };
        let input = model.input();
        if !has_channels(&input.dims, 4, 1, 3) {
            let (name, dims) = (&input.name, &input.dims);
            return Err(differs(format!("input {name} is {dims:?} instead of a picture with 3 channels")));
        }
        let mut found = [0; N];
        for (at, (name, channels)) in found.iter_mut().zip(self.outputs) {
            let place = model.outputs().iter().position(|output| output.name == name);
            *at = place.ok_or_else(|| differs(format!("output {name} is missing")))?;
            let dims = &model.outputs()[*at].dims;
            if !has_channels(dims, self.axes, self.channel_axis, channels) {
                return Err(differs(format!("output {name} is {dims:?} instead of {channels} channels")));
            }
        }
        Ok(found)
    }
}
