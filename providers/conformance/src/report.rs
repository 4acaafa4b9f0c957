//! The result of a run: one row per clause.

use crate::Clause;
use std::fmt;

/// What became of a clause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It could not be refuted.
    Pass,
    /// It was not tried.
    Exempt(String),
    /// It does not hold.
    Fail(String),
}

/// One clause and what became of it.
#[derive(Clone)]
pub struct Row {
    /// The clause.
    pub clause: Clause,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of every clause on one provider. Displayed as a table.
#[derive(Clone)]
pub struct Report {
    /// The provider's word.
    pub provider: String,
    /// One row per clause, by kind.
    pub rows: Vec<Row>,
}

impl Report {
    /// How many clauses passed, are exempt, failed.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |wanted: fn(&Verdict) -> bool| {
            self.rows.iter().filter(|row| wanted(&row.verdict)).count()
        };
        (
            count(|verdict| matches!(verdict, Verdict::Pass)),
            count(|verdict| matches!(verdict, Verdict::Exempt(_))),
            count(|verdict| matches!(verdict, Verdict::Fail(_))),
        )
    }

    /// Prints the table and fails the test when a clause failed or an exemption is stale.
    ///
    /// # Panics
    /// When the provider does not keep the contract.
    #[track_caller]
    pub fn check(&self) {
        println!("{self}");
        let (_, _, failed) = self.counts();
        assert!(
            failed == 0,
            "{} breaks {failed} clauses of the contract: see the table",
            self.provider,
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nthe portable contract on {}", self.provider)?;
        for Row { clause, verdict } in &self.rows {
            let (word, remark) = match verdict {
                Verdict::Pass => ("pass", ""),
                Verdict::Exempt(reason) => ("exempt", reason.as_str()),
                Verdict::Fail(message) => ("FAIL", message.as_str()),
            };
            let (section, id, promise) = (clause.section, clause.id, clause.promise);
            writeln!(f, "{word:<7}§{section:<5} {id:<34} {promise}")?;
            for line in remark.lines() {
                writeln!(f, "{:14}{line}", "")?;
            }
        }
        let (passed, exempt, failed) = self.counts();
        write!(f, "{passed} passed, {exempt} exempt, {failed} failed")
    }
}
