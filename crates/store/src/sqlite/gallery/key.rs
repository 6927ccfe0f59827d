//! The key of the templates.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use crate::error::{StoreError, StoreFault};

/// The key that encrypts the templates of a gallery: 32 secret bytes.
///
/// A template is a person's face as numbers. With a key, the database file, its write-ahead log and copies of both hold none that
/// anyone can read without the key. Names, times and counts stay readable. A lost key cannot be replaced: the templates are lost
/// with it, and the persons must be met anew.
///
/// The key needs the feature `encryption`. Without it, the calls that use a key fail with [`StoreFault::NoEncryption`].
///
/// ```
/// # #[cfg(feature = "encryption")] {
/// use passerby_store::{JournalSettings, SqliteJournal, StoreFault, TemplateKey};
///
/// # let folder = tempfile::tempdir()?;
/// # let (path, key_file) = (folder.path().join("passerby.sqlite"), folder.path().join("passerby.key"));
/// TemplateKey::create_file(&key_file)?; // once; keep it apart from the database and its backups
///
/// let key = Some(TemplateKey::read_file(&key_file)?);
/// SqliteJournal::open(&path, JournalSettings { key, ..JournalSettings::default() })?;
///
/// // From now on, the gallery opens with this key only.
/// let error = SqliteJournal::open(&path, JournalSettings::default()).unwrap_err();
/// assert!(matches!(error.fault(), StoreFault::KeyNeeded));
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TemplateKey([u8; TemplateKey::LEN]);

impl TemplateKey {
    /// The number of bytes of a key.
    pub const LEN: usize = 32;

    /// Creates a key from 32 bytes, which must come from a random generator that is fit for secrets, or from a store of secrets.
    #[must_use]
    pub fn new(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Reads a key from a file with 64 hexadecimal digits. White space around them is ignored.
    ///
    /// # Errors
    /// [`StoreFault::Io`] if the file cannot be read. [`StoreFault::NotKey`] if it has something else. On Unix also
    /// [`StoreFault::OpenKey`] if others than its owner can read it: the caller should take the right away, with `chmod 600`.
    pub fn read_file(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let read = || {
            check_rights(path)?;
            let text = fs::read_to_string(path).map_err(|e| match e.kind() {
                io::ErrorKind::InvalidData => StoreFault::NotKey,
                _ => e.into(),
            })?;
            Self::parse(text.trim()).ok_or(StoreFault::NotKey)
        };
        read().map_err(|fault| StoreError::new(path, fault))
    }

    /// Makes a random key, and writes it into a new file, which only its owner can read.
    ///
    /// # Errors
    /// [`StoreFault::Io`] if the file exists, or cannot be written. [`StoreFault::NoEncryption`] without the feature `encryption`.
    pub fn create_file(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let create = || -> Result<Self, StoreFault> {
            let mut key = Self([0; Self::LEN]);
            fill_random(&mut key.0)?;
            let digits: String = key.0.iter().map(|byte| format!("{byte:02x}")).collect();
            write_new(path, &(digits + "\n"))?;
            Ok(key)
        };
        create().map_err(|fault| StoreError::new(path, fault))
    }

    #[cfg(feature = "encryption")]
    pub(super) fn bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Returns the key of these hexadecimal digits, or `None` if they are something else.
    fn parse(digits: &str) -> Option<Self> {
        let digits = digits.as_bytes();
        if digits.len() != 2 * Self::LEN || !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        let mut bytes = [0; Self::LEN];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

/// Prints no byte of the key.
impl fmt::Debug for TemplateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TemplateKey(..)")
    }
}

/// Fills a buffer with bytes of the system's random generator.
#[cfg(feature = "encryption")]
pub(super) fn fill_random(bytes: &mut [u8]) -> Result<(), StoreFault> {
    getrandom::fill(bytes)
        .map_err(|e| StoreFault::Other(format!("the system gives no random bytes: {e}").into()))
}

#[cfg(not(feature = "encryption"))]
fn fill_random(_: &mut [u8]) -> Result<(), StoreFault> {
    Err(StoreFault::NoEncryption)
}

/// Writes a file that must not exist yet, for its owner only.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;

    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    let mut file = crate::owner_only::owner_only(&mut options).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(unix)]
fn check_rights(path: &Path) -> Result<(), StoreFault> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = fs::metadata(path)?;
    // A pipe or a secret that a service manager mounts has other rules.
    if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
        return Err(StoreFault::OpenKey);
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_rights(_: &Path) -> Result<(), StoreFault> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eFF";

    #[test]
    fn a_key_is_64_hexadecimal_digits() {
        let key = TemplateKey::parse(DIGITS).unwrap();
        assert_eq!((key.0[1], key.0[31]), (1, 255));
        assert_eq!(TemplateKey::parse(&DIGITS[1..]), None);
        assert_eq!(TemplateKey::parse(&DIGITS.replace('f', "g")), None);
        assert_eq!(TemplateKey::parse(&DIGITS.replacen("00", "+1", 1)), None);
        assert_eq!(TemplateKey::parse(""), None);
    }

    #[test]
    fn a_key_prints_no_byte() {
        assert_eq!(format!("{:?}", TemplateKey::new([7; 32])), "TemplateKey(..)");
    }

    #[test]
    fn a_file_with_something_else_is_no_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_new(&path, "the key\n").unwrap();
        let error = TemplateKey::read_file(&path).unwrap_err();
        assert!(matches!(error.fault(), StoreFault::NotKey), "{error}");
        write_new(&folder.path().join("bytes"), "").unwrap();
        fs::write(folder.path().join("bytes"), [0xff; 32]).unwrap();
        let error = TemplateKey::read_file(folder.path().join("bytes")).unwrap_err();
        assert!(matches!(error.fault(), StoreFault::NotKey), "{error}");
    }

    #[test]
    fn white_space_around_the_digits_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_new(&path, &format!(" {DIGITS}\r\n")).unwrap();
        assert_eq!(TemplateKey::read_file(&path).unwrap(), TemplateKey::parse(DIGITS).unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_new(&path, DIGITS).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = TemplateKey::read_file(&path).unwrap_err();
        assert!(matches!(error.fault(), StoreFault::OpenKey), "{error}");
    }

    #[cfg(feature = "encryption")]
    #[test]
    fn a_new_key_file_is_random_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let key = TemplateKey::create_file(&one).unwrap();
        assert_ne!(key, TemplateKey::create_file(&two).unwrap());
        assert!(TemplateKey::create_file(&one).is_err());
        assert_eq!(TemplateKey::read_file(&one).unwrap(), key);
    }
}
