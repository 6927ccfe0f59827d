//! A gallery that sees all pictures one after another and knows no person at the start.

use std::time::Duration;

use fastrand::Rng;
use passerby::reid::{Gallery, GalleryPolicy, MatchRule};
use passerby::types::{CameraId, Identifier, Sighting, Timestamp, TrackId, TrackKey};

use super::clusters::{ClusterFigures, compare};
use super::face_reader::FaceView;

/// The figures of the stream.
#[derive(Debug, serde::Serialize)]
pub(super) struct StreamFigures {
    pub(super) pictures: usize,
    /// The pictures that became no person. Each counts as a person of its own.
    pub(super) unidentified: usize,
    #[serde(flatten)]
    pub(super) clusters: ClusterFigures,
}

/// Shows each picture once, in random order, as a photograph is shown: one view is enough for a new person.
pub(super) fn measure(people: &[Vec<FaceView>], seed: u64, matching: MatchRule) -> StreamFigures {
    let pictures =
        people.iter().enumerate().flat_map(|(who, views)| views.iter().map(move |view| (who, view)));
    let mut pictures: Vec<_> = pictures.collect();
    Rng::with_seed(seed).shuffle(&mut pictures);
    let policy = GalleryPolicy {
        matching,
        min_enroll_views: 1,
        max_persons: pictures.len().max(1),
        ..GalleryPolicy::default()
    };
    let mut gallery = Gallery::with_policy(policy);
    let mut found = Vec::new();
    let mut unidentified = 0;
    for (seq, (who, view)) in (0u64..).zip(&pictures) {
        let track = TrackKey { camera: CameraId(0), track: TrackId(seq) };
        let sighting = Sighting {
            track,
            seq,
            captured: Timestamp(Duration::from_secs(seq)),
            embedding: view.embedding.clone(),
            quality: view.quality,
            size: view.size,
        };
        gallery.identify(&[sighting], &[track]);
        let person = gallery.identity(track).person();
        gallery.end(track);
        unidentified += usize::from(person.is_none());
        // Numbers of the gallery's persons are far below these.
        found.push((*who, person.map_or(u64::MAX - seq, |person| person.0)));
    }
    StreamFigures { pictures: pictures.len(), unidentified, clusters: compare(&found) }
}

#[cfg(test)]
mod tests {
    use passerby::types::Embedding;

    use super::*;

    fn view(who: usize) -> FaceView {
        let mut values = vec![0.0; 192];
        values[who] = 1.0;
        FaceView { embedding: Embedding::new(values).expect("finite"), quality: 0.8, size: 90.0 }
    }

    #[test]
    fn people_who_differ_become_a_person_each() {
        let people: Vec<_> = (0..30).map(|who| vec![view(who); 1 + who % 3]).collect();
        let figures = measure(&people, 3, MatchRule::default());
        assert_eq!((figures.pictures, figures.unidentified), (60, 0));
        assert_eq!((figures.clusters.people, figures.clusters.persons), (30, 30));
        assert_eq!(figures.clusters.pairwise_f, 1.0);
    }

    #[test]
    fn faces_that_are_too_small_are_persons_of_their_own() {
        let small = FaceView { size: 12.0, ..view(1) };
        let figures = measure(&[vec![small; 3]], 3, MatchRule::default());
        assert_eq!((figures.unidentified, figures.clusters.persons), (3, 3));
        assert_eq!(figures.clusters.pairwise_f, 0.0);
    }
}
