//! What lessons say of commands and replies besides their notes: what they are for, why they come now, and what would be
//! otherwise in another case.

use wharf_proto::Verb::{self, *};

/// English and Japanese.
type Words = (&'static str, &'static str);

#[rustfmt::skip]
const COMMANDS: &[(&[Verb], Words)] = &[
    (&[User], (
        "In clear, as all of this connection without TLS. As \"anonymous\" or \"ftp\" anybody may come in, where the server allows it.",
        "TLS がなければ、このコネクションのほかのすべてと同じく平文で流れる。サーバーが許せば、anonymous や ftp という名前で誰でも入れる。",
    )),
    (&[Pass], (
        "Without TLS it can be read on the wire; AUTH TLS before USER prevents that. Then 230 lets the user in, 332 wants an account besides, 530 refuses.",
        "TLS がなければ通信路で読めてしまう。それを防ぐのが USER より前の AUTH TLS である。応答が 230 ならログイン、332 なら課金アカウントも必要、530 なら拒否である。",
    )),
    (&[Cwd], (
        "Names in later commands count from there. It is a state of this session; nothing on the server changes.",
        "以後の名前はここを起点とする。このセッションの状態にすぎず、サーバー上では何も変わらない。",
    )),
    (&[Port], (
        "Before a transfer, since LIST and RETR do not say where the data shall go. [The last two numbers are the port: {hi} * 256 + {lo}. ]Behind a NAT the address is wrong, and a firewall may let no connection in: passive mode helps both.",
        "LIST や RETR はデータの送り先を示さないので、転送の前に送る。[最後の二つの数がポートで、{hi} * 256 + {lo} である。]NAT の内側ではアドレスが誤りとなり、ファイアウォールは外からの接続を通さないことがある。どちらもパッシブモードで避けられる。",
    )),
    (&[Eprt], (
        "Before a transfer, since LIST and RETR do not say where the data shall go. It does what PORT does, for IPv6 as well: 1 is IPv4, 2 is IPv6.",
        "LIST や RETR はデータの送り先を示さないので、転送の前に送る。PORT と同じ働きで、IPv6 も表せる（1 が IPv4、2 が IPv6）。",
    )),
    (&[Pasv], (
        "So that the client opens both connections, which firewalls before it let out. The server chooses the port, not the client. PASV knows IPv4 alone; EPSV knows IPv6 too.",
        "二つのコネクションをどちらもクライアントが開くためで、手前のファイアウォールを通る。ポートを選ぶのはクライアントではなくサーバーである。PASV は IPv4 だけで、IPv6 には EPSV を使う。",
    )),
    (&[Epsv], (
        "As PASV, for IPv6 as well: the reply names a port alone, and the client connects to the address that it is talking to. So no NAT can make it wrong.",
        "PASV と同じ働きで、IPv6 にも使える。応答はポートだけを伝え、クライアントは今話している相手のアドレスへ接続するので、NAT があっても誤らない。",
    )),
    (&[Type], (
        "A, the default, is text: its line ends go as CR LF, which damages anything else. I (image) sends the bytes as they are.",
        "既定の A はテキストで、改行を CR LF にして送るため、テキスト以外は壊れる。I（イメージ）はバイトをそのまま送る。",
    )),
    (&[Mode], (
        "S, the default, is a stream that ends with its connection. B sends blocks with headers, so that a file can end and the connection stay; C compresses besides, and Z packs by deflate.",
        "既定の S はコネクションと共に終わるストリーム。B はヘッダーの付いたブロックで送り、ファイルが終わってもコネクションを保てる。C はさらに圧縮し、Z は deflate で圧縮する。",
    )),
    (&[List, Nlst, Mlsd], (
        "A listing goes as a file does, over a data connection; that is why its address was agreed on before. Without that, the server would connect to the client's control port (RFC 959 3.2).",
        "一覧もファイルと同じくデータコネクションで送られる。先に場所を取り決めたのはそのためである。取り決めがなければ、サーバーはクライアントのコントロールコネクションのポートへ接続する（RFC 959 3.2）。",
    )),
    (&[Retr], (
        "The server looks first whether it may send the file: 550 would refuse it before a byte goes. In stream mode each file needs a data connection of its own.",
        "サーバーはまず送れるかを確かめる。送れなければ、データを送る前に 550 で断る。ストリームモードではファイルごとにデータコネクションが要る。",
    )),
    (&[Stor], (
        "Now the client is the one that sends, and whose FIN ends the file. An existing file of that name is replaced; APPE would add to it.",
        "今度はクライアントが送る側で、その FIN がファイルの終わりになる。同じ名前のファイルは置き換えられる。APPE なら追記する。",
    )),
    (&[Quit], (
        "A transfer that still runs would be finished first.",
        "転送が続いていれば、それが終わってから閉じる。",
    )),
    (&[Auth], (
        "Before USER, so that name and password go under TLS already. 234 agrees; 500, 502, 504 or 534 refuse, and a careful client leaves then.",
        "ユーザー名とパスワードも TLS の下で送れるように、USER より前に送る。234 なら合意、500、502、504、534 なら拒否で、慎重なクライアントはそこでやめる。",
    )),
    (&[Pbsz], (
        "With TLS always 0, since TLS has records of its own; it must come before PROT.",
        "TLS には独自のレコードがあるので常に 0 を送る。PROT より前に必要な手順である。",
    )),
    (&[Prot], (
        "P: under TLS. C, in clear, is what holds where nobody says PROT: then only the login is protected.",
        "P は TLS で保護する。PROT を送らなければ C（平文）のままで、保護されるのはログインだけである。",
    )),
    (&[Rest], (
        "The server only notes it: the very next command must be the transfer.",
        "サーバーは位置を控えるだけである。次のコマンドが転送でなければならない。",
    )),
    (&[Abor], (
        "Two replies come: 426 for the transfer that is broken off, and 226 for ABOR itself.",
        "応答は二つ来る。中断された転送への 426 と、ABOR への 226 である。",
    )),
];

#[rustfmt::skip]
const REPLIES: &[(u16, &[Verb], Words)] = &[
    (220, &[], (
        "A client says nothing before it. 120 would have it wait, 421 turn it away. Programs go by the code alone: 1 has begun, 2 is done, 3 wants more, 4 is not now, 5 is no. The words are for people.",
        "クライアントはこれを待ってから話し始める。120 なら少し待ち、421 なら断られたことになる。プログラムは数字だけを見る。1 は開始、2 は完了、3 は続きを待つ、4 は一時的な失敗、5 は失敗。文は人のためのものである。",
    )),
    (331, &[], (
        "That does not mean that the user exists: careful servers ask for a password whatever the name, so that nobody can find names out. 230 would let the user in without one.",
        "ユーザーが存在するという意味ではない。名前を探られないよう、慎重なサーバーはどんな名前にもパスワードを求める。パスワードが不要なら、ここで 230 になる。",
    )),
    (230, &[], (
        "Before it nearly every command is answered 530. Now TYPE A, STRU F and MODE S hold, until something else is asked for (RFC 959 5.1).",
        "これより前は、ほとんどのコマンドに 530 が返る。今は TYPE A、STRU F、MODE S であり、変更するまで続く（RFC 959 5.1）。",
    )),
    (250, &[Cwd, Cdup], (
        "550 would say that there is no such directory, or that this user may not enter it.",
        "550 なら、そのディレクトリがないか、このユーザーには入る権限がない。",
    )),
    (200, &[Port, Eprt], (
        "Most servers connect when a transfer is asked for, some at once. An address other than the client's, or a port below 1024, is refused, lest the server be made to attack others (RFC 2577 3).",
        "多くのサーバーは転送を求められてから接続する。すぐに接続するものもある。クライアント以外のアドレスや 1024 未満のポートは拒否される。サーバーが他者への攻撃に使われるのを防ぐためである（RFC 2577 3）。",
    )),
    (227, &[], (
        "The server has chosen the port[: {hi} * 256 + {lo}]. Behind a NAT it may tell its inside address, which nobody outside can reach; careful clients take the port only, and the address of the control connection.",
        "ポートを選んだのはサーバーである[（{hi} * 256 + {lo}）]。NAT の内側にあると、外から届かない内部アドレスを伝えることがある。慎重なクライアントはポートだけを使い、アドレスはコントロールコネクションのものを使う。",
    )),
    (229, &[], (
        "Only a port: the address is that of the control connection.",
        "伝えるのはポートだけで、アドレスはコントロールコネクションと同じである。",
    )),
    (125, &[], (
        "125 and 150 are two ways of saying that it begins: 125 where the data connection is open already, 150 where it is not yet. 425 would say that it could not be opened.",
        "125 と 150 はどちらも開始を表す。データコネクションが既に開いていれば 125、これから開くなら 150 である。開けなければ 425 になる。",
    )),
    (150, &[], (
        "125 would say that it is open already. If it does not come about, 425 follows.",
        "既に開いていれば 125 になる。開けなければ、この後に 425 が続く。",
    )),
    (250, &[List, Nlst, Mlsd, Retr, Stor, Appe, Stou], (
        "Only the reply proves it: after a failure (426, 451) the data connection ends as well. 250 says nothing of the data connection, which in block mode stays open for the next file; 226 would say that it is closed.",
        "完了を示すのはこの応答だけである。失敗（426、451）でもデータコネクションは終わる。250 はデータコネクションについて何も言わず、ブロックモードでは次のファイルのために開いたまま残る。226 なら閉じたことも表す。",
    )),
    (226, &[List, Nlst, Mlsd, Retr, Stor, Appe, Stou], (
        "Only the reply proves it: after a failure (426, 451) the data connection ends as well. In block mode, where it stays open, the reply is 250.",
        "完了を示すのはこの応答だけである。失敗（426、451）でもデータコネクションは終わる。コネクションが残るブロックモードでは 250 になる。",
    )),
    (221, &[], (
        "After it the server closes the control connection.",
        "この後、サーバーがコントロールコネクションを閉じる。",
    )),
    (234, &[], (
        "The next bytes are the handshake. What was said in clear before it counts for nothing: a client asks FEAT again.",
        "次のバイトからハンドシェイクが始まる。それまでに平文で得た情報は信用できないので、クライアントは FEAT などを尋ね直す。",
    )),
    (200, &[Prot], (
        "Each data connection will now begin with a handshake of its own.",
        "以後、データコネクションはそれぞれハンドシェイクから始まる。",
    )),
    (425, &[], (
        "Nothing was sent. The session goes on, and the same may be tried in the other mode.",
        "何も送られていない。セッションは続いており、もう一方のモードで試せる。",
    )),
    (426, &[], (
        "What has arrived is no whole file. REST can go on from there.",
        "届いた分は完全なファイルではない。REST で続きから再開できる。",
    )),
];

/// Of a command; empty where there is no more to say.
pub(super) fn of_command(verb: Verb) -> Words {
    COMMANDS.iter().find(|(of, _)| of.contains(&verb)).map_or(("", ""), |(_, words)| *words)
}

/// Of a reply to a command.
pub(super) fn of_reply(code: u16, to: Option<Verb>) -> Words {
    let fits = |of: &[Verb]| of.is_empty() || to.is_some_and(|verb| of.contains(&verb));
    let found = REPLIES.iter().find(|(of, verbs, _)| *of == code && fits(verbs));
    found.map_or(("", ""), |(.., words)| *words)
}

/// All of them, for tests.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = Words> {
    let commands = COMMANDS.iter().map(|(_, words)| *words);
    commands.chain(REPLIES.iter().map(|(.., words)| *words))
}
