//! The simulation notices engines, stores and providers that are broken on purpose.

use ifc_simulation::{Defect, Scenario, simulate};

/// Within how many seeds.
const SEEDS: u64 = 2_000;

/// What notices each of them first. A defect that none notices would be a hole in the simulation.
fn noticed(defect: Defect) -> Option<(u64, String)> {
    (0..SEEDS).find_map(|seed| {
        let violation = simulate(&Scenario::draw(seed), defect).err()?;
        Some((seed, violation.invariant().to_owned()))
    })
}

#[test]
fn every_defect_is_noticed() {
    let mut table = String::new();
    let mut unnoticed = Vec::new();
    for defect in Defect::ALL {
        match noticed(defect) {
            Some((seed, invariant)) => {
                table.push_str(&format!("{defect:?}: seed {seed}, {invariant}\n"));
            }
            None => unnoticed.push(defect),
        }
    }
    println!("{table}");
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}
