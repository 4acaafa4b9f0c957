//! Records are read out of object files that the `object` crate writes, so that every format and
//! architecture is covered on any machine.

use super::*;
use ifc_manifest::format::{DESCRIPTOR_MAGIC, Encoder};
use object::write::{Object, StandardSegment};
use object::{Architecture, BinaryFormat, Endianness, SectionKind};
use std::fs;

/// `ifc::main!()` of package `shop`, as the macros write it: counted, then written.
fn application() -> Vec<u8> {
    const fn encoded<const N: usize>() -> Encoder<N> {
        let mut encoder = Encoder::new();
        encoder
            .map()
            .text_entry("record", "application")
            .text_entry("package", "shop")
            .text_entry("version", "0.1.0")
            .text_entry("file", "src/main.rs")
            .uint_entry("line", 1)
            .uint_entry("column", 1)
            .uint_entry("length", 4)
            .end();
        encoder
    }
    const LENGTH: usize = encoded::<0>().length();
    encoded::<LENGTH>().into_bytes().to_vec()
}

fn record(body: &[u8]) -> Vec<u8> {
    let mut bytes = DESCRIPTOR_MAGIC.to_vec();
    bytes.extend([0; 4]);
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(body);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

fn object_file(
    format: BinaryFormat,
    architecture: Architecture,
    section: &str,
    content: &[u8],
) -> Vec<u8> {
    let mut object = Object::new(format, architecture, Endianness::Little);
    let segment = object.segment_name(StandardSegment::Data).to_vec();
    let section = object.add_section(segment, section.as_bytes().to_vec(), SectionKind::Data);
    object.append_section_data(section, content, 8);
    object.write().unwrap()
}

fn elf(section: &str, content: &[u8]) -> Vec<u8> {
    object_file(BinaryFormat::Elf, Architecture::X86_64, section, content)
}

fn read(bytes: &[u8]) -> Result<Vec<ArtifactRecord>, Reason> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shop");
    fs::write(&path, bytes).unwrap();
    executable_records(&path).map_err(|error| {
        assert!(error.to_string().contains("shop`"), "{error}");
        error.reason
    })
}

#[test]
fn every_format_and_architecture() {
    for (format, architecture, section) in [
        (BinaryFormat::Elf, Architecture::X86_64, "ifc1_desc"),
        (BinaryFormat::Elf, Architecture::Aarch64, "ifc1_desc"),
        (BinaryFormat::Elf, Architecture::Riscv64, "ifc1_desc"),
        (BinaryFormat::MachO, Architecture::Aarch64, "__ifc1_desc"),
    ] {
        let bytes = object_file(format, architecture, section, &record(&application()));
        let records = read(&bytes).unwrap();
        assert_eq!(records.len(), 1, "{format:?} {architecture:?}");
        assert_eq!(records[0].descriptor.as_ref().unwrap().package(), "shop");
    }
}

#[test]
fn a_record_that_stands_twice_is_one() {
    let content = [record(&application()), record(&application())].concat();
    assert_eq!(read(&elf("ifc1_desc", &content)).unwrap().len(), 1);
}

#[test]
fn what_is_not_an_artifact_of_ours() {
    assert!(matches!(read(b"#!/bin/sh\n"), Err(Reason::NotAnObject(_))));
    assert!(matches!(read(b""), Err(Reason::NotAnObject(_))));
    assert!(matches!(
        read(&elf("other", b"12345678")),
        Err(Reason::NoSection)
    ));
    let whole = elf("ifc1_desc", &record(&application()));
    assert!(matches!(read(&whole[..40]), Err(Reason::NotAnObject(_))));
    let missing = executable_records(Path::new("/nonexistent/shop")).unwrap_err();
    assert!(matches!(missing.reason, Reason::Unreadable(_)));
}

#[test]
fn other_formats_are_named() {
    let newer = elf("ifc2_desc", &record(&application()));
    assert!(matches!(read(&newer), Err(Reason::Format { found: 2 })));
    let mut content = record(&application());
    content[7] = 3;
    assert!(matches!(
        read(&elf("ifc1_desc", &content)),
        Err(Reason::Format { found: 3 })
    ));
}

#[test]
fn damage_is_never_skipped() {
    let good = record(&application());
    let cut = elf("ifc1_desc", &good[..good.len() - 8]);
    assert!(matches!(read(&cut), Err(Reason::Records(_))));
    let noise = [&good[..], b"noise!!!"].concat();
    assert!(matches!(
        read(&elf("ifc1_desc", &noise)),
        Err(Reason::Records(_))
    ));

    // A readable record of an unreadable declaration is kept, for a finding of its own.
    let records = read(&elf("ifc1_desc", &record(&[0xbf, 0xff]))).unwrap();
    assert!(records[0].descriptor.is_err());
}

/// A System V archive, as rustc writes libraries.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, data) in members {
        bytes.extend(
            format!(
                "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
                0,
                0,
                0,
                644,
                data.len()
            )
            .bytes(),
        );
        bytes.extend(*data);
        if data.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

fn read_library(members: &[(&str, &[u8])]) -> Result<LibraryRecords, ArtifactError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("libshop.rlib");
    fs::write(&path, archive(members)).unwrap();
    library_records(&path)
}

#[test]
fn libraries_are_archives_of_objects() {
    let object = elf("ifc1_desc", &record(&application()));
    let other = elf("other", b"12345678");
    let found = read_library(&[
        ("lib.rmeta/", b"odd"),
        ("a.rcgu.o/", &other),
        ("b.rcgu.o/", &object),
    ])
    .unwrap();
    let LibraryRecords::Found(records) = found else {
        panic!("{found:?}");
    };
    assert_eq!(records.len(), 1);

    let found = read_library(&[("a.rcgu.o/", b"BC\xC0\xDE....")]).unwrap();
    assert_eq!(found, LibraryRecords::Bitcode);
    assert!(read_library(&[("a.rcgu.o/", b"nonsense")]).is_err());
}
