//! The little of x86-64 that is needed to tell how far an address lies from its relocation.

/// Whether the instruction whose 32-bit pc-relative field stands at `field` is one of those that
/// end with the field. For the others an immediate of 1, 2 or 4 bytes may follow, and the address
/// is as much higher.
pub(super) fn ends_with(code: &[u8], field: usize) -> bool {
    let before = |distance: usize| field.checked_sub(distance).map(|at| code[at]);
    let (Some(last), Some(second), third) = (before(1), before(2), before(3)) else {
        return false;
    };
    // Calls and jumps, near and conditional.
    if matches!(last, 0xe8 | 0xe9) || (second == 0x0f && last & 0xf0 == 0x80) {
        return true;
    }
    // Otherwise the field follows a ModRM byte for `[rip + field]`, which follows the opcode.
    if last & 0xc7 != 0x05 {
        return false;
    }
    match third {
        // Two-byte opcodes with immediates: shuffles, extractions, bit tests.
        Some(0x0f) => !matches!(second, 0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6),
        // One-byte opcodes with immediates: arithmetic, moves, multiplications, shifts, tests.
        _ => !matches!(
            second,
            0x69 | 0x6b | 0x80 | 0x81 | 0x83 | 0xc0 | 0xc1 | 0xc6 | 0xc7 | 0xf6 | 0xf7
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn immediates_are_told() {
        // lea rax, [rip + …]
        assert!(ends_with(&[0x48, 0x8d, 0x05, 0, 0, 0, 0], 3));
        // call …
        assert!(ends_with(&[0x90, 0xe8, 0, 0, 0, 0], 2));
        // cmp byte ptr [rip + …], 0
        assert!(!ends_with(&[0x90, 0x80, 0x3d, 0, 0, 0, 0, 0], 3));
        // movzx eax, byte ptr [rip + …]
        assert!(ends_with(&[0x0f, 0xb6, 0x05, 0, 0, 0, 0], 3));
    }
}
