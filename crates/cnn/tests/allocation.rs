//! A run allocates nothing: all memory is planned when the session is made.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use passerby_cnn::{
    Binary, Calibration, Conv, Coordinates, Graph, GraphError, Interpolation, Isa, Order, Pads, Plan, Pool,
    Shape, Unary, Value, Window,
};

/// The system's allocator, counted.
struct Counted;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on as it is.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: passed on to the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: passed on to the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTED: Counted = Counted;

fn conv(channels: usize, inputs: usize, groups: usize, window: Window) -> Conv {
    let weights = vec![0.01; channels * inputs / groups * window.kernel.0 * window.kernel.1];
    Conv { channels, groups, window, weights, bias: vec![0.1; channels] }
}

/// A graph with every kind of step.
fn graph() -> Result<Graph, GraphError> {
    let (mut g, x) = Graph::new(Shape::new(3, 64, 64))?;
    let relu = |g: &mut Graph, x: Value| g.unary(x, Unary::Relu);
    let x = g.conv(x, conv(32, 3, 1, Window::square(3, 1, 1)))?;
    let x = relu(&mut g, x)?;
    let y = g.conv(x, conv(64, 32, 1, Window::square(1, 1, 0)))?;
    let y = g.unary(y, Unary::Prelu(vec![0.2; 64]))?;
    let y = g.conv(y, conv(64, 64, 64, Window::square(3, 1, 1)))?;
    let y = g.conv(y, conv(32, 64, 1, Window::square(1, 1, 0)))?;
    let x = g.binary(Binary::Add, x, y)?;
    let x = g.conv(x, conv(32, 32, 1, Window::square(3, 1, 1)))?; // Winograd
    let x = g.pool(x, Pool::Max, Window::square(2, 2, 0))?;
    let x = g.conv(x, conv(32, 32, 2, Window::square(3, 1, 1)))?;
    let x = g.pad(x, Pads::all(1), 0, 1.0)?;
    let x = g.resize(x, (8, 8), Interpolation::Linear, Coordinates::HalfPixel)?;
    let x = g.conv(x, conv(20, 32, 1, Window::square(3, 1, 1)))?; // copies of windows
    let x = g.deconv(x, conv(16, 20, 1, Window::square(3, 2, 1)), (1, 1))?;
    let x = g.concat(&[x, x])?;
    let scores = g.unary(x, Unary::Sigmoid)?;
    g.output(scores, Order::Planar);
    let mean = g.mean(x)?;
    let dense = g.dense(mean, vec![0.01; 8 * 32], vec![0.0; 8])?;
    let soft = g.softmax(dense)?;
    g.output(soft, Order::Planar);
    Ok(g)
}

#[test]
fn a_run_allocates_nothing() -> Result<(), GraphError> {
    let graph = graph()?;
    let mut calibration = Calibration::new(&graph, Isa::preferred())?;
    calibration.input().fill(0.5);
    calibration.observe();
    for isa in Isa::available() {
        let plans = [Plan::new(&graph, *isa)?, Plan::quantized(&graph, *isa, &calibration.ranges()?)?];
        for plan in plans {
            let mut session = plan.session();
            session.input().fill(0.5);
            let before = ALLOCATIONS.load(Ordering::Relaxed);
            for _ in 0..3 {
                session.run();
            }
            assert_eq!(ALLOCATIONS.load(Ordering::Relaxed), before, "{plan:?}");
            assert!(session.output(1).iter().all(|p| p.is_finite()));
        }
    }
    Ok(())
}
