//! Any text as a cron expression.

use crate::draw::Draw;
use ifc_manifest::cron;

/// A refusal points into the text; half of the texts are nearly right.
pub fn check(bytes: &[u8]) {
    let expression = match bytes.split_first() {
        Some((first, rest)) if first & 1 == 0 => String::from_utf8_lossy(rest).into_owned(),
        _ => nearly(&mut Draw::from(bytes)),
    };
    if let Err(error) = cron::parse(&expression) {
        // The place of the finding is within the text, on character boundaries.
        assert!(expression.get(error.start..error.end).is_some());
    }
}

fn nearly(draw: &mut Draw<'_>) -> String {
    const PIECES: [&str; 14] = [
        "*", "0", "59", "60", "7", "31", ",", "-", "/", "mon", "JAN", "*/5", "1-5", "L",
    ];
    let fields = (0..4 + draw.below(3)).map(|_| {
        let pieces = (0..1 + draw.below(4)).map(|_| draw.one(&PIECES));
        pieces.collect::<String>()
    });
    fields.collect::<Vec<String>>().join(" ")
}
