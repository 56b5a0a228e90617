import assert from "node:assert/strict";
import https from "node:https";
import net from "node:net";
import type tls from "node:tls";
import { UnavailableError } from "../common/core/errors.ts";
import { objectsOf } from "./device.ts";
import { type Simulator, startSimulator } from "./simulator.ts";
import { oddNames } from "./web_oddities.ts";

const sysName = "1.3.6.1.2.1.1.5.0";
const printer = {
  name: "printer",
  objects: objectsOf({
    [sysName]: "prn-<7>",
    "1.3.6.1.2.1.25.3.5.1.1.1": 4,
    "1.3.6.1.2.1.43.5.1.1.17.1": "SERIAL7",
    "1.3.6.1.2.1.43.10.2.1.4.1.1": 4711,
    "1.3.6.1.2.1.43.11.1.1.6.1.1": "Black Toner",
    "1.3.6.1.2.1.43.11.1.1.6.1.2": "Waste Box",
    "1.3.6.1.2.1.43.11.1.1.8.1.1": 400,
    "1.3.6.1.2.1.43.11.1.1.8.1.2": 100,
    "1.3.6.1.2.1.43.11.1.1.9.1.1": 100,
    "1.3.6.1.2.1.43.11.1.1.9.1.2": -3,
  }),
};

async function withPage(body: (origin: string, simulator: Simulator) => Promise<void>): Promise<void> {
  await using simulator = await startSimulator({ devices: [printer], web: { port: 0 } });
  await body(simulator.endpoints[0]!.web!, simulator);
}

/** What comes back on a connection of its own, until it is closed or holds `enough`. */
function octetsOf(origin: string, request: string, enough = "\0"): Promise<string> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = net.connect(Number(port), hostname, () => socket.write(request));
    socket.setEncoding("latin1").on("data", (part: string) => {
      text += part;
      if (text.includes(enough)) socket.destroy();
    }).on("close", () => resolve(text)).on("error", reject);
  });
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: printer\r\n\r\n`;

Deno.test("the web page of a printer says what its objects say, as they are now", () =>
  withPage(async (origin, simulator) => {
    const status = await (await fetch(`${origin}/`)).text();
    for (const expected of ["prn-&lt;7&gt;", "SERIAL7", "printing", "4711"]) {
      assert.ok(status.includes(expected), expected);
    }
    const supplies = await (await fetch(`${origin}/supplies`)).text();
    assert.match(supplies, /Black Toner<\/th><td>25 %/);
    assert.match(supplies, /Waste Box<\/th><td>some left/);
    simulator.setObjects("printer", objectsOf({ [sysName]: "renamed" }));
    assert.match(await (await fetch(`${origin}/`)).text(), /<h1>renamed<\/h1>/);
    assert.equal((await fetch(`${origin}/none`).then((answer) => (answer.body?.cancel(), answer))).status, 404);
    assert.deepEqual(simulator.webRequests("printer").map(({ path }) => path), ["/", "/supplies", "/", "/none"]);
  }));

Deno.test("the login of a printer's page wants the right password and a form of its own", () =>
  withPage(async (origin) => {
    const logIn = async (password: string, headers: Record<string, string>) => {
      const body = new URLSearchParams({ user: "admin", password });
      const answer = await fetch(`${origin}/login`, { method: "POST", redirect: "manual", headers, body });
      await answer.body?.cancel();
      return answer;
    };
    const own = { origin, referer: `${origin}/login` };
    assert.equal((await logIn("demo-password", { ...own, referer: "https://elsewhere.example/login" })).status, 403);
    assert.equal((await logIn("demo-password", { ...own, origin: "null" })).status, 403);
    assert.equal((await logIn("wrong", own)).status, 403);
    const answer = await logIn("demo-password", own);
    assert.deepEqual([answer.status, answer.headers.get("location")], [302, `${origin}/settings`]);
    const cookie = answer.headers.get("set-cookie")!;
    assert.match(cookie, /^session=[-\w]+; Domain=127\.0\.0\.1; Path=\/; HttpOnly$/);
    const settings = (headers: Record<string, string>) => fetch(`${origin}/settings`, { headers, redirect: "manual" });
    assert.match(await (await settings({ cookie: cookie.split(";")[0]! })).text(), /Logged in as admin/);
    assert.equal((await settings({ cookie: "session=guess" }).then((it) => (it.body?.cancel(), it))).status, 302);
  }));

const odd = [
  { name: "http10", holds: /^HTTP\/1\.0 200 OK\r\n(?!.*Content-Length)/s },
  { name: "chunked", holds: /Transfer-Encoding: chunked\r\n\r\n4\r\n<p>t\r\n8\r\nwo parts\r\n0\r\n\r\n$/ },
  { name: "bare-lf", holds: /^HTTP\/1\.1 200 OK\nContent-Type: text\/html\n[^\r]*<p>bare LF<\/p>$/ },
  { name: "folded-header", holds: /X-Folded: one\r\n two\r\n/ },
  { name: "no-status-line", holds: /^<html>/ },
  { name: "two-lengths", holds: /Content-Length: 5\r\nContent-Length: 9/ },
  { name: "length-and-chunked", holds: /Content-Length: 3\r\nTransfer-Encoding: chunked/ },
  { name: "no-content-type", holds: /^HTTP\/1\.0 200 OK\r\n\r\n</ },
  { name: "slow?ms=1", holds: /<p>slowly<\/p>$/ },
  { name: "slow-head?ms=1", holds: /\r\n\r\nlate$/ },
  { name: "headers-for-ever?ms=0", holds: /X-More-9: x+/, enough: "X-More-10" },
  { name: "body-for-ever", holds: /x{100000}/, enough: "x".repeat(100_000) },
  { name: "early-close", holds: /Content-Length: 1000\r\n\r\n<p>the rest never comes$/ },
  { name: "close-at-once", holds: /^$/ },
  { name: "gzip", holds: /Content-Encoding: gzip\r\nContent-Length: \d+\r\n\r\n[^]{50}/ },
  { name: "to-itself", holds: /Location: \/supplies\r\n/ },
  { name: "to-own-address", holds: /Location: http:\/\/127\.0\.0\.1:\d+\/supplies\?from=redirect\r\n/ },
  { name: "to-another-printer", holds: /Location: http:\/\/127\.77\.0\.99\// },
  { name: "to-https", holds: /Location: https:\/\/127\.0\.0\.1\// },
  { name: "to-foreign-host", holds: /Location: https:\/\/printers\.example\// },
  { name: "cookies", holds: /Set-Cookie: wide=1; Domain=127\.0\.0\.1; Path=\/\r\n.*Set-Cookie: __Host-opendca=/s },
  { name: "hop-by-hop", holds: /Connection: X-Private, close\r\nX-Private: / },
  { name: "policy", holds: /Content-Security-Policy: script-src 'none'\r\n/ },
];

Deno.test("each odd answer of a printer's page is on the wire as it is meant", async (t) => {
  const tried = odd.map(({ name }) => name.replace(/\?.*/, ""));
  assert.deepEqual(oddNames.filter((name) => !tried.includes(name)), ["silent"]);
  await withPage(async (origin) => {
    for (const { name, holds, enough } of odd) {
      await t.step(name, async () => assert.match(await octetsOf(origin, get(`/odd/${name}`), enough), holds));
    }
    assert.match(await (await fetch(`${origin}/odd/`)).text(), /<a href="\/odd\/bare-lf">/);
  });
});

Deno.test("the WebSocket of a printer's page sends back what it is sent", () =>
  withPage(async (origin) => {
    const socket = new WebSocket(`${origin.replace("http", "ws")}/socket`);
    const received: string[] = [];
    await new Promise<void>((resolve, reject) => {
      socket.onopen = () => ["a", "b".repeat(300), "ä"].forEach((text) => socket.send(text));
      socket.onmessage = ({ data }) => {
        received.push(data);
        if (received.length === 3) socket.close();
      };
      socket.onclose = () => resolve();
      socket.onerror = () => reject(new Error("the WebSocket failed"));
    });
    assert.deepEqual(received, ["a", "b".repeat(300), "ä"]);
  }));

Deno.test("a printer's page by HTTPS has a certificate of its own making", async () => {
  await using simulator = await startSimulator({ devices: [printer], web: { tlsPort: 0 } });
  const { web, webTls } = simulator.endpoints[0]!;
  assert.equal(web, undefined);
  const { text, selfSigned } = await new Promise<{ text: string; selfSigned: boolean }>((resolve, reject) => {
    https.get(`${webTls}/`, { rejectUnauthorized: false, agent: false }, (response) => {
      const { subject, issuer } = (response.socket as tls.TLSSocket).getPeerCertificate();
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => text += part);
      response.on("end", () => resolve({ text, selfSigned: subject.CN === "printer" && issuer.CN === "printer" }));
    }).on("error", reject);
  });
  assert.match(text, /SERIAL7/);
  assert.ok(selfSigned);
  assert.match(simulator.webRequests("printer")[0]!.path, /^\/$/);
});

Deno.test("only printers have a page, only when asked for, and a port that is taken is said", async () => {
  const host = { name: "host", address: "127.0.0.2", objects: objectsOf({ [sysName]: "host" }) };
  await using without = await startSimulator({ devices: [printer] });
  assert.deepEqual(Object.keys(without.endpoints[0]!), ["name", "address", "port"]);
  await using simulator = await startSimulator({ devices: [printer, host], web: { port: 0 } });
  assert.deepEqual(simulator.endpoints.map(({ web }) => web === undefined), [false, true]);
  const taken = Number(new URL(simulator.endpoints[0]!.web!).port);
  await assert.rejects(startSimulator({ devices: [printer], web: { port: taken } }), (error) => {
    assert.ok(error instanceof UnavailableError);
    assert.match(error.message, /^Cannot show a web page at 127\.0\.0\.1 port \d+: /);
    return true;
  });
});
