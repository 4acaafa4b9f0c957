//! What would stop an apply of the whole, and shows before anything is made: what the account lets
//! functions have, and how much room there is for their code.

use crate::catalog;
use ifc_engine::provider::{Finding, Severity};
use ifc_engine::{Blueprint, Part, PartAddress, Value};

/// What Lambda keeps for functions without a share of their own, of everything that an account may
/// run at once ("Configuring reserved concurrency", Lambda Developer Guide).
const KEPT_UNRESERVED: i64 = 100;

/// The action by which the account's limits are read.
pub(crate) const ACTION: &str = "lambda:GetAccountSettings";

/// The functions among the parts, with the share that they reserve.
pub(crate) fn functions(blueprint: &Blueprint) -> impl Iterator<Item = (&Part, Option<i64>)> {
    let functions = blueprint.parts().values();
    functions
        .filter(|part| part.part_type.as_str() == catalog::FUNCTION)
        .map(|part| {
            let property = part.properties.get("ReservedConcurrentExecutions");
            match property.map(|property| &property.value) {
                Some(Value::Integer(share)) => (part, Some(*share)),
                _ => (part, None),
            }
        })
}

/// What is wrong with the blueprint in an account that may run `limit` invocations at once.
pub(crate) fn findings(blueprint: &Blueprint, limit: i64) -> Vec<Finding> {
    let mut reserved: Vec<(PartAddress, i64)> = functions(blueprint)
        .filter_map(|(part, share)| Some((part.address.clone(), share?)))
        .collect();
    reserved.sort_by_key(|(_, share)| -share);
    let sum: i64 = reserved.iter().map(|(_, share)| share).sum();
    if let Some((largest, share)) = reserved.first()
        && sum + KEPT_UNRESERVED > limit
    {
        return vec![Finding {
            severity: Severity::Error,
            part: Some(largest.clone()),
            message: format!(
                "the units of this stage reserve {sum} instances by `max_instances`, unit `{}` \
                 alone {share}; the account may run {limit} at once, of which Lambda keeps \
                 {KEPT_UNRESERVED} unreserved",
                largest.resource()
            ),
            help: Some(
                "lower `max_instances`, or ask AWS for a higher quota of concurrent executions"
                    .to_owned(),
            ),
        }];
    }
    // New accounts begin with ten.
    match limit < KEPT_UNRESERVED {
        true => vec![Finding {
            severity: Severity::Warning,
            part: None,
            message: format!(
                "the account may run {limit} functions at once: what is more is throttled, and \
                 tried again"
            ),
            help: Some("ask AWS for a higher quota of concurrent executions".to_owned()),
        }],
        false => Vec::new(),
    }
}

/// What is wrong with a program of this size when the account has so many bytes left for code: each
/// function keeps a copy of its own of what it was made of. A warning, because a program that is there
/// already takes nothing.
pub(crate) fn store_of_code(blueprint: &Blueprint, archive: u64, left: i64) -> Option<Finding> {
    let copies = u64::try_from(functions(blueprint).count()).unwrap_or(u64::MAX);
    let needed = archive.saturating_mul(copies);
    let left = u64::try_from(left).unwrap_or(0);
    let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
    (needed > left).then(|| Finding {
        severity: Severity::Warning,
        part: None,
        message: format!(
            "a change of the program takes {} MiB of Lambda's store of code, one copy for each of \
             {copies} units, and the account has {} MiB left in this region",
            mebibytes(needed),
            left >> 20
        ),
        help: Some(
            "delete functions and versions that nobody uses, or ask AWS for a higher quota of \
             function and layer storage"
                .to_owned(),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ifc_engine::{ChangeClass, Fingerprint, Naming};

    fn blueprint(shares: &[(&str, Option<i64>)]) -> Blueprint {
        let part = |(unit, share): &(&str, Option<i64>)| {
            let address = PartAddress::new(*unit, "function").unwrap();
            let part = Part::new(address, catalog::FUNCTION, Naming::fixed(*unit));
            match share {
                Some(share) => part.with(
                    "ReservedConcurrentExecutions",
                    Value::Integer(*share),
                    ChangeClass::InPlace,
                ),
                None => part,
            }
        };
        let (application, stage) = ("shop".parse().unwrap(), "dev".parse().unwrap());
        let artifact = Fingerprint::of(b"");
        Blueprint::new(application, stage, "aws", artifact, shares.iter().map(part)).unwrap()
    }

    #[test]
    fn more_than_the_account_has_is_refused_by_name() {
        let wanted = blueprint(&[("api", Some(40)), ("fulfil", Some(870)), ("tell", None)]);
        assert_eq!(findings(&wanted, 1010), []);
        let found = findings(&wanted, 1009);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Error);
        assert_eq!(found[0].part, Some("fulfil/function".parse().unwrap()));
        assert!(found[0].message.contains("reserve 910 instances"));
    }

    #[test]
    fn a_full_store_of_code_is_told() {
        let wanted = blueprint(&[("api", None), ("fulfil", None)]);
        let archive = 3 << 20;
        assert_eq!(store_of_code(&wanted, archive, 6 << 20), None);
        let found = store_of_code(&wanted, archive, (6 << 20) - 1).unwrap();
        assert_eq!(found.severity, Severity::Warning);
        assert!(found.message.contains("takes 6 MiB"), "{}", found.message);
        assert!(
            found.message.contains("has 5 MiB left"),
            "{}",
            found.message
        );
        // More is used than is allowed: the quota was lowered.
        let found = store_of_code(&wanted, archive, -1).unwrap();
        assert!(
            found.message.contains("has 0 MiB left"),
            "{}",
            found.message
        );
    }

    #[test]
    fn a_new_account_is_told_of_its_limit() {
        let found = findings(&blueprint(&[("api", None)]), 10);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Warning);
        assert_eq!(findings(&blueprint(&[("api", None)]), 1000), []);
    }
}
