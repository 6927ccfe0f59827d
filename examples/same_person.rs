//! Do these photos show the same person? Compares every two of them.
//!
//! ```text
//! cargo run --release --example same_person -- [PHOTO PHOTO...]
//! ```

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::path::Path;

use passerby::reid::MatchRule;

fn main() -> Result<(), passerby::Error> {
    let mut photos: Vec<String> = std::env::args().skip(1).collect();
    if photos.is_empty() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/capture/portraits");
        photos = ["obama.jpg", "obama2.jpg", "biden.jpg"].map(|name| format!("{folder}/{name}")).into();
    }

    let images = photos.iter().map(passerby::read_image).collect::<Result<Vec<_>, _>>()?;
    println!("The same person from a similarity of {:.2} on:", MatchRule::default().threshold(1));
    for (n, (photo, image)) in photos.iter().zip(&images).enumerate() {
        for (other, other_image) in photos.iter().zip(&images).skip(n + 1) {
            // A photo without a face is an error of the whole comparison, and only of this one.
            let verdict = match passerby::same_person(image, other_image) {
                Ok(verdict) => verdict,
                Err(passerby::Error::NoFace { which }) => {
                    println!("{} and {}: no face in the {which}", name(photo), name(other));
                    continue;
                }
                Err(e) => return Err(e),
            };
            let answer = if verdict.same { "the same person" } else { "two persons" };
            println!("{} and {}: {answer}, similarity {:.2}", name(photo), name(other), verdict.similarity);
        }
    }
    Ok(())
}

/// Returns the file's name without its folder.
fn name(path: &str) -> String {
    Path::new(path).file_name().map_or(path.into(), |name| name.to_string_lossy().into_owned())
}
