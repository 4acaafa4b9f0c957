//! The life of a step, as a table.
//!
//! | phase | event | next |
//! |---|---|---|
//! | waiting | cleared | queued |
//! | waiting | nothing to call | ended well |
//! | waiting | prerequisite failed | blocked |
//! | waiting, queued | stopped | left |
//! | queued | permitted | beginning |
//! | beginning | begun | calling |
//! | beginning | journal lost | left |
//! | beginning | stopped | left |
//! | calling | completed | ended well |
//! | calling | accepted | polling |
//! | calling | hindered | retrying |
//! | calling | name unusable | queued, with the next name |
//! | calling | refused | ended badly |
//! | calling, retrying, polling | patience spent | ended badly |
//! | retrying | due | calling |
//! | retrying | stopped | ended badly |
//! | polling | still settling | polling |
//! | polling | settled | ended well |
//! | polling | settled otherwise | calling |
//! | polling | refused | ended badly |
//! | ended well | recorded | done |
//! | ended badly | recorded | failed |
//!
//! Done, failed, blocked and left are final. What is left or blocked had no effect. What failed may
//! have had one: its part stays unsettled in the state, and the next plan looks at it. A stop does
//! not interrupt calling and polling; what was accepted is seen through.

use std::fmt;

/// Where a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// For the steps it depends on.
    Waiting,
    /// For its turn at the provider's API.
    Queued,
    /// For the journal to say that it begins.
    Beginning,
    /// For the provider's answer.
    Calling,
    /// To call again.
    Retrying,
    /// For an accepted operation to come to rest.
    Polling,
    /// Its result is known, and being recorded.
    EndedWell,
    /// Its failure is known, and being recorded.
    EndedBadly,
    /// It did what it should.
    Done,
    /// It did not.
    Failed,
    /// It was never begun, because one it depends on failed.
    Blocked,
    /// It was never begun, because the user said stop or the stage is no longer ours.
    Left,
}

/// What happens to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StepEvent {
    /// All it depends on is done.
    Cleared,
    /// All it depends on is done, and the provider is not needed.
    NothingToCall,
    /// One it depends on will not be done.
    PrerequisiteFailed,
    /// Nothing new is to be begun.
    Stopped,
    /// The provider's API may be called.
    Permitted,
    /// The journal says that it begins.
    Begun,
    /// The journal takes nothing more.
    JournalLost,
    /// The provider did it.
    Completed,
    /// The provider is doing it.
    Accepted,
    /// The provider failed in a way that passes.
    Hindered,
    /// The name cannot be used, and there are others.
    NameUnusable,
    /// The provider failed for good, or broke its contract.
    Refused,
    /// It took longer than it may.
    PatienceSpent,
    /// The wait before the next call is over.
    Due,
    /// The operation goes on.
    StillSettling,
    /// The operation has come to rest as it should.
    Settled,
    /// The operation has come to rest, but not as it should: it has to be asked for again.
    SettledOtherwise,
    /// The journal has taken the result.
    Recorded,
}

/// An event that cannot happen in a phase: a fault in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IllegalTransition {
    /// Where the step was.
    pub phase: Phase,
    /// What happened.
    pub event: StepEvent,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IllegalTransition { phase, event } = self;
        write!(
            formatter,
            "a step in phase {phase:?} cannot have event {event:?}"
        )
    }
}

impl std::error::Error for IllegalTransition {}

impl Phase {
    /// Every phase.
    pub const ALL: [Phase; 12] = [
        Phase::Waiting,
        Phase::Queued,
        Phase::Beginning,
        Phase::Calling,
        Phase::Retrying,
        Phase::Polling,
        Phase::EndedWell,
        Phase::EndedBadly,
        Phase::Done,
        Phase::Failed,
        Phase::Blocked,
        Phase::Left,
    ];

    /// Whether nothing happens any more.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Phase::Done | Phase::Failed | Phase::Blocked | Phase::Left
        )
    }
}

/// Where a step goes.
///
/// # Errors
/// When the event cannot happen in the phase.
pub fn transition(phase: Phase, event: StepEvent) -> Result<Phase, IllegalTransition> {
    use StepEvent as E;
    Ok(match (phase, event) {
        (Phase::Waiting, E::Cleared) => Phase::Queued,
        (Phase::Waiting, E::NothingToCall) => Phase::EndedWell,
        (Phase::Waiting, E::PrerequisiteFailed) => Phase::Blocked,
        (Phase::Waiting | Phase::Queued | Phase::Beginning, E::Stopped) => Phase::Left,
        (Phase::Queued, E::Permitted) => Phase::Beginning,
        (Phase::Beginning, E::Begun) => Phase::Calling,
        (Phase::Beginning, E::JournalLost) => Phase::Left,
        (Phase::Calling, E::Completed) => Phase::EndedWell,
        (Phase::Calling, E::Accepted) => Phase::Polling,
        (Phase::Calling, E::Hindered) => Phase::Retrying,
        (Phase::Calling, E::NameUnusable) => Phase::Queued,
        (Phase::Calling | Phase::Polling, E::Refused) => Phase::EndedBadly,
        (Phase::Calling | Phase::Retrying | Phase::Polling, E::PatienceSpent) => Phase::EndedBadly,
        (Phase::Retrying, E::Due) => Phase::Calling,
        (Phase::Retrying, E::Stopped) => Phase::EndedBadly,
        (Phase::Polling, E::StillSettling) => Phase::Polling,
        (Phase::Polling, E::Settled) => Phase::EndedWell,
        (Phase::Polling, E::SettledOtherwise) => Phase::Calling,
        (Phase::EndedWell, E::Recorded) => Phase::Done,
        (Phase::EndedBadly, E::Recorded) => Phase::Failed,
        _ => return Err(IllegalTransition { phase, event }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const EVENTS: [StepEvent; 18] = [
        StepEvent::Cleared,
        StepEvent::NothingToCall,
        StepEvent::PrerequisiteFailed,
        StepEvent::Stopped,
        StepEvent::Permitted,
        StepEvent::Begun,
        StepEvent::JournalLost,
        StepEvent::Completed,
        StepEvent::Accepted,
        StepEvent::Hindered,
        StepEvent::NameUnusable,
        StepEvent::Refused,
        StepEvent::PatienceSpent,
        StepEvent::Due,
        StepEvent::StillSettling,
        StepEvent::Settled,
        StepEvent::SettledOtherwise,
        StepEvent::Recorded,
    ];

    fn words(text: &str) -> String {
        let mut words = String::new();
        for letter in text.chars() {
            if letter.is_uppercase() && !words.is_empty() {
                words.push(' ');
            }
            words.extend(letter.to_lowercase());
        }
        words
    }

    /// The table in the documentation, row by row.
    fn documented() -> BTreeSet<(String, String, String)> {
        let rows = include_str!("machine.rs")
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .skip(1);
        rows.flat_map(|row| {
            let cells: Vec<&str> = row.trim_end_matches(" |").split(" | ").collect();
            let (phases, event, next) = (cells[0], cells[1], cells[2]);
            let next = next.split(',').next().unwrap().to_owned();
            let rows: Vec<_> = phases
                .split(", ")
                .map(|phase| (phase.to_owned(), event.to_owned(), next.clone()))
                .collect();
            rows
        })
        .collect()
    }

    #[test]
    fn the_table_is_the_code() {
        let mut coded = BTreeSet::new();
        for phase in Phase::ALL {
            for event in EVENTS {
                if let Ok(next) = transition(phase, event) {
                    let row = (
                        words(&format!("{phase:?}")),
                        words(&format!("{event:?}")),
                        words(&format!("{next:?}")),
                    );
                    coded.insert(row);
                }
            }
        }
        assert_eq!(coded, documented());
    }

    #[test]
    fn final_phases_are_final_and_others_can_end() {
        for phase in Phase::ALL {
            let moves = EVENTS
                .iter()
                .filter(|event| transition(phase, **event).is_ok());
            assert_eq!(moves.count() == 0, phase.is_final(), "{phase:?}");
        }
        for start in Phase::ALL {
            let mut reached = BTreeSet::from([start]);
            for _ in Phase::ALL {
                let next: Vec<Phase> = reached
                    .iter()
                    .flat_map(|phase| EVENTS.map(|event| transition(*phase, event)))
                    .flatten()
                    .collect();
                reached.extend(next);
            }
            assert!(reached.iter().any(|phase| phase.is_final()), "{start:?}");
        }
    }

    #[test]
    fn what_was_begun_is_never_left() {
        for phase in [Phase::Calling, Phase::Retrying, Phase::Polling] {
            for event in EVENTS {
                assert_ne!(transition(phase, event), Ok(Phase::Left));
                assert_ne!(transition(phase, event), Ok(Phase::Blocked));
            }
        }
    }
}
