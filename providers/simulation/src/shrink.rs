//! Smaller scenarios that fail alike.

use crate::defect::Defect;
use crate::scenario::{
    Aim, CALM, Fate, KIND, Move, PLAIN, Percents, ProviderFaults, Run, Scenario, Shape,
};
use crate::simulate::{Violation, simulate};

/// How many runs may be tried.
const TRIES: u32 = 20_000;
/// How many other seeds are tried for each smaller scenario, because its chances are others.
const SEEDS: u64 = 6;

/// The smallest scenario found that violates the same invariant, and how.
pub fn shrink(scenario: &Scenario, violation: &Violation, defect: Defect) -> (Scenario, Violation) {
    let mut search = Search {
        smallest: scenario.clone(),
        violation: violation.clone(),
        defect,
        tries: 0,
    };
    while search.pass() && search.tries < TRIES {}
    (search.smallest, search.violation)
}

struct Search {
    smallest: Scenario,
    violation: Violation,
    defect: Defect,
    tries: u32,
}

impl Search {
    /// Tries every way once. Whether one of them led further.
    fn pass(&mut self) -> bool {
        let mut progress = false;
        let mut length = self.smallest.moves.len();
        while length > 0 {
            let mut at = 0;
            while at + length <= self.smallest.moves.len() {
                let mut moves = self.smallest.moves.clone();
                moves.drain(at..at + length);
                match self.try_moves(moves) {
                    true => progress = true,
                    false => at += 1,
                }
            }
            length /= 2;
        }
        for at in 0..self.smallest.moves.len() {
            let mut index = 0;
            while let Some(simpler) = simpler(&self.smallest.moves[at]).get(index).copied() {
                let mut moves = self.smallest.moves.clone();
                moves[at] = simpler;
                match self.try_moves(moves) {
                    true => progress = true,
                    false => index += 1,
                }
            }
        }
        progress
    }

    fn try_moves(&mut self, moves: Vec<Move>) -> bool {
        let seeds = std::iter::once(self.smallest.seed).chain(0..SEEDS);
        for seed in seeds {
            if self.tries >= TRIES {
                return false;
            }
            self.tries += 1;
            let scenario = Scenario {
                seed,
                moves: moves.clone(),
            };
            if let Err(violation) = simulate(&scenario, self.defect)
                && violation.invariant() == self.violation.invariant()
            {
                self.smallest = scenario;
                self.violation = violation;
                return true;
            }
        }
        false
    }
}

/// Every way to make a move a little simpler. None of them is the move itself.
fn simpler(step: &Move) -> Vec<Move> {
    let found: Vec<Move> = match step {
        Move::Want(slot, shape) => shapes(shape)
            .into_iter()
            .map(|shape| Move::Want(*slot, shape))
            .collect(),
        Move::Run(run) => runs(run).into_iter().map(Move::Run).collect(),
        Move::Rename(from, to, true) => vec![Move::Rename(*from, *to, false)],
        Move::Wait(seconds) => vec![Move::Wait(seconds / 2)],
        _ => Vec::new(),
    };
    found.into_iter().filter(|other| other != step).collect()
}

fn shapes(shape: &Shape) -> Vec<Shape> {
    let shape = *shape;
    vec![
        Shape {
            sort: PLAIN.sort,
            ..shape
        },
        Shape {
            fixed: false,
            ..shape
        },
        Shape {
            kept: PLAIN.kept,
            ..shape
        },
        Shape {
            name: None,
            ..shape
        },
        Shape { size: 0, ..shape },
        Shape { key: 0, ..shape },
        Shape { schema: 0, ..shape },
        Shape {
            secret: None,
            ..shape
        },
        Shape {
            uses: None,
            ..shape
        },
        Shape {
            bound: None,
            ..shape
        },
        Shape {
            follows: None,
            ..shape
        },
        Shape {
            after: None,
            ..shape
        },
    ]
}

fn runs(run: &Run) -> Vec<Run> {
    let run = *run;
    let mut simpler = vec![
        CALM,
        Run { rival: None, ..run },
        Run {
            provider: KIND,
            ..run
        },
        Run {
            store: [0; 4],
            ..run
        },
        Run {
            aim: Aim::Apply,
            ..run
        },
        Run {
            consent: false,
            ..run
        },
        Run {
            sees_death: false,
            ..run
        },
    ];
    simpler.extend(fates(run.fate).map(|fate| Run { fate, ..run }));
    simpler.extend(percents(run.store).map(|store| Run { store, ..run }));
    simpler.extend(providers(run.provider).map(|provider| Run { provider, ..run }));
    if let Some(rival) = run.rival {
        let mut rivals = vec![rival; 3];
        rivals[0].after = rival.after / 2;
        rivals[1].skew = 0;
        rivals[2].aim = Aim::Apply;
        rivals.extend(fates(rival.fate).map(|fate| crate::scenario::Rival { fate, ..rival }));
        let rivals = rivals.into_iter().map(Some);
        simpler.extend(rivals.map(|rival| Run { rival, ..run }));
    }
    simpler
}

fn fates(fate: Fate) -> impl Iterator<Item = Fate> {
    let smaller = |at: u16| [at / 2, at.saturating_sub(1)].map(|at| at.max(1));
    let other = match fate {
        Fate::Lives => Vec::new(),
        Fate::Killed(at) => smaller(at).map(Fate::Killed).to_vec(),
        Fate::Stopped(at) => smaller(at).map(Fate::Stopped).to_vec(),
        Fate::Abandoned(at) => smaller(at).map(Fate::Abandoned).to_vec(),
        Fate::Stalls(at, seconds) => {
            let mut fates = smaller(at).map(|at| Fate::Stalls(at, seconds)).to_vec();
            fates.push(Fate::Stalls(at, seconds / 2));
            fates
        }
    };
    std::iter::once(Fate::Lives).chain(other)
}

fn percents(percents: Percents) -> impl Iterator<Item = Percents> {
    (0..percents.len()).map(move |index| {
        let mut fewer = percents;
        fewer[index] = 0;
        fewer
    })
}

fn providers(faults: ProviderFaults) -> impl Iterator<Item = ProviderFaults> {
    let others = [
        ProviderFaults { hangs: 0, ..faults },
        ProviderFaults {
            partial: 0,
            ..faults
        },
        ProviderFaults {
            denied: 0,
            ..faults
        },
        ProviderFaults { fails: 0, ..faults },
        ProviderFaults {
            sticks: 0,
            ..faults
        },
        ProviderFaults { lags: 0, ..faults },
    ];
    percents(faults.network)
        .map(move |network| ProviderFaults { network, ..faults })
        .chain(others)
}
