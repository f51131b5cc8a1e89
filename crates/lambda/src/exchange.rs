use crate::failure::Failure;
use crate::{Environment, Keys, json};
use jiff::Timestamp;
use scaling::authentication::{Run, Signed, sign, verify};
use scaling::messages::Input;
use serde_json::Value;

/// The messages of an invocation by the state machine: the one that the function receives, and the one that it returns.
pub(crate) struct Exchange<'a> {
    keys: &'a Keys,
    run: Run<'a>,
    message: &'a Value,
    now: Timestamp,
}

impl<'a> Exchange<'a> {
    /// # Errors
    /// The event is not one of the state machine.
    pub(crate) fn new(
        environment: &'a Environment,
        event: &'a Value,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let input = Input::read(event).map_err(|source| Failure::Message { source })?;
        Ok(Self {
            keys: environment.keys()?,
            run: Run {
                cluster: &environment.cluster,
                host_group: environment.host_group.name(),
                execution: input.execution,
            },
            message: input.message,
            now,
        })
    }

    pub(crate) fn run(&self) -> Run<'a> {
        self.run
    }

    /// # Errors
    /// The message is refused.
    pub(crate) fn received<T: Signed>(&self) -> Result<T, Failure> {
        verify(self.message, self.run, self.now, &self.keys.message)
            .map_err(|source| Failure::MessageRefused { source })
    }

    /// # Errors
    /// The message cannot be serialized as JSON.
    pub(crate) fn signed<T: Signed>(&self, message: &T) -> Result<Value, Failure> {
        sign::<T>(json(message)?, self.run, self.now, &self.keys.message)
            .map_err(|source| Failure::MessageRefused { source })
    }
}
