//! Everything that a run writes: files, a database, the summary and the progress.

mod csv_rows;
mod faces;
mod mot;
mod row_format;

use std::fs;

use passerby::pipeline::Summary;
use passerby::types::{BoxError, CameraId, Observation};

use super::args::{AnalyzeArgs, Mode};
use super::inputs::Input;
use crate::missing::SmallFaces;
use crate::output::{
    Chunk, Database, FileClaims, OutputThread, Readers, WhenBehind, at, end_deadline, files_of_inputs,
};
use crate::progress::Progress;
use crate::stop::Stop;
use crate::terminal;
use csv_rows::CsvRows;
use faces::Faces;
use mot::Mot;
use row_format::RowFormat;

/// All outputs.
///
/// A new output is a [`FileOutput`], to which [`Outputs::add`] passes each observation.
pub(super) struct Outputs {
    summary: Summary,
    files: Vec<FileOutput>,
    database: Option<Database>,
    small_faces: SmallFaces,
    pub(super) progress: Progress,
    stop: Stop,
}

/// A file, or a file for each input, with rows in one format.
struct FileOutput {
    format: Box<dyn RowFormat>,
    thread: OutputThread,
    /// True if each input has a file of its own.
    is_folder: bool,
}

impl Outputs {
    /// Claims and creates the files that the user asked for.
    ///
    /// # Errors
    /// An output is an input or another output, or cannot be created. In the first case no file was touched.
    pub(super) fn create(
        args: &AnalyzeArgs,
        mode: Mode,
        inputs: &[Input],
        claims: &mut FileClaims,
        stop: &Stop,
    ) -> Result<Self, BoxError> {
        let output = &args.output;
        let several = args.input.inputs.len() > 1 || inputs.len() > 1;
        let names = || inputs.iter().map(|input| input.name.as_str());
        let mot = output.mot.as_deref().map(|path| (path, files_of_inputs(path, several, names(), "txt")));
        for file in mot.iter().flat_map(|(_, files)| files) {
            claims.claim("--mot", file)?;
        }
        for (option, path) in output.files() {
            claims.claim(option, path)?;
        }
        if let Some(path) = &output.database.db {
            claims.claim_database("--db", path)?;
        }

        let when_behind = if mode.live { WhenBehind::Lose } else { WhenBehind::Wait };
        let single = args.every_frame;
        let mut files = Vec::new();
        let networks = args.networks.settings();
        let numbers = output.database.gallery.numbers()?;
        let database = output.database.db.as_deref();
        let database = database.map(|path| Database::open(path, &networks, numbers)).transpose()?;
        if let Some((path, names)) = mot {
            if several {
                fs::create_dir_all(path).map_err(|e| at(path, &e))?;
            }
            let thread = OutputThread::start(path, names, Readers::Usual, when_behind)?;
            files.push(FileOutput { format: Box::new(Mot::default()), thread, is_folder: several });
        }
        if let Some(path) = &output.faces {
            let readers = if output.embeddings { Readers::Owner } else { Readers::Usual };
            let thread = OutputThread::start(path, vec![path.clone()], readers, when_behind)?;
            let format = Faces { single, embeddings: output.embeddings, time_of_day: mode.live };
            files.push(FileOutput { format: Box::new(format), thread, is_folder: false });
        }
        if let Some(path) = &output.csv {
            let mut thread = OutputThread::start(path, vec![path.clone()], Readers::Usual, when_behind)?;
            thread.send(Chunk { bytes: CsvRows::head(), ..Chunk::default() }, stop);
            files.push(FileOutput { format: Box::new(CsvRows { single }), thread, is_folder: false });
        }
        let progress = Progress::new(args.quiet.quiet);
        let small_faces =
            SmallFaces::new(args.networks.settings().detector, args.networks.is_min_face_given());
        Ok(Self { summary: Summary::default(), files, database, small_faces, progress, stop: stop.clone() })
    }

    /// Returns the database, which the pipelines write themselves.
    pub(super) fn database(&self) -> Option<Database> {
        self.database.clone()
    }

    /// Must be called before the first observation of an input.
    pub(super) fn begin(&mut self, camera: CameraId, name: &str) {
        if let Some(database) = &self.database {
            database.name(camera, name);
        }
    }

    /// Writes the observation of one frame.
    ///
    /// # Errors
    /// A format cannot hold the observation.
    pub(super) fn add(&mut self, name: &str, observation: &Observation) -> Result<(), BoxError> {
        self.summary.add(observation);
        self.small_faces.add(observation);
        self.progress.count(observation);
        for file in &mut self.files {
            let mut bytes = Vec::new();
            let frames = file.format.add(name, observation, &mut bytes)?;
            file.send(observation.meta.camera, bytes, frames, false, &self.stop);
        }
        Ok(())
    }

    /// Shows the progress. Must be called often, also while no observation comes.
    pub(super) fn show_progress(&mut self) {
        self.progress.show(&self.summary);
    }

    /// Must be called after the last observation of an input.
    pub(super) fn end(&mut self, camera: CameraId) {
        for file in &mut self.files {
            let mut bytes = Vec::new();
            let frames = file.format.end(camera, &mut bytes);
            file.send(camera, bytes, frames, file.is_folder, &self.stop);
        }
    }

    /// Ends all outputs and prints a line for each that failed. Returns the summary, the faces that were too small, and `false`
    /// if an output failed.
    pub(super) fn finish(self) -> (Summary, SmallFaces, bool) {
        let deadline = end_deadline();
        let threads: Vec<OutputThread> = self.files.into_iter().map(|file| file.thread).collect();
        threads.iter().for_each(OutputThread::close);
        let failed = threads.into_iter().filter_map(|thread| thread.finish(deadline, &self.stop));
        let mut lines: Vec<String> = failed.collect();
        if let Some(Err(e)) = self.database.map(Database::finish) {
            lines.push(e.to_string());
        }
        lines.iter().for_each(terminal::message);
        (self.summary, self.small_faces, lines.is_empty())
    }
}

impl FileOutput {
    fn send(&mut self, camera: CameraId, bytes: Vec<u8>, frames: u64, last: bool, stop: &Stop) {
        if bytes.is_empty() && !last {
            return;
        }
        let file = if self.is_folder { camera.0 as usize } else { 0 };
        self.thread.send(Chunk { file, bytes, frames, last }, stop);
    }
}
