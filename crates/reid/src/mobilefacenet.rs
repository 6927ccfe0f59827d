//! MobileFaceNet: a face as 192 numbers.

use std::fmt;
use std::path::Path;

#[cfg(feature = "bundled")]
use passerby_inference::Bundled;
use passerby_inference::{Model, Session};
use passerby_pixels::{Border, ChannelOrder, Normalize, warp};
use passerby_types::{Embedder, Embedding, EmbeddingPool, FaceChip, StageError};

use crate::{EmbedderError, SIDE, STAGE, picture_from_input};

/// RGB, `(v - 127.5) / 128`: sirius-ai/MobileFaceNet_TF, `utils/data_process.py`.
const NORMALIZE: Normalize =
    Normalize { mean: [127.5; 3], scale: [1.0 / 128.0; 3], order: ChannelOrder::Rgb };

/// How many idle embeddings are kept, 768 bytes each: as many as may come back at once from a batch of the writer and from
/// subscribers.
const KEPT: usize = 512;

/// Embeds faces with MobileFaceNet (S. Chen et al., 2018, arXiv 1804.07573): 192 numbers of unit length, and the
/// cosine between two of them says how alike the faces are.
///
/// A face is sampled straight out of its chip, whatever the layout, by its five landmarks ([`picture_from_input`]):
/// 112x112 RGB, bilinear, black outside the picture. A batch runs face by face, so an answer never depends on the
/// other faces.
///
/// Measured on LFW's 6000 pairs: 99.4 % right. What a cosine means is in the table of [`GalleryPolicy`](crate::GalleryPolicy); a
/// face below about 30 pixels is alike to every other such face.
///
/// Instances made from one [`Model`] share its weights; an instance of its own has only buffers. One instance works
/// on one thread.
pub struct MobileFaceNet {
    model: Model,
    session: Session,
    pool: EmbeddingPool,
}

impl MobileFaceNet {
    /// How many numbers an embedding has.
    pub const LENGTH: usize = 192;

    /// MobileFaceNet with the bundled weights, which are read once a process: see [`MobileFaceNet::bundled_model`].
    ///
    /// # Errors
    /// As [`MobileFaceNet::bundled_model`].
    #[cfg(feature = "bundled")]
    pub fn bundled() -> Result<Self, EmbedderError> {
        Self::new(Self::bundled_model()?)
    }

    /// The bundled network: weights of sirius-ai/MobileFaceNet_TF (Apache-2.0), stored in half precision, computed
    /// in single. Read at the first call; every later call gives the same shared one.
    ///
    /// # Errors
    /// [`EmbedderError::Model`] where the engine does not take the network, which would be a fault of this build.
    #[cfg(feature = "bundled")]
    pub fn bundled_model() -> Result<Model, EmbedderError> {
        static NETWORK: Bundled =
            Bundled::new("mobilefacenet", include_bytes!("../models/mobilefacenet_fast_fp16.onnx"))
                .with_ranges(include_str!("../models/mobilefacenet.ranges"));
        Ok(NETWORK.model()?)
    }

    /// MobileFaceNet with the weights of an ONNX file. To make several instances, read the file once with
    /// [`Model::from_path`] and use [`MobileFaceNet::new`].
    ///
    /// # Errors
    /// [`EmbedderError`], which names the file.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, EmbedderError> {
        Self::new(Model::from_path(path)?)
    }

    /// MobileFaceNet with these weights: an input `[batch, 3, 112, 112]`, and `[batch, 192]` as the first output,
    /// normalised or not. Another network of this form works too, but the defaults of [`GalleryPolicy`](crate::GalleryPolicy) do
    /// not belong to it.
    ///
    /// # Errors
    /// [`EmbedderError::Model`] for another input or output.
    pub fn new(model: Model) -> Result<Self, EmbedderError> {
        let session = model.session_with_outputs([3, SIDE, SIDE], Self::LENGTH)?;
        Ok(Self { model, session, pool: EmbeddingPool::new(KEPT) })
    }

    /// With embeddings that lie in this pool. A clone of it shares its memory: workers that share a pool need no more together
    /// than one would, whoever of them is busy. Without this an instance has a pool of its own, which
    /// keeps 512 idle ones.
    #[must_use]
    pub fn with_pool(mut self, pool: EmbeddingPool) -> Self {
        self.pool = pool;
        self
    }

    /// The network: what runs it, and why.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Samples a face into an input of the network, as [`MobileFaceNet`] says; false, and nothing done, where its landmarks
    /// fit no face.
    ///
    /// # Panics
    /// If `input` does not have 3 * 112 * 112 numbers.
    pub fn sample(chip: &FaceChip, input: &mut [f32]) -> bool {
        let transform = chip.face.landmarks.as_ref().and_then(picture_from_input);
        let Some(transform) = transform else { return false };
        warp(&chip.image, &transform, SIDE, Border::Black, &NORMALIZE, input);
        true
    }

    fn one(&mut self, chip: &FaceChip) -> Result<Option<Embedding>, StageError> {
        if !Self::sample(chip, self.session.input()) {
            return Ok(None);
        }
        let answers = self.session.run();
        let answers = answers.map_err(|e| StageError::reset(STAGE, e).at(&chip.meta))?;
        // Numbers that are none come only from weights that are broken for this face.
        let embedding = Embedding::new_in(&self.pool, answers.data(0));
        embedding.map(Some).map_err(|e| StageError::skip(STAGE, e).at(&chip.meta))
    }
}

impl Embedder for MobileFaceNet {
    /// As [`Embedder::embed`] says.
    ///
    /// # Errors
    /// `Reset` where the network fails, `Skip` where its answer is not finite; both name the frame.
    fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
        for (chip, out) in chips.iter().zip(out) {
            *out = self.one(chip)?;
        }
        Ok(())
    }
}

/// The network only.
impl fmt::Debug for MobileFaceNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MobileFaceNet({})", self.model.name())
    }
}

#[cfg(all(test, feature = "bundled"))]
mod tests {
    use std::path::PathBuf;

    use passerby_testkit::suite;

    use super::*;

    fn model(path: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
    }

    #[test]
    fn it_is_an_embedder() {
        suite::embedder(|| MobileFaceNet::bundled().unwrap());
    }

    #[test]
    fn a_file_is_as_good_as_the_bundled_weights() {
        let file = MobileFaceNet::from_path(model("models/mobilefacenet_fast_fp16.onnx"));
        assert!(format!("{:?}", file.unwrap()).contains("mobilefacenet_fast_fp16.onnx"));
    }

    #[test]
    fn another_network_is_refused_by_name_and_shape() {
        let error =
            MobileFaceNet::from_path(model("../demographics/models/gender-v1_fp16.onnx")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("gender-v1_fp16.onnx") && text.contains("112"), "{text}");
        let error = MobileFaceNet::from_path("no such file.onnx").unwrap_err();
        assert!(error.to_string().contains("no such file.onnx"), "{error}");
        let error = StageError::from(error);
        assert_eq!(error.class(), passerby_types::ErrorClass::Fatal);
    }
}
