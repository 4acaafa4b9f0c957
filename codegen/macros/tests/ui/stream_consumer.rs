use ifc::prelude::*;

#[derive(Serialize, Deserialize)]
struct Reading {
    watts: u64,
}

#[resource]
static METERS: Stream<Reading> = Stream::new("meters");

#[resource]
static KEPT: Stream<Reading> = Stream::new("kept").retention(days(400));

#[resource]
static JOBS: Queue<Reading> = Queue::new("jobs");

#[stream_consumer(JOBS)]
async fn of_a_queue(reading: Reading) {
    let _ = reading.watts;
}

#[stream_consumer(METERS, batch = 501)]
async fn too_many(readings: Batch<Reading>) {
    let _ = readings.len();
}

async fn appends() -> Result<()> {
    METERS.append("m-1", &7_u64).await?;
    Ok(())
}

fn main() {}
