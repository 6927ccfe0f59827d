//! The rotation that a container declares.

use ffmpeg_the_third as ffmpeg;

use ffmpeg::codec::packet::side_data::Type;
use ffmpeg::format::stream::Stream;

use crate::rotation::Rotation;

/// Returns the rotation of a matrix of 9 numbers of 32 bits, as in the track header of MP4.
pub(super) fn rotation(matrix: &[u8]) -> Rotation {
    let cell = |index: usize| {
        let bytes = matrix.get(4 * index..4 * index + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, i32::from_ne_bytes).signum()
    };
    Rotation::from_axes([cell(0), cell(1)], [cell(3), cell(4)])
}

/// Returns the rotation that a stream declares, if the wrapper can read it. From FFmpeg 8 on, the frames have it instead.
pub(super) fn stream_rotation(stream: &Stream<'_>) -> Option<Rotation> {
    #[allow(unused_imports, reason = "only from FFmpeg 8 on")]
    use without_side_data::SideDataOfStream as _;
    stream.side_data().find(|side| side.kind() == Type::DisplayMatrix).map(|side| rotation(side.data()))
}

/// The wrapper has no `Stream::side_data` with FFmpeg 8 and later. A method of the type itself takes precedence over one of a
/// trait, so that this one counts only then.
mod without_side_data {
    use super::{Stream, Type};

    #[allow(dead_code, reason = "only from FFmpeg 8 on")]
    pub(super) trait SideDataOfStream {
        fn side_data(&self) -> std::iter::Empty<NoSideData> {
            std::iter::empty()
        }
    }

    impl SideDataOfStream for Stream<'_> {}

    pub(super) enum NoSideData {}

    #[allow(dead_code, reason = "only from FFmpeg 8 on")]
    impl NoSideData {
        pub(super) fn kind(&self) -> Type {
            match *self {}
        }

        pub(super) fn data(&self) -> &[u8] {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_gives_a_quarter_turn() {
        let numbers: [i32; 9] = [0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30];
        let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_ne_bytes()).collect();
        let turn = Rotation { transpose: true, mirror_x: true, mirror_y: false };
        assert_eq!(rotation(&bytes), turn);
        assert_eq!(rotation(&bytes[..10]), Rotation::default());
    }
}
