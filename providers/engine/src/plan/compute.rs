//! The decision, part by part, in the order of their dependencies.

use super::consent::covers;
use super::diff::{self, same_value};
use super::{
    Action, Basis, Change, Consent, Drift, DriftResponse, DriftSort, Observations, Orphan, Plan,
    PlanOptions, Planned, PropertyChange, Refusal, RenameProposal, ReplaceOrder,
};
use crate::model::{Blueprint, ChangeClass, Identity, Part, PartAddress, Value};
use crate::provider::{Actual, Owner, Reading, check_reading, holds_secret};
use crate::state::{PartRecord, State, Unsettled};
use std::collections::{BTreeMap, BTreeSet};

/// What has to be done so that the stage becomes the blueprint. Reads nothing, asks nobody; equal
/// inputs give equal plans.
///
/// What `observations` do not tell is taken to be as the state has it.
pub fn plan(
    blueprint: &Blueprint,
    state: &State,
    observations: &Observations,
    options: &PlanOptions,
) -> Plan {
    let mut planner = Planner::new(blueprint, state, observations, options);
    planner.check_provider();
    planner.rename();
    planner.note_holders();
    for part in blueprint.in_order() {
        planner.want(part);
    }
    planner.remove_parts();
    planner.clear_leftovers();
    planner.keep_found();
    planner.keep_apart();
    planner.propose_renames();
    planner.finish()
}

pub(super) struct Planner<'a> {
    pub(super) blueprint: &'a Blueprint,
    pub(super) state: &'a State,
    pub(super) observations: &'a Observations,
    pub(super) options: &'a PlanOptions,
    /// Where the records of moved parts are in the state, by new address.
    pub(super) moved: BTreeMap<PartAddress, PartAddress>,
    /// Leftovers that become parts again, by the address of the part.
    pub(super) reclaimed: BTreeMap<PartAddress, Identity>,
    /// Which part has which thing now, by the address that it will have.
    pub(super) holders: BTreeMap<Identity, PartAddress>,
    /// The outputs that are known beforehand, by part.
    known: BTreeMap<&'a PartAddress, Known<'a>>,
    /// Parts that are deleted before their replacement is made.
    pub(super) delete_first: BTreeSet<PartAddress>,
    pub(super) changes: Vec<Change>,
    pub(super) drift: Vec<Drift>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) proposals: Vec<RenameProposal>,
    pub(super) orphans: Vec<Orphan>,
}

/// The outputs of a part that those after it can count on.
enum Known<'a> {
    /// All that were recorded.
    Recorded(&'a BTreeMap<String, Value>),
    These(BTreeMap<String, Value>),
}

impl Known<'_> {
    fn get(&self, output: &str) -> Option<&Value> {
        match self {
            Known::Recorded(outputs) => outputs.get(output),
            Known::These(outputs) => outputs.get(output),
        }
    }
}

/// What there is of a wanted part.
pub(super) struct Existing<'a> {
    pub(super) record: &'a PartRecord,
    pub(super) leftover: bool,
}

impl<'a> Planner<'a> {
    fn new(
        blueprint: &'a Blueprint,
        state: &'a State,
        observations: &'a Observations,
        options: &'a PlanOptions,
    ) -> Planner<'a> {
        Planner {
            blueprint,
            state,
            observations,
            options,
            moved: BTreeMap::new(),
            reclaimed: BTreeMap::new(),
            holders: BTreeMap::new(),
            known: BTreeMap::new(),
            delete_first: BTreeSet::new(),
            changes: Vec::new(),
            drift: Vec::new(),
            refusals: Vec::new(),
            proposals: Vec::new(),
            orphans: Vec::new(),
        }
    }

    fn finish(mut self) -> Plan {
        self.refusals.sort();
        self.proposals.sort();
        let mut findings = self.observations.findings.clone();
        findings.sort();
        Plan {
            application: self.blueprint.application().clone(),
            stage: self.blueprint.stage().clone(),
            provider: self.blueprint.provider().to_owned(),
            basis: Basis {
                artifact: self.blueprint.artifact().clone(),
                blueprint: self.blueprint.fingerprint(),
                state: self.state.fingerprint(),
                lineage: self.state.lineage.clone(),
                serial: self.state.serial,
            },
            destroy: self.blueprint.parts().is_empty(),
            changes: self.changes,
            drift: self.drift,
            proposals: self.proposals,
            refusals: self.refusals,
            findings,
            orphans: self.orphans,
        }
    }

    fn note_holders(&mut self) {
        let moved: BTreeMap<&PartAddress, &PartAddress> =
            self.moved.iter().map(|(new, old)| (old, new)).collect();
        let parts = self.state.parts.iter();
        let holders = parts.map(|(address, record)| {
            let address = moved.get(address).copied().unwrap_or(address);
            (record.identity(), address.clone())
        });
        let found = self.found_parts();
        let found = found.map(|(identity, address)| (identity.clone(), address.clone()));
        self.holders = found.chain(holders).collect();
    }

    /// The state's parts can only be reached where they are.
    fn check_provider(&mut self) {
        let wanted = self.blueprint.provider();
        let Some(present) = self.state.provider.as_deref() else {
            return;
        };
        if present != wanted && !self.state.is_empty() {
            self.refusals.push(Refusal {
                address: None,
                message: format!(
                    "stage `{}` is at provider `{present}`, and this is for `{wanted}`; destroy \
                     it there first, or choose another stage",
                    self.blueprint.stage()
                ),
                consent: None,
            });
        }
    }

    pub(super) fn reading(&self, identity: &Identity) -> Option<&'a Reading> {
        self.observations.readings.get(identity)
    }

    /// The record of the part, wherever it was until now.
    pub(super) fn existing(&self, address: &PartAddress) -> Option<Existing<'a>> {
        if let Some(identity) = self.reclaimed.get(address) {
            let leftover = self.state.leftovers.get(identity)?;
            return Some(Existing {
                record: &leftover.record,
                leftover: true,
            });
        }
        let old = self.moved.get(address).unwrap_or(address);
        let record = self.state.parts.get(old)?;
        Some(Existing {
            record,
            leftover: false,
        })
    }

    fn resolve(&self, part: &Part) -> BTreeMap<String, Value> {
        let lookup = |reference: &crate::model::OutputRef| {
            self.known
                .get(&reference.part)?
                .get(&reference.output)
                .cloned()
        };
        let properties = part.properties.iter();
        properties
            .map(|(name, property)| (name.clone(), property.value.resolve(&lookup)))
            .collect()
    }

    fn want(&mut self, part: &'a Part) {
        let existing = self.existing(&part.address);
        if let Some(existing) = &existing
            && self.is_in_place(part, existing)
        {
            let outputs = Known::Recorded(&existing.record.outputs);
            self.known.insert(&part.address, outputs);
            self.changes
                .push(change_of(part, Action::Keep, String::new()));
            return;
        }
        let desired = self.resolve(part);
        match existing {
            Some(existing) if existing.record.part_type != part.part_type => {
                let change = PropertyChange {
                    path: "type".to_owned(),
                    old: Some(Value::text(existing.record.part_type.as_str())),
                    new: Some(Value::text(part.part_type.as_str())),
                    class: ChangeClass::Replace,
                };
                let record = existing.record.clone();
                self.replace(part, record, existing.leftover, vec![change]);
            }
            Some(existing) => self.want_existing(part, &desired, &existing),
            None if self.want_found(part, &desired) => {}
            None => self.want_new(part, &desired),
        }
    }

    /// Whether wanted, recorded and observed are the same in every respect: nearly always so in
    /// nearly all parts, and told without copying anything.
    fn is_in_place(&self, part: &Part, existing: &Existing<'_>) -> bool {
        let record = existing.record;
        let observed = match self.reading(&record.identity()) {
            Some(Reading::Present {
                actual,
                owner: Owner::Ours,
            }) => Some(actual),
            None => None,
            Some(_) => return false,
        };
        let lookup = |reference: &crate::model::OutputRef| {
            self.known.get(&reference.part)?.get(&reference.output)
        };
        let as_recorded = |name: &String, value: &Value| record.properties.get(name) == Some(value);
        !existing.leftover
            && record.part_type == part.part_type
            && record.unsettled.is_none()
            && record.lifecycle == part.lifecycle
            && record.label == part.label
            && record.tags == part.tags
            && part.properties.len() == record.properties.len()
            && part.properties.iter().all(|(name, property)| {
                let recorded = record.properties.get(name);
                recorded.is_some_and(|recorded| property.value.resolves_to(recorded, &lookup))
            })
            && observed.is_none_or(|actual| {
                let mut seen = actual.properties.iter();
                actual.outputs == record.outputs
                    && seen.all(|(name, value)| as_recorded(name, value))
            })
            && part.outputs.len() == record.outputs.len()
            && part
                .outputs
                .iter()
                .all(|name| record.outputs.contains_key(name))
            && part.depends_on_exactly(&record.dependencies)
    }

    /// A part that the state knows nothing of.
    fn want_new(&mut self, part: &'a Part, desired: &BTreeMap<String, Value>) {
        let planned = planned(part, 0);
        // What another part has is not there to be adopted.
        let is_free = self.other_holder(part, 0).is_none();
        let reading = self.reading(&planned.identity());
        match reading.filter(|_| is_free) {
            None | Some(Reading::Absent | Reading::Settling { .. }) => {
                let planned = match part.naming.varies() {
                    true => self::planned(part, self.free_generation(part, None)),
                    false => planned,
                };
                self.create(part, planned, "it is new".to_owned());
            }
            Some(reading @ Reading::Present { actual, owner }) => {
                // It may be one that another part was, or that an earlier release tagged.
                let found = self.observations.found.get(&planned.identity());
                let mut record = blank_record(&planned, actual);
                if let Some(found) = found {
                    record.tags.clone_from(&found.tags);
                }
                let existing = Existing {
                    record: &record,
                    leftover: false,
                };
                if !self.answers_well(part, &existing, reading) {
                    return;
                }
                match owner {
                    Owner::Ours => {
                        let reason = "it exists and carries our tags".to_owned();
                        self.adopt(part, desired, &existing, actual, false, reason);
                    }
                    Owner::Foreign { description } => {
                        self.take_over(part, desired, &existing, actual, description);
                    }
                }
            }
        }
    }

    /// A part that the state has something about.
    fn want_existing(
        &mut self,
        part: &'a Part,
        desired: &BTreeMap<String, Value>,
        existing: &Existing<'_>,
    ) {
        let record = existing.record;
        let reading = self.reading(&record.identity());
        if let Some(reading) = reading
            && !self.answers_well(part, existing, reading)
        {
            return;
        }
        match reading {
            Some(Reading::Absent) => self.recreate(part, existing),
            Some(Reading::Settling { .. })
                if matches!(
                    record.unsettled,
                    Some(Unsettled::Creating | Unsettled::Deleting)
                ) =>
            {
                self.recreate(part, existing);
            }
            Some(Reading::Present {
                actual,
                owner: Owner::Foreign { description },
            }) => {
                if record.unsettled.is_none() {
                    let sort = DriftSort::Foreign {
                        owner: description.clone(),
                    };
                    let response = DriftResponse::Refuse;
                    self.drifted(&part.address, &part.label, sort, response);
                }
                self.take_over(part, desired, existing, actual, description);
            }
            Some(Reading::Present {
                actual,
                owner: Owner::Ours,
            }) => {
                if existing.leftover || record.unsettled == Some(Unsettled::Creating) {
                    let reason = match existing.leftover {
                        true => "it was kept when it was no longer wanted, and is wanted again",
                        false => "an interrupted apply made it",
                    };
                    self.adopt(part, desired, existing, actual, false, reason.to_owned());
                } else {
                    self.compare(part, desired, record, Some(actual));
                }
            }
            // Nobody creates what a look would have shown to exist.
            None if record.unsettled == Some(Unsettled::Creating) => self.recreate(part, existing),
            None if existing.leftover => {
                let reason = "it was kept, and is wanted again".to_owned();
                let actual = recorded(record);
                self.adopt(part, desired, existing, &actual, false, reason);
            }
            None | Some(Reading::Settling { .. }) => self.compare(part, desired, record, None),
        }
    }

    /// Whether an answer keeps to the contract; if not, the plan is refused.
    pub(super) fn answers_well(
        &mut self,
        part: &Part,
        existing: &Existing<'_>,
        reading: &Reading,
    ) -> bool {
        let target = existing.record.target(&part.address);
        let mut breach = check_reading(&target, Some(&part.outputs), reading).err();
        if let Reading::Present { actual, .. } = reading {
            let secret = |name: &String, value: &Value| {
                let desired = part.properties.get(name).map(|property| &property.value);
                let recorded = existing.record.properties.get(name);
                let is_secret =
                    desired.is_some_and(holds_secret) || recorded.is_some_and(holds_secret);
                is_secret && *value != Value::Null && !holds_secret(value)
            };
            let told = actual.properties.iter();
            if let Some((name, _)) = told.into_iter().find(|(name, value)| secret(name, value)) {
                breach = Some(crate::provider::ContractBreach {
                    part: part.address.clone(),
                    field: name.clone(),
                    message: "as a plain value, though it is a secret".to_owned(),
                });
            }
        }
        let Some(breach) = breach else {
            return true;
        };
        self.refuse(&part.address, breach.to_string(), None);
        false
    }

    pub(super) fn create(&mut self, part: &'a Part, planned: Planned, reason: String) {
        self.changes.push(Change {
            properties: initial(part),
            to: Some(planned),
            ..change_of(part, Action::Create, reason)
        });
    }

    /// It should be there and is not.
    fn recreate(&mut self, part: &'a Part, existing: &Existing<'_>) {
        let record = existing.record;
        let reason = match record.unsettled {
            Some(Unsettled::Creating) => "an interrupted apply did not finish making it",
            Some(Unsettled::Deleting) => "an interrupted apply deleted it, and it is wanted",
            _ => {
                let (sort, response) = (DriftSort::Deleted, DriftResponse::Recreate);
                self.drifted(&part.address, &part.label, sort, response);
                "it was deleted by somebody else"
            }
        };
        // The name it had, so that an answer that comes late finds it.
        let planned = Planned {
            part: part.clone(),
            generation: record.generation,
            physical_name: record.physical_name.clone(),
        };
        self.changes.push(Change {
            properties: initial(part),
            from: Some(record.clone()),
            leftover: existing.leftover,
            to: Some(planned),
            ..change_of(part, Action::Create, reason.to_owned())
        });
    }

    fn take_over(
        &mut self,
        part: &'a Part,
        desired: &BTreeMap<String, Value>,
        existing: &Existing<'_>,
        actual: &Actual,
        owner: &str,
    ) {
        if covers(&self.options.consents.take_over, &part.address) {
            let reason = format!("it belongs to {owner}, and the user consents to take it over");
            self.adopt(part, desired, existing, actual, true, reason);
            return;
        }
        let message = format!(
            "{} is not touched: `{}` exists and belongs to {owner}",
            part.label, existing.record.physical_name
        );
        let consent = Consent::TakeOver(part.address.clone());
        self.refuse(&part.address, message, Some(consent));
    }

    /// It is there, and becomes a part with whatever changes that takes.
    pub(super) fn adopt(
        &mut self,
        part: &'a Part,
        desired: &BTreeMap<String, Value>,
        existing: &Existing<'_>,
        actual: &Actual,
        foreign: bool,
        reason: String,
    ) {
        let mut from = existing.record.clone();
        // What cannot be told of somebody else's thing is not what was recorded of ours.
        from.properties = match foreign {
            true => actual.properties.clone(),
            false => diff::current(&from, Some(&actual.properties)),
        };
        from.outputs = actual.outputs.clone();
        // What cannot be seen may be anything.
        let unseen = desired
            .keys()
            .filter(|name| !actual.properties.contains_key(*name));
        let doubtful: BTreeSet<String> = unseen.cloned().collect();
        let mut properties = diff::changes(&from.properties, desired, &doubtful, part);
        let no_tags = BTreeMap::new();
        let tags = if foreign {
            &no_tags
        } else {
            certain_tags(&from)
        };
        properties.extend(diff::tag_changes(tags, &part.tags));
        let rigid = properties
            .iter()
            .find(|change| change.class != ChangeClass::InPlace);
        if let Some(rigid) = rigid.filter(|_| foreign) {
            let message = format!(
                "{} cannot take over `{}`: its `{}` cannot be changed in place, and what is not \
                 ours is never deleted; delete it, or choose another name",
                part.label, from.physical_name, rigid.path
            );
            self.refuse(&part.address, message, None);
            return;
        }
        if rigid.is_some() {
            self.replace(part, from, existing.leftover, properties);
            return;
        }
        let planned = Planned {
            part: part.clone(),
            generation: from.generation,
            physical_name: from.physical_name.clone(),
        };
        self.know(part, &from.outputs, !properties.is_empty());
        self.changes.push(Change {
            properties,
            from: Some(from),
            leftover: existing.leftover,
            to: Some(planned),
            ..change_of(part, Action::Adopt, reason)
        });
    }

    /// It is there and recorded: what differs?
    fn compare(
        &mut self,
        part: &'a Part,
        desired: &BTreeMap<String, Value>,
        record: &PartRecord,
        actual: Option<&Actual>,
    ) {
        let observed = actual.map(|actual| &actual.properties);
        let mut from = record.clone();
        from.properties = diff::current(record, observed);
        if let Some(actual) = actual {
            from.outputs = actual.outputs.clone();
        }
        let doubtful: BTreeSet<String> = match record.unsettled {
            None => BTreeSet::new(),
            Some(_) => {
                let seen = |name: &String| observed.is_some_and(|seen| seen.contains_key(name));
                desired.keys().filter(|name| !seen(name)).cloned().collect()
            }
        };
        let mut properties = diff::changes(&from.properties, desired, &doubtful, part);
        properties.extend(diff::tag_changes(certain_tags(record), &part.tags));
        let class = worst(&properties);
        if let Some(observed) = observed.filter(|_| record.unsettled.is_none()) {
            for sort in diff::drifted(record, observed, Some(desired)) {
                let response = response(&sort, class);
                self.drifted(&part.address, &part.label, sort, response);
            }
        }
        if class != ChangeClass::InPlace {
            self.replace(part, from, false, properties);
            return;
        }
        self.know(part, &from.outputs, !properties.is_empty());
        let planned = Planned {
            part: part.clone(),
            generation: from.generation,
            physical_name: from.physical_name.clone(),
        };
        let (action, reason) = if !properties.is_empty() {
            (Action::Update, why_changed(record))
        } else if self.is_as_recorded(part, desired, record, &from) {
            (Action::Keep, String::new())
        } else {
            let reason = "it is as it should be; the state is brought up to date";
            (Action::Record, reason.to_owned())
        };
        // What stays needs no explanation, and plans of large stages stay small.
        let whole = action != Action::Keep;
        self.changes.push(Change {
            properties,
            from: whole.then_some(from),
            to: whole.then_some(planned),
            ..change_of(part, action, reason)
        });
    }

    fn is_as_recorded(
        &self,
        part: &Part,
        desired: &BTreeMap<String, Value>,
        record: &PartRecord,
        from: &PartRecord,
    ) -> bool {
        record.unsettled.is_none()
            && record.outputs == from.outputs
            && record.lifecycle == part.lifecycle
            && record.label == part.label
            && record.dependencies == part.dependencies()
            && desired.len() == record.properties.len()
            && desired
                .iter()
                .all(|(name, value)| record.properties.get(name) == Some(value))
    }

    /// Notes which outputs the parts after this one can count on.
    pub(super) fn know(
        &mut self,
        part: &'a Part,
        outputs: &BTreeMap<String, Value>,
        changing: bool,
    ) {
        let stays = |name: &String| !changing || !part.volatile_outputs.contains(name);
        let known = outputs.iter().filter(|(name, _)| stays(name));
        let known = known.map(|(name, value)| (name.clone(), value.clone()));
        let known = Known::These(known.collect());
        self.known.insert(&part.address, known);
    }

    pub(super) fn drifted(
        &mut self,
        address: &PartAddress,
        label: &str,
        sort: DriftSort,
        response: DriftResponse,
    ) {
        self.drift.push(Drift {
            address: address.clone(),
            label: label.to_owned(),
            sort,
            response,
        });
    }

    pub(super) fn refuse(
        &mut self,
        address: &PartAddress,
        message: String,
        consent: Option<Consent>,
    ) {
        self.refusals.push(Refusal {
            address: Some(address.clone()),
            message,
            consent,
        });
    }
}

pub(super) fn planned(part: &Part, generation: u32) -> Planned {
    Planned {
        part: part.clone(),
        generation,
        physical_name: part.naming.name(generation),
    }
}

/// A change without its particulars.
pub(super) fn change_of(part: &Part, action: Action, reason: String) -> Change {
    Change {
        address: part.address.clone(),
        label: part.label.clone(),
        source: part.source.clone(),
        action,
        reason,
        properties: Vec::new(),
        from: None,
        leftover: false,
        to: None,
    }
}

/// The properties of a part that is not there yet.
fn initial(part: &Part) -> Vec<PropertyChange> {
    let set = part.properties.iter();
    set.filter(|(_, property)| property.value != Value::Null)
        .map(|(name, property)| PropertyChange {
            path: name.clone(),
            old: None,
            new: Some(property.value.clone()),
            class: property.on_change,
        })
        .collect()
}

/// The record of something that was found without being recorded.
pub(super) fn blank_record(planned: &Planned, actual: &Actual) -> PartRecord {
    PartRecord {
        part_type: planned.part.part_type.clone(),
        physical_name: planned.physical_name.clone(),
        generation: planned.generation,
        properties: BTreeMap::new(),
        outputs: actual.outputs.clone(),
        tags: planned.part.tags.clone(),
        lifecycle: planned.part.lifecycle,
        dependencies: BTreeSet::new(),
        label: planned.part.label.clone(),
        unsettled: None,
    }
}

fn recorded(record: &PartRecord) -> Actual {
    Actual {
        properties: record.properties.clone(),
        outputs: record.outputs.clone(),
    }
}

/// The tags that it has for certain. They are not read back, so those that an interrupted apply may
/// have set are in doubt.
fn certain_tags(record: &PartRecord) -> &BTreeMap<String, String> {
    const NONE: &BTreeMap<String, String> = &BTreeMap::new();
    match record.unsettled {
        Some(Unsettled::Creating | Unsettled::Updating) => NONE,
        Some(Unsettled::Deleting) | None => &record.tags,
    }
}

fn worst(properties: &[PropertyChange]) -> ChangeClass {
    let classes = properties.iter().map(|change| change.class);
    classes.max().unwrap_or(ChangeClass::InPlace)
}

fn why_changed(record: &PartRecord) -> String {
    match record.unsettled {
        Some(_) => "an interrupted apply may not have finished changing it",
        None => "it is not as it should be",
    }
    .to_owned()
}

fn response(sort: &DriftSort, class: ChangeClass) -> DriftResponse {
    match sort {
        DriftSort::Changed {
            observed,
            desired: Some(desired),
            ..
        } if same_value(Some(observed), Some(desired)) => DriftResponse::Accept,
        _ if class == ChangeClass::InPlace => DriftResponse::Revert,
        _ => DriftResponse::Replace,
    }
}

/// Which order a replacement takes; see [`ReplaceOrder`].
pub(super) fn order_of(kept: bool, delete_first: bool) -> ReplaceOrder {
    match (kept, delete_first) {
        (_, true) => ReplaceOrder::DeleteFirst,
        (true, false) => ReplaceOrder::CreateAndKeep,
        (false, false) => ReplaceOrder::CreateFirst,
    }
}
