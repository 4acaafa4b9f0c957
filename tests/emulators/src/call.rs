//! What a request to AWS asks for, as far as faults need to know, and how its service refuses it.

/// A request, by what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service that it is signed for: `sqs`, `apigateway`. Empty when it is not signed.
    pub service: String,
    /// The operation (`CreateQueue`) where the protocol names it; else method and path
    /// (`PUT /bucket/key`), without the query.
    pub operation: String,
    protocol: Protocol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Json,
    Query,
    RestJson,
    RestXml,
}

/// An answer that says no, in the words of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Call {
    /// Reads the head of a request, and its body where that names the operation.
    pub(crate) fn read(head: &[String], body: &[u8]) -> Call {
        let first = head.first().map(String::as_str).unwrap_or_default();
        let (method, rest) = first.split_once(' ').unwrap_or((first, ""));
        let target = rest.split(' ').next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let service = signed_for(&header(head, "authorization").unwrap_or_default())
            .or_else(|| signed_for(query))
            .unwrap_or_default();
        let (protocol, operation) = if let Some(target) = header(head, "x-amz-target") {
            let name = target.rsplit('.').next().unwrap_or_default();
            (Protocol::Json, name.to_owned())
        } else if let Some(action) = action(body).filter(|_| method == "POST" && path == "/") {
            (Protocol::Query, action)
        } else {
            let protocol = match service.as_str() {
                "s3" => Protocol::RestXml,
                _ => Protocol::RestJson,
            };
            (protocol, format!("{method} {path}"))
        };
        Call {
            service,
            operation,
            protocol,
        }
    }

    /// That there are too many requests.
    pub(crate) fn throttled(&self) -> Refusal {
        let (status, code) = match (self.service.as_str(), self.protocol) {
            ("s3", _) => (503, "SlowDown"),
            ("sqs", _) => (400, "RequestThrottled"),
            ("lambda" | "apigateway", _) => (429, "TooManyRequestsException"),
            (_, Protocol::RestJson) => (429, "ThrottlingException"),
            (_, Protocol::Query) => (400, "Throttling"),
            _ => (400, "ThrottlingException"),
        };
        self.refusal(status, code, "Rate exceeded")
    }

    /// That the service has failed.
    pub(crate) fn failed(&self) -> Refusal {
        let (status, code) = match (self.service.as_str(), self.protocol) {
            ("s3", _) => (500, "InternalError"),
            ("lambda", _) => (500, "ServiceException"),
            (_, Protocol::RestJson | Protocol::RestXml) => (500, "InternalServerException"),
            (_, Protocol::Query | Protocol::Json) => (500, "InternalFailure"),
        };
        self.refusal(status, code, "We encountered an internal error")
    }

    /// That the credentials were good once.
    pub(crate) fn expired(&self) -> Refusal {
        let (status, code) = match (self.service.as_str(), self.protocol) {
            ("s3", _) => (400, "ExpiredToken"),
            ("sqs", _) | (_, Protocol::Query) => (403, "ExpiredToken"),
            (_, Protocol::Json) => (400, "ExpiredTokenException"),
            _ => (403, "ExpiredTokenException"),
        };
        let message = "The security token included in the request is expired";
        self.refusal(status, code, message)
    }

    /// That the account has as many of these as it may have.
    pub(crate) fn exceeded(&self) -> Refusal {
        let (status, code) = match (self.service.as_str(), self.protocol) {
            ("s3", _) => (400, "TooManyBuckets"),
            ("iam", _) => (409, "LimitExceeded"),
            ("sns", _) => (403, "TopicLimitExceeded"),
            ("scheduler", _) => (402, "ServiceQuotaExceededException"),
            ("lambda", _) => (400, "CodeStorageExceededException"),
            _ => (400, "LimitExceededException"),
        };
        self.refusal(status, code, "The account has reached its limit")
    }

    fn refusal(&self, status: u16, code: &str, message: &str) -> Refusal {
        let (headers, body) = match self.protocol {
            Protocol::Json => (
                vec!["content-type: application/x-amz-json-1.1".to_owned()],
                format!("{{\"__type\":\"{code}\",\"message\":\"{message}\"}}"),
            ),
            Protocol::RestJson => (
                vec![
                    "content-type: application/json".to_owned(),
                    format!("x-amzn-errortype: {code}"),
                ],
                format!("{{\"message\":\"{message}\"}}"),
            ),
            Protocol::Query => (
                vec!["content-type: text/xml".to_owned()],
                format!(
                    "<ErrorResponse><Error><Type>Receiver</Type><Code>{code}</Code>\
                     <Message>{message}</Message></Error>\
                     <RequestId>of-a-fault</RequestId></ErrorResponse>"
                ),
            ),
            Protocol::RestXml => (
                vec!["content-type: application/xml".to_owned()],
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
                     <Message>{message}</Message><RequestId>of-a-fault</RequestId></Error>"
                ),
            ),
        };
        Refusal {
            status,
            headers,
            body,
        }
    }
}

/// The value of a header, by its name in lower case.
pub(crate) fn header(head: &[String], wanted: &str) -> Option<String> {
    head.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case(wanted)
            .then(|| value.trim().to_owned())
    })
}

/// The service in `…Credential=KEY/DATE/REGION/SERVICE/aws4_request…`, also where the slashes are
/// escaped, as in a query.
fn signed_for(text: &str) -> Option<String> {
    let (_, scope) = text.split_once("Credential=")?;
    let scope = scope.replace("%2F", "/");
    let scope = scope.split([',', '&', ' ']).next()?;
    scope.split('/').nth(3).map(str::to_owned)
}

/// The operation in a form.
fn action(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let mut fields = text.split('&');
    fields.find_map(|field| field.strip_prefix("Action=").map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(service: &str, first: &str, target: &str, body: &str) -> Call {
        let mut head = vec![
            first.to_owned(),
            format!(
                "Authorization: AWS4-HMAC-SHA256 Credential=AK/20260101/eu-south-1/{service}/\
                 aws4_request, SignedHeaders=host, Signature=0"
            ),
        ];
        if !target.is_empty() {
            head.push(format!("X-Amz-Target: {target}"));
        }
        Call::read(&head, body.as_bytes())
    }

    #[test]
    fn each_service_refuses_in_its_own_words() {
        let cases = [
            (
                call("sqs", "POST / HTTP/1.1", "AmazonSQS.CreateQueue", "{}"),
                ("sqs", "CreateQueue", 400, "RequestThrottled"),
            ),
            (
                call(
                    "dynamodb",
                    "POST / HTTP/1.1",
                    "DynamoDB_20120810.GetItem",
                    "{}",
                ),
                ("dynamodb", "GetItem", 400, "ThrottlingException"),
            ),
            (
                call(
                    "iam",
                    "POST / HTTP/1.1",
                    "",
                    "Action=GetRole&Version=2010-05-08",
                ),
                ("iam", "GetRole", 400, "<Code>Throttling</Code>"),
            ),
            (
                call("s3", "PUT /bucket/key?acl HTTP/1.1", "", "Action=no"),
                ("s3", "PUT /bucket/key", 503, "<Code>SlowDown</Code>"),
            ),
        ];
        for (call, (service, operation, status, words)) in cases {
            assert_eq!((&*call.service, &*call.operation), (service, operation));
            let refusal = call.throttled();
            assert_eq!(refusal.status, status);
            assert!(refusal.body.contains(words), "{refusal:?}");
            assert_eq!(call.failed().status, 500);
            assert!(call.expired().body.contains("ExpiredToken"));
            assert!((400..410).contains(&call.exceeded().status));
        }
        let path = "GET /2015-03-31/functions/f HTTP/1.1";
        let refusal = call("lambda", path, "", "").throttled();
        assert_eq!(refusal.status, 429);
        let kind = "x-amzn-errortype: TooManyRequestsException".to_owned();
        assert!(refusal.headers.contains(&kind), "{refusal:?}");
    }

    #[test]
    fn a_signature_may_be_in_the_query_or_missing() {
        let first = "GET /b/k?X-Amz-Credential=AK%2F20260101%2Feu-south-1%2Fs3%2Faws4_request&a=b";
        let call = Call::read(&[format!("{first} HTTP/1.1")], b"");
        assert_eq!((&*call.service, &*call.operation), ("s3", "GET /b/k"));
        let call = Call::read(&["GET /x HTTP/1.1".to_owned()], b"");
        assert_eq!((&*call.service, &*call.operation), ("", "GET /x"));
    }
}
