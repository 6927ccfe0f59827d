//! The tests of the queues and pools on real threads, in one program.

mod channel;
mod fair_queue;
mod pools;
mod queues;
