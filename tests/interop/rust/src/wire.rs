//! The messages that are sent and read, and a call of any path: no protoc is needed.

use std::time::Duration;

use tonic::client::Grpc;
use tonic::codec::ProstCodec;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status, Streaming};

/// InjectRoute's and RemoveRoute's request; of another method's, a field more.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Route {
    #[prost(string, tag = "1")]
    pub destination: String,
    #[prost(string, tag = "2")]
    pub via_interface: String,
}

/// Their answer; of another method's, nothing but unknown fields.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Answer {
    #[prost(bool, tag = "1")]
    pub success: bool,
    #[prost(string, tag = "2")]
    pub error: String,
}

/// Nothing, or what is not looked at.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Whatever {}

/// The address, as tonic wants it.
pub fn endpoint(address: &str) -> Endpoint {
    Endpoint::from_shared(format!("http://{address}"))
        .expect("an address")
        .connect_timeout(Duration::from_secs(15))
}

/// A call with one message each way.
pub async fn unary(
    channel: &Channel,
    path: &str,
    request: Request<Route>,
) -> Result<Answer, Status> {
    let mut client = ready(channel).await?;
    let codec: ProstCodec<Route, Answer> = ProstCodec::default();
    client
        .unary(request, path_of(path), codec)
        .await
        .map(Response::into_inner)
}

/// A call that is answered by a stream.
pub async fn watch(channel: &Channel, path: &str) -> Result<Streaming<Whatever>, Status> {
    let mut client = ready(channel).await?;
    let codec: ProstCodec<Whatever, Whatever> = ProstCodec::default();
    client
        .server_streaming(Request::new(Whatever {}), path_of(path), codec)
        .await
        .map(Response::into_inner)
}

/// A call with streams both ways, of which nothing is sent.
pub async fn talk(channel: &Channel, path: &str) -> Result<Streaming<Whatever>, Status> {
    let mut client = ready(channel).await?;
    let codec: ProstCodec<Whatever, Whatever> = ProstCodec::default();
    let silence = tokio_stream::pending();
    client
        .streaming(Request::new(silence), path_of(path), codec)
        .await
        .map(Response::into_inner)
}

async fn ready(channel: &Channel) -> Result<Grpc<Channel>, Status> {
    let mut client = Grpc::new(channel.clone());
    // As the code does that tonic-build makes.
    client
        .ready()
        .await
        .map_err(|error| Status::unknown(format!("Service was not ready: {error:?}")))?;
    Ok(client)
}

fn path_of(path: &str) -> PathAndQuery {
    path.parse().expect("a path")
}
