use ifc::prelude::*;

#[resource]
static LETTERS: Queue<u64> = Queue::new("letters");

#[subscriber(LETTERS)]
async fn take(letter: u64) {
    let _ = letter;
}

fn main() {}
