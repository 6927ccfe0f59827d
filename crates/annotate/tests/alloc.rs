//! Drawing allocates nothing once the letters are known.
#![allow(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

#[path = "../../pipeline/tests/support/counted.rs"]
mod counted;

use passerby_annotate::{AnnotateSettings, Annotator};
use passerby_testkit::suite::observation;
use passerby_testkit::{LAYOUTS, noise};

// The harness has threads of its own, whose memory would count.
fn main() {
    let faces = observation(0, 0).faces;
    for layout in LAYOUTS {
        let settings = AnnotateSettings { blur: true, landmarks: true, ..AnnotateSettings::default() };
        let mut annotator = Annotator::new(settings);
        let mut image = noise(layout, 320, 240, 1);
        annotator.draw(&mut image, &faces);
        counted::reset();
        counted::count(true);
        annotator.draw(&mut image, &faces);
        counted::count(false);
        assert_eq!(counted::taken(), (0, 0), "{layout:?}");
    }
}
