//! The sentences of the notes, as tables: packets, commands, replies. What lessons say besides of the latter two is in
//! `more.rs`.
//!
//! Each has an English and a Japanese form. `{client}`, `{server}` and `{named}` are ports; what stands
//! between `[` and `]` drops out where its port is not known. A command's RFC paragraph is that of the verb table; a reply's and a packet's is here.

use super::more;
use crate::row::{Channel, Packet, Row};
use wharf_proto::Verb::{self, *};
use wharf_proto::tap::{HalfEnd, Party};

/// A note before its ports are filled in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sentence {
    pub(super) en: &'static str,
    pub(super) ja: &'static str,
    pub(super) rfc: &'static str,
    /// What a lesson says besides: what it is for, and what would be otherwise in another case.
    pub(super) more: (&'static str, &'static str),
}

impl Sentence {
    /// With what a lesson says besides.
    pub(super) const fn and(self, en: &'static str, ja: &'static str) -> Self {
        Self { more: (en, ja), ..self }
    }
}

pub(super) const fn say(rfc: &'static str, en: &'static str, ja: &'static str) -> Sentence {
    Sentence { en, ja, rfc, more: ("", "") }
}

const CONTROL_SYN: Sentence = say(
    "959 5.2",
    "the client asks for the control connection",
    "クライアントがコントロールコネクションの確立を求める",
)
.and(
    "The server has been listening all along[, on port {server}]; the client's own port is any free one. This \
     connection lasts as long as the session and carries commands and replies, never files. No answer would mean a \
     firewall or a host that is down; RST, that nothing listens.",
    "サーバーは[ポート {server} で]待ち続けている。クライアントのポートは空いているものでよい。このコネクションは\
     セッションの終わりまで続き、コマンドと応答だけを運び、ファイルは運ばない。応答がなければファイアウォールかホストの停止、\
     RST ならそこで待つものがない。",
);
const CONTROL_SYN_ACK: Sentence =
    say("9293 3.5", "the server accepts it", "サーバーが受け入れる").and(
        "Two in one: ACK for the client's sequence number, SYN with the server's own, so that the bytes of both \
         directions can be counted.",
        "二つを兼ねる。ACK はクライアントのシーケンス番号への確認、SYN はサーバー自身の番号で、これで双方向のバイトを数えられる。",
    );
const CONTROL_OPEN: Sentence =
    say("9293 3.5", "the control connection is open", "コントロールコネクションが確立する").and(
        "In FTP it is now the server that speaks first. A client that begins TLS here, unasked, means implicit TLS \
         (most often port 990).",
        "FTP ではここで先に話すのはサーバーである。クライアントがすぐに TLS を始めるなら暗黙的 TLS（多くはポート 990）である。",
    );
const CONTROL_FIN_C: Sentence = say(
    "9293 3.6",
    "the client closes its half of the control connection",
    "クライアントが自分の側のコントロールコネクションを閉じる",
)
.and(
    "TCP closes each direction by itself; when both FINs are acknowledged the session is over.",
    "TCP は方向ごとに閉じる。双方の FIN が確認されるとセッションは終わる。",
);
const CONTROL_FIN_S: Sentence = say(
    "959 5.2",
    "the server closes its half of the control connection",
    "サーバーが自分の側のコントロールコネクションを閉じる",
)
.and(
    "It closes at the client's request (QUIT) or behind the client's own FIN, when all replies are out. Where neither came \
     before, it has thrown the client out (421) or failed.",
    "クライアントの求め（QUIT）か FIN のあと、応答をすべて送り終えてから閉じる。どちらも先になければ、打ち切り（421）か異常終了である。",
);
const CONTROL_RST: Sentence = say(
    "9293 3.5.2",
    "the control connection is broken off",
    "コントロールコネクションが強制的に切断される",
)
.and(
    "Unlike FIN it says nothing of what came before: what was under way may be lost.",
    "FIN と違い、それまでの内容が届いたとは限らない。進行中のものは失われうる。",
);
const ACTIVE_SYN: Sentence = say(
    "959 3.2",
    "the server connects[ from its port {server}] to the client['s port {client}]",
    "サーバーが[自分のポート {server} から]クライアント[のポート {client} ]へ接続する",
)
.and(
    "The direction is the other way round: here the server opens the connection, from the port below its control \
     port (20 beside 21), to where PORT said. A firewall that lets nothing in drops this very packet.",
    "向きが逆で、ここではサーバーが開く。送信元はコントロールコネクションのポートの一つ下（21 に対して 20）、\
     宛先は PORT が伝えた場所である。外からの接続を通さないファイアウォールは、まさにこのパケットを破棄する。",
);
const ACTIVE_SYN_ACK: Sentence = say(
    "9293 3.5",
    "the client accepts the data connection",
    "クライアントがデータコネクションを受け入れる",
)
.and(
    "It has been listening since before PORT. RST here would mean that it no longer is; the server would answer 425.",
    "PORT を送る前から待っていた。ここで RST なら待ち受けが既になく、サーバーは 425 を返す。",
);
const PASSIVE_SYN: Sentence = say(
    "959 3.2",
    "the client connects to the server['s port {server}]",
    "クライアントがサーバー[のポート {server} ]へ接続する",
)
.and(
    "Where 227 or 229 said, from any free port of its own. The client opens both connections, so a firewall \
     before it lets both out.",
    "宛先は 227 か 229 が伝えた場所、送信元は空いている任意のポートである。二つのコネクションをどちらもクライアントが開くので、\
     手前のファイアウォールを通る。",
);
const PASSIVE_SYN_ACK: Sentence = say(
    "9293 3.5",
    "the server accepts the data connection",
    "サーバーがデータコネクションを受け入れる",
)
.and(
    "Anybody could connect there: a careful server takes only the address of the control connection, or under TLS \
     only who resumes its TLS session.",
    "ここには誰でも接続できてしまう。慎重なサーバーはコントロールコネクションと同じアドレスだけを、TLS では TLS \
     セッションを再開した相手だけを受け入れる。",
);
const LISTING_END: Sentence = say(
    "959 3.4.1",
    "the listing; FIN behind it marks its end",
    "一覧を送る。続く FIN が終わりを示す",
)
.and(
    "In stream mode nothing else marks the end: so each listing and each file needs a data connection of its own, \
     and one that was cut off looks like a short one until the reply comes.",
    "ストリームモードでは終わりを示すものがほかにない。そのため一覧もファイルも一つごとにデータコネクションが要り、\
     途中で切れたものは応答が来るまで短いものと区別できない。",
);
const FILE_END: Sentence = say(
    "959 3.4.1",
    "the file; FIN behind it marks its end",
    "ファイルを送る。続く FIN が終わりを示す",
)
.and(
    "With TYPE A, the default, line ends go as CR LF, so more bytes may come than the file has; with TYPE I they \
     are the file's own.",
    "既定の TYPE A では改行を CR LF で送るので、ファイルよりバイト数が増えることがある。TYPE I ではファイルのバイトそのままである。",
);
pub(super) const FILE_EOF: Sentence = say(
    "959 3.4.2",
    "the file ends in its last block; the connection stays open",
    "ファイルは最後のブロックで終わり、コネクションは開いたまま",
)
.and(
    "Each block has a header of three bytes: a descriptor, and a count of two bytes. Descriptor 64 says that the \
     file ends here (EOF). In stream mode a FIN would have to say it.",
    "各ブロックには 3 バイトのヘッダー（記述子と 2 バイトの長さ）が付く。記述子の 64 がファイルの終わり（EOF）を示す。\
     ストリームモードなら FIN で示すほかない。",
);
const DATA: Sentence = say("959 3.3", "bytes of the transfer", "転送するデータ");
const PART: Sentence = say(
    "959 5.3",
    "no whole line yet, or none that can be read",
    "まだ 1 行になっていない、または読めない",
);
const COVERED: Sentence = say(
    "8446 5",
    "records of TLS: a handshake, an alert, or what cannot be read without its keys",
    "TLS のレコード。ハンドシェイクか警告、または鍵がなければ読めないもの",
);
/// Records of TLS by what they hold, the first that fits.
const RECORDS: [(&str, Sentence); 5] = [
    (
        "close_notify",
        say("8446 6.1", "this side says that it will send no more", "これ以上送らないことを知らせる").and(
            "Under TLS this, and not FIN, is the end: anybody between can forge a FIN, nobody this. A file without it \
             may have been cut off.",
            "TLS では FIN ではなくこれが終わりである。FIN は途中の誰でも偽れるが、これは偽れない。これのないファイルは\
             途中で切れたおそれがある。",
        ),
    ),
    (
        "ClientHello",
        say(
            "8446 4.1.2",
            "the client begins the TLS handshake: its versions and ciphers, the name of the server",
            "クライアントが TLS ハンドシェイクを始める。バージョン、暗号、サーバーの名前",
        )
        .and(
            "Still in clear. It is the FTP client that begins, whoever opened the connection (RFC 4217 7). On a data \
             connection it asks to resume the TLS session of the control connection.",
            "ここはまだ平文である。どちらが接続しても始めるのは FTP クライアントである（RFC 4217 7）。データコネクションでは\
             コントロールコネクションの TLS セッションの再開を求める。",
        ),
    ),
    (
        "ServerHello",
        say(
            "8446 4.1.3",
            "the server chooses version and cipher, and proves who it is",
            "サーバーがバージョンと暗号を選び、自分が何者かを証明する",
        )
        .and(
            "With its certificate; or, where a session is resumed, with the key that only the two of them know. After \
             ServerHello TLS 1.3 encrypts the rest.",
            "証明書を使うか、再開なら二者だけが知る鍵を使う。TLS 1.3 では ServerHello より後はすべて暗号化される。",
        ),
    ),
    (
        "NewSessionTicket",
        say(
            "8446 4.6.1",
            "a ticket for resuming this TLS session on a later connection",
            "後のコネクションでこの TLS セッションを再開するためのチケット",
        )
        .and(
            "With it a data connection proves that it belongs to this control connection. A ticket counts once, so the \
             server gives new ones.",
            "データコネクションはこれで、このコントロールコネクションのものだと証明する。一枚は一度しか使えないので、サーバーは新しいものを渡す。",
        ),
    ),
    (
        "Finished",
        say("8446 4.4.4", "the handshake is done", "ハンドシェイクが終わる").and(
            "Both have proven that they hold the same keys and saw the same handshake. What follows is encrypted.",
            "双方が同じ鍵を持ち、同じハンドシェイクを見たことを証明した。以後は暗号化される。",
        ),
    ),
];
const AGAIN: Sentence =
    say("9293 3.8.1", "sent again, since no acknowledgment came", "確認応答が来ないため、再び送る").and(
        "TCP waits twice as long each time. Where it is a SYN, again and again, a firewall drops it: a refusal would have \
         come at once.",
        "TCP は待ち時間を毎回倍にする。SYN が繰り返されるならファイアウォールが破棄している。拒否ならすぐに届くはずである。",
    );
const DATA_FIN_C: Sentence = say(
    "9293 3.6",
    "the client closes its half of the data connection",
    "クライアントが自分の側のデータコネクションを閉じる",
)
.and(
    "FIN closes one direction only; with both the connection is closed. The control connection knows nothing of it.",
    "FIN が閉じるのは一方向だけで、両方がそろうとコネクションが閉じる。コントロールコネクションには影響しない。",
);
const DATA_FIN_S: Sentence = say(
    "9293 3.6",
    "the server closes its half of the data connection",
    "サーバーが自分の側のデータコネクションを閉じる",
);
const DATA_RST: Sentence = say(
    "9293 3.5.2",
    "the data connection is broken off: the transfer is not complete",
    "データコネクションが強制的に切断される。転送は完了していない",
);
const BARE_ACK: Sentence =
    say("9293 3.8.6.3", "all bytes so far have been received", "ここまで受信したことを確認する").and(
        "It carries no data. TCP may wait for up to half a second and send it along with data, so where such rows \
         stand, and how many, differs from run to run.",
        "データは運ばない。TCP は 0.5 秒まで待ってデータと一緒に送ることもあるので、この行の位置と数は実行のたびに変わる。",
    );
const TIMER: Sentence = say("", "a time limit was reached", "制限時間に達した");
const REFUSED: Sentence =
    say("", "no data connection came about", "データコネクションは成立しなかった");

#[rustfmt::skip]
const COMMANDS: &[(Verb, &str, &str)] = &[
    (User, "the client names the user", "ユーザー名を送る"),
    (Pass, "the client sends the password (not shown here)", "パスワードを送る（ここでは伏せる）"),
    (Acct, "the client names an account (not shown here)", "課金アカウントを送る（ここでは伏せる）"),
    (Cwd, "the client changes the working directory", "作業ディレクトリを変更する"),
    (Cdup, "the client changes to the parent directory", "親ディレクトリへ移る"),
    (Quit, "the client ends the session", "セッションの終了を求める"),
    (Port, "active mode: the client listens[ on port {named}]; the server will connect", "アクティブモード：クライアントが[ポート {named} で]待ち、サーバーから接続する"),
    (Pasv, "passive mode: the server is asked to listen; the client will connect", "パッシブモード：サーバーに待ち受けを求め、クライアントから接続する"),
    (Type, "the client chooses how bytes are represented", "データの表現形式を選ぶ"),
    (Stru, "the client chooses the file structure", "ファイル構造を選ぶ"),
    (Mode, "the client chooses the transfer mode", "転送モードを選ぶ"),
    (Retr, "the client fetches a file", "ファイルを取得する"),
    (Stor, "the client stores a file", "ファイルを格納する"),
    (Appe, "the client appends to a file", "ファイルに追記する"),
    (Allo, "the client reserves space for the file to come", "格納領域の確保を求める"),
    (Rest, "the client starts the next transfer at this byte", "次の転送をこの位置から始める"),
    (Rnfr, "the client says which name is to be changed", "変更前の名前を送る"),
    (Rnto, "the client says the new name", "変更後の名前を送る"),
    (Abor, "the client breaks off the transfer", "転送を中止する"),
    (Dele, "the client deletes a file", "ファイルを削除する"),
    (Rmd, "the client removes a directory", "ディレクトリを削除する"),
    (Mkd, "the client makes a directory", "ディレクトリを作る"),
    (Pwd, "the client asks for the working directory", "作業ディレクトリを尋ねる"),
    (List, "the client asks for the listing of the directory", "ディレクトリの一覧を求める"),
    (Nlst, "the client lists names only", "名前だけの一覧を求める"),
    (Syst, "the client asks for the operating system", "サーバーのシステム種別を尋ねる"),
    (Stat, "the client asks for the state", "状態を尋ねる"),
    (Help, "the client asks for help", "ヘルプを求める"),
    (Noop, "nothing is asked for; it keeps the session alive", "何もしない（セッションの維持）"),
    (Feat, "the client asks for the extensions", "拡張機能の一覧を求める"),
    (Opts, "the client sets an option of a command", "コマンドのオプションを設定する"),
    (Eprt, "active mode: the client listens[ on port {named}]; the server will connect", "アクティブモード：クライアントが[ポート {named} で]待ち、サーバーから接続する"),
    (Epsv, "passive mode: the server is asked to listen; the client will connect", "パッシブモード：サーバーに待ち受けを求め、クライアントから接続する"),
    (Mdtm, "the client asks when a file was changed", "ファイルの更新時刻を尋ねる"),
    (Size, "the client asks for the size of a file", "ファイルの大きさを尋ねる"),
    (Mlst, "the client asks for the facts of one entry", "一つの項目の属性を尋ねる"),
    (Mlsd, "the client lists a directory for programs", "機械が読む形式の一覧を求める"),
    (Auth, "the client asks for TLS on the control connection", "コントロールコネクションの保護（TLS）を求める"),
    (Pbsz, "the client names the protection buffer size", "保護バッファーの大きさを伝える"),
    (Prot, "the client chooses whether data connections are protected", "データコネクションの保護を選ぶ"),
    (Ccc, "the client takes the control connection back into the clear", "コントロールコネクションを平文に戻す"),
    (Cpsv, "passive mode between servers: this server shall begin TLS", "サーバー間転送のパッシブモード：こちらのサーバーが TLS を始める"),
    (Sscn, "the client chooses which server begins TLS between servers", "サーバー間転送でどちらが TLS を始めるかを選ぶ"),
    (Lang, "the client chooses the language of replies", "応答の言語を選ぶ"),
    (Host, "the client chooses a virtual host before logging in", "ログイン前に仮想ホストを選ぶ"),
    (Smnt, "the client mounts another tree", "別のファイルシステムに切り替える"),
    (Rein, "the client logs out and begin again on the same connection", "コネクションを保ったままログイン前に戻る"),
    (Stou, "the client stores a file under a new name", "サーバーが決める新しい名前で保存する"),
    (Site, "a command that only this server has", "このサーバー独自のコマンド"),
    (Mfmt, "the client sets when a file was changed", "ファイルの更新時刻を設定する"),
    (Mff, "the client sets a fact of a file", "ファイルの属性を設定する"),
    (Hash, "the client asks for the hash of a file", "ファイルのハッシュ値を尋ねる"),
    (Rang, "the client limits the next transfer to a range of bytes", "次の転送をバイト範囲に限る"),
    (Xcrc, "the client asks for the CRC-32 of a file", "ファイルの CRC-32 を尋ねる"),
    (Xmd5, "the client asks for the MD5 hash of a file", "ファイルの MD5 ハッシュ値を尋ねる"),
    (Xsha1, "the client asks for the SHA-1 hash of a file", "ファイルの SHA-1 ハッシュ値を尋ねる"),
    (Xsha256, "the client asks for the SHA-256 hash of a file", "ファイルの SHA-256 ハッシュ値を尋ねる"),
    (Xsha512, "the client asks for the SHA-512 hash of a file", "ファイルの SHA-512 ハッシュ値を尋ねる"),
    (Comb, "the client joins parts into one file", "分割されたファイルを一つにつなぐ"),
    (Avbl, "the client asks how much space is free", "空き容量を尋ねる"),
    (Dsiz, "the client asks for the size of a directory and all in it", "ディレクトリ全体の大きさを尋ねる"),
    (Csid, "the client names itself and asks for the server's name", "クライアントが名乗り、サーバーの名前を尋ねる"),
    (Clnt, "the client names itself", "クライアントが名乗る"),
];

/// Which commands a sentence on a reply is for.
#[derive(Clone, Copy, Debug)]
enum To {
    Any,
    Transfer,
    These(&'static [Verb]),
}

impl To {
    fn is_for(self, verb: Option<Verb>) -> bool {
        match self {
            Self::Any => true,
            Self::Transfer => verb.is_some_and(Verb::opens_transfer),
            Self::These(verbs) => verb.is_some_and(|verb| verbs.contains(&verb)),
        }
    }
}

/// Replies: the code, what it answers, the sentence; the first that fits.
#[rustfmt::skip]
const REPLIES: &[(u16, To, Sentence)] = &[
    (110, To::Any, say("959 3.5", "a restart marker", "再開マーカー")),
    (120, To::Any, say("959 4.2", "the server will be ready in a while", "まもなくサービスを始める")),
    (125, To::Any, say("959 4.2", "the data connection is already open; the transfer starts", "データコネクションは既に開いている。転送を始める")),
    (150, To::Any, say("959 4.2", "the data connection is about to be opened", "これからデータコネクションを開く")),
    (200, To::These(&[Port, Eprt, Lprt]), say("959 4.1.2", "the server has noted where it is to connect", "サーバーが接続先を控えた")),
    (200, To::These(&[Type]), say("959 4.1.2", "this TYPE holds from now on", "以後この TYPE を使う")),
    (200, To::These(&[Mode]), say("959 4.1.2", "this MODE holds from now on", "以後この MODE を使う")),
    (200, To::These(&[Stru]), say("959 4.1.2", "this STRU holds from now on", "以後この STRU を使う")),
    (200, To::These(&[Pbsz]), say("4217 9", "agreed: no buffer of its own", "合意した（専用のバッファーはなし）")),
    (200, To::These(&[Prot]), say("4217 9", "data connections will be protected at this level", "データコネクションをこの水準で保護する")),
    (200, To::Any, say("959 4.2", "the command was accepted", "コマンドを受け付けた")),
    (202, To::Any, say("959 4.2", "not needed here", "このサーバーでは不要")),
    (211, To::Any, say("959 4.2", "system status, or help", "システムの状態またはヘルプ")),
    (212, To::Any, say("959 4.2", "directory status", "ディレクトリの状態")),
    (213, To::Any, say("959 4.2", "file status", "ファイルの状態")),
    (214, To::Any, say("959 4.2", "help", "ヘルプ")),
    (215, To::Any, say("959 4.2", "the operating system", "システム種別")),
    (220, To::Any, say("959 4.2", "the server is ready", "サーバーの準備ができた")),
    (221, To::Any, say("959 4.2", "the server says goodbye and closes", "サーバーがセッションを終える")),
    (225, To::Any, say("959 4.2", "the data connection is open, no transfer runs", "データコネクションは開いているが、転送中ではない")),
    (226, To::Transfer, say("959 4.2", "the transfer is complete; the data connection is closed", "転送が完了し、データコネクションを閉じる")),
    (226, To::Any, say("959 4.2", "done; the data connection is closed", "完了し、データコネクションを閉じる")),
    (227, To::Any, say("959 4.1.2", "passive mode: the server listens[ on port {named}]; the client will connect", "パッシブモード：サーバーが[ポート {named} で]待ち、クライアントから接続する")),
    (228, To::Any, say("1639 3", "passive mode: the server listens[ on port {named}]; the client will connect", "パッシブモード：サーバーが[ポート {named} で]待ち、クライアントから接続する")),
    (229, To::Any, say("2428 3", "passive mode: the server listens[ on port {named}]; the client will connect", "パッシブモード：サーバーが[ポート {named} で]待ち、クライアントから接続する")),
    (230, To::Any, say("959 4.2", "the user is logged in", "ログインした")),
    (232, To::Any, say("2228 5", "logged in by certificate", "証明書でログインした")),
    (234, To::Any, say("4217 4", "the TLS handshake may begin", "TLS ハンドシェイクを始めてよい")),
    (250, To::Transfer, say("959 4.2", "the transfer is complete", "転送が完了した")),
    (250, To::These(&[Cwd, Cdup]), say("959 4.2", "the working directory is another one now", "作業ディレクトリが変わった")),
    (250, To::Any, say("959 4.2", "what was asked for is done", "要求された操作が完了した")),
    (257, To::Any, say("959 4.2", "the path, between quotes", "引用符で囲んだパス名")),
    (331, To::Any, say("959 4.2", "the name is taken; a password is wanted", "ユーザー名を受け取り、パスワードを求める")),
    (332, To::Any, say("959 4.2", "an account is wanted", "アカウントを求める")),
    (350, To::Any, say("959 4.2", "so far so good; more is wanted", "ここまで正常。続きのコマンドを待つ")),
    (421, To::Any, say("959 4.2", "the server ends its service and closes", "サーバーがサービスを打ち切り、閉じる")),
    (425, To::Any, say("959 4.2", "the data connection could not be opened", "データコネクションを開けない")),
    (426, To::Any, say("959 4.2", "the transfer was broken off", "転送が中断された")),
    (450, To::Any, say("959 4.2", "the file is busy now", "ファイルは使用中")),
    (451, To::Any, say("959 4.2", "broken off: an error on the server", "サーバー側の障害で中断した")),
    (452, To::Any, say("959 4.2", "no room left on the server", "サーバーの空き容量が足りない")),
    (500, To::Any, say("959 4.2", "the server does not know this command", "サーバーが認識できないコマンド")),
    (501, To::Any, say("959 4.2", "the argument is not understood", "引数に誤りがある")),
    (502, To::Any, say("959 4.2", "the server does not do this", "サーバーはこのコマンドを実装していない")),
    (503, To::Any, say("959 4.2", "another command must come first", "コマンドの順序が正しくない")),
    (504, To::Any, say("959 4.2", "not done for this parameter", "このパラメーターには対応していない")),
    (521, To::Any, say("4217 10", "data connections must be protected", "データコネクションの保護が必要")),
    (522, To::Any, say("2428 2", "not this kind of data connection", "この種のデータコネクションは使えない")),
    (530, To::Any, say("959 4.2", "not logged in", "ログインしていない")),
    (532, To::Any, say("959 4.2", "storing needs an account", "格納にはアカウントが必要")),
    (533, To::Any, say("2228 5", "the control connection is in clear", "コントロールコネクションが平文である")),
    (534, To::Any, say("2228 5", "refused by policy", "サーバーの方針により拒否された")),
    (536, To::Any, say("2228 5", "no such protection here", "その保護水準には対応していない")),
    (550, To::Any, say("959 4.2", "not found, or no permission", "見つからないか、権限がない")),
    (551, To::Any, say("959 4.2", "the page type is unknown", "不明なページ種別")),
    (552, To::Any, say("959 4.2", "the quota is used up", "割り当て容量を超えた")),
    (553, To::Any, say("959 4.2", "this name is not allowed", "この名前は使えない")),
    (554, To::Any, say("1123 4.1.3.4", "REST does not fit this transfer", "この転送では REST の位置を使えない")),
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
    let (in_english, in_japanese) = more::of_command(verb);
    Some(say("", en, ja).and(in_english, in_japanese))
}

/// The sentence of a reply to a command, where that is known.
pub(super) fn reply(code: u16, to: Option<Verb>) -> Option<Sentence> {
    let of_code = REPLIES.iter().find(|(of, answers, _)| *of == code && answers.is_for(to));
    let of_class = || CLASSES.iter().find(|(digit, _)| *digit == code / 100).map(|(_, say)| *say);
    let sentence = of_code.map(|(_, _, sentence)| *sentence).or_else(of_class)?;
    let (en, ja) = more::of_reply(code, to);
    Some(sentence.and(en, ja))
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
        (Packet::Data { .. }, true) if row.tls => covered(row),
        (Packet::Data { bytes: 0, end: None }, false) if row.tls => covered(row),
        (Packet::Data { .. }, true) => PART,
        (Packet::Syn, false) if client => PASSIVE_SYN,
        (Packet::Syn, false) => ACTIVE_SYN,
        (Packet::SynAck, false) if client => ACTIVE_SYN_ACK,
        (Packet::SynAck, false) => PASSIVE_SYN_ACK,
        (Packet::Data { end: Some(HalfEnd::Fin), .. }, _) if lists => LISTING_END,
        (Packet::Data { end: Some(HalfEnd::Fin), .. }, _) => FILE_END,
        (Packet::Data { end: Some(HalfEnd::Eof), .. }, _) => FILE_EOF,
        (Packet::Data { end: Some(HalfEnd::Reset | HalfEnd::Cut), .. }, _)
        | (Packet::Rst, false) => DATA_RST,
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

/// The sentence of records of TLS that hold no commands, replies or files.
fn covered(row: &Row) -> Sentence {
    let label = row.label.to_string();
    RECORDS.iter().find(|(word, _)| label.contains(word)).map_or(COVERED, |(_, sentence)| *sentence)
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
        FILE_EOF,
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
    let records = RECORDS.iter().map(|(_, sentence)| *sentence);
    let more = more::all().map(|(en, ja)| say("", en, ja));
    let all = packets.into_iter().chain(records).chain(commands).chain(replies).chain(classes);
    let besides = packets.into_iter().filter(|of| !of.more.0.is_empty());
    all.chain(besides.map(|of| say("", of.more.0, of.more.1))).chain(more)
}
