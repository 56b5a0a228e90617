/** Web access where one side reads slowly: it holds the other one back, and nothing piles up in the gateway between them. */
import assert from "node:assert/strict";
import { once } from "node:events";
import https from "node:https";
import net, { type AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { createTestAuthority } from "../fixtures/test_authority.ts";
import { until } from "../fixtures/until.ts";
import { startWebAccessFixture, type TestSession, type WebAccessFixture } from "./web_access_fixture.ts";

const bytes = 128 * 1024 * 1024;
/** What the system keeps of the connections on the way is some megabytes each. */
const mostAhead = bytes / 2;

/** A browser that reads when the test says so. */
async function connect(web: WebAccessFixture, session: TestSession, request: string): Promise<Deno.TlsConn> {
  const tcp = await Deno.connect({ hostname: "127.0.0.1", port: web.port });
  const browser = await Deno.startTls(tcp, { hostname: web.host(session).split(":")[0]!, caCerts: [web.ca] });
  const own = `Host: ${
    web.host(session)
  }\r\nCookie: __Host-opendca=${session.secret}\r\nSec-Fetch-Site: same-origin\r\n`;
  await browser.write(new TextEncoder().encode(request.replace("\r\n", `\r\n${own}`)));
  return browser;
}

/** Waits until it grows no more. */
async function settled(count: () => number): Promise<number> {
  for (let before = -1, since = performance.now(); performance.now() - since < 700;) {
    if (count() !== before) [before, since] = [count(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return count();
}

Deno.test("a printer that does not read holds back the browser that sends to it (slow)", async () => {
  let received = 0;
  const sockets: net.Socket[] = [];
  const printer = net.createServer((socket) => {
    sockets.push(socket.pause());
    socket.on("data", (part) => received += part.length);
    socket.pause();
  });
  printer.listen(0, "127.0.0.1");
  await once(printer, "listening");
  await using web = await startWebAccessFixture();
  const session = web.add({ address: "127.0.0.1", port: (printer.address() as AddressInfo).port });
  using browser = await connect(web, session, `PUT /firmware HTTP/1.1\r\nContent-Length: ${bytes}\r\n\r\n`);
  let sent = 0;
  const sending = (async () => {
    const part = new Uint8Array(64 * 1024);
    while (sent < bytes) sent += await browser.write(part.subarray(0, Math.min(part.length, bytes - sent)));
  })();
  await until("it is at the printer", () => sockets.length > 0);
  const ahead = await settled(() => sent);
  assert.ok(ahead < mostAhead, `${ahead} octets were taken from the browser`);
  sockets[0]!.resume();
  await sending;
  await until("the printer has all of it", () => received > bytes);
  for (const socket of sockets) socket.destroy();
  printer.close();
});

Deno.test("a browser that does not read holds back an HTTPS printer (slow)", async () => {
  const { certificatePem: cert, keyPem: key } = await (await createTestAuthority()).issue({ names: ["printer"] });
  let sent = 0;
  const printer = https.createServer({ cert, key }, async (_, response) => {
    const part = new Uint8Array(64 * 1024);
    response.setHeader("Content-Length", bytes);
    for (; sent < bytes; sent += part.length) {
      if (!response.write(part)) await once(response, "drain").catch(() => {});
    }
    response.end();
  });
  printer.listen(0, "127.0.0.1");
  await once(printer, "listening");
  await using web = await startWebAccessFixture();
  const session = web.add({ address: "127.0.0.1", port: (printer.address() as AddressInfo).port, scheme: "https" });
  const { tunnel } = session, open = tunnel!.open;
  // A channel of SSH is no socket, which TLS would read from by itself.
  tunnel!.open = async () => {
    const socket = await open();
    const channel = new Duplex({
      read: () => void socket.resume(),
      write: (part, _, done) => void socket.write(part, () => done()),
      destroy: (error, done) => (socket.destroy(), done(error)),
    });
    socket.on("data", (part) => channel.push(part) || socket.pause()).on("end", () => channel.push(null));
    return channel;
  };
  using browser = await connect(web, session, "GET /scan HTTP/1.1\r\n\r\n");
  await until("the printer sends", () => sent > 0);
  const ahead = await settled(() => sent);
  assert.ok(ahead < mostAhead, `${ahead} octets were taken from the printer`);
  let got = 0;
  for (const buffer = new Uint8Array(256 * 1024); got < bytes;) {
    const length = await browser.read(buffer);
    assert.notEqual(length, null, `only ${got} octets came`);
    got += length!;
  }
  printer.closeAllConnections();
  printer.close();
});
