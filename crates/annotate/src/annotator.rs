//! Draws the faces of a picture.

use std::collections::BTreeMap;
use std::fmt;

use passerby_types::{Image, Landmarks, ObservedFace, PersonId, TrackState};

use crate::blur::blur_face;
use crate::canvas::Canvas;
use crate::glyphs::Glyphs;
use crate::label::{Label, LabelForm, Plate, place};
use crate::palette::{self, Rgb};
use crate::places::{PlaceMark, draw_places};
use crate::rect::{Rect, even_above};
use crate::settings::{AnnotateSettings, DrawSizes};
use crate::trails::Trails;

/// Draws faces onto pictures: boxes, labels, landmarks, and a blur if it is asked for.
///
/// It writes into the picture's own layout and colour space, without an RGB copy. Text and lines have a size that is
/// readable at the picture's size. Each person has one of seven colours that colour-blind people can tell apart. A label
/// stands inside the picture, and covers other faces and labels only if every place covers some.
///
/// Keep one for many pictures: it holds the rasterised letters, so that drawing allocates nothing after the first pictures.
///
/// ```
/// use passerby_annotate::{AnnotateSettings, Annotator};
/// use passerby_types::{BBox, ColorSpace, Image, ObservedFace, PixelLayout};
///
/// let bytes = vec![128; PixelLayout::I420.tight_len(640, 360)];
/// let mut image = Image::from_vec(PixelLayout::I420, 640, 360, ColorSpace::default(), bytes)?;
/// let faces = [ObservedFace::new(1, BBox::from_xywh(280.0, 120.0, 80.0, 100.0))];
///
/// let mut annotator = Annotator::new(AnnotateSettings::default());
/// annotator.draw(&mut image, &faces);
/// assert_ne!(image.rgb_at(279, 150), image.rgb_at(320, 150), "the line lies outside the box");
/// # Ok::<(), passerby_types::ImageError>(())
/// ```
pub struct Annotator {
    settings: AnnotateSettings,
    names: BTreeMap<PersonId, String>,
    glyphs: Glyphs,
    trails: Trails,
    places: Vec<PlaceMark>,
    /// Used again for each label.
    label: Label,
    /// The boxes of the picture's faces with their lines, and the labels that are drawn already.
    frames: Vec<Rect>,
    plates: Vec<Rect>,
}

impl Annotator {
    /// Creates an annotator.
    #[must_use]
    pub fn new(settings: AnnotateSettings) -> Self {
        Self {
            settings,
            names: BTreeMap::new(),
            glyphs: Glyphs::new(),
            trails: Trails::default(),
            places: Vec::new(),
            label: Label::default(),
            frames: Vec::new(),
            plates: Vec::new(),
        }
    }

    /// Shows this name instead of the person's number from now on. A second name replaces the first. The font has the
    /// letters of the Latin languages of Europe and shows an empty frame for others.
    pub fn name(&mut self, person: PersonId, name: impl Into<String>) {
        self.names.insert(person, name.into());
    }

    /// Draws these zones and lines on every picture from now on, below the faces and above the blur. They replace earlier ones.
    pub fn set_places(&mut self, places: Vec<PlaceMark>) {
        self.places = places;
    }

    /// Draws the faces onto the picture. Their boxes are in pixels of this picture. A box that is empty or outside the
    /// picture is not drawn.
    ///
    /// If a clone of the picture exists, the picture copies its bytes first, and the clone stays as it is.
    pub fn draw(&mut self, image: &mut Image, faces: &[ObservedFace]) {
        if self.settings.blur {
            faces.iter().for_each(|face| blur_face(image, &face.bbox));
        }
        let mut canvas = Canvas::new(image);
        let bounds = canvas.bounds();
        let sizes = DrawSizes::new(bounds.width(), bounds.height(), self.settings.scale);
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        frames.extend(self.visible(faces, bounds).map(|(_, face)| label_anchor(&face, sizes.line)));
        self.plates.clear();
        let text = (&mut self.label, &mut self.glyphs);
        draw_places(&mut canvas, &self.places, &sizes, text, &mut self.plates);
        self.trails.retain(faces);
        for (face, rect) in self.visible(faces, bounds) {
            let color = palette::of_face(face, self.settings.color_by);
            if self.settings.trail > 0 {
                let track = (face.track, &rect);
                self.trails.draw(&mut canvas, track, self.settings.trail, sizes.line, color);
            }
            if self.settings.boxes {
                draw_box(&mut canvas, &rect, sizes.line, face.state == TrackState::Lost, color);
            }
            if let Some(landmarks) = face.face.and_then(|face| face.landmarks)
                && self.settings.landmarks
            {
                draw_landmarks(&mut canvas, &landmarks, sizes.line, color);
            }
        }
        if self.settings.labels {
            // The labels lie above all boxes.
            for (index, (face, _)) in self.visible(faces, bounds).enumerate() {
                let color = palette::of_face(face, self.settings.color_by);
                self.draw_label(&mut canvas, face, &frames, index, &sizes, color);
            }
        }
        self.frames = frames;
    }

    /// Does the same on a picture of the `image` crate. Needs the feature `image`.
    ///
    /// A picture without pixels, or with a side above [`Image::MAX_SIDE`], stays as it is.
    ///
    /// ```
    /// use image::RgbImage;
    /// use passerby_annotate::{AnnotateSettings, Annotator};
    /// use passerby_types::{BBox, ObservedFace};
    ///
    /// let mut picture = RgbImage::new(640, 360);
    /// let faces = [ObservedFace::new(1, BBox::from_xywh(280.0, 120.0, 80.0, 100.0))];
    /// Annotator::new(AnnotateSettings::default()).draw_on(&mut picture, &faces);
    /// assert_ne!(picture.get_pixel(279, 150).0, [0; 3]);
    /// ```
    #[cfg(feature = "image")]
    pub fn draw_on(&mut self, picture: &mut image::RgbImage, faces: &[ObservedFace]) {
        let (width, height) = picture.dimensions();
        // The pixels are not copied on their way to the canvas.
        let taken = std::mem::take(picture);
        if !(1..=Image::MAX_SIDE).contains(&width) || !(1..=Image::MAX_SIDE).contains(&height) {
            *picture = taken;
            return;
        }
        if let Ok(mut image) = Image::try_from(taken) {
            self.draw(&mut image, faces);
            *picture = image.to_rgb_image();
        }
    }

    /// Returns the faces to draw and their boxes in whole pixels.
    fn visible<'f>(
        &self,
        faces: &'f [ObservedFace],
        bounds: Rect,
    ) -> impl Iterator<Item = (&'f ObservedFace, Rect)> + use<'f> {
        let tentative = self.settings.tentative;
        faces.iter().filter_map(move |face| {
            let rect = Rect::of_box(&face.bbox)?;
            let is_drawn = tentative || face.state != TrackState::Tentative;
            (is_drawn && !rect.intersect(&bounds).is_empty()).then_some((face, rect))
        })
    }

    /// Draws the label of face `index` of `frames` at the best place. Shortens it if it would cover other faces or labels, or
    /// if it is much wider than its face. Leaves it out if the picture is too small for it.
    fn draw_label(
        &mut self,
        canvas: &mut Canvas<'_>,
        face: &ObservedFace,
        frames: &[Rect],
        index: usize,
        sizes: &DrawSizes,
        color: Rgb,
    ) {
        let own = frames[index];
        let name = face.identity.person().and_then(|person| self.names.get(&person));
        self.label.write(face, name.map(String::as_str), &self.settings);
        let size = sizes.text_for(own.height());
        let bounds = canvas.bounds();
        let mut best: Option<(Plate, Rect, i64)> = None;
        for form in [LabelForm::Full, LabelForm::Title, LabelForm::Short] {
            let plate = Plate::measure(&self.label, &mut self.glyphs, size, form);
            let found = place(plate.size, &own, &bounds, frames, &self.plates);
            if let Some((rect, covered)) = found
                && plate.suits(own.width())
                && best.as_ref().is_none_or(|(.., before)| covered < *before)
            {
                best = Some((plate, rect, covered));
            }
        }
        if let Some((plate, rect, _)) = best {
            self.plates.push(rect);
            plate.draw(canvas, &mut self.glyphs, &self.label, &rect, color);
        }
    }
}

/// Prints the settings, never a name.
impl fmt::Debug for Annotator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Annotator").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Returns the box with its line around it.
fn outline(face: &Rect, line: i32) -> Rect {
    face.snapped().grown(line)
}

/// Returns the rectangle that a face's label touches: the outer edge of its line above and below, so that no gap stays
/// between the corners, and the outer edges of its corners at the sides.
fn label_anchor(face: &Rect, line: i32) -> Rect {
    let outer = outline(face, line);
    Rect { x0: outer.x0 - line, x1: outer.x1 + line, ..outer }
}

/// Draws a line around a face, thicker at the corners, so that the line covers nothing of the face. A predicted box has
/// corners alone.
fn draw_box(canvas: &mut Canvas<'_>, face: &Rect, line: i32, predicted: bool, color: Rgb) {
    let outer = outline(face, line);
    if !predicted {
        canvas.frame(&outer, line, color);
    }
    let side = outer.width().min(outer.height());
    let corner = even_above(side / 5).max(line);
    let thick = outer.grown(line);
    let Rect { x0, y0, x1, y1 } = thick;
    let arm = corner + line;
    for (x, y, dx, dy) in [(x0, y0, 1, 1), (x1, y0, -1, 1), (x0, y1, 1, -1), (x1, y1, -1, -1)] {
        let stroke = |w: i32, h: i32| {
            let (xa, xb) = (x, x + dx * w);
            let (ya, yb) = (y, y + dy * h);
            Rect::new(xa.min(xb), ya.min(yb), xa.max(xb), ya.max(yb))
        };
        canvas.fill(&stroke(arm, 2 * line), color);
        canvas.fill(&stroke(2 * line, arm), color);
    }
}

/// Draws a dot at each landmark inside the picture.
fn draw_landmarks(canvas: &mut Canvas<'_>, landmarks: &Landmarks, line: i32, color: Rgb) {
    let bounds = canvas.bounds();
    for point in landmarks.0 {
        if !(point.x.is_finite() && point.y.is_finite()) {
            continue;
        }
        let x = point.x.clamp(-1e6, 1e6).round() as i32;
        let y = point.y.clamp(-1e6, 1e6).round() as i32;
        let dot = Rect::new(x, y, x + 1, y + 1).snapped();
        if !dot.intersect(&bounds).is_empty() {
            canvas.fill(&dot.grown(even_above(line / 2)), color);
        }
    }
}
