//! Measures every answer of `store::query` over a database of many observations.
//!
//! ```text
//! cargo bench -p passerby-benches --bench report -- [--rows 10000000] [--database FILE] [--rounds 5]
//! ```
//!
//! Writes the database by the sink that the program uses, a month of eight cameras, and prints how many rows a second that
//! took. `--database` keeps the file, and uses it again if it exists. Then each answer is measured: the median and the least time of
//! the rounds, with the number of its rows. The first line, `read`, is the time until the other answers can be computed.

#![allow(clippy::print_stdout, reason = "it prints a table")]

mod month;

use std::error::Error;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

use lexopt::prelude::*;
use passerby::store::Reader;
use passerby::store::query::{Answers, Period, Question, TimeZone, Timestamp};

type Failure = Box<dyn Error + Send + Sync>;
/// Computes an answer and returns its number of rows.
type Answer<'a> = Box<dyn Fn() -> Result<usize, Failure> + 'a>;

/// The number of persons in the list of the last seen.
const LAST_SEEN: usize = 50;

fn main() -> Result<(), Failure> {
    let mut rows = 10_000_000;
    let mut rounds = 5;
    let mut database = None;
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next()? {
        match arg {
            Long("rows") => rows = args.value()?.parse::<u64>()?,
            Long("rounds") => rounds = args.value()?.parse::<usize>()?.max(1),
            Long("database") => database = Some(PathBuf::from(args.value()?)),
            // An argument that Cargo passes.
            Long("bench") => {}
            _ => return Err(arg.unexpected().into()),
        }
    }
    let folder = tempfile::tempdir()?;
    let path = database.unwrap_or_else(|| folder.path().join("month.sqlite"));
    if !path.exists() {
        let start = Instant::now();
        month::write(&path, rows)?;
        let took = start.elapsed().as_secs_f64();
        println!("{rows} rows written, {:.0} a second", rows as f64 / took);
    }
    println!("{:.2} GiB", path.metadata()?.len() as f64 / f64::from(1 << 30));

    let reader = Reader::open(&path)?;
    let zone = TimeZone::get("Europe/Berlin")?;
    let whole = Question { time_zone: zone, ..Question::default() };
    let day = |number: i64| Timestamp::from_second(month::BEGIN_S + number * 86_400);
    let within = |from: i64, to: i64| -> Result<Question, Failure> {
        Ok(Question { from: Some(day(from)?), to: Some(day(to)?), ..whole.clone() })
    };
    let cameras = vec![month::camera_name(3)];
    measure("the whole month", &reader, &whole, rounds)?;
    measure("its last day", &reader, &within(29, 30)?, rounds)?;
    measure("a day in its middle", &reader, &within(15, 16)?, rounds)?;
    measure("one camera", &reader, &Question { cameras, ..whole.clone() }, rounds)
}

/// Prints the time of each answer to a question.
fn measure(title: &str, reader: &Reader, question: &Question, rounds: usize) -> Result<(), Failure> {
    let answers = Answers::read(reader, question)?;
    let someone = answers.last_seen(1).first().map(|row| row.person).ok_or("the database is empty")?;
    let queries: Vec<(&str, Answer<'_>)> = vec![
        ("read", Box::new(|| Ok(Answers::read(reader, question)?.totals().len()))),
        ("totals", Box::new(|| Ok(answers.totals().len()))),
        ("traffic by day", Box::new(|| Ok(answers.traffic(Period::Day).len()))),
        ("traffic by hour", Box::new(|| Ok(answers.traffic(Period::Hour).len()))),
        ("traffic by minute", Box::new(|| Ok(answers.traffic(Period::Minute).len()))),
        ("dwell", Box::new(|| Ok(answers.dwell().len()))),
        ("occupancy by hour", Box::new(|| Ok(answers.occupancy(Period::Hour).len()))),
        ("occupancy by minute", Box::new(|| Ok(answers.occupancy(Period::Minute).len()))),
        ("ages", Box::new(|| Ok(answers.ages().bands.len()))),
        ("genders", Box::new(|| Ok(usize::from(black_box(answers.genders()).male > 0)))),
        ("last seen", Box::new(|| Ok(answers.last_seen(LAST_SEEN).len()))),
        ("path", Box::new(|| Ok(answers.path(someone).len()))),
        ("transitions", Box::new(|| Ok(answers.transitions().len()))),
    ];
    println!("\n{title}\n  {:<22}{:>10}{:>10}{:>10}", "answer", "median ms", "least ms", "rows");
    for (name, answer) in &queries {
        let mut times = Vec::with_capacity(rounds);
        let mut rows = 0;
        for _ in 0..rounds {
            let start = Instant::now();
            rows = black_box(answer()?);
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let [median, least] = [times[rounds / 2], times[0]].map(|time| time.as_secs_f64() * 1e3);
        println!("  {name:<22}{median:>10.1}{least:>10.1}{rows:>10}");
    }
    Ok(())
}
