/** Printers with the TLS of before, which OpenSSL's own server plays: named, and reached by socat where that is permitted. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import net from "node:net";
import { createLegacyTls, opensslConfig, socatProgram } from "../../platform/edge/http/legacy_tls.ts";
import { peerTest } from "../fixtures/peers.ts";
import { type Peer, startPeer, toolOutput } from "../fixtures/started_peer.ts";
import { until } from "../fixtures/until.ts";
import { startWebAccessFixture, type WebAccessFixture } from "./web_access_fixture.ts";

interface OldServer extends Peer {
  /** SHA-256 of its certificate. */
  fingerprint: string;
}

/** OpenSSL's server, which answers each request with a page about the connection. */
async function startOldServer(server: string[], key: string): Promise<OldServer> {
  let fingerprint = "";
  const peer = await startPeer("openssl", "ACCEPT", async (folder, port) => {
    const [pem, certificate, config] = [`${folder}/key.pem`, `${folder}/certificate.pem`, `${folder}/openssl.cnf`];
    const ofKey = key === "P-521" ? ["ec", "-pkeyopt", "ec_paramgen_curve:P-521"] : [key];
    const request = ["-x509", "-nodes", "-days", "2", "-subj", "/CN=printer", "-keyout", pem, "-out", certificate];
    await toolOutput("openssl", ["req", ...request, "-newkey", ...ofKey]);
    fingerprint = new X509Certificate(await Deno.readFile(certificate)).fingerprint256;
    await Deno.writeTextFile(config, opensslConfig);
    return ["s_server", "-accept", `127.0.0.1:${port}`, "-cert", certificate, "-key", pem, "-www", ...server];
  });
  return Object.assign(peer, { fingerprint });
}

async function startWithHelper(
  options: { mostProcesses?: number; program?: string } = {},
): Promise<WebAccessFixture & { folder: string }> {
  const folder = await Deno.makeTempDir();
  const configFile = `${folder}/legacy-tls.cnf`;
  await Deno.writeTextFile(configFile, opensslConfig);
  const web = await startWebAccessFixture({
    legacyTls: createLegacyTls({ program: socatProgram, configFile, ...options }),
  });
  return {
    ...web,
    folder,
    async [Symbol.asyncDispose]() {
      await web[Symbol.asyncDispose]();
      // Each helper is named after its configuration, which is in its environment.
      await until("no helper is left", () => helpersOf(folder) === 0, 20_000);
      await Deno.remove(folder, { recursive: true });
    },
  };
}

function helpersOf(folder: string): number {
  let found = 0;
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const isSocat = Deno.readTextFileSync(`/proc/${name}/comm`) === "socat\n";
      if (isSocat && Deno.readTextFileSync(`/proc/${name}/environ`).includes(folder)) found++;
    } catch {
      // It has ended.
    }
  }
  return found;
}

const anything = "ALL:@SECLEVEL=0";
const cases: {
  name: string;
  server: string[];
  key?: string;
  says: string[];
  uses: RegExp | undefined;
  /** In `deno task test`; the others are among the slow tests. */
  isQuick?: true;
}[] = [
  {
    name: "TLS 1.0 with RSA key exchange and a key of 1024 bits",
    isQuick: true,
    server: ["-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"],
    key: "rsa:1024",
    says: [
      "it speaks TLS 1.0 at most",
      "it chooses the cipher RSA-AES128-CBC (RSA key exchange, CBC)",
      "its certificate has an RSA key of 1024 bits",
    ],
    uses: /TLS 1\.0, AES128-SHA/,
  },
  {
    name: "TLS 1.1",
    server: ["-tls1_1", "-cipher", anything],
    says: ["it speaks TLS 1.1 at most"],
    uses: /TLS 1\.1, ECDHE-RSA-AES/,
  },
  {
    name: "CBC alone",
    server: ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"],
    says: ["it chooses the cipher ECDHE-RSA-AES128-CBC (CBC)"],
    uses: /TLS 1\.2, ECDHE-RSA-AES128-SHA/,
  },
  {
    name: "RSA key exchange alone",
    server: ["-tls1_2", "-cipher", "AES256-GCM-SHA384:@SECLEVEL=0"],
    says: ["it chooses the cipher RSA-AES256-GCM (RSA key exchange)"],
    uses: /TLS 1\.2, AES256-GCM-SHA384/,
  },
  {
    name: "DHE alone",
    server: ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0"],
    says: ["it chooses the cipher DHE-RSA-AES128-GCM (DHE key exchange)"],
    uses: /TLS 1\.2, DHE-RSA-AES128-GCM-SHA256/,
  },
  {
    name: "Camellia alone",
    server: ["-tls1_2", "-cipher", "CAMELLIA128-SHA:@SECLEVEL=0"],
    says: ["it chooses the cipher RSA-CAMELLIA128-CBC (RSA key exchange, CBC, Camellia)"],
    uses: /TLS 1\.2, CAMELLIA128-SHA/,
  },
  {
    name: "a key of 1024 bits",
    server: ["-tls1_2", "-cipher", anything],
    key: "rsa:1024",
    says: ["its certificate has an RSA key of 1024 bits"],
    uses: /TLS 1\.2, ECDHE-RSA-AES/,
  },
  {
    name: "a key of 512 bits and TLS 1.0",
    server: ["-tls1", "-cipher", anything],
    key: "rsa:512",
    says: ["it speaks TLS 1.0 at most", "its certificate has an RSA key of 512 bits"],
    uses: /TLS 1\.0, /,
  },
  {
    name: "a key on the curve P-521",
    server: ["-tls1_2", "-cipher", anything],
    key: "P-521",
    says: ["its certificate has a key of the curve P-521"],
    // socat has the curve P-256 alone.
    uses: undefined,
  },
  {
    name: "key exchange on the curve P-521",
    server: ["-tls1_2", "-cipher", anything, "-groups", "P-521"],
    says: ["it exchanges keys on the curve P-521"],
    uses: /TLS 1\.2, DHE-RSA-AES/,
  },
  {
    name: "signatures with SHA-1",
    isQuick: true,
    server: ["-tls1_2", "-cipher", anything, "-sigalgs", "RSA+SHA1"],
    says: ["it signs with SHA-1"],
    uses: /TLS 1\.2, ECDHE-RSA-AES/,
  },
];

for (const { name, server, key = "rsa:2048", says, uses, isQuick } of cases) {
  peerTest(
    `a printer with ${name} is refused by name, and shown where it is permitted${isQuick ? "" : " (slow)"}`,
    ["openssl", "socat"],
    async () => {
      await using printer = await startOldServer(server, key);
      await using web = await startWithHelper();
      const session = web.add({ address: "127.0.0.1", port: printer.port, scheme: "https" });
      const refused = await web.get(session, "/");
      assert.equal(refused.status, 502);
      assert.match(refused.body, /<h1>The printer&#39;s encryption is too old<\/h1>/);
      for (const each of says) assert.ok(refused.body.includes(each), `${each}: ${refused.body}`);
      assert.match(refused.body, new RegExp(`opendca-platform access legacy-tls ${session.deviceId} --allow<`));
      assert.equal(web.pins.size, 0);

      web.legacy.add(session.deviceId);
      const page = await web.get(session, "/");
      if (uses === undefined) return assert.match(page.body, /OpenSSL cannot connect either: .*handshake failure/);
      assert.equal(page.status, 200, page.body);
      assert.match(page.body, /Ciphers supported in s_server binary/);
      assert.equal(web.pins.get(session.deviceId), printer.fingerprint);
      const shown = (await web.get(session, "/.opendca/session")).body;
      assert.match(shown, uses);
      assert.ok(shown.includes(printer.fingerprint));
      assert.match(web.log.join("\n"), /"legacyTlsUsed","session":"session-1","device":"device-1","encryption":"TLS 1/);
    },
  );
}

peerTest(
  "a printer with another certificate than before gets nothing, by old TLS as well",
  ["openssl", "socat"],
  async () => {
    await using printer = await startOldServer(["-tls1", "-cipher", anything], "rsa:1024");
    await using web = await startWithHelper();
    const session = web.add({ address: "127.0.0.1", port: printer.port, scheme: "https" });
    web.legacy.add(session.deviceId);
    web.pins.set(
      session.deviceId,
      printer.fingerprint.replace(/^../, printer.fingerprint.startsWith("00") ? "11" : "00"),
    );
    const refused = await web.get(session, "/");
    assert.match(refused.body, /<h1>The printer&#39;s certificate has changed<\/h1>/);
    assert.ok(refused.body.includes(printer.fingerprint));
    web.pins.set(session.deviceId, printer.fingerprint);
    assert.equal((await web.get(session, "/")).status, 200);
    assert.match(web.log.join(), /legacyTlsUsed/);
  },
);

peerTest(
  "without a helper the page says how to have one, and a gateway has few of them",
  ["openssl", "socat"],
  async () => {
    await using printer = await startOldServer(["-tls1", "-cipher", anything], "rsa:1024");
    {
      await using web = await startWebAccessFixture();
      const session = web.add({ address: "127.0.0.1", port: printer.port, scheme: "https" });
      web.legacy.add(session.deviceId);
      const { body } = await web.get(session, "/");
      assert.match(body, /--allow, with opendca-platform serve --legacy-tls-helper socat/);
    }
    await using web = await startWithHelper({ mostProcesses: 0 });
    const session = web.add({ address: "127.0.0.1", port: printer.port, scheme: "https" });
    web.legacy.add(session.deviceId);
    assert.match((await web.get(session, "/")).body, /has reached its limit of connections with old TLS/);
  },
);

peerTest("a session that ends takes its helpers along", ["openssl", "socat"], async () => {
  await using printer = await startOldServer(["-tls1", "-cipher", anything], "rsa:1024");
  await using web = await startWithHelper();
  const session = web.add({ address: "127.0.0.1", port: printer.port, scheme: "https" });
  web.legacy.add(session.deviceId);
  // A request that the printer never answers keeps its connection.
  const pending = web.raw(
    session,
    `POST / HTTP/1.1\r\nHost: ${
      web.host(session)
    }\r\nCookie: __Host-opendca=${session.secret}\r\nSec-Fetch-Site: same-origin\r\nContent-Length: 1000\r\n\r\nx`,
  );
  await until("the helper runs", () => helpersOf(web.folder) === 1);
  session.tunnel!.close("ended by a test");
  await pending;
  await until("the helper has ended", () => helpersOf(web.folder) === 0, 20_000);
});

peerTest(
  "another program of this machine does not get into the place of the helper",
  ["openssl", "socat"],
  async () => {
    await using printer = await startOldServer(["-tls1", "-cipher", anything], "rsa:1024");
    const folder = await Deno.makeTempDir(), program = `${folder}/socat-with-thief`;
    // The last argument is OPENSSL:127.0.0.1:PORT,bind=…; the thief is there before the helper.
    const thief = `for last; do :; done; port=\${last#*:*:}; port=\${port%%,*}
/usr/bin/socat -u TCP:127.0.0.1:$port STDOUT </dev/null >/dev/null 2>&1`;
    await Deno.writeTextFile(program, `#!/bin/sh\n${thief}\nexec ${socatProgram} "$@"\n`, { mode: 0o755 });
    try {
      await using web = await startWithHelper({ program });
      const session = web.add({ address: "127.0.0.1", port: printer.port, scheme: "https" });
      web.legacy.add(session.deviceId);
      assert.equal((await web.get(session, "/")).status, 200);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

/** TLS 1.0 without RFC 5746: a hello without extensions, the certificate and the end; then what the client says. */
peerTest("a printer that does not know secure renegotiation is spoken to", ["openssl", "socat"], async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [pem, certificate] = [`${folder}/key.pem`, `${folder}/certificate.pem`];
    const request = ["-x509", "-nodes", "-days", "2", "-subj", "/CN=printer", "-keyout", pem, "-out", certificate];
    await toolOutput("openssl", ["req", ...request, "-newkey", "rsa:1024"]);
    const der = new X509Certificate(await Deno.readFile(certificate)).raw;
    const sized = (bytes: Uint8Array, size: number) => {
      const length = Array.from({ length: size }, (_, i) => (bytes.length >> (8 * (size - 1 - i))) & 0xff);
      return Buffer.from([...length, ...bytes]);
    };
    const message = (type: number, body: Uint8Array) => Buffer.from([type, ...sized(body, 3)]);
    const hello = message(2, Buffer.from([3, 1, ...crypto.getRandomValues(new Uint8Array(32)), 0, 0, 0x2f, 0]));
    const flight = Buffer.concat([hello, message(11, sized(sized(der, 3), 3)), message(14, Buffer.alloc(0))]);
    const said: number[] = [];
    const server = net.createServer((socket) => {
      let isFirst = true;
      socket.on("error", () => {}).on("data", (part: Uint8Array) => {
        if (!isFirst) said.push(part[0]!);
        if (isFirst) socket.write(Buffer.from([22, 3, 1, ...sized(flight, 2)]));
        else socket.destroy();
        isFirst = false;
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    await using web = await startWithHelper();
    const { port } = server.address() as net.AddressInfo;
    const session = web.add({ address: "127.0.0.1", port, scheme: "https" });
    web.legacy.add(session.deviceId);
    assert.match((await web.get(session, "/")).body, /OpenSSL cannot connect either/);
    // The runtime and the question answer with an alert, or nothing; the helper with its key exchange.
    assert.ok(said.includes(22), said.join());
    server.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
