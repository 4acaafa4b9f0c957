//! Why the analysis may allow more than a handler does: a closed list.

/// A reason for an excess. Each is inherent in reading code without running it, and each has a
/// rewrite that makes the set exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// `if CONSTANT { … .await }`: the state machine of an async body keeps the states of branches
    /// that are dead. Write `#[cfg]`, or decide in a function that is not async.
    DeadBranchInAsync,
    /// Without optimisation a constant index into a constant table is not seen through. Gone in
    /// release.
    UnoptimisedConstant,
    /// The methods of a trait object are one constant, so having the object counts as calling each.
    /// Use a trait for each, or the type itself.
    MethodsOfOneObject,
    /// Values that can perform operations, kept together, count together. Keep typed references
    /// (`&'static Queue<T, NAME>`) instead.
    CapabilitiesTogether,
    /// An operation under construction, or a future that performs one, is made and not awaited.
    OperationNotAwaited,
    /// Whether the operation is performed depends on a value that only exists at run time.
    RunTimeValue,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 6] = [
        Reason::DeadBranchInAsync,
        Reason::UnoptimisedConstant,
        Reason::MethodsOfOneObject,
        Reason::CapabilitiesTogether,
        Reason::OperationNotAwaited,
        Reason::RunTimeValue,
    ];

    /// The word in an annotation.
    pub fn word(self) -> &'static str {
        match self {
            Reason::DeadBranchInAsync => "dead-branch-in-async",
            Reason::UnoptimisedConstant => "unoptimised-constant",
            Reason::MethodsOfOneObject => "methods-of-one-object",
            Reason::CapabilitiesTogether => "capabilities-together",
            Reason::OperationNotAwaited => "operation-not-awaited",
            Reason::RunTimeValue => "run-time-value",
        }
    }

    /// The reason that a word stands for.
    pub fn parse(word: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.word() == word)
    }
}
