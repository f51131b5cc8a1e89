use crate::tls::{Ca, InvalidCa};
use weka_types::{WekaApi, WekaProtocol};

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
    /// As *fetch* says it; nothing said is HTTPS with any certificate.
    ///
    /// # Errors
    /// [`InvalidCa`] if the certificates cannot be read: then no other certificate will do either.
    pub fn of(api: Option<&WekaApi>) -> Result<Self, InvalidCa> {
        Ok(match api {
            None => Self::default(),
            Some(WekaApi {
                protocol: WekaProtocol::Http,
                ..
            }) => Self::Http,
            Some(WekaApi { ca, .. }) => Self::Https {
                ca: ca.as_deref().map(Ca::from_pem).transpose()?,
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
    fn is_https_unless_it_is_said_otherwise_and_never_falls_back() {
        let of = |protocol, ca: Option<&str>| {
            let ca = ca.map(str::to_owned);
            Protocol::of(Some(&WekaApi { protocol, ca }))
        };
        assert_eq!(Protocol::of(None), Ok(Protocol::Https { ca: None }));
        assert_eq!(of(WekaProtocol::Https, None), Ok(Protocol::Https { ca: None }));
        assert_eq!(of(WekaProtocol::Http, None), Ok(Protocol::Http));
        assert_eq!(of(WekaProtocol::Https, Some("")), Err(InvalidCa::None));
    }
}
