//! What a declaration asks of its providers, and the answer when one of them lacks it.

use crate::capability::Capability;
use crate::limit::{Limit, around};
use crate::provider::{ProviderId, Targets};
use core::time::Duration;
use std::fmt;

/// One thing that a declaration, or an operation, asks of every provider that it runs on.
#[derive(Clone, Copy, Debug)]
pub enum Demand {
    /// A number within a limit.
    Number(&'static Limit, u64),
    /// A duration within a limit in seconds.
    Duration(&'static Limit, Duration),
    /// Something that not every provider can do.
    Capability(Capability),
}

impl Demand {
    /// Whether every one of `targets` has it.
    ///
    /// # Errors
    /// When one has not: which, and why.
    pub fn check(&self, targets: Targets) -> Result<(), Unavailable> {
        let without: Vec<ProviderId> = targets
            .iter()
            .filter(|provider| !self.available_on(*provider))
            .collect();
        if without.is_empty() {
            return Ok(());
        }
        Err(match self {
            Demand::Number(limit, value) => {
                outside(limit, format!("{value}{}", limit.unit), targets, &without)
            }
            Demand::Duration(limit, value) => {
                let value = format!("{}{}", value.as_secs_f64(), limit.unit);
                outside(limit, value, targets, &without)
            }
            Demand::Capability(capability) => Unavailable {
                code: capability.code(),
                what: capability.what().to_owned(),
                without: without
                    .into_iter()
                    .filter_map(|provider| Some((provider, capability.on(provider).err()?.into())))
                    .collect(),
                alternatives: capability.alternatives(),
            },
        })
    }

    fn available_on(&self, provider: ProviderId) -> bool {
        match self {
            Demand::Number(limit, value) => limit.on(provider).range.contains(*value),
            Demand::Duration(limit, value) => {
                let (from, to) = around(*value);
                let range = limit.on(provider).range;
                range.contains(from) && range.contains(to)
            }
            Demand::Capability(capability) => capability.on(provider).is_ok(),
        }
    }
}

fn outside(limit: &Limit, value: String, targets: Targets, without: &[ProviderId]) -> Unavailable {
    if limit.code.is_empty() {
        // Nobody has it, so it is nobody's fault.
        return Unavailable {
            code: "",
            what: format!("{value}: {}", limit.sentence(targets)),
            without: Vec::new(),
            alternatives: [""; 2],
        };
    }
    let fact = |provider: &ProviderId| {
        let row = limit.on(*provider);
        let allowed = row.range.in_words(limit.unit);
        (
            *provider,
            match row.fact {
                "" => format!("{provider} allows {allowed}"),
                fact => format!("{fact} ({provider} allows {allowed})"),
            },
        )
    };
    Unavailable {
        code: limit.code,
        what: format!("{value} for {}", limit.what),
        without: without.iter().map(fact).collect(),
        alternatives: limit.alternatives,
    }
}

/// What a provider lacks. Displayed as the contract words it:
/// `<what> is not available on <provider> because <fact>; <two alternatives>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// The contract's code, `E-FN-02`; empty for what no provider has.
    pub code: &'static str,
    /// What was asked for; for what no provider has, the whole finding.
    pub what: String,
    /// The providers that lack it, each with the fact behind that.
    pub without: Vec<(ProviderId, String)>,
    /// Two other things to do.
    pub alternatives: [&'static str; 2],
}

impl Unavailable {
    /// The finding without its reasons: `5 for max_instances is not available on azure`.
    pub fn finding(&self) -> String {
        let names: Vec<&str> = (self.without.iter())
            .map(|(provider, _)| provider.as_str())
            .collect();
        match names.split_last() {
            None => self.what.clone(),
            Some((last, [])) => format!("{} is not available on {last}", self.what),
            Some((last, rest)) => {
                let rest = rest.join(", ");
                format!("{} is not available on {rest} and {last}", self.what)
            }
        }
    }

    /// What else to do: `raise it to 40 or more, or leave azure out of the targets`.
    pub fn help(&self) -> Option<String> {
        let [first, second] = self.alternatives;
        (!first.is_empty()).then(|| format!("{first}, or {second}"))
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.finding())?;
        for (index, (provider, fact)) in self.without.iter().enumerate() {
            let word = if index == 0 { " because" } else { ", and" };
            match self.without.len() {
                1 => write!(f, "{word} {fact}")?,
                _ => write!(f, "{word} on {provider} {fact}")?,
            }
        }
        if let Some(help) = self.help() {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Unavailable {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::table::QUERY_LIMIT;
    use crate::kind::unit::{MAX_INSTANCES, TIMEOUT_ASYNC, TIMEOUT_HTTP};

    fn check(demand: Demand, targets: &[ProviderId], expected: &str) {
        let answer = match demand.check(targets.iter().copied().collect()) {
            Ok(()) => String::new(),
            Err(unavailable) => unavailable.to_string(),
        };
        assert_eq!(answer, expected);
    }

    #[test]
    fn what_every_target_has_is_available() {
        use ProviderId::{Aws, Azure, Gcp};
        check(Demand::Number(&MAX_INSTANCES, 5), &[Aws, Gcp], "");
        check(Demand::Number(&MAX_INSTANCES, 40), &ProviderId::ALL, "");
        check(Demand::Capability(Capability::OldImage), &[Aws, Gcp], "");
        let half = Duration::from_millis(28_500);
        check(Demand::Duration(&TIMEOUT_HTTP, half), &[Aws, Azure], "");
    }

    #[test]
    fn what_a_target_lacks_is_said_as_the_contract_says_it() {
        use ProviderId::{Aws, Azure};
        check(
            Demand::Number(&MAX_INSTANCES, 5),
            &[Aws, Azure],
            "5 for max_instances is not available on azure because Flex Consumption has no maximum \
             below 40 instances (azure allows 40 to 1000); ask for 40 or more, or leave azure out \
             of the targets",
        );
        check(
            Demand::Duration(&TIMEOUT_HTTP, Duration::from_millis(29_500)),
            &[Aws],
            "29.5 seconds for the timeout of an HTTP handler is not available on aws because API \
             Gateway gives up on a request after 30 s (aws allows 1 to 29 seconds); answer with 202 \
             and offer a route for the status, or leave aws out of the targets",
        );
        check(
            Demand::Capability(Capability::OrderedChangeStream),
            &ProviderId::ALL,
            "an ordered change stream is not available on gcp because Firestore delivers the \
             changes of a document in any order; drop changes whose `version` is older than the \
             last one seen, or write the history as items of its own",
        );
    }

    #[test]
    fn every_provider_that_lacks_it_is_named() {
        let demand = Demand::Duration(&TIMEOUT_ASYNC, Duration::from_secs(800));
        let unavailable = demand.check(Targets::ALL).expect_err("two lack it");
        assert_eq!(unavailable.code, "E-FN-01");
        assert_eq!(
            unavailable.finding(),
            "800 seconds for the timeout of an event handler is not available on gcp and azure"
        );
        assert_eq!(unavailable.without.len(), 2);
        assert!(
            unavailable
                .to_string()
                .contains("because on gcp Pub/Sub waits")
        );
        assert!(unavailable.to_string().contains(", and on azure "));
    }

    #[test]
    fn what_no_provider_has_is_nobodys_fault() {
        check(
            Demand::Number(&QUERY_LIMIT, 1_001),
            &ProviderId::ALL,
            "1001: the limit of a query must be between 1 and 1000",
        );
    }
}
