//! The default stages. Only this file names their concrete types.

use passerby_demographics::{AgeGender, AgeGenderModels, AttributeVote, ClassifierError, DlibAgeGender};
use passerby_detect::{YuNet, YuNetSettings};
use passerby_inference::{Backend, Engine, Model, Precision, Session};
use passerby_pipeline::{IntoStageFactory, Stages};
use passerby_reid::{EmbedderError, Gallery, MobileFaceNet};
use passerby_track::{Sort, SortSettings};
use passerby_types::{Classifier, EmbeddingPool, Identifier};

use crate::error::Error;

/// The number of idle embeddings that all embedders together keep, 768 bytes each: as many as may return at once from a batch
/// of the writer and from subscribers.
const IDLE_EMBEDDINGS: usize = 512;

/// The settings of the default stages.
///
/// ```
/// use passerby::Settings;
///
/// let mut settings = Settings::default();
/// settings.detector.min_face = 16.0; // in pixels of the picture
/// settings.gallery.matching = passerby::reid::MatchRule::ErrorRate { max_fpir: 0.001 }; // fewer false matches
/// ```
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Settings {
    /// The smallest face that the detector must find, its threshold and its limits.
    pub detector: YuNetSettings,
    /// The number format of the embedder. Embeddings of different precisions should not be compared with each other.
    pub embedder: Precision,
    /// The engine of all networks, for example a GPU with [`Engine::Prefer`]. On a device they compute in float. [`networks`]
    /// returns the engine that each network gets.
    pub engine: Engine,
    /// The settings of the tracker.
    pub tracker: SortSettings,
    /// The gallery's thresholds.
    pub gallery: passerby_reid::GalleryPolicy,
    /// The networks that estimate age and gender.
    pub attributes: AttributeNetworks,
    /// The settings of the vote that settles a track's age and gender.
    pub vote: passerby_demographics::VoteSettings,
}

/// The networks that estimate age and gender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AttributeNetworks {
    /// [`AgeGender`]: faceres together with dlib's networks.
    #[default]
    Full,
    /// [`DlibAgeGender`]: dlib's networks alone, with larger errors in a third of the time.
    Light,
}

/// The engine that runs one of the default networks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NetworkReport {
    /// The network's name, as in errors.
    pub name: String,
    /// The engine.
    pub backend: Backend,
    /// The reason if the network does not run on the device that [`Settings::engine`] prefers.
    pub fallback: Option<String>,
}

impl NetworkReport {
    fn of(session: &Session) -> Self {
        Self {
            name: session.model_name().to_owned(),
            backend: session.backend().clone(),
            fallback: session.fallback().map(str::to_owned),
        }
    }
}

/// Returns the engine of each network with these settings on this machine: detector (for pictures of 16:9), embedder, and
/// the three for age and gender.
///
/// Call it before the start if you prefer a device: the pipeline does not report a fallback. Sessions that are made later, for
/// other shapes or more workers, or after a device was lost, may fall back too.
///
/// ```
/// let networks = passerby::networks(&passerby::Settings::default())?;
/// assert_eq!(networks.len(), 5);
/// assert!(networks.iter().all(|network| network.fallback.is_none()));
/// # Ok::<(), passerby::Error>(())
/// ```
///
/// # Errors
/// As for [`stages`], and if a required device is missing.
pub fn networks(settings: &Settings) -> Result<Vec<NetworkReport>, Error> {
    let Models { detector, embedder, attributes } = Models::new(settings)?;
    let detector = YuNet::with_settings(detector, settings.detector.clone())?;
    let embedder = MobileFaceNet::new(embedder)?;
    let sessions = detector.sessions().chain([embedder.session()]);
    let mut networks: Vec<NetworkReport> = sessions.map(NetworkReport::of).collect();
    match settings.attributes {
        AttributeNetworks::Full => {
            networks.extend(AgeGender::new(attributes)?.sessions().map(NetworkReport::of));
        }
        AttributeNetworks::Light => {
            let light = DlibAgeGender::new(attributes.age, attributes.gender)?;
            networks.extend(light.sessions().map(NetworkReport::of));
        }
    }
    Ok(networks)
}

/// The networks of the default stages.
struct Models {
    detector: Model,
    embedder: Model,
    attributes: AgeGenderModels,
}

impl Models {
    fn new(settings: &Settings) -> Result<Self, Error> {
        let embedder =
            MobileFaceNet::bundled_model()?.with_precision(settings.embedder).map_err(EmbedderError::from)?;
        let AgeGenderModels { faceres, age, gender } = AgeGenderModels::bundled()?;
        let on = |model: Model| model.with_engine(settings.engine);
        Ok(Self {
            detector: on(YuNet::bundled_model()?),
            embedder: on(embedder),
            attributes: AgeGenderModels { faceres: on(faceres), age: on(age), gender: on(gender) },
        })
    }
}

/// Returns the default stages: YuNet, SORT, MobileFaceNet with a gallery, and faceres with dlib's networks for age and
/// gender, with a vote per track. All instances share the bundled weights.
///
/// # Errors
/// An [`Error`] if a network does not load: this build is broken. If a required device is missing, the pipeline's start fails
/// instead.
pub fn stages(settings: &Settings) -> Result<Stages, Error> {
    let gallery = settings.gallery.clone();
    stages_with(settings, move || Gallery::with_policy(gallery.clone()))
}

/// Returns the default stages with another identifier in place of their own gallery, for example a
/// [`passerby_reid::SharedGallery`]. [`Settings::gallery`] is ignored.
///
/// # Errors
/// As for [`stages`].
pub fn stages_with<Kind>(
    settings: &Settings,
    identifier: impl IntoStageFactory<dyn Identifier, Kind>,
) -> Result<Stages, Error> {
    let detector = settings.detector.clone();
    let tracker = settings.tracker.clone();
    let networks = settings.attributes;
    let vote = settings.vote;
    let Models { detector: yunet, embedder: mobilefacenet, attributes } = Models::new(settings)?;
    let embeddings = EmbeddingPool::new(IDLE_EMBEDDINGS);
    let embedder = move || {
        let network = MobileFaceNet::new(mobilefacenet.clone());
        network.map(|network| network.with_pool(embeddings.clone()))
    };
    let classifier = move || -> Result<Box<dyn Classifier>, ClassifierError> {
        Ok(match networks {
            AttributeNetworks::Full => Box::new(AgeGender::new(attributes.clone())?),
            AttributeNetworks::Light => {
                Box::new(DlibAgeGender::new(attributes.age.clone(), attributes.gender.clone())?)
            }
        })
    };
    Ok(Stages::new(
        move || YuNet::with_settings(yunet.clone(), detector.clone()),
        move || Sort::with_settings(tracker.clone()),
    )
    .identifying(embedder, identifier)
    .classifying(classifier, move || AttributeVote::with_settings(vote)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use passerby_inference::Device;
    use passerby_pipeline::{Flow, FlowSettings};
    use passerby_types::SystemClock;

    use super::*;

    fn on(engine: Engine) -> Settings {
        Settings { engine, ..Settings::default() }
    }

    #[test]
    fn a_missing_device_that_is_preferred_falls_back_for_every_network() {
        let usual = networks(&on(Engine::Auto)).unwrap();
        let preferred = networks(&on(Engine::Prefer(Device::Cuda(99)))).unwrap();
        let names = ["yunet", "mobilefacenet", "faceres", "age", "gender"];
        assert_eq!((usual.len(), preferred.len()), (5, 5));
        for ((name, usual), preferred) in names.iter().zip(&usual).zip(&preferred) {
            assert!(usual.name.starts_with(name) && preferred.name == usual.name, "{}", usual.name);
            assert_eq!((&usual.fallback, &usual.backend), (&None, &preferred.backend));
            assert!(preferred.fallback.as_ref().is_some_and(|why| why.contains("cuda:99")));
        }
    }

    #[test]
    fn a_missing_device_that_is_required_fails_the_start() {
        let required = on(Engine::Require(Device::Cuda(99)));
        assert!(networks(&required).is_err());
        let stages = stages(&required).unwrap();
        let flow = Flow::new(stages, FlowSettings::default(), Arc::new(SystemClock::new()));
        assert!(flow.is_err_and(|e| e.to_string().contains("cuda:99")));
    }
}
