use ifc::prelude::*;

#[resource]
static WEEKS: Bucket = Bucket::new("weeks").expire("tmp/", hours(36));

#[resource]
static NOWHERE: Bucket = Bucket::new("nowhere").expire("/tmp", days(1));

#[resource]
static FILES: Bucket = Bucket::new("files");

#[resource]
static JOBS: Queue<u64> = Queue::new("jobs");

#[on_created(FILES, prefix = "a//")]
async fn no_such_keys(created: ObjectCreated) {
    let _ = created.key;
}

#[on_created(JOBS)]
async fn of_a_queue(created: ObjectCreated) {
    let _ = created.key;
}

#[on_deleted(FILES)]
async fn takes_the_other_event(created: ObjectCreated) {
    let _ = created.key;
}

static LOOSE: Bucket = Bucket::new("loose");

async fn undeclared() -> Result<()> {
    LOOSE.delete("a").await?;
    Ok(())
}

fn main() {
    let _ = undeclared;
}
