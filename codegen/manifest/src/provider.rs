//! The providers, and the set of them that an application is meant for.

use std::fmt;

/// A provider that the contract has a column for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderId {
    /// This machine.
    Local,
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Gcp,
    /// Microsoft Azure.
    Azure,
}

impl ProviderId {
    /// Every provider, in the order of the contract's columns.
    pub const ALL: [ProviderId; 4] = [
        ProviderId::Local,
        ProviderId::Aws,
        ProviderId::Gcp,
        ProviderId::Azure,
    ];

    /// The word used in records, output and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            ProviderId::Local => "local",
            ProviderId::Aws => "aws",
            ProviderId::Gcp => "gcp",
            ProviderId::Azure => "azure",
        }
    }

    /// The provider with this word.
    pub fn parse(word: &str) -> Option<ProviderId> {
        ProviderId::ALL
            .into_iter()
            .find(|provider| provider.as_str() == word)
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The providers that an application is meant to run on. What one of them lacks, the application
/// cannot use.
///
/// The local provider is as wide as the widest cloud, so it never narrows what others allow: an
/// application runs on it whatever its targets are.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Targets(u8);

impl Targets {
    /// Every provider: what an application is meant for that says nothing.
    pub const ALL: Targets = Targets(0b1111);

    /// None yet; [`with`](Self::with) adds one.
    pub const NONE: Targets = Targets(0);

    /// One provider.
    pub const fn only(provider: ProviderId) -> Targets {
        Targets::NONE.with(provider)
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, provider: ProviderId) -> Targets {
        Targets(self.0 | 1 << provider as u8)
    }

    /// Whether `provider` is one of them.
    pub const fn contains(self, provider: ProviderId) -> bool {
        self.0 & (1 << provider as u8) != 0
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`ProviderId::ALL`].
    pub fn iter(self) -> impl Iterator<Item = ProviderId> {
        ProviderId::ALL
            .into_iter()
            .filter(move |provider| self.contains(*provider))
    }
}

impl Default for Targets {
    fn default() -> Targets {
        Targets::ALL
    }
}

impl FromIterator<ProviderId> for Targets {
    fn from_iter<I: IntoIterator<Item = ProviderId>>(providers: I) -> Targets {
        providers.into_iter().fold(Targets::NONE, Targets::with)
    }
}

impl fmt::Display for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, provider) in self.iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            write!(f, "{separator}{provider}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Targets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Targets({self})")
    }
}

/// A value that each provider has its own of: a default, for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerProvider<T> {
    /// On this machine.
    pub local: T,
    /// On AWS.
    pub aws: T,
    /// On Google Cloud.
    pub gcp: T,
    /// On Azure.
    pub azure: T,
}

impl<T: Copy> PerProvider<T> {
    /// The value of one provider.
    pub const fn on(&self, provider: ProviderId) -> T {
        match provider {
            ProviderId::Local => self.local,
            ProviderId::Aws => self.aws,
            ProviderId::Gcp => self.gcp,
            ProviderId::Azure => self.azure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back() {
        for provider in ProviderId::ALL {
            assert_eq!(ProviderId::parse(provider.as_str()), Some(provider));
        }
        assert_eq!(ProviderId::parse("AWS"), None);
    }

    #[test]
    fn targets_are_a_set() {
        let clouds: Targets = [ProviderId::Gcp, ProviderId::Aws, ProviderId::Gcp]
            .into_iter()
            .collect();
        assert_eq!(clouds.to_string(), "aws, gcp");
        assert!(clouds.contains(ProviderId::Gcp) && !clouds.contains(ProviderId::Azure));
        assert_eq!(Targets::ALL.iter().collect::<Vec<_>>(), ProviderId::ALL);
        assert!(Targets::NONE.is_empty() && !clouds.is_empty());
        assert_eq!(Targets::default(), Targets::ALL);
    }
}
