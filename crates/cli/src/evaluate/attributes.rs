//! The errors of age and gender on the pictures of a folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use passerby::demographics::AgeGender;
use passerby::detect::YuNet;
use passerby::types::{BoxError, ColorSpace, Gender, Image, PixelLayout};

use super::attribute_figures::{Answer, ErrorRow, rows};
use super::people::pictures_of;
use super::pictures::{
    MainFace, PictureCounts, PictureReader, Reading, main_face, main_face_detector, read_pictures,
};
use crate::outcome::Outcome;
use crate::terminal::{self, counted};

/// The border around a picture, as a part of its shorter side. Sets of faces are often cut so close that the detector would miss them.
const BORDER: f32 = 0.3;

/// Measures the errors of age and gender.
///
/// The name of each picture in FOLDER begins with the true age and gender: AGE_GENDER_, with the gender 0 for male and 1 for female, as in
/// the pictures of UTKFace, for example 34_1_0_20170109.jpg. If a picture has several faces, the largest is taken if it has twice the
/// area of the next; other pictures are left out and counted. The border of each picture is repeated outwards before.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby evaluate attributes UTKFace/
  passerby evaluate attributes --json UTKFace/")]
pub(crate) struct AttributesArgs {
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
    /// A folder with pictures whose names begin with age and gender
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// All figures.
#[derive(Debug, serde::Serialize)]
struct AttributesReport {
    pictures: PictureCounts,
    rows: Vec<ErrorRow>,
}

/// Reads the pictures and prints the figures.
///
/// # Errors
/// The folder has no usable picture, a network fails, or standard output cannot be written.
pub(super) fn run(args: &AttributesArgs) -> Result<Outcome, BoxError> {
    let mut pictures = PictureCounts::default();
    let answers = read_pictures(&pictures_of(&args.folder), &mut pictures, AttributeReader::new)?;
    let answers: Vec<Answer> = answers.into_iter().flatten().collect();
    if answers.is_empty() {
        return Err(
            format!("{}: no picture whose name begins with age and gender", args.folder.display()).into()
        );
    }
    let report = AttributesReport { pictures, rows: rows(&answers) };
    let text = if args.json { serde_json::to_string_pretty(&report)? + "\n" } else { text(&report) };
    terminal::print(&text)?;
    Ok(Outcome::Done)
}

/// The networks of one thread.
struct AttributeReader {
    detector: YuNet,
    classifier: AgeGender,
}

impl AttributeReader {
    fn new() -> Result<Self, BoxError> {
        Ok(Self { detector: main_face_detector()?, classifier: AgeGender::bundled()? })
    }
}

impl PictureReader for AttributeReader {
    type Answer = Answer;

    /// Estimates the age and gender of the face that a picture is of.
    fn read(&mut self, path: &Path) -> Result<Reading<Answer>, BoxError> {
        let Some((years, gender)) = truth(path) else {
            return Ok(Reading::LeftOut("no age and gender in its name"));
        };
        let Ok(image) = passerby::read_image(path) else { return Ok(Reading::LeftOut("no picture")) };
        let image = with_border(&image)?;
        let MainFace { face, of_several } = match main_face(self.detector.detect_image(&image)?) {
            Ok(found) => found,
            Err(reason) => return Ok(Reading::LeftOut(reason)),
        };
        let estimate = self.classifier.classify_face(&image, &face)?;
        Ok(Reading::Used { answer: Answer { years, gender, estimate }, of_several })
    }
}

/// Returns the age and gender that the name of a picture begins with, or `None` if it does not.
fn truth(path: &Path) -> Option<(u32, Gender)> {
    let name = path.file_name()?.to_str()?;
    let mut parts = name.split('_');
    let years = parts.next()?.parse().ok().filter(|years| *years <= 120)?;
    let gender = match parts.next()? {
        "0" => Gender::Male,
        "1" => Gender::Female,
        _ => return None,
    };
    parts.next()?;
    Some((years, gender))
}

/// Returns the picture with its border repeated outwards.
fn with_border(image: &Image) -> Result<Image, BoxError> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let border = (BORDER * width.min(height) as f32) as usize;
    let rgb = image.to_rgb();
    let (wide, high) = (width + 2 * border, height + 2 * border);
    let mut bytes = Vec::with_capacity(3 * wide * high);
    for y in 0..high {
        let row = y.saturating_sub(border).min(height - 1) * width;
        for x in 0..wide {
            let at = 3 * (row + x.saturating_sub(border).min(width - 1));
            bytes.extend_from_slice(&rgb[at..at + 3]);
        }
    }
    Ok(Image::from_vec(PixelLayout::Rgb8, wide as u32, high as u32, ColorSpace::JPEG, bytes)?)
}

fn text(report: &AttributesReport) -> String {
    let mut out = String::new();
    let pictures = &report.pictures;
    let _ = writeln!(
        out,
        "{} ({} with several faces, of which the largest was taken)",
        counted(pictures.used as u64, "picture"),
        pictures.largest_of_several
    );
    for (reason, count) in &pictures.left_out {
        let _ = writeln!(out, "left out: {}, {reason}", counted(*count as u64, "picture"));
    }
    let _ = writeln!(
        out,
        "\nages      pictures  estimated %  error  too old by  age answered %  error of these  interval holds %  \
         gender answered %  right %"
    );
    for row in &report.rows {
        let percent =
            |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |s| format!("{:.1}", 100.0 * s));
        let years = |years: Option<f64>| years.map_or_else(|| "-".to_owned(), |y| format!("{y:.1}"));
        let _ = writeln!(
            out,
            "{:<9} {:>8}  {:>11}  {:>5}  {:>10}  {:>14}  {:>14}  {:>16}  {:>17}  {:>7}",
            row.ages,
            row.pictures,
            percent(row.estimated),
            years(row.error_years),
            years(row.bias_years),
            percent(row.age_answered),
            years(row.error_years_of_answered),
            percent(row.interval_holds),
            percent(row.gender_answered),
            percent(row.gender_right),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_with_age_and_gender() {
        assert_eq!(truth(Path::new("a/34_1_0_2017.jpg")), Some((34, Gender::Female)));
        assert_eq!(truth(Path::new("1_0_x.png")), Some((1, Gender::Male)));
        for other in ["34_2_0.jpg", "34_1.jpg", "x_1_0.jpg", "700_1_0.jpg", "34.jpg", "-3_1_0.jpg"] {
            assert_eq!(truth(Path::new(other)), None, "{other}");
        }
    }

    #[test]
    fn the_border_repeats_the_outermost_pixels() {
        let bytes = (0..10 * 10 * 3).map(|i| (i % 251) as u8).collect();
        let image = Image::from_vec(PixelLayout::Rgb8, 10, 10, ColorSpace::JPEG, bytes).unwrap();
        let bordered = with_border(&image).unwrap();
        assert_eq!((bordered.width(), bordered.height()), (16, 16));
        let (before, after) = (image.to_rgb(), bordered.to_rgb());
        assert_eq!(after[..3], before[..3]);
        assert_eq!(after[3 * (3 * 16 + 3)..][..3], before[..3]);
        assert_eq!(after[3 * 255..], before[3 * 99..]);
    }
}
