//! The tables of the gallery.

/// The gallery: who is known, over all runs of the file.
///
/// `gallery_journal` has every change of who is who, in its order. The other tables are the sum of the journal, so that a
/// start does not have to add it up. A merge makes one number an alias of another and rewrites no row: readers find the person
/// of a track, after merges and splits, in the view `track_identity`, and the persons with their names in `known_person`.
///
/// Numbers of older runs mean a person only within their run (`run.gallery` is 0), so the gallery counts from above them.
pub(in crate::sqlite) const V3: &str = "
ALTER TABLE run ADD COLUMN gallery INTEGER NOT NULL DEFAULT 0; -- 1: its persons have the numbers of gallery_person

CREATE TABLE gallery ( -- a single row
    id INTEGER PRIMARY KEY CHECK (id = 1),
    next_person INTEGER NOT NULL, -- the number of the next person; no number comes back
    next_entry INTEGER NOT NULL, -- the number of the next entry of the journal
    network TEXT -- which made the templates; NULL: there were none yet
) STRICT;
INSERT INTO gallery (id, next_person, next_entry) VALUES (1, (SELECT ifnull(max(person), 0) + 1 FROM person), 1);

CREATE TABLE gallery_journal ( -- only grows, but for persons who are forgotten
    entry INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    author INTEGER NOT NULL, -- 0 the gallery, 1 a user
    kind TEXT NOT NULL, -- founded enrolled template_added template_retired assigned merged split named removed forgotten undone
    person INTEGER, -- whom it is about; merged: who became an alias; split: the new person
    other INTEGER, -- merged: into whom; split: from whom
    target INTEGER, -- undone: the entry; template_retired: the template
    run INTEGER, -- founded, assigned: the track
    camera INTEGER,
    track INTEGER,
    score REAL, -- the cosine that decided
    name TEXT, -- named: NULL takes the name away
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX gallery_journal_person ON gallery_journal (person) WHERE person IS NOT NULL;

CREATE TABLE gallery_split ( -- the templates that went to the new person
    entry INTEGER NOT NULL REFERENCES gallery_journal (entry) ON DELETE CASCADE,
    template INTEGER NOT NULL,
    PRIMARY KEY (entry, template)
) STRICT, WITHOUT ROWID;

CREATE TABLE gallery_person ( -- every number, also those that are aliases
    person INTEGER PRIMARY KEY,
    root INTEGER NOT NULL, -- the person whom the number stands for; itself unless it was merged
    name TEXT, -- given to this number
    enrolled INTEGER NOT NULL, -- 1: entered by hand
    first_us INTEGER, -- NULL: never seen
    last_us INTEGER,
    tracks INTEGER NOT NULL -- how often a track became this person
) STRICT;
CREATE INDEX gallery_person_root ON gallery_person (root);

CREATE TABLE gallery_template (
    template INTEGER PRIMARY KEY, -- the entry that added it
    person INTEGER NOT NULL REFERENCES gallery_person (person) ON DELETE CASCADE, -- whom it was added for
    owner INTEGER NOT NULL, -- whose it is after splits; `gallery_person.root` has merges
    quality REAL NOT NULL, -- 0 to 1
    last_us INTEGER, -- when a view like it was seen last; NULL: entered by hand
    run INTEGER, -- the track that showed it; NULL: entered by hand
    camera INTEGER,
    track INTEGER,
    embedding BLOB NOT NULL -- 32-bit floats, little-endian, of length 1 together
) STRICT;
CREATE INDEX gallery_template_person ON gallery_template (person);
CREATE INDEX gallery_template_owner ON gallery_template (owner);

CREATE TABLE gallery_track ( -- the tracks that a split gave to another person than `track.person`
    run INTEGER NOT NULL,
    camera INTEGER NOT NULL,
    track INTEGER NOT NULL,
    person INTEGER NOT NULL,
    PRIMARY KEY (run, camera, track)
) STRICT, WITHOUT ROWID;

CREATE VIEW track_identity AS -- the person of each track, after merges and splits
SELECT t.run, t.camera, t.track, ifnull(p.root, ifnull(g.person, t.person)) AS person
FROM track AS t JOIN run AS r ON r.id = t.run
    LEFT JOIN gallery_track AS g ON r.gallery AND g.run = t.run AND g.camera = t.camera AND g.track = t.track
    LEFT JOIN gallery_person AS p ON r.gallery AND p.person = ifnull(g.person, t.person);

CREATE VIEW known_person AS -- each person once, with the figures of all their numbers
SELECT p.root AS person,
    (SELECT m.name FROM gallery_person AS m WHERE m.root = p.root AND m.name IS NOT NULL
        ORDER BY m.person <> m.root, m.person LIMIT 1) AS name, -- of the number itself, else of the first alias
    max(p.enrolled) AS enrolled, min(p.first_us) AS first_us, max(p.last_us) AS last_us, sum(p.tracks) AS tracks,
    count(*) - 1 AS aliases
FROM gallery_person AS p GROUP BY p.root;
";

/// Templates may be encrypted.
pub(in crate::sqlite) const V6: &str = "
ALTER TABLE gallery ADD COLUMN key_check BLOB; -- templates are encrypted, and this proves their key; NULL: they are not
";
