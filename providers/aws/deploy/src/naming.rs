//! Where a stage is, and what its things are called there. Names are computed from what the
//! application calls them; nothing is asked and nothing is random.

use crate::catalog::{Alphabet, BUCKET, Entry, Name, SECRET};
use ifc_aws::wiring;
use ifc_engine::{ApplicationName, Naming, StageName};

/// The stage of an application in an account and a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Context {
    /// The account, 12 digits.
    pub account: String,
    /// The region.
    pub region: String,
    /// Whose stage.
    pub application: ApplicationName,
    /// Which stage.
    pub stage: StageName,
}

/// Characters of the digest in a name.
const DIGEST: usize = 6;
/// The same where names are unique all over AWS, and for secrets: AWS adds six characters of its own,
/// and takes a name that ends in as many for one that has them already.
const DIGEST_LONG: usize = 8;

/// The tags that all parts bear whose types take any.
pub(crate) mod tag {
    /// The application.
    pub(crate) const APPLICATION: &str = "ifc-app";
    /// The stage.
    pub(crate) const STAGE: &str = "ifc-stage";
    /// The resource or the unit that the part was lowered from.
    pub(crate) const RESOURCE: &str = "ifc-resource";
    /// Which of its parts.
    pub(crate) const PART: &str = "ifc-part";
    /// The unit that it belongs to, if one.
    pub(crate) const UNIT: &str = "ifc-unit";
}

/// The end of the names of queues and topics that keep an order, as AWS has it.
pub(crate) const FIFO: &str = ".fifo";

impl Context {
    /// The part of AWS that the region lies in, as ARNs name it.
    pub fn partition(&self) -> &'static str {
        wiring::partition(&self.region)
    }

    /// What most names begin with.
    pub fn prefix(&self) -> String {
        format!("{}-{}-", self.application, self.stage)
    }

    /// An ARN of this account and region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:{}:{service}:{}:{}:{resource}",
            self.partition(),
            self.region,
            self.account
        )
    }

    /// How the part `part` of `owner` is named: `application-stage-owner-digest`, where the digest
    /// tells it apart from all that is called alike, such as the queue and the function of a unit.
    /// Dead letters say so, because people look for them.
    pub(crate) fn naming(&self, entry: &Entry, owner: &str, part: &str) -> Naming {
        self.naming_for(self.application.as_str(), entry, owner, part)
    }

    /// The same for a part of another application in the same stage.
    pub(crate) fn naming_for(
        &self,
        application: &str,
        entry: &Entry,
        owner: &str,
        part: &str,
    ) -> Naming {
        let Name::Property {
            length_max,
            alphabet,
            ..
        } = entry.name
        else {
            unreachable!("{} is named after what it is within", entry.part_type)
        };
        let of_dead_letters = match part.ends_with("dead-letters") {
            true => "-dlq",
            false => "",
        };
        let stem = format!("{application}-{}-{owner}{of_dead_letters}", self.stage);
        let Context {
            account,
            region,
            stage,
            ..
        } = self;
        let part_type = entry.part_type;
        let scope = format!("{account}/{region}/{application}/{stage}/{part_type}/{owner}/{part}");
        let is_long = matches!(part_type, BUCKET | SECRET);
        Naming::Generated {
            stem: kept(&stem, alphabet),
            scope,
            length_max,
            digest_length: if is_long { DIGEST_LONG } else { DIGEST },
            separator: "-".to_owned(),
            ending: String::new(),
        }
    }

    /// The name of the parameter that is a configuration value. Below `/ifc`, because the Systems
    /// Manager does not take every word as the first.
    pub fn parameter_name(&self, config: &str) -> String {
        format!("/ifc/{}/{}/{config}", self.application, self.stage)
    }

    /// The name of what is never replaced, and so can be known before it is there.
    pub(crate) fn fixed(&self, entry: &Entry, owner: &str, part: &str) -> String {
        self.naming(entry, owner, part).name(0).as_str().to_owned()
    }
}

/// Names as AWS takes them: what the alphabet lacks is dropped, a library's slash becomes a dash.
fn kept(name: &str, alphabet: Alphabet) -> String {
    let name = name.replace('/', "-").to_ascii_lowercase();
    let fits = |letter: &char| {
        letter.is_ascii_alphanumeric()
            || *letter == '-'
            || (*letter == '_' && alphabet != Alphabet::Dashed)
    };
    name.chars().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{FUNCTION, QUEUE, find};

    fn context() -> Context {
        Context {
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            application: "shop".parse().unwrap(),
            stage: "dev".parse().unwrap(),
        }
    }

    fn name(part_type: &str, owner: &str, part: &str) -> String {
        context().fixed(find(part_type).unwrap(), owner, part)
    }

    #[test]
    fn names_say_whose_they_are_and_never_collide() {
        let queue = name(QUEUE, "orders", "queue");
        assert!(queue.starts_with("shop-dev-orders-"), "{queue}");
        assert_ne!(queue, name(FUNCTION, "orders", "function"));
        let dead_letters = name(QUEUE, "orders", "dead-letters");
        assert!(dead_letters.starts_with("shop-dev-orders-dlq-"));
        assert_eq!(
            name(SECRET, "key", "secret").len(),
            "shop-dev-key-".len() + 8
        );
        assert!(name(BUCKET, "Audit_log/trail", "bucket").starts_with("shop-dev-auditlog-trail-"));
        assert!(name(QUEUE, "audit_log/trail", "queue").starts_with("shop-dev-audit_log-trail-"));
    }

    #[test]
    fn names_fit() {
        let owner = "a-very-long-library-name-that-somebody-chose/a-resource-with-a-long-name-12";
        let function = name(FUNCTION, owner, "function");
        assert_eq!(function.len(), 64);
        let other = Context {
            account: "210987654321".to_owned(),
            ..context()
        };
        let elsewhere = other.fixed(find(FUNCTION).unwrap(), owner, "function");
        assert_ne!(elsewhere, function);
        let fifo = context()
            .naming(find(QUEUE).unwrap(), owner, "queue")
            .ending(FIFO);
        assert_eq!(fifo.name(0).as_str().len(), 80);
        assert!(fifo.name(0).as_str().ends_with(".fifo"));
    }

    #[test]
    fn arns_know_their_partition() {
        let china = Context {
            region: "cn-north-1".to_owned(),
            ..context()
        };
        assert_eq!(
            china.arn("lambda", "function:f"),
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:f"
        );
    }
}
