//! The default stages: the one place that names the concrete types.

use passerby_demographics::{DlibAgeGender, Vote};
use passerby_detect::{CenterFace, CenterFaceSettings};
use passerby_pipeline::Stages;
use passerby_reid::{Gallery, MobileFaceNet};
use passerby_track::{Sort, SortSettings};
use passerby_types::{BoxError, EmbeddingPool, Identify, StageError};

/// How many idle embeddings all embedders together keep, 768 bytes each: as many as may come back at once from a batch of the
/// writer and from subscribers.
const EMBEDDINGS: usize = 512;

/// How the default stages work.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The detector: input size, threshold, precision.
    pub detector: CenterFaceSettings,
    /// In what numbers the embedder computes. Embeddings of one precision are best compared with their like.
    pub embedder: passerby_inference::Precision,
    /// The tracker.
    pub tracker: SortSettings,
    /// The gallery's thresholds.
    pub gallery: passerby_reid::Policy,
    /// When age and gender count as known.
    pub vote: passerby_demographics::Settings,
}

/// CenterFace, SORT, MobileFaceNet with a gallery, and the dlib age and gender networks with a vote per track, all on
/// the bundled weights. Every instance shares them.
///
/// # Errors
/// A network that does not load: the build is broken.
pub fn stages(settings: &Settings) -> Result<Stages, BoxError> {
    let gallery = settings.gallery.clone();
    stages_with(settings, move || Ok(Box::new(Gallery::with(gallery.clone()))))
}

/// As [`stages`], with persons told apart by what `identify` makes in the place of a gallery of their own: a
/// [`passerby_reid::SharedGallery`], say. [`Settings::gallery`] is not looked at.
///
/// # Errors
/// As for [`stages`].
pub fn stages_with(
    settings: &Settings,
    identify: impl Fn() -> Result<Box<dyn Identify>, StageError> + Send + Sync + 'static,
) -> Result<Stages, BoxError> {
    let (detector, tracker) = (settings.detector.clone(), settings.tracker.clone());
    let vote = settings.vote;
    let centerface = CenterFace::bundled_model()?;
    let mobilefacenet = MobileFaceNet::bundled_model()?.with_precision(settings.embedder)?;
    let embeddings = EmbeddingPool::new(EMBEDDINGS);
    let (age, gender) = DlibAgeGender::bundled_models()?;
    Ok(Stages::new(
        move || Ok(Box::new(CenterFace::new(centerface.clone(), &detector)?)),
        move || Ok(Box::new(Sort::new(tracker.clone()))),
    )
    .identifying(
        move || Ok(Box::new(MobileFaceNet::new(mobilefacenet.clone())?.with_pool(embeddings.clone()))),
        identify,
    )
    .classifying(
        move || {
            let network = DlibAgeGender::new(age.clone(), gender.clone());
            Ok(Box::new(network.map_err(|e| StageError::fatal("classify", e))?))
        },
        move || Ok(Box::new(Vote::with(vote))),
    ))
}
