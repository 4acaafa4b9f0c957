//! Plans.

use super::envelope::to_json;
use super::part::{WireClass, WireIdentity, WirePart, WireRecord};
use super::state::WireStage;
use super::value::{from_wire, to_wire};
use super::{Detail, WireError, WireFault, parsed};
use crate::digest::Fingerprint;
use crate::model::PhysicalName;
use crate::plan::{
    Action, Basis, Change, Consent, Drift, DriftResponse, DriftSort, Orphan, Plan, Planned,
    PropertyChange, Refusal, RenameProposal, ReplaceOrder,
};
use crate::provider::{Finding, Severity};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value as Json;

const WHAT: &str = "plan";
const TAG: &str = "ifc-plan";
const VERSION: u32 = 1;

/// A plan as it is written down.
#[derive(Serialize, Deserialize)]
pub(super) struct WireDocument {
    format: String,
    version: u32,
    /// Of the plan as it is written without spaces.
    checksum: String,
    plan: Json,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePlan {
    application: String,
    stage: WireStage,
    provider: String,
    basis: WireBasis,
    destroy: bool,
    changes: Vec<WireChange>,
    drift: Vec<WireDrift>,
    proposals: Vec<WireProposal>,
    refusals: Vec<WireRefusal>,
    findings: Vec<WireFinding>,
    orphans: Vec<WireOrphan>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBasis {
    artifact: String,
    blueprint: String,
    state: String,
    lineage: String,
    serial: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireChange {
    address: String,
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    action: WireAction,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    properties: Vec<WireChanged>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<WireRecord>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    leftover: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<WirePlanned>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum WireAction {
    Keep,
    Record,
    Adopt,
    Create,
    Update,
    Replace { order: WireOrder },
    Delete,
    Forget,
    Retain,
    Move { from: String },
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WireOrder {
    CreateFirst,
    DeleteFirst,
    CreateAndKeep,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireChanged {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    new: Option<Json>,
    class: WireClass,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePlanned {
    part: WirePart,
    generation: u32,
    physical_name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDrift {
    address: String,
    label: String,
    found: WireFound,
    response: WireResponse,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum WireFound {
    Deleted,
    Foreign {
        owner: String,
    },
    Changed {
        path: String,
        recorded: Json,
        observed: Json,
        /// Null is a value; absence says that the part is not wanted.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            deserialize_with = "present"
        )]
        desired: Option<Json>,
    },
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WireResponse {
    Recreate,
    Revert,
    Accept,
    Replace,
    Delete,
    Forget,
    Refuse,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireProposal {
    from: String,
    to: String,
    from_label: String,
    to_label: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRefusal {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consent: Option<WireConsent>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WireConsent {
    Replace(String),
    Delete(String),
    TakeOver(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireFinding {
    severity: WireSeverity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    part: Option<String>,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WireSeverity {
    Error,
    Warning,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireOrphan {
    address: String,
    label: String,
    identity: WireIdentity,
}

pub(crate) fn plan_to_json(plan: &Plan) -> String {
    serde_json::to_string_pretty(&plan_to_wire(plan)).expect("wire types have text keys")
}

pub(super) fn plan_to_wire(plan: &Plan) -> WireDocument {
    let plan = serde_json::to_value(WirePlan::from(plan)).expect("wire types have text keys");
    WireDocument {
        format: TAG.to_owned(),
        version: VERSION,
        checksum: checksum(VERSION, &plan),
        plan,
    }
}

fn checksum(version: u32, plan: &Json) -> String {
    let mut bytes = format!("{TAG} {version}\n").into_bytes();
    bytes.extend(to_json(plan));
    Fingerprint::of(&bytes).to_string()
}

pub(crate) fn plan_from_json(text: &str) -> Result<Plan, WireError> {
    let document: WireDocument =
        serde_json::from_str(text).map_err(|error| WireError::damaged(WHAT, error.to_string()))?;
    plan_from_wire(document)
}

pub(super) fn plan_from_wire(document: WireDocument) -> Result<Plan, WireError> {
    let damaged = |detail: String| WireError::damaged(WHAT, detail);
    if document.format != TAG {
        return Err(WireError::new(WHAT, WireFault::Foreign));
    }
    if document.checksum != checksum(document.version, &document.plan) {
        return Err(damaged("its checksum does not match".to_owned()));
    }
    if document.version > VERSION {
        let version = document.version;
        return Err(WireError::new(WHAT, WireFault::Newer { version }));
    }
    let wire: WirePlan =
        serde_json::from_value(document.plan).map_err(|error| damaged(error.to_string()))?;
    wire.try_into().map_err(damaged)
}

fn all<Wire, Own>(wires: Vec<Wire>) -> Result<Vec<Own>, Detail>
where
    Own: TryFrom<Wire, Error = Detail>,
{
    wires.into_iter().map(Own::try_from).collect()
}

impl From<&Plan> for WirePlan {
    fn from(plan: &Plan) -> WirePlan {
        WirePlan {
            application: plan.application.to_string(),
            stage: (&plan.stage).into(),
            provider: plan.provider.clone(),
            basis: WireBasis {
                artifact: plan.basis.artifact.to_string(),
                blueprint: plan.basis.blueprint.to_string(),
                state: plan.basis.state.to_string(),
                lineage: plan.basis.lineage.clone(),
                serial: plan.basis.serial,
            },
            destroy: plan.destroy,
            changes: plan.changes.iter().map(Into::into).collect(),
            drift: plan.drift.iter().map(Into::into).collect(),
            proposals: plan.proposals.iter().map(Into::into).collect(),
            refusals: plan.refusals.iter().map(Into::into).collect(),
            findings: plan.findings.iter().map(Into::into).collect(),
            orphans: plan.orphans.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<WirePlan> for Plan {
    type Error = Detail;

    fn try_from(wire: WirePlan) -> Result<Plan, Detail> {
        Ok(Plan {
            application: parsed(&wire.application)?,
            stage: wire.stage.try_into()?,
            provider: wire.provider,
            basis: Basis {
                artifact: Fingerprint::parse(wire.basis.artifact),
                blueprint: Fingerprint::parse(wire.basis.blueprint),
                state: Fingerprint::parse(wire.basis.state),
                lineage: wire.basis.lineage,
                serial: wire.basis.serial,
            },
            destroy: wire.destroy,
            changes: all(wire.changes)?,
            drift: all(wire.drift)?,
            proposals: all(wire.proposals)?,
            refusals: all(wire.refusals)?,
            findings: all(wire.findings)?,
            orphans: all(wire.orphans)?,
        })
    }
}

impl From<&Change> for WireChange {
    fn from(change: &Change) -> WireChange {
        WireChange {
            address: change.address.to_string(),
            label: change.label.clone(),
            source: change.source.clone(),
            action: (&change.action).into(),
            reason: change.reason.clone(),
            properties: change.properties.iter().map(Into::into).collect(),
            from: change.from.as_ref().map(Into::into),
            leftover: change.leftover,
            to: change.to.as_ref().map(|planned| WirePlanned {
                part: (&planned.part).into(),
                generation: planned.generation,
                physical_name: planned.physical_name.to_string(),
            }),
        }
    }
}

impl TryFrom<WireChange> for Change {
    type Error = Detail;

    fn try_from(wire: WireChange) -> Result<Change, Detail> {
        let to = wire.to.map(|planned| {
            Ok::<_, Detail>(Planned {
                part: planned.part.try_into()?,
                generation: planned.generation,
                physical_name: PhysicalName::new(planned.physical_name),
            })
        });
        Ok(Change {
            address: parsed(&wire.address)?,
            label: wire.label,
            source: wire.source,
            action: wire.action.try_into()?,
            reason: wire.reason,
            properties: all(wire.properties)?,
            from: wire.from.map(TryInto::try_into).transpose()?,
            leftover: wire.leftover,
            to: to.transpose()?,
        })
    }
}

impl From<&Action> for WireAction {
    fn from(action: &Action) -> WireAction {
        match action {
            Action::Keep => WireAction::Keep,
            Action::Record => WireAction::Record,
            Action::Adopt => WireAction::Adopt,
            Action::Create => WireAction::Create,
            Action::Update => WireAction::Update,
            Action::Replace(order) => WireAction::Replace {
                order: match order {
                    ReplaceOrder::CreateFirst => WireOrder::CreateFirst,
                    ReplaceOrder::DeleteFirst => WireOrder::DeleteFirst,
                    ReplaceOrder::CreateAndKeep => WireOrder::CreateAndKeep,
                },
            },
            Action::Delete => WireAction::Delete,
            Action::Forget => WireAction::Forget,
            Action::Retain => WireAction::Retain,
            Action::Move { from } => WireAction::Move {
                from: from.to_string(),
            },
        }
    }
}

impl TryFrom<WireAction> for Action {
    type Error = Detail;

    fn try_from(wire: WireAction) -> Result<Action, Detail> {
        Ok(match wire {
            WireAction::Keep => Action::Keep,
            WireAction::Record => Action::Record,
            WireAction::Adopt => Action::Adopt,
            WireAction::Create => Action::Create,
            WireAction::Update => Action::Update,
            WireAction::Replace { order } => Action::Replace(match order {
                WireOrder::CreateFirst => ReplaceOrder::CreateFirst,
                WireOrder::DeleteFirst => ReplaceOrder::DeleteFirst,
                WireOrder::CreateAndKeep => ReplaceOrder::CreateAndKeep,
            }),
            WireAction::Delete => Action::Delete,
            WireAction::Forget => Action::Forget,
            WireAction::Retain => Action::Retain,
            WireAction::Move { from } => Action::Move {
                from: parsed(&from)?,
            },
        })
    }
}

impl From<&PropertyChange> for WireChanged {
    fn from(change: &PropertyChange) -> WireChanged {
        WireChanged {
            path: change.path.clone(),
            old: change.old.as_ref().map(to_wire),
            new: change.new.as_ref().map(to_wire),
            class: change.class.into(),
        }
    }
}

impl TryFrom<WireChanged> for PropertyChange {
    type Error = Detail;

    fn try_from(wire: WireChanged) -> Result<PropertyChange, Detail> {
        Ok(PropertyChange {
            path: wire.path,
            old: wire.old.as_ref().map(from_wire).transpose()?,
            new: wire.new.as_ref().map(from_wire).transpose()?,
            class: wire.class.into(),
        })
    }
}

impl From<&Drift> for WireDrift {
    fn from(drift: &Drift) -> WireDrift {
        WireDrift {
            address: drift.address.to_string(),
            label: drift.label.clone(),
            found: match &drift.sort {
                DriftSort::Deleted => WireFound::Deleted,
                DriftSort::Foreign { owner } => WireFound::Foreign {
                    owner: owner.clone(),
                },
                DriftSort::Changed {
                    path,
                    recorded,
                    observed,
                    desired,
                } => WireFound::Changed {
                    path: path.clone(),
                    recorded: to_wire(recorded),
                    observed: to_wire(observed),
                    desired: desired.as_ref().map(to_wire),
                },
            },
            response: match drift.response {
                DriftResponse::Recreate => WireResponse::Recreate,
                DriftResponse::Revert => WireResponse::Revert,
                DriftResponse::Accept => WireResponse::Accept,
                DriftResponse::Replace => WireResponse::Replace,
                DriftResponse::Delete => WireResponse::Delete,
                DriftResponse::Forget => WireResponse::Forget,
                DriftResponse::Refuse => WireResponse::Refuse,
            },
        }
    }
}

impl TryFrom<WireDrift> for Drift {
    type Error = Detail;

    fn try_from(wire: WireDrift) -> Result<Drift, Detail> {
        Ok(Drift {
            address: parsed(&wire.address)?,
            label: wire.label,
            sort: match wire.found {
                WireFound::Deleted => DriftSort::Deleted,
                WireFound::Foreign { owner } => DriftSort::Foreign { owner },
                WireFound::Changed {
                    path,
                    recorded,
                    observed,
                    desired,
                } => DriftSort::Changed {
                    path,
                    recorded: from_wire(&recorded)?,
                    observed: from_wire(&observed)?,
                    desired: desired.as_ref().map(from_wire).transpose()?,
                },
            },
            response: match wire.response {
                WireResponse::Recreate => DriftResponse::Recreate,
                WireResponse::Revert => DriftResponse::Revert,
                WireResponse::Accept => DriftResponse::Accept,
                WireResponse::Replace => DriftResponse::Replace,
                WireResponse::Delete => DriftResponse::Delete,
                WireResponse::Forget => DriftResponse::Forget,
                WireResponse::Refuse => DriftResponse::Refuse,
            },
        })
    }
}

impl From<&RenameProposal> for WireProposal {
    fn from(proposal: &RenameProposal) -> WireProposal {
        WireProposal {
            from: proposal.from.to_string(),
            to: proposal.to.to_string(),
            from_label: proposal.from_label.clone(),
            to_label: proposal.to_label.clone(),
        }
    }
}

impl TryFrom<WireProposal> for RenameProposal {
    type Error = Detail;

    fn try_from(wire: WireProposal) -> Result<RenameProposal, Detail> {
        Ok(RenameProposal {
            from: parsed(&wire.from)?,
            to: parsed(&wire.to)?,
            from_label: wire.from_label,
            to_label: wire.to_label,
        })
    }
}

impl From<&Refusal> for WireRefusal {
    fn from(refusal: &Refusal) -> WireRefusal {
        WireRefusal {
            address: refusal.address.as_ref().map(ToString::to_string),
            message: refusal.message.clone(),
            consent: refusal.consent.as_ref().map(|consent| match consent {
                Consent::Replace(address) => WireConsent::Replace(address.to_string()),
                Consent::Delete(address) => WireConsent::Delete(address.to_string()),
                Consent::TakeOver(address) => WireConsent::TakeOver(address.to_string()),
            }),
        }
    }
}

impl TryFrom<WireRefusal> for Refusal {
    type Error = Detail;

    fn try_from(wire: WireRefusal) -> Result<Refusal, Detail> {
        let consent = wire.consent.map(|consent| {
            Ok::<_, Detail>(match consent {
                WireConsent::Replace(address) => Consent::Replace(parsed(&address)?),
                WireConsent::Delete(address) => Consent::Delete(parsed(&address)?),
                WireConsent::TakeOver(address) => Consent::TakeOver(parsed(&address)?),
            })
        });
        Ok(Refusal {
            address: wire.address.as_deref().map(parsed).transpose()?,
            message: wire.message,
            consent: consent.transpose()?,
        })
    }
}

impl From<&Finding> for WireFinding {
    fn from(finding: &Finding) -> WireFinding {
        WireFinding {
            severity: match finding.severity {
                Severity::Error => WireSeverity::Error,
                Severity::Warning => WireSeverity::Warning,
            },
            part: finding.part.as_ref().map(ToString::to_string),
            message: finding.message.clone(),
            help: finding.help.clone(),
        }
    }
}

impl TryFrom<WireFinding> for Finding {
    type Error = Detail;

    fn try_from(wire: WireFinding) -> Result<Finding, Detail> {
        Ok(Finding {
            severity: match wire.severity {
                WireSeverity::Error => Severity::Error,
                WireSeverity::Warning => Severity::Warning,
            },
            part: wire.part.as_deref().map(parsed).transpose()?,
            message: wire.message,
            help: wire.help,
        })
    }
}

impl From<&Orphan> for WireOrphan {
    fn from(orphan: &Orphan) -> WireOrphan {
        WireOrphan {
            address: orphan.address.to_string(),
            label: orphan.label.clone(),
            identity: (&orphan.identity).into(),
        }
    }
}

impl TryFrom<WireOrphan> for Orphan {
    type Error = Detail;

    fn try_from(wire: WireOrphan) -> Result<Orphan, Detail> {
        Ok(Orphan {
            address: parsed(&wire.address)?,
            label: wire.label,
            identity: wire.identity.into(),
        })
    }
}
