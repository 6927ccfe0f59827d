//! The rows of what tracks did at zones and lines.

use passerby_types::{LineSide, Observation, ZoneChange, ZoneEvent};
use rusqlite::{Connection, params};

use super::convert::{integer, microseconds};
use super::rollup::Moment;
use crate::error::StoreFault;

const ENTERED: &str = "
INSERT INTO zone_stay (run, camera, zone, track, entered_seq, entered_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

/// A track is in a zone once at most, so it has one stay without an end.
const LEFT: &str = "
UPDATE zone_stay SET left_us = max(entered_us, ?5), dwell_us = ?6
WHERE run = ?1 AND camera = ?2 AND zone = ?3 AND track = ?4 AND left_us IS NULL";

const CROSSED: &str = "
INSERT INTO line_crossing (run, camera, line, track, seq, wall_us, to_right) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

/// Writes what the tracks of a batch did. The cameras must have rows. If the row of an entry was lost, the row of the leaving is as well.
pub(super) fn write(conn: &Connection, run: i64, batch: &[Observation]) -> Result<(), StoreFault> {
    for observation in batch.iter().filter(|observation| !observation.zone_events.is_empty()) {
        let at = Moment::of(observation)?;
        let now = observation.meta.stream_time();
        for ZoneEvent { track, at: moment, change } in &observation.zone_events {
            let track = integer("track", track.0)?;
            let us = at.wall_us.saturating_sub(microseconds(now.saturating_sub(*moment)));
            match change {
                ZoneChange::Entered { zone } => {
                    conn.prepare_cached(ENTERED)?.execute(params![run, at.camera, zone, track, at.seq, us])?
                }
                ZoneChange::Left { zone, dwell } => {
                    let dwell = microseconds(*dwell);
                    conn.prepare_cached(LEFT)?.execute(params![run, at.camera, zone, track, us, dwell])?
                }
                ZoneChange::Crossed { line, from } => {
                    let to_right = *from == LineSide::Left;
                    conn.prepare_cached(CROSSED)?
                        .execute(params![run, at.camera, line, track, at.seq, us, to_right])?
                }
            };
        }
    }
    Ok(())
}
