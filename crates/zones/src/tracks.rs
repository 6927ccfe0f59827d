//! What is known of each track that lives.

use std::time::Duration;

use passerby_types::TrackId;

use crate::line::LineStay;

/// The memory of the tracks: a list by rising number, and the states of all of them in two tables. A track that ends leaves its
/// room to a later one, so that nothing is allocated while the number of tracks does not grow.
#[derive(Debug)]
pub(crate) struct Tracks {
    zones: usize,
    lines: usize,
    /// The track and its row, by rising track.
    rows: Vec<(TrackId, usize)>,
    free: Vec<usize>,
    last_seen: Vec<Duration>,
    /// For each row, true if nothing of the track has counted yet.
    is_noted: Vec<bool>,
    /// For each row and zone, since when the track is in it.
    inside: Vec<Option<Duration>>,
    /// For each row and line.
    stays: Vec<Option<LineStay>>,
}

impl Tracks {
    pub(crate) fn new(zones: usize, lines: usize) -> Self {
        Self {
            zones,
            lines,
            rows: Vec::new(),
            free: Vec::new(),
            last_seen: Vec::new(),
            is_noted: Vec::new(),
            inside: Vec::new(),
            stays: Vec::new(),
        }
    }

    /// Returns the row of a track, and true if it is new.
    pub(crate) fn row(&mut self, track: TrackId) -> (usize, bool) {
        match self.rows.binary_search_by_key(&track, |(known, _)| *known) {
            Ok(place) => (self.rows[place].1, false),
            Err(place) => {
                let row = self.free.pop().unwrap_or_else(|| self.add_row());
                self.rows.insert(place, (track, row));
                (row, true)
            }
        }
    }

    fn add_row(&mut self) -> usize {
        let row = self.last_seen.len();
        self.last_seen.push(Duration::ZERO);
        self.is_noted.push(false);
        self.inside.resize(self.inside.len() + self.zones, None);
        self.stays.resize(self.stays.len() + self.lines, None);
        // Room for the row when its track ends.
        self.free.reserve(row + 1);
        row
    }

    /// Begins a track that may still be a false detection (`is_noted`), or that counts. Returns true.
    pub(crate) fn begin(&mut self, row: usize, is_noted: bool) -> bool {
        self.is_noted[row] = is_noted;
        true
    }

    /// Makes a track count from now on. Returns true if it did not before.
    pub(crate) fn confirm(&mut self, row: usize) -> bool {
        std::mem::take(&mut self.is_noted[row])
    }

    /// Removes a track and returns its row, whose states stay until the row is used again. Returns `None` if the track is not known.
    pub(crate) fn remove(&mut self, track: TrackId) -> Option<usize> {
        let place = self.rows.binary_search_by_key(&track, |(known, _)| *known).ok()?;
        let (_, row) = self.rows.remove(place);
        self.free.push(row);
        Some(row)
    }

    pub(crate) fn last_seen(&mut self, row: usize) -> &mut Duration {
        &mut self.last_seen[row]
    }

    /// Returns since when the track is in each zone.
    pub(crate) fn inside(&mut self, row: usize) -> &mut [Option<Duration>] {
        &mut self.inside[row * self.zones..][..self.zones]
    }

    /// Returns the stay of the track at each line.
    pub(crate) fn stays(&mut self, row: usize) -> &mut [Option<LineStay>] {
        &mut self.stays[row * self.lines..][..self.lines]
    }
}
