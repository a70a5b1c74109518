"""Real mail servers receive what `duskwatch send` delivers, and Python's mail library reads it."""

import io
import json
import re
import shutil
import zipfile

import pytest
from PIL import Image

import mail_reader
import service
from smtp_servers import PASSWORD, USER, Authority, Exim, Recorder

SECURITY = ["security@example.test", "second@example.test"]
LEADERSHIP = ["board@example.test"]
SUBJECTS = {
    "digest": r"\[duskwatch\] \d+ integrations? still on app passwords( \([+−]\d+\))?, \d+ failing, 25 days left",
    "brief": r"\[duskwatch\] (weekly brief: )?\d+ integrations? still on app passwords\b.*, 25 days left",
}
ARRIVAL_SECONDS = 30
CLIPPED_BYTES = 100_000  # a mail program shows no more HTML than about this
DELIVERED, IN_PART = 0, 75


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def exim(authority):
    with Exim(authority) as server:
        yield server


def send(folder, server, *arguments, login=False, authority=None, expect=DELIVERED, password=PASSWORD, notices=""):
    """One `duskwatch send` from the store in `folder` to `server`."""
    recipients = [{"address": address, "audience": "security"} for address in SECURITY]
    recipients += [{"address": address, "audience": "leadership"} for address in LEADERSHIP]
    settings = {"server": server, "from": "Duskwatch <duskwatch@example.test>", "contact": SECURITY[0], "recipient": recipients}
    if login:
        settings |= {"username": USER, "password": "env:SMTP_PASSWORD"}
    config = service.configuration(folder / "duskwatch.toml", folder / "mail.toml", email=settings, schedule={"notices": notices})
    environment = {"SMTP_PASSWORD": password} | ({"SSL_CERT_FILE": str(authority.certificate)} if authority else {})
    done = service.command("--config", config, "send", *arguments, cwd=folder, environment=environment, expect=expect)
    assert password not in done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wire(polled, tmp_path_factory):
    """Recipients and bytes of every mail of one `send`, as they came over the wire."""
    folder = shutil.copytree(polled, tmp_path_factory.mktemp("wire") / "store")
    with Recorder() as server:
        send(folder, f"smtp+plain://127.0.0.1:{server.port}")
    return server.received


@pytest.fixture(scope="module")
def digest(wire):
    return mail_reader.parse(next(content for recipients, content in wire if recipients == SECURITY[:1]))


@pytest.fixture(scope="module")
def brief(wire):
    return mail_reader.parse(next(content for recipients, content in wire if recipients == LEADERSHIP))


def test_each_recipient_gets_one_mail_and_stands_alone_in_it(wire):
    assert sorted(recipients for recipients, _ in wire) == sorted([address] for address in SECURITY + LEADERSHIP)
    for recipients, content in wire:
        message = mail_reader.parse(content)
        assert [address.addr_spec for address in message["To"].addresses] == recipients
        assert message["Cc"] is None and message["Bcc"] is None


def test_lines_are_as_the_protocol_wants_them(wire):
    for _, content in wire:
        assert b"\n" not in content.replace(b"\r\n", b"") and b"\r" not in content.replace(b"\r\n", b"")
        assert max(map(len, content.split(b"\r\n"))) <= 998
        assert content.partition(b"\r\n\r\n")[0].isascii()


@pytest.mark.parametrize("name", ["digest", "brief"])
def test_the_headers_name_the_matter_and_stop_automatic_answers(name, request):
    message = request.getfixturevalue(name)
    assert re.fullmatch(SUBJECTS[name], message["Subject"].strip()), message["Subject"]
    assert message["From"].addresses[0].addr_spec == "duskwatch@example.test"
    assert message["Auto-Submitted"] == "auto-generated"
    assert re.search(r"<[\w.-]+\.[\w.-]+>$", message["List-Id"])
    assert re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", message["Message-ID"])
    assert message["Date"].datetime.tzinfo is not None


@pytest.mark.parametrize("name", ["digest", "brief"])
def test_it_reads_as_text_and_as_html(name, request):
    message = request.getfixturevalue(name)
    [alternative] = [part for part in message.walk() if part.get_content_type() == "multipart/alternative"]
    kinds = [part.get_content_type() for part in alternative.iter_parts()]
    assert kinds[0] == "text/plain" and kinds[-1] in ("text/html", "multipart/related")
    text, html = mail_reader.text(message), mail_reader.html(message)
    remaining = re.search(r"\d+", message["Subject"])[0]
    assert remaining in text and remaining in html
    assert not re.search(r"<(p|div|table|br)\b", text) and "&amp;" not in text
    assert max(map(len, text.splitlines())) <= 200


@pytest.mark.parametrize("name", ["digest", "brief"])
def test_its_pictures_are_inside_and_described(name, request):
    message = request.getfixturevalue(name)
    elements = mail_reader.Elements(mail_reader.html(message))
    images = elements.named("img")
    parts = mail_reader.pictures(message)
    assert images, "no chart"
    for image in images:
        assert image["src"].removeprefix("cid:") in parts, "a picture from elsewhere"
        assert len(image["alt"]) >= 20, "alternative text says what the picture shows"
    for part in parts.values():
        picture = Image.open(io.BytesIO(part.get_content()))
        picture.load()
        assert picture.format == "PNG" and picture.width >= 300
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 4, "an empty chart"
    assert not elements.named("script") and not elements.named("link") and not elements.named("iframe")


def test_the_digest_carries_the_csv_package(digest):
    [attachment] = list(digest.iter_attachments())
    assert attachment.get_content_type() == "application/zip"
    assert attachment.get_filename().endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(attachment.get_content())) as archive:
        assert archive.testzip() is None
        names = {name.rpartition("/")[2] for name in archive.namelist()}
        assert {"datapackage.json", "integrations.csv", "burndown.csv", "coverage.csv", "changes.csv"} <= names
        assert all(info.filename[0] not in "/." and ".." not in info.filename for info in archive.infolist())


def test_the_brief_carries_no_attachment(brief):
    assert [part for part in brief.walk() if part.get_content_disposition() == "attachment"] == []


@pytest.mark.parametrize(("port", "scheme"), [("plain", "smtp+plain"), ("starttls", "smtp"), ("implicit", "smtps")])
def test_a_mail_system_takes_and_delivers_it(exim, authority, store, port, scheme):
    before = len(exim.mails())
    secure = port != "plain"
    send(store, f"{scheme}://127.0.0.1:{exim.ports[port]}", login=secure, authority=authority if secure else None)
    expected = len(SECURITY + LEADERSHIP)
    service.eventually(lambda: len(exim.mails()) == before + expected, ARRIVAL_SECONDS, exim.logs)
    messages = [mail_reader.parse(content) for content in exim.mails()[before:]]
    assert sorted(str(message["Envelope-to"]) for message in messages) == sorted(SECURITY + LEADERSHIP)
    assert [("with esmtpsa" in message["Received"]) for message in messages] == [secure] * expected


@pytest.mark.parametrize(("port", "scheme"), [("starttls", "smtp"), ("implicit", "smtps")])
def test_a_server_that_nobody_vouches_for_gets_nothing(exim, store, port, scheme):
    before = len(exim.mails())
    send(store, f"{scheme}://127.0.0.1:{exim.ports[port]}", login=True, expect=IN_PART)
    assert len(exim.mails()) == before


def test_a_server_without_starttls_gets_nothing(store):
    with Recorder() as server:
        send(store, f"smtp://127.0.0.1:{server.port}", expect=IN_PART)
    assert server.received == []


def test_a_wrong_password_delivers_nothing_and_is_not_shown(exim, authority, store):
    before = len(exim.mails())
    server = f"smtps://127.0.0.1:{exim.ports['implicit']}"
    send(store, server, login=True, authority=authority, password="wrong-horse", expect=(1, IN_PART))
    assert len(exim.mails()) == before


@pytest.fixture(scope="module")
def notices(exim, polled, tmp_path_factory):
    """The notices of one `send` as a mail system delivered them, by recipient, and the ranked rows of the store."""
    folder = shutil.copytree(polled, tmp_path_factory.mktemp("notices") / "store")
    before = len(exim.mails())
    send(folder, f"smtp+plain://127.0.0.1:{exim.ports['plain']}", notices="0 9 * * *")
    rows = json.loads(service.command("--config", folder / "mail.toml", "report", "--format", "json", cwd=folder).stdout)
    ranked = [row for campaign in rows["campaigns"] for row in campaign["integrations"] if row["rank"]]
    owners = {row["owner"] for row in ranked if row["owner"]}
    whole = len(SECURITY + LEADERSHIP)
    service.eventually(lambda: len(exim.mails()) == before + whole + len(owners), ARRIVAL_SECONDS, exim.logs)
    messages = [mail_reader.parse(content) for content in exim.mails()[before:]]
    return {str(m["Envelope-to"]): m for m in messages if str(m["Envelope-to"]) not in SECURITY + LEADERSHIP}, ranked


def test_each_owner_receives_exactly_their_own_rows(notices):
    mails, ranked = notices
    assert len(mails) > 1
    for message in mails.values():
        owner = re.match(r"\[duskwatch\] (\S+): ", message["Subject"])[1]
        for body in (mail_reader.text(message), mail_reader.html(message)):
            shown = {row["integration"] for row in ranked if row["integration"] in body}
            assert shown == {row["integration"] for row in ranked if row["owner"] == owner}


def test_a_notice_says_what_to_do_and_whom_to_ask(notices):
    for message in notices[0].values():
        assert re.fullmatch(r"\[duskwatch\] \S+: \d+ integrations? still on app passwords, \d+ failing, 25 days left", message["Subject"])
        assert message["Reply-To"].addresses[0].addr_spec == SECURITY[0]
        assert message["List-Unsubscribe"].startswith(f"<mailto:{SECURITY[0]}?subject=unsubscribe")
        assert message["Auto-Submitted"] == "auto-generated" and message["List-Id"].startswith("<duskwatch-notice.")
        text = " ".join(mail_reader.text(message).split())
        for said in ("Repositories:", "Works:", "start by", "To prove it", "Username", "Scopes:", "Latest safe start:"):
            assert said in text, said
        assert not re.search(r"\bAT(BB|AT|CT)[A-Za-z0-9]{8}", text), "a secret"
        assert list(message.iter_attachments()) == []
        assert len(mail_reader.html(message).encode()) < CLIPPED_BYTES


def test_no_mail_is_clipped(digest, brief):
    for message in (digest, brief):
        assert len(mail_reader.html(message).encode()) < CLIPPED_BYTES


def test_a_mail_whose_fate_is_unknown_is_sent_again_under_the_same_message_id(store):
    with Recorder(drops=1) as server:
        address = f"smtp+plain://127.0.0.1:{server.port}"
        send(store, address, "--audience", "leadership", expect=IN_PART)
        first = [mail_reader.parse(content)["Message-ID"] for _, content in server.received]
        send(store, address, "--audience", "leadership")
        both = [mail_reader.parse(content)["Message-ID"] for _, content in server.received]
    assert len(first) == 1
    assert both == first * 2


def test_a_dry_run_sends_nothing(store):
    with Recorder() as server:
        shown = send(store, f"smtp+plain://127.0.0.1:{server.port}", "--dry-run").stdout
    assert server.received == []
    assert "[duskwatch]" in shown
