//! All persons in one picture.

use std::collections::BTreeMap;
use std::fmt;

use passerby_types::{
    Attributes, BBox, ColorSpace, Frame, FramePool, Image, ImageError, Observation, PersonId, PixelLayout,
    Region, TrackKey, TrackState,
};

use crate::blur::blur_face;
use crate::canvas::Canvas;
use crate::glyphs::Glyphs;
use crate::label::write_attributes;
use crate::palette::{self, Rgb};
use crate::rect::{Rect, even_above};
use crate::thumbnail::thumbnail;

/// The side of the part of the picture that is kept, divided by the longer side of the face's box.
const VIEW_MARGIN: f32 = 1.8;
/// A view replaces another if its quality is better by this factor, so that few views are cut out.
const BETTER: f32 = 1.1;
/// The most views of tracks that are not added to their persons yet.
const MAX_TRACKS: usize = 256;

const BACKGROUND: Rgb = [236, 238, 241];
const CARD: Rgb = [255, 255, 255];
const NO_VIEW: Rgb = [214, 218, 224];
const TITLE_TEXT: Rgb = [28, 31, 36];
const DETAIL_TEXT: Rgb = [84, 90, 99];
/// The fewest columns that the sheet is wide, so that its title has room.
const MIN_COLUMNS: u32 = 3;

/// The size of a [`ContactSheet`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SheetSettings {
    /// The side of a person's picture in pixels, held between 48 and 512. Default: 192.
    pub tile: u32,
    /// The most persons side by side, held between 3 and 16. Default: 6.
    pub columns: u32,
    /// The most persons whose views are kept, each in `3 * tile * tile` bytes. The sheet counts the others. Default: 120.
    pub max_persons: usize,
    /// Makes all faces unrecognisable, as [`blur_face`](crate::blur_face) does. Default: false.
    pub blur: bool,
    /// The probability, 0.5 to 1, that a gender needs to be shown. Default: 0.8.
    pub gender_confidence: f32,
}

impl Default for SheetSettings {
    fn default() -> Self {
        Self {
            tile: 192,
            columns: 6,
            max_persons: 120,
            blur: false,
            gender_confidence: Attributes::GENDER_CONFIDENCE,
        }
    }
}

/// One person of a sheet: the text below the picture.
#[derive(Clone, Debug, PartialEq)]
pub struct SheetEntry {
    /// The person.
    pub person: PersonId,
    /// The person's name, or `None` to show the number.
    pub name: Option<String>,
    /// The age and gender, or `None` if they are not known.
    pub attributes: Option<Attributes>,
    /// Further lines, for example the first and last time and the cameras. A line that is too long ends in an ellipsis.
    pub lines: Vec<String>,
}

/// Keeps the best view of each person and draws all persons into one picture.
///
/// Add each frame with its observation. The sheet keeps one small picture a person in memory, of the view with the best
/// [`quality`](passerby_types::Face::quality), and nothing else of the frames.
///
/// ```
/// use passerby_annotate::{ContactSheet, SheetEntry, SheetSettings};
/// use passerby_testkit::{LAYOUTS, color_of, frame, suite::observation, uniform};
/// use passerby_types::PersonId;
///
/// let mut sheet = ContactSheet::new(SheetSettings::default());
/// sheet.add(&frame(0, uniform(LAYOUTS[0], 640, 480, 90)), &observation(0, 0));
/// let entry = SheetEntry { person: PersonId(1), name: None, attributes: None, lines: vec!["0.0 s".into()] };
/// let picture = sheet.render("1 person", &[entry]);
/// assert!(picture.width() > 192);
/// ```
pub struct ContactSheet {
    settings: SheetSettings,
    persons: BTreeMap<PersonId, View>,
    /// The best view of each live track, whose person may still change.
    tracks: BTreeMap<TrackKey, (Option<PersonId>, View)>,
    pool: FramePool,
}

/// One view of a face.
struct View {
    quality: f32,
    /// RGB bytes of `tile` by `tile` pixels.
    pixels: Vec<u8>,
}

impl ContactSheet {
    /// Creates an empty sheet.
    #[must_use]
    pub fn new(settings: SheetSettings) -> Self {
        let settings = SheetSettings {
            tile: settings.tile.clamp(48, 512) & !1,
            columns: settings.columns.clamp(MIN_COLUMNS, 16),
            ..settings
        };
        Self { settings, persons: BTreeMap::new(), tracks: BTreeMap::new(), pool: FramePool::new(1) }
    }

    /// Takes the faces of one frame that are better than the views so far. The observation must be the frame's own.
    pub fn add(&mut self, frame: &Frame, observation: &Observation) {
        let camera = observation.meta.camera;
        let is_here = |key: &TrackKey| {
            key.camera == camera && observation.faces.iter().any(|face| face.track == key.track)
        };
        let is_full = self.tracks.len() >= MAX_TRACKS;
        let ended: Vec<TrackKey> = self
            .tracks
            .keys()
            .filter(|key| !is_here(key) && (is_full || key.camera == camera))
            .copied()
            .collect();
        for key in ended {
            if let Some((Some(person), view)) = self.tracks.remove(&key) {
                self.keep(person, view);
            }
        }
        for observed in &observation.faces {
            let key = TrackKey { camera, track: observed.track };
            let person = observed.identity.person();
            if let Some((known, _)) = self.tracks.get_mut(&key) {
                *known = person.or(*known);
            }
            let Some(face) = observed.face.filter(|_| observed.state == TrackState::Confirmed) else {
                continue;
            };
            let image = &frame.image;
            let inside = face.bbox.clamped(image.width(), image.height()).area() / face.bbox.area().max(1.0);
            let quality = face.quality() * inside;
            let before = self.tracks.get(&key).map(|(_, view)| view.quality);
            if before.is_some_and(|before| quality <= before * BETTER) {
                continue;
            }
            if let Ok(pixels) = self.cut(image, &face.bbox, observation) {
                self.tracks.insert(key, (person, View { quality, pixels }));
            }
        }
    }

    /// Returns the number of persons of whom there is a view.
    #[must_use]
    pub fn persons(&self) -> usize {
        let live = self.tracks.values().filter_map(|(person, _)| *person);
        let new: std::collections::BTreeSet<PersonId> =
            live.filter(|person| !self.persons.contains_key(person)).collect();
        self.persons.len() + new.len()
    }

    /// Returns the best view of a person as a square of [`SheetSettings::tile`] pixels, or `None` before the first view.
    #[must_use]
    pub fn picture(&self, person: PersonId) -> Option<Image> {
        let pixels = self.view(person)?.pixels.clone();
        let tile = self.settings.tile;
        Image::from_vec(PixelLayout::Rgb8, tile, tile, ColorSpace::JPEG, pixels).ok()
    }

    /// Returns true if there is a view of a person, so that [`ContactSheet::picture`] returns one.
    #[must_use]
    pub fn has_picture(&self, person: PersonId) -> bool {
        self.view(person).is_some()
    }

    /// Forgets the views of a person. A track that goes on gives new ones.
    pub fn forget(&mut self, person: PersonId) {
        self.persons.remove(&person);
        self.tracks.retain(|_, (known, _)| *known != Some(person));
    }

    /// Draws the entries in their order, below a title. An entry without a view has an empty tile. If there are more
    /// entries than the sheet may hold, a last line counts the others.
    #[must_use]
    pub fn render(&self, title: &str, entries: &[SheetEntry]) -> Image {
        let mut glyphs = Glyphs::new();
        let layout = SheetLayout::new(&self.settings, entries, &glyphs);
        let pixels = BACKGROUND.repeat((layout.width * layout.height) as usize);
        let (width, height) = (layout.width as u32, layout.height as u32);
        let mut sheet = Image::from_vec(PixelLayout::Rgb8, width, height, ColorSpace::JPEG, pixels)
            .expect("the layout keeps the sheet within the largest side");
        let mut canvas = Canvas::new(&mut sheet);
        let all = canvas.bounds();
        let text_width = layout.width - 2 * layout.margin;
        let title = fit(title, layout.text.title, text_width, &mut glyphs);
        glyphs.draw(&mut canvas, &title, (layout.margin, layout.margin), layout.text.title, &all, TITLE_TEXT);
        for (index, entry) in entries.iter().take(layout.shown).enumerate() {
            self.draw_card(&mut canvas, &mut glyphs, &layout, index, entry);
        }
        let text = match entries.len() - layout.shown {
            0 if entries.is_empty() => "No person was recognised.".to_owned(),
            0 => String::new(),
            others => format!("and {others} more"),
        };
        let at = (layout.margin, layout.height - layout.margin - glyphs.line_height(layout.text.detail));
        glyphs.draw(&mut canvas, &text, at, layout.text.detail, &all, DETAIL_TEXT);
        sheet
    }

    /// Returns the best view of a person, of all tracks, or `None` before the first one.
    fn view(&self, person: PersonId) -> Option<&View> {
        let live = self.tracks.values().filter(|(known, _)| *known == Some(person)).map(|(_, view)| view);
        live.chain(self.persons.get(&person)).max_by(|a, b| a.quality.total_cmp(&b.quality))
    }

    /// Keeps a view of a person if it is better than the one before.
    fn keep(&mut self, person: PersonId, view: View) {
        let is_full = self.persons.len() >= self.settings.max_persons;
        match self.persons.get_mut(&person) {
            Some(before) if before.quality < view.quality => *before = view,
            None if !is_full => drop(self.persons.insert(person, view)),
            _ => {}
        }
    }

    /// Cuts a square around a face out of a picture, and scales it to a tile.
    ///
    /// # Errors
    /// [`ImageError::Size`] if the box has no pixel in the picture.
    fn cut(&self, image: &Image, bbox: &BBox, observation: &Observation) -> Result<Vec<u8>, ImageError> {
        let none = ImageError::Size { width: 0, height: 0 };
        if bbox.is_empty() || bbox.clamped(image.width(), image.height()).is_empty() {
            return Err(none);
        }
        let longest = image.width().min(image.height()) as f32;
        let side = (bbox.width().max(bbox.height()) * VIEW_MARGIN).round().clamp(1.0, longest);
        let center = bbox.center();
        // The square is moved into the picture instead of being cut.
        let start =
            |middle: f32, limit: u32| (middle - side / 2.0).round().clamp(0.0, limit as f32 - side) as u32;
        let (x, y) = (start(center.x, image.width()), start(center.y, image.height()));
        let region = Region { x, y, width: side as u32, height: side as u32 };
        let (mut part, at) = image.crop(region, &self.pool)?;
        if self.settings.blur {
            let (dx, dy) = (-(at.x as f32), -(at.y as f32));
            observation.faces.iter().for_each(|face| blur_face(&mut part, &face.bbox.shifted(dx, dy)));
        }
        Ok(thumbnail(&part, self.settings.tile as usize))
    }

    /// Draws the card of one person: the view, a bar in the person's colour, and the text.
    fn draw_card(
        &self,
        canvas: &mut Canvas<'_>,
        glyphs: &mut Glyphs,
        layout: &SheetLayout,
        index: usize,
        entry: &SheetEntry,
    ) {
        let card = layout.card(index);
        canvas.fill(&card, CARD);
        let tile = layout.tile;
        let photo = Rect::new(card.x0, card.y0, card.x0 + tile, card.y0 + tile);
        canvas.fill(&photo, NO_VIEW);
        if let Some(view) = self.view(entry.person) {
            for (y, row) in view.pixels.chunks_exact(3 * tile as usize).enumerate() {
                let line = canvas.image().row_mut(0, photo.y0 as usize + y);
                line[3 * photo.x0 as usize..][..row.len()].copy_from_slice(row);
            }
        }
        let bar = Rect::new(card.x0, photo.y1, card.x1, photo.y1 + layout.bar);
        canvas.fill(&bar, palette::of_person(entry.person));
        let text = Rect { x0: card.x0 + layout.padding, x1: card.x1 - layout.padding, ..card };
        let mut y = bar.y1 + layout.padding;
        let mut line = |line: &str, size: u16, color: Rgb| {
            let line = fit(line, size, text.width(), glyphs);
            glyphs.draw(canvas, &line, (text.x0, y), size, &text, color);
            y += glyphs.line_height(size);
        };
        let number = || format!("Person {}", entry.person.0);
        line(&entry.name.clone().unwrap_or_else(number), layout.text.name, TITLE_TEXT);
        let mut details = String::new();
        if let Some(attributes) = &entry.attributes {
            write_attributes(&mut details, attributes, true, self.settings.gender_confidence);
        }
        line(&details, layout.text.detail, TITLE_TEXT);
        for text in entry.lines.iter().take(layout.lines) {
            line(text, layout.text.detail, DETAIL_TEXT);
        }
    }
}

/// Prints counts only: the views are faces.
impl fmt::Debug for ContactSheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContactSheet({} persons, {} tracks)", self.persons.len(), self.tracks.len())
    }
}

/// The sizes and places of a sheet's parts in pixels. All places are even.
struct SheetLayout {
    tile: i32,
    margin: i32,
    padding: i32,
    bar: i32,
    text: SheetText,
    columns: i32,
    /// The height of the title with its margins, and of a card.
    header: i32,
    card_height: i32,
    /// The lines below the age, and the persons that have room.
    lines: usize,
    shown: usize,
    width: i32,
    height: i32,
}

/// The sizes of a sheet's text in pixels.
struct SheetText {
    title: u16,
    name: u16,
    detail: u16,
}

/// The most lines below the age of a person.
const MAX_LINES: usize = 6;

impl SheetLayout {
    fn new(settings: &SheetSettings, entries: &[SheetEntry], glyphs: &Glyphs) -> Self {
        let tile = settings.tile as i32;
        let margin = even_above(tile / 10);
        let padding = even_above(tile / 20);
        let bar = even_above(tile / 40);
        let text = SheetText {
            title: (tile / 6) as u16,
            name: ((tile / 8) as u16).max(11),
            detail: ((tile / 11) as u16).max(11),
        };
        let lines = entries.iter().map(|entry| entry.lines.len()).max().unwrap_or(0).min(MAX_LINES);
        let text_height =
            glyphs.line_height(text.name) + (1 + lines as i32) * glyphs.line_height(text.detail);
        let card_height = even_above(tile + bar + 2 * padding + text_height);
        // About one and a half times as wide as high.
        let wanted = (entries.len() as f32 * 2.2).sqrt().ceil() as u32;
        let columns = wanted.clamp(MIN_COLUMNS, settings.columns) as i32;
        let header = even_above(glyphs.line_height(text.title) + 2 * margin);
        let footer = even_above(glyphs.line_height(text.detail) + margin);
        let max_rows = (Image::MAX_SIDE as i32 - header - footer) / (card_height + margin);
        let shown = entries.len().min(settings.max_persons).min((max_rows * columns) as usize);
        let rows = (shown as i32 + columns - 1) / columns;
        let footer = if shown < entries.len() || entries.is_empty() { footer } else { 0 };
        Self {
            tile,
            margin,
            padding,
            bar,
            text,
            columns,
            header,
            card_height,
            lines,
            shown,
            width: margin + columns * (tile + margin),
            height: header + rows * (card_height + margin) + footer,
        }
    }

    /// Returns the place of card `index`.
    fn card(&self, index: usize) -> Rect {
        let column = index as i32 % self.columns;
        let row = index as i32 / self.columns;
        let x = self.margin + column * (self.tile + self.margin);
        let y = self.header + row * (self.card_height + self.margin);
        Rect::new(x, y, x + self.tile, y + self.card_height)
    }
}

/// Returns the text, or its beginning with an ellipsis if it is wider than `width` pixels.
fn fit(text: &str, size: u16, width: i32, glyphs: &mut Glyphs) -> String {
    if glyphs.width(text, size) <= width {
        return text.to_owned();
    }
    let mut short: String = text.to_owned();
    while short.pop().is_some() {
        let with_ellipsis = format!("{}…", short.trim_end());
        if glyphs.width(&with_ellipsis, size) <= width {
            return with_ellipsis;
        }
    }
    String::new()
}
