//! The counted channel: its rules and counts, and its receiver in a `select!`.
#![cfg(not(loom))]

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{bounded, select};
use passerby_testkit::SimulatedClock;
use passerby_types::{Clock, SystemClock};
use passerby_workers::{CountedReceiver, CountedSender, RecvOutcome, SendOutcome, WhenFull, counted_channel};

const MS: Duration = Duration::from_millis(1);

fn channel(capacity: usize, when_full: WhenFull) -> (CountedSender<u32>, CountedReceiver<u32>) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    counted_channel("test", capacity, when_full, clock)
}

/// Returns the counts alone: sent, received, dropped, drained, depth.
fn counts(receiver: &CountedReceiver<u32>) -> [u64; 5] {
    let stats = receiver.stats();
    [stats.sent, stats.received, stats.dropped, stats.drained, stats.depth as u64]
}

/// Lets other threads run until `holds` returns true.
fn until(holds: impl Fn() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

#[test]
fn drop_oldest_gives_up_the_oldest_item() {
    let (sender, receiver) = channel(2, WhenFull::DropOldest);
    let sent: Vec<_> = (0..4).map(|i| sender.send(i)).collect();
    let displaced = [SendOutcome::Displaced(0), SendOutcome::Displaced(1)];
    assert_eq!(sent[..2], [SendOutcome::Queued, SendOutcome::Queued]);
    assert_eq!(sent[2..], displaced);
    assert_eq!(counts(&receiver), [4, 0, 2, 0, 2]);
    assert_eq!((receiver.recv(), receiver.try_recv(), receiver.try_recv()), (Some(2), Some(3), None));
    assert_eq!(counts(&receiver), [4, 2, 2, 0, 0]);
}

#[test]
fn drop_newest_refuses_the_new_item() {
    let (sender, receiver) = channel(0, WhenFull::DropNewest);
    assert_eq!((sender.send(0), sender.send(1)), (SendOutcome::Queued, SendOutcome::Refused(1)));
    assert_eq!((counts(&receiver), receiver.stats().capacity), ([2, 0, 1, 0, 1], 1));
    assert_eq!((sender.name(), receiver.name()), ("test", "test"));
}

#[test]
fn a_blocked_sender_does_not_count_its_item() {
    let (sender, receiver) = channel(1, WhenFull::Block);
    assert_eq!(sender.send(0), SendOutcome::Queued);
    thread::scope(|scope| {
        let blocked = scope.spawn(|| sender.send(1));
        for _ in 0..100 {
            assert_eq!(counts(&receiver), [1, 0, 0, 0, 1]);
            thread::yield_now();
        }
        assert_eq!(receiver.recv(), Some(0));
        assert_eq!(blocked.join().unwrap(), SendOutcome::Queued);
    });
    assert_eq!(receiver.recv_timeout(MS), RecvOutcome::Item(1));
    assert_eq!(receiver.recv_timeout(MS), RecvOutcome::Empty);
    assert_eq!(counts(&receiver), [2, 2, 0, 0, 0]);
}

#[test]
fn a_close_wakes_a_blocked_sender() {
    let (sender, receiver) = channel(1, WhenFull::Block);
    assert_eq!(sender.send(0), SendOutcome::Queued);
    thread::scope(|scope| {
        let blocked = scope.spawn(|| sender.send(1));
        sender.close();
        assert_eq!(blocked.join().unwrap(), SendOutcome::Closed(1));
    });
    assert_eq!(sender.send(2), SendOutcome::Closed(2));
    assert_eq!((receiver.recv(), receiver.recv()), (Some(0), None));
    assert_eq!(receiver.recv_timeout(MS), RecvOutcome::Closed);
}

#[test]
fn dropping_the_receiver_wakes_a_blocked_sender() {
    let (sender, receiver) = channel(1, WhenFull::Block);
    assert_eq!(sender.send(0), SendOutcome::Queued);
    let clone = receiver.receiver().clone();
    thread::scope(|scope| {
        let blocked = scope.spawn(|| sender.send(1));
        drop(receiver);
        // The room that the dropped item left may come first.
        assert!(matches!(blocked.join().unwrap(), SendOutcome::Closed(1) | SendOutcome::Queued));
    });
    assert!(sender.is_closed());
    assert_eq!(sender.send(2), SendOutcome::Closed(2));
    until(|| clone.try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected));
}

#[test]
fn dropping_the_sender_ends_the_iterator() {
    let (sender, receiver) = channel(4, WhenFull::Block);
    for item in 0..3 {
        assert_eq!(sender.send(item), SendOutcome::Queued);
    }
    drop(sender);
    assert_eq!((&receiver).into_iter().take(1).collect::<Vec<_>>(), [0]);
    assert_eq!(receiver.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn select_receives_and_counts() {
    let (sender, receiver) = channel(4, WhenFull::Block);
    let (quit, quits) = bounded::<()>(1);
    assert_eq!(sender.send(7), SendOutcome::Queued);
    select! {
        recv(receiver.receiver()) -> item => assert_eq!(item, Ok(7)),
        recv(quits) -> _ => panic!("it is not sent yet"),
    }
    assert_eq!(counts(&receiver), [1, 1, 0, 0, 0]);
    quit.send(()).unwrap();
    select! {
        recv(receiver.receiver()) -> _ => panic!("it is empty"),
        recv(quits) -> _ => {}
    }
}

#[test]
fn the_clock_measures_the_wait() {
    let clock = SimulatedClock::new();
    let (sender, receiver) = counted_channel("test", 8, WhenFull::Block, Arc::new(clock.clone()));
    for item in 0..3 {
        assert_eq!(sender.send(item), SendOutcome::Queued);
        clock.advance(10 * MS);
    }
    assert_eq!((receiver.recv(), receiver.recv()), (Some(0), Some(1)));
    let stats = receiver.stats();
    assert_eq!((stats.total_wait, stats.longest_wait), (50 * MS, 30 * MS), "the third still waits");
}

#[test]
fn the_counts_balance_at_every_moment() {
    for when_full in [WhenFull::Block, WhenFull::DropOldest, WhenFull::DropNewest] {
        let (sender, receiver) = channel(16, when_full);
        let (lost, received) = thread::scope(|scope| {
            let senders: Vec<_> = (0..4u32)
                .map(|thread| {
                    let sender = &sender;
                    scope.spawn(move || {
                        (0..5000)
                            .filter_map(|i| sender.send(thread * 5000 + i).lost())
                            .fold((0, 0), |(n, sum), item| (n + 1, sum + u64::from(item)))
                    })
                })
                .collect();
            let receivers: Vec<_> =
                (0..2).map(|_| scope.spawn(|| (&receiver).into_iter().map(u64::from).sum::<u64>())).collect();
            while senders.iter().any(|thread| !thread.is_finished()) {
                let [sent, received, dropped, drained, depth] = counts(&receiver);
                assert_eq!(sent, received + dropped + drained + depth);
                thread::yield_now();
            }
            let lost: Vec<(u64, u64)> = senders.into_iter().map(|t| t.join().unwrap()).collect();
            sender.close();
            (lost, receivers.into_iter().map(|t| t.join().unwrap()).sum::<u64>())
        });
        let dropped = lost.iter().map(|(n, _)| n).sum::<u64>();
        assert_eq!(counts(&receiver), [20_000, 20_000 - dropped, dropped, 0, 0]);
        assert_eq!(received + lost.iter().map(|(_, sum)| sum).sum::<u64>(), (0..20_000).sum::<u64>());
    }
}
