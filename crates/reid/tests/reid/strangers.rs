//! Strangers who pass one camera, each once: the gallery must not take them for one another.
//!
//! The faces are made up, with similarities as they were measured (docs/evaluation.md): directions of 48 dimensions have cosines with a
//! standard deviation of 0.144, as the faces of different people have. Of pairs of them 1 in 1,000 reaches 0.43 and 1 in 10,000 reaches
//! 0.50; of people 0.45 and 0.53.

use std::collections::BTreeMap;
use std::time::Duration;

use passerby_reid::Gallery;
use passerby_types::{CameraId, Embedding, Identifier, PersonId, Sighting, Timestamp, TrackId, TrackKey};

const STRANGERS: u64 = 1500;
/// The sightings of each stranger's track.
const SIGHTINGS: u64 = 5;
const DIMENSIONS: usize = 48;
/// The part of a view that is the person: two views of a track then have a cosine of 0.9.
const SAME_TRACK: f32 = 0.9;

/// Numbers with a normal distribution, nearly: the sum of twelve uniform ones.
struct Normal(u64);

impl Normal {
    fn next(&mut self) -> f32 {
        let sum: f32 = (0..12).map(|_| self.uniform()).sum();
        sum - 6.0
    }

    /// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 24) as f32
    }

    /// Returns a direction of the first `dimensions` of 192.
    fn direction(&mut self, dimensions: usize) -> Vec<f32> {
        let mut values: Vec<f32> = (0..192).map(|i| if i < dimensions { self.next() } else { 0.0 }).collect();
        let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
        values.iter_mut().for_each(|v| *v /= norm);
        values
    }
}

/// Returns one view of a person.
fn view(person: &[f32], noise: &[f32]) -> Embedding {
    let values = person.iter().zip(noise).map(|(p, n)| SAME_TRACK.sqrt() * p + (1.0 - SAME_TRACK).sqrt() * n);
    Embedding::new(values.collect()).expect("finite and not zero")
}

fn sighting(track: TrackKey, seq: u64, embedding: Embedding) -> Sighting {
    let captured = Timestamp(Duration::from_millis(40 * seq));
    Sighting { track, seq, captured, embedding, quality: 0.6, size: 80.0 }
}

#[test]
fn fifteen_hundred_strangers_stay_apart() {
    let mut random = Normal(11);
    let mut gallery = Gallery::new();
    let mut tracks_of: BTreeMap<PersonId, u64> = BTreeMap::new();
    for stranger in 0..STRANGERS {
        let face = random.direction(DIMENSIONS);
        let track = TrackKey { camera: CameraId(0), track: TrackId(stranger) };
        for n in 0..SIGHTINGS {
            let noise = random.direction(192);
            gallery.identify(&[sighting(track, 10 * stranger + n, view(&face, &noise))], &[track]);
        }
        let person = gallery.identity(track).person().expect("five good views make a person");
        *tracks_of.entry(person).or_default() += 1;
        gallery.end(track);
    }
    let persons = tracks_of.len() as u64;
    let sharing: u64 = tracks_of.values().filter(|tracks| **tracks > 1).sum();
    println!("{STRANGERS} strangers became {persons} persons; {sharing} share one");
    assert!(persons.abs_diff(STRANGERS) <= STRANGERS * 3 / 100, "{persons} persons");
    assert!(sharing <= STRANGERS * 2 / 100, "{sharing} people share a person");
}
