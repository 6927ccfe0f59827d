//! Which faces are in this photo? Prints them, and writes a copy of the photo with a box, age and gender at each.
//!
//! ```text
//! cargo run --release --example faces_in_photo -- [INPUT [OUT.jpg]]
//! ```
//!
//! The input is a photo, or a video or camera of which the first picture is used.

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use passerby::annotate::{AnnotateSettings, Annotator};
use passerby::demographics::AgeGender;
use passerby::detect::YuNet;
use passerby::types::{BoxError, ChipPool, Classifier, FaceChip, Frame, FrameMeta, ObservedFace};

fn main() -> Result<(), BoxError> {
    // The clip from a moment at which three people are in the picture.
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/passersby.mp4?offset=3.6s").to_owned();
    let default_output = std::env::temp_dir().join("faces.jpg").display().to_string();
    let mut arguments = std::env::args().skip(1);
    let input = arguments.next().unwrap_or(clip);
    let output = arguments.next().unwrap_or(default_output);

    let picture = passerby::capture::open(&input)?.next_picture()?.ok_or("the input has no picture")?;
    let frame = Frame::new(FrameMeta::new(0, 0), picture.image);
    let faces = YuNet::bundled()?.detect_image(&frame.image)?;
    println!("{input}: {} faces", faces.len());

    // The annotator draws the observations of a pipeline: a box with a number, and attributes if they are known.
    let mut classifier = AgeGender::bundled()?;
    let mut observed = Vec::new();
    for (number, face) in (1..).zip(&faces) {
        let chip = FaceChip::cut(&frame, face, &ChipPool::default())?;
        let attributes = classifier.classify_one(&chip)?;
        let age = attributes.and_then(|known| known.certain_age());
        let center = face.bbox.center();
        println!(
            "{number}: at ({:.0}, {:.0}), {:.0} pixels wide, score {:.2}, {}",
            center.x,
            center.y,
            face.bbox.width(),
            face.score,
            age.map_or("of unknown age".into(), |age| format!("{:.0} to {:.0} years old", age.low, age.high))
        );
        observed.push(ObservedFace { face: Some(*face), attributes, ..ObservedFace::new(number, face.bbox) });
    }

    // It draws into the picture's own layout, so a picture of a camera needs no conversion.
    let mut image = (*frame.image).clone();
    Annotator::new(AnnotateSettings::default()).draw(&mut image, &observed);
    passerby::write_image(&output, &image)?;
    println!("{output}");
    Ok(())
}
