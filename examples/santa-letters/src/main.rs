//! Letters to Santa: a spike of requests that a queue absorbs, a table with two indexes, and a
//! change stream that keeps the sack's list up to date.

#[cfg(test)]
mod tests;

use ifc::ChangeVersion;
use ifc::prelude::*;

/// A letter, as it is kept. A child may write again: the last letter counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
pub struct Letter {
    #[item(key)]
    pub id: String,
    #[item(index = "by-child")]
    pub child: String,
    #[item(index = "by-country")]
    pub country: String,
    #[item(index_sort = "by-country")]
    pub toy: String,
}

/// What lies in the sack for one letter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Item)]
pub struct Packed {
    #[item(key)]
    pub letter: String,
    #[item(index = "by-toy")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toy: Option<String>,
    /// The change of the letter that this follows from.
    pub seen: ChangeVersion,
}

// ANCHOR: resources
/// Takes in whatever arrives; two readers work it off.
#[resource]
pub static POST: Queue<Letter> = Queue::new("post");

#[resource]
pub static LETTERS: Table<Letter> = Table::new("letters").stream();

#[resource]
pub static SACK: Table<Packed> = Table::new("sack");
// ANCHOR_END: resources

// ANCHOR: intake
/// Answers as soon as the letter is safe. Nothing slow happens here.
#[post("/letters")]
async fn write(Json(letter): Json<Letter>) -> Result<StatusCode> {
    POST.send(&letter).id(&letter.id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Putting a letter twice changes nothing, so a second delivery does no harm.
#[consumer(POST, batch = 10, max_concurrency = 2)]
async fn read(letters: Batch<Letter>) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(letters.len());
    for letter in &*letters {
        outcomes.push(match LETTERS.put(&letter.body).await {
            Ok(()) => Outcome::Ack,
            Err(error) => Outcome::retry(error.to_string()),
        });
    }
    outcomes
}
// ANCHOR_END: intake

// ANCHOR: pack
/// Keeps the sack in step with the letters. Changes may come twice and in any order: one that is
/// older than what the sack knows is dropped.
#[on_change(LETTERS)]
async fn pack(change: Change<Letter>) -> Result<()> {
    let packed = Packed {
        letter: change.key,
        toy: change.new.map(|letter| letter.toy),
        seen: change.version.clone(),
    };
    let first = SACK.put(&packed).if_not_exists().await;
    if !first.as_ref().is_err_and(|error| error.is_conflict()) {
        return Ok(first?);
    }
    match SACK
        .put(&packed)
        .when(Packed::SEEN.lt(change.version))
        .await
    {
        Err(error) if error.is_conflict() => Ok(()),
        result => Ok(result?),
    }
}
// ANCHOR_END: pack

#[derive(Serialize)]
struct Count {
    toy: String,
    wanted: usize,
}

#[get("/toys/{toy}")]
async fn toys(Path(toy): Path<String>) -> Result<Json<Count>> {
    let wanted = SACK.query_index(Packed::BY_TOY, &toy).all().await?.len();
    Ok(Json(Count { toy, wanted }))
}

#[get("/children/{child}/letters")]
async fn of_child(Path(child): Path<String>) -> Result<Json<Vec<Letter>>> {
    let letters = LETTERS.query_index(Letter::BY_CHILD, &child).all().await?;
    Ok(Json(letters))
}

#[get("/countries/{country}/{toy}")]
async fn of_country(Path((country, toy)): Path<(String, String)>) -> Result<Json<usize>> {
    let wishes = LETTERS
        .query_index(Letter::BY_COUNTRY, &country)
        .sort_eq(&toy);
    Ok(Json(wishes.all().await?.len()))
}

#[delete("/letters/{id}")]
async fn withdraw(Path(id): Path<String>) -> Result<StatusCode> {
    LETTERS.delete(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

ifc::main!();
