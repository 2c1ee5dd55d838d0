//! Injects and removes one route over one channel, a call after another, until its
//! standard input ends. For each line that it reads, and at the end, it writes a line of
//! JSON: {"answered":12,"failures":["Unavailable: …"]}, all since the start.

use std::error::Error;
use std::io::BufRead;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tonic::{Request, Status};

use crate::wire::{endpoint, unary, Route};

const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Default)]
struct Report {
    answered: u64,
    failures: Vec<String>,
    over: bool,
}

pub async fn call_on_and_on(address: &str, destination: &str) {
    let results = Arc::new(Mutex::new(Report::default()));
    let reader = results.clone();
    let listener = std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() {
                break;
            }
            report(&reader.lock().unwrap());
        }
        reader.lock().unwrap().over = true;
    });
    let channel = endpoint(address).connect().await.expect("a connection");
    let began = Instant::now();
    for turn in 0u64.. {
        if results.lock().unwrap().over {
            break;
        }
        let mut request = Request::new(Route {
            destination: destination.to_owned(),
            via_interface: "vxlan100".to_owned(),
        });
        request.set_timeout(PATIENCE);
        let rpc = if turn % 2 == 0 {
            "InjectRoute"
        } else {
            "RemoveRoute"
        };
        let outcome = unary(&channel, &format!("/quilt.QuiltRuntime/{rpc}"), request).await;
        let mut total = results.lock().unwrap();
        match outcome {
            Ok(answer) if answer.success => total.answered += 1,
            Ok(answer) => total.failures.push(answer.error),
            Err(status) => {
                let at = began.elapsed().as_millis();
                total.failures
                    .push(format!("{} (after {at} ms)", in_words(&status)));
            }
        }
    }
    listener.join().unwrap();
    report(&results.lock().unwrap());
}

/// The status and what tonic holds behind it: hyper's error, then h2's.
fn in_words(status: &Status) -> String {
    let mut words = format!("{:?}: {}", status.code(), status.message());
    let mut cause = status.source();
    while let Some(error) = cause {
        words += &format!(": {error:?}");
        cause = error.source();
    }
    words
}

fn report(total: &Report) {
    let failures: Vec<String> = total.failures.iter().map(|one| quoted(one)).collect();
    println!(
        "{{\"answered\":{},\"failures\":[{}]}}",
        total.answered,
        failures.join(",")
    );
}

fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|one| match one {
            '"' | '\\' => format!("\\{one}"),
            one if one.is_control() => format!("\\u{:04x}", one as u32),
            one => one.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}
