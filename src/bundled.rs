//! The default stages: the one place that names the concrete types.

use passerby_demographics::{DlibAgeGender, Vote};
use passerby_detect::{CenterFace, CenterFaceSettings};
use passerby_inference::{Backend, Engine, Model, Precision, Session};
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
    pub embedder: Precision,
    /// What all networks run on: a GPU by [`Engine::Prefer`], say. What they got is said by [`networks`].
    pub engine: Engine,
    /// The tracker.
    pub tracker: SortSettings,
    /// The gallery's thresholds.
    pub gallery: passerby_reid::Policy,
    /// When age and gender count as known.
    pub vote: passerby_demographics::Settings,
}

/// What runs one of the default networks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Network {
    /// What errors call it.
    pub name: String,
    /// What runs it.
    pub backend: Backend,
    /// Why it is not on the device that [`Settings::engine`] prefers, if it is not.
    pub fallback: Option<String>,
}

impl Network {
    fn of(session: &Session) -> Self {
        let (name, fallback) = (session.model().to_owned(), session.fallback().map(str::to_owned));
        Self { name, backend: session.backend().clone(), fallback }
    }
}

/// What runs each network of these settings on this machine: the detector, for pictures of 16:9, the embedder, age, gender.
/// Nothing says it later: ask before the start where a device is preferred.
///
/// # Errors
/// As for [`stages`].
pub fn networks(settings: &Settings) -> Result<Vec<Network>, BoxError> {
    let Models { detector, embedder, age, gender } = Models::new(settings)?;
    let detector = CenterFace::new(detector, &settings.detector)?;
    let (embedder, classifier) = (MobileFaceNet::new(embedder)?, DlibAgeGender::new(age, gender)?);
    let sessions = detector.sessions().chain([embedder.session()]).chain(classifier.sessions());
    Ok(sessions.map(Network::of).collect())
}

/// The networks of the default stages, as the settings have them.
struct Models {
    detector: Model,
    embedder: Model,
    age: Model,
    gender: Model,
}

impl Models {
    fn new(settings: &Settings) -> Result<Self, BoxError> {
        let embedder = MobileFaceNet::bundled_model()?.with_precision(settings.embedder)?;
        let (age, gender) = DlibAgeGender::bundled_models()?;
        let on = |model: Model| model.with_engine(settings.engine);
        Ok(Self {
            detector: on(CenterFace::bundled_model()?),
            embedder: on(embedder),
            age: on(age),
            gender: on(gender),
        })
    }
}

/// CenterFace, SORT, MobileFaceNet with a gallery, and the dlib age and gender networks with a vote per track, all on
/// the bundled weights. Every instance shares them.
///
/// # Errors
/// A network that does not load: the build is broken. Where the pipeline starts, its first stages fail if a required device
/// cannot be had.
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
    let Models { detector: centerface, embedder: mobilefacenet, age, gender } = Models::new(settings)?;
    let embeddings = EmbeddingPool::new(EMBEDDINGS);
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
