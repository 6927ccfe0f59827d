//! Writes a database of a made-up week at three cameras, to try queries and reports without a camera.
//!
//! ```text
//! cargo run -p passerby-store --example write_week -- [week.sqlite]
//! passerby report --format html --output week.html week.sqlite
//! ```
//!
//! Without a file it writes a temporary one, and prints its figures.

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use passerby_store::query::{Answers, Period, Question};
use passerby_store::{Reader, Sqlite, SqliteSettings};
use passerby_types::{
    Age, Attributes, BBox, CameraId, Face, FrameMeta, Identity, Observation, ObservedFace, PersonId, Sink,
    TrackState,
};

/// The first moment: Monday, 2026-06-01 00:00 UTC, in seconds since 1970.
const MONDAY_S: u64 = 1_780_272_000;
const CAMERAS: [&str; 3] = ["entrance", "hall", "exit"];
/// The visitors who come in each hour of the day, on a working day.
const VISITORS: [u64; 24] =
    [0, 0, 0, 0, 0, 0, 2, 9, 22, 17, 14, 16, 27, 24, 15, 14, 18, 26, 21, 12, 5, 2, 0, 0];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = std::env::args().nth(1).map_or_else(|| folder.path().join("week.sqlite"), PathBuf::from);
    let settings = SqliteSettings { lasting_persons: true, ..SqliteSettings::default() };
    let mut week =
        Week { sink: Sqlite::open(&path, settings)?, random: Random(3), persons: 0, tracks: 0, seq: 0 };
    let names: Vec<(CameraId, &str)> = (0..).map(CameraId).zip(CAMERAS).collect();
    week.sink.name_cameras(&names)?;
    for day in 0..7 {
        for (hour, visitors) in (0..).zip(VISITORS) {
            // Few come at the weekend.
            let visitors = if day < 5 { visitors } else { visitors / 3 };
            for _ in 0..visitors + week.random.below(1 + visitors / 4) {
                let second = MONDAY_S + day * 86_400 + hour * 3600 + week.random.below(3600);
                week.visitor(second)?;
            }
        }
    }
    week.sink.finish()?;

    let answers = Answers::read(&Reader::open(&path)?, &Question::default())?;
    for row in answers.traffic(Period::Day).iter().filter(|row| row.camera.is_none()) {
        println!("{}: {} visits, {} persons", row.start.strftime("%A"), row.visits, row.persons);
    }
    Ok(())
}

struct Week {
    sink: Sqlite,
    random: Random,
    /// The number of persons until now.
    persons: u64,
    tracks: u64,
    seq: u64,
}

impl Week {
    /// Lets a new person or an earlier one come in, and go from camera to camera.
    fn visitor(&mut self, second: u64) -> Result<(), Box<dyn Error>> {
        let returns = self.persons > 0 && self.random.below(100) < 38;
        let person = if returns { 1 + self.random.below(self.persons) } else { self.persons + 1 };
        self.persons = self.persons.max(person);
        let is_known = self.random.below(100) >= 9;
        let mut at = second;
        for camera in 0..CAMERAS.len() as u32 {
            if camera > 0 && self.random.below(100) < 25 {
                continue;
            }
            let stay = 4 + self.random.below(20) * self.random.below(20) / 4;
            self.track(camera, person, is_known, at, stay)?;
            at += stay + 10 + self.random.below(120);
        }
        Ok(())
    }

    /// Writes one frame a second of a track.
    fn track(
        &mut self,
        camera: u32,
        person: u64,
        is_known: bool,
        at: u64,
        stay: u64,
    ) -> Result<(), Box<dyn Error>> {
        self.tracks += 1;
        let years = (12 + person * 7919 % 31 + person * 104_729 % 37) as f32;
        let age = Age { years, low: years - 7.0, high: years + 7.0 };
        let p_male = if person.is_multiple_of(2) { 0.95 } else { 0.06 };
        let attributes = (!person.is_multiple_of(8)).then_some(Attributes { age, p_male });
        let mut frames = Vec::new();
        for second in 0..=stay {
            let bbox = BBox::from_xywh(100.0 + 8.0 * second as f32, 80.0, 60.0, 72.0);
            let mut face = ObservedFace::new(self.tracks, bbox);
            face.face = Some(Face::new(bbox, 0.9));
            face.state = TrackState::Confirmed;
            if is_known {
                face.identity = Identity::Person { id: PersonId(person), similarity: 0.7 };
                face.attributes = attributes;
            }
            self.seq += 1;
            let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(at + second);
            let mut frame = Observation::new(FrameMeta::new(camera, self.seq).with_wall(wall), 1280, 720);
            frame.faces.push(face);
            frames.push(frame);
        }
        Ok(self.sink.write(&frames)?)
    }
}

/// SplitMix64: the same week in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }
}
