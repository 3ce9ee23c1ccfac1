//! `wharf demo`: our server and our client hold the reference session on this machine, and the ladder draws
//! it.
//!
//! Real files, real sockets on the loopback interface, nothing staged: the exit code is 0 only if the file
//! that arrived equals the file served. Who may capture packets (root) sees every packet; everybody else sees
//! the same session from the server's tap. The server and the tree are in `demo/house.rs`, what was seen is
//! in `demo/record.rs`.

mod house;
mod record;

use std::io::{self, Write};

use anyhow::Context;
use wharf_client::{Connection, Login, Options, Session, Way, quiet};
use wharf_ladder::Lang;
use wharf_proto::address::parse_227;
use wharf_proto::params::Type;
use wharf_proto::{Command, Reply, Secret};

use crate::args::DemoArgs;
use crate::exit::Exit;
use crate::terminal;
use house::{FILE, FOLDER, House, PASSWORD, USER};
use record::Record;

pub(crate) fn run(arguments: &DemoArgs) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot begin")?;
    let lang = arguments.lang();
    let whole = runtime.block_on(async {
        if arguments.third_party {
            third_party(arguments).await
        } else {
            two_hosts(arguments).await
        }
    })?;
    if whole {
        print(lang.of(
            "The file that arrived equals the file served.\n",
            "届いたファイルはサーバーのファイルと一致した。\n",
        ))?;
        return Ok(Exit::Done);
    }
    terminal::say(lang.of(
        "wharf demo: the file that arrived is not the file served",
        "wharf demo: 届いたファイルがサーバーのファイルと違う",
    ));
    Ok(Exit::Unverified)
}

/// One client, one server: the reference session, or its sister in passive mode.
async fn two_hosts(arguments: &DemoArgs) -> anyhow::Result<bool> {
    let house = House::open(arguments.no_capture)?;
    let record = Record::begin([&house], arguments.no_capture);
    let way = if arguments.passive { Way::Passive } else { Way::Active };
    let options = Options { way, plain: true, quick_acks: true, ..Options::default() };
    introduce(arguments, &house, &record)?;

    let at = house.address;
    let mut session = Session::connect(&at.ip().to_string(), at.port(), &options).await?;
    session.login(&Login::new(USER, PASSWORD)).await?;
    session.cwd(&FOLDER.into()).await?;
    session.list_text(None).await?;
    let mut arrived = Vec::new();
    session.fetch_text(&FILE.into(), &mut arrived, &mut quiet()).await?;
    record.until_quiet().await;
    session.close().await;

    let served = house.served()?;
    house.close().await;
    print(&record.draw(arguments)?)?;
    Ok(arrived == served)
}

/// One client, two servers: the client tells one to listen and the other to connect to it, and the data goes
/// between the two (RFC 959 section 5.2).
async fn third_party(arguments: &DemoArgs) -> anyhow::Result<bool> {
    let (source, target) = (House::open(arguments.no_capture)?, House::open_empty()?);
    let record = Record::begin([&source, &target], arguments.no_capture);
    introduce(arguments, &source, &record)?;
    let mut from = enter(&source).await?;
    let mut to = enter(&target).await?;
    step(&mut from, &Command::Type(Type::Image)).await?;
    step(&mut to, &Command::Type(Type::Image)).await?;
    let listening = step(&mut from, &Command::Pasv).await?;
    let address = parse_227(listening.text()).context("the server's 227 names no address")?;
    step(&mut to, &Command::Port(address)).await?;
    let (store, retrieve) = (Command::Stor(FILE.into()), Command::Retr(FILE.into()));
    let (stored, sent) = tokio::join!(step(&mut to, &store), step(&mut from, &retrieve));
    stored?;
    sent?;
    record.until_quiet().await;
    from.close().await;
    to.close().await;

    let same = source.served()? == target.served()?;
    source.close().await;
    target.close().await;
    print(&record.draw_joined(arguments)?)?;
    Ok(same)
}

async fn enter(house: &House) -> anyhow::Result<Connection> {
    let at = house.address;
    let options = Options { plain: true, quick_acks: true, ..Options::default() };
    let mut connection = Connection::open(&at.ip().to_string(), at.port(), &options).await?;
    step(&mut connection, &Command::User(USER.into())).await?;
    step(&mut connection, &Command::Pass(Secret::new(PASSWORD.into()))).await?;
    step(&mut connection, &Command::Cwd(FOLDER.into())).await?;
    Ok(connection)
}

/// A command that must not be refused.
async fn step(connection: &mut Connection, command: &Command) -> anyhow::Result<Reply> {
    let reply = connection.command(command).await?;
    anyhow::ensure!(!reply.code.is_refusal(), "{} was refused: {reply}", command.verb());
    Ok(reply)
}

fn introduce<const N: usize>(
    arguments: &DemoArgs,
    house: &House,
    record: &Record<N>,
) -> anyhow::Result<()> {
    let lang = arguments.lang();
    let which = match (arguments.passive, arguments.third_party) {
        (true, _) => lang.of("The session in passive mode", "パッシブモードのセッション"),
        (_, true) => lang.of("One client and two servers", "一つのクライアントと二つのサーバー"),
        _ => lang.of("The reference session", "基準セッション"),
    };
    let from = match record.captures() {
        true => lang.of("from captured packets", "キャプチャーしたパケットから"),
        false => lang.of(
            "from the server's tap; what it cannot see is marked ~",
            "サーバーの記録から（見えないものには ~ を付ける）",
        ),
    };
    let address = house.address;
    let (port, data) = (address.port(), address.port() - 1);
    let ip = address.ip();
    print(&match lang {
        Lang::En => format!("{which}, {ip} {port}/{data}, {from}:\n\n"),
        Lang::Ja => format!("{which}、{ip} {port}/{data}、{from}：\n\n"),
    })
}

/// Output goes to a reader who may have gone: then the demo ends like any program in a pipe.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
