//! Reads the detections of a MOTChallenge file.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};

use passerby::types::{BBox, Face};

/// The largest frame number that is accepted: 111 hours at 25 frames a second. A larger number is more likely an error
/// in the file, and each frame up to the last takes time.
const LAST_FRAME: u64 = 10_000_000;
/// The most bytes of a line. A row of MOTChallenge has about 60.
const MAX_LINE_BYTES: u64 = 4096;
/// The most detections of a file, which take 300 MB. The largest sequence of MOT20 has 2 million.
const MAX_DETECTIONS: usize = 4_000_000;
/// The most lines of a file, with the empty ones.
const MAX_LINES: usize = 100_000_000;

/// Returns the detections by frame, or the number of the first bad line and the reason. Never holds more than one line
/// beside the detections.
pub(crate) fn parse(mut text: impl BufRead) -> Result<BTreeMap<u64, Vec<Face>>, (usize, String)> {
    let mut frames: BTreeMap<u64, Vec<Face>> = BTreeMap::new();
    let mut detections = 0;
    let mut line = Vec::new();
    for number in 1..=MAX_LINES {
        line.clear();
        let wrong = |what: String| (number, what);
        let len = text.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        let len = len.map_err(|e| wrong(e.to_string()))?;
        if len == 0 {
            return Ok(frames);
        }
        if len as u64 == MAX_LINE_BYTES && line.last() != Some(&b'\n') {
            return Err(wrong(format!(
                "a line of more than {MAX_LINE_BYTES} bytes; is it a file of detections?"
            )));
        }
        let text = str::from_utf8(&line).map_err(|_| wrong("not a text".into()))?.trim();
        if text.is_empty() {
            continue;
        }
        if detections == MAX_DETECTIONS {
            return Err(wrong(format!("more than {MAX_DETECTIONS} detections")));
        }
        let (frame, face) = row(text).map_err(wrong)?;
        frames.entry(frame).or_default().push(face);
        detections += 1;
    }
    Err((MAX_LINES, format!("more than {MAX_LINES} lines")))
}

/// Reads one line: frame,id,x,y,w,h,score. Further fields are ignored.
fn row(line: &str) -> Result<(u64, Face), String> {
    let mut numbers = [0.0_f64; 7];
    let mut fields = line.split(',').map(str::trim);
    for (number, name) in numbers.iter_mut().zip(["frame", "id", "x", "y", "w", "h", "score"]) {
        let field = fields.next().ok_or_else(|| format!("no {name}: frame,id,x,y,w,h,score is needed"))?;
        *number = field
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())
            .ok_or_else(|| format!("{name} {field:?} is not a number"))?;
    }
    let frame = numbers[0] as u64;
    if frame as f64 != numbers[0] || !(1..=LAST_FRAME).contains(&frame) {
        return Err(format!("frame {} is not a whole number from 1 to {LAST_FRAME}", numbers[0]));
    }
    let [x, y, w, h, score] = [2, 3, 4, 5, 6].map(|i| numbers[i] as f32);
    Ok((frame, Face::new(BBox::from_xywh(x, y, w, h), score)))
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn a_line_without_an_end_is_refused() {
        let endless = std::io::repeat(0);
        let (line, what) = parse(BufReader::new(endless)).unwrap_err();
        assert!(line == 1 && what.contains("4096 bytes"), "{line}: {what}");
    }

    #[test]
    fn a_row_that_is_no_detection_is_named_with_its_line() {
        let good = "1,-1,10,20,30,40,0.9";
        for (bad, says) in [
            ("0,-1,1,2,3,4,1", "not a whole number"),
            ("1.5,-1,1,2,3,4,1", "not a whole number"),
            ("1e30,-1,1,2,3,4,1", "not a whole number"),
            ("1,-1,1,2,nan,4,1", "is not a number"),
            ("1,-1,1,2,inf,4,1", "is not a number"),
            ("1,-1,1,2,3,4", "no score"),
            ("1;-1;1", "is not a number"),
            ("\u{1b}[31m", "is not a number"),
        ] {
            let (line, what) = parse(format!("{good}\n\n{bad}\n").as_bytes()).unwrap_err();
            assert!(line == 3 && what.contains(says), "{bad}: {line}: {what}");
        }
        let (line, what) = parse(&b"\xff\xfe1\0"[..]).unwrap_err();
        assert_eq!((line, what.as_str()), (1, "not a text"));
    }
}
