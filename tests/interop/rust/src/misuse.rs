//! Opens many connections, a few at one time, and does on each what a client should not:
//! what, and for how long, a seed decides. It writes a line of JSON when it is over: how
//! many connections did what, e.g. {"missing":210,"deadlines":195,…}.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tonic::transport::Channel;
use tonic::Request;

use crate::random::Random;
use crate::wire::{endpoint, talk, unary, watch, Route};

const WORKERS: usize = 16;
/// More than the sidecar takes of any message.
const OVERSIZED: usize = 6_000_000;
const INJECT: &str = "/quilt.QuiltRuntime/InjectRoute";
/// Whatever a call waits for, it is over then.
const PATIENCE: Duration = Duration::from_secs(5);

const KINDS: [&str; 7] = [
    "missing",
    "wrong service",
    "deadlines",
    "cancelled",
    "watches",
    "oversized",
    "nothing",
];

struct Work {
    random: Random,
    left: usize,
    kinds: BTreeMap<&'static str, u64>,
}

pub async fn misuse(address: &str, connections: usize, seed: u64) {
    let work = Arc::new(Mutex::new(Work {
        random: Random::new(seed),
        left: connections,
        kinds: BTreeMap::new(),
    }));
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| tokio::spawn(labour(address.to_owned(), work.clone())))
        .collect();
    for worker in workers {
        worker.await.expect("a worker");
    }
    let kinds: Vec<String> = work
        .lock()
        .unwrap()
        .kinds
        .iter()
        .map(|(kind, count)| format!("\"{kind}\":{count}"))
        .collect();
    println!("{{{}}}", kinds.join(","));
}

async fn labour(address: String, work: Arc<Mutex<Work>>) {
    loop {
        let (kind, random) = {
            let mut work = work.lock().unwrap();
            if work.left == 0 {
                return;
            }
            work.left -= 1;
            let kind = KINDS[work.random.below(KINDS.len() as u64) as usize];
            *work.kinds.entry(kind).or_default() += 1;
            (kind, Random::new(work.random.below(u32::MAX.into())))
        };
        let connected = tokio::time::timeout(PATIENCE, endpoint(&address).connect()).await;
        // Who is refused comes again, as another connection.
        let Ok(Ok(channel)) = connected else { continue };
        let _ = tokio::time::timeout(PATIENCE, go_wrong(kind, channel, random)).await;
    }
}

/// Some calls of that kind at once, and the end of the connection at a random moment.
async fn go_wrong(kind: &str, channel: Channel, mut random: Random) {
    if random.below(4) > 0 {
        // It has been let in; who has not may be gone before a byte of it is read.
        let route = Route {
            destination: "10.42.20.0/24".to_owned(),
            via_interface: String::new(),
        };
        let _ = unary(
            &channel,
            "/quilt.QuiltRuntime/RemoveRoute",
            Request::new(route),
        )
        .await;
    }
    let mut calls = Vec::new();
    for _ in 0..1 + random.below(8) {
        let moment = soon(&mut random);
        let channel = channel.clone();
        let route = Route {
            destination: format!("10.42.{}.0/24", 20 + random.below(20)),
            via_interface: "vxlan100".to_owned(),
        };
        calls.push(match kind {
            "missing" => begin(moment, async move {
                let _ = unary(&channel, "/quilt.QuiltRuntime/Missing", Request::new(route)).await;
            }),
            "wrong service" => begin(moment * 4, async move {
                let _ = unary(&channel, "/quilt.Nothing/InjectRoute", Request::new(route)).await;
            }),
            "deadlines" => {
                let mut request = Request::new(route);
                request.set_timeout(Duration::from_millis(random.below(2)));
                begin(PATIENCE, async move {
                    let _ = unary(&channel, INJECT, request).await;
                })
            }
            "cancelled" => begin(moment, async move {
                let _ = unary(&channel, INJECT, Request::new(route)).await;
            }),
            "watches" => {
                let which = random.below(3);
                begin(moment * 4, async move {
                    let watching = match which {
                        0 => watch(&channel, "/grpc.health.v1.Health/Watch").await,
                        1 => watch(&channel, "/quilt.sidecar.v1.RouteService/WatchRoutes").await,
                        _ => {
                            let name = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
                            talk(&channel, name).await
                        }
                    };
                    if let Ok(mut messages) = watching {
                        while let Ok(Some(_)) = messages.message().await {}
                    }
                })
            }
            "oversized" => begin(moment * 10, async move {
                let route = Route {
                    destination: "x".repeat(OVERSIZED),
                    ..route
                };
                let _ = unary(&channel, INJECT, Request::new(route)).await;
            }),
            _ => begin(moment, std::future::pending()),
        });
        if kind == "nothing" {
            break;
        }
    }
    let whole = random.below(2) == 0;
    let moment = soon(&mut random);
    if !whole {
        tokio::time::sleep(moment).await;
        for call in &calls {
            call.abort();
        }
    }
    for call in calls {
        let _ = call.await;
    }
}

/// When something happens: while its call is in one read, or later.
fn soon(random: &mut Random) -> Duration {
    let most = [100, 400, 2_000, 10_000][random.below(4) as usize];
    Duration::from_micros(random.below(most))
}

/// A call that is dropped at that moment, if it is not over.
fn begin(
    moment: Duration,
    call: impl Future<Output = ()> + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        let _ = tokio::time::timeout(moment, call).await;
    })
}
