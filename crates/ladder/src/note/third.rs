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
)
.and(
    "As in passive mode; only that it will not be the third party who connects.",
    "パッシブモードと同じだが、接続するのは第3者ホストではない。",
);
const LISTENS: Sentence = say(
    "959 5.2",
    "{from} says where it listens[: port {named}]; the third party will tell the other server",
    "{from}が待つ場所[（ポート {named}）]を答える。第3者ホストがもう一方のサーバーに伝える",
)
.and(
    "The server must take a connection from another address than the third party's, which careful servers refuse \
     unless that is allowed.",
    "サーバーは第3者ホスト以外のアドレスからの接続を受け入れる必要がある。慎重なサーバーは、許可されていなければ拒否する。",
);
const PORT: Sentence = say(
    "959 5.2",
    "the third party tells {to} where to connect: the address of the other server[, port {named}], not its own",
    "第3者ホストが{to}に接続先を伝える。自分ではなく、もう一方のサーバーのアドレス[（ポート {named}）]である",
)
.and(
    "The six numbers of 227 are handed on as they are. A server refuses foreign addresses unless that is allowed, \
     since anybody could have it connect to any host (RFC 2577 3).",
    "227 の六つの数をそのまま渡す。任意のホストへ接続させる悪用ができるので、許可されていなければサーバーは他のアドレスを拒否する（RFC 2577 3）。",
);
const NOTED: Sentence =
    say("959 4.1.2", "{from} has noted where it is to connect", "{from}が接続先を控えた").and(
        "Most servers connect when they are told to send or to store a file, some at once.",
        "多くのサーバーはファイルの送信か格納を求められてから接続する。すぐに接続するものもある。",
    );
const RETR: Sentence = say("959 4.1.3", "{to} is to send the file", "{to}にファイルの送信を求める")
    .and(
        "Where it goes was agreed on by PASV and PORT: for {to} it is a transfer as any other.",
        "送り先は PASV と PORT で取り決めた。{to}にとっては、ほかの転送と変わらない。",
    );
const STOR: Sentence =
    say("959 4.1.3", "{to} is to store the file", "{to}にファイルの格納を求める").and(
        "Both must be under way at a time: who waits for the last reply of one before it asks the other waits for ever.",
        "二つの転送は同時に進める。一方の最後の応答を待ってからもう一方に求めると、いつまでも終わらない。",
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
            Verb::Retr => RETR,
            Verb::Stor => STOR,
            _ => return None,
        },
        (Packet::Reply(200), _) if matches!(row.verb, Some(Verb::Port | Verb::Eprt)) => NOTED,
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
    let mut words = words.to_owned();
    for (place, at) in [("{from}", step.from), ("{to}", step.to)] {
        let name = scene.name(at, lang);
        // Between a letter of ours and one of Japanese stands a space.
        let is_ours = name.ends_with(|c: char| c.is_ascii_alphanumeric());
        let joint = if lang == Lang::Ja && is_ours { " " } else { "" };
        words = words.replace(place, &format!("{name}{joint}"));
    }
    words
}
