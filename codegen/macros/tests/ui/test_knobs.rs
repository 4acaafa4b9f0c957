use ifc::test_kit::TestCloud;

#[ifc::test(kind)]
async fn not_a_word(_cloud: TestCloud) {}

#[ifc::test(sed = 7)]
async fn not_a_knob(_cloud: TestCloud) {}

#[ifc::test(seed = "seven")]
async fn not_a_number(_cloud: TestCloud) {}

#[ifc::test(benign, seeds = 3)]
fn not_async(_cloud: TestCloud) {}

fn main() {}
