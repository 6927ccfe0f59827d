//! Faces and sightings for the tests of the gallery.

use std::time::Duration;

use passerby_reid::Gallery;
use passerby_types::{CameraId, Embedding, Identifier, Identity, Sighting, Timestamp, TrackId, TrackKey};

/// Returns the face of a person. All of them are at right angles: people who have nothing in common.
pub(crate) fn face(who: usize) -> Embedding {
    toward(who, who, 1.0)
}

/// Returns a face at this cosine to `who`, with the remainder in the direction of `other`.
pub(crate) fn toward(who: usize, other: usize, cosine: f32) -> Embedding {
    let mut values = vec![0.0; 192];
    values[other] = (1.0 - cosine * cosine).max(0.0).sqrt();
    values[who] = cosine;
    Embedding::new(values).expect("finite and not zero")
}

pub(crate) fn key(track: u64) -> TrackKey {
    at(0, track)
}

pub(crate) fn at(camera: u32, track: u64) -> TrackKey {
    TrackKey { camera: CameraId(camera), track: TrackId(track) }
}

pub(crate) fn sighting(track: u64, seq: u64, embedding: Embedding) -> Sighting {
    Sighting {
        track: key(track),
        seq,
        captured: Timestamp(Duration::from_millis(40 * seq)),
        embedding,
        quality: 0.6,
        size: 80.0,
    }
}

/// Shows one track `times` times from frame `seq` on and returns its identity after that.
pub(crate) fn show(
    gallery: &mut Gallery,
    track: u64,
    seq: u64,
    times: u64,
    embedding: &Embedding,
) -> Identity {
    for i in 0..times {
        gallery.identify(&[sighting(track, seq + i, embedding.clone())], &[key(track)]);
    }
    gallery.identity(key(track))
}
