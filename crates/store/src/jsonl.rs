//! Observations as lines of JSON.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use passerby_types::{Observation, ObservationRecord, Sink, SinkError};

use crate::error::{StoreError, StoreFault};
use crate::owner_only::{create_owner_only, owner_only, restrict};

/// The size of the buffer in memory, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// Selects the biometric data that a [`Jsonl`] writes.
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonlSettings {
    /// Writes the five landmarks of each detected face. Off by default: they are biometric.
    pub landmarks: bool,
    /// Writes the embeddings. Off by default: they are biometric. On Unix the file is then for its owner alone (mode 0600).
    pub embeddings: bool,
}

/// Writes one line of JSON for each frame.
///
/// ```json
/// {"camera":0,"seq":12,"pts_s":0.48,"wall":"2026-01-01T00:00:00.480000Z","width":640,"height":360,
///  "kind":"analysed","faces":[{"track":1,"state":"confirmed","box":[10.0,50.0,50.0,100.0],"score":0.9,
///  "person":1,"similarity":0.8,"age":41.5,"age_interval":[33.0,50.0],"p_male":0.97}],"ended":[]}
/// ```
///
/// (One line in the file.) [`ObservationRecord`] explains each field, and [`Observation`] reads a line back. With
/// [`JsonlSettings::landmarks`] a face also has `landmarks`, five pairs of x and y or `null`. With
/// [`JsonlSettings::embeddings`] it has `embedding`, a list or `null`.
///
/// The sink collects 64 KiB of lines in memory before it writes them. [`Sink::flush`] writes them at once and, if the output is
/// a file, makes them durable. Dropping the sink writes them too, but ignores errors. If the process is killed, at most the
/// last line of the file is incomplete.
///
/// ```
/// use passerby_store::{Jsonl, JsonlSettings};
/// use passerby_types::{FrameMeta, Observation, Sink};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("faces.jsonl");
/// let mut sink = Jsonl::create(&path, JsonlSettings::default())?;
/// sink.write(&[Observation::new(FrameMeta::new(0, 12), 640, 360)])?;
/// sink.flush()?;
///
/// let text = std::fs::read_to_string(&path)?;
/// let read: Observation = serde_json::from_str(&text)?;
/// assert_eq!(read.meta.seq, 12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Jsonl {
    name: PathBuf,
    out: Box<dyn Output>,
    settings: JsonlSettings,
    pending: Vec<u8>,
}

/// The file or stream that the lines go to.
trait Output: Write + Send {
    /// Makes all written bytes durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl Output for File {
    fn sync(&mut self) -> io::Result<()> {
        match self.sync_data() {
            // Pipes and terminals cannot be made durable.
            Err(e) if matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            done => done,
        }
    }
}

struct Stream<W>(W);

impl<W: Write> Write for Stream<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write + Send> Output for Stream<W> {
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Jsonl {
    /// Creates a sink that writes to a new file. Empties the file first if it exists.
    ///
    /// # Errors
    /// [`StoreFault::Io`] if the file cannot be created. The caller should use another path.
    pub fn create(path: impl AsRef<Path>, settings: JsonlSettings) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let file = if settings.embeddings { create_owner_only(path) } else { File::create(path) };
        let file = file.map_err(|e| StoreError::new(path, e))?;
        Ok(Self::with(path.to_owned(), Box::new(file), settings))
    }

    /// Creates a sink that writes to the end of a file. Creates the file if it does not exist. If the last line is incomplete, it
    /// stays as it is, on a line of its own.
    ///
    /// # Errors
    /// [`StoreFault::Io`] if the file cannot be opened. The caller should use another path.
    pub fn append(path: impl AsRef<Path>, settings: JsonlSettings) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let open = || {
            let mut options = OpenOptions::new();
            options.create(true).append(true).read(true);
            let mut file =
                if settings.embeddings { owner_only(&mut options) } else { &mut options }.open(path)?;
            if settings.embeddings {
                restrict(&file)?;
            }
            let incomplete = ends_within_line(&mut file)?;
            Ok((file, incomplete))
        };
        let (file, incomplete) = open().map_err(|e: io::Error| StoreError::new(path, e))?;
        let mut sink = Self::with(path.to_owned(), Box::new(file), settings);
        if incomplete {
            sink.pending.push(b'\n');
        }
        Ok(sink)
    }

    /// Creates a sink that writes to `out`. `name` stands for it in errors.
    ///
    /// ```
    /// use passerby_store::{Jsonl, JsonlSettings};
    ///
    /// let sink = Jsonl::to_writer("standard output", std::io::stdout(), JsonlSettings::default());
    /// # drop(sink);
    /// ```
    pub fn to_writer(name: &str, out: impl Write + Send + 'static, settings: JsonlSettings) -> Self {
        Self::with(name.into(), Box::new(Stream(out)), settings)
    }

    fn with(name: PathBuf, out: Box<dyn Output>, settings: JsonlSettings) -> Self {
        Self { name, out, settings, pending: Vec::new() }
    }

    /// Writes the pending bytes. After an error, the bytes that were written are no longer pending, so that a second attempt
    /// does not write them again.
    fn write_pending(&mut self) -> io::Result<()> {
        let mut done = 0;
        let result = loop {
            if done == self.pending.len() {
                break Ok(());
            }
            match self.out.write(&self.pending[done..]) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => break Err(e),
            }
        };
        self.pending.drain(..done);
        result
    }

    fn error(&self, fault: impl Into<StoreFault>) -> SinkError {
        StoreError::new(&self.name, fault).into()
    }
}

/// Returns true if the last line of the file lacks its end.
fn ends_within_line(file: &mut File) -> io::Result<bool> {
    if !file.metadata()?.is_file() || file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

impl Sink for Jsonl {
    /// Takes a batch into the buffer: all of it or nothing. Writes the buffer first if it is full.
    ///
    /// # Errors
    /// `Reset` if the disk is full or slow: the sink did not take the batch, and keeps the earlier ones. `Fatal` if the file
    /// can no longer be written.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        if self.pending.len() >= BUFFER_BYTES {
            self.write_pending().map_err(|e| self.error(e))?;
        }
        let before = self.pending.len();
        for observation in batch {
            let mut record = ObservationRecord::new(observation);
            if self.settings.landmarks {
                record = record.with_landmarks();
            }
            if self.settings.embeddings {
                record = record.with_embeddings();
            }
            if let Err(e) = serde_json::to_writer(&mut self.pending, &record) {
                self.pending.truncate(before);
                return Err(self.error(StoreFault::Other(e.into())));
            }
            self.pending.push(b'\n');
        }
        Ok(())
    }

    /// Writes the buffer and, if the output is a file, makes it durable.
    ///
    /// # Errors
    /// `Reset` if the disk is full or slow: the sink keeps the lines that are not written yet. `Fatal` if the file can no
    /// longer be written.
    fn flush(&mut self) -> Result<(), SinkError> {
        let mut all = || {
            self.write_pending()?;
            self.out.flush()?;
            self.out.sync()
        };
        all().map_err(|e| self.error(e))
    }
}

impl Drop for Jsonl {
    fn drop(&mut self) {
        // A drop cannot return an error. A caller that needs the error must flush before.
        let _ = self.write_pending().and_then(|()| self.out.flush());
    }
}

/// Prints the output and the size of the buffer, never its content.
impl fmt::Debug for Jsonl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jsonl")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .field("pending_bytes", &self.pending.len())
            .finish_non_exhaustive()
    }
}
