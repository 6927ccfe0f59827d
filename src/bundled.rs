//! The default stages: the one place that names the concrete types.

use passerby_demographics::{AttributeVote, DlibAgeGender};
use passerby_detect::{CenterFace, CenterFaceSettings};
use passerby_inference::{Backend, Engine, Model, Precision, Session};
use passerby_pipeline::{IntoStageFactory, Stages};
use passerby_reid::{Gallery, MobileFaceNet};
use passerby_track::{Sort, SortSettings};
use passerby_types::{BoxError, EmbeddingPool, Identifier};

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
    /// What all networks run on: a GPU by [`Engine::Prefer`], say, where they compute in float. What they get is said by
    /// [`networks`].
    pub engine: Engine,
    /// The tracker.
    pub tracker: SortSettings,
    /// The gallery's thresholds.
    pub gallery: passerby_reid::GalleryPolicy,
    /// When age and gender count as known.
    pub vote: passerby_demographics::VoteSettings,
}

/// What runs one of the default networks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NetworkReport {
    /// What errors call it.
    pub name: String,
    /// What runs it.
    pub backend: Backend,
    /// Why it is not on the device that [`Settings::engine`] prefers, if it is not.
    pub fallback: Option<String>,
}

impl NetworkReport {
    fn of(session: &Session) -> Self {
        let (name, fallback) = (session.model_name().to_owned(), session.fallback().map(str::to_owned));
        Self { name, backend: session.backend().clone(), fallback }
    }
}

/// What runs each network of these settings on this machine now: the detector, for pictures of 16:9, the embedder, age,
/// gender. Ask before the start where a device is preferred: the pipeline does not say it. Sessions that are made later, for other
/// shapes or more workers, or when a device is lost, fall back by themselves.
///
/// # Errors
/// As for [`stages`], and a required device that cannot be had.
pub fn networks(settings: &Settings) -> Result<Vec<NetworkReport>, BoxError> {
    let Models { detector, embedder, age, gender } = Models::new(settings)?;
    let detector = CenterFace::new(detector, &settings.detector)?;
    let (embedder, classifier) = (MobileFaceNet::new(embedder)?, DlibAgeGender::new(age, gender)?);
    let sessions = detector.sessions().chain([embedder.session()]).chain(classifier.sessions());
    Ok(sessions.map(NetworkReport::of).collect())
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
    stages_with(settings, move || Gallery::with(gallery.clone()))
}

/// As [`stages`], with persons told apart by what `identify` makes in the place of a gallery of their own: a
/// [`passerby_reid::SharedGallery`], say. [`Settings::gallery`] is not looked at.
///
/// # Errors
/// As for [`stages`].
pub fn stages_with<Kind>(
    settings: &Settings,
    identify: impl IntoStageFactory<dyn Identifier, Kind>,
) -> Result<Stages, BoxError> {
    let (detector, tracker) = (settings.detector.clone(), settings.tracker.clone());
    let vote = settings.vote;
    let Models { detector: centerface, embedder: mobilefacenet, age, gender } = Models::new(settings)?;
    let embeddings = EmbeddingPool::new(EMBEDDINGS);
    Ok(Stages::new(
        move || CenterFace::new(centerface.clone(), &detector),
        move || Sort::new(tracker.clone()),
    )
    .identifying(
        move || {
            MobileFaceNet::new(mobilefacenet.clone()).map(|network| network.with_pool(embeddings.clone()))
        },
        identify,
    )
    .classifying(move || DlibAgeGender::new(age.clone(), gender.clone()), move || AttributeVote::with(vote)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use passerby_inference::Device;
    use passerby_pipeline::{Flow, FlowSettings};
    use passerby_types::SystemClock;

    use super::*;

    #[test]
    fn a_device_is_preferred_or_required_for_all_networks() {
        let on = |engine| Settings { engine, ..Settings::default() };
        let usual = networks(&on(Engine::Auto)).unwrap();
        let preferred = networks(&on(Engine::Prefer(Device::Cuda(99)))).unwrap();
        let names = ["centerface", "mobilefacenet", "age", "gender"];
        assert_eq!((usual.len(), preferred.len()), (4, 4));
        for ((name, usual), preferred) in names.iter().zip(&usual).zip(&preferred) {
            assert!(usual.name.starts_with(name) && preferred.name == usual.name, "{}", usual.name);
            assert_eq!((&usual.fallback, &usual.backend), (&None, &preferred.backend));
            assert!(preferred.fallback.as_ref().is_some_and(|why| why.contains("cuda:99")));
        }

        let required = on(Engine::Require(Device::Cuda(99)));
        assert!(networks(&required).is_err());
        let stages = stages(&required).unwrap();
        let flow = Flow::new(stages, FlowSettings::default(), Arc::new(SystemClock::new()));
        assert!(flow.is_err_and(|e| e.to_string().contains("cuda:99")));
    }
}
