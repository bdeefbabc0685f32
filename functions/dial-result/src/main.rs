//! `POST /dial-result/{ticket}`: a `<Dial>`, `<Connect>` or `<Record>` ended; what next?
//!
//! The ticket in the path binds the request to one call and one step of it. Whatever fails, a verified
//! request gets TwiML.

mod decide;
mod handler;
#[cfg(test)]
mod tests;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::serve::<handler::DialResult>().await
}
