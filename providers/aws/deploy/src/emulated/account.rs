//! Whose the emulator thinks one is.

use super::{account, cloud};

#[tokio::test]
async fn the_account_is_asked_for() {
    let Some(models) = cloud("whose an account is") else {
        return;
    };
    let account = account(&models.endpoint(), 42).await;
    assert_eq!(account.number(), "000000000042");
    assert_eq!(account.region(), "eu-west-1");
    assert_eq!(account.partition(), "aws");
    assert_eq!(account.endpoint(), Some(models.endpoint().as_str()));
}
