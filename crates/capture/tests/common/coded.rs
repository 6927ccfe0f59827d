//! A viewer of coded pictures, which decodes them with the decoder of this crate.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use passerby_capture::{AccessUnit, RustyDecoder, VideoDecoder};
use passerby_types::{CodedDemand, CodedPicture, ErrorClass, FramePool, FrameSource, Picture, SourceError};

/// The pictures of a source, and those with coded data.
#[derive(Default)]
pub struct Watched {
    pub pictures: Vec<Picture>,
    /// The number of pictures without coded data.
    pub bare: usize,
    pub end: Option<SourceError>,
}

/// Reads a source for a viewer to its end, or until this number of pictures has come.
pub fn watch(source: &mut dyn FrameSource, limit: usize) -> Watched {
    let demand = CodedDemand::default();
    source.offer_coded(&demand);
    let _request = demand.request();
    let mut watched = Watched::default();
    while watched.pictures.len() < limit {
        match source.next_picture() {
            Ok(Some(picture)) => {
                watched.bare += usize::from(picture.coded.is_none());
                watched.pictures.push(picture);
            }
            Ok(None) => break,
            Err(e) if e.class() == ErrorClass::Skip => {}
            Err(e) => watched.end = Some(e),
        }
    }
    watched
}

impl Watched {
    /// Returns the coded pictures in decoding order, with their presentation times.
    pub fn coded(&self) -> Vec<(Arc<CodedPicture>, Duration)> {
        let timed = |picture: &Picture| Some((picture.coded.clone()?, picture.pts?));
        let mut coded: Vec<_> = self.pictures.iter().filter_map(timed).collect();
        coded.sort_by_key(|(coded, _)| (coded.stream, coded.number));
        coded
    }
}

/// Decodes pictures in decoding order from the first key frame of each stream on, as a viewer does that knows nothing but them.
pub fn decode(coded: &[(Arc<CodedPicture>, Duration)]) -> Vec<Picture> {
    let mut out = Vec::new();
    for stream in coded.chunk_by(|(a, _), (b, _)| a.stream == b.stream) {
        let mut decoder = RustyDecoder::new(FramePool::default(), 1 << 22);
        let mut begun = false;
        for (coded, pts) in stream {
            begun |= coded.key;
            if !begun {
                continue;
            }
            let sets = if coded.key { &coded.parameter_sets[..] } else { &[] };
            let data = [sets, &coded.data].concat();
            decoder.decode(AccessUnit { data: &data, pts: Some(*pts) }, &mut out).expect("a whole stream");
        }
        decoder.flush(&mut out);
    }
    out
}

/// Checks that the coded pictures decode to the pictures that the source gave, with the same times, except the first `missing`.
pub fn same_pictures(watched: &Watched, missing: usize) {
    let decoded = decode(&watched.coded());
    let want = &watched.pictures[missing..];
    assert_eq!(decoded.len(), want.len());
    for (i, (got, want)) in decoded.iter().zip(want).enumerate() {
        assert_eq!(
            (got.pts, crate::common::checksum(&got.image)),
            (want.pts, crate::common::checksum(&want.image)),
            "picture {i}"
        );
        let coded = want.coded.as_ref().expect("coded data");
        assert_eq!((coded.width, coded.height), (want.image.width(), want.image.height()), "picture {i}");
    }
}
