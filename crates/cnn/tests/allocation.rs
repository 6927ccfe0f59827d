//! A run does not allocate: all memory is planned when the session is created.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use passerby_cnn::{
    Binary, Conv, CoordinateMode, Graph, GraphError, Interpolation, Isa, Pads, Plan, Pooling,
    RangeCalibrator, Shape, TensorLayout, Unary, Value, Window,
};

/// The system's allocator with a counter.
struct CountingAllocator;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is forwarded unchanged.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: guaranteed by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: guaranteed by the caller.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn conv(channels: usize, inputs: usize, groups: usize, window: Window) -> Conv {
    let weights = vec![0.01; channels * inputs / groups * window.kernel.0 * window.kernel.1];
    Conv { channels, groups, window, weights, bias: vec![0.1; channels] }
}

/// Returns a graph with every kind of step.
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
    let x = g.pool(x, Pooling::Max, Window::square(2, 2, 0))?;
    let x = g.conv(x, conv(32, 32, 2, Window::square(3, 1, 1)))?;
    let x = g.pad(x, Pads::all(1), 0, 1.0)?;
    let x = g.resize(x, (8, 8), Interpolation::Linear, CoordinateMode::HalfPixel)?;
    let x = g.conv(x, conv(20, 32, 1, Window::square(3, 1, 1)))?; // copies of windows
    let x = g.conv_transpose(x, conv(16, 20, 1, Window::square(3, 2, 1)), (1, 1))?;
    let x = g.concat(&[x, x])?;
    let scores = g.unary(x, Unary::Sigmoid)?;
    g.output(scores, TensorLayout::Nchw);
    let mean = g.mean(x)?;
    let dense = g.dense(mean, vec![0.01; 8 * 32], vec![0.0; 8])?;
    let soft = g.softmax(dense)?;
    g.output(soft, TensorLayout::Nchw);
    Ok(g)
}

// The harness has threads of its own, whose memory would count.
fn main() -> Result<(), GraphError> {
    let graph = graph()?;
    let mut calibrator = RangeCalibrator::new(&graph, Isa::preferred())?;
    calibrator.input().fill(0.5);
    calibrator.observe();
    for isa in Isa::available() {
        let plans = [Plan::new(&graph, *isa)?, Plan::quantized(&graph, *isa, &calibrator.ranges()?)?];
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
