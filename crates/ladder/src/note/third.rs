//! The sentences of a transfer between two servers, where they are not those of a session of two: what names a listener,
//! and what goes over the data connection. `{from}` and `{to}` are the servers, `{named}` is a port.

use super::table::{Sentence, say};
use crate::row::{Channel, Packet};
use crate::scene::{Scene, Step};
use wharf_proto::tap::HalfEnd;
use wharf_proto::{Lang, Verb};

const PASV: Sentence = say(
    "959 5.2",
    "the third party asks {to} to listen: it will be the passive side",
    "第3者ホストが{to}に待ち受けを求める（パッシブ側になる）",
);
const LISTENS: Sentence = say(
    "959 5.2",
    "{from} says where it listens[: port {named}]; the third party will tell the other server",
    "{from}が待つ場所[（ポート {named} ）]を答える。第3者ホストがもう一方のサーバーに伝える",
);
const PORT: Sentence = say(
    "959 5.2",
    "the third party tells {to} where to connect: the address of the other server[, port {named}], not its own",
    "第3者ホストが{to}に接続先を伝える。自分ではなく、もう一方のサーバーのアドレス[とポート {named} ]",
);
const SYN: Sentence = say(
    "959 5.2",
    "{from} connects to {to}: the data does not pass through the third party",
    "{from}が{to}へ接続する。データは第3者ホストを通らない",
);
const SYN_ACK: Sentence =
    say("9293 3.5", "{from} accepts the data connection", "{from}がデータコネクションを受け入れる");
const DATA: Sentence =
    say("959 5.2", "bytes go straight from {from} to {to}", "データが{from}から{to}へ直接流れる");
const DATA_END: Sentence = say(
    "959 3.4.1",
    "the file goes straight from {from} to {to}; FIN behind it marks its end",
    "ファイルが{from}から{to}へ直接流れる。続く FIN が終わりを示す",
);
const FIN: Sentence = say(
    "9293 3.6",
    "{from} closes its half of the data connection",
    "{from}がデータコネクションを閉じる",
);
const RST: Sentence = say(
    "9293 3.5.2",
    "{from} breaks the data connection off: the transfer is not complete",
    "{from}がデータコネクションを強制的に切断する。転送は完了していない",
);

/// The sentence of a step, where it is another than in a session of two, and its RFC paragraph.
pub(super) fn sentence(scene: &Scene, step: &Step) -> Option<Sentence> {
    if !scene.is_joined() {
        return None;
    }
    let row = &step.row;
    let between = step.is_between_servers();
    Some(match (row.packet, row.channel) {
        (Packet::Command, _) => match row.verb? {
            Verb::Pasv | Verb::Epsv | Verb::Lpsv | Verb::Cpsv => PASV,
            Verb::Port | Verb::Eprt | Verb::Lprt => PORT,
            _ => return None,
        },
        (Packet::Reply(227..=229), _) => LISTENS,
        (Packet::Syn, Channel::Data(_)) if between => SYN,
        (Packet::SynAck, Channel::Data(_)) if between => SYN_ACK,
        (Packet::Data { end: Some(HalfEnd::Fin), .. }, Channel::Data(_)) if between => DATA_END,
        (Packet::Data { .. }, Channel::Data(_)) if between => DATA,
        (Packet::Fin, Channel::Data(_)) if between => FIN,
        (Packet::Rst, Channel::Data(_)) if between => RST,
        _ => return None,
    })
}

/// With the names of the lifelines.
pub(super) fn named(words: &str, scene: &Scene, step: &Step, lang: Lang) -> String {
    let (from, to) = (scene.name(step.from, lang), scene.name(step.to, lang));
    words.replace("{from}", from).replace("{to}", to)
}
