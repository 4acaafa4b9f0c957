#[ifc::test(kind)]
async fn not_a_word() {}

#[ifc::test(sed = 7)]
async fn not_a_knob() {}

#[ifc::test(benign, seeds = 3)]
fn not_async() {}

fn main() {}
