//! Engines, providers and stores that are broken on purpose, to show that the simulation notices.

/// One way of being broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// None.
    None,
    /// The store writes whatever the precondition says.
    StoreWithoutPreconditions,
    /// The store acknowledges some writes and loses them.
    StoreForgets,
    /// The engine finds every lock free.
    NoLock,
    /// The engine writes on in a journal that another has sealed.
    NoFencing,
    /// The engine writes no journal.
    NoJournal,
    /// The engine does not look at what an interrupted command left: the provider's readings are
    /// what the state says.
    NoRecoveryRead,
    /// The provider makes another thing for every request.
    CreatesAnew,
    /// The provider says that there is nothing when it cannot be asked.
    AbsentWhenThrottled,
    /// The provider takes everything of a name for ours.
    EverythingIsOurs,
    /// The provider says that it deleted, and did not.
    DeletesNothing,
    /// The provider forgets a property in updates.
    UpdatesHalf,
    /// The provider returns another spelling than it was given.
    Respells,
    /// The provider tells a secret's value among the properties.
    TellsSecret,
    /// The provider tells a secret's value in its errors.
    ErrsWithSecret,
    /// The provider says that nothing happened when it does not know.
    UncertainIsRefusal,
    /// The provider does not say that its readers are behind.
    HidesItsLag,
    /// The provider deletes what it should change, and makes it anew.
    UpdatesByReplacing,
}

impl Defect {
    /// Every way of being broken.
    pub const ALL: [Defect; 17] = [
        Defect::StoreWithoutPreconditions,
        Defect::StoreForgets,
        Defect::NoLock,
        Defect::NoFencing,
        Defect::NoJournal,
        Defect::NoRecoveryRead,
        Defect::CreatesAnew,
        Defect::AbsentWhenThrottled,
        Defect::EverythingIsOurs,
        Defect::DeletesNothing,
        Defect::UpdatesHalf,
        Defect::Respells,
        Defect::TellsSecret,
        Defect::ErrsWithSecret,
        Defect::UncertainIsRefusal,
        Defect::HidesItsLag,
        Defect::UpdatesByReplacing,
    ];
}
