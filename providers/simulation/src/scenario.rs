//! What happens in one run, as plain data: drawn from a seed, made smaller, and written down as a
//! test.

mod draw;
mod source;

/// Everything that happens in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// Where every other chance comes from: delays, orders, which call meets which fault.
    pub seed: u64,
    /// What happens, one after the other.
    pub moves: Vec<Move>,
}

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The application has such a part in this slot from now on.
    Want(u8, Shape),
    /// The application no longer has this part.
    Drop(u8),
    /// The application calls the part of the first slot by the second from now on; whether the user
    /// says so to the engine.
    Rename(u8, u8, bool),
    /// The tool is of this release from now on: see [`Release`].
    Release(Release),
    /// Somebody else does something to the part's thing at the provider.
    Meddle(u8, Meddling),
    /// Some seconds pass.
    Wait(u16),
    /// Everything comes to rest, and the state is lost.
    Lose,
    /// Commands are run.
    Run(Run),
}

/// What a part is like. [`PLAIN`] is the simplest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Which sort of thing it is.
    pub sort: Sort,
    /// Whether its name cannot vary.
    pub fixed: bool,
    /// What becomes of it when it is no longer wanted.
    pub kept: Kept,
    /// The slot by which it is named, when it is not its own.
    pub name: Option<u8>,
    /// Changes in place. 0 is not set.
    pub size: u8,
    /// Changes by a replacement.
    pub key: u8,
    /// Changes by a replacement that the user consented to.
    pub schema: u8,
    /// A secret it is given. Changes in place.
    pub secret: Option<u8>,
    /// It has the id of that slot's part. Changes in place.
    pub uses: Option<u8>,
    /// It has the id of that slot's part, and is replaced when that changes.
    pub bound: Option<u8>,
    /// It has the endpoint of that slot's part, which updates of that part change.
    pub follows: Option<u8>,
    /// It is made after that slot's part.
    pub after: Option<u8>,
}

/// The simplest part.
pub const PLAIN: Shape = Shape {
    sort: Sort::Plain,
    fixed: false,
    kept: Kept::Not,
    name: None,
    size: 0,
    key: 0,
    schema: 0,
    secret: None,
    uses: None,
    bound: None,
    follows: None,
    after: None,
};

/// Sorts of things that the simulated provider has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// Made, changed and deleted at once, known by its name.
    Plain,
    /// Every operation goes on for a while after it was accepted, and may fail then.
    Slow,
    /// Cannot be deleted while another refers to it, and its name stays taken for a while after a
    /// deletion.
    Guarded,
    /// Known by a number that the provider gives: several may have one name.
    Numbered,
}

/// What becomes of a part that is no longer wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is deleted.
    Not,
    /// It is kept because it holds data.
    Retained,
    /// It is kept until its deletion is consented to.
    Protected,
}

/// Releases of the tool that lower and read otherwise, as a set of differences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Release {
    /// The size of a plain thing can no longer be changed in place.
    pub rigid: bool,
    /// There is one more property with a default, and one more output.
    pub wider: bool,
    /// There is one more tag.
    pub tagged: bool,
}

/// What somebody else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meddling {
    /// Deletes it.
    Delete,
    /// Changes its size.
    Resize(u8),
    /// Changes what only a replacement changes.
    Rekey(u8),
    /// Makes a thing of their own under the name that the part would have.
    Squat,
    /// Makes a thing of their own under the name that the part would have next.
    SquatNext,
}

/// One or two commands that run at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// What is asked of the engine.
    pub aim: Aim,
    /// Whether the user consents to every replacement, deletion and taking over.
    pub consent: bool,
    /// What happens to the process.
    pub fate: Fate,
    /// How the provider fails.
    pub provider: ProviderFaults,
    /// How the store fails.
    pub store: Percents,
    /// Another command, at the same time.
    pub rival: Option<Rival>,
    /// Whether a lock's holder that is dead is known to be.
    pub sees_death: bool,
}

/// A command without trouble.
pub const CALM: Run = Run {
    aim: Aim::Apply,
    consent: false,
    fate: Fate::Lives,
    provider: KIND,
    store: [0; 4],
    rival: None,
    sees_death: false,
};

/// What is asked of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aim {
    /// Plan and apply.
    Apply,
    /// Plan to destroy, and apply that.
    Destroy,
    /// Break the lock, then plan and apply.
    Unlock,
}

/// What happens to a process, counted in its calls of the provider and of the store: two for each,
/// before and after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing.
    Lives,
    /// It is killed.
    Killed(u16),
    /// The user says stop.
    Stopped(u16),
    /// The user says stop twice.
    Abandoned(u16),
    /// It stands still for some seconds.
    Stalls(u16, u8),
}

/// A second command at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rival {
    /// How many seconds later it begins.
    pub after: u8,
    /// How many seconds its wall clock is ahead.
    pub skew: i16,
    /// What it is asked for.
    pub aim: Aim,
    /// What happens to its process.
    pub fate: Fate,
}

/// Chances in percent, of: being turned away, the loss of a request, the loss of an answer, a
/// request that arrives late.
pub type Percents = [u8; 4];

/// How a provider fails, as chances in percent for each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderFaults {
    /// Turned away, request lost, answer lost, request late.
    pub network: Percents,
    /// There is never an answer; it may have happened.
    pub hangs: u8,
    /// It is done in part and then denied.
    pub partial: u8,
    /// All changes of this sort are denied, by sort.
    pub denied: u8,
    /// An operation that was accepted fails afterwards.
    pub fails: u8,
    /// An operation that was accepted never comes to its end.
    pub sticks: u8,
    /// Readers see a change only some seconds later.
    pub lags: u8,
}

/// A provider that does not fail.
pub const KIND: ProviderFaults = ProviderFaults {
    network: [0; 4],
    hangs: 0,
    partial: 0,
    denied: 0,
    fails: 0,
    sticks: 0,
    lags: 0,
};
