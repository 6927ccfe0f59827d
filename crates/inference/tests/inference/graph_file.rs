//! Networks from graph files: they are equal to those from ONNX files, and damaged files are an error.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::path::{Path, PathBuf};

use passerby_cnn::Isa;
use passerby_inference::{Backend, Model, ModelError, Precision};

/// A network with its files and the shapes at which it is compared. The first was written to the file.
struct Bundle {
    onnx: &'static str,
    graph: &'static str,
    ranges: Option<&'static str>,
    items: &'static [[usize; 3]],
}

const BUNDLES: [Bundle; 6] = [
    Bundle {
        onnx: "detect/models/centerface_fp16.onnx",
        graph: "detect/models/centerface.graph",
        ranges: Some("detect/models/centerface.ranges"),
        items: &[[3, 288, 480], [3, 64, 96], [3, 32, 32], [3, 352, 640]],
    },
    Bundle {
        onnx: "reid/models/mobilefacenet_fast_fp16.onnx",
        graph: "reid/models/mobilefacenet.graph",
        ranges: Some("reid/models/mobilefacenet.ranges"),
        items: &[[3, 112, 112]],
    },
    Bundle {
        onnx: "demographics/models/age-v1_fp16.onnx",
        graph: "demographics/models/age-v1.graph",
        ranges: None,
        items: &[[3, 64, 64]],
    },
    Bundle {
        onnx: "demographics/models/gender-v1_fp16.onnx",
        graph: "demographics/models/gender-v1.graph",
        ranges: None,
        items: &[[3, 32, 32]],
    },
    Bundle {
        onnx: "faceres-weights/models/faceres_fp16.onnx",
        graph: "faceres-weights/models/faceres.graph",
        ranges: None,
        items: &[[3, 224, 224]],
    },
    Bundle {
        onnx: "detect/models/yunet.onnx",
        graph: "detect/models/yunet.graph",
        ranges: None,
        items: &[[3, 288, 480], [3, 96, 96], [3, 64, 64], [3, 352, 640]],
    },
];

impl Bundle {
    fn load_graph(&self) -> Model {
        Model::from_graph_bytes(self.graph, read(self.graph), read(self.onnx)).unwrap()
    }

    fn ranges(&self) -> Option<String> {
        self.ranges.map(|name| String::from_utf8(read(name)).unwrap())
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

fn noise(item: [usize; 3]) -> Vec<f32> {
    (0..item.iter().product()).map(|i: usize| (i * 7919 % 255) as f32 / 64.0 - 2.0).collect()
}

#[test]
fn a_graph_file_states_the_interface() {
    let model = BUNDLES[0].load_graph();
    assert_eq!(model.input().name, "input.1");
    assert_eq!(model.input().dims, [None, Some(3), None, None]);
    let names: Vec<&str> = model.outputs().iter().map(|o| o.name.as_str()).collect();
    assert_eq!(names, ["537", "538", "539", "540"]);
    let session = model.session([3, 96, 64]).unwrap();
    assert_eq!(session.output_shapes(), [[1, 1, 24, 16], [1, 2, 24, 16], [1, 2, 24, 16], [1, 10, 24, 16]]);
}

#[test]
fn networks_from_graph_files_run_on_cnn() {
    for bundle in BUNDLES {
        let mut session = bundle.load_graph().session(bundle.items[0]).unwrap();
        let expected = Backend::Cnn { isa: Isa::preferred().name(), precision: Precision::Float };
        assert_eq!(*session.backend(), expected, "{}", bundle.graph);
        assert!(session.memory().unwrap().weight_bytes > 1 << 17);
        session.input().copy_from_slice(&noise(bundle.items[0]));
        assert!(session.run().unwrap().data(0).iter().all(|v| v.is_finite()));
    }
}

#[test]
fn int8_runs_from_a_graph_file() {
    for bundle in BUNDLES {
        let Some(ranges) = bundle.ranges() else { continue };
        let model = bundle.load_graph().with_ranges(&ranges).unwrap();
        let float = model.session(bundle.items[0]).unwrap().memory().unwrap();
        let model = model.with_precision(Precision::Int8).unwrap();
        let mut session = model.session(bundle.items[0]).unwrap();
        let is_smaller = session.memory().unwrap().weight_bytes < float.weight_bytes;
        assert_eq!(is_smaller, Isa::preferred().multiplies_bytes(), "{}", session.backend());
        assert!(session.run_batch(1, &noise(bundle.items[0])).is_ok());
    }
}

#[test]
fn other_sides_than_multiples_are_refused() {
    let model = BUNDLES[0].load_graph();
    let error = model.session([3, 90, 64]).unwrap_err();
    assert!(matches!(error, ModelError::Plan { .. }), "{error}");
    assert!(error.to_string().contains("rows that are a multiple of 32"), "{error}");
    assert!(matches!(model.session([1, 64, 64]), Err(ModelError::Shape { .. })));
    assert!(matches!(BUNDLES[1].load_graph().session([3, 224, 224]), Err(ModelError::Shape { .. })));
}

#[test]
fn calibration_works_from_a_graph_file() {
    let item = BUNDLES[1].items[0];
    let mut calibration = BUNDLES[1].load_graph().calibration(item).unwrap();
    calibration.input().copy_from_slice(&noise(item));
    calibration.observe();
}

#[test]
fn a_graph_file_of_another_network_is_refused() {
    let error = Model::from_graph_bytes("mixed", read(BUNDLES[2].graph), read(BUNDLES[3].onnx)).unwrap_err();
    assert!(matches!(error, ModelError::GraphFile { .. }));
    assert!(error.to_string().starts_with("mixed: the weights are those of another file"), "{error}");
}

#[test]
fn damaged_graph_files_are_refused() {
    let graph = read(BUNDLES[3].graph);
    let onnx = read(BUNDLES[3].onnx);
    let refused = |bytes: Vec<u8>| {
        let error = Model::from_graph_bytes("hostile", bytes, onnx.clone()).unwrap_err();
        assert!(matches!(error, ModelError::GraphFile { .. }), "{error}");
        assert!(error.to_string().starts_with("hostile: "), "{error}");
    };
    for end in (0..graph.len()).step_by(7) {
        refused(graph[..end].to_vec());
    }
    for at in (0..graph.len()).step_by(11) {
        let mut damaged = graph.clone();
        damaged[at] ^= 0x40;
        refused(damaged);
    }
}

#[cfg(not(feature = "tract"))]
#[test]
fn onnx_files_need_the_feature_tract() {
    use passerby_inference::Engine;

    let error = Model::from_path(path(BUNDLES[3].onnx)).unwrap_err();
    assert!(matches!(error, ModelError::NoTract { .. }));
    assert!(error.to_string().contains("without the feature `tract`"), "{error}");
    let model = BUNDLES[3].load_graph().with_engine(Engine::Tract);
    assert!(matches!(model.session(BUNDLES[3].items[0]), Err(ModelError::NoTract { .. })));
}

#[cfg(feature = "tract")]
mod against_onnx {
    use passerby_inference::{Engine, TractReason};

    use super::*;

    impl Bundle {
        fn load_onnx(&self) -> Model {
            Model::from_path(path(self.onnx)).unwrap()
        }
    }

    #[test]
    fn graph_files_are_those_of_the_onnx_files() {
        for bundle in BUNDLES {
            let written = bundle.load_onnx().to_graph_bytes(bundle.items).unwrap();
            assert!(
                written == read(bundle.graph),
                "{} is not that of {}: see models/README.md",
                bundle.graph,
                bundle.onnx
            );
        }
    }

    #[test]
    fn both_files_give_the_same_graph_at_every_shape() {
        for bundle in BUNDLES {
            let onnx = bundle.load_onnx();
            let graph = bundle.load_graph();
            assert_eq!(graph.input(), onnx.input());
            assert_eq!(graph.outputs(), onnx.outputs());
            for item in bundle.items {
                let same = onnx.to_graph_bytes(&[*item]).unwrap() == graph.to_graph_bytes(&[*item]).unwrap();
                assert!(same, "{} at {item:?}", bundle.graph);
            }
        }
    }

    #[test]
    fn both_files_give_the_same_outputs_in_float_and_int8() {
        for bundle in BUNDLES {
            let both = [bundle.load_onnx(), bundle.load_graph()];
            for item in bundle.items {
                let outputs = both.each_ref().map(|model| {
                    let mut session = model.session(*item).unwrap();
                    (session.memory(), session.run_batch(1, &noise(*item)).unwrap())
                });
                assert!(outputs[0] == outputs[1], "{} at {item:?}", bundle.graph);
                let Some(ranges) = bundle.ranges() else { continue };
                let outputs = both.each_ref().map(|model| {
                    let model = model.with_ranges(&ranges).unwrap().with_precision(Precision::Int8).unwrap();
                    model.session(*item).unwrap().run_batch(1, &noise(*item)).unwrap()
                });
                assert!(outputs[0] == outputs[1], "{} at {item:?} in int8", bundle.graph);
            }
        }
    }

    #[test]
    fn tract_runs_the_onnx_file_of_a_graph_file() {
        let model = BUNDLES[3].load_graph().with_engine(Engine::Tract);
        let session = model.session(BUNDLES[3].items[0]).unwrap();
        assert_eq!(*session.backend(), Backend::Tract(TractReason::Requested));
    }

    #[test]
    fn networks_that_cnn_lacks_have_no_graph_file() {
        let model = Model::from_path(path("inference/tests/data/sine.onnx")).unwrap();
        let error = model.to_graph_bytes(&[[3, 9, 11]]).unwrap_err();
        assert!(
            matches!(error, ModelError::GraphFile { .. }) && error.to_string().contains("Sin"),
            "{error}"
        );
        assert!(matches!(model.to_graph_bytes(&[]), Err(ModelError::GraphFile { .. })));
    }

    #[test]
    fn every_small_network_runs_from_its_graph_file() {
        for name in ["conv", "deconv", "head", "attention", "yunet", "scrfd", "blazeface"] {
            let onnx = read(&format!("inference/tests/data/{name}.onnx"));
            let model = Model::from_bytes(name, onnx.clone()).unwrap();
            let sides: Vec<usize> = model.input().dims[1..].iter().map(|dim| dim.unwrap_or(64)).collect();
            let item = [sides[0], sides[1], sides[2]];
            let graph = model.to_graph_bytes(&[item]).unwrap();
            let from_graph = Model::from_graph_bytes(name, graph, onnx).unwrap();
            let run = |model: &Model| {
                model.session(item).unwrap().run_batch(2, &[noise(item), noise(item)].concat())
            };
            assert_eq!(run(&from_graph).unwrap(), run(&model).unwrap(), "{name}");
        }
    }
}
