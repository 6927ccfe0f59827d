//! A month of eight cameras: tracks of 8 s at 5 frames a second, spread evenly over the days from 8 to 20 o'clock.

use std::path::Path;
use std::time::{Duration, SystemTime};

use passerby::store::{Sqlite, SqliteSettings};
use passerby::types::{
    Age, Attributes, BBox, BoxError, CameraId, Face, FrameMeta, Identity, Observation, ObservedFace,
    PersonId, Sink, TrackId, TrackState,
};

/// The first moment of the month, in seconds since 1970: 2026-06-01 00:00 UTC.
pub(crate) const BEGIN_S: i64 = 1_780_272_000;

const CAMERAS: u32 = 8;
const DAYS: u64 = 30;
const FRAMES_OF_TRACK: u64 = 40;
const FRAME: Duration = Duration::from_millis(200);
/// The tracks of a batch: five make the 200 rows of the writer.
const TRACKS_OF_BATCH: u64 = 5;
/// One of this many tracks has no person.
const UNIDENTIFIED_EVERY: u64 = 5;
/// One of this many tracks has no age.
const UNDESCRIBED_EVERY: u64 = 7;
/// The tracks for each person, on average.
const TRACKS_OF_PERSON: u64 = 8;

/// Returns the name of a camera.
pub(crate) fn camera_name(camera: u32) -> String {
    format!("camera {}", camera + 1)
}

/// Writes a month of about this number of observations in one run.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &Path, rows: u64) -> Result<(), BoxError> {
    let settings = SqliteSettings { lasting_persons: true, ..SqliteSettings::default() };
    let mut sink = Sqlite::open(path, settings)?;
    let names: Vec<(CameraId, String)> = (0..CAMERAS).map(|c| (CameraId(c), camera_name(c))).collect();
    sink.name_cameras(&names)?;
    let tracks = rows.div_ceil(FRAMES_OF_TRACK).max(1);
    let mut random = Random(7);
    let mut batch = Vec::new();
    for track in 0..tracks {
        add_track(track, tracks, &mut random, &mut batch);
        if (track + 1) % TRACKS_OF_BATCH == 0 || track + 1 == tracks {
            sink.write(&batch)?;
            batch.clear();
        }
    }
    Ok(sink.finish()?)
}

fn add_track(track: u64, tracks: u64, random: &mut Random, batch: &mut Vec<Observation>) {
    let seconds_of_day = 12 * 3600;
    let place = track * DAYS * seconds_of_day / tracks;
    let begin = BEGIN_S.unsigned_abs() + place / seconds_of_day * 86_400 + 8 * 3600 + place % seconds_of_day;
    // Few persons come often, and many seldom.
    let persons = (tracks / TRACKS_OF_PERSON).max(1);
    let person = (random.below(persons) * random.below(persons) / persons) + 1;
    let is_identified = random.below(UNIDENTIFIED_EVERY) > 0;
    let years = (person * 7919 % 80) as f32;
    let age = Age { years, low: years - 8.0, high: years + 8.0 };
    let attributes = Attributes { age, p_male: if person.is_multiple_of(2) { 0.95 } else { 0.05 } };
    let attributes = (random.below(UNDESCRIBED_EVERY) > 0).then_some(attributes);
    let camera = (track % u64::from(CAMERAS)) as u32;
    for frame in 0..FRAMES_OF_TRACK {
        let bbox = BBox::from_xywh(100.0 + frame as f32 * 10.0, 80.0, 60.0, 72.0);
        let mut face = ObservedFace::new(track + 1, bbox);
        face.face = Some(Face::new(bbox, 0.9));
        face.state = if frame < 3 { TrackState::Tentative } else { TrackState::Confirmed };
        if is_identified && frame > 5 {
            face.identity = Identity::Person { id: PersonId(person), similarity: 0.7 };
            face.attributes = attributes;
        }
        let seq = track * FRAMES_OF_TRACK + frame;
        let pts = FRAME * u32::try_from(seq).unwrap_or(u32::MAX);
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(begin) + FRAME * frame as u32;
        let mut observation =
            Observation::new(FrameMeta::new(camera, seq).with_pts(pts).with_wall(wall), 1280, 720);
        observation.faces.push(face);
        if frame + 1 == FRAMES_OF_TRACK {
            observation.ended = vec![TrackId(track + 1)];
        }
        batch.push(observation);
    }
}

/// SplitMix64: the same numbers in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}
