//! One stack for all tests of a binary: it takes seconds to start, and its parts do not mind several calls.

use std::sync::OnceLock;

use local::{Report, Stack, StackFile, StackOptions};

use crate::support::options;

/// The shared stack. It lives on a thread of its own, since a test's runtime ends with the test; it dies with the process.
pub(crate) fn stack() -> &'static StackFile {
    static STACK: OnceLock<StackFile> = OnceLock::new();
    STACK.get_or_init(|| {
        let (started, file) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let public = StackOptions {
                    public_base_url: Some("https://calls.example.test".to_owned()),
                    ..options("stack")
                };
                let stack =
                    Stack::start(public, Report::quiet()).await.map(|stack| (stack.file().clone(), stack));
                match stack {
                    Ok((file, _stack)) => {
                        started.send(Ok(file)).unwrap();
                        std::future::pending::<()>().await;
                    }
                    Err(error) => started.send(Err(format!("{error:#}"))).unwrap(),
                }
            });
        });
        file.recv().unwrap().unwrap()
    })
}
