//! What is no longer wanted: deleted, kept as an orphan, or forgotten when it is gone.

use super::compute::Planner;
use super::consent::covers;
use super::{Action, Change, DriftResponse, DriftSort, Orphan};
use crate::model::{Identity, PartAddress};
use crate::provider::{Owner, Reading};
use crate::state::{Leftover, LeftoverReason, PartRecord, Unsettled};
use std::collections::BTreeSet;

impl Planner<'_> {
    /// Parts of the state that the blueprint does not have.
    pub(super) fn remove_parts(&mut self) {
        let moved: BTreeSet<&PartAddress> = self.moved.values().collect();
        let unwanted: Vec<(&PartAddress, &PartRecord)> = self
            .state
            .parts
            .iter()
            .filter(|(address, _)| !moved.contains(address))
            .filter(|(address, _)| !self.blueprint.parts().contains_key(*address))
            .collect();
        for (address, record) in unwanted {
            let (action, reason) = self.removal(address, record, None);
            self.push_removal(address, record, false, action, reason);
        }
    }

    /// Things that are no parts any more.
    pub(super) fn clear_leftovers(&mut self) {
        let reclaimed: BTreeSet<&Identity> = self.reclaimed.values().collect();
        let leftovers: Vec<&Leftover> = self
            .state
            .leftovers
            .iter()
            .filter(|(identity, _)| !reclaimed.contains(identity))
            .map(|(_, leftover)| leftover)
            .collect();
        for leftover in leftovers {
            let Leftover {
                address, record, ..
            } = leftover;
            let superseded = leftover.why == LeftoverReason::Superseded;
            match self.removal(address, record, Some(leftover.why)) {
                (Action::Retain, _) => self.orphan(address, record),
                (Action::Delete, _) if superseded => {
                    let reason = "another took its place".to_owned();
                    self.push_removal(address, record, true, Action::Delete, reason);
                }
                (action, reason) => self.push_removal(address, record, true, action, reason),
            }
        }
    }

    fn orphan(&mut self, address: &PartAddress, record: &PartRecord) {
        self.orphans.push(Orphan {
            address: address.clone(),
            label: record.label.clone(),
            identity: record.identity(),
        });
    }

    /// What becomes of a part, or of a leftover that is there for this reason.
    fn removal(
        &mut self,
        address: &PartAddress,
        record: &PartRecord,
        leftover: Option<LeftoverReason>,
    ) -> (Action, String) {
        let kept = match leftover {
            None => record.lifecycle.is_kept(),
            Some(LeftoverReason::Superseded) => false,
            // Whatever its record says: it may be older than the wish to retain it.
            Some(LeftoverReason::Kept) => true,
        };
        match self.reading(&record.identity()) {
            // It may still appear: it is deleted to be sure. Nothing is lost that ever was whole.
            Some(Reading::Absent) if record.unsettled == Some(Unsettled::Creating) => {
                let reason = "an interrupted apply may have begun to make it";
                return (Action::Delete, reason.to_owned());
            }
            Some(Reading::Absent) => {
                if record.unsettled.is_none() {
                    let (sort, response) = (DriftSort::Deleted, DriftResponse::Forget);
                    self.drifted(address, &record.label, sort, response);
                }
                return (Action::Forget, "it is gone".to_owned());
            }
            Some(Reading::Present {
                owner: Owner::Foreign { description },
                ..
            }) => {
                let sort = DriftSort::Foreign {
                    owner: description.clone(),
                };
                self.drifted(address, &record.label, sort, DriftResponse::Forget);
                return (Action::Forget, format!("it belongs to {description} now"));
            }
            // What is kept stays as it is, and no plan would ever be about it.
            Some(Reading::Present { .. }) if leftover.is_some() && kept => {}
            Some(Reading::Present { actual, .. }) if record.unsettled.is_none() => {
                let drift = super::diff::drifted(record, &actual.properties, None);
                let response = match kept {
                    true => DriftResponse::Accept,
                    false => DriftResponse::Delete,
                };
                for sort in drift {
                    self.drifted(address, &record.label, sort, response);
                }
            }
            _ => {}
        }
        if !kept {
            (Action::Delete, "it is no longer wanted".to_owned())
        } else if covers(&self.options.consents.delete, address) {
            let reason = "it is no longer wanted, and the user consents to its deletion";
            (Action::Delete, reason.to_owned())
        } else {
            let sort = match record.lifecycle.retain {
                true => "retained",
                false => "protected",
            };
            (
                Action::Retain,
                format!("it is no longer wanted, and {sort}"),
            )
        }
    }

    pub(super) fn push_removal(
        &mut self,
        address: &PartAddress,
        record: &PartRecord,
        leftover: bool,
        action: Action,
        reason: String,
    ) {
        if action == Action::Retain {
            self.orphan(address, record);
        }
        self.changes.push(Change {
            address: address.clone(),
            label: record.label.clone(),
            source: None,
            action,
            reason,
            properties: Vec::new(),
            from: Some(record.clone()),
            leftover,
            to: None,
        });
    }
}
