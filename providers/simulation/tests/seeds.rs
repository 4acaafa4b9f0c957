//! Some seeds with every `cargo test`; `cargo xtask simulate` runs as many as there is time for.

use ifc_simulation::{Defect, Scenario, simulate};

#[test]
fn the_first_seeds_hold() {
    for seed in 0..300 {
        if let Err(violation) = simulate(&Scenario::draw(seed), Defect::None) {
            panic!("{violation}; again: cargo xtask simulate --runs 1 --seed {seed}");
        }
    }
}

#[test]
fn a_seed_is_always_the_same_run() {
    for seed in 0..20 {
        let scenario = Scenario::draw(seed);
        assert_eq!(scenario, Scenario::draw(seed));
        let first = simulate(&scenario, Defect::None);
        assert_eq!(first, simulate(&scenario, Defect::None), "seed {seed}");
    }
}
