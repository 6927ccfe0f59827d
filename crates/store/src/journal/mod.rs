//! Journals of a gallery that need no database.

mod background;
mod memory;

pub use background::{BackgroundJournal, BackgroundSettings, JournalNotice};
pub use memory::MemoryJournal;
