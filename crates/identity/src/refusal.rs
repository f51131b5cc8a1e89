/// Why a request to join is refused. The names are stable: logs and the metric `JoinRefused` show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    #[error("the request has no instance identity document")]
    NoIdentity,
    #[error("the request has no nonce of 32 bytes")]
    InvalidNonce,
    #[error("the identity document is not a signed document as EC2 issues it")]
    InvalidDocument,
    #[error("the identity document is not signed by EC2 in this region")]
    InvalidSignature,
    #[error("the identity document is of another account")]
    WrongAccount,
    #[error("the identity document is of another region")]
    WrongRegion,
    #[error("the instance started too long ago")]
    DocumentExpired,
    #[error("the instance starts in the future")]
    DocumentInFuture,
    #[error("the request does not come from the instance's private address")]
    WrongSource,
    #[error("EC2 does not list the instance")]
    UnknownInstance,
    #[error("the instance is neither pending nor running")]
    NotRunning,
    #[error("the instance was launched too long ago, or its root volume was replaced")]
    OldInstance,
    #[error("the instance has another private address than the identity document")]
    WrongAddress,
    #[error("the instance is in another VPC or subnet")]
    WrongNetwork,
    #[error("the instance has another instance profile")]
    WrongProfile,
    #[error("the instance is not a member of the Auto Scaling group")]
    NotMember,
    #[error("the instance was not launched from the group's launch template")]
    WrongTemplate,
    #[error("another request has joined as this instance")]
    Claimed,
    #[error("the instance has called too often")]
    TooManyTries,
}

impl Refusal {
    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoIdentity => "NoIdentity",
            Self::InvalidNonce => "InvalidNonce",
            Self::InvalidDocument => "InvalidDocument",
            Self::InvalidSignature => "InvalidSignature",
            Self::WrongAccount => "WrongAccount",
            Self::WrongRegion => "WrongRegion",
            Self::DocumentExpired => "DocumentExpired",
            Self::DocumentInFuture => "DocumentInFuture",
            Self::WrongSource => "WrongSource",
            Self::UnknownInstance => "UnknownInstance",
            Self::NotRunning => "NotRunning",
            Self::OldInstance => "OldInstance",
            Self::WrongAddress => "WrongAddress",
            Self::WrongNetwork => "WrongNetwork",
            Self::WrongProfile => "WrongProfile",
            Self::NotMember => "NotMember",
            Self::WrongTemplate => "WrongTemplate",
            Self::Claimed => "Claimed",
            Self::TooManyTries => "TooManyTries",
        }
    }
}
