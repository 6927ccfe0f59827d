//! Observations as lines of JSON.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use passerby_types::{Observation, Sink, SinkError};

use crate::line::Line;
use crate::{StoreError, StoreFault};

/// How much waits in memory before it is written on, in bytes.
const BUFFER: usize = 64 * 1024;

/// What a [`Jsonl`] writes beside the usual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JsonlSettings {
    /// The five landmarks of each detected face. Off by default: they are biometric.
    pub landmarks: bool,
    /// The embeddings. Off by default: they are biometric.
    pub embeddings: bool,
}

/// Writes one line of JSON a frame.
///
/// ```json
/// {"camera":0,"seq":12,"pts_s":0.48,"wall":"2026-01-01T00:00:00.480000Z","width":640,"height":360,
///  "kind":"analysed","faces":[{"track":1,"state":"confirmed","box":[10.0,50.0,50.0,100.0],"score":0.9,
///  "person":1,"similarity":0.8,"age":41.5,"age_interval":[33.0,50.0],"p_male":0.97}],"ended":[]}
/// ```
///
/// (One line in the file.) `pts_s` is the time in the stream in seconds, `wall` the time of day in UTC, `kind` one of
/// `analysed` and `coasted`, `state` one of `tentative`, `confirmed` and `lost`, `box` left, top, right and bottom in
/// pixels of the upright picture, `ended` the tracks that ended with the frame. What is not known is `null`: `score`
/// where the box is a prediction, `person` and `similarity` while there is no identity, the attributes while they are
/// unknown, and every number that is NaN or infinite. With [`JsonlSettings::landmarks`] a face also has `landmarks`,
/// five pairs of x and y or `null`; with [`JsonlSettings::embeddings`] it has `embedding`, a list or `null`.
/// Ids and `seq` are whole numbers up to 2^64 - 1; readers that know only 64-bit floats are exact up to 2^53.
///
/// Lines wait in memory until there are 64 KiB of them; [`Sink::flush`] writes them out and, for a file, makes them
/// durable. Dropping it writes them out too, without a word if that fails. A killed process leaves at most one line
/// cut short, the last.
pub struct Jsonl {
    name: PathBuf,
    out: Box<dyn Output>,
    settings: JsonlSettings,
    pending: Vec<u8>,
}

/// Where lines go.
trait Output: Write + Send {
    /// Makes what was written durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl Output for File {
    fn sync(&mut self) -> io::Result<()> {
        match self.sync_data() {
            // Pipes and terminals hold nothing that could be made durable.
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
    /// Writes to a new file; one that is there is emptied first.
    ///
    /// # Errors
    /// [`StoreFault::Io`]: the file cannot be made; try another path.
    pub fn create(path: impl AsRef<Path>, settings: JsonlSettings) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let file = File::create(path).map_err(|e| StoreError::new(path, e))?;
        Ok(Self::with(path.to_owned(), Box::new(file), settings))
    }

    /// Writes to the end of a file, which is made where there is none. A last line that was cut short stays as it
    /// is, on a line of its own.
    ///
    /// # Errors
    /// [`StoreFault::Io`]: the file cannot be opened; try another path.
    pub fn append(path: impl AsRef<Path>, settings: JsonlSettings) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let open = || {
            let mut file = OpenOptions::new().create(true).append(true).read(true).open(path)?;
            let cut = cut_short(&mut file)?;
            Ok((file, cut))
        };
        let (file, cut) = open().map_err(|e: io::Error| StoreError::new(path, e))?;
        let mut sink = Self::with(path.to_owned(), Box::new(file), settings);
        if cut {
            sink.pending.push(b'\n');
        }
        Ok(sink)
    }

    /// Writes to `out`; `name` stands for it in errors.
    pub fn to(name: &str, out: impl Write + Send + 'static, settings: JsonlSettings) -> Self {
        Self::with(name.into(), Box::new(Stream(out)), settings)
    }

    fn with(name: PathBuf, out: Box<dyn Output>, settings: JsonlSettings) -> Self {
        Self { name, out, settings, pending: Vec::new() }
    }

    /// Writes out what is pending. What was written when an error comes is pending no more, so that a second try
    /// goes on where the first one stopped.
    fn drain(&mut self) -> io::Result<()> {
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

/// Whether the file's last line lacks its end.
fn cut_short(file: &mut File) -> io::Result<bool> {
    if !file.metadata()?.is_file() || file.seek(SeekFrom::End(0))? == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

impl Sink for Jsonl {
    /// Takes a batch: all of it will be written, or none.
    ///
    /// # Errors
    /// `Reset`: the disk is full or slow; the batch was not taken, earlier ones wait. `Fatal`: the file cannot be
    /// written any more.
    fn write(&mut self, batch: &[Observation]) -> Result<(), SinkError> {
        if self.pending.len() >= BUFFER {
            self.drain().map_err(|e| self.error(e))?;
        }
        let before = self.pending.len();
        for observation in batch {
            let line = Line::new(observation, self.settings);
            if let Err(e) = serde_json::to_writer(&mut self.pending, &line) {
                self.pending.truncate(before);
                return Err(self.error(StoreFault::Other(e.into())));
            }
            self.pending.push(b'\n');
        }
        Ok(())
    }

    /// Writes out what waits in memory and, for a file, makes it durable.
    ///
    /// # Errors
    /// `Reset`: the disk is full or slow; nothing is lost, what was not written yet waits. `Fatal`: the file cannot
    /// be written any more.
    fn flush(&mut self) -> Result<(), SinkError> {
        let mut all = || {
            self.drain()?;
            self.out.flush()?;
            self.out.sync()
        };
        all().map_err(|e| self.error(e))
    }
}

impl Drop for Jsonl {
    fn drop(&mut self) {
        // Nobody is left to hear of an error; who wants to hear flushes.
        let _ = self.drain().and_then(|()| self.out.flush());
    }
}

/// Where to and how much waits, never what.
impl fmt::Debug for Jsonl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jsonl")
            .field("name", &self.name)
            .field("settings", &self.settings)
            .field("pending_bytes", &self.pending.len())
            .finish_non_exhaustive()
    }
}
