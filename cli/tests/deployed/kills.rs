//! The command is killed at moments drawn from a seed; the next one goes on, and nothing is made
//! twice, lost or forgotten.

use crate::cloud::{Cloud, Orders};
use crate::inventory::{DESTROY, names};
use ifc_emulators::Call;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const SEED: u64 = 6;

/// SplitMix64: equal everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

/// Counts the calls of a command that are of some kind.
fn counted(cloud: &Cloud, which: fn(&Call) -> bool) -> Arc<AtomicUsize> {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    cloud.weather.obey(move |call: &Call| {
        counter.fetch_add(usize::from(which(call)), Ordering::SeqCst);
        None
    });
    count
}

fn any(_: &Call) -> bool {
    true
}

/// What makes the bucket for the state.
fn of_the_state(call: &Call) -> bool {
    call.operation.starts_with("PUT /ifc-state-")
}

/// Starts `ifc` with `arguments` and kills it as soon as it has made as many calls of a kind.
/// Whether it was still there to be killed.
fn killed_after(
    cloud: &Cloud,
    orders: &Orders,
    arguments: &str,
    (calls, which): (usize, fn(&Call) -> bool),
) -> bool {
    let count = counted(cloud, which);
    let mut child: Child = orders
        .command(cloud, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let id = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if count.load(Ordering::SeqCst) >= calls {
            let _ = kill_process(id, Signal::KILL);
            return child.wait().unwrap().code().is_none();
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// How many calls `ifc` with `arguments` makes when nothing happens to it.
fn calls_of(cloud: &Cloud, orders: &Orders, arguments: &str) -> usize {
    let count = counted(cloud, any);
    orders.ifc(cloud, arguments).success();
    count.load(Ordering::SeqCst)
}

/// Another stage than before, of the same program.
pub(crate) fn changed(orders: &Orders, round: usize) {
    let memory = 512 + 64 * round;
    let unit = |name: &str| format!("[stages.dev.unit.{name}]\nmemory_mb = {memory}\n");
    let keep = format!("[stages.dev.config]\nkeep-days = {}\n", 31 + round);
    let settings = unit("api") + &unit("fulfil") + &unit("tell") + &keep;
    fs::write(orders.path.join("ifc.toml"), settings).unwrap();
}

const APPLY: &str = "apply --yes";

#[test]
fn whatever_moment_a_command_is_killed_at_the_next_one_goes_on() {
    let cloud = match Cloud::start() {
        Ok(cloud) => cloud,
        Err(skipped) => return skipped.report("commands at AWS that are killed"),
    };
    let orders = Orders::copied("orders-kill");
    let mut kills = 0;
    let mut kill = |arguments: &str, at| {
        kills += usize::from(killed_after(&cloud, &orders, arguments, at));
        kills
    };
    // When the bucket for the state is there, and not yet what it must be.
    kill(APPLY, (1, of_the_state));
    kill(APPLY, (3, of_the_state));
    let created = calls_of(&cloud, &orders, APPLY);
    let whole = names(&cloud);
    changed(&orders, 0);
    let updated = calls_of(&cloud, &orders, APPLY);
    let destroyed = calls_of(&cloud, &orders, DESTROY);
    assert_eq!(names(&cloud), [""; 0]);

    let mut dice = Dice(SEED);
    for round in 1.. {
        for _ in 0..6 {
            kill(APPLY, (dice.below(created), any));
        }
        orders.ifc(&cloud, APPLY).success();
        changed(&orders, round);
        for _ in 0..3 {
            kill(APPLY, (dice.below(updated), any));
        }
        orders.ifc(&cloud, APPLY).success();
        cloud.weather.calm();
        orders.assert_done(&cloud);
        assert_eq!(names(&cloud), whole, "round {round} of seed {SEED}");
        let mut reached = 0;
        for _ in 0..3 {
            reached = kill(DESTROY, (dice.below(destroyed), any));
        }
        orders.ifc(&cloud, DESTROY).success();
        assert_eq!(names(&cloud), [""; 0], "round {round} of seed {SEED}");
        if reached >= 20 {
            break;
        }
    }
    cloud.assert_requests_are_right();
}
