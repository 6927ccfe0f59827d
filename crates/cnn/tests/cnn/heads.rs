//! Heads that a plan computes together give the same numbers as each alone.
#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use passerby_cnn::{Conv, Graph, Isa, Plan, Shape, TensorLayout, Unary, Value, Window};

/// Adds a head with weights that follow from `seed`.
fn add_head(graph: &mut Graph, x: Value, channels: usize, seed: usize) -> Value {
    let numbers = |n: usize| (0..n).map(|i| ((i * 7 + seed * 5) % 13) as f32 - 6.0).collect::<Vec<_>>();
    let inputs = graph.shape(x).channels;
    let conv = Conv {
        channels,
        groups: 1,
        window: Window::square(1, 1, 0),
        weights: numbers(channels * inputs),
        bias: numbers(channels),
    };
    let y = graph.conv(x, conv).unwrap();
    let conv = Conv {
        channels,
        groups: channels,
        window: Window::square(3, 1, 1),
        weights: numbers(channels * 9),
        bias: numbers(channels),
    };
    graph.conv(y, conv).unwrap()
}

/// Returns the outputs of the graph.
fn run(graph: &Graph, outputs: usize) -> Vec<Vec<f32>> {
    let plan = Plan::new(graph, Isa::preferred()).unwrap();
    let mut session = plan.session();
    session.input().iter_mut().enumerate().for_each(|(i, x)| *x = (i % 17) as f32);
    session.run();
    (0..outputs).map(|at| session.output(at).to_vec()).collect()
}

#[test]
fn heads_together_compute_what_they_compute_alone() {
    let heads = [1, 4, 1, 10];
    let (mut graph, x) = Graph::new(Shape::new(8, 6, 12)).unwrap();
    for (seed, channels) in heads.into_iter().enumerate() {
        let y = add_head(&mut graph, x, channels, seed);
        graph.output(y, TensorLayout::Nhwc);
    }
    let mut alone = Vec::new();
    for (seed, channels) in heads.into_iter().enumerate() {
        let (mut graph, x) = Graph::new(Shape::new(8, 6, 12)).unwrap();
        let y = add_head(&mut graph, x, channels, seed);
        graph.output(y, TensorLayout::Nhwc);
        alone.extend(run(&graph, 1));
    }
    assert_eq!(run(&graph, heads.len()), alone);
}

#[test]
fn a_function_after_a_head_stays_after_it() {
    let (mut graph, x) = Graph::new(Shape::new(8, 6, 12)).unwrap();
    let a = add_head(&mut graph, x, 1, 0);
    let a = graph.unary(a, Unary::Sigmoid).unwrap();
    let b = add_head(&mut graph, x, 3, 1);
    graph.output(a, TensorLayout::Nhwc);
    graph.output(b, TensorLayout::Nhwc);
    let both = run(&graph, 2);
    assert!(both[0].iter().all(|x| (0.0..=1.0).contains(x)) && both[1].iter().any(|x| *x > 1.0));
    assert_eq!((both[0].len(), both[1].len()), (72, 3 * 72));
}
