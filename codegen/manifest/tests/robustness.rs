//! Damaged and hostile records, a bounded number of them: reading never panics. `fuzz/` has the same
//! entry points for a fuzzer that runs as long as it likes.

use ifc_manifest::format::{DESCRIPTOR_MAGIC, Encoder, decode, records};
use ifc_manifest::kind::edge::ConsumerSpec;
use ifc_manifest::kind::queue::QueueSpec;
use ifc_manifest::kind::unit::{TIMEOUT_DEFAULT, UnitSpec};
use ifc_manifest::{Descriptor, cron};

const ROUNDS: usize = 60_000;

/// SplitMix64: the same rounds every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

const fn queue<const N: usize>() -> Encoder<N> {
    let mut encoder = Encoder::new();
    encoder
        .map()
        .text_entry("record", "resource")
        .text_entry("package", "shop")
        .text_entry("file", "src/main.rs")
        .uint_entry("line", 7)
        .uint_entry("column", 12)
        .uint_entry("length", 6)
        .text_entry("path", "shop::JOBS")
        .text_entry("kind", "queue")
        .text_entry("name", "jobs")
        .map_entry("config");
    QueueSpec::DEFAULT.encode(&mut encoder);
    encoder.end().end();
    encoder
}

const fn consumer<const N: usize>() -> Encoder<N> {
    let mut encoder = Encoder::new();
    encoder
        .map()
        .text_entry("record", "handler")
        .text_entry("package", "shop")
        .text_entry("file", "src/main.rs")
        .uint_entry("line", 9)
        .uint_entry("column", 10)
        .uint_entry("length", 4)
        .text_entry("name", "work")
        .text_entry("path", "shop::work")
        .map_entry("trigger")
        .text_entry("type", "source")
        .text_entry("edge", "consumer")
        .map_entry("resource")
        .text_entry("package", "shop")
        .text_entry("name", "jobs")
        .end();
    ConsumerSpec::DEFAULT.encode(&mut encoder);
    encoder.end();
    UnitSpec::new(TIMEOUT_DEFAULT).encode(&mut encoder);
    encoder.end();
    encoder
}

fn seeds() -> Vec<Vec<u8>> {
    const QUEUE: usize = queue::<0>().length();
    const CONSUMER: usize = consumer::<0>().length();
    vec![
        queue::<QUEUE>().into_bytes().to_vec(),
        consumer::<CONSUMER>().into_bytes().to_vec(),
    ]
}

fn section(body: &[u8]) -> Vec<u8> {
    let mut section = DESCRIPTOR_MAGIC.to_vec();
    section.extend([0; 4]);
    section.extend((body.len() as u32).to_le_bytes());
    section.extend(body);
    section.resize(section.len().next_multiple_of(8), 0);
    section
}

/// Everything that reads a section, as the tool and the runtime do.
fn read(section: &[u8]) -> usize {
    records(section)
        .filter_map(Result::ok)
        .filter(|record| Descriptor::decode(record).is_ok())
        .count()
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            1 if !bytes.is_empty() => bytes[at] = random.next() as u8,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, random.next() as u8),
            4 if !bytes.is_empty() => {
                let end = (at + random.below(16)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                // A length that claims more than there is.
                let claim = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
                bytes.splice(at..at, claim);
            }
        }
    }
}

#[test]
fn whole_records_are_read() {
    for seed in seeds() {
        assert_eq!(read(&section(&seed)), 1);
    }
}

#[test]
fn damaged_records_never_panic() {
    let mut random = Random(7);
    let seeds = seeds();
    let mut readable = 0;
    for round in 0..ROUNDS {
        let mut bytes = seeds[round % seeds.len()].clone();
        if random.below(2) == 0 {
            damage(&mut bytes, &mut random);
            bytes = section(&bytes);
        } else {
            bytes = section(&bytes);
            damage(&mut bytes, &mut random);
        }
        let _ = decode(&bytes);
        readable += read(&bytes);
    }
    // The damage is not so coarse that nothing gets past the first byte.
    assert!(readable > ROUNDS / 100, "{readable}");
}

#[test]
fn arbitrary_expressions_never_panic() {
    const CHARACTERS: &[u8] = b"0123456789*,-/ ?LW#@JANMONSUN\t\xc3\xa9";
    let mut random = Random(11);
    for _ in 0..ROUNDS {
        let text: Vec<u8> = (0..random.below(24))
            .map(|_| CHARACTERS[random.below(CHARACTERS.len())])
            .collect();
        let text = String::from_utf8_lossy(&text);
        if let Err(error) = cron::parse(&text) {
            assert!(
                text.get(error.start..error.end).is_some(),
                "{text:?}: {error:?}"
            );
        }
    }
}
