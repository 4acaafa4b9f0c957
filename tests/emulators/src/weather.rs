//! Bad weather on the network and in the cloud, by a seed.

use crate::call::Call;
use crate::proxy::Fault;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often what goes wrong. Rates are shares of all calls, 0 to 1, and together at most 1.
///
/// The fate of a call depends on the seed, on what is called, and on how many such calls came
/// before it; not on the order of different calls, which differs between runs.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// What all fates are drawn from.
    pub seed: u64,
    /// Calls that are refused because there are too many.
    pub throttled: f64,
    /// Calls that the service fails to carry out.
    pub failed: f64,
    /// Calls that do not arrive.
    pub lost_requests: f64,
    /// Calls that are carried out without an answer.
    pub lost_answers: f64,
    /// Calls that arrive late, by up to this long.
    pub late: f64,
    /// How late at most.
    pub late_max: Duration,
}

impl Weather {
    /// The rule that a [`Proxy`](crate::Proxy) can obey.
    pub fn rule(self) -> impl FnMut(&Call) -> Option<Fault> + Send + 'static {
        let mut seen: BTreeMap<(String, String), u64> = BTreeMap::new();
        move |call| {
            let key = (call.service.clone(), call.operation.clone());
            let count = seen.entry(key).or_default();
            *count += 1;
            self.fate(call, *count)
        }
    }

    fn fate(&self, call: &Call, count: u64) -> Option<Fault> {
        let hash = hash(self.seed, &[&call.service, &call.operation], count);
        // 53 bits are what a float keeps.
        let drawn = (hash >> 11) as f64 / (1_u64 << 53) as f64;
        let late = self.late_max.mul_f64((hash & 0xff) as f64 / 255.0);
        let fates = [
            (self.throttled, Fault::Throttle),
            (self.failed, Fault::Fail),
            (self.lost_requests, Fault::LoseRequest),
            (self.lost_answers, Fault::LoseAnswer),
            (self.late, Fault::Delay(late)),
        ];
        let mut upto = 0.0;
        fates.into_iter().find_map(|(rate, fault)| {
            upto += rate;
            (drawn < upto).then_some(fault)
        })
    }
}

/// FNV-1a and a finish that mixes all bits: equal on every machine and in every version.
fn hash(seed: u64, texts: &[&str], count: u64) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut take = |bytes: &[u8]| {
        for byte in bytes {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    take(&seed.to_le_bytes());
    for text in texts {
        take(text.as_bytes());
        take(&[0]);
    }
    take(&count.to_le_bytes());
    state = (state ^ (state >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    state = (state ^ (state >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ (state >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(operation: &str) -> Call {
        Call::read(&[format!("GET {operation} HTTP/1.1")], b"")
    }

    #[test]
    fn fates_depend_on_the_call_and_not_on_the_order_of_calls() {
        let weather = Weather {
            seed: 7,
            throttled: 0.2,
            lost_answers: 0.2,
            ..Weather::default()
        };
        let mut one = weather.clone().rule();
        let mut other = weather.rule();
        let first: Vec<_> = (0..50).map(|_| one(&call("/a"))).collect();
        let _ = (0..9).map(|_| other(&call("/b"))).count();
        let second: Vec<_> = (0..50).map(|_| other(&call("/a"))).collect();
        assert_eq!(first, second);
    }

    #[test]
    fn rates_are_kept() {
        let weather = Weather {
            seed: 1,
            throttled: 0.10,
            failed: 0.05,
            late: 0.20,
            late_max: Duration::from_millis(5),
            ..Weather::default()
        };
        let mut rule = weather.rule();
        let fates: Vec<_> = (0..10_000).filter_map(|_| rule(&call("/a"))).collect();
        let share = |wanted: fn(&Fault) -> bool| fates.iter().filter(|fault| wanted(fault)).count();
        for (count, expected) in [
            (share(|fault| *fault == Fault::Throttle), 1_000),
            (share(|fault| *fault == Fault::Fail), 500),
            (share(|fault| matches!(fault, Fault::Delay(_))), 2_000),
            (share(|fault| *fault == Fault::LoseAnswer), 0),
        ] {
            assert!(
                expected * 8 / 10 <= count && count <= expected * 12 / 10,
                "{count}, {expected}"
            );
        }
        let longest =
            |fault: &Fault| matches!(fault, Fault::Delay(by) if *by > Duration::from_millis(5));
        assert!(!fates.iter().any(longest));
    }
}
