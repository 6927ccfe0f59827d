//! The SQL statements that write a batch. Parents go before their children: cameras, tracks, persons, then the rows of each
//! frame.

use std::collections::BTreeSet;

use passerby_types::{Attributes, Observation, TrackState};
use rusqlite::{Connection, OptionalExtension, params};

use super::convert::{finite, integer};
use super::mean::weighted_mean;
use super::rollup::{Moment, Rollup};
use crate::error::StoreFault;

const CAMERA: &str = "
INSERT INTO camera (run, camera, width, height, analysed, coasted, first_seq, last_seq, first_us, last_us)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (run, camera) DO UPDATE SET
    width = excluded.width,
    height = excluded.height,
    analysed = analysed + excluded.analysed,
    coasted = coasted + excluded.coasted,
    first_seq = min(ifnull(first_seq, excluded.first_seq), excluded.first_seq),
    last_seq = max(ifnull(last_seq, excluded.last_seq), excluded.last_seq),
    first_us = min(ifnull(first_us, excluded.first_us), excluded.first_us),
    last_us = max(ifnull(last_us, excluded.last_us), excluded.last_us)";

const TRACK: &str = "
INSERT INTO track (run, camera, track, first_seq, last_seq, first_us, last_us, frames, confirmed,
    person, similarity, age, age_low, age_high, p_male, found)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
ON CONFLICT (run, camera, track) DO UPDATE SET
    first_seq = min(first_seq, excluded.first_seq),
    last_seq = max(last_seq, excluded.last_seq),
    first_us = min(first_us, excluded.first_us),
    last_us = max(last_us, excluded.last_us),
    frames = frames + excluded.frames,
    found = found + excluded.found,
    confirmed = max(confirmed, excluded.confirmed),
    person = ifnull(excluded.person, person),
    similarity = iif(excluded.person IS NULL, similarity, excluded.similarity),
    age = iif(excluded.p_male IS NULL, age, excluded.age),
    age_low = iif(excluded.p_male IS NULL, age_low, excluded.age_low),
    age_high = iif(excluded.p_male IS NULL, age_high, excluded.age_high),
    p_male = ifnull(excluded.p_male, p_male)";

/// A person is present from the first frame of a track that turned out to be theirs.
const PERSON: &str = "
INSERT INTO person (run, person, first_us, last_us, sightings)
VALUES (?1, ?2, (SELECT min(first_us, ?5) FROM track WHERE run = ?1 AND camera = ?3 AND track = ?4), ?6, ?7)
ON CONFLICT (run, person) DO UPDATE SET
    first_us = min(first_us, excluded.first_us),
    last_us = max(last_us, excluded.last_us),
    sightings = sightings + excluded.sightings";

/// The person that a track had before the batch.
const OWNER: &str = "SELECT person FROM track WHERE run = ?1 AND camera = ?2 AND track = ?3";

/// The mean of [`Attributes::weighted_mean`] over the person's confirmed tracks. Without the name of the index SQLite reads all
/// tracks of the run.
const MEAN: &str = concat!(
    "UPDATE person SET (age, age_low, age_high, p_male) = (SELECT ",
    weighted_mean!(),
    " FROM (SELECT age, age_low, age_high, p_male, max(found, 1) AS w
        FROM track INDEXED BY track_person WHERE run = ?1 AND person = ?2 AND confirmed AND p_male IS NOT NULL))
    WHERE run = ?1 AND person = ?2"
);

const STALE: &str = "DELETE FROM person WHERE run = ?1 AND person = ?2
    AND NOT EXISTS (SELECT 1 FROM track WHERE run = ?1 AND person = ?2)";

const ENDED: &str = "UPDATE track SET ended_seq = ?4 WHERE run = ?1 AND camera = ?2 AND track = ?3";

const OBSERVATION: &str = "
INSERT INTO observation (run, camera, track, seq, pts_us, wall_us, state, x1, y1, x2, y2, score)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";

const TEMPLATE: &str = "
INSERT INTO template (run, camera, track, seq, quality, embedding) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// Adds the sums of a batch to cameras, tracks and persons.
pub(super) fn sums(conn: &Connection, run: i64, rollup: &Rollup) -> Result<(), StoreFault> {
    let mut camera = conn.prepare_cached(CAMERA)?;
    for (id, sum) in &rollup.cameras {
        let span = sum.span;
        camera.execute(params![
            run,
            id,
            sum.width,
            sum.height,
            sum.analysed,
            sum.coasted,
            span.first_seq,
            span.last_seq,
            span.first_us,
            span.last_us
        ])?;
    }
    let mut owner = conn.prepare_cached(OWNER)?;
    let mut track = conn.prepare_cached(TRACK)?;
    // The persons whose tracks change in this batch.
    let mut changed = BTreeSet::new();
    for ((camera, id), sum) in &rollup.tracks {
        let before: Option<Option<i64>> =
            owner.query_row(params![run, camera, id], |row| row.get(0)).optional()?;
        changed.extend(before.flatten());
        changed.extend(sum.person.map(|(person, _)| person));
        let span = sum.span;
        let [age, low, high, male] = numbers(sum.attributes);
        let (person, similarity) = sum.person.unzip();
        track.execute(params![
            run,
            camera,
            id,
            span.first_seq,
            span.last_seq,
            span.first_us,
            span.last_us,
            sum.frames,
            sum.confirmed,
            person,
            similarity.flatten(),
            age,
            low,
            high,
            male,
            sum.found
        ])?;
    }
    let mut person = conn.prepare_cached(PERSON)?;
    for ((id, camera, track), sum) in &rollup.persons {
        let span = sum.span;
        person.execute(params![run, id, camera, track, span.first_us, span.last_us, sum.sightings])?;
    }
    let mut mean = conn.prepare_cached(MEAN)?;
    for person in changed {
        mean.execute(params![run, person])?;
        // All tracks of the person turned out to be other persons'.
        conn.prepare_cached(STALE)?.execute(params![run, person])?;
    }
    let mut ended = conn.prepare_cached(ENDED)?;
    for (camera, track, seq) in &rollup.ended {
        ended.execute(params![run, camera, track, seq])?;
    }
    Ok(())
}

/// Writes one row for each face of each frame, and its embedding if `embeddings` is true.
pub(super) fn faces(
    conn: &Connection,
    run: i64,
    batch: &[Observation],
    embeddings: bool,
) -> Result<(), StoreFault> {
    let mut insert = conn.prepare_cached(OBSERVATION)?;
    for observation in batch {
        let at = Moment::of(observation)?;
        for face in &observation.faces {
            let track = integer("track", face.track.0)?;
            let state = match face.state {
                TrackState::Tentative => 0,
                TrackState::Confirmed => 1,
                TrackState::Lost => 2,
            };
            let [x1, y1, x2, y2] = [face.bbox.x1, face.bbox.y1, face.bbox.x2, face.bbox.y2].map(finite);
            let score = face.face.and_then(|f| finite(f.score));
            insert.execute(params![
                run, at.camera, track, at.seq, at.pts_us, at.wall_us, state, x1, y1, x2, y2, score
            ])?;
            if let Some(embedding) = face.embedding.as_ref().filter(|_| embeddings) {
                let bytes: Vec<u8> = embedding.as_slice().iter().flat_map(|v| v.to_le_bytes()).collect();
                let quality = face.face.map(|f| f64::from(f.quality()));
                conn.prepare_cached(TEMPLATE)?
                    .execute(params![run, at.camera, track, at.seq, quality, bytes])?;
            }
        }
    }
    Ok(())
}

fn numbers(attributes: Option<Attributes>) -> [Option<f32>; 4] {
    match attributes {
        Some(a) => [a.age.years, a.age.low, a.age.high, a.p_male].map(Some),
        None => [None; 4],
    }
}
