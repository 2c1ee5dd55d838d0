//! A client on tonic, which is what the mesh agent is made of.
//!
//! Words: `steady ADDRESS DESTINATION`, or `misuse ADDRESS CONNECTIONS SEED`; what they do
//! and write stands in the files of that name.

mod misuse;
mod random;
mod steady;
mod wire;

fn main() {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    match words[..] {
        ["steady", address, destination] => {
            runtime.block_on(steady::call_on_and_on(address, destination))
        }
        ["misuse", address, connections, seed] => runtime.block_on(misuse::misuse(
            address,
            connections.parse().expect("how many connections"),
            seed.parse().expect("a seed"),
        )),
        _ => panic!("say steady ADDRESS DESTINATION, or misuse ADDRESS CONNECTIONS SEED"),
    }
}
