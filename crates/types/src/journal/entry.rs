//! The entries of the journal.

use std::borrow::Cow;
use std::time::SystemTime;

use super::template::{EntryId, FaceTemplate};
use crate::identity::PersonId;
use crate::track::TrackKey;

/// Who decided a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JournalAuthor {
    /// The gallery, by its policy.
    Gallery,
    /// A person who uses the program.
    User,
}

/// One change of a gallery.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    /// The number of the entry.
    pub id: EntryId,
    /// The time of day of the change, exact to the microsecond.
    pub at: SystemTime,
    /// Who decided it.
    pub author: JournalAuthor,
    /// The cosine that decided it, or `None` if none did.
    pub score: Option<f32>,
    /// Why, in a few words.
    pub reason: Cow<'static, str>,
    /// The change.
    pub change: JournalChange,
}

/// What an entry of the journal changes.
///
/// [`Merged`](Self::Merged), [`Split`](Self::Split) and [`Named`](Self::Named) are *edits*: they can be undone, and
/// [`PersonEdits`](super::PersonEdits) adds them up.
#[derive(Clone, Debug, PartialEq)]
pub enum JournalChange {
    /// A track that matched no known person became a new one.
    Founded {
        /// The new person.
        person: PersonId,
        /// The track.
        track: TrackKey,
    },
    /// A user entered a person by hand.
    Enrolled {
        /// The new person.
        person: PersonId,
    },
    /// A person got a template. The template's number is that of the entry.
    TemplateAdded(FaceTemplate),
    /// A person lost a template for good.
    TemplateRetired {
        /// The person whom the template was added for.
        person: PersonId,
        /// The template.
        template: EntryId,
    },
    /// A view like a template was seen. It changes the template's time only and is no row of the journal.
    TemplateSeen {
        /// The template.
        template: EntryId,
        /// The time of the view.
        at: SystemTime,
    },
    /// A track became a person.
    Assigned {
        /// The person.
        person: PersonId,
        /// The track.
        track: TrackKey,
        /// The time of the track's first view.
        first_seen: SystemTime,
        /// The time of the track's latest view.
        last_seen: SystemTime,
    },
    /// A person was seen. It changes the person's times only and is no row of the journal.
    Seen {
        /// The person.
        person: PersonId,
        /// The time of the latest view.
        at: SystemTime,
    },
    /// A person turned out to be another one. The number becomes an alias, and no row is rewritten.
    Merged {
        /// The person who becomes an alias.
        person: PersonId,
        /// The person whom the number stands for from now on.
        into: PersonId,
    },
    /// A part of a person turned out to be somebody else, who gets a new number.
    Split {
        /// The new person.
        person: PersonId,
        /// The person until now.
        from: PersonId,
        /// The templates that show the new person.
        templates: Vec<EntryId>,
    },
    /// A person got a name, or lost it.
    Named {
        /// The person.
        person: PersonId,
        /// The name, or `None` if the person has none from now on.
        name: Option<String>,
    },
    /// A person and all aliases were removed with their templates, for example to make room. It cannot be undone.
    Removed {
        /// The person.
        person: PersonId,
    },
    /// An earlier edit, or an earlier `Undone`, no longer holds.
    Undone {
        /// The earlier entry.
        entry: EntryId,
    },
}

impl JournalChange {
    /// Returns true if the change is an edit or undoes one: if [`PersonEdits`](super::PersonEdits) adds it up.
    #[must_use]
    pub fn is_edit(&self) -> bool {
        matches!(self, Self::Merged { .. } | Self::Split { .. } | Self::Named { .. } | Self::Undone { .. })
    }

    /// Returns false for the changes of times, which are no rows of the journal.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        !matches!(self, Self::TemplateSeen { .. } | Self::Seen { .. })
    }

    /// Returns the word for the kind of the change, for example "merged".
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Founded { .. } => "founded",
            Self::Enrolled { .. } => "enrolled",
            Self::TemplateAdded(_) => "template_added",
            Self::TemplateRetired { .. } => "template_retired",
            Self::TemplateSeen { .. } => "template_seen",
            Self::Assigned { .. } => "assigned",
            Self::Seen { .. } => "seen",
            Self::Merged { .. } => "merged",
            Self::Split { .. } => "split",
            Self::Named { .. } => "named",
            Self::Removed { .. } => "removed",
            Self::Undone { .. } => "undone",
        }
    }
}
