//! Calls made as somebody: a deployed unit's role, whose signature and permissions are checked.

use crate::cloud::{ACCOUNT, Answer, Cloud, REGION, http, within};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use serde_json::json;
use std::time::SystemTime;

/// The credentials of a role, for as long as a test runs.
pub(crate) struct Identity {
    credentials: Credentials,
}

impl Identity {
    /// The root user takes the role, which only a service may: it is let for a moment.
    pub(crate) fn of_role(cloud: &Cloud, role: &str) -> Identity {
        let form = format!("Action=GetRole&Version=2010-05-08&RoleName={role}");
        let found = cloud.query("iam", &form);
        let trust = unescaped(&within(&found, "AssumeRolePolicyDocument").remove(0));
        let root = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") },
                "Action": "sts:AssumeRole"
            }]
        });
        trusting(cloud, role, &root.to_string());
        let arn = escaped(&format!("arn:aws:iam::{ACCOUNT}:role/{role}"));
        let form =
            format!("Action=AssumeRole&Version=2011-06-15&RoleArn={arn}&RoleSessionName=test");
        let answer = cloud.query("sts", &form);
        trusting(cloud, role, &trust);
        let text = |element: &str| within(&answer, element).remove(0);
        Identity {
            credentials: Credentials::new(
                text("AccessKeyId"),
                text("SecretAccessKey"),
                Some(text("SessionToken")),
                None,
                "test",
            ),
        }
    }

    /// What the emulator answers to a signed request.
    pub(crate) fn ask(&self, cloud: &Cloud, call: &Call) -> Answer {
        let port = cloud.emulator.port();
        let host = format!("127.0.0.1:{port}");
        let uri = format!("http://{host}{}", call.path);
        let identity = self.credentials.clone().into();
        let parameters = SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name(call.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let mut headers: Vec<(String, String)> = call.headers.clone();
        headers.push(("host".to_owned(), host.clone()));
        let signable = SignableRequest::new(
            call.method,
            uri,
            headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(call.body.as_bytes()),
        );
        let (instructions, _) = sign(signable.unwrap(), &parameters).unwrap().into_parts();
        let mut lines: Vec<String> = call
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        for (name, value) in instructions.headers() {
            lines.push(format!("{name}: {value}"));
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let request = format!("{} {}", call.method, call.path);
        http(port, &host, &request, &lines, &call.body)
    }
}

fn trusting(cloud: &Cloud, role: &str, document: &str) {
    let document = escaped(document);
    cloud.query(
        "iam",
        &format!(
            "Action=UpdateAssumeRolePolicy&Version=2010-05-08&RoleName={role}\
             &PolicyDocument={document}"
        ),
    );
}

/// As a value of a form.
pub(crate) fn escaped(text: &str) -> String {
    let escaped = text.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    escaped.collect()
}

/// Without the escapes of XML and of URLs.
pub(crate) fn unescaped(text: &str) -> String {
    let text = text.replace("&quot;", "\"").replace("&amp;", "&");
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let code = others.get(..2).filter(|_| *first == b'%');
        let code =
            code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[2..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// A request, before it is signed.
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn json(service: &'static str, target: &str, body: String) -> Call {
        let version = match service {
            "dynamodb" | "sqs" => "1.0",
            _ => "1.1",
        };
        Call {
            service,
            method: "POST",
            path: "/".to_owned(),
            headers: vec![
                (
                    "content-type".to_owned(),
                    format!("application/x-amz-json-{version}"),
                ),
                ("x-amz-target".to_owned(), target.to_owned()),
            ],
            body,
        }
    }

    pub(crate) fn query(service: &'static str, body: String) -> Call {
        Call {
            service,
            method: "POST",
            path: "/".to_owned(),
            headers: vec![(
                "content-type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            )],
            body,
        }
    }

    pub(crate) fn rest(service: &'static str, method: &'static str, path: String) -> Call {
        Call {
            service,
            method,
            path,
            headers: Vec::new(),
            body: String::new(),
        }
    }
}
