//! The sentences of the notes, as tables: packets, commands, replies.
//!
//! Each has an English and a Japanese form. `{client}`, `{server}` and `{named}` are ports; what stands
//! between `[` and `]` drops out where its port is not known. A command's RFC paragraph is that of the verb table; a reply's and a packet's is here.

use crate::row::{Channel, Packet, Row};
use wharf_proto::Verb::{self, *};
use wharf_proto::tap::{HalfEnd, Party};

/// A note before its ports are filled in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sentence {
    pub(super) en: &'static str,
    pub(super) ja: &'static str,
    pub(super) rfc: &'static str,
}

pub(super) const fn say(rfc: &'static str, en: &'static str, ja: &'static str) -> Sentence {
    Sentence { en, ja, rfc }
}

const CONTROL_SYN: Sentence = say(
    "959 5.2",
    "the client opens the control connection",
    "クライアントが制御コネクションを開く",
);
const CONTROL_SYN_ACK: Sentence =
    say("9293 3.5", "the server accepts it", "サーバーが接続を受け入れる");
const CONTROL_OPEN: Sentence =
    say("9293 3.5", "the control connection is open", "制御コネクションが確立する");
const CONTROL_FIN_C: Sentence = say(
    "9293 3.6",
    "the client closes the control connection",
    "クライアントが制御コネクションを閉じる",
);
const CONTROL_FIN_S: Sentence = say(
    "9293 3.6",
    "the server closes the control connection",
    "サーバーが制御コネクションを閉じる",
);
const CONTROL_RST: Sentence = say(
    "9293 3.5.2",
    "the control connection is broken off",
    "制御コネクションが強制的に切断される",
);
const ACTIVE_SYN: Sentence = say(
    "959 3.2",
    "the server connects[ from its port {server}] to the client['s port {client}]",
    "サーバーが[自分のポート {server} から]クライアント[のポート {client} ]へ接続する",
);
const ACTIVE_SYN_ACK: Sentence = say(
    "9293 3.5",
    "the client accepts the data connection",
    "クライアントがデータコネクションを受け入れる",
);
const PASSIVE_SYN: Sentence = say(
    "959 3.2",
    "the client connects to the server['s port {server}]",
    "クライアントがサーバー[のポート {server} ]へ接続する",
);
const PASSIVE_SYN_ACK: Sentence = say(
    "9293 3.5",
    "the server accepts the data connection",
    "サーバーがデータコネクションを受け入れる",
);
const LISTING_END: Sentence = say(
    "959 3.4.1",
    "the listing; FIN behind it marks its end",
    "一覧を送る。続く FIN が終わりを示す",
);
const FILE_END: Sentence = say(
    "959 3.4.1",
    "the file; FIN behind it marks its end",
    "ファイルを送る。続く FIN が終わりを示す",
);
const FILE_EOF: Sentence = say(
    "959 3.4.2",
    "the file or listing ends in its last block; the connection stays open",
    "ファイルや一覧は最後のブロックで終わり、コネクションは開いたまま",
);
const DATA: Sentence = say("959 3.3", "bytes of the transfer", "転送するデータ");
const PART: Sentence = say(
    "959 5.3",
    "no whole line yet, or none that can be read",
    "まだ 1 行になっていない、または読めない",
);
const COVERED: Sentence = say(
    "4217 12, 8446 5",
    "records of TLS: a handshake, an alert, or what cannot be read without its keys",
    "TLS のレコード。ハンドシェイクか警告、または鍵がなければ読めないもの",
);
const AGAIN: Sentence =
    say("9293 3.8.1", "sent again, since no acknowledgment came", "確認応答が来ないため、再び送る");
const DATA_FIN_C: Sentence = say(
    "9293 3.6",
    "the client closes its half of the data connection",
    "クライアントがデータコネクションを閉じる",
);
const DATA_FIN_S: Sentence = say(
    "9293 3.6",
    "the server closes its half of the data connection",
    "サーバーがデータコネクションを閉じる",
);
const DATA_RST: Sentence = say(
    "9293 3.5.2",
    "the data connection is broken off: the transfer is not complete",
    "データコネクションが強制的に切断される。転送は完了していない",
);
const BARE_ACK: Sentence = say("9293 3.8.6.3", "received so far", "受信の確認応答");
const TIMER: Sentence = say("", "a time limit was reached", "制限時間に達した");
const REFUSED: Sentence =
    say("", "no data connection came about", "データコネクションは成立しなかった");

#[rustfmt::skip]
const COMMANDS: &[(Verb, &str, &str)] = &[
    (User, "the client names the user", "ユーザー名を送る"),
    (Pass, "the client sends the password (not shown here)", "パスワードを送る（ここでは伏せる）"),
    (Acct, "the client names an account (not shown here)", "課金アカウントを送る（ここでは伏せる）"),
    (Cwd, "change the working directory", "作業ディレクトリを変更する"),
    (Cdup, "change to the parent directory", "親ディレクトリへ移る"),
    (Quit, "the client ends the session", "セッションの終了を求める"),
    (Port, "active mode: the client listens[ on port {named}]; the server will connect", "アクティブモード：クライアントが[ポート {named} で]待ち、サーバーから接続する"),
    (Pasv, "passive mode: the server is asked to listen; the client will connect", "パッシブモード：サーバーに待ち受けを求め、クライアントから接続する"),
    (Type, "choose how bytes are represented", "データの表現形式を選ぶ"),
    (Stru, "choose the file structure", "ファイル構造を選ぶ"),
    (Mode, "choose the transfer mode", "転送モードを選ぶ"),
    (Retr, "fetch a file", "ファイルを取得する"),
    (Stor, "store a file", "ファイルを格納する"),
    (Appe, "append to a file", "ファイルに追記する"),
    (Allo, "reserve space for the file to come", "格納領域の確保を求める"),
    (Rest, "start the next transfer at this byte", "次の転送をこの位置から始める"),
    (Rnfr, "the name to change", "変更前の名前を送る"),
    (Rnto, "the name to change it to", "変更後の名前を送る"),
    (Abor, "break off the transfer", "転送を中止する"),
    (Dele, "delete a file", "ファイルを削除する"),
    (Rmd, "remove a directory", "ディレクトリを削除する"),
    (Mkd, "make a directory", "ディレクトリを作る"),
    (Pwd, "ask for the working directory", "作業ディレクトリを尋ねる"),
    (List, "list a directory", "ディレクトリの一覧を求める"),
    (Nlst, "list names only", "名前だけの一覧を求める"),
    (Syst, "ask for the operating system", "サーバーのシステム種別を尋ねる"),
    (Stat, "ask for the state", "状態を尋ねる"),
    (Help, "ask for help", "ヘルプを求める"),
    (Noop, "do nothing; keeps the session alive", "何もしない（セッションの維持）"),
    (Feat, "ask for the extensions", "拡張機能の一覧を求める"),
    (Opts, "set an option of a command", "コマンドのオプションを設定する"),
    (Eprt, "active mode: the client listens[ on port {named}]; the server will connect", "アクティブモード：クライアントが[ポート {named} で]待ち、サーバーから接続する"),
    (Epsv, "passive mode: the server is asked to listen; the client will connect", "パッシブモード：サーバーに待ち受けを求め、クライアントから接続する"),
    (Mdtm, "ask when a file changed", "ファイルの更新時刻を尋ねる"),
    (Size, "ask for the size of a file", "ファイルの大きさを尋ねる"),
    (Mlst, "ask for the facts of one entry", "一つの項目の属性を尋ねる"),
    (Mlsd, "list a directory for programs", "機械が読む形式の一覧を求める"),
    (Auth, "ask for a secured control connection", "制御コネクションの保護を求める"),
    (Pbsz, "name the protection buffer size", "保護バッファーの大きさを伝える"),
    (Prot, "choose whether data connections are protected", "データコネクションの保護を選ぶ"),
    (Ccc, "take the control connection back into the clear", "制御コネクションを平文に戻す"),
    (Cpsv, "passive mode between servers: this server shall begin TLS", "サーバー間転送のパッシブモード：こちらのサーバーが TLS を始める"),
    (Sscn, "choose which server begins TLS between servers", "サーバー間転送でどちらが TLS を始めるかを選ぶ"),
    (Lang, "choose the language of replies", "応答の言語を選ぶ"),
    (Host, "choose a virtual host before logging in", "ログイン前に仮想ホストを選ぶ"),
    (Smnt, "mount another tree", "別のファイルシステムに切り替える"),
    (Rein, "log out and begin again on the same connection", "接続を保ったままログイン前に戻る"),
    (Stou, "store a file under a new name", "サーバーが決める新しい名前で保存する"),
    (Site, "a command of this server alone", "このサーバー独自のコマンド"),
    (Mfmt, "set when a file changed", "ファイルの更新時刻を設定する"),
    (Mff, "set a fact of a file", "ファイルの属性を設定する"),
    (Hash, "ask for the hash of a file", "ファイルのハッシュ値を尋ねる"),
    (Rang, "limit the next transfer to a range of bytes", "次の転送をバイト範囲に限る"),
    (Xcrc, "ask for the CRC-32 of a file", "ファイルの CRC-32 を尋ねる"),
    (Xmd5, "ask for the MD5 hash of a file", "ファイルの MD5 ハッシュ値を尋ねる"),
    (Xsha1, "ask for the SHA-1 hash of a file", "ファイルの SHA-1 ハッシュ値を尋ねる"),
    (Xsha256, "ask for the SHA-256 hash of a file", "ファイルの SHA-256 ハッシュ値を尋ねる"),
    (Xsha512, "ask for the SHA-512 hash of a file", "ファイルの SHA-512 ハッシュ値を尋ねる"),
    (Comb, "join parts into one file", "分割されたファイルを一つにつなぐ"),
    (Avbl, "ask how much space is free", "空き容量を尋ねる"),
    (Dsiz, "ask for the size of a directory and all in it", "ディレクトリー全体の大きさを尋ねる"),
    (Csid, "the client names itself and asks for the server's name", "クライアントが名乗り、サーバーの名前を尋ねる"),
    (Clnt, "the client names itself", "クライアントが名乗る"),
];

/// Replies: the code, whether only after a command that transfers, the sentence.
#[rustfmt::skip]
const REPLIES: &[(u16, bool, Sentence)] = &[
    (110, false, say("959 3.5", "a restart marker", "再開マーカー")),
    (120, false, say("959 4.2", "the server will be ready in a while", "まもなくサービスを始める")),
    (125, false, say("959 4.2", "the data connection is already open; the transfer starts", "データコネクションは既に開いている。転送を始める")),
    (150, false, say("959 4.2", "the data connection is about to be opened", "これからデータコネクションを開く")),
    (200, false, say("959 4.2", "done", "コマンドを受け付けた")),
    (202, false, say("959 4.2", "not needed here", "このサーバーでは不要")),
    (211, false, say("959 4.2", "system status, or help", "システムの状態またはヘルプ")),
    (212, false, say("959 4.2", "directory status", "ディレクトリの状態")),
    (213, false, say("959 4.2", "file status", "ファイルの状態")),
    (214, false, say("959 4.2", "help", "ヘルプ")),
    (215, false, say("959 4.2", "the operating system", "システム種別")),
    (220, false, say("959 4.2", "the server is ready", "サーバーの準備ができた")),
    (221, false, say("959 4.2", "the server says goodbye and closes", "サーバーがセッションを終える")),
    (225, false, say("959 4.2", "the data connection is open, no transfer runs", "データコネクションは開いているが、転送中ではない")),
    (226, true, say("959 4.2", "the transfer is complete; the data connection is closed", "転送が完了し、データコネクションを閉じる")),
    (226, false, say("959 4.2", "done; the data connection is closed", "完了し、データコネクションを閉じる")),
    (227, false, say("959 4.1.2", "passive mode: the server listens[ on port {named}]; the client will connect", "パッシブモード：サーバーが[ポート {named} で]待ち、クライアントから接続する")),
    (228, false, say("1639 4", "passive mode: the server listens[ on port {named}]; the client will connect", "パッシブモード：サーバーが[ポート {named} で]待ち、クライアントから接続する")),
    (229, false, say("2428 3", "passive mode: the server listens[ on port {named}]; the client will connect", "パッシブモード：サーバーが[ポート {named} で]待ち、クライアントから接続する")),
    (230, false, say("959 4.2", "logged in", "ログインした")),
    (232, false, say("2228 5", "logged in by certificate", "証明書でログインした")),
    (234, false, say("4217 4", "the TLS handshake may begin", "TLS ハンドシェイクを始めてよい")),
    (250, true, say("959 4.2", "the transfer is complete", "転送が完了した")),
    (250, false, say("959 4.2", "done", "要求された操作が完了した")),
    (257, false, say("959 4.2", "the path, between quotes", "引用符で囲んだパス名")),
    (331, false, say("959 4.2", "the name is known; the password is wanted", "ユーザー名を受け付けた。パスワードを求める")),
    (332, false, say("959 4.2", "an account is wanted", "アカウントを求める")),
    (350, false, say("959 4.2", "so far so good; more is wanted", "ここまで正常。続きのコマンドを待つ")),
    (421, false, say("959 4.2", "the server ends its service and closes", "サーバーがサービスを打ち切り、閉じる")),
    (425, false, say("959 4.2", "the data connection could not be opened", "データコネクションを開けない")),
    (426, false, say("959 4.2", "the transfer was broken off", "転送が中断された")),
    (450, false, say("959 4.2", "the file is busy now", "ファイルは使用中")),
    (451, false, say("959 4.2", "broken off: an error on the server", "サーバー側の障害で中断した")),
    (452, false, say("959 4.2", "no room left on the server", "サーバーの空き容量が足りない")),
    (500, false, say("959 4.2", "the server does not know this command", "サーバーが認識できないコマンド")),
    (501, false, say("959 4.2", "the argument is not understood", "引数に誤りがある")),
    (502, false, say("959 4.2", "the server does not do this", "サーバーはこのコマンドを実装していない")),
    (503, false, say("959 4.2", "another command must come first", "コマンドの順序が正しくない")),
    (504, false, say("959 4.2", "not done for this parameter", "このパラメーターには対応していない")),
    (521, false, say("4217 10", "data connections must be protected", "データコネクションの保護が必要")),
    (522, false, say("2428 2", "not this kind of data connection", "この種のデータコネクションは使えない")),
    (530, false, say("959 4.2", "not logged in", "ログインしていない")),
    (532, false, say("959 4.2", "storing needs an account", "格納にはアカウントが必要")),
    (533, false, say("2228 5", "the control connection is in clear", "制御コネクションが平文である")),
    (534, false, say("2228 5", "refused by policy", "サーバーの方針により拒否された")),
    (536, false, say("2228 5", "no such protection here", "その保護水準には対応していない")),
    (550, false, say("959 4.2", "not found, or no permission", "見つからないか、権限がない")),
    (551, false, say("959 4.2", "the page type is unknown", "不明なページ種別")),
    (552, false, say("959 4.2", "the quota is used up", "割り当て容量を超えた")),
    (553, false, say("959 4.2", "this name is not allowed", "この名前は使えない")),
    (554, false, say("1123 4.1.3.4", "REST does not fit this transfer", "この転送では REST の位置を使えない")),
];

/// By first digit, for codes that have no sentence of their own.
const CLASSES: [(u16, Sentence); 6] = [
    (1, say("959 4.2", "begun; another reply will follow", "開始した。応答がもう一つ続く")),
    (2, say("959 4.2", "done", "完了した")),
    (3, say("959 4.2", "so far so good; more is wanted", "ここまで正常。続きを待つ")),
    (4, say("959 4.2", "refused for now; may be tried again", "今は実行できない。再試行できる")),
    (5, say("959 4.2", "refused", "実行できない")),
    (6, say("2228 5", "a protected reply", "保護された応答")),
];

/// The sentence of a command.
pub(super) fn command(verb: Verb) -> Option<Sentence> {
    let (_, en, ja) = COMMANDS.iter().find(|(of, _, _)| *of == verb)?;
    Some(say("", en, ja))
}

/// The sentence of a reply; `transfer` says that it answers a command that transfers.
pub(super) fn reply(code: u16, transfer: bool) -> Option<Sentence> {
    let of_code = REPLIES.iter().find(|(of, only, _)| *of == code && (transfer || !only));
    let of_class = || CLASSES.iter().find(|(digit, _)| *digit == code / 100).map(|(_, say)| *say);
    of_code.map(|(_, _, sentence)| *sentence).or_else(of_class)
}

/// The sentence of a remark.
pub(super) fn remark(timer: bool) -> Sentence {
    if timer { TIMER } else { REFUSED }
}

/// The sentence of a packet that is neither command nor reply.
pub(super) fn packet(row: &Row) -> Option<Sentence> {
    let lists = matches!(row.verb, Some(List | Nlst | Mlsd));
    let control = row.channel == Channel::Control;
    let client = row.from == Party::Client;
    if row.is_again() && row.packet != Packet::Ack {
        return Some(AGAIN);
    }
    Some(match (row.packet, control) {
        (Packet::Syn, true) => CONTROL_SYN,
        (Packet::SynAck, true) => CONTROL_SYN_ACK,
        (Packet::Established, true) => CONTROL_OPEN,
        (Packet::Fin, true) if client => CONTROL_FIN_C,
        (Packet::Fin, true) => CONTROL_FIN_S,
        (Packet::Rst, true) => CONTROL_RST,
        (Packet::Data { .. }, true) if row.tls => COVERED,
        (Packet::Data { bytes: 0, end: None }, false) if row.tls => COVERED,
        (Packet::Data { .. }, true) => PART,
        (Packet::Syn, false) if client => PASSIVE_SYN,
        (Packet::Syn, false) => ACTIVE_SYN,
        (Packet::SynAck, false) if client => ACTIVE_SYN_ACK,
        (Packet::SynAck, false) => PASSIVE_SYN_ACK,
        (Packet::Data { end: Some(HalfEnd::Fin), .. }, _) if lists => LISTING_END,
        (Packet::Data { end: Some(HalfEnd::Fin), .. }, _) => FILE_END,
        (Packet::Data { end: Some(HalfEnd::Eof), .. }, _) => FILE_EOF,
        (Packet::Data { end: Some(HalfEnd::Reset), .. }, _) | (Packet::Rst, false) => DATA_RST,
        (Packet::Fin, false) if client => DATA_FIN_C,
        (Packet::Fin, false) => DATA_FIN_S,
        (Packet::Data { end: None, .. }, _) => DATA,
        (Packet::Established, false) | (Packet::Ack, _) => BARE_ACK,
        (
            Packet::Command
            | Packet::Reply(_)
            | Packet::Absent
            | Packet::Note(_)
            | Packet::Omitted(_),
            _,
        ) => return None,
    })
}

/// All sentences, for tests.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = Sentence> {
    let packets = [
        CONTROL_SYN,
        CONTROL_SYN_ACK,
        CONTROL_OPEN,
        CONTROL_FIN_C,
        CONTROL_FIN_S,
        CONTROL_RST,
        ACTIVE_SYN,
        ACTIVE_SYN_ACK,
        PASSIVE_SYN,
        PASSIVE_SYN_ACK,
        LISTING_END,
        FILE_END,
        DATA,
        PART,
        COVERED,
        AGAIN,
        DATA_FIN_C,
        DATA_FIN_S,
        DATA_RST,
        BARE_ACK,
        TIMER,
        REFUSED,
    ];
    let commands = COMMANDS.iter().map(|(_, en, ja)| say("", en, ja));
    let replies = REPLIES.iter().map(|(_, _, sentence)| *sentence);
    let classes = CLASSES.iter().map(|(_, sentence)| *sentence);
    packets.into_iter().chain(commands).chain(replies).chain(classes)
}
