mod typing_error {
    ifc::main!(targets = ["awz"]);
}

mod far_from_any {
    ifc::main!(targets = ["aws", "cloudfront"]);
}

mod twice {
    ifc::main!(targets = ["aws", "gcp", "aws"]);
}

mod none {
    ifc::main!(targets = []);
}

mod no_list {
    ifc::main!(targets = "aws");
}

mod no_literal {
    const CLOUD: &str = "aws";
    ifc::main!(targets = [CLOUD]);
}

mod other_knob {
    ifc::main!(target = ["aws"]);
}

mod no_knob {
    ifc::main!("aws");
}

fn main() {}
