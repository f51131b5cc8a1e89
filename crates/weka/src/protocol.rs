use crate::tls::{Ca, InvalidCa};
use weka_types::{WekaApi, WekaProtocol};

/// The protocol and the trusted certificates of the backends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// Weka's default.
    Https {
        /// `None` accepts any certificate, because Weka's own is self-signed.
        ca: Option<Ca>,
    },
    /// The password and the tokens cross the network unencrypted.
    Http,
}

impl Default for Protocol {
    fn default() -> Self {
        Self::Https { ca: None }
    }
}

impl Protocol {
    /// Converts the setting. The default is HTTPS with any certificate.
    ///
    /// # Errors
    /// [`InvalidCa`] if the certificates cannot be read. There is no fallback to any other certificate.
    pub fn new(api: &WekaApi) -> Result<Self, InvalidCa> {
        Ok(match api.protocol {
            WekaProtocol::Http => Self::Http,
            WekaProtocol::Https => Self::Https {
                ca: api.ca.as_deref().map(Ca::from_pem).transpose()?,
            },
        })
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_the_default_without_a_fallback() {
        let protocol = |protocol, ca: Option<&str>| {
            let ca = ca.map(str::to_owned);
            Protocol::new(&WekaApi { protocol, ca })
        };
        assert_eq!(
            Protocol::new(&WekaApi::default()),
            Ok(Protocol::Https { ca: None })
        );
        assert_eq!(
            protocol(WekaProtocol::Https, None),
            Ok(Protocol::Https { ca: None })
        );
        assert_eq!(protocol(WekaProtocol::Http, None), Ok(Protocol::Http));
        assert_eq!(protocol(WekaProtocol::Https, Some("")), Err(InvalidCa::None));
    }
}
