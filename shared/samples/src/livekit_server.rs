//! The API of a LiveKit server that does what it is asked, refuses, or is silent.

use std::sync::{Arc, Mutex, PoisonError};

use livekit_protocol as proto;
use prost::Message as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::http_request::HttpRequest;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Does what it is asked.
    Works,
    /// Answers every request with an error.
    Refuses,
    /// Takes requests and never answers.
    Hangs,
    /// Works, but for the first request of this method, which it never answers.
    LosesFirst(&'static str),
}

/// A room with one telephone in it.
#[derive(Debug, Clone)]
pub struct PhoneInRoom {
    /// The room.
    pub room: String,
    /// When it was opened, epoch seconds.
    pub opened_s: u64,
    /// The telephone's attributes.
    pub attributes: Vec<(String, String)>,
}

/// A server on a free port; it ends with its runtime.
#[derive(Debug, Clone)]
pub struct LiveKitServer {
    /// Where it is.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
    rooms: Arc<Mutex<Vec<PhoneInRoom>>>,
}

impl LiveKitServer {
    /// Starts one without rooms.
    ///
    /// # Panics
    /// Without a free port.
    pub async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}", listener.local_addr().expect("an address"));
        let server = Self { url, asked: Arc::default(), rooms: Arc::default() };
        let shared = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(shared.clone().serve(stream, behaviour));
            }
        });
        server
    }

    /// The methods asked so far, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens a room with a telephone in it.
    pub fn calls(&self, phone: PhoneInRoom) {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).push(phone);
    }

    async fn serve(self, mut stream: TcpStream, behaviour: Behaviour) {
        while let Some(request) = HttpRequest::read(&mut stream).await {
            let method = request.path.rsplit('/').next().unwrap_or_default().to_owned();
            let body = self.body(&method, &request.body);
            let is_first = self.keep(&method);
            let answer = match behaviour {
                Behaviour::LosesFirst(lost) if is_first && lost == method => std::future::pending().await,
                Behaviour::Works | Behaviour::LosesFirst(_) => {
                    answer("200 OK", "application/protobuf", &body)
                }
                Behaviour::Refuses => {
                    let why = br#"{"code":"permission_denied","msg":"refused"}"#;
                    answer("403 Forbidden", "application/json", why)
                }
                Behaviour::Hangs => std::future::pending().await,
            };
            if stream.write_all(&answer).await.is_err() {
                return;
            }
        }
    }

    /// Keeps the name of a method; whether it is asked for the first time.
    fn keep(&self, method: &str) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = !asked.iter().any(|earlier| earlier == method);
        asked.push(method.to_owned());
        is_first
    }

    /// Lists are answered, everything else is done without a word.
    fn body(&self, method: &str, asked: &[u8]) -> Vec<u8> {
        let rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        match method {
            "ListRooms" => {
                let names = proto::ListRoomsRequest::decode(asked).unwrap_or_default().names;
                let wanted = |phone: &&PhoneInRoom| names.is_empty() || names.contains(&phone.room);
                let rooms = rooms.iter().filter(wanted).map(PhoneInRoom::as_room).collect();
                proto::ListRoomsResponse { rooms }.encode_to_vec()
            }
            "ListParticipants" => {
                let room = proto::ListParticipantsRequest::decode(asked).unwrap_or_default().room;
                let inside = rooms.iter().filter(|phone| phone.room == room);
                let participants = inside.map(PhoneInRoom::as_participant).collect();
                proto::ListParticipantsResponse { participants }.encode_to_vec()
            }
            _ => Vec::new(),
        }
    }
}

impl PhoneInRoom {
    fn as_room(&self) -> proto::Room {
        let creation_time = i64::try_from(self.opened_s).unwrap_or(i64::MAX);
        proto::Room { name: self.room.clone(), creation_time, ..Default::default() }
    }

    fn as_participant(&self) -> proto::ParticipantInfo {
        proto::ParticipantInfo {
            identity: "sip_phone".to_owned(),
            kind: proto::participant_info::Kind::Sip.into(),
            attributes: self.attributes.iter().cloned().collect(),
            ..Default::default()
        }
    }
}

fn answer(status: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}
