//! Trait objects: made in the handler, lazily, in a state; with one method and with several.

use crate::resources::*;
use async_trait::async_trait;
use ifc::prelude::*;
use std::any::Any;
use std::sync::{Arc, LazyLock, OnceLock};

#[async_trait]
trait Notify: Send + Sync {
    async fn notify(&self, number: u64) -> Result<()>;
}

struct ByEmail;
struct ByAudit;
struct ByBoth(Vec<Box<dyn Notify>>);

#[async_trait]
impl Notify for ByEmail {
    async fn notify(&self, number: u64) -> Result<()> {
        EMAILS.send(&job(number)).await?;
        Ok(())
    }
}

#[async_trait]
impl Notify for ByAudit {
    async fn notify(&self, _: u64) -> Result<()> {
        ifc_corpus_library::note("notified").await
    }
}

#[async_trait]
impl Notify for ByBoth {
    async fn notify(&self, number: u64) -> Result<()> {
        for each in &self.0 {
            each.notify(number).await?;
        }
        Ok(())
    }
}

#[inline(never)]
async fn tell(by: &dyn Notify, number: u64) -> Result<()> {
    by.notify(number).await
}

//= emails.send
#[function]
async fn object_in_the_handler(draw: Draw) -> Result<()> {
    let by: Box<dyn Notify> = Box::new(ByEmail);
    tell(&*by, draw.number).await
}

//= audit.send
#[function]
async fn object_of_another_impl(draw: Draw) -> Result<()> {
    let by: Arc<dyn Notify> = Arc::new(ByAudit);
    tell(&*by, draw.number).await
}

//= audit.send, emails.send
#[function]
async fn object_of_either(draw: Draw) -> Result<()> {
    let by: Box<dyn Notify> = match draw.even() {
        true => Box::new(ByEmail),
        false => Box::new(ByAudit),
    };
    tell(&*by, draw.number).await
}

//= audit.send, emails.send
#[function]
async fn objects_in_an_object(draw: Draw) -> Result<()> {
    let both = ByBoth(vec![Box::new(ByEmail), Box::new(ByAudit)]);
    tell(&both, draw.number).await
}

//=
#[function]
async fn object_without_members(draw: Draw) -> Result<()> {
    tell(&ByBoth(Vec::new()), draw.number).await
}

static LAZY: LazyLock<Box<dyn Notify>> = LazyLock::new(|| Box::new(ByEmail));

//= emails.send
#[function]
async fn object_in_a_lazy_lock(draw: Draw) -> Result<()> {
    tell(&**LAZY, draw.number).await
}

static ONCE: OnceLock<Arc<dyn Notify>> = OnceLock::new();

//= audit.send
#[function]
async fn object_in_a_once_lock(draw: Draw) -> Result<()> {
    tell(&**ONCE.get_or_init(|| Arc::new(ByAudit)), draw.number).await
}

static CONSTANT: &(dyn Notify + Sync) = &ByEmail;

//= emails.send
#[function]
async fn object_in_a_static(draw: Draw) -> Result<()> {
    tell(CONSTANT, draw.number).await
}

//= emails.send
#[function]
async fn object_found_by_downcast(draw: Draw) -> Result<()> {
    let any: Box<dyn Any + Send + Sync> = std::hint::black_box(Box::new(ByEmail));
    match any.downcast::<ByEmail>() {
        Ok(by) => by.notify(draw.number).await,
        Err(_) => Ok(()),
    }
}

trait Base: Send + Sync {
    fn start(&self, number: u64);
}

trait Derived: Base {
    fn name(&self) -> &'static str;
}

struct Station;

impl Base for Station {
    fn start(&self, number: u64) {
        detach(async move { JOBS.send(&job(number)).await });
    }
}

impl Derived for Station {
    fn name(&self) -> &'static str {
        "station"
    }
}

//= jobs.send
#[function]
async fn object_cast_to_its_base(draw: Draw) -> Result<()> {
    let derived: Box<dyn Derived> = std::hint::black_box(Box::new(Station));
    tracing::debug!(name = derived.name());
    let base: Box<dyn Base> = derived;
    base.start(draw.number);
    Ok(())
}

trait Two: Send + Sync {
    fn one(&self);
    fn two(&self);
}

struct Pair;

impl Two for Pair {
    fn one(&self) {
        detach(async { JOBS.send(&job(1)).await });
    }

    fn two(&self) {
        detach(async { RETURNS.send(&job(2)).await });
    }
}

// A table of methods is one constant.
//= jobs.send
//~ wider: returns.send because methods-of-one-object
#[function]
async fn one_method_of_two(_: Draw) -> Result<()> {
    let two: Box<dyn Two> = std::hint::black_box(Box::new(Pair));
    two.one();
    Ok(())
}

//= jobs.send, returns.send
#[function]
async fn both_methods(draw: Draw) -> Result<()> {
    let two: Box<dyn Two> = std::hint::black_box(Box::new(Pair));
    match draw.even() {
        true => two.one(),
        false => two.two(),
    }
    Ok(())
}

//= jobs.send
#[function]
async fn method_without_an_object(_: Draw) -> Result<()> {
    Pair.one();
    Ok(())
}
