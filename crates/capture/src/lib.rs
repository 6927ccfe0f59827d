//! placeholder

mod scene;

pub use scene::{Cast, Crowd, Person, Portrait, Scene, SceneError, SceneSettings, TruthFace, Walk, Waypoint};
