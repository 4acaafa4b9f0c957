//! Scenarios out of seeds.

use super::{
    Aim, CALM, Fate, KIND, Kept, Meddling, Move, Percents, ProviderFaults, Release, Rival, Run,
    Scenario, Shape, Sort,
};
use fastrand::Rng;

/// Slots that parts are drawn for.
const SLOTS: u8 = 7;

impl Scenario {
    /// The scenario of a seed.
    pub fn draw(seed: u64) -> Scenario {
        let mut random = Rng::with_seed(seed);
        let mut moves = Vec::new();
        for slot in 0..random.u8(1..SLOTS) {
            moves.push(Move::Want(slot, shape(&mut random)));
        }
        moves.push(Move::Run(run(&mut random)));
        for _ in 0..random.u8(1..5) {
            for _ in 0..random.u8(0..4) {
                moves.push(edit(&mut random));
            }
            moves.push(Move::Run(run(&mut random)));
        }
        Scenario { seed, moves }
    }
}

fn chance(random: &mut Rng, percent: u8) -> bool {
    random.u8(0..100) < percent
}

fn maybe<T>(random: &mut Rng, percent: u8, draw: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    chance(random, percent).then(|| draw(random))
}

fn slot(random: &mut Rng) -> u8 {
    random.u8(0..SLOTS)
}

fn sort(random: &mut Rng) -> Sort {
    [Sort::Plain, Sort::Slow, Sort::Guarded, Sort::Numbered][random.usize(0..4)]
}

fn shape(random: &mut Rng) -> Shape {
    Shape {
        sort: sort(random),
        fixed: chance(random, 30),
        kept: match random.u8(0..10) {
            0 | 1 => Kept::Retained,
            2 => Kept::Protected,
            _ => Kept::Not,
        },
        name: maybe(random, 4, slot),
        size: random.u8(0..4),
        key: random.u8(0..2),
        schema: u8::from(chance(random, 10)),
        secret: maybe(random, 20, |random| random.u8(0..2)),
        uses: maybe(random, 35, slot),
        bound: maybe(random, 12, slot),
        follows: maybe(random, 12, slot),
        after: maybe(random, 15, slot),
    }
}

fn edit(random: &mut Rng) -> Move {
    let place = slot(random);
    match random.u8(0..21) {
        0..10 => Move::Want(place, shape(random)),
        10..13 => Move::Drop(place),
        13 => Move::Rename(place, slot(random), random.bool()),
        14 => Move::Release(Release {
            rigid: random.bool(),
            wider: random.bool(),
            tagged: random.bool(),
        }),
        15 => Move::Wait(random.u16(1..90)),
        16 => Move::Lose,
        _ => Move::Meddle(
            place,
            match random.u8(0..6) {
                0 | 1 => Meddling::Delete,
                2 => Meddling::Resize(random.u8(0..4)),
                3 => Meddling::Rekey(random.u8(0..2)),
                4 => Meddling::SquatNext,
                _ => Meddling::Squat,
            },
        ),
    }
}

fn aim(random: &mut Rng) -> Aim {
    match random.u8(0..10) {
        0 => Aim::Destroy,
        1 => Aim::Unlock,
        _ => Aim::Apply,
    }
}

/// Early events are as likely as late ones, of which there are many more.
fn event(random: &mut Rng) -> u16 {
    let most = 1_u16 << random.u8(2..9);
    random.u16(1..=most)
}

fn fate(random: &mut Rng) -> Fate {
    match random.u8(0..20) {
        0..8 => Fate::Killed(event(random)),
        8 => Fate::Stopped(event(random)),
        9 => Fate::Abandoned(event(random)),
        10 | 11 => Fate::Stalls(event(random), random.u8(1..90)),
        _ => Fate::Lives,
    }
}

fn percents(random: &mut Rng) -> Percents {
    let most = [1, 10, 30][random.usize(0..3)];
    [(); 4].map(|()| random.u8(0..most))
}

fn provider(random: &mut Rng) -> ProviderFaults {
    if chance(random, 25) {
        return KIND;
    }
    ProviderFaults {
        network: percents(random),
        hangs: maybe(random, 15, |random| random.u8(1..10)).unwrap_or(0),
        partial: maybe(random, 20, |random| random.u8(1..30)).unwrap_or(0),
        denied: maybe(random, 10, |random| random.u8(1..60)).unwrap_or(0),
        fails: maybe(random, 25, |random| random.u8(1..50)).unwrap_or(0),
        sticks: maybe(random, 10, |random| random.u8(1..30)).unwrap_or(0),
        lags: maybe(random, 40, |random| random.u8(1..100)).unwrap_or(0),
    }
}

fn run(random: &mut Rng) -> Run {
    if chance(random, 15) {
        return CALM;
    }
    Run {
        aim: aim(random),
        consent: chance(random, 25),
        fate: fate(random),
        provider: provider(random),
        store: match chance(random, 50) {
            true => percents(random),
            false => [0; 4],
        },
        rival: maybe(random, 20, |random| Rival {
            after: random.u8(0..40),
            skew: random.i16(-4000..4000),
            aim: aim(random),
            fate: fate(random),
        }),
        sees_death: random.bool(),
    }
}
