//! The options of `persons`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::options::KeyArgs;

/// Lists, names, corrects, forgets, searches and moves the persons of a database
///
/// `analyze` and `demo` know the persons of their database again, in every run. A person has a number for good. PERSON is a
/// number, or a name that was given to one person. Each correction is an entry of the journal, which undo takes back; only
/// forget cannot be undone. While a run writes the database, its persons can be read and not changed.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  passerby persons door.sqlite list                who is known, when they were seen, and how often
  passerby persons door.sqlite name 3 'Ann Smith'  gives person 3 a name
  passerby persons door.sqlite merge 3 7           person 7 is person 3
  passerby persons door.sqlite show 3              everything about a person, with the entries of the journal
  passerby persons door.sqlite undo 184            takes an entry back
  passerby persons door.sqlite search photo.jpg    who is on the photo
  passerby persons door.sqlite forget 3            removes a person from every byte of the file
  passerby persons door.sqlite encrypt door.key    no one can use the templates without the key")]
pub(crate) struct PersonsArgs {
    /// The database that --db of analyze or demo wrote
    #[arg(value_name = "DATABASE")]
    pub(super) database: PathBuf,
    #[command(flatten)]
    pub(super) key: KeyArgs,
    #[command(subcommand)]
    pub(super) command: PersonsCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum PersonsCommand {
    /// Lists the persons with their names, times and counts
    List {
        /// Prints a JSON list
        #[arg(long)]
        json: bool,
    },
    /// Shows a person with all templates and all entries of the journal
    Show {
        /// The person's number or name
        person: String,
        /// Prints a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Gives a person a name, or takes it away
    Name {
        /// The person's number or name
        person: String,
        /// The new name; without it the person loses the name
        name: Option<String>,
    },
    /// Makes two numbers one person: OTHER becomes an alias of PERSON
    ///
    /// Persons who were seen as two faces of one frame are refused.
    Merge {
        /// The person who stays
        person: String,
        /// The number that becomes an alias
        other: String,
    },
    /// Gives some templates of a person, and the tracks that showed them, to a new person
    Split {
        /// The person's number or name
        person: String,
        /// The numbers of the templates, which show prints
        #[arg(required = true, value_name = "TEMPLATE")]
        templates: Vec<u64>,
    },
    /// Takes an entry of the journal back: a merge, a split, a name, or an earlier undo
    Undo {
        /// The number of the entry, which show prints
        entry: u64,
    },
    /// Removes a person with all templates, names and entries, and searches every byte for remains
    ///
    /// It rewrites the database. Tracks of the person stay as those of an unknown face. Pictures, exports and backups are files
    /// of their own, which it does not touch. It cannot be undone.
    Forget {
        /// The person's number or name
        person: String,
    },
    /// Finds the persons whose faces are most like the largest face of a picture
    Search {
        /// A picture
        #[arg(value_name = "PICTURE")]
        picture: PathBuf,
        /// Shows at most N persons
        #[arg(long, value_name = "N", default_value_t = 5)]
        limit: usize,
        /// Prints a JSON list
        #[arg(long)]
        json: bool,
    },
    /// Writes persons with their templates into a file of JSON lines, which only you can read
    ///
    /// Templates are biometric data: with them anyone can recognise the person elsewhere.
    Export {
        /// The file
        #[arg(value_name = "FILE.jsonl")]
        file: PathBuf,
        /// The persons; without them, all
        #[arg(value_name = "PERSON")]
        persons: Vec<String>,
    },
    /// Adds the persons of an exported file, with new numbers
    ///
    /// A person with a template that the database has already is left out.
    Import {
        /// The file
        #[arg(value_name = "FILE.jsonl")]
        file: PathBuf,
    },
    /// Encrypts the templates of the faces, or encrypts them with another key (built with --features encryption)
    ///
    /// It makes a key if KEYFILE does not exist, and rewrites the database, so that no template is left in it that anyone can read
    /// without the key. Names, times and counts are not encrypted. Give --key-file if the templates are encrypted with another key
    /// now.
    Encrypt {
        /// The file of the key: 64 hexadecimal digits, which only you can read
        #[arg(value_name = "KEYFILE")]
        new_key_file: PathBuf,
    },
    /// Decrypts the templates, with the key of --key-file
    Decrypt,
}
