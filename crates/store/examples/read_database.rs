//! Who was here, and when? Reads a database that the pipeline wrote: with `Reader`, and with SQL of your own.
//!
//! ```text
//! cargo run -p passerby-store --example read_database -- [passerby.sqlite]
//! ```
//!
//! Without a file it writes a small database first. You may read a file while a pipeline writes it.

#![allow(clippy::print_stdout, reason = "an example prints its results")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use passerby_store::{Reader, Sqlite, SqliteSettings};
use passerby_types::{
    Age, Attributes, BBox, CameraId, FrameMeta, Identity, Observation, ObservedFace, PersonId, Sink,
};
use rusqlite::{Connection, OpenFlags};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let file = match std::env::args().nth(1) {
        Some(file) => PathBuf::from(file),
        None => write_small_database(&folder.path().join("small.sqlite"))?,
    };

    // The reader returns rows as Rust types. Each opening of the file for writing was a run.
    let reader = Reader::open(&file)?;
    let run = reader.runs()?.pop().ok_or("the file has no run")?;
    let counts = reader.counts(run.id)?;
    println!("{} of {}: {} tracks, {} persons", run.id, file.display(), counts.confirmed, counts.persons);
    for person in reader.persons(run.id)? {
        let stay = person.last_seen.duration_since(person.first_seen)?;
        let age = person.attributes.map_or("?".into(), |known| format!("{:.0}", known.age.years));
        println!("{}: seen for {stay:.1?} by {} cameras, about {age} years old", person.id, person.cameras);
    }

    // Everything else is SQL. docs/database.md lists the tables.
    let db = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut visits = db.prepare(
        "SELECT t.person, ifnull(c.name, 'camera ' || c.camera), time(t.first_us / 1e6, 'unixepoch'),
            (t.last_us - t.first_us) / 1e6
         FROM track AS t JOIN camera AS c USING (run, camera)
         WHERE run = ?1 AND t.confirmed AND t.person IS NOT NULL ORDER BY t.first_us",
    )?;
    println!("\nperson  camera      from      seconds");
    let mut rows = visits.query([run.id.0])?;
    while let Some(row) = rows.next()? {
        let (person, camera): (i64, String) = (row.get(0)?, row.get(1)?);
        let (from, seconds): (String, f64) = (row.get(2)?, row.get(3)?);
        println!("{person:6}  {camera:10}  {from}  {seconds:7.1}");
    }
    Ok(())
}

/// Writes the rows of a pipeline that saw two people walk from the entrance to the hall, and returns the path.
fn write_small_database(path: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut sink = Sqlite::open(path, SqliteSettings::default())?;
    sink.name_cameras(&[(CameraId(0), "entrance"), (CameraId(1), "hall")])?;
    let morning = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_258_000);
    // Each walk: the camera, the track, the person, the first second and the last.
    for (camera, track, person, from, to) in
        [(0, 1, 1, 0, 8), (0, 2, 2, 5, 12), (1, 1, 1, 10, 30), (1, 2, 2, 15, 18)]
    {
        for second in from..=to {
            let meta = FrameMeta::new(camera, second).with_wall(morning + Duration::from_secs(second));
            let mut observation = Observation::new(meta, 1280, 720);
            let mut face = ObservedFace::new(track, BBox::from_xywh(10.0 * second as f32, 200.0, 60.0, 76.0));
            face.identity = Identity::Person { id: PersonId(person), similarity: 0.8 };
            let years = 20.0 + 10.0 * person as f32;
            let age = Age { years, low: years - 6.0, high: years + 7.0 };
            face.attributes = Some(Attributes { age, p_male: 0.1 });
            observation.faces.push(face);
            sink.write(&[observation])?;
        }
    }
    sink.finish()?;
    Ok(path.to_owned())
}
