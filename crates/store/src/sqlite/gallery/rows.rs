//! Reads the gallery's tables.

use std::time::{Duration, SystemTime};

use passerby_types::{Attributes, CameraId, EntryId, GallerySnapshot, JournalAuthor, PersonId};
use rusqlite::{Row, params};

use super::load;
use crate::error::StoreError;
use crate::sqlite::convert::wall;
use crate::sqlite::mean::weighted_mean;
use crate::sqlite::reader::{Reader, attributes, maybe, number};
use crate::sqlite::records::RunId;

/// One person of a gallery, with the figures of all numbers that stand for them.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownPersonRow {
    /// The person's number.
    pub id: PersonId,
    /// The name, or `None` if the person has none.
    pub name: Option<String>,
    /// True if a user entered the person by hand.
    pub enrolled: bool,
    /// The time of day of the first sighting, or `None` if the person was never seen.
    pub first_seen: Option<SystemTime>,
    /// The time of day of the latest frame of the person's confirmed tracks, or of the latest sighting if that is later. `None` if
    /// the person was never seen.
    pub last_seen: Option<SystemTime>,
    /// The number of times that a track became this person.
    pub tracks: u64,
    /// The number of other numbers that stand for the person.
    pub aliases: u64,
    /// The number of templates.
    pub templates: u64,
    /// The mean of [`Attributes::weighted_mean`] over the person's confirmed tracks in the file, or `None` if none has attributes.
    pub attributes: Option<Attributes>,
}

/// The time of one person at one camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceRow {
    /// The person's number.
    pub person: PersonId,
    /// The camera's name.
    pub camera: String,
    /// The number of frames of all confirmed tracks of the person.
    pub frames: u64,
    /// The sum of the times of these tracks, from the first to the last frame of each.
    pub dwell: Duration,
}

/// One row of a gallery's journal.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalRow {
    /// The number of the entry.
    pub id: EntryId,
    /// The time of day of the change.
    pub at: SystemTime,
    /// Who decided it.
    pub author: JournalAuthor,
    /// The kind of change, for example "merged".
    pub kind: String,
    /// Whom it is about: the number that became an alias, or the new number of a split.
    pub person: Option<PersonId>,
    /// The person of the other side: into whom a number was merged, or from whom a new one was split.
    pub other: Option<PersonId>,
    /// The entry that was undone, or the template that was retired.
    pub target: Option<EntryId>,
    /// The cosine that decided, or `None` if none did.
    pub score: Option<f64>,
    /// The new name, or `None` if the entry gives no name.
    pub name: Option<String>,
    /// Why, in a few words.
    pub reason: String,
}

impl Reader {
    /// Returns the gallery of the file: all numbers, all templates with their embeddings, and all edits. It is empty if no
    /// gallery was ever written.
    ///
    /// # Errors
    /// [`StoreFault::KeyNeeded`](crate::StoreFault::KeyNeeded), [`StoreFault::WrongKey`](crate::StoreFault::WrongKey) or
    /// [`StoreFault::NotEncrypted`](crate::StoreFault::NotEncrypted) if the key of [`Reader::with_key`] does not fit,
    /// [`StoreFault::Damaged`](crate::StoreFault::Damaged) with the table and the row, and as for [`Reader::runs`].
    pub fn gallery(&self) -> Result<GallerySnapshot, StoreError> {
        let read = || {
            let tx = self.conn.unchecked_transaction()?;
            load::snapshot(&tx, &load::cipher(&tx, self.key.as_ref())?)
        };
        read().map_err(|fault| StoreError::new(&self.path, fault))
    }

    /// Returns the persons that the gallery of the file knows, by rising number.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn known_persons(&self) -> Result<Vec<KnownPersonRow>, StoreError> {
        // The gallery notes a person when a track becomes theirs. The track may go on for hours.
        let sql = concat!(
            "WITH seen (person, first_us, last_us, age, age_low, age_high, p_male) AS (
                SELECT i.person, min(t.first_us), max(t.last_us), ",
            weighted_mean!(),
            " FROM track_identity AS i JOIN
                (SELECT *, iif(p_male IS NULL, NULL, max(found, 1)) AS w FROM track WHERE confirmed) AS t
                    USING (run, camera, track)
                WHERE i.person IS NOT NULL AND i.run IN (SELECT id FROM run WHERE gallery) GROUP BY i.person)
            SELECT k.person, k.name, k.enrolled, coalesce(min(k.first_us, seen.first_us), k.first_us, seen.first_us),
                coalesce(max(k.last_us, seen.last_us), k.last_us, seen.last_us), k.tracks, k.aliases,
                (SELECT count(*) FROM gallery_template AS t JOIN gallery_person AS p ON p.person = t.owner
                    WHERE p.root = k.person),
                seen.age, seen.age_low, seen.age_high, seen.p_male
            FROM known_person AS k LEFT JOIN seen USING (person) ORDER BY k.person"
        );
        self.all(sql, [], |row| {
            Ok(KnownPersonRow {
                id: PersonId(number(row, 0)?),
                name: row.get(1)?,
                enrolled: row.get(2)?,
                first_seen: row.get::<_, Option<i64>>(3)?.map(wall),
                last_seen: row.get::<_, Option<i64>>(4)?.map(wall),
                tracks: number(row, 5)?,
                aliases: number(row, 6)?,
                templates: number(row, 7)?,
                attributes: attributes(row, 8)?,
            })
        })
    }

    /// Returns the network that made the templates of the gallery, or `None` if there were never any.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn gallery_network(&self) -> Result<Option<String>, StoreError> {
        let rows = self.all("SELECT network FROM gallery", [], |row| row.get(0))?;
        Ok(rows.into_iter().next().flatten())
    }

    /// Returns a frame in which the faces of both persons were found as two confirmed tracks, which proves that they are two,
    /// or `None` if no frame is known.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn frame_of_both(
        &self,
        person: PersonId,
        other: PersonId,
    ) -> Result<Option<(RunId, CameraId, u64)>, StoreError> {
        let sql = "WITH one AS (SELECT t.* FROM track_identity AS i JOIN track AS t USING (run, camera, track)
                WHERE i.person = ?1 AND t.confirmed),
            two AS (SELECT t.* FROM track_identity AS i JOIN track AS t USING (run, camera, track)
                WHERE i.person = ?2 AND t.confirmed)
            SELECT one.run, one.camera, a.seq FROM one JOIN two ON two.run = one.run AND two.camera = one.camera
                    AND two.first_seq <= one.last_seq AND one.first_seq <= two.last_seq
                JOIN observation AS a ON a.run = one.run AND a.camera = one.camera AND a.track = one.track
                JOIN observation AS b ON b.run = two.run AND b.camera = two.camera AND b.track = two.track AND b.seq = a.seq
            WHERE a.score IS NOT NULL AND b.score IS NOT NULL LIMIT 1";
        let rows = self.all(sql, params![person.0 as i64, other.0 as i64], |row| {
            Ok((RunId(row.get(0)?), CameraId(row.get(1)?), number(row, 2)?))
        })?;
        Ok(rows.into_iter().next())
    }

    /// Returns the rows of the journal about a number of the gallery, oldest first. Empty if the gallery does not know the number.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn journal(&self, person: PersonId) -> Result<Vec<JournalRow>, StoreError> {
        let sql = "SELECT entry, at_us, author, kind, person, other, target, score, name, reason FROM gallery_journal
            WHERE person = ?1 OR other = ?1 OR (kind = 'undone' AND target IN
                (SELECT entry FROM gallery_journal WHERE person = ?1 OR other = ?1))
            ORDER BY entry";
        self.all(sql, params![person.0 as i64], journal_row)
    }

    /// Returns the latest rows of the journal, latest first, at most `limit`.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn latest_journal(&self, limit: u32) -> Result<Vec<JournalRow>, StoreError> {
        let sql = "SELECT entry, at_us, author, kind, person, other, target, score, name, reason FROM gallery_journal
            ORDER BY entry DESC LIMIT ?1";
        self.all(sql, params![limit], journal_row)
    }

    /// Returns the figures of each person of the gallery at each camera that saw them, by rising person and camera's name. Cameras of the same name are one.
    ///
    /// # Errors
    /// As for [`Reader::runs`].
    pub fn presence(&self) -> Result<Vec<PresenceRow>, StoreError> {
        let sql = "SELECT i.person, ifnull(c.name, 'camera ' || t.camera), sum(t.frames), sum(t.last_us - t.first_us)
            FROM track_identity AS i JOIN track AS t USING (run, camera, track)
                LEFT JOIN camera AS c ON c.run = t.run AND c.camera = t.camera
            WHERE t.confirmed AND i.person IS NOT NULL AND t.run IN (SELECT id FROM run WHERE gallery)
            GROUP BY 1, 2 ORDER BY 1, 2";
        self.all(sql, [], |row| {
            Ok(PresenceRow {
                person: PersonId(number(row, 0)?),
                camera: row.get(1)?,
                frames: number(row, 2)?,
                dwell: Duration::from_micros(number(row, 3)?),
            })
        })
    }
}

fn journal_row(row: &Row<'_>) -> rusqlite::Result<JournalRow> {
    Ok(JournalRow {
        id: EntryId(number(row, 0)?),
        at: wall(row.get(1)?),
        author: if row.get::<_, i64>(2)? == 0 { JournalAuthor::Gallery } else { JournalAuthor::User },
        kind: row.get(3)?,
        person: maybe(row, 4)?.map(PersonId),
        other: maybe(row, 5)?.map(PersonId),
        target: maybe(row, 6)?.map(EntryId),
        score: row.get(7)?,
        name: row.get(8)?,
        reason: row.get(9)?,
    })
}
