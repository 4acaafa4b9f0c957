//! Where the linker put each input section: the map that lld writes.

/// An input section in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span<'a> {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Its file and its own name.
    pub(super) name: &'a str,
}

/// Columns of the map: address, load address, size, alignment; then names, further in for an input
/// section than for an output section, and further still for a symbol.
const OUTPUT: usize = 49;
const INPUT: usize = 57;

/// The input sections that are loaded, by address; empty ones too, which lie where others do.
pub(super) fn spans(map: &str) -> Vec<Span<'_>> {
    let mut spans = Vec::new();
    let mut loaded = false;
    for line in map.lines() {
        let (Some(start), Some(size)) = (number(line, 0..16), number(line, 34..42)) else {
            continue;
        };
        let begins_at = |column: usize| line.as_bytes().get(column).is_some_and(|b| *b != b' ');
        if begins_at(OUTPUT) {
            // Debug information and copies of relocations have no address. Thread-local zeroes
            // share theirs with what follows.
            loaded = start != 0 && &line[OUTPUT..] != ".tbss";
        } else if begins_at(INPUT) && loaded {
            let (end, name) = (start + size, &line[INPUT..]);
            spans.push(Span { start, end, name });
        }
    }
    spans.sort_by_key(|span| span.start);
    spans
}

fn number(line: &str, columns: std::ops::Range<usize>) -> Option<u64> {
    u64::from_str_radix(line.get(columns)?.trim(), 16).ok()
}

impl Span<'_> {
    /// The file it comes from; none for what the linker makes, for example of equal strings.
    pub(super) fn file(&self) -> Option<&str> {
        let (file, _) = self.name.rsplit_once(":(")?;
        (file != "<internal>").then_some(file)
    }

    /// The function whose code or constants it holds, with its file, when its name says so.
    pub(super) fn function(&self, kind: &str) -> Option<(&str, &str)> {
        let (file, section) = self.name.rsplit_once(":(")?;
        let function = section.strip_prefix(kind)?.strip_suffix(')')?;
        Some((file, function))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaded_input_sections_are_read() {
        let map = "             VMA              LMA     Size Align Out     In      Symbol\n\
            \x20            2a8              2a8       1c     1 .interp\n\
            \x20            2a8              2a8       1c     1         <internal>:(.interp)\n\
            \x20           1000             1000       30    16 .text\n\
            \x20           1010             1010       20    16         b.o:(.text.b)\n\
            \x20           1010             1010        0     1                 b\n\
            \x20           1000             1000       10    16         a.o:(.text.a)\n\
            \x20           1010             1010        0    16         c.o:(.text.c)\n\
            \x20              0                0       99     1 .debug_info\n\
            \x20              0                0       99     1         a.o:(.debug_info)\n";
        let span = |start, end, name| Span { start, end, name };
        let spans = spans(map);
        assert_eq!(
            spans,
            [
                span(0x2a8, 0x2c4, "<internal>:(.interp)"),
                span(0x1000, 0x1010, "a.o:(.text.a)"),
                span(0x1010, 0x1030, "b.o:(.text.b)"),
                span(0x1010, 0x1010, "c.o:(.text.c)"),
            ]
        );
        assert_eq!(spans[0].file(), None);
        assert_eq!(spans[1].file(), Some("a.o"));
        assert_eq!(spans[1].function(".text."), Some(("a.o", "a")));
        assert_eq!(spans[1].function(".rodata."), None);
    }
}
