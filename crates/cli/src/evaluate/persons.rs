//! The error rates of the gallery on the pictures of a folder.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use passerby::reid::MatchRule;
use passerby::types::BoxError;

use super::open_set::{self, Draws, KNOWN_PICTURES, MIN_STRANGERS, OpenSetRow};
use super::people::People;
use super::pictures::PictureCounts;
use super::stream::{self, StreamFigures};
use crate::options::number;
use crate::outcome::Outcome;
use crate::terminal;

/// The sizes of galleries that are measured by default.
const GALLERY_SIZES: [usize; 3] = [100, 1000, 10_000];

/// Measures how often persons are missed and strangers are taken for known persons.
///
/// Each subfolder of FOLDER is a person, and each picture in it shows that person. If a picture has several faces, the largest
/// is taken if it has twice the area of the next; other pictures are left out and counted. People with four pictures or more can be
/// known. Random galleries are filled with them first and then with others, and all who are left are strangers.
///
/// FPIR is the share of strangers who are taken for a person of the gallery, FNIR the share of known people who are not recognised
/// or are taken for another. At last, all pictures are shown in random order to a gallery that knows no person.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby evaluate persons lfw/
  passerby evaluate persons --json --gallery 570 --strangers strangers/ people/
  passerby evaluate persons --fpir 0.003 people/")]
pub(crate) struct PersonsArgs {
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
    /// The share of strangers who may be taken for a known person
    #[arg(long, value_name = "X", default_value_t = 0.01, value_parser = number(1e-6..=0.5))]
    fpir: f64,
    /// The persons of a gallery; may be given again [default: 100, 1000 and 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    gallery: Vec<u32>,
    /// The number of random galleries of each size
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    draws: u32,
    /// The start of all random numbers
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A folder with one picture of each of further people
    #[arg(long, value_name = "FOLDER")]
    strangers: Option<PathBuf>,
    /// A folder with a subfolder for each person
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

/// All figures.
#[derive(Debug, serde::Serialize)]
struct PersonsReport {
    people: usize,
    /// People without a usable picture.
    people_left_out: usize,
    /// People with enough pictures to be known.
    people_to_know: usize,
    pictures: PictureCounts,
    max_fpir: f64,
    draws: u32,
    seed: u64,
    galleries: Vec<OpenSetRow>,
    /// The sizes for which there are too few people.
    galleries_left_out: Vec<usize>,
    stream: StreamFigures,
}

/// Reads the pictures and prints the figures.
///
/// # Errors
/// A folder cannot be read or has no pictures, a network fails, or standard output cannot be written.
pub(super) fn run(args: &PersonsArgs) -> Result<Outcome, BoxError> {
    let people = People::read(&args.folder, args.strangers.as_deref())?;
    if people.views.is_empty() {
        return Err(format!("{}: no picture of it can be used", args.folder.display()).into());
    }
    let report = measure(args, people)?;
    let text = if args.json { serde_json::to_string_pretty(&report)? + "\n" } else { text(&report) };
    terminal::print(&text)?;
    Ok(Outcome::Done)
}

fn measure(args: &PersonsArgs, people: People) -> Result<PersonsReport, BoxError> {
    let matching = MatchRule::ErrorRate { max_fpir: args.fpir };
    let draws = Draws { count: args.draws as usize, seed: args.seed, matching };
    let given: Vec<usize> = args.gallery.iter().map(|size| *size as usize).collect();
    let sizes = if given.is_empty() { GALLERY_SIZES.to_vec() } else { given };
    let (possible, galleries_left_out): (Vec<usize>, Vec<usize>) =
        sizes.into_iter().partition(|size| open_set::is_possible(&people.views, *size));
    let mut galleries = Vec::new();
    for size in possible {
        galleries.extend(open_set::measure(&people.views, size, &draws)?);
    }
    Ok(PersonsReport {
        people: people.views.len(),
        people_left_out: people.without_picture,
        people_to_know: people.views.iter().filter(|views| views.len() >= KNOWN_PICTURES).count(),
        stream: stream::measure(&people.views, args.seed, matching),
        pictures: people.pictures,
        max_fpir: args.fpir,
        draws: args.draws,
        seed: args.seed,
        galleries,
        galleries_left_out,
    })
}

/// Returns a share in percent, or `-` if it is not known.
fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.2}", 100.0 * share))
}

fn text(report: &PersonsReport) -> String {
    let mut out = String::new();
    let pictures = &report.pictures;
    let _ = writeln!(
        out,
        "{} people, {} pictures ({} show several faces, of which the largest was taken)",
        report.people, pictures.used, pictures.largest_of_several
    );
    for (reason, count) in &pictures.left_out {
        let _ = writeln!(out, "left out: {count} pictures, {reason}");
    }
    if report.people_left_out > 0 {
        let _ = writeln!(out, "left out: {} people, no picture that can be used", report.people_left_out);
    }
    if !report.galleries.is_empty() {
        let _ = writeln!(
            out,
            "\nGalleries, {} draws, thresholds for an FPIR of {} %\n\
             persons  known  strangers  views known/shown  threshold   FPIR %   FNIR %   FNIR % at FPIR 1 %   at 0.3 %",
            report.draws,
            100.0 * report.max_fpir
        );
    }
    for row in &report.galleries {
        let _ = writeln!(
            out,
            "{:7}  {:5}  {:9}  {:>17}  {:9.3}  {:7.2}  {:>7}  {:>19}  {:>9}",
            row.gallery,
            row.known,
            row.strangers,
            format!("{} / {}", row.views_known, row.views_shown),
            row.threshold,
            100.0 * row.fpir,
            percent(row.fnir),
            percent(row.fnir_at_fpir_1_percent),
            percent(row.fnir_at_fpir_0_3_percent)
        );
    }
    for size in &report.galleries_left_out {
        let needed = size + MIN_STRANGERS;
        let _ = writeln!(out, "left out: a gallery of {size}, which needs {needed} people");
    }
    let stream = &report.stream;
    let clusters = &stream.clusters;
    let _ = writeln!(
        out,
        "\nStream of {} pictures in random order: {} persons of {} people ({:.1} %), {} pictures unidentified\n\
         pairwise F {:.2} %, B-cubed F {:.2} %, {:.2} % of the people share a person",
        stream.pictures,
        clusters.persons,
        clusters.people,
        100.0 * clusters.persons as f64 / clusters.people.max(1) as f64,
        stream.unidentified,
        100.0 * clusters.pairwise_f,
        100.0 * clusters.b_cubed_f,
        100.0 * clusters.people_who_share
    );
    out
}
