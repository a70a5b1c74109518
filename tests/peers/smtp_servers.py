"""Mail servers on loopback: exim, as a mail system has it, and aiosmtpd, that can be told to fail."""

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import service

USER = "duskwatch"
PASSWORD = "correct-horse-battery"


class Authority:
    """A certificate authority for this run; `certificate` is what a client has to trust."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "duskwatch test authority")])
        constraints = [(x509.BasicConstraints(ca=True, path_length=0), True)]
        self.certificate = self.folder / "authority.pem"
        self.certificate.write_bytes(self._signed(self.name, self.key, constraints))

    def server(self, folder):
        """Writes `server.pem` and `server.key` for 127.0.0.1 into `folder`."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        extensions = [
            (x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]), False),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
        ]
        (folder / "server.pem").write_bytes(self._signed(name, key, extensions))
        plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / "server.key").write_bytes(key.private_bytes(*plain))

    def _signed(self, name, key, extensions):
        now = datetime.now(timezone.utc)
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(self.name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


EXIM = """
exim_user = {user}
exim_group = {group}
primary_hostname = mail.example.test
spool_directory = {folder}/spool
log_file_path = {folder}/%slog
pid_file_path = {folder}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {plain} : {starttls} : {implicit}
tls_on_connect_ports = {implicit}
tls_advertise_hosts = ${{if eq{{$received_port}}{{{starttls}}}{{*}}{{}}}}
tls_certificate = {folder}/server.pem
tls_privatekey = {folder}/server.key
auth_advertise_hosts = ${{if def:tls_in_cipher{{*}}{{}}}}
acl_smtp_rcpt = recipient
acl_smtp_data = content
deliver_drop_privilege = true
queue_run_in_order
keep_environment =

begin acl
recipient:
  accept condition = ${{if eq{{$received_port}}{{{plain}}}}}
  accept authenticated = *
  deny message = authentication required
content:
  accept

begin routers
here:
  driver = accept
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = {folder}/mail
  maildir_format
  create_directory
  user = {user}
  group = {group}
  envelope_to_add
  mode_fail_narrower = false

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{name}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


class Exim:
    """A mail system with three ports: `plain`, `starttls` and `implicit`; the two with TLS ask for a password."""

    def __init__(self, authority):
        self.authority = authority

    def __enter__(self):
        program = shutil.which("exim4") or shutil.which("exim4", path="/usr/sbin")
        assert program, "the Debian package exim4-daemon-light is missing"
        # Exim delivers nothing as root: the folder and the process belong to its own user there.
        account = pwd.getpwnam("Debian-exim") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.folder = Path(tempfile.mkdtemp(prefix="duskwatch-exim-"))
        (self.folder / "spool").mkdir()
        self.authority.server(self.folder)
        self.ports = dict(zip(("plain", "starttls", "implicit"), free_ports(3)))
        names = {"user": account.pw_name, "group": grp.getgrgid(account.pw_gid).gr_name, "name": USER, "password": PASSWORD}
        (self.folder / "exim.conf").write_text(EXIM.format(folder=self.folder, **self.ports, **names))
        for path in [self.folder, *self.folder.iterdir()]:
            os.chown(path, account.pw_uid, account.pw_gid)
        line = [program, "-bdf", "-q1m", "-C", str(self.folder / "exim.conf")]
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **identity)
        try:
            service.eventually(self.listens, 30, self.logs)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def listens(self):
        assert self.process.poll() is None, self.logs()
        return all(map(accepts_connections, self.ports.values()))

    def logs(self):
        return "\n".join(path.read_text() for path in [self.folder / "output", *self.folder.glob("*log")] if path.exists())

    def mails(self):
        """What was delivered, oldest first, each with the header `Envelope-to` before those it came with."""
        delivered = sorted((self.folder / "mail" / "new").glob("*"), key=lambda path: path.stat().st_mtime_ns)
        return [path.read_bytes() for path in delivered]


class Recorder:
    """An aiosmtpd server that keeps what arrives as it came over the wire.

    `drops` connections are cut after the whole mail was taken and before that is said: the client cannot know.
    """

    def __init__(self, drops=0):
        self.received = []
        self.drops = drops
        self.controller = Controller(self, hostname="127.0.0.1", port=free_ports(1)[0], decode_data=False)

    def __enter__(self):
        self.controller.start()
        self.port = self.controller.port
        return self

    def __exit__(self, *_):
        self.controller.stop()

    async def handle_DATA(self, server, session, envelope):
        self.received.append((envelope.rcpt_tos, bytes(envelope.original_content)))
        if self.drops > 0:
            self.drops -= 1
            server.transport.abort()
        return "250 2.0.0 taken"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def accepts_connections(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
