//! Answers the challenges of a camera that asks for a login (RFC 7616, RFC 7617).

use std::fmt;

use http_auth::digest::Algorithm;
use http_auth::{ChallengeParser, PasswordClient, PasswordParams};

use super::address::Login;

/// How often the same challenge is answered again because its number was too old.
const MAX_STALE: usize = 3;

/// Logs a user in. Its `Debug` shows no login.
pub(crate) struct Authenticator {
    login: Login,
    client: Option<PasswordClient>,
    /// The index of the challenge that is answered, among those that the camera gives.
    chosen: usize,
    /// The challenges that were answered since the last success.
    answered: usize,
}

/// Why a challenge cannot be answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LoginFailure {
    /// The camera has refused an answer to each of its challenges.
    Wrong,
    /// No challenge is of a known kind. The text describes the first one.
    Unknown(String),
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticator").finish_non_exhaustive()
    }
}

impl Authenticator {
    pub(crate) fn new(login: Login) -> Self {
        Self { login, client: None, chosen: 0, answered: 0 }
    }

    /// Chooses one of the challenges of a refusal (the values of its `WWW-Authenticate` lines). After that, the request can be
    /// sent again.
    ///
    /// Digests come before basic logins, which show the password to the network, and are never replaced by them. If the
    /// camera gives several digests and refuses the answer to one of them, the next one is chosen.
    pub(crate) fn challenge(&mut self, values: &[String]) -> Result<(), LoginFailure> {
        let (clients, fault) = clients(values);
        let stale =
            values.iter().any(|value| value.to_ascii_lowercase().replace('"', "").contains("stale=true"));
        if self.answered > 0 && !(stale && self.answered < MAX_STALE) {
            self.chosen += 1;
        }
        self.answered += 1;
        if clients.is_empty() {
            return Err(LoginFailure::Unknown(fault.unwrap_or_else(|| "no challenge".into())));
        }
        self.client = clients.into_iter().nth(self.chosen);
        if self.client.is_some() { Ok(()) } else { Err(LoginFailure::Wrong) }
    }

    /// Notes that the camera has accepted an answer.
    pub(crate) fn succeed(&mut self) {
        self.answered = 0;
    }

    /// Returns the value of the `Authorization` line of a request, or `None` if the camera has not asked for a login yet. The
    /// error describes a challenge that cannot be answered.
    pub(crate) fn authorization(&mut self, method: &str, uri: &str) -> Option<Result<String, String>> {
        let client = self.client.as_mut()?;
        let params = PasswordParams {
            username: &self.login.user,
            password: &self.login.password,
            uri,
            method,
            body: Some(&[]),
        };
        let mut answer = match client.respond(&params) {
            Ok(answer) => answer,
            Err(what) => return Some(Err(what)),
        };
        // Without its name, the camera takes the answer for one by MD5.
        if let PasswordClient::Digest(digest) = client
            && let Some(name) = algorithm_name(digest.algorithm())
            && !answer.contains("algorithm=")
        {
            answer.extend([", algorithm=", name]);
        }
        Some(Ok(answer))
    }
}

/// Returns the name of an algorithm other than MD5.
fn algorithm_name(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Sha256 => Some("SHA-256"),
        Algorithm::Sha512Trunc256 => Some("SHA-512-256"),
        _ => None,
    }
}

/// Returns the challenges that can be answered, and the fault of the first one that cannot.
fn clients(values: &[String]) -> (Vec<PasswordClient>, Option<String>) {
    let mut clients = Vec::new();
    let mut fault = None;
    for value in values {
        for challenge in ChallengeParser::new(value) {
            let client = challenge.map_err(|e| e.to_string()).and_then(|challenge| (&challenge).try_into());
            match client {
                Ok(client) => clients.push(client),
                Err(what) => {
                    fault.get_or_insert(what);
                }
            }
        }
    }
    if clients.iter().any(|client| matches!(client, PasswordClient::Digest(_))) {
        clients.retain(|client| matches!(client, PasswordClient::Digest(_)));
    }
    (clients, fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = r#"Digest realm="cam", nonce="a1", algorithm="SHA-256", stale="FALSE""#;
    const MD5: &str = r#"Digest realm="cam", nonce="a1", algorithm=MD5"#;
    const BASIC: &str = r#"Basic realm="cam""#;

    fn user() -> Authenticator {
        Authenticator::new(Login { user: "ana".into(), password: "s3cret".into() })
    }

    fn answer(user: &mut Authenticator) -> String {
        user.authorization("DESCRIBE", "rtsp://cam/").expect("a challenge").expect("an answer")
    }

    #[test]
    fn the_algorithm_is_named() {
        let mut user = user();
        assert!(user.authorization("DESCRIBE", "rtsp://cam/").is_none());
        user.challenge(&[SHA.into(), MD5.into()]).unwrap();
        assert!(answer(&mut user).ends_with(", algorithm=SHA-256"), "{}", answer(&mut user));
    }

    #[test]
    fn the_next_digest_follows_a_refused_one_but_never_a_basic_login() {
        let mut user = user();
        let all = [BASIC.into(), format!("{SHA}, {MD5}")];
        user.challenge(&all).unwrap();
        assert!(answer(&mut user).contains("SHA-256"));
        user.challenge(&all).unwrap();
        assert!(answer(&mut user).starts_with("Digest ") && !answer(&mut user).contains("SHA-256"));
        assert_eq!(user.challenge(&all), Err(LoginFailure::Wrong));
    }

    #[test]
    fn an_accepted_answer_is_the_choice_of_later_requests() {
        let mut user = user();
        let all = [SHA.into(), MD5.into()];
        user.challenge(&all).unwrap();
        user.challenge(&all).unwrap();
        user.succeed();
        user.challenge(&all).unwrap();
        assert!(!answer(&mut user).contains("SHA-256"));
    }

    #[test]
    fn a_number_that_is_too_old_is_not_a_wrong_password() {
        let mut user = user();
        let stale = [MD5.replace("algorithm", "stale=TRUE, algorithm")];
        for _ in 0..3 {
            user.challenge(&stale).unwrap();
        }
        assert_eq!(user.challenge(&stale), Err(LoginFailure::Wrong));
    }

    #[test]
    fn an_unknown_kind_is_named() {
        let failure = user().challenge(&["Negotiate".into()]).unwrap_err();
        assert!(matches!(failure, LoginFailure::Unknown(what) if what.contains("Negotiate")));
        assert!(!format!("{:?}", user()).contains("ana"));
    }
}
