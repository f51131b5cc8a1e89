use super::Inventory;
use crate::error::{Context, Result, required_field};
use deployment::Account;
use tokio::sync::OnceCell;

#[derive(Debug, Default)]
pub(super) struct Cache {
    caller: OnceCell<(String, Account)>,
    account: OnceCell<Account>,
}

impl Cache {
    pub(super) fn of(account: &Account) -> Self {
        Self {
            caller: OnceCell::new(),
            account: OnceCell::new_with(Some(account.clone())),
        }
    }
}

impl Inventory<'_> {
    /// The account of the credentials.
    ///
    /// # Errors
    /// There are no credentials, or they are not valid.
    pub async fn account(&self) -> Result<&Account> {
        let account = self
            .sts
            .account
            .get_or_try_init(|| async { Ok(self.caller().await?.1.clone()) });
        account.await
    }

    /// The ARN of the credentials.
    ///
    /// # Errors
    /// As [`Self::account`].
    pub async fn caller_arn(&self) -> Result<&str> {
        Ok(&self.caller().await?.0)
    }

    async fn caller(&self) -> Result<&(String, Account)> {
        let caller = self.sts.caller.get_or_try_init(|| async {
            const OPERATION: &str = "sts GetCallerIdentity";
            let response = self.clients.sts.get_caller_identity().send().await;
            let arn = required_field(response.context(OPERATION)?.arn, OPERATION, "ARN")?;
            let account = Account::of_caller(&arn, &self.region);
            let account = required_field(account, OPERATION, "ARN of an account")?;
            Ok((arn, account))
        });
        caller.await
    }
}
