use super::Inventory;
use crate::error::{Context, Error, Result};
use crate::error_codes::ignore_not_found;
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use deployment::{FunctionType, HostGroup};
use tokio::sync::OnceCell;

#[derive(Debug, Default)]
pub(super) struct Cache {
    functions: [OnceCell<Option<GetFunctionOutput>>; FunctionType::ALL.len()],
}

impl Cache {
    fn function(&self, function: FunctionType) -> &OnceCell<Option<GetFunctionOutput>> {
        let [join, fetch, scale, terminate, transient] = &self.functions;
        match function {
            FunctionType::Join => join,
            FunctionType::Fetch => fetch,
            FunctionType::Scale => scale,
            FunctionType::Terminate => terminate,
            FunctionType::Transient => transient,
        }
    }
}

impl Inventory<'_> {
    pub(crate) async fn function(
        &self,
        group: HostGroup,
        function: FunctionType,
    ) -> Result<Option<&GetFunctionOutput>> {
        const OPERATION: &str = "lambda GetFunction";
        let found = self
            .lambda
            .of(group)
            .function(function)
            .get_or_try_init(|| async {
                let request = self.clients.lambda.get_function();
                let response = request
                    .function_name(self.names.function(group, function))
                    .send()
                    .await;
                let found = ignore_not_found(response.context(OPERATION))?;
                // Hazard: without its tags, the function would look foreign.
                match found.as_ref().and_then(|found| found.tags_error()) {
                    Some(error) => {
                        let message = format!("no tags: {}", error.message());
                        Err(Error::invalid_state(OPERATION, message))
                    }
                    None => Ok(found),
                }
            });
        Ok(found.await?.as_ref())
    }
}
