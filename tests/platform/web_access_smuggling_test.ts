/** Requests that could be read in two ways: a printer never sees the one that is hidden in them. */
import assert from "node:assert/strict";
import net from "node:net";
import { tcpPeer } from "../fixtures/faulty_peers.ts";
import { startWebAccessFixture } from "./web_access_fixture.ts";

const hidden = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

/** What stands between the request line with the usual headers, and the end. */
const corpus: { name: string; start?: string; headers?: string; body?: string }[] = [
  {
    name: "a length and chunks",
    headers: "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    body: `0\r\n\r\n${hidden}`,
  },
  {
    name: "chunks and a length",
    headers: "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    body: `0\r\n\r\n${hidden}`,
  },
  { name: "two lengths", headers: `Content-Length: 0\r\nContent-Length: ${hidden.length}\r\n`, body: hidden },
  { name: "two equal lengths", headers: "Content-Length: 1\r\nContent-Length: 1\r\n", body: `x${hidden}` },
  { name: "a list of lengths", headers: `Content-Length: 0, ${hidden.length}\r\n`, body: hidden },
  { name: "a length with a sign", headers: "Content-Length: +0\r\n", body: hidden },
  { name: "a negative length", headers: "Content-Length: -1\r\n", body: hidden },
  { name: "a hexadecimal length", headers: "Content-Length: 0x0\r\n", body: hidden },
  { name: "a huge length", headers: "Content-Length: 99999999999999999999999\r\n", body: hidden },
  { name: "a length with a space before the colon", headers: "Content-Length : 0\r\n", body: hidden },
  {
    name: "a coding with a space before the colon",
    headers: "Transfer-Encoding : chunked\r\n",
    body: `0\r\n\r\n${hidden}`,
  },
  {
    name: "a coding after a tab",
    headers: "Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n",
    body: `0\r\n\r\n${hidden}`,
  },
  { name: "an unknown coding", headers: "Transfer-Encoding: xchunked\r\n", body: `0\r\n\r\n${hidden}` },
  { name: "a coding before chunked", headers: "Transfer-Encoding: gzip, chunked\r\n", body: `0\r\n\r\n${hidden}` },
  { name: "chunked that is not last", headers: "Transfer-Encoding: chunked, identity\r\n", body: `0\r\n\r\n${hidden}` },
  {
    name: "chunked twice",
    headers: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    body: `0\r\n\r\n${hidden}`,
  },
  { name: "a coding with a vertical tab", headers: "Transfer-Encoding: \x0bchunked\r\n", body: `0\r\n\r\n${hidden}` },
  {
    name: "a folded coding",
    headers: "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n",
    body: `0\r\n\r\n${hidden}`,
  },
  {
    name: "a coding that Connection names",
    headers: `Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n`,
    body: `0\r\n\r\n${hidden}`,
  },
  {
    name: "a length that Connection names",
    headers: `Connection: Content-Length\r\nContent-Length: 3\r\n`,
    body: "abc",
  },
  { name: "a chunk size that is no number", headers: "Transfer-Encoding: chunked\r\n", body: `0x0\r\n\r\n${hidden}` },
  {
    name: "a chunk size that is too large",
    headers: "Transfer-Encoding: chunked\r\n",
    body: `fffffffffffffffff1\r\n\r\n${hidden}`,
  },
  { name: "a chunk that ends with a bare LF", headers: "Transfer-Encoding: chunked\r\n", body: `1\nx\n0\n\n${hidden}` },
  {
    name: "a chunk longer than its size",
    headers: "Transfer-Encoding: chunked\r\n",
    body: `1\r\nxyz\r\n0\r\n\r\n${hidden}`,
  },
  { name: "headers that end with a bare LF", headers: "X-One: 1\nContent-Length: 5\n\n", body: hidden },
  { name: "a bare CR in a header", headers: `X-One: 1\rContent-Length: 5\r\n`, body: hidden },
  { name: "a NUL in a header", headers: "X-One: 1\0\r\n", body: hidden },
  { name: "a header without a name", headers: ": 1\r\n", body: hidden },
  { name: "a header without a colon", headers: "Content-Length\r\n", body: hidden },
  { name: "a request line in a header's value", headers: `X-One: 1\r\n\tGET /hidden HTTP/1.1\r\n` },
  { name: "a second host", headers: "Host: 10.0.0.1\r\n" },
  { name: "a full URL", start: "GET http://10.0.0.1/hidden HTTP/1.1" },
  { name: "a path with a line end", start: "GET /a\rGET /hidden HTTP/1.1" },
  { name: "a path with a space", start: "GET /a /hidden HTTP/1.1" },
  { name: "no version", start: "GET /hidden" },
  { name: "a version that does not exist", start: "GET /hidden HTTP/1.2" },
  { name: "the preface of HTTP/2", start: "PRI * HTTP/2.0" },
  { name: "a tunnel", start: "CONNECT 10.0.0.1:80 HTTP/1.1" },
  {
    name: "an upgrade to HTTP/2",
    headers: "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    body: hidden,
  },
  {
    name: "a WebSocket of another version with a request behind it",
    headers: "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 7\r\n",
    body: hidden,
  },
  {
    name: "a GET with a length and the next request as its body",
    headers: `Content-Length: ${hidden.length}\r\n`,
    body: hidden,
  },
];

/** Start lines of requests as a printer that believes the first length would read them. */
function startLines(wire: string): string[] {
  const lines: string[] = [];
  for (let at = 0; at < wire.length;) {
    const end = wire.indexOf("\r\n\r\n", at);
    if (end < 0) return lines;
    const head = wire.slice(at, end);
    lines.push(head.split("\r\n")[0]!);
    at = end + 4 + Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
  }
  return lines;
}

Deno.test("no request that could be read in two ways reaches a printer as two", async (t) => {
  const wires: string[] = [];
  await using printer = await tcpPeer((socket: net.Socket) => {
    const index = wires.push("") - 1;
    socket.setEncoding("latin1");
    socket.on("data", (part: string) => {
      wires[index] += part;
      if (part.includes("\r\n\r\n")) socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  });
  await using web = await startWebAccessFixture();
  const session = web.add({ address: "127.0.0.1", port: printer.port });
  for (const { name, start = "GET /shown HTTP/1.1", headers = "", body = "" } of corpus) {
    await t.step(name, async () => {
      wires.length = 0;
      session.tunnel!.close("a new one");
      session.tunnel = web.add({ address: "127.0.0.1", port: printer.port }).tunnel!;
      const usual = `Host: ${
        web.host(session)
      }\r\nCookie: __Host-opendca=${session.secret}\r\nSec-Fetch-Site: same-origin\r\n`;
      const answer = await web.raw(
        session,
        `${start}\r\n${usual}${headers}\r\n${body}`,
        /\r\n\r\n(.|\n)*\r\n\r\n|<\/html>|\r\n\r\nok|Content-Length: 0\r\n\r\n/,
      );
      assert.ok(answer === "" || /^HTTP\/1\.1 [2-5]\d\d /.test(answer), answer);
      for (const wire of wires) {
        for (const line of startLines(wire)) assert.equal(line, "GET /shown HTTP/1.1");
        assert.ok(!/^(transfer-encoding|upgrade|te|http2-settings):/im.test(wire), wire);
        assert.ok(!wire.includes("opendca"), wire);
      }
    });
  }
});

Deno.test("an answer that is followed by another one does not become the answer to the next request", async () => {
  const paths: string[] = [];
  await using printer = await tcpPeer((socket) => {
    socket.on("data", (part) => {
      const path = /^GET (\S+)/.exec(String(part))?.[1] ?? "";
      paths.push(path);
      const own = `HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`;
      socket.write(path === "/first" ? `${own}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged` : own);
    });
  });
  await using web = await startWebAccessFixture();
  const session = web.add({ address: "127.0.0.1", port: printer.port });
  assert.equal((await web.get(session, "/first")).body, "/first");
  for (let i = 0; i < 3; i++) assert.notEqual((await web.get(session, `/next-${i}`)).body, "forged");
});
