//! What our own client and server say of themselves in a tap is English; a finding that repeats it in Japanese says it in
//! Japanese. What a peer has said stays as it is.

/// Words of ours, as they may stand within a longer text, and the same in Japanese.
const SAID: &[(&str, &str)] = &[
    ("nobody we trust has issued the server's certificate", "発行者が信頼されていない"),
    ("the server's certificate has expired", "期限が切れている"),
    ("the server's certificate is not valid yet", "有効期間がまだ始まっていない"),
    ("the server's certificate is for another host: ", "別のホストのもの："),
    ("the server's certificate is for another host", "別のホストのものである"),
    ("the server's certificate is not the pinned one", "指定されたもの（--pin）と違う"),
    ("the server's certificate is of no use: ", "使えない："),
    ("; its fingerprint is ", "、フィンガープリントは "),
    ("the server answers in clear", "サーバーが平文で応答した"),
    ("nothing in common with the server: ", "共通のバージョンや暗号がない："),
    ("the server broke it off: ", "サーバーが打ち切った："),
    ("the connection ended: ", "接続が切れた："),
    ("the client refused it: ", "クライアントが拒否した："),
    ("it leaves as soon as it has seen it", "受け取った直後に接続を切った"),
    ("too many wrong ones", "誤りが多すぎる"),
    ("it was not begun in time", "時間内に始まらなかった"),
    ("not UTF-8", "UTF-8 ではない"),
    ("closed", "切断"),
    (" is not the client of this session", " はこのセッションのクライアントではない"),
    (" connected, which is not the server", " が接続してきたが、サーバーではない"),
];

/// The same in Japanese, where the words are ours.
pub(super) fn in_japanese(what: &str) -> String {
    // What stands beside a word, such as a port, does so in brackets.
    let inner = what.strip_prefix(" (").and_then(|rest| rest.strip_suffix(')'));
    let mut out = inner.map_or_else(|| what.to_owned(), |inner| format!("（{inner}）"));
    if let Some(number) = what.strip_suffix(" s").filter(|number| number.parse::<u64>().is_ok()) {
        out = format!(" {number} 秒間");
    }
    // Peers say this too.
    if what == "some time" {
        return "しばらく".to_owned();
    }
    for (en, ja) in SAID {
        // A word alone is ours only where nothing else stands beside it.
        if en.contains(' ') || out == *en {
            out = out.replace(en, ja);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::in_japanese;

    #[test]
    fn words_of_ours_are_put_into_japanese_and_those_of_peers_left() {
        let ours =
            "nobody we trust has issued the server's certificate; its fingerprint is sha256:00";
        assert_eq!(in_japanese(ours), "発行者が信頼されていない、フィンガープリントは sha256:00");
        assert_eq!(in_japanese("closed"), "切断");
        assert_eq!(in_japanese(" (192.0.2.10:1182)"), "（192.0.2.10:1182）");
        assert_eq!(in_japanese("30 s"), " 30 秒間");
        assert_eq!(in_japanese("some time"), "しばらく");
        assert_eq!(in_japanese("421 Again in some time."), "421 Again in some time.");
        assert_eq!(in_japanese("421 Session closed."), "421 Session closed.");
    }
}
