//! Encrypts and decrypts the templates of a file.
//!
//! A sealed template is a random nonce of 24 bytes, the encrypted numbers, and a tag of 16 bytes: XChaCha20-Poly1305
//! (draft-irtf-cfrg-xchacha-03, RFC 8439). The tag also covers the template's number, so that no template can take the place of
//! another.

#[cfg(feature = "encryption")]
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
#[cfg(feature = "encryption")]
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use passerby_types::Embedding;
use rusqlite::{Connection, params};

use super::key::TemplateKey;
use super::load;
use crate::error::StoreFault;

/// The length of a nonce in bytes.
#[cfg(feature = "encryption")]
const NONCE_LEN: usize = 24;
/// What the tag of a template covers beside the template and its number.
#[cfg(feature = "encryption")]
const TEMPLATE: &[u8] = b"passerby template";
/// What the tag that proves a key covers.
#[cfg(feature = "encryption")]
const KEY_CHECK: &[u8] = b"passerby key";

/// The way in which the templates of a file are stored.
pub(super) enum TemplateCipher {
    /// As they are.
    Plain,
    /// Each sealed with the file's key.
    #[cfg(feature = "encryption")]
    Sealed(Box<XChaCha20Poly1305>),
}

impl TemplateCipher {
    /// Creates the cipher of a key, or the one that leaves templates as they are.
    ///
    /// # Errors
    /// [`StoreFault::NoEncryption`] if there is a key, without the feature `encryption`.
    pub(super) fn new(key: Option<&TemplateKey>) -> Result<Self, StoreFault> {
        match key {
            None => Ok(Self::Plain),
            #[cfg(feature = "encryption")]
            Some(key) => Ok(Self::Sealed(Box::new(XChaCha20Poly1305::new(key.bytes().into())))),
            #[cfg(not(feature = "encryption"))]
            Some(_) => Err(StoreFault::NoEncryption),
        }
    }

    /// Returns the cipher of a file that is opened with or without a key.
    ///
    /// # Errors
    /// [`StoreFault::KeyNeeded`], [`StoreFault::WrongKey`] or [`StoreFault::NotEncrypted`] if the file has templates that the key
    /// does not fit.
    pub(super) fn of_file(conn: &Connection, key: Option<&TemplateKey>) -> Result<Self, StoreFault> {
        let cipher = Self::new(key)?;
        let sql = "SELECT key_check, EXISTS (SELECT 1 FROM gallery_template) FROM gallery";
        let row =
            conn.query_row(sql, [], |row| Ok((row.get::<_, Option<Vec<u8>>>(0)?, row.get::<_, bool>(1)?)));
        let (key_check, has_templates) = row.map_err(load::missing_row)?;
        match (key_check, key) {
            (Some(_), None) => Err(StoreFault::KeyNeeded),
            (Some(proof), Some(_)) if !cipher.proves(&proof) => Err(StoreFault::WrongKey),
            (None, Some(_)) if has_templates => Err(StoreFault::NotEncrypted),
            _ => Ok(cipher),
        }
    }

    /// As `mark`, if the file has no mark yet.
    pub(super) fn mark_new(&self, conn: &Connection) -> Result<(), StoreFault> {
        let sql = "SELECT key_check IS NULL FROM gallery";
        let is_new = conn.query_row(sql, [], |row| row.get(0)).map_err(load::missing_row)?;
        if is_new { self.mark(conn) } else { Ok(()) }
    }

    /// Writes into a file that its templates are stored in the way of this cipher.
    fn mark(&self, conn: &Connection) -> Result<(), StoreFault> {
        let proof: Option<Vec<u8>> = match self {
            Self::Plain => None,
            #[cfg(feature = "encryption")]
            Self::Sealed(cipher) => Some(seal(cipher, &[], KEY_CHECK)?),
        };
        conn.execute("UPDATE gallery SET key_check = ?1", params![proof])?;
        Ok(())
    }

    /// Stores every template of a file in the way of another cipher. `conn` must be in a transaction.
    pub(super) fn convert(&self, conn: &Connection, to: &Self) -> Result<(), StoreFault> {
        let mut update = conn.prepare("UPDATE gallery_template SET embedding = ?2 WHERE template = ?1")?;
        for template in load::templates(conn, self)? {
            let bytes = to.seal(template.id.0, &template.embedding)?;
            update.execute(params![template.id.0.cast_signed(), bytes])?;
        }
        to.mark(conn)
    }

    /// Returns the bytes that the file stores for a template.
    pub(super) fn seal(&self, template: u64, embedding: &Embedding) -> Result<Vec<u8>, StoreFault> {
        let bytes: Vec<u8> = embedding.as_slice().iter().flat_map(|v| v.to_le_bytes()).collect();
        match self {
            Self::Plain => {
                // The number takes part in sealing alone.
                let _ = template;
                Ok(bytes)
            }
            #[cfg(feature = "encryption")]
            Self::Sealed(cipher) => seal(cipher, &bytes, &covered(template)),
        }
    }

    /// Returns the template of these bytes, or `None` if they are damaged or of another template.
    pub(super) fn open(&self, template: u64, bytes: &[u8]) -> Option<Embedding> {
        match self {
            Self::Plain => {
                let _ = template;
                load::embedding(bytes)
            }
            #[cfg(feature = "encryption")]
            Self::Sealed(cipher) => load::embedding(&open(cipher, bytes, &covered(template))?),
        }
    }

    /// Returns true if the proof in a file was made with this cipher's key.
    fn proves(&self, proof: &[u8]) -> bool {
        match self {
            Self::Plain => {
                let _ = proof;
                false
            }
            #[cfg(feature = "encryption")]
            Self::Sealed(cipher) => open(cipher, proof, KEY_CHECK).is_some(),
        }
    }
}

/// Returns what the tag of a template covers beside the template.
#[cfg(feature = "encryption")]
fn covered(template: u64) -> Vec<u8> {
    [TEMPLATE, &template.to_le_bytes()].concat()
}

#[cfg(feature = "encryption")]
fn seal(cipher: &XChaCha20Poly1305, bytes: &[u8], covered: &[u8]) -> Result<Vec<u8>, StoreFault> {
    let mut nonce = [0; NONCE_LEN];
    super::key::fill_random(&mut nonce)?;
    let payload = Payload { msg: bytes, aad: covered };
    let sealed = cipher.encrypt(&XNonce::from(nonce), payload);
    let sealed = sealed.map_err(|e| StoreFault::Other(e.to_string().into()))?;
    Ok([&nonce[..], &sealed].concat())
}

#[cfg(feature = "encryption")]
fn open(cipher: &XChaCha20Poly1305, bytes: &[u8], covered: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_LEN>()?;
    cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: covered }).ok()
}
