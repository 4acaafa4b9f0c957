//! Capabilities: what not every provider can do, with the reason and what to do instead
//! (contract, section 12).

use crate::kind::unit::{MAX_INSTANCES, TIMEOUT_HTTP};
use crate::limit::Limit;
use crate::provider::{PerProvider, ProviderId};
use std::fmt;

/// Something that only some providers can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    /// A transaction over items of several partitions or tables.
    CrossPartitionTx,
    /// Changes of one item arrive in the order in which they were made.
    OrderedChangeStream,
    /// A change carries the item as it was before.
    OldImage,
    /// A message that is sent twice with one id within 5 minutes is taken once.
    ProducerDedup,
    /// Order per group at every subscriber of a topic.
    FifoTopic,
    /// Fewer than 40 instances at most.
    SmallMaxScale,
    /// A database that costs nothing while nobody uses it.
    ScaleToZeroSql,
    /// HTTP handlers that run for longer than 29 s.
    HttpTimeout,
    /// An HTTP reply that is sent while it is made.
    ResponseStreaming,
    /// Units on 64-bit Arm.
    Arm64,
    /// A presigned upload that is refused above a length.
    PresignLength,
}

/// One row of the table.
struct Entry {
    name: &'static str,
    code: &'static str,
    what: &'static str,
    support: Support,
    alternatives: [&'static str; 2],
}

/// Where a provider's answer stands.
enum Support {
    /// Here: empty, or why the provider lacks it.
    Table(PerProvider<&'static str>),
    /// In the limit of which this is one end: a provider has it that allows this value.
    Limit(&'static Limit, u64),
}

const HAS: &str = "";

impl Capability {
    /// Every capability, in the order of the contract.
    pub const ALL: [Capability; 11] = [
        Capability::CrossPartitionTx,
        Capability::OrderedChangeStream,
        Capability::OldImage,
        Capability::ProducerDedup,
        Capability::FifoTopic,
        Capability::SmallMaxScale,
        Capability::ScaleToZeroSql,
        Capability::HttpTimeout,
        Capability::ResponseStreaming,
        Capability::Arm64,
        Capability::PresignLength,
    ];

    const fn entry(self) -> Entry {
        match self {
            Capability::CrossPartitionTx => Entry {
                name: "CrossPartitionTx",
                code: "E-TBL-02",
                what: "a transaction over several partitions or tables",
                support: Support::Table(PerProvider {
                    local: HAS,
                    aws: HAS,
                    gcp: HAS,
                    azure: "a batch of Cosmos DB stays within one partition of one container",
                }),
                alternatives: [
                    "give the items one partition key",
                    "make it a workflow whose steps can be undone",
                ],
            },
            Capability::OrderedChangeStream => Entry {
                name: "OrderedChangeStream",
                code: "E-TBL-03",
                what: "an ordered change stream",
                support: Support::Table(PerProvider {
                    local: HAS,
                    aws: HAS,
                    gcp: "Firestore delivers the changes of a document in any order",
                    azure: HAS,
                }),
                alternatives: [
                    "drop changes whose `version` is older than the last one seen",
                    "write the history as items of its own",
                ],
            },
            Capability::OldImage => Entry {
                name: "OldImage",
                code: "E-TBL-03",
                what: "the item as it was before a change",
                support: Support::Table(PerProvider {
                    local: HAS,
                    aws: HAS,
                    gcp: HAS,
                    azure: "the change feed of Cosmos DB has only the latest version",
                }),
                alternatives: [
                    "compare the `version` of a change with the last one seen",
                    "write the history as items of its own",
                ],
            },
            Capability::ProducerDedup => Entry {
                name: "ProducerDedup",
                code: "E-Q-02",
                what: "deduplication at the sender",
                support: Support::Table(PerProvider {
                    local: HAS,
                    aws: HAS,
                    gcp: "Pub/Sub keeps every message that it is given",
                    azure: HAS,
                }),
                alternatives: [
                    "let the consumer drop what it has seen",
                    "make the handler do no harm when it runs twice",
                ],
            },
            Capability::FifoTopic => Entry {
                name: "FifoTopic",
                code: "E-TOP-02",
                what: "a fifo topic",
                support: Support::Table(PerProvider {
                    local: HAS,
                    aws: HAS,
                    gcp: HAS,
                    azure: HAS,
                }),
                alternatives: [
                    "number the messages of a group",
                    "send them through a fifo queue",
                ],
            },
            Capability::SmallMaxScale => Entry {
                name: "SmallMaxScale",
                code: MAX_INSTANCES.code,
                what: "a max_instances below 40",
                support: Support::Limit(&MAX_INSTANCES, 39),
                alternatives: MAX_INSTANCES.alternatives,
            },
            Capability::ScaleToZeroSql => Entry {
                name: "ScaleToZeroSql",
                code: "E-SQL-01",
                what: "a database that stops while nobody uses it",
                support: Support::Table(PerProvider {
                    local: HAS,
                    aws: HAS,
                    gcp: "an instance of Cloud SQL runs until it is stopped by hand",
                    azure: "a Flexible Server runs until it is stopped by hand",
                }),
                alternatives: ["accept its monthly price", "use a table"],
            },
            Capability::HttpTimeout => Entry {
                name: "HttpTimeout",
                code: TIMEOUT_HTTP.code,
                what: "an HTTP handler that runs for longer than 29 s",
                support: Support::Limit(&TIMEOUT_HTTP, 30),
                alternatives: TIMEOUT_HTTP.alternatives,
            },
            Capability::ResponseStreaming => Entry {
                name: "ResponseStreaming",
                code: "E-API-03",
                what: "a reply that is sent while it is made",
                support: Support::Table(PerProvider {
                    local: HAS,
                    aws: "an HTTP API of API Gateway waits for the whole reply",
                    gcp: HAS,
                    azure: HAS,
                }),
                alternatives: [
                    "answer page by page",
                    "write the reply into a bucket and answer with its address",
                ],
            },
            Capability::Arm64 => Entry {
                name: "Arm64",
                code: "E-FN-04",
                what: "a unit on 64-bit Arm",
                support: Support::Table(PerProvider {
                    local: HAS,
                    aws: HAS,
                    gcp: "Cloud Run runs x86-64 only",
                    azure: "Flex Consumption runs x86-64 only",
                }),
                alternatives: ["leave `arch` out", "make aws the only target"],
            },
            Capability::PresignLength => Entry {
                name: "PresignLength",
                code: "E-BKT-01",
                what: "a largest length of a presigned upload",
                support: Support::Table(PerProvider {
                    local: HAS,
                    aws: "the signature of a PUT on S3 says an exact length or none",
                    gcp: HAS,
                    azure: "a shared access signature of Blob Storage says nothing of lengths",
                }),
                alternatives: [
                    "look at the size when the object was created, and delete what is too large",
                    "take the upload by a route, which limits the body",
                ],
            },
        }
    }

    /// The contract's name: `CrossPartitionTx`.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The code of the finding that a provider lacks it.
    pub const fn code(self) -> &'static str {
        self.entry().code
    }

    /// What it is, as the subject of a sentence.
    pub const fn what(self) -> &'static str {
        self.entry().what
    }

    /// Two other things to do where a provider lacks it.
    pub const fn alternatives(self) -> [&'static str; 2] {
        self.entry().alternatives
    }

    /// Whether `provider` has it.
    ///
    /// # Errors
    /// When it has not: the fact behind that, a sentence without its full stop.
    pub const fn on(self, provider: ProviderId) -> Result<(), &'static str> {
        let fact = match self.entry().support {
            Support::Table(table) => table.on(provider),
            Support::Limit(limit, value) => {
                let row = limit.on(provider);
                if row.range.contains(value) {
                    HAS
                } else {
                    row.fact
                }
            }
        };
        if fact.is_empty() { Ok(()) } else { Err(fact) }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::ProviderId::{Aws, Azure, Gcp, Local};

    #[test]
    fn the_table_is_the_contracts() {
        // Which providers lack it, as section 12 of the contract has it.
        let expected: [&[ProviderId]; 11] = [
            &[Azure],
            &[Gcp],
            &[Azure],
            &[Gcp],
            &[],
            &[Azure],
            &[Gcp, Azure],
            &[Aws],
            &[Aws],
            &[Gcp, Azure],
            &[Aws, Azure],
        ];
        for (capability, expected) in Capability::ALL.into_iter().zip(expected) {
            let without: Vec<ProviderId> = ProviderId::ALL
                .into_iter()
                .filter(|provider| capability.on(*provider).is_err())
                .collect();
            assert_eq!(without, expected, "{capability}");
            assert_eq!(capability.on(Local), Ok(()), "{capability}");
        }
    }

    #[test]
    fn every_entry_says_what_to_do() {
        for capability in Capability::ALL {
            assert!(capability.code().starts_with("E-"), "{capability}");
            for alternative in capability.alternatives() {
                assert!(!alternative.is_empty(), "{capability}");
                assert!(!alternative.ends_with('.'), "{capability}");
            }
        }
    }
}
