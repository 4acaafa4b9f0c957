//! What units may do from now on, and no longer.

use super::heading;
use crate::stage::{Permission, PermissionChanges};
use crate::terminal::{ERROR, HEADING, NAME, QUIET, WARNING, columns, paint};

pub(super) fn section(changes: &PermissionChanges) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let mut text = heading("permissions", "");
    for unit in &changes.everything {
        text.push_str(&format!(
            "  {} unit {} may do everything: what it needs could not be derived\n",
            paint(WARNING, "!"),
            paint(NAME, &format!("`{unit}`"))
        ));
    }
    let gained = changes
        .gained
        .iter()
        .map(|(permission, place)| row(paint(HEADING, "+"), permission, place.as_deref()));
    let lost = changes
        .lost
        .iter()
        .map(|permission| row(paint(ERROR, "-"), permission, None));
    text + &columns(&gained.chain(lost).collect::<Vec<_>>())
}

fn row(sign: String, permission: &Permission, place: Option<&str>) -> Vec<String> {
    let Permission {
        unit,
        kind,
        resource,
        verb,
    } = permission;
    let mut cells = vec![
        format!("  {sign} unit {}", paint(NAME, &format!("`{unit}`"))),
        format!("{verb} on {kind} {}", paint(NAME, &format!("`{resource}`"))),
    ];
    cells.extend(place.map(|place| paint(QUIET, place)));
    cells
}
