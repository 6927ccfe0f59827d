//! MobileFaceNet: turns a face into an embedding of 192 numbers.

use std::fmt;
use std::path::Path;

#[cfg(feature = "bundled")]
use passerby_inference::Bundled;
use passerby_inference::{Model, Session};
use passerby_pixels::{Border, ChannelOrder, Normalize, warp};
use passerby_types::{Embedder, Embedding, EmbeddingPool, Face, FaceChip, Image, StageError};

use crate::align::{INPUT_SIDE, picture_from_input};
use crate::error::{EmbedderError, STAGE};

/// RGB, `(v - 127.5) / 128`, as in sirius-ai/MobileFaceNet_TF, `utils/data_process.py`.
const NORMALIZE: Normalize =
    Normalize { mean: [127.5; 3], scale: [1.0 / 128.0; 3], order: ChannelOrder::Rgb };

/// The number of idle embeddings that an instance keeps, 768 bytes each. A batch of the writer and the subscribers may
/// return this many at once.
const MAX_IDLE_EMBEDDINGS: usize = 512;

/// Embeds faces with MobileFaceNet (S. Chen et al., 2018, arXiv 1804.07573): a unit vector of 192 numbers for each face.
/// The cosine of two embeddings says how alike the faces are.
///
/// The embedder aligns a face by its five landmarks ([`picture_from_input`]) and samples it directly from the picture, in
/// any pixel layout: 112x112 RGB, bilinear, black outside the picture. A batch runs face by face, so a result never
/// depends on the other faces.
///
/// On LFW's 6000 pairs 99.4 % of the verdicts are right. [`GalleryPolicy`](crate::GalleryPolicy) has a table of the
/// meaning of a cosine. All faces below about 30 pixels look alike to the network.
///
/// Instances that are made from one [`Model`] share its weights; each has only buffers of its own. An instance works on
/// one thread.
///
/// ```
/// use passerby_reid::{ALIGNED_LANDMARKS, MobileFaceNet};
/// use passerby_types::{BBox, ColorSpace, Face, Image, PixelLayout};
///
/// # #[cfg(feature = "bundled")]
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut embedder = MobileFaceNet::bundled()?;
/// let pixels = (0..112 * 112).map(|i| (i % 251) as u8).collect();
/// let image = Image::from_vec(PixelLayout::Gray8, 112, 112, ColorSpace::JPEG, pixels)?;
/// // From a detector; here the landmarks of a face that fills the picture.
/// let face = Face::new(BBox::from_xywh(20.0, 20.0, 72.0, 90.0), 0.9).with_landmarks(ALIGNED_LANDMARKS);
///
/// let embedding = embedder.embed_face(&image, &face)?.ok_or("the landmarks fit no face")?;
/// assert_eq!(embedding.as_slice().len(), MobileFaceNet::LENGTH);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "bundled"))]
/// # fn main() {}
/// ```
pub struct MobileFaceNet {
    model: Model,
    session: Session,
    pool: EmbeddingPool,
}

impl MobileFaceNet {
    /// The number of numbers in an embedding.
    pub const LENGTH: usize = 192;

    /// Creates an embedder with the bundled weights. See [`MobileFaceNet::bundled_model`].
    ///
    /// # Errors
    /// As for [`MobileFaceNet::bundled_model`].
    #[cfg(feature = "bundled")]
    pub fn bundled() -> Result<Self, EmbedderError> {
        Self::new(Self::bundled_model()?)
    }

    /// Returns the bundled network: weights of sirius-ai/MobileFaceNet_TF (Apache-2.0), stored in half precision and
    /// computed in single precision. The first call reads it; later calls return the same shared network.
    ///
    /// # Errors
    /// [`EmbedderError::Model`] if the engine cannot run the network, which means that this build is broken.
    #[cfg(feature = "bundled")]
    pub fn bundled_model() -> Result<Model, EmbedderError> {
        static NETWORK: Bundled =
            Bundled::new("mobilefacenet", include_bytes!("../models/mobilefacenet_fast_fp16.onnx"))
                .with_graph(include_bytes!("../models/mobilefacenet.graph"))
                .with_ranges(include_str!("../models/mobilefacenet.ranges"));
        Ok(NETWORK.model()?)
    }

    /// Creates an embedder with the weights of an ONNX file. It needs the feature `tract`. For several instances, read the
    /// file once with [`Model::from_path`] and use [`MobileFaceNet::new`].
    ///
    /// # Errors
    /// As for [`MobileFaceNet::new`], or if the file cannot be read. The message names the file.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, EmbedderError> {
        Self::new(Model::from_path(path)?)
    }

    /// Creates an embedder with these weights. The network must have an input `[batch, 3, 112, 112]` and `[batch, 192]`
    /// as its first output, normalised or not.
    ///
    /// Another network of this form works too, but the defaults of [`GalleryPolicy`](crate::GalleryPolicy) do not fit it.
    ///
    /// # Errors
    /// [`EmbedderError::Model`] if the network has another input or output.
    pub fn new(model: Model) -> Result<Self, EmbedderError> {
        let session = model.session_with_outputs([3, INPUT_SIDE, INPUT_SIDE], Self::LENGTH)?;
        Ok(Self { model, session, pool: EmbeddingPool::new(MAX_IDLE_EMBEDDINGS) })
    }

    /// Sets the pool that holds the embeddings. Workers that use clones of one pool share its memory.
    ///
    /// By default, each instance has its own pool, which keeps 512 idle embeddings.
    #[must_use]
    pub fn with_pool(mut self, pool: EmbeddingPool) -> Self {
        self.pool = pool;
        self
    }

    /// Returns the network's session, which has the backend of the network and the reason for it.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Embeds a face of a picture. `face` is in pixels of `image`, as a detector returns it.
    ///
    /// Returns `None` if the face cannot be aligned: it has no landmarks, or landmarks that fit no face. In a pipeline, use
    /// [`Embedder::embed`], which works on the part of a frame around each face.
    ///
    /// # Errors
    /// If the network fails, the class is `Reset`: the caller should make a new instance. If the network returns values
    /// that are not finite, the class is `Skip`: the caller should go on without this face.
    pub fn embed_face(&mut self, image: &Image, face: &Face) -> Result<Option<Embedding>, StageError> {
        if !Self::sample_face(image, face, self.session.input()) {
            return Ok(None);
        }
        let answers = self.session.run().map_err(|e| StageError::reset(STAGE, e))?;
        // Only corrupt weights give values that are not finite.
        let embedding = Embedding::new_in(&self.pool, answers.data(0));
        embedding.map(Some).map_err(|e| StageError::skip(STAGE, e))
    }

    /// Samples the face of a chip into an input of the network. Returns false, and leaves `input` as it is, if the landmarks
    /// fit no face.
    ///
    /// # Panics
    /// If `input` does not have 3 * 112 * 112 numbers.
    pub fn sample(chip: &FaceChip, input: &mut [f32]) -> bool {
        Self::sample_face(&chip.image, &chip.face, input)
    }

    fn sample_face(image: &Image, face: &Face, input: &mut [f32]) -> bool {
        let transform = face.landmarks.as_ref().and_then(picture_from_input);
        let Some(transform) = transform else { return false };
        warp(image, &transform, INPUT_SIDE, Border::Black, &NORMALIZE, input);
        true
    }
}

impl Embedder for MobileFaceNet {
    /// Embeds the faces of the chips one after another. See [`Embedder::embed`].
    ///
    /// # Errors
    /// `Reset` if the network fails, `Skip` if it returns values that are not finite. The message names the frame.
    fn embed(&mut self, chips: &[FaceChip], out: &mut [Option<Embedding>]) -> Result<(), StageError> {
        for (chip, out) in chips.iter().zip(out) {
            *out = self.embed_face(&chip.image, &chip.face).map_err(|e| e.at(&chip.meta))?;
        }
        Ok(())
    }
}

/// Prints the name of the network only.
impl fmt::Debug for MobileFaceNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MobileFaceNet({})", self.model.name())
    }
}

#[cfg(all(test, feature = "bundled"))]
mod tests {
    use std::path::PathBuf;

    use passerby_testkit::{frame, noise, suite};
    use passerby_types::{BBox, ChipPool, PixelLayout};

    use super::*;

    fn model(path: &str) -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
    }

    #[test]
    fn it_keeps_the_contract_of_an_embedder() {
        suite::embedder(|| MobileFaceNet::bundled().unwrap());
    }

    #[test]
    fn a_file_with_the_weights_loads() {
        let file = MobileFaceNet::from_path(model("models/mobilefacenet_fast_fp16.onnx"));
        assert!(format!("{:?}", file.unwrap()).contains("mobilefacenet_fast_fp16.onnx"));
    }

    #[test]
    fn an_error_names_the_file_of_another_network() {
        let error =
            MobileFaceNet::from_path(model("../demographics/models/gender-v1_fp16.onnx")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("gender-v1_fp16.onnx") && text.contains("112"), "{text}");
    }

    #[test]
    fn a_missing_file_is_a_fatal_error() {
        let error = MobileFaceNet::from_path("no such file.onnx").unwrap_err();
        assert!(error.to_string().contains("no such file.onnx"), "{error}");
        let error = StageError::from(error);
        assert_eq!(error.class(), passerby_types::ErrorClass::Fatal);
    }

    #[test]
    fn a_face_of_a_picture_embeds_like_its_chip() {
        let image = noise(PixelLayout::Rgb8, 320, 240, 7);
        let bbox = BBox::from_xywh(90.0, 40.0, 80.0, 100.0);
        let face = Face::new(bbox, 0.9).with_landmarks(suite::frontal(bbox));
        let frame = frame(0, image.clone());
        let chip = FaceChip::cut(&frame, &face, &ChipPool::default()).unwrap();
        let mut embedder = MobileFaceNet::bundled().unwrap();
        let of_chip = embedder.embed_one(&chip).unwrap().unwrap();
        let of_face = embedder.embed_face(&image, &face).unwrap().unwrap();
        assert!(of_face.cosine(&of_chip) > 0.999, "{}", of_face.cosine(&of_chip));
    }

    #[test]
    fn a_face_without_landmarks_has_no_embedding() {
        let image = noise(PixelLayout::Rgb8, 64, 64, 7);
        let face = Face::new(BBox::from_xywh(10.0, 10.0, 40.0, 40.0), 0.9);
        let mut embedder = MobileFaceNet::bundled().unwrap();
        assert_eq!(embedder.embed_face(&image, &face).unwrap(), None);
    }
}
