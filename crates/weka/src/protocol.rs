use crate::tls::Ca;

/// How backends are spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// HTTPS, as Weka does by itself.
    Https {
        /// Whom to believe; none: any certificate, for Weka's own is self-signed.
        ca: Option<Ca>,
    },
    /// Plain HTTP: password and tokens cross the network in the clear.
    Http,
}

impl Default for Protocol {
    fn default() -> Self {
        Self::Https { ca: None }
    }
}

impl Protocol {
    pub(crate) fn scheme(&self) -> &'static str {
        match self {
            Self::Https { .. } => "https",
            Self::Http => "http",
        }
    }

    pub(crate) fn ca(&self) -> Option<&Ca> {
        match self {
            Self::Https { ca } => ca.as_ref(),
            Self::Http => None,
        }
    }
}
