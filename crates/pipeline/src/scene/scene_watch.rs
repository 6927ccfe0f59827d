//! Notices from the pictures of a camera that it shows another scene: a cut, another channel, a camera that was turned.

use passerby_types::Image;

use crate::scene::luma_grid::LumaGrid;

/// The columns and rows of the grid in which pictures are compared.
const COLUMNS: usize = 16;
const ROWS: usize = 12;

/// The least difference of two neighbouring cells that tells which is brighter. Each cell is a mean over many pixels, so that
/// noise and compression stay below it.
const MIN_STEP: f32 = 2.0;
/// The fewest such steps in a picture that shows anything: less is a dark, a white or a covered camera.
const MIN_STEPS: u32 = 40;
/// The fewest steps that two pictures must have in common for [`MAX_AGREEMENT`] to say anything.
const MIN_COMMON_STEPS: u32 = 16;
/// The share of common steps in the same direction below which two pictures show different scenes. Of unrelated pictures it is
/// about a half.
const MAX_AGREEMENT: f32 = 0.7;
/// The correlation below which two pictures show different scenes.
const MAX_CORRELATION: f32 = 0.8;

/// How much a picture may differ from the nearest mixture of its neighbours, relative to the squared difference of the neighbours.
const MAX_MIXTURE_ERROR: f32 = 0.02;

/// The columns of the left and of the right edge of a picture.
const EDGE: usize = 2;
/// The share of common steps in the same direction from which an edge of two pictures is the same.
const MIN_EDGE_AGREEMENT: f32 = 0.85;
/// The mean difference in brightness up to which an edge of two pictures is the same.
const MAX_EDGE_DIFFERENCE: f32 = 16.0;

/// Counts the scenes of one camera.
///
/// Two pictures in a row show different scenes if three signs come together:
/// - Less than [`MAX_AGREEMENT`] of the steps in brightness between neighbouring cells of a coarse grid go in the same
///   direction. Exposure, contrast and a lamp that is switched on keep the directions.
/// - The two grids correlate by less than [`MAX_CORRELATION`].
/// - Both the left and the right edge have changed. A person who passes close to the camera hides much of a picture, but
///   seldom both edges within one frame.
///
/// A video whose frame rate was changed has a picture at its cuts that shows half of each scene. Therefore a picture is also
/// compared with the one before the last, if the last one is a mixture of the two.
///
/// A picture without structure, such as one in the flash of a light, is not compared: the next one is compared with the last that
/// had structure.
///
/// The limits were chosen on six clips of three cameras, a clip with a cut and the bundled clip: between pictures of different
/// clips 99.7 % of 1944 changes are found, and none in 4128 pairs of pictures of one clip that are 1, 2 and 6 frames apart.
#[derive(Debug, Default)]
pub(crate) struct SceneWatch {
    /// The last picture with structure.
    last: Option<LumaGrid<COLUMNS, ROWS>>,
    /// The picture with structure before it, if it shows the same scene.
    before: Option<LumaGrid<COLUMNS, ROWS>>,
    scene: u64,
    /// The number of pictures of the scene until now.
    pictures: u64,
}

impl SceneWatch {
    /// Takes the next picture, and returns the number of its scene, from 0.
    pub(crate) fn watch(&mut self, image: &Image) -> u64 {
        self.pictures += 1;
        let grid = LumaGrid::of_picture(image);
        if steps(&grid).count() < MIN_STEPS as usize {
            return self.scene;
        }
        let last = self.last.replace(grid);
        let before = std::mem::replace(&mut self.before, last);
        let hides_cut = |last: &LumaGrid<COLUMNS, ROWS>| {
            before.is_some_and(|before| is_mixture(last, &before, &grid) && is_another_scene(&before, &grid))
        };
        if last.is_some_and(|last| is_another_scene(&last, &grid) || hides_cut(&last)) {
            self.before = None;
            self.scene += 1;
            self.pictures = 1;
        }
        self.scene
    }

    /// Returns true for the first two pictures after a change. The faces of a new scene must be found soon, and a face makes a
    /// person after two views of it.
    pub(crate) fn has_just_changed(&self) -> bool {
        self.scene > 0 && self.pictures <= 2
    }
}

/// Returns true if two pictures with structure show different scenes.
fn is_another_scene(a: &LumaGrid<COLUMNS, ROWS>, b: &LumaGrid<COLUMNS, ROWS>) -> bool {
    let whole = Agreement::of(a, b, 0..COLUMNS);
    let disagrees = whole.common < MIN_COMMON_STEPS || whole.share() < MAX_AGREEMENT;
    if !disagrees || a.correlation(b).is_some_and(|correlation| correlation >= MAX_CORRELATION) {
        return false;
    }
    let is_same_edge = |columns: std::ops::Range<usize>| {
        let agreement = Agreement::of(a, b, columns.clone());
        let pairs = a
            .cells
            .iter()
            .zip(&b.cells)
            .flat_map(|(a, b)| a[columns.clone()].iter().zip(&b[columns.clone()]));
        let difference: f32 = pairs.map(|(a, b)| (a - b).abs()).sum::<f32>() / (EDGE * ROWS) as f32;
        agreement.common > 0 && agreement.share() >= MIN_EDGE_AGREEMENT && difference < MAX_EDGE_DIFFERENCE
    };
    !is_same_edge(0..EDGE) && !is_same_edge(COLUMNS - EDGE..COLUMNS)
}

/// Returns true if a picture is a mixture of two others.
fn is_mixture(
    picture: &LumaGrid<COLUMNS, ROWS>,
    a: &LumaGrid<COLUMNS, ROWS>,
    b: &LumaGrid<COLUMNS, ROWS>,
) -> bool {
    let cells = || {
        let pairs = a.cells.as_flattened().iter().zip(b.cells.as_flattened());
        pairs.zip(picture.cells.as_flattened()).map(|((a, b), picture)| (b - a, picture - a))
    };
    let square: f32 = cells().map(|(way, _)| way * way).sum();
    let share = cells().map(|(way, gone)| way * gone).sum::<f32>() / square.max(1.0);
    let error: f32 = cells().map(|(way, gone)| (gone - share * way).powi(2)).sum();
    (0.0..=1.0).contains(&share) && error <= MAX_MIXTURE_ERROR * square
}

/// How many steps in brightness two pictures have in common, and how many of them go in the same direction.
struct Agreement {
    common: u32,
    same: u32,
}

impl Agreement {
    /// Compares these columns of two grids.
    fn of(a: &LumaGrid<COLUMNS, ROWS>, b: &LumaGrid<COLUMNS, ROWS>, columns: std::ops::Range<usize>) -> Self {
        let mut agreement = Self { common: 0, same: 0 };
        let mut add = |a: f32, b: f32| {
            if a.abs() >= MIN_STEP && b.abs() >= MIN_STEP {
                agreement.common += 1;
                agreement.same += u32::from((a > 0.0) == (b > 0.0));
            }
        };
        for row in 0..ROWS {
            for column in columns.clone() {
                let step = |grid: &LumaGrid<COLUMNS, ROWS>, to: (usize, usize)| {
                    grid.cells[to.0][to.1] - grid.cells[row][column]
                };
                if column + 1 < columns.end {
                    add(step(a, (row, column + 1)), step(b, (row, column + 1)));
                }
                if row + 1 < ROWS {
                    add(step(a, (row + 1, column)), step(b, (row + 1, column)));
                }
            }
        }
        agreement
    }

    fn share(&self) -> f32 {
        self.same as f32 / self.common.max(1) as f32
    }
}

/// Returns the steps in brightness between neighbouring cells that are large enough to tell which is brighter.
fn steps(grid: &LumaGrid<COLUMNS, ROWS>) -> impl Iterator<Item = f32> {
    let across = grid.cells.iter().flat_map(|row| row.windows(2).map(|pair| pair[1] - pair[0]));
    let down = grid.cells.windows(2).flat_map(|rows| rows[0].iter().zip(&rows[1]).map(|(a, b)| b - a));
    across.chain(down).filter(|step| step.abs() >= MIN_STEP)
}

#[cfg(test)]
mod tests {
    use passerby_types::{ColorSpace, PixelLayout};

    use super::*;

    const WIDTH: usize = 320;
    const HEIGHT: usize = 240;

    /// Returns the brightness at a place of a made-up scene: smooth patches, different for each number.
    fn level(scene: u64, x: usize, y: usize) -> f32 {
        let corner = |x: u64, y: u64| {
            let z = (scene * 7919 + x * 104_729 + y * 1_299_709 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            ((z ^ (z >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f32 / (1 << 24) as f32
        };
        let (u, v) = (x as f32 / 32.0, y as f32 / 32.0);
        let (i, j) = (u as u64, v as u64);
        let (du, dv) = (u.fract(), v.fract());
        let top = corner(i, j) * (1.0 - du) + corner(i + 1, j) * du;
        let bottom = corner(i, j + 1) * (1.0 - du) + corner(i + 1, j + 1) * du;
        40.0 + 140.0 * (top * (1.0 - dv) + bottom * dv)
    }

    /// Returns the picture of a brightness.
    fn picture(level: impl Fn(usize, usize) -> f32) -> Image {
        let bytes =
            (0..WIDTH * HEIGHT).map(|i| level(i % WIDTH, i / WIDTH).clamp(0.0, 255.0) as u8).collect();
        Image::from_vec(PixelLayout::Gray8, WIDTH as u32, HEIGHT as u32, ColorSpace::JPEG, bytes).unwrap()
    }

    /// Returns the number of changes that the watch sees in these pictures.
    fn changes(pictures: &[Image]) -> u64 {
        let mut watch = SceneWatch::default();
        pictures.iter().map(|image| watch.watch(image)).last().unwrap_or(0)
    }

    #[test]
    fn other_scenes_are_changes() {
        for first in 0..20 {
            let scenes: Vec<Image> = (0..10).map(|n| picture(|x, y| level(100 * first + n, x, y))).collect();
            assert_eq!(changes(&scenes), 9, "from scene {first}");
        }
    }

    #[test]
    fn the_first_two_pictures_of_a_later_scene_are_new() {
        let mut watch = SceneWatch::default();
        let seen = [1, 1, 2, 2, 2, 1].map(|scene| {
            let number = watch.watch(&picture(|x, y| level(scene, x, y)));
            (number, watch.has_just_changed())
        });
        assert_eq!(seen, [(0, false), (0, false), (1, true), (1, true), (1, false), (2, true)]);
    }

    #[test]
    fn a_picture_of_another_size_is_compared_as_well() {
        let half = picture(|x, y| level(3, x, y)).crop(
            passerby_types::Region { x: 0, y: 0, width: 160, height: 120 },
            &passerby_types::FramePool::default(),
        );
        let mut watch = SceneWatch::default();
        watch.watch(&picture(|x, y| level(3, x / 2, y / 2)));
        assert_eq!(watch.watch(&half.unwrap().0), 0);
    }

    #[test]
    fn light_is_no_change() {
        let scene = |x: usize, y: usize| level(5, x, y);
        type Light = Box<dyn Fn(usize, usize) -> f32>;
        let changed: [(&str, Light); 9] = [
            ("darker", Box::new(move |x, y| 0.2 * scene(x, y))),
            ("brighter", Box::new(move |x, y| 1.8 * scene(x, y))),
            ("raised", Box::new(move |x, y| scene(x, y) + 70.0)),
            ("gamma", Box::new(move |x, y| 255.0 * (scene(x, y) / 255.0).powf(0.45))),
            ("overexposed", Box::new(move |x, y| 4.0 * scene(x, y))),
            ("a flash that whitens all", Box::new(|_, _| 255.0)),
            ("lights out", Box::new(|_, _| 16.0)),
            (
                "light from one side",
                Box::new(move |x, y| scene(x, y) * (0.6 + 1.2 * x as f32 / WIDTH as f32)),
            ),
            (
                "a lamp",
                Box::new(move |x, y| {
                    let (dx, dy) = (x as f32 / WIDTH as f32 - 0.6, y as f32 / HEIGHT as f32 - 0.4);
                    scene(x, y) + 120.0 * (-(dx * dx + dy * dy) * 20.0).exp()
                }),
            ),
        ];
        for (name, light) in changed {
            let lit = picture(light);
            let usual = picture(scene);
            assert_eq!(changes(&[usual.clone(), lit, usual]), 0, "{name}");
        }
    }

    #[test]
    fn a_scene_after_a_flash_is_compared_with_the_one_before_it() {
        let flash = picture(|_, _| 255.0);
        let scene = |n| picture(move |x, y| level(n, x, y));
        assert_eq!(changes(&[scene(1), flash.clone(), scene(1)]), 0);
        assert_eq!(changes(&[scene(1), flash, scene(2)]), 1);
    }

    #[test]
    fn a_cut_on_a_picture_with_half_of_each_scene_is_a_change() {
        let blend = |share: f32| picture(move |x, y| level(1, x, y) * (1.0 - share) + level(2, x, y) * share);
        for middle in [0.4, 0.5, 0.6] {
            assert_eq!(
                changes(&[blend(0.0), blend(0.0), blend(middle), blend(1.0), blend(1.0)]),
                1,
                "{middle}"
            );
        }
    }

    #[test]
    fn noise_is_no_change() {
        let noisy = |seed: u64| {
            picture(move |x, y| {
                let z = (seed * 1_000_003 + (y * WIDTH + x) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                level(8, x, y) + ((z ^ (z >> 31)).wrapping_mul(0x94D0_49BB_1331_11EB) >> 58) as f32 - 32.0
            })
        };
        assert_eq!(changes(&(0..20).map(noisy).collect::<Vec<_>>()), 0);
    }

    #[test]
    fn a_person_who_passes_close_to_the_camera_is_no_change() {
        // The person is as high as the picture and more than half as wide, and crosses it in a second at 10 frames a second.
        let passing = |frame: i64| {
            picture(move |x, y| {
                let left = -200 + 52 * frame;
                let inside = (left..left + 200).contains(&(x as i64));
                if inside { 0.5 * level(77, (x as i64 - left) as usize, y) } else { level(9, x, y) }
            })
        };
        assert_eq!(changes(&(0..11).map(passing).collect::<Vec<_>>()), 0);
    }

    #[test]
    fn a_slow_turn_of_the_camera_is_no_change() {
        // Three hundredths of the width a frame.
        let turned = |frame: usize| picture(move |x, y| level(12, x + 10 * frame, y));
        assert_eq!(changes(&(0..30).map(turned).collect::<Vec<_>>()), 0);
    }

    #[test]
    fn a_camera_that_shows_nothing_has_no_change() {
        let grey = |value: f32| picture(move |_, _| value);
        assert_eq!(changes(&[grey(20.0), grey(200.0), grey(90.0)]), 0);
    }
}
