//! Whatever a stage is changed to, and wherever the engine is killed on the way: the next apply
//! that is left alone makes the world what the parts say. Drawn from seeds; a failure names its
//! seed.

use crate::support::*;
use ifc_engine::{ChangeClass, Part, PartType, PlanOptions, ProviderErrorKind as Kind, Value};

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A part that may refer to those before it.
fn part(random: &mut fastrand::Rng, name: &str, before: &[Part]) -> Part {
    let mut part = match random.u8(..4) {
        0 => fixed(name),
        _ => thing(name),
    };
    part = sized(part, random.i64(1..4));
    part = keyed(part, ["k1", "k2"][random.usize(..2)]);
    if random.u8(..8) == 0 {
        part.part_type = PartType::new("other");
    }
    if random.u8(..5) == 0 {
        part.volatile_outputs.insert("id".to_owned());
    }
    for other in before {
        let class = match random.u8(..6) {
            0 => ChangeClass::InPlace,
            1 => ChangeClass::Replace,
            _ => continue,
        };
        let property = format!("on-{}", other.address.resource());
        part = part.with(property, Value::output(&other.address, "id"), class);
    }
    part
}

fn parts(random: &mut fastrand::Rng) -> Vec<Part> {
    let mut parts = Vec::new();
    // Another order each time, so that dependencies turn round.
    let mut names = NAMES;
    random.shuffle(&mut names);
    for name in names {
        if random.u8(..3) > 0 {
            let part = part(random, name, &parts);
            parts.push(part);
        }
    }
    parts
}

/// Something goes wrong with some calls.
fn faults(random: &mut fastrand::Rng, stage: &Stage) {
    for _ in 0..random.u8(..4) {
        let name = format!("{}/thing", NAMES[random.usize(..NAMES.len())]);
        let op = [Op::Read, Op::Create, Op::Update, Op::Delete][random.usize(..4)];
        let kind = [
            Kind::Unavailable,
            Kind::Uncertain,
            Kind::Throttled { retry_after: None },
        ][random.usize(..3)]
        .clone();
        let fault = match random.u8(..5) {
            0 => Fault::Before(kind),
            1 => Fault::After(kind),
            2 if op != Op::Read => Fault::Slow(random.u32(1..20)),
            3 if op != Op::Read => Fault::After(Kind::Rejected),
            _ => Fault::HangAfter,
        };
        stage.world.fault(op, &name, [fault]);
    }
}

fn tamper(random: &mut fastrand::Rng, stage: &Stage) {
    let mut world = stage.world.lock();
    let Some(identity) = random.choice(world.things.keys().cloned().collect::<Vec<_>>()) else {
        return;
    };
    match random.u8(..6) {
        0 => {
            world.things.remove(&identity);
        }
        1 => {
            let size = Value::Integer(random.i64(1..4));
            if let Some(thing) = world.things.get_mut(&identity) {
                thing.properties.insert("size".to_owned(), size);
            }
        }
        _ => {}
    }
}

fn journey(seed: u64) {
    let random = &mut fastrand::Rng::with_seed(seed);
    let stage = Stage::new();
    for _ in 0..random.u8(1..6) {
        let parts = parts(random);
        faults(random, &stage);
        match random.u8(..3) {
            0 => stage.world.kill_at(random.usize(..8), random.bool()),
            1 => stage.store.kill_at(random.usize(..16), random.bool()),
            _ => {}
        }
        stage.apply_until_killed(&parts);
        stage.world.revive();
        stage.store.revive();
        tamper(random, &stage);
    }
    stage.world.lock().faults.clear();
    let parts = match random.u8(..4) {
        0 => Vec::new(),
        _ => parts(random),
    };
    for thing in stage.world.lock().things.values_mut() {
        thing.settling = 0;
    }
    let summary = stage.apply_with(&parts, &PlanOptions::default()).unwrap();
    assert!(summary.is_complete(), "{summary:#?}");
    stage.assert_is(&parts);
}

/// More of them with `IFC_JOURNEYS=20000`, one of them with `IFC_JOURNEY=4`.
#[test]
fn journeys() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seeds = match (number("IFC_JOURNEY"), number("IFC_JOURNEYS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, count) => 0..count.unwrap_or(100),
    };
    for seed in seeds {
        let told = std::panic::catch_unwind(|| journey(seed));
        assert!(told.is_ok(), "seed {seed}");
    }
}
