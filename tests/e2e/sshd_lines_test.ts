/** What each line of docs/gateway-openssh.md is for, with Debian's sshd: without it, an agent can do what it must not. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import net from "node:net";
import type { Duplex } from "node:stream";
import { authorizedKey } from "../../platform/edge/ssh/sshd_gateway.ts";
import { createPrivateKey, publicKeyOf, type SshClient } from "../../common/host/ssh2.ts";
import { freePort } from "../fixtures/free_port.ts";
import { peerTest } from "../fixtures/peers.ts";
import {
  createHostKeyFile,
  documentedSshd,
  type HostKeyFile,
  type Sshd,
  sshdUser,
  startSshd,
} from "../fixtures/sshd_peer.ts";
import { signIn } from "../fixtures/ssh_sessions.ts";
import { until } from "../fixtures/until.ts";

type Callback = (error: Error | undefined, channel: Duplex) => void;

/** What an agent has no use for. */
interface WholeClient extends SshClient {
  exec(command: string, options: { pty?: boolean }, callback: Callback): void;
  subsys(name: string, callback: Callback): void;
  forwardOut(from: string, fromPort: number, to: string, toPort: number, callback: Callback): void;
  openssh_forwardInStreamLocal(path: string, callback: Callback): void;
  openssh_forwardOutStreamLocal(path: string, callback: Callback): void;
}

interface Attempt {
  client: WholeClient;
  /** The port of the key's line. */
  port: number;
  folder: string;
}

const privateKey = createPrivateKey(), key = publicKeyOf(privateKey).toString("base64");

/** What answers in the platform's place. */
async function startKeys(line: () => string | undefined): Promise<{ port: number } & AsyncDisposable> {
  const server = createServer((_, response) => response.writeHead(line() === undefined ? 404 : 200).end(line()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

interface Setting {
  /** Of the configuration. */
  change?(configuration: string): string;
  before?: string;
  /** Of the key's line; undefined: no key is known. */
  changeKey?(line: string): string | undefined;
  endsAt?: Date;
}

/** Whether the attempt succeeds; a sign-in that is refused is none. */
async function succeeds(
  setting: Setting,
  attempt: (with_: Attempt & { sshd: Sshd }) => Promise<boolean>,
): Promise<boolean> {
  await using hostKey = await createHostKeyFile();
  return await succeedsAt(hostKey, setting, attempt);
}

async function succeedsAt(
  hostKey: HostKeyFile,
  { change, before = "", changeKey = (line) => line, endsAt = new Date(Date.now() + 600_000) }: Setting,
  attempt: (with_: Attempt & { sshd: Sshd }) => Promise<boolean>,
): Promise<boolean> {
  const port = freePort();
  await using keys = await startKeys(() => changeKey(`${authorizedKey(key, { port, endsAt })}\n`));
  const open = `${hostKey.folder}/open`;
  await Deno.mkdir(open);
  await Deno.chmod(open, 0o777);
  const sshd = await startSshd(hostKey, {
    keysPort: keys.port,
    ...(change === undefined ? {} : { change }),
    before: before.replaceAll("FOLDER", hostKey.folder),
  });
  await using _ = sshd;
  await Deno.writeTextFile(`${hostKey.folder}/keys`, `ssh-ed25519 ${key}\n`);
  const client = await connected(sshd.port).catch(() => undefined);
  if (client === undefined) return false;
  client.on("error", () => {});
  try {
    return await attempt({ client, port, folder: open, sshd });
  } finally {
    client.destroy();
  }
}

async function connected(port: number): Promise<WholeClient> {
  return await signIn({
    async dial() {
      const socket = net.connect(port, "127.0.0.1");
      socket.on("error", () => {});
      await once(socket, "connect");
      return socket;
    },
  }, { sessionId: sshdUser, privateKey }) as WholeClient;
}

function opens(ask: (callback: Callback) => void): Promise<boolean> {
  return new Promise((resolve) =>
    ask((error, channel) => {
      channel?.on?.("error", () => {});
      resolve(error === undefined || error === null);
    })
  );
}

const listens = ({ client }: Attempt, address: string, port: number) =>
  opens((callback) => client.forwardIn(address, port, (error) => callback(error, undefined!)));

async function accepts(hostname: string, port: number): Promise<boolean> {
  return await Deno.connect({ hostname, port }).then((it) => it.close()).then(() => true, () => false);
}

/** A listener with which an agent has nothing to do. */
async function withListener(at: { path: string } | { port: number }, body: () => Promise<boolean>): Promise<boolean> {
  const server = net.createServer((socket) => socket.on("error", () => {}).end("reached"));
  server.listen("path" in at ? at : { ...at, host: "127.0.0.1" });
  await once(server, "listening");
  if ("path" in at) await Deno.chmod(at.path, 0o777);
  try {
    return await body();
  } finally {
    server.close();
  }
}

const without = (line: RegExp) => (text: string) => text.replace(line, "");
const sessions = without(/^ *MaxSessions.*\n/m);

const lines: {
  name: string;
  /** What takes the line away. */
  change?: Setting["change"];
  changeKey?: Setting["changeKey"];
  /** Holds with the line as well. */
  setting?: Setting;
  attempt(with_: Attempt): Promise<boolean>;
}[] = [
  {
    name: "AuthorizedKeysFile none: a key in a file",
    change: without(/^ *AuthorizedKeysFile.*\n/m),
    setting: { before: "StrictModes no\nAuthorizedKeysFile FOLDER/keys", changeKey: () => undefined },
    attempt: () => Promise.resolve(true),
  },
  {
    name: "AllowTcpForwarding remote: a connection into the gateway's network",
    change: without(/^ *AllowTcpForwarding.*\n/m),
    attempt({ client }) {
      const port = freePort();
      return withListener({ port }, () => opens((done) => client.forwardOut("127.0.0.1", 0, "127.0.0.1", port, done)));
    },
  },
  {
    name: "AllowStreamLocalForwarding no: a connection to a UNIX socket",
    change: without(/^ *Allow(TcpForwarding|StreamLocalForwarding).*\n/gm),
    // By itself, the other line refuses it as well.
    setting: { change: without(/^ *AllowTcpForwarding.*\n/m) },
    attempt({ client, folder }) {
      const path = `${folder}/service`;
      return withListener({ path }, () => opens((done) => client.openssh_forwardOutStreamLocal(path, done)));
    },
  },
  {
    name: "AllowStreamLocalForwarding no: a UNIX socket",
    change: without(/^ *AllowStreamLocalForwarding.*\n/m),
    attempt: ({ client, folder }) => opens((done) => client.openssh_forwardInStreamLocal(`${folder}/own`, done)),
  },
  {
    name: "GatewayPorts no: the session's port is reached from outside",
    change: without(/^ *GatewayPorts.*\n/m),
    setting: { before: "GatewayPorts yes" },
    async attempt(with_) {
      assert.ok(await listens(with_, "127.0.0.1", with_.port));
      assert.ok(await accepts("127.0.0.1", with_.port));
      return await accepts("127.0.0.2", with_.port);
    },
  },
  {
    name: "MaxSessions 0: a command",
    change: sessions,
    attempt: ({ client }) => opens((done) => client.exec("id", {}, done)),
  },
  {
    name: "MaxSessions 0: a subsystem",
    change: sessions,
    setting: { before: "Subsystem sftp internal-sftp" },
    attempt: ({ client }) => opens((done) => client.subsys("sftp", done)),
  },
  {
    name: "restrict: a terminal",
    changeKey: without(/restrict,port-forwarding,/),
    setting: { change: sessions },
    attempt: ({ client }) => opens((done) => client.exec("id", { pty: true }, done)),
  },
  {
    name: "permitlisten: another port",
    changeKey: without(/permitlisten="[^"]*",/),
    attempt: (with_) => listens(with_, "127.0.0.1", freePort()),
  },
  {
    name: "permitlisten: a port that sshd chooses",
    changeKey: without(/permitlisten="[^"]*",/),
    attempt: (with_) => listens(with_, "127.0.0.1", 0),
  },
  {
    name: "permitlisten: another address",
    changeKey: without(/permitlisten="[^"]*",/),
    attempt: (with_) => listens(with_, "0.0.0.0", with_.port),
  },
  {
    name: "permitlisten: a second forward",
    changeKey: without(/permitlisten="[^"]*",/),
    async attempt(with_) {
      assert.ok(await listens(with_, "127.0.0.1", with_.port));
      return await listens(with_, "127.0.0.1", freePort());
    },
  },
  {
    name: "expiry-time: a key whose session is over",
    changeKey: without(/,expiry-time="[^"]*"/),
    setting: { endsAt: new Date(Date.now() - 2_000) },
    attempt: () => Promise.resolve(true),
  },
];

for (const { name, change, changeKey, setting = {}, attempt } of lines) {
  peerTest(
    `sshd as a gateway: ${name} is refused, and would not be without the line`,
    ["sshd", "ssh-keygen", "curl"],
    async () => {
      assert.equal(await succeeds(setting, attempt), false);
      const loose = { ...setting, ...(change && { change }), ...(changeKey && { changeKey }) };
      assert.equal(await succeeds(loose, attempt), true);
    },
  );
}

peerTest("sshd as a gateway asks the platform for keys", ["sshd", "ssh-keygen", "curl"], async () => {
  const signsIn = () => Promise.resolve(true);
  assert.equal(await succeeds({}, signsIn), true);
  assert.equal(await succeeds({ changeKey: () => undefined }, signsIn), false);
  assert.equal(await succeeds({ change: without(/^ *AuthorizedKeysCommand .*\n/m) }, signsIn), false);
});

peerTest("sshd as a gateway offers no passwords", ["sshd", "ssh-keygen", "curl", "ssh"], async () => {
  const offered = async (setting: Setting) => {
    let text = "";
    await succeeds(setting, async ({ sshd }) => {
      const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "PreferredAuthentications=none"];
      const { stderr } = await new Deno.Command("ssh", {
        args: ["-F", "none", "-p", `${sshd.port}`, ...options.flatMap((o) => ["-o", o]), `${sshdUser}@127.0.0.1`],
        stdin: "null",
      }).output();
      text = new TextDecoder().decode(stderr);
      return true;
    });
    return /Permission denied \((.*)\)/.exec(text)?.[1];
  };
  assert.equal(await offered({}), "publickey");
  assert.match(await offered({ change: without(/^ *AuthenticationMethods.*\n/m) }) ?? "", /password/);
});

/** Whether sshd ends a connection within seconds. */
const timed: { name: string; lines: RegExp; shorter(text: string): string; attempt(with_: Attempt): Promise<void> }[] =
  [
    {
      name: "ClientAliveInterval: an agent that is silent",
      lines: /^ *ClientAlive.*\n/gm,
      shorter: (text) => text.replace("ClientAliveInterval 7", "ClientAliveInterval 1").replace(/^ *Unused.*\n/m, ""),
      // It answers nothing any more, with its connection as it is.
      attempt: ({ client }) => Promise.resolve(void (client as unknown as { _sock: net.Socket })._sock.pause()),
    },
    {
      name: "UnusedConnectionTimeout: an agent whose session has ended",
      lines: /^ *UnusedConnectionTimeout.*\n/m,
      shorter: (text) => text.replace("UnusedConnectionTimeout 20", "UnusedConnectionTimeout 1"),
      attempt: () => Promise.resolve(),
    },
    {
      name: "ChannelTimeout: an agent that keeps its half of a channel",
      lines: /^ *ChannelTimeout.*\n/m,
      shorter: (text) =>
        text.replace("forwarded-tcpip=10m", "forwarded-tcpip=1").replace("ConnectionTimeout 20", "ConnectionTimeout 1"),
      async attempt({ client, port }) {
        const taken = new Promise<void>((resolve) =>
          client.on("tcp connection", (_: unknown, accept: () => Duplex) => {
            accept().on("error", () => {});
            resolve();
          })
        );
        // sshd does not count the time of a channel that was never used.
        const connection = await Deno.connect({ hostname: "127.0.0.1", port });
        await connection.write(new Uint8Array(1));
        await taken;
        connection.close();
      },
    },
  ];

for (const { name, lines, shorter, attempt } of timed) {
  peerTest(
    `sshd as a gateway: ${name} is cut off, and would not be without the line`,
    ["sshd", "ssh-keygen", "curl"],
    async () => {
      assert.match(await documentedSshd(), lines);
      const lasts = async (change: (text: string) => string, ms: number) => {
        let isThere = true;
        await succeeds({ change }, async (with_) => {
          assert.ok(await listens(with_, "127.0.0.1", with_.port));
          await attempt(with_);
          const isOver = async () => !(await isListening(with_.port));
          if (ms === Infinity) await until("sshd has ended the connection", isOver);
          else await new Promise((resolve) => setTimeout(resolve, ms));
          isThere = !(await isOver());
          return true;
        });
        return isThere;
      };
      const [withLine, withoutLine] = await Promise.all([
        lasts(shorter, Infinity),
        lasts((text) => shorter(text).replace(lines, ""), 5_000),
      ]);
      assert.deepEqual([withLine, withoutLine], [false, true]);
    },
  );
}

/** Without connecting, which would open a channel. */
async function isListening(port: number): Promise<boolean> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return new RegExp(`0100007F:${hex} 00000000:0000 0A`).test(await Deno.readTextFile("/proc/net/tcp"));
}
