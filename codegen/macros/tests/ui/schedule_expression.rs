use ifc::prelude::*;

const TOO_OFTEN: &str = "* * * * * *";

#[schedule("0 25 * * *")]
async fn hour() {}

#[schedule(TOO_OFTEN)]
async fn constant() {}

#[schedule(every = minutes(7))]
async fn rate() {}

#[schedule]
async fn never() {}

#[schedule("0 3 * * *", every = minutes(5))]
async fn both() {}

#[schedule("0 3 * * *", retries = 200)]
async fn retries() {}

fn main() {}
