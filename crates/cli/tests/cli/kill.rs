//! Kills `passerby analyze` at random moments. Its database must stay sound, and must keep every frame that a reader
//! saw committed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use passerby::store::{CameraRow, Reader, RunId, Sqlite, SqliteSettings, StoreError};

/// The number of kills.
const KILLS: u64 = 20;
/// The longest wait for the first frame in the database, and for the end.
const PATIENCE: Duration = Duration::from_secs(120);

/// Returns the cameras of the database's first run, with their frame counts.
fn cameras(path: &Path) -> Result<Vec<CameraRow>, StoreError> {
    let reader = Reader::open(path)?;
    reader.cameras(RunId(1))
}

/// Returns the number of committed frames that a reader sees, or 0 if the database cannot be read yet.
fn committed(path: &Path) -> u64 {
    let cameras = cameras(path).unwrap_or_default();
    cameras.iter().map(|c| c.analysed + c.coasted).sum()
}

/// A process that is killed when the test drops it, however the test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the program on a fresh database and kills it. Returns the number of frames that a reader saw committed before.
///
/// If `from_first_commit` is set, the kill comes `after` the first commit; else it comes `after` the start, which may
/// be before the database exists.
fn run(input: &Path, database: &Path, from_first_commit: bool, after: Duration) -> u64 {
    let child = Command::new(env!("CARGO_BIN_EXE_passerby"))
        .args(["analyze", "--every-frame"])
        .arg("--db")
        .args([database, input])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut child = Killed(child);
    let begun = Instant::now();
    if from_first_commit {
        while committed(database) == 0 {
            assert!(begun.elapsed() < PATIENCE, "no frame after {PATIENCE:?}");
            let status = child.0.try_wait().expect("the program can be asked");
            assert!(status.is_none_or(|s| s.success()), "the program failed: {status:?}");
            if status.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    std::thread::sleep(after);
    committed(database)
}

/// Checks a database whose writer was killed.
fn check(database: &Path, seen: u64) {
    // Opens it as a restarted program would.
    let restarted = Sqlite::open(database, SqliteSettings::default()).expect("the database opens");
    restarted.finish().expect("and can be written");
    let reader = Reader::open(database).expect("and read");
    reader.check().expect("and is sound");
    let after = committed(database);
    assert!(after >= seen, "{seen} frames were committed, {after} are there");
    for camera in cameras(database).expect("cameras can be read") {
        let frames = camera.analysed + camera.coasted;
        let Some((first, last)) = camera.first_seq.zip(camera.last_seq) else {
            assert_eq!(frames, 0);
            continue;
        };
        assert_eq!(frames, last - first + 1, "no frame of a file is missing between two others");
        let with_faces = reader.frames(RunId(1), camera.id).expect("frames can be read");
        assert!(with_faces.iter().all(|seq| (first..=last).contains(seq)));
    }
    for track in reader.tracks(RunId(1)).expect("tracks can be read") {
        assert!(track.first_seq <= track.last_seq && track.frames <= track.last_seq - track.first_seq + 1);
    }
}

#[test]
fn a_killed_analysis_leaves_a_sound_database() {
    let input = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/passersby.mp4");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut databases = 0;
    let mut with_frames = 0;
    for round in 0..KILLS {
        let database = folder.path().join(format!("{round}.db"));
        // The same moments in every run of the test, spread over 1.2 s.
        let after = Duration::from_millis((round * 7919 + 13) % 1200);
        let seen = run(&input, &database, round % 2 == 1, after);
        if database.exists() {
            databases += 1;
            with_frames += u64::from(seen > 0);
            check(&database, seen);
        }
    }
    assert!(with_frames >= KILLS / 2, "frames in {with_frames} of {databases} databases");
}
