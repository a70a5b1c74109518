//! Who wrote a file: an Ed25519 signature over the SHA-256 of every byte before the last line, uncompressed, behind a word that
//! keeps it from being taken for a signature of anything else.

use std::{fmt, str::FromStr};

use data_encoding::BASE64;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use rustls::pki_types::{PrivatePkcs8KeyDer, SubjectPublicKeyInfoDer, pem::PemObject as _};
use sha2::{Digest as _, Sha256};

/// What is signed begins with this.
const DOMAIN: &[u8] = b"duskwatch exchange file 1\0";

/// What stands before the 32 bytes of an Ed25519 key where a certificate authority would write it (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A hash of what was written or read so far.
#[derive(Clone, Debug)]
pub struct Seal(Sha256);

impl Default for Seal {
    fn default() -> Self {
        Self(Sha256::new_with_prefix(DOMAIN))
    }
}

impl Seal {
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

impl FromStr for Signature {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = BASE64.decode(text.as_bytes()).map_err(drop)?;
        bytes.try_into().map(Self).map_err(drop)
    }
}

/// An instance's own key. It is never shown.
pub struct PrivateKey(Ed25519KeyPair);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey")
    }
}

impl PrivateKey {
    /// Reads PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    /// In words, without what was read.
    pub fn from_pem(pem: &str) -> Result<Self, String> {
        let wrong = "must be an Ed25519 key in PEM: make one with openssl genpkey -algorithm ed25519 -out FILE";
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| wrong.to_owned())?;
        // What openssl writes does not repeat the public key.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()).map(Self).map_err(|_| wrong.to_owned())
    }

    pub fn public(&self) -> PublicKey {
        let bytes = self.0.public_key().as_ref();
        PublicKey(bytes.try_into().expect("an Ed25519 key has 32 bytes"))
    }

    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        Signature(self.0.sign(digest).as_ref().try_into().expect("an Ed25519 signature has 64 bytes"))
    }
}

/// By which an instance is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(&self.0))
    }
}

impl FromStr for PublicKey {
    type Err = String;

    /// As `duskwatch check` prints it, or as `openssl pkey -pubout` does, with or without the lines around it.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must be an Ed25519 public key: `duskwatch check` of that instance prints it".to_owned();
        let bytes = match SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()) {
            Ok(der) => der.as_ref().to_vec(),
            Err(_) => BASE64.decode(text.trim().as_bytes()).map_err(|_| wrong())?,
        };
        let raw = bytes.strip_prefix(&SPKI_PREFIX).unwrap_or(&bytes);
        raw.try_into().map(Self).map_err(|_| wrong())
    }
}

impl PublicKey {
    /// Whether the holder of the private key signed this hash.
    pub fn has_signed(&self, digest: &[u8; 32], signature: &Signature) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(digest, &signature.0).is_ok()
    }
}
