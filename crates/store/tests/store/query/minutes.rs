//! Random tracks: the answers against a list of all minutes.

use std::collections::{BTreeMap, BTreeSet};

use passerby_store::query::{Period, Question, Timestamp, TrafficRow};
use passerby_types::TrackState;
use proptest::prelude::*;

use super::{Database, Seen, at, berlin};

/// Minutes from 2026-10-24 20:00 UTC, the night in which Berlin's clock goes back.
fn minute(minutes: i64) -> Timestamp {
    Timestamp::from_second(at("2026-10-24T20:00Z").as_second() + 60 * minutes).unwrap()
}

prop_compose! {
    fn any_track()(camera in 0..3_u32, person in proptest::option::of(1..6_u64), first in 0..600_i64, length in 0..200_i64) -> Seen {
        Seen { camera, person, first: minute(first), last: minute(first + length), attributes: None, state: TrackState::Confirmed }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// The persons of each hour are those of a list of all minutes, and the visits of all hours are those of the range.
    #[test]
    fn hours_agree_with_a_list_of_all_minutes(
        tracks in proptest::collection::vec(any_track(), 0..40),
        from in 0..400_i64,
        length in 1..400_i64,
    ) {
        let question = Question { from: Some(minute(from)), to: Some(minute(from + length)), ..berlin() };
        let answers = Database::of(&tracks).ask(&question);
        let mut expected: BTreeMap<(Timestamp, Option<u32>), BTreeSet<u64>> = BTreeMap::new();
        for seen in &tracks {
            for now in (from..from + length).map(minute).filter(|now| (seen.first..=seen.last).contains(now)) {
                // Berlin's offset is a whole number of hours.
                let hour = Timestamp::from_second(now.as_second() / 3600 * 3600).unwrap();
                for camera in [None, Some(seen.camera)] {
                    let persons = expected.entry((hour, camera)).or_default();
                    persons.extend(seen.person);
                }
            }
        }
        let expected: BTreeMap<_, _> =
            expected.into_iter().map(|(key, persons)| (key, persons.len() as u64)).filter(|(_, n)| *n > 0).collect();
        let names = ["door", "hall", "yard"];
        let number = |name: &String| names.iter().position(|n| n == name).unwrap() as u32;
        let traffic = answers.traffic(Period::Hour);
        let found: BTreeMap<_, _> = traffic
            .iter()
            .map(|row| ((row.start.timestamp(), row.camera.as_ref().map(number)), row.persons))
            .filter(|(_, n)| *n > 0)
            .collect();
        prop_assert_eq!(found, expected);
        let sum = |rows: &[TrafficRow], of: fn(&TrafficRow) -> u64| {
            rows.iter().filter(|row| row.camera.is_none()).map(of).sum::<u64>()
        };
        let totals = answers.totals();
        for of in [|r: &TrafficRow| r.visits, |r: &TrafficRow| r.new, |r: &TrafficRow| r.returning, |r: &TrafficRow| r.unidentified] {
            prop_assert_eq!(sum(&traffic, of), sum(&totals, of));
        }
    }
}
