//! What every stored object ends with: a line that is different for every write.
//!
//! The seam promises that a version is never used twice. ETags of S3 are hashes of the bytes, and a
//! folder has no versions at all; with the mark no two writes are of the same bytes. All stores
//! have it, so that a copied stage can be read wherever it is copied to.

const BEGINNING: &[u8] = b"\n#ifc1 ";
const RANDOM: usize = 16;
pub(crate) const LENGTH: usize = BEGINNING.len() + 2 * RANDOM + 1;

/// The bytes as they are stored, and what is random in them.
pub(crate) fn seal(bytes: &[u8]) -> (Vec<u8>, String) {
    let mut random = [0; RANDOM];
    getrandom::fill(&mut random).expect("the operating system has random bytes");
    let random: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut sealed = Vec::with_capacity(bytes.len() + LENGTH);
    sealed.extend_from_slice(bytes);
    sealed.extend_from_slice(BEGINNING);
    sealed.extend_from_slice(random.as_bytes());
    sealed.push(b'\n');
    (sealed, random)
}

/// Takes the mark off. `None` when there is none: the object is none of ours, or was cut.
pub(crate) fn open(mut sealed: Vec<u8>) -> Option<(Vec<u8>, String)> {
    let random = read(&sealed)?;
    sealed.truncate(sealed.len() - LENGTH);
    Some((sealed, random))
}

/// The random part of the mark at the end of `bytes`.
pub(crate) fn read(bytes: &[u8]) -> Option<String> {
    let mark = &bytes[bytes.len().checked_sub(LENGTH)?..];
    let random = mark.strip_prefix(BEGINNING)?.strip_suffix(b"\n")?;
    let hexadecimal = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let random = random.iter().all(hexadecimal).then_some(random)?;
    String::from_utf8(random.to_vec()).ok()
}

/// What to say of bytes without a mark.
#[derive(Debug)]
pub(crate) struct Unmarked;

impl std::fmt::Display for Unmarked {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(
            "it does not end with the line that every write of ours ends with: it was cut, or \
             written by something else",
        )
    }
}

impl std::error::Error for Unmarked {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_can_be_opened() {
        for bytes in [&b""[..], b"x", b"\n#ifc1 ", &[0; 1000]] {
            let (sealed, random) = seal(bytes);
            assert_eq!(sealed.len(), bytes.len() + LENGTH);
            assert_eq!(open(sealed).unwrap(), (bytes.to_vec(), random));
        }
    }

    #[test]
    fn no_two_writes_are_equal() {
        assert_ne!(seal(b"same").0, seal(b"same").0);
    }

    #[test]
    fn every_cut_is_noticed() {
        let (sealed, _) = seal(b"state");
        for length in 0..sealed.len() {
            assert!(open(sealed[..length].to_vec()).is_none(), "{length}");
        }
        let (mut damaged, _) = seal(b"state");
        let last = damaged.len() - 2;
        damaged[last] = b'G';
        assert!(open(damaged).is_none());
    }
}
