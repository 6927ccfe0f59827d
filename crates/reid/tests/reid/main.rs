//! The tests of the gallery, in one program.

mod enrollment;
mod gallery;
mod moved_faces;
mod scene;
mod serde;
mod strangers;
mod suggestions;
