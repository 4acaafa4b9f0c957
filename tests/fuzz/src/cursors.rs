//! Pages of a query: all pages together are the query's result, whatever the size of the pages and
//! whatever is written meanwhile beyond the cursor; a text that is no cursor is refused.

use crate::draw::Draw;
use crate::shop::{self, TABLE, item};
use ifc_runtime::ErrorKind;
use ifc_runtime::table::{Consistency, KeyValue, Query, TableOperations as _};

/// Paging loses and doubles nothing, and hostile cursors are errors.
pub fn check(bytes: &[u8]) {
    shop::with(|shop| {
        let draw = &mut Draw::from(bytes);
        let mut expected: Vec<String> = (0..draw.below(12))
            .map(|number| format!("{}{}", draw.text(), char::from(b'a' + number as u8)))
            .collect();
        for at in &expected {
            let put = shop
                .local
                .put(TABLE, item("home", at, Some("ada")), Vec::new());
            shop.run(put).expect("any text is a key");
        }
        let index = draw.chance().then(|| "by-who".to_owned());
        let mut query = Query {
            partition: KeyValue::String(if index.is_some() { "ada" } else { "home" }.to_owned()),
            index,
            sort: None,
            descending: draw.chance(),
            limit: 1 + draw.below(5) as u32,
            cursor: None,
            consistency: Consistency::Strong,
        };
        let mut found = Vec::new();
        let mut cursors = Vec::new();
        loop {
            let page = shop.run(shop.local.query(TABLE, query.clone()));
            let page = page.expect("a cursor of ours is good");
            found.extend(
                page.items
                    .iter()
                    .map(|item| item["at"].as_str().map(str::to_owned)),
            );
            assert!(found.len() <= expected.len(), "a page came twice");
            let Some(cursor) = page.cursor else { break };
            cursors.push(cursor.clone());
            query.cursor = Some(cursor);
        }
        if query.index.is_none() {
            expected.sort();
            if query.descending {
                expected.reverse();
            }
        }
        let mut found: Vec<String> = found.into_iter().flatten().collect();
        if query.index.is_some() {
            found.sort();
            expected.sort();
        }
        assert_eq!(found, expected);
        // Another query's cursor, a damaged one, and anything at all.
        let mut hostile = vec![String::from_utf8_lossy(draw.rest()).into_owned()];
        for cursor in cursors {
            let cut = cursor.len() / 2;
            hostile.push(cursor.get(..cut).unwrap_or_default().to_owned());
            hostile.push(cursor + "x");
        }
        for cursor in hostile {
            query.cursor = Some(cursor);
            if let Err(error) = shop.run(shop.local.query(TABLE, query.clone())) {
                assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            }
        }
    });
}
