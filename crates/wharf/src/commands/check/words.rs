//! What went wrong in a try, in words: short ones for a cell of the table, whole ones below it, and what could help.
//!
//! The errors of the library speak English; the Japanese of those that a check meets is here. What a server says stays as
//! it is.

use std::io;
use std::net::SocketAddr;

use wharf_client::{CertificateFault, Error, Exchange, Proof, ProxyFault, TlsFault};
use wharf_ladder::Lang;
use wharf_proto::reply::ReplyError;
use wharf_proto::{Reply, Verb};

/// The error in a few words, for a cell.
pub(super) fn short(error: &Error, lang: Lang) -> String {
    let ja = lang == Lang::Ja;
    match error {
        Error::Refused { last } | Error::NotProtected { last } => {
            let (verb, code) = (verb(last), code(last));
            if ja {
                format!("{verb} を拒否（{code}）")
            } else {
                format!("{verb} refused ({code})")
            }
        }
        Error::NotResumed { .. } => lang.of("TLS must be resumed", "TLS の再開が必要").to_owned(),
        Error::DataConnect { source, .. } => match (source.kind(), ja) {
            (io::ErrorKind::ConnectionRefused, false) => "data port refuses".to_owned(),
            (io::ErrorKind::ConnectionRefused, true) => "データポートが拒否".to_owned(),
            (io::ErrorKind::TimedOut, false) => "data port does not answer".to_owned(),
            (io::ErrorKind::TimedOut, true) => "データポートの応答なし".to_owned(),
            (_, false) => "no data connection".to_owned(),
            (_, true) => "データコネクションなし".to_owned(),
        },
        Error::DataAccept { .. } => {
            lang.of("server did not connect", "サーバーから接続なし").to_owned()
        }
        Error::NoReply { last, .. } if last.unended => {
            let verb = verb(last);
            if ja {
                format!("{verb} の応答が終わらない")
            } else {
                format!("{verb}: reply never ends")
            }
        }
        Error::NoReply { last, .. } => {
            let verb = verb(last);
            if ja { format!("{verb} に応答なし") } else { format!("{verb} not answered") }
        }
        Error::ControlLost { last, .. } | Error::Closing { last } => {
            let verb = verb(last);
            if ja { format!("{verb} で切断") } else { format!("session lost at {verb}") }
        }
        Error::Malformed { last, .. } => {
            let verb = verb(last);
            if ja {
                format!("{verb} の応答が不正")
            } else {
                format!("{verb}: reply malformed")
            }
        }
        Error::Stalled { .. } => lang.of("data stood still", "データが停止").to_owned(),
        Error::Unproven { .. } => lang.of("data cut off", "データが不完全").to_owned(),
        Error::Tls { .. } => lang.of("no TLS", "TLS なし").to_owned(),
        Error::Connect { .. } => lang.of("no connection", "接続できない").to_owned(),
        _ => lang.of("failed", "失敗").to_owned(),
    }
}

/// Whether the server has refused a listing for what was to be listed, and not for the way in which it was to come.
pub(super) fn is_of_listing(error: &Error) -> bool {
    let Error::Refused { last } = error else { return false };
    last.verb.is_some_and(Verb::opens_transfer) && matches!(error.code(), Some(450 | 550))
}

/// The error in the words of a step beside which a finding tells the rest.
pub(super) fn step(error: &Error, lang: Lang) -> String {
    match (error, lang) {
        (Error::Tls { fault: TlsFault::Certificate { why, .. }, .. }, Lang::En) => {
            format!("no TLS: {why}")
        }
        (Error::Tls { fault: TlsFault::Certificate { why, .. }, .. }, Lang::Ja) => {
            format!("TLS なし。{}", of_certificate(why))
        }
        _ => whole(error, lang),
    }
}

/// The error in all words.
pub(super) fn whole(error: &Error, lang: Lang) -> String {
    match lang {
        Lang::En => without_numbers(&error.to_string()),
        Lang::Ja => japanese(error),
    }
}

/// What could help, where something could.
pub(super) fn advice(error: &Error, lang: Lang) -> Option<&'static str> {
    match lang {
        Lang::En => error.advice(),
        Lang::Ja => japanese_advice(error),
    }
}

/// What the system says, without the number that its library adds.
pub(super) fn of_system(error: &io::Error, lang: Lang) -> String {
    let known = match error.kind() {
        io::ErrorKind::ConnectionRefused => "接続を拒否された",
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => "接続をリセットされた",
        io::ErrorKind::TimedOut => "時間内に応答がない",
        io::ErrorKind::HostUnreachable => "ホストに到達できない",
        io::ErrorKind::NetworkUnreachable => "ネットワークに到達できない",
        io::ErrorKind::PermissionDenied => "許可されていない",
        io::ErrorKind::AddrNotAvailable => "使えるアドレスがない",
        io::ErrorKind::UnexpectedEof => "途中で閉じられた",
        _ => "",
    };
    if lang == Lang::Ja && !known.is_empty() {
        return known.to_owned();
    }
    let said = without_numbers(&error.to_string());
    if lang == Lang::Ja && said.contains("lookup") {
        "名前解決に失敗した".to_owned()
    } else {
        said
    }
}

fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, part) in text.split(" (os error ").enumerate() {
        let rest = part
            .split_once(')')
            .filter(|(number, _)| n > 0 && number.bytes().all(|byte| byte.is_ascii_digit()));
        out.push_str(rest.map_or(part, |(_, rest)| rest));
    }
    out
}

fn japanese(error: &Error) -> String {
    match error {
        Error::Resolve { host, source } => {
            format!("{host}：ホストが見つからない（{}）", of_system(source, Lang::Ja))
        }
        Error::Connect { host, port, attempts } => {
            format!("{host} のポート {port} に接続できない{}", tried(attempts))
        }
        Error::Proxy { proxy, fault } => format!("{proxy}：{}", of_proxy(fault)),
        Error::Unwelcome { reply } => format!("サーバーが接続を断った：{}", said(reply)),
        Error::ControlLost { last, source } => {
            let why = source.as_ref().map(|source| of_system(source, Lang::Ja));
            let why = why.unwrap_or_else(|| "サーバーが閉じた".to_owned());
            format!("{}コントロールコネクションが切れた（{why}）", after(last))
        }
        Error::NoReply { last, waited } => {
            format!("{}{} 秒以内に応答がなかった", after(last), waited.as_secs())
        }
        Error::NotFtp { source: ReplyError::NotAReply(line), .. } => {
            format!("FTP の応答ではない行が届いた：{line}")
        }
        Error::NotFtp { .. } => "サーバーの応答が長すぎる".to_owned(),
        Error::Closing { last } => format!("サーバーがセッションを終えた：{}", answer(last)),
        Error::OutOfStep { last } => format!("{}コマンドと合わない応答が届いた", after(last)),
        Error::ReplyOwed { last } => format!("{}前のコマンドへの応答がまだ届かない", after(last)),
        Error::Malformed { last, .. } => format!("{}応答に必要な値がない", after(last)),
        Error::Login { user, last } => format!("{user}：ログインを拒否された：{}", answer(last)),
        Error::NoPassword { user } => {
            format!("{user}：サーバーがパスワードを求めているが、設定されていない")
        }
        Error::Refused { last } => format!("{} を拒否された：{}", last.command, answer(last)),
        Error::NotProtected { last } => {
            format!("TLS なし。{} を拒否された：{}", last.command, answer(last))
        }
        Error::Injected { .. } => "TLS の始まりの後に平文のデータが届いた".to_owned(),
        Error::Tls { fault, .. } => format!("TLS なし。{}", of_tls(fault)),
        Error::NotResumed { last, .. } => format!(
            "{} を拒否された。データコネクションが TLS セッションを再開しなかった：{}",
            last.command,
            answer(last)
        ),
        Error::DataConnect { address, source, .. } => {
            format!("{address} にデータコネクションを開けない（{}）", of_system(source, Lang::Ja))
        }
        Error::DataAccept { address, waited, .. } => {
            format!("サーバーから {address} への接続が {} 秒以内に来なかった", waited.as_secs())
        }
        Error::Stalled { moved, waited, .. } => {
            format!("データコネクションが {moved} バイトの後で {} 秒間止まった", waited.as_secs())
        }
        Error::Unproven { missing, moved, .. } => {
            format!(
                "{moved} バイトで終わったが、すべて届いたか確認できない：{}",
                of_proof(*missing)
            )
        }
        Error::DataListen { source } => {
            format!("データコネクションを待つポートがない（{}）", of_system(source, Lang::Ja))
        }
        other => without_numbers(&other.to_string()),
    }
}

fn japanese_advice(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::Resolve { source, .. } if source.kind() == io::ErrorKind::AddrNotAvailable => {
            "もう一方のアドレスファミリーのアドレスはある。-4 や -6 を外す"
        }
        Error::Resolve { .. } => "ホスト名の綴りとネットワークを確かめる",
        Error::Connect { attempts, .. } => of_attempts(attempts),
        Error::Proxy { fault: ProxyFault::Login, .. } => {
            "プロキシのユーザー名とパスワードを確かめる"
        }
        Error::Proxy { .. } => {
            "--proxy の指定と、プロキシの状態を確かめる（サーバーの問題ではない）"
        }
        Error::Closing { .. } | Error::Login { .. } if error.wants_tls() => {
            "サーバーは TLS を求めている。ftp:// の代わりに ftpes:// を使う"
        }
        Error::Closing { .. } if error.is_of_silence() => {
            "サーバーは無通信のセッションを終える。やり直せば新しいセッションになる。管理者は待つ時間を延ばせる"
        }
        Error::Unwelcome { .. } | Error::Closing { .. } => {
            "サーバーが混んでいるか、停止しようとしている。しばらくして試す"
        }
        Error::Login { .. } => of_login(error),
        Error::ControlLost { last, .. } if last.is_before_all() && last.reply.is_none() => {
            "ファイアウォールかアクセス制限が接続を閉じている。別の場所から試す"
        }
        Error::ControlLost { .. } => "サーバーか途中の装置がセッションを切った",
        Error::NoReply { last, .. } if last.unended => {
            "サーバーがその応答を終えない。最後の行は最初の行と同じコードと空白で始まらなければならない（RFC 959 4.2 節）。\
             管理者が直す必要がある"
        }
        Error::NoReply { last, .. } if last.is_before_all() => {
            "接続と同時に TLS が始まるポート（多くは 990）なら平文では何も届かない。ftps:// を使う。\
             そうでなければサーバーが遅い。--timeout を延ばす"
        }
        Error::NoReply { .. } => "サーバーが遅いか止まっている。--timeout を延ばす",
        Error::NotFtp { source: ReplyError::NotAReply(_), .. } => of_stranger(error),
        Error::Refused { last } => return of_refusal(last),
        Error::NotProtected { last } if last.verb == Some(Verb::Prot) => {
            "サーバーはデータコネクションを保護しない。--prot-fallback を付けると平文のまま続ける"
        }
        Error::NotProtected { .. } => {
            "このポートには TLS がない。専用のポート（ftps://、多くは 990）にあることもある。\
             ftp:// ではパスワードもファイルも平文で流れる"
        }
        Error::Tls { fault, .. } => return of_tls_advice(fault),
        Error::Injected { .. } => "途中に誰かがいるおそれがある。ここからはログインしない",
        Error::NotResumed { .. } => {
            "TLS 1.3 のチケットが足りない。--tls-max 1.2 では一つの TLS セッションを何度でも再開できる"
        }
        Error::DataConnect { .. } => {
            "サーバーのデータポートがファイアウォールで遮られているか、NAT が違うポートを伝えている"
        }
        Error::DataAccept { .. } => {
            "こちら側のファイアウォールか NAT がサーバーからの接続を通さない。パッシブモードを使う"
        }
        Error::Unproven { .. } => "末尾が欠けているおそれがある",
        _ => return None,
    })
}

fn of_refusal(last: &Exchange) -> Option<&'static str> {
    Some(match last.verb? {
        Verb::Epsv => {
            "サーバーが EPSV を許可していない（cmds_denied、pasv_enable など）。PASV（--plain）か --active を試す"
        }
        Verb::Pasv => {
            "サーバーがパッシブモードを許可していない（pasv_enable など）。--active を試すか、サーバーで有効にする"
        }
        Verb::Eprt | Verb::Port => {
            "サーバーがアクティブモードを許可していない（port_enable など）。--active を付けない"
        }
        _ => return None,
    })
}

fn of_login(error: &Error) -> &'static str {
    if error.is_of_too_many() {
        "サーバーのセッション数が上限に達している。ほかを終えるか、しばらくして試す"
    } else if matches!(error.code(), Some(500 | 502)) {
        "サーバーが USER を知らない。FTP サーバーではないかもしれない"
    } else {
        "ユーザー名とパスワードを確かめる。匿名ユーザーを許していないこともある"
    }
}

fn of_stranger(error: &Error) -> &'static str {
    match error.speaks() {
        Some("SSH") => {
            "SSH サーバーである。SFTP は FTP とは別のプロトコルなので、SFTP のクライアントを使う"
        }
        Some("HTTP") => "ウェブサーバーである。FTP サーバーのポートを確かめる",
        Some(_) => "メールサーバーである。FTP サーバーのポートを確かめる",
        None => "そのポートでは FTP サーバー以外のものが応答している",
    }
}

fn of_tls(fault: &TlsFault) -> String {
    match fault {
        TlsFault::Certificate { why, shown } => {
            let shown = shown.as_ref().map(|of| format!("（フィンガープリントは {of}）"));
            of_certificate(why) + &shown.unwrap_or_default()
        }
        TlsFault::NotTls => "サーバーが平文で応答した".to_owned(),
        TlsFault::NothingInCommon(what) => format!("共通のバージョンや暗号がない：{what}"),
        TlsFault::Refused(alert) => format!("サーバーが打ち切った：{alert}"),
        TlsFault::Broken(error) => format!("接続が切れた：{}", of_system(error, Lang::Ja)),
        TlsFault::Late => "時間内に始まらなかった".to_owned(),
        TlsFault::Other(what) => what.clone(),
        other => without_numbers(&other.to_string()),
    }
}

fn of_certificate(why: &CertificateFault) -> String {
    match why {
        CertificateFault::UnknownIssuer => "サーバー証明書の発行者が信頼されていない".to_owned(),
        CertificateFault::Expired => "サーバー証明書の期限が切れている".to_owned(),
        CertificateFault::NotYetValid => "サーバー証明書の有効期間がまだ始まっていない".to_owned(),
        CertificateFault::WrongName { names } => {
            let names: Vec<String> = names.iter().take(5).map(ToString::to_string).collect();
            let of =
                if names.is_empty() { String::new() } else { format!("：{}", names.join("、")) };
            format!("サーバー証明書が別のホストのものである{of}")
        }
        CertificateFault::NotPinned => "サーバー証明書が --pin で指定されたものと違う".to_owned(),
        other => format!("サーバー証明書を使えない：{other}"),
    }
}

fn of_tls_advice(fault: &TlsFault) -> Option<&'static str> {
    Some(match fault {
        TlsFault::Certificate { why: CertificateFault::NotPinned, .. } => {
            "更新されたか、途中に誰かがいる。--pin を改める前に、管理者にフィンガープリントを確かめる"
        }
        TlsFault::Certificate { why: CertificateFault::WrongName { .. }, .. } => {
            "証明書にある名前で接続するか、管理者にフィンガープリントを確かめたうえで --pin で信頼する"
        }
        TlsFault::Certificate {
            why: CertificateFault::Expired | CertificateFault::NotYetValid,
            ..
        } => {
            "こちらの時計を確かめる。合っていれば、管理者が証明書を更新するまで、\
             フィンガープリントを確かめたうえで --pin でこの証明書だけを信頼する"
        }
        TlsFault::Certificate { .. } => {
            "発行者を --ca FILE で信頼するか、管理者にフィンガープリントを確かめたうえで --pin で信頼する。\
             --insecure は誰でも信頼する"
        }
        TlsFault::NotTls => {
            "ftps:// は接続と同時に TLS が始まるポートのためのもの。ftpes:// は AUTH TLS で始める"
        }
        TlsFault::NothingInCommon(_) | TlsFault::Refused(_) => {
            "サーバーが TLS 1.2 より古いか、--tls-max や --tls-min の範囲と合わない"
        }
        TlsFault::Broken(_) | TlsFault::Late => {
            "途中の装置が TLS を通さないか、TLS のポートではない"
        }
        _ => return None,
    })
}

fn of_proxy(fault: &ProxyFault) -> String {
    match fault {
        ProxyFault::Broken(error) => of_system(error, Lang::Ja),
        ProxyFault::NoConnection(error) => japanese(error),
        ProxyFault::Login => "プロキシのログインを拒否された".to_owned(),
        ProxyFault::Refused(what) => format!("プロキシが先へ接続しない：{what}"),
        other => without_numbers(&other.to_string()),
    }
}

fn of_proof(missing: Proof) -> &'static str {
    match missing {
        Proof::DataEnd => "データコネクションがリセットで終わった",
        Proof::EndMark => "ファイルの終わりを示す印の前に終わった",
        Proof::CloseNotify => "TLS の close_notify がなかった",
        Proof::FinalReply => "サーバーの最後の応答が届かない",
        _ => "内容が一致しない",
    }
}

fn of_attempts(attempts: &[(SocketAddr, io::Error)]) -> &'static str {
    let all = |kind| attempts.iter().all(|(_, error)| error.kind() == kind);
    if all(io::ErrorKind::ConnectionRefused) {
        "そのポートで待ち受けているものがない。ポート番号と、サーバーの稼働を確かめる"
    } else if all(io::ErrorKind::TimedOut) {
        "ホストが停止しているか、ファイアウォールがパケットを破棄している"
    } else {
        "アドレスとネットワークを確かめる"
    }
}

fn tried(attempts: &[(SocketAddr, io::Error)]) -> String {
    let each: Vec<String> = attempts
        .iter()
        .map(|(at, error)| format!("{}：{}", at.ip(), of_system(error, Lang::Ja)))
        .collect();
    if each.is_empty() { String::new() } else { format!("（{}）", each.join("、")) }
}

/// What was said last, as the beginning of a sentence.
fn after(last: &Exchange) -> String {
    match (last.verb, &last.reply) {
        (None, Some(reply)) if last.unended => {
            format!("最初の応答「{}」が終わらず、", said(reply))
        }
        (Some(_), Some(reply)) if last.unended => {
            format!("{} の応答「{}」が終わらず、", last.command, said(reply))
        }
        (None, None) => "最初の応答が来る前に、".to_owned(),
        (None, Some(reply)) => format!("「{}」の後、", said(reply)),
        (Some(_), None) => format!("{} の後、", last.command),
        (Some(_), Some(reply)) => format!("{}（応答「{}」）の後、", last.command, said(reply)),
    }
}

fn answer(last: &Exchange) -> String {
    last.reply.as_ref().map_or_else(|| "応答なし".to_owned(), said)
}

/// A reply on one line.
fn said(reply: &Reply) -> String {
    let lines: Vec<String> = reply.lines.iter().take(4).map(ToString::to_string).collect();
    format!("{} {}", reply.code, lines.join(" ")).trim_end().to_owned()
}

fn code(last: &Exchange) -> String {
    last.reply.as_ref().map_or_else(|| "-".to_owned(), |reply| reply.code.to_string())
}

/// The verb of the last command; of none, the greeting.
fn verb(last: &Exchange) -> String {
    last.verb.map_or_else(|| "220".to_owned(), |verb| verb.to_string())
}
