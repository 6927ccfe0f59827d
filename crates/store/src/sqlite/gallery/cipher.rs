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

use super::key::TemplateKey;
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

    /// Returns the cipher of a file that is opened with or without a key. `key_check` proves the file's own key, if it has one.
    ///
    /// # Errors
    /// [`StoreFault::KeyNeeded`], [`StoreFault::WrongKey`] or [`StoreFault::NotEncrypted`] if the file has templates that the key
    /// does not fit.
    pub(super) fn of_file(
        key: Option<&TemplateKey>,
        key_check: Option<&[u8]>,
        has_templates: bool,
    ) -> Result<Self, StoreFault> {
        let cipher = Self::new(key)?;
        match (key_check, key) {
            (Some(_), None) => Err(StoreFault::KeyNeeded),
            (Some(key_check), Some(_)) if !cipher.proves(key_check) => Err(StoreFault::WrongKey),
            (None, Some(_)) if has_templates => Err(StoreFault::NotEncrypted),
            _ => Ok(cipher),
        }
    }

    /// Returns the bytes by which a file proves this cipher's key, or `None` if there is none.
    pub(super) fn key_check(&self) -> Result<Option<Vec<u8>>, StoreFault> {
        match self {
            Self::Plain => Ok(None),
            #[cfg(feature = "encryption")]
            Self::Sealed(cipher) => seal(cipher, &[], KEY_CHECK).map(Some),
        }
    }

    /// Returns the bytes that the file stores for a template.
    #[cfg_attr(
        not(feature = "encryption"),
        expect(unused_variables, reason = "only a sealed template needs it")
    )]
    pub(super) fn seal(&self, template: u64, embedding: &Embedding) -> Result<Vec<u8>, StoreFault> {
        let bytes: Vec<u8> = embedding.as_slice().iter().flat_map(|v| v.to_le_bytes()).collect();
        match self {
            Self::Plain => Ok(bytes),
            #[cfg(feature = "encryption")]
            Self::Sealed(cipher) => seal(cipher, &bytes, &covered(template)),
        }
    }

    /// Returns the template of these bytes, or `None` if they are damaged or of another template.
    #[cfg_attr(
        not(feature = "encryption"),
        expect(unused_variables, reason = "only a sealed template needs it")
    )]
    pub(super) fn open(&self, template: u64, bytes: &[u8]) -> Option<Embedding> {
        match self {
            Self::Plain => embedding(bytes),
            #[cfg(feature = "encryption")]
            Self::Sealed(cipher) => embedding(&open(cipher, bytes, &covered(template))?),
        }
    }

    /// Returns true if these bytes of a file prove this cipher's key.
    #[cfg_attr(
        not(feature = "encryption"),
        expect(unused_variables, reason = "only a sealed template needs it")
    )]
    fn proves(&self, key_check: &[u8]) -> bool {
        match self {
            Self::Plain => false,
            #[cfg(feature = "encryption")]
            Self::Sealed(cipher) => open(cipher, key_check, KEY_CHECK).is_some(),
        }
    }
}

/// Returns the embedding of these bytes, or `None` if they are damaged.
fn embedding(bytes: &[u8]) -> Option<Embedding> {
    let (numbers, rest) = bytes.as_chunks::<4>();
    let values = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
    if rest.is_empty() { Embedding::restored(values).ok() } else { None }
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
