//! Small scenarios, each of which once violated an invariant: `cargo xtask simulate` found a seed,
//! made its scenario smaller and wrote it down as a test.

#![allow(clippy::unwrap_used)]

use ifc_simulation::scenario::Aim::*;
use ifc_simulation::scenario::Fate::*;
use ifc_simulation::scenario::Kept::*;
use ifc_simulation::scenario::Meddling::{Rekey, Squat, SquatNext};
use ifc_simulation::scenario::Move::*;
use ifc_simulation::scenario::Sort::*;
use ifc_simulation::scenario::{
    CALM, KIND, Move, PLAIN, ProviderFaults, Release, Rival, Run, Shape,
};
use ifc_simulation::{Defect, Scenario, simulate};

/// Holds under its own seed, and under a few others, because what its chances come to may change.
fn holds(seed: u64, moves: &[Move]) {
    for seed in std::iter::once(seed).chain(0..20) {
        let scenario = Scenario {
            seed,
            moves: moves.to_vec(),
        };
        if let Err(violation) = simulate(&scenario, Defect::None) {
            panic!("under seed {seed}: {violation}");
        }
    }
}

/// What was kept beside its replacement was deleted by the next plan, because it was made before
/// the wish to retain it.
#[test]
fn what_is_retained_with_its_replacement_is_kept() {
    holds(
        15,
        &[
            Want(0, PLAIN),
            Run(CALM),
            Want(
                0,
                Shape {
                    sort: Numbered,
                    kept: Retained,
                    ..PLAIN
                },
            ),
        ],
    );
}

/// An orphan that a newer release reads more of was told as drift by every plan.
#[test]
fn orphans_do_not_drift() {
    holds(
        15,
        &[
            Want(0, PLAIN),
            Run(CALM),
            Want(
                0,
                Shape {
                    sort: Numbered,
                    kept: Retained,
                    ..PLAIN
                },
            ),
            Release(Release {
                wider: true,
                ..Release::default()
            }),
        ],
    );
}

/// A part whose creation was denied was kept as an orphan, and nothing was there.
#[test]
fn what_never_was_is_no_orphan() {
    holds(
        3,
        &[
            Want(
                1,
                Shape {
                    sort: Numbered,
                    ..PLAIN
                },
            ),
            Run(Run {
                provider: ProviderFaults { denied: 48, ..KIND },
                ..CALM
            }),
            Want(
                1,
                Shape {
                    kept: Retained,
                    ..PLAIN
                },
            ),
        ],
    );
}

/// A part was given the name of another that still had it, and both became one thing.
#[test]
fn two_parts_are_two_things() {
    for fixed in [false, true] {
        let shape = Shape { fixed, ..PLAIN };
        holds(
            996,
            &[
                Want(4, shape),
                Run(CALM),
                Want(
                    0,
                    Shape {
                        name: Some(4),
                        ..shape
                    },
                ),
            ],
        );
    }
}

/// What was made a moment ago and was no longer wanted was forgotten, because readers did not see
/// it yet, and stayed for ever.
#[test]
fn what_is_not_seen_yet_is_not_gone() {
    let lagging = ProviderFaults { lags: 100, ..KIND };
    let late = Run {
        provider: lagging,
        ..CALM
    };
    holds(1291, &[Want(1, PLAIN), Run(late), Drop(1), Run(CALM)]);
}

/// A part whose name is to be fixed from now on was deleted before its replacement was made, though
/// their names differ; where another part uses it, that is refused for ever.
#[test]
fn other_names_make_place_afterwards() {
    let fixed = Shape {
        fixed: true,
        key: 1,
        ..PLAIN
    };
    let moves = [Want(0, PLAIN), Run(CALM), Want(0, fixed)];
    holds(2188, &moves);
}

/// A tag that an interrupted update may have set stayed for ever when it was no longer wanted,
/// because tags are not read back.
#[test]
fn tags_are_in_doubt_after_an_interrupted_update() {
    let tagged = Release {
        tagged: true,
        ..Release::default()
    };
    for event in (1..40).step_by(3) {
        let killed = Run {
            fate: Killed(event),
            ..CALM
        };
        let moves = [
            Want(0, PLAIN),
            Run(CALM),
            Release(tagged),
            Run(killed),
            Release(Release::default()),
        ];
        holds(4401, &moves);
    }
}

/// A name in quarantine made the engine go on to the next, which was an orphan's: the part became
/// the orphan's thing, and was deleted with its data when it was no longer wanted.
#[test]
fn what_goes_on_to_another_name_leaves_orphans_alone() {
    let orphan = Shape {
        sort: Guarded,
        kept: Retained,
        name: Some(1),
        key: 1,
        ..PLAIN
    };
    let destroyed = Run {
        aim: Destroy,
        consent: true,
        ..CALM
    };
    let guarded = Shape {
        sort: Guarded,
        ..PLAIN
    };
    holds(
        5,
        &[
            Want(0, orphan),
            Run(CALM),
            Run(destroyed),
            Run(CALM),
            Rename(0, 4, false),
            Want(1, guarded),
        ],
    );
}

/// A part that became of another type was refused because its first name was an orphan's, though
/// its names can vary.
#[test]
fn what_becomes_of_another_type_gets_a_name_of_its_own() {
    let orphan = Shape {
        sort: Guarded,
        kept: Protected,
        name: Some(0),
        ..PLAIN
    };
    let guarded = Shape {
        sort: Guarded,
        ..PLAIN
    };
    holds(
        19_737,
        &[
            Want(0, PLAIN),
            Want(2, orphan),
            Run(CALM),
            Drop(2),
            Run(CALM),
            Want(0, guarded),
        ],
    );
}

/// An orphan that was wanted again kept a secret that was no longer wanted, because secrets are not
/// read back.
#[test]
fn orphans_wanted_again_lose_what_cannot_be_read() {
    let orphan = Shape {
        kept: Retained,
        size: 2,
        secret: Some(0),
        ..PLAIN
    };
    let again = Shape {
        name: Some(6),
        size: 2,
        ..PLAIN
    };
    holds(
        15_862,
        &[
            Want(6, orphan),
            Run(CALM),
            Drop(6),
            Run(CALM),
            Want(2, again),
        ],
    );
}

/// A secret that an interrupted apply may have set stays known until it is taken away again.
#[test]
fn secrets_are_in_doubt_after_an_interrupted_apply() {
    let with_secret = Shape {
        secret: Some(1),
        ..PLAIN
    };
    for event in (1..60).step_by(3) {
        let killed = Run {
            fate: Killed(event),
            ..CALM
        };
        let created = [Want(0, with_secret), Run(killed), Want(0, PLAIN)];
        holds(3, &created);
        let changed = [
            Want(0, PLAIN),
            Run(CALM),
            Want(0, with_secret),
            Run(killed),
            Want(0, PLAIN),
        ];
        holds(3, &changed);
    }
}

/// A part that became of another type was to be made under a name that somebody else's thing had,
/// by every apply anew.
#[test]
fn replacements_give_way_to_names_of_somebody_else() {
    let slow = Shape {
        sort: Slow,
        ..PLAIN
    };
    for fixed in [false, true] {
        let plain = Shape { fixed, ..PLAIN };
        let squatted = [
            Want(3, plain),
            Meddle(3, Squat),
            Want(3, slow),
            Run(CALM),
            Want(3, plain),
        ];
        holds(45_120, &squatted);
    }
    let next = [
        Want(3, PLAIN),
        Run(CALM),
        Meddle(3, SquatNext),
        Want(3, Shape { key: 1, ..PLAIN }),
    ];
    holds(3, &next);
    // As a new part that cannot have its first name, because that was deleted just now.
    let guarded = Shape {
        sort: Guarded,
        ..PLAIN
    };
    let destroyed = Run {
        aim: Destroy,
        ..CALM
    };
    let again = [
        Want(1, guarded),
        Run(CALM),
        Meddle(1, SquatNext),
        Run(destroyed),
    ];
    holds(2, &again);
}

/// A secret that an interrupted apply may have set was forgotten by the next, which was interrupted
/// too.
#[test]
fn secrets_are_in_doubt_as_long_as_creations_do_not_end() {
    let shape = Shape {
        sort: Slow,
        key: 1,
        ..PLAIN
    };
    let with_secret = Shape {
        secret: Some(1),
        ..shape
    };
    let stuck = Run {
        provider: ProviderFaults { sticks: 13, ..KIND },
        ..CALM
    };
    let moves = [Want(0, with_secret), Run(stuck), Want(0, shape), Run(CALM)];
    holds(0, &moves);
}

/// A part that is replaced for a reason of its own was deleted first, because one that it is made
/// after has to be; where another part uses it, that is refused for ever.
#[test]
fn what_is_replaced_for_its_own_reason_is_made_first() {
    let user = Shape {
        uses: Some(4),
        ..PLAIN
    };
    let used = Shape {
        sort: Guarded,
        key: 1,
        after: Some(5),
        ..PLAIN
    };
    let fixed = Shape {
        fixed: true,
        bound: Some(1),
        ..PLAIN
    };
    let moves = [
        Want(3, user),
        Want(4, used),
        Want(5, fixed),
        Run(CALM),
        Want(1, PLAIN),
        Meddle(4, Rekey(0)),
    ];
    holds(59_394, &moves);
}

/// What was taken over a moment ago was forgotten by the next command, because readers still saw
/// that it was somebody else's.
#[test]
fn what_was_taken_over_is_ours_also_for_readers_that_are_behind() {
    let killed = Run {
        fate: Killed(11),
        ..CALM
    };
    let consented = Run {
        consent: true,
        provider: ProviderFaults { lags: 42, ..KIND },
        ..CALM
    };
    let destroyed = Run {
        aim: Destroy,
        ..CALM
    };
    let moves = [
        Want(3, PLAIN),
        Run(killed),
        Meddle(3, Squat),
        Run(consented),
        Run(destroyed),
    ];
    holds(2, &moves);
}

/// A state that is lost is found again: parts under later names, and what is no longer wanted.
#[test]
fn what_was_lost_is_found() {
    let retained = Shape {
        kept: Retained,
        ..PLAIN
    };
    let moves = [
        Want(0, PLAIN),
        Want(1, retained),
        Want(2, PLAIN),
        Run(CALM),
        Want(0, Shape { key: 1, ..PLAIN }),
        Run(CALM),
        Drop(2),
        Lose,
    ];
    holds(1, &moves);
}

/// What was found by its name, because its part has another address now, was believed to have the
/// tags that are wanted, whichever it had.
#[test]
fn what_is_found_by_its_name_gets_the_tags_that_are_wanted() {
    let shape = Shape {
        name: Some(6),
        ..PLAIN
    };
    let next = Release {
        wider: true,
        tagged: true,
        ..Release::default()
    };
    let moves = [
        Want(2, shape),
        Run(CALM),
        Lose,
        Release(next),
        Rename(2, 3, false),
    ];
    holds(120_206, &moves);
}

/// Of two commands, one takes back what was protected, for an application that does not protect it
/// any more, and the other destroys it: nobody is wrong.
#[test]
fn what_is_taken_back_unprotected_may_be_destroyed() {
    let shape = Shape {
        sort: Guarded,
        ..PLAIN
    };
    let destroyed = Run {
        aim: Destroy,
        ..CALM
    };
    let rival = Rival {
        after: 1,
        skew: 0,
        aim: Destroy,
        fate: Lives,
    };
    let moves = [
        Want(
            0,
            Shape {
                kept: Protected,
                ..shape
            },
        ),
        Run(CALM),
        Run(destroyed),
        Want(0, shape),
        Run(Run {
            rival: Some(rival),
            ..CALM
        }),
    ];
    holds(61_344, &moves);
}

/// What was replaced a moment ago was seen as it had been before, by readers that are behind, taken
/// for changed by somebody else, and replaced again: two things.
#[test]
fn what_readers_are_behind_with_is_no_drift() {
    let numbered = Shape {
        sort: Numbered,
        fixed: true,
        key: 1,
        ..PLAIN
    };
    let lagging = Run {
        provider: ProviderFaults { lags: 64, ..KIND },
        ..CALM
    };
    let moves = [
        Want(0, numbered),
        Want(1, PLAIN),
        Want(2, PLAIN),
        Want(3, PLAIN),
        Run(CALM),
        Meddle(0, Rekey(0)),
        Run(lagging),
        Run(CALM),
    ];
    holds(1, &moves);
}
