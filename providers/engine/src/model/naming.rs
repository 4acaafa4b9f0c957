//! Physical names: computed, never asked from a server and never random, so that whoever knows the
//! blueprint knows where to look.

use crate::digest;
use std::fmt;

/// A part's name at the provider.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhysicalName(String);

impl PhysicalName {
    /// A name as the provider writes it.
    pub fn new(text: impl Into<String>) -> PhysicalName {
        PhysicalName(text.into())
    }

    /// As the provider writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhysicalName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How a part's physical name is made, for each of its generations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The name cannot vary: a replacement has to delete the old part first. Not for types that
    /// cannot be deleted while another part refers to them, because then nothing could be done.
    Fixed(PhysicalName),
    /// `stem-digest`, where the digest is of scope and generation: a replacement gets a name of its
    /// own, so it is created before the old part is deleted.
    Generated {
        /// What people recognise, such as `app-stage-resource`, in characters the provider allows.
        stem: String,
        /// Whatever distinguishes this part from all others: account, region, application, stage,
        /// type, resource.
        scope: String,
        /// The longest name the provider takes, in bytes. At least `digest_length` + 2.
        length_max: usize,
        /// Characters of the digest: 6, or 8 where names are unique all over the provider.
        digest_length: usize,
        /// What stands before the digest: `-`, or nothing where the provider takes none.
        separator: String,
        /// What stands behind it, such as `.fifo`; usually nothing.
        ending: String,
    },
}

impl Naming {
    /// A name that cannot vary.
    pub fn fixed(name: impl Into<String>) -> Naming {
        Naming::Fixed(PhysicalName::new(name))
    }

    /// The usual way: `stem` and six characters of digest, with a `-` between them.
    pub fn generated(
        stem: impl Into<String>,
        scope: impl Into<String>,
        length_max: usize,
    ) -> Naming {
        Naming::Generated {
            stem: stem.into(),
            scope: scope.into(),
            length_max,
            digest_length: 6,
            separator: "-".to_owned(),
            ending: String::new(),
        }
    }

    /// The same with `ending` behind the digest. A name that cannot vary stays as it is.
    #[must_use]
    pub fn ending(mut self, with: impl Into<String>) -> Naming {
        if let Naming::Generated { ending, .. } = &mut self {
            *ending = with.into();
        }
        self
    }

    /// Whether generations have different names.
    pub fn varies(&self) -> bool {
        matches!(self, Naming::Generated { .. })
    }

    /// The name of one generation. Too long a stem is cut from the right.
    pub fn name(&self, generation: u32) -> PhysicalName {
        match self {
            Naming::Fixed(name) => name.clone(),
            Naming::Generated {
                stem,
                scope,
                length_max,
                digest_length,
                separator,
                ending,
            } => {
                let hashed = format!("{scope}\0{generation}");
                let digest = digest::base32(hashed.as_bytes(), *digest_length);
                let ending = format!("{separator}{digest}{ending}");
                let room = length_max.saturating_sub(ending.len());
                let cut = stem
                    .char_indices()
                    .map(|(at, letter)| at + letter.len_utf8());
                let end = cut.take_while(|end| *end <= room).last().unwrap_or(0);
                PhysicalName::new(stem[..end].to_owned() + &ending)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_differ_and_fit() {
        let naming = Naming::generated("shop-prod-orders", "1/eu/shop/prod/queue/orders", 20);
        let (first, second) = (naming.name(0), naming.name(1));
        assert_ne!(first, second);
        assert_eq!(first, naming.name(0));
        assert_eq!(first.as_str().len(), 20);
        assert!(first.as_str().starts_with("shop-prod-ord-"));
        assert_eq!(Naming::fixed("x").name(3).as_str(), "x");
    }

    #[test]
    fn what_stands_behind_the_digest_is_never_cut() {
        let naming = Naming::generated("shop-prod-orders", "scope", 20).ending(".fifo");
        let name = naming.name(0);
        assert_eq!(name.as_str().len(), 20);
        assert!(name.as_str().starts_with("shop-pro-"), "{name}");
        assert!(name.as_str().ends_with(".fifo"), "{name}");
    }

    #[test]
    fn cuts_between_characters() {
        let naming = Naming::generated("äöü", "scope", 10);
        assert!(naming.name(0).as_str().starts_with("ä-"));
    }
}
