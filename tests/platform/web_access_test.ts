/** The HTTPS half of web access: simulated printers and odd peers behind tunnels, a TLS client in the browser's place. */
import assert from "node:assert/strict";
import net from "node:net";
import { tcpPeer } from "../fixtures/faulty_peers.ts";
import { soon, until } from "../fixtures/until.ts";
import { type Answer, domain, startWebAccessFixture, type WebAccessFixture } from "./web_access_fixture.ts";

function titleOf({ body }: Answer): string {
  return /<title>(.*?)<\/title>/.exec(body)?.[1] ?? "";
}

Deno.test("the one-time link opens the printer's page for one browser", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printer);
  const start = (token: string, headers: Record<string, string> = {}) =>
    web.get(session, `/.opendca/start?token=${token}`, {
      asStranger: true,
      // As from a link in a message.
      headers: { "Sec-Fetch-Site": "cross-site", ...headers },
    });
  assert.equal((await web.get(session, "/", { asStranger: true })).status, 403);
  assert.equal((await start("a-token-of-somebody-else")).status, 403);
  assert.equal((await start("short")).status, 403);
  // A preview does not use it up.
  assert.equal((await start(session.token, { "Sec-Purpose": "prefetch;prerender" })).status, 403);
  const started = await start(session.token);
  assert.equal(started.status, 200);
  assert.equal(started.headers["refresh"], "0;url=/");
  assert.equal(started.headers["referrer-policy"], "no-referrer");
  assert.match(
    started.headers["set-cookie"]!,
    /^__Host-opendca=secret-of-session-1; Path=\/; Max-Age=\d+; Secure; HttpOnly; SameSite=Lax$/,
  );
  assert.equal((await start(session.token)).status, 403);
  // Who has the cookie may use the link again.
  assert.equal((await start(session.token, { Cookie: `__Host-opendca=${session.secret}` })).status, 200);
  assert.match((await web.get(session, "/")).body, /SERIAL7/);
  assert.equal(web.simulator.webRequests("printer").length, 1);
  assert.ok(web.simulator.webRequests("printer").every(({ headers }) => headers.cookie === undefined));
});

Deno.test("a session is at its own host name only, and of its own user only", async () => {
  await using web = await startWebAccessFixture();
  const [one, two] = [web.add(web.printer), web.add(web.printer)];
  const wrongHosts = [
    ["127.0.0.1", 421],
    [`127.0.0.1:${web.port}`, 421],
    [`rebound.example:${web.port}`, 421],
    [domain, 421],
    [`x.${one.label}.${domain}`, 421],
    [`${one.label}.${domain}.`, 421],
    [`${one.label}x.${domain}`, 421],
    // That of another session, on a connection that was opened for this one.
    [web.host(two), 421],
  ] as const;
  for (const [host, status] of wrongHosts) {
    assert.equal((await web.get(one, "/", { headers: { Host: host } })).status, status, host);
  }
  const foreign = await web.get(one, "/", { headers: { Cookie: `__Host-opendca=${two.secret}` } });
  assert.equal(foreign.status, 403);
  const both = `__Host-opendca=${two.secret}; __Host-opendca=${one.secret}`;
  assert.equal((await web.get(one, "/", { headers: { Cookie: both } })).status, 403);
  assert.equal(web.simulator.webRequests("printer").length, 0);
});

Deno.test("a page of another session or site cannot use the user's cookie", async () => {
  await using web = await startWebAccessFixture();
  const [one, two] = [web.add(web.printer), web.add(web.printer)];
  for (const site of ["same-site", "cross-site"]) {
    const answer = await web.get(one, "/logout", { headers: { "Sec-Fetch-Site": site } });
    assert.deepEqual([answer.status, titleOf(answer)], [403, "Another site led here"]);
  }
  const form = { method: "POST", body: "user=admin&password=demo-password" };
  const old = await web.get(one, "/login", {
    ...form,
    headers: { "Sec-Fetch-Site": "", Origin: `https://${web.host(two)}` },
  });
  assert.equal(old.status, 403);
  const worker = await web.get(one, "/sw.js", { headers: { "Service-Worker": "script" } });
  assert.equal(worker.status, 403);
  assert.equal(web.simulator.webRequests("printer").length, 0);
});

Deno.test("a login whose printer checks where the form was works through the gateway", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printer);
  const own = `https://${web.host(session)}`;
  const logIn = (headers: Record<string, string>) =>
    web.get(session, "/login", { method: "POST", headers, body: "user=admin&password=demo-password" });
  for (const headers of [{ Origin: own, Referer: `${own}/login` }, { Origin: "null" }]) {
    const answer = await logIn(headers as Record<string, string>);
    assert.deepEqual([answer.status, answer.headers["location"]], [302, `${own}/settings`]);
    const cookie = answer.headers["set-cookie"]!;
    assert.match(cookie, /^session=[-\w]+; Path=\/; HttpOnly; Secure$/);
    const both = `__Host-opendca=${session.secret}; ${cookie.split(";")[0]}`;
    assert.match((await web.get(session, "/settings", { headers: { Cookie: both } })).body, /Logged in as admin/);
  }
  for (const { headers } of web.simulator.webRequests("printer")) {
    assert.ok(!JSON.stringify(headers).includes("opendca"), JSON.stringify(headers));
    assert.equal(headers.host, `127.0.0.1:${web.printer.port}`);
  }
});

const odd: { name: string; status: number; body?: RegExp; title?: RegExp; location?: string }[] = [
  { name: "http10", status: 200, body: /^<p>HTTP\/1.0 without a length<\/p>$/ },
  { name: "chunked", status: 200, body: /^<p>two parts$/ },
  { name: "bare-lf", status: 200, body: /^<p>bare LF<\/p>$/ },
  { name: "folded-header", status: 200, body: /^<p>folded$/ },
  { name: "length-and-chunked", status: 200, body: /^<p>both$/ },
  { name: "no-content-type", status: 200, body: /^<p>no type<\/p>$/ },
  { name: "slow?ms=1", status: 200, body: /^<p>slowly<\/p>$/ },
  {
    name: "gzip",
    status: 200,
    body: /^<p>compressed <a id="absolute" href="https:\/\/[a-z]+\d+\.access\.test\.localhost:\d+\/supplies">/,
  },
  { name: "no-status-line", status: 502, title: /is not HTTP/ },
  { name: "two-lengths", status: 502, title: /is not HTTP/ },
  { name: "headers-for-ever?ms=0", status: 502, title: /is not HTTP/ },
  { name: "close-at-once", status: 502, title: /does not answer/ },
  { name: "early-close", status: 502, title: /answer is incomplete/ },
  { name: "to-itself", status: 302, location: "/supplies" },
  { name: "to-own-address", status: 302, location: "/supplies?from=redirect" },
  { name: "to-another-printer", status: 502, title: /sends you elsewhere/, body: /http:\/\/127\.77\.0\.99\// },
  { name: "to-https", status: 502, title: /sends you elsewhere/, body: /access open DEVICE --port 443/ },
  { name: "to-foreign-host", status: 502, title: /sends you elsewhere/, body: /printers\.example/ },
  { name: "hop-by-hop", status: 200, body: /^<p>hops$/ },
];

Deno.test("odd answers of printers are shown, or a page says why not", async (t) => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printer);
  for (const { name, status, body, title, location } of odd) {
    await t.step(name, async () => {
      const answer = await web.get(session, `/odd/${name}`);
      assert.deepEqual([answer.status, answer.isWhole], [status, true]);
      if (body !== undefined) assert.match(answer.body, body);
      if (title !== undefined) assert.match(titleOf(answer), title);
      if (location !== undefined) assert.equal(answer.headers["location"], `https://${web.host(session)}${location}`);
      assert.equal(answer.headers["cross-origin-opener-policy"], "same-origin");
      if (status >= 500) {
        assert.match(answer.headers["content-security-policy"]!, /^default-src 'none'; style-src 'self'/);
      }
    });
  }
  assert.deepEqual(web.log, []);
});

Deno.test("octets that are no page are passed as they are, with their length", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printer);
  const { body, headers } = await web.get(session, "/logo.png");
  assert.equal(headers["content-length"], String(body.length));
  assert.ok(body.includes(`src="http://127.0.0.1:${web.printer.port}/"`));
  const links = await web.get(session, "/links");
  const own = `https://${web.host(session)}`;
  assert.ok(links.body.includes(`<a id="absolute" href="${own}/supplies">`));
  assert.ok(links.body.includes(`value="http://127.0.0.1:${web.printer.port}/inbox"`));
  assert.match((await web.get(session, "/style.css")).body, new RegExp(`url\\(${own}/logo\\.png\\)`));
  assert.match((await web.get(session, "/script.js")).body, new RegExp(`"${own}/supplies"`));
  const head = await web.get(session, "/logo.png", { method: "HEAD" });
  assert.deepEqual([head.status, head.body, head.headers["content-length"]], [200, "", String(body.length)]);
});

Deno.test("a printer that never answers, or whose headers never end, has a time", async () => {
  await using web = await startWebAccessFixture({ limits: { answerMs: 300, connectMs: 300 } });
  const session = web.add(web.printer);
  for (const name of ["silent", "slow-head?ms=100"]) {
    const answer = await web.get(session, `/odd/${name}`);
    assert.deepEqual([answer.status, titleOf(answer)], [504, "The printer does not answer"]);
  }
  await until("the connections are closed", () => session.tunnel!.channels.size === 0);
  session.tunnel!.open = () => new Promise(() => {});
  assert.match((await web.get(session, "/")).body, /could not connect/);
  session.tunnel!.open = () => Promise.reject(new Error("the agent says: <refused>"));
  assert.match((await web.get(session, "/")).body, /the agent says: &lt;refused&gt;/);
});

Deno.test("a body that stands still is cut off, in either direction", async () => {
  await using web = await startWebAccessFixture({ limits: { stallMs: 1000 } });
  await using printer = await tcpPeer((socket) => {
    socket.once("data", async (asked) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\nbeginning");
      const isLarge = String(asked).includes("/large");
      for (let i = 0; isLarge && i < 4; i++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        socket.write("x".repeat(50_000));
      }
    });
  });
  const session = web.add({ address: "127.0.0.1", port: printer.port });
  const answer = await web.get(session, "/");
  assert.deepEqual([answer.status, titleOf(answer)], [502, "The printer&#39;s answer is incomplete"]);
  // Where the browser has had a part of it, the connection is cut, so that it sees that something is missing.
  const large = await web.get(session, "/large");
  assert.deepEqual([large.status, large.isWhole], [200, false]);
  await until("the connection is closed", () => session.tunnel!.channels.size === 0);
});

Deno.test("a browser that does not read holds the printer back, and is let go", async () => {
  await using web = await startWebAccessFixture({ limits: { stallMs: 1500 } });
  const session = web.add(web.printer);
  const before = Deno.memoryUsage().rss;
  // It reads only when it is asked to.
  using socket = await Deno.startTls(await Deno.connect({ hostname: "127.0.0.1", port: web.port }), {
    hostname: `${session.label}.${domain}`,
    caCerts: [web.ca],
  });
  const head = `GET /odd/body-for-ever HTTP/1.1\r\nHost: ${web.host(session)}\r\n`;
  await socket.write(new TextEncoder().encode(`${head}Cookie: __Host-opendca=${session.secret}\r\n\r\n`));
  await until("the request is in progress", () => session.tunnel!.channels.size === 1);
  await until("the connection to the printer is closed", () => session.tunnel!.channels.size === 0);
  await until("it is noted", () => web.notes.length === 1);
  assert.ok(web.notes[0]!.bytesOut < 64 * 1024 * 1024, String(web.notes[0]!.bytesOut));
  // Of all tests that run beside it in this process.
  assert.ok(Deno.memoryUsage().rss - before < 1000 * 1024 * 1024);
});

Deno.test("a browser that leaves in the middle ends the connection to the printer", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printer);
  await web.raw(
    session,
    `GET /odd/body-for-ever HTTP/1.1\r\nHost: ${web.host(session)}\r\nCookie: __Host-opendca=${session.secret}\r\n\r\n`,
    /x{10000}/,
  );
  await until("the connection is closed", () => session.tunnel!.channels.size === 0);
});

Deno.test("connections to a printer are used again, few at once, and a stale one is replaced", async () => {
  await using web = await startWebAccessFixture({ limits: { printerConnections: 2, requests: 8 } });
  const session = web.add(web.printer);
  for (let i = 0; i < 3; i++) await web.get(session, "/logo.png");
  assert.equal(session.tunnel!.opened, 1);
  let most = 0;
  const watch = setInterval(() => most = Math.max(most, session.tunnel!.channels.size), 1);
  const answers = await Promise.all(Array.from({ length: 8 }, () => web.get(session, "/odd/slow?ms=5")));
  clearInterval(watch);
  assert.deepEqual(answers.map(({ status }) => status), Array(8).fill(200));
  assert.ok(most <= 2, String(most));
  const many = await Promise.all(Array.from({ length: 12 }, () => web.get(session, "/odd/slow?ms=20")));
  assert.ok(many.some(({ status }) => status === 503));
  // Closed in the moment in which the next request uses it.
  let asked = 0;
  await using printer = await tcpPeer((socket) => {
    socket.on("data", () => {
      if (++asked === 2) return void socket.destroy();
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  });
  const other = web.add({ address: "127.0.0.1", port: printer.port });
  const got = [await web.get(other, "/"), await web.get(other, "/")];
  assert.deepEqual(got.map(({ body }) => body), ["ok", "ok"]);
  assert.deepEqual([asked, other.tunnel!.opened], [3, 2]);
});

Deno.test("bodies reach the printer whole, with a length it understands", async () => {
  await using web = await startWebAccessFixture({ limits: { unsizedBytes: 1000 } });
  const session = web.add(web.printer);
  const sized = await web.get(session, "/upload", { method: "POST", body: "x".repeat(300_000) });
  assert.equal(sized.body, "300000");
  const post = `POST /upload HTTP/1.1\r\nHost: ${web.host(session)}\r\nCookie: __Host-opendca=${session.secret}\r\n` +
    `Sec-Fetch-Site: same-origin\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n`;
  const chunked = await web.raw(session, `${post}5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`);
  assert.match(chunked, /\r\n\r\n11$/);
  const printed = web.simulator.webRequests("printer").at(-1)!.headers;
  assert.deepEqual([printed["content-length"], printed["transfer-encoding"]], ["11", undefined]);
  assert.match(await web.raw(session, `${post}400\r\n${"x".repeat(1024)}\r\n0\r\n\r\n`), /^HTTP\/1\.1 413 /);
});

Deno.test("a request that comes before the agent does is answered as soon as the agent is there", async () => {
  await using web = await startWebAccessFixture({ limits: { tunnelMs: 60_000 } });
  const session = web.add(web.printer), { tunnel } = session;
  Object.assign(session, { state: "waiting", tunnel: undefined });
  const page = web.get(session, "/");
  const first = await Promise.race([page, new Promise<string>((resolve) => setTimeout(resolve, 150, "waits"))]);
  assert.equal(first, "waits");
  Object.assign(session, { state: "open", tunnel });
  assert.equal((await page).status, 200);
});

Deno.test("each state of a session has a page that says so", async () => {
  await using web = await startWebAccessFixture({ limits: { tunnelMs: 50 } });
  const session = web.add(web.printer);
  const tunnel = session.tunnel;
  const pageWith = async (changes: Partial<typeof session>) => {
    const before = { ...session };
    Object.assign(session, changes);
    const answer = await web.get(session, "/");
    Object.assign(session, before);
    return [answer.status, titleOf(answer), answer.headers["refresh"]];
  };
  assert.deepEqual(await pageWith({ state: "waiting", tunnel: undefined }), [503, "Waiting for the agent", "3"]);
  assert.deepEqual(await pageWith({ state: "waiting", waitsForApproval: true, tunnel: undefined }), [
    503,
    "Waiting for approval",
    "5",
  ]);
  const holder = { web: "other.example.com", host: "other.example.com:22" };
  const here = { web: web.host(session).slice(session.label.length + 1), host: "here:22" };
  for (const each of [here, { ...holder, web: undefined }]) {
    assert.deepEqual(await pageWith({ holder: each, tunnel: undefined }), [
      503,
      "Another process has this session",
      "10",
    ]);
  }
  assert.deepEqual(await pageWith({ tunnel: undefined }), [503, "Waiting for the agent", "3"]);
  assert.deepEqual(await pageWith({ state: "refused", reason: "by <hand>" }), [
    403,
    "The session was refused",
    undefined,
  ]);
  assert.deepEqual(await pageWith({ state: "closed" }), [410, "The session has ended", undefined]);
  assert.deepEqual(await pageWith({ endsAt: new Date(0) }), [410, "The session has ended", undefined]);
  assert.deepEqual(await pageWith({ scheme: "raw" }), [404, "This session has no web page", undefined]);
  assert.equal(session.tunnel, tunnel);
  const about = await web.get(session, "/.opendca/session");
  assert.match(about.body, /Printer 1.*127\.0\.0\.1, port \d+, HTTP/s);
  assert.equal((await web.get(session, "/.opendca/other")).status, 404);
});

Deno.test("a request for a session that does not exist says so", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printer);
  web.sessions.length = 0;
  const answer = await web.get(session, "/");
  assert.deepEqual([answer.status, titleOf(answer)], [404, "No such session"]);
});

Deno.test("the end of a session ends what is in progress and closes every connection", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printer);
  const open = web.raw(
    session,
    `GET /odd/slow?ms=60000 HTTP/1.1\r\nHost: ${web.host(session)}\r\nCookie: __Host-opendca=${session.secret}\r\n\r\n`,
  );
  await until("the request is in progress", () => web.simulator.webRequests("printer").length === 1);
  session.tunnel!.close("ended by a test");
  await open;
  session.state = "closed";
  session.reason = "ended by a test";
  const after = await web.get(session, "/");
  assert.equal(after.status, 410);
  assert.match(after.body, /ended by a test/);
  assert.equal(session.tunnel!.channels.size, 0);
});

Deno.test("every request is noted, with the length of its query only", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printer);
  await web.get(session, "/supplies?password=secret");
  await web.get(session, "/upload", { method: "POST", body: "12345" });
  await web.get(session, "/", { asStranger: true });
  await until("they are noted", () => web.notes.length === 3);
  const notes = web.notes.map(({ at: _at, ms, customerId: _, bytesOut, ...note }) => {
    assert.ok(ms >= 0 && bytesOut > 0);
    return note;
  });
  const common = { sessionId: "session-1", queryLength: 0, bytesIn: 0 };
  assert.deepEqual(notes, [
    { ...common, method: "GET", path: "/supplies", queryLength: 16, status: 200 },
    { ...common, method: "POST", path: "/upload", status: 200, bytesIn: 5 },
    { ...common, method: "GET", path: "/", status: 403 },
  ]);
  assert.ok(!JSON.stringify(web.notes).includes("secret"));
});

Deno.test("an HTTPS printer is known by the certificate of its first use", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printerTls);
  assert.match((await web.get(session, "/.opendca/session")).body, /not seen yet/);
  assert.match((await web.get(session, "/")).body, /SERIAL7/);
  const known = web.pins.get(session.deviceId)!;
  assert.match(known, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  assert.ok((await web.get(session, "/.opendca/session")).body.includes(known));
  assert.equal(web.simulator.webRequests("printer").at(-1)!.headers.host, `127.0.0.1:${web.printerTls.port}`);
  // Another one from now on, on a new connection.
  const before = web.simulator.webRequests("printer").length,
    other = known.replace(/^../, known.startsWith("00") ? "11" : "00");
  const changed = web.add(web.printerTls);
  changed.deviceId = session.deviceId;
  web.pins.set(session.deviceId, other);
  const refused = await web.get(changed, "/");
  assert.deepEqual([refused.status, titleOf(refused)], [502, "The printer&#39;s certificate has changed"]);
  assert.ok(refused.body.includes(known) && refused.body.includes(other));
  assert.equal(web.simulator.webRequests("printer").length, before);
  const accept = (fingerprint: string, headers: Record<string, string> = {}) =>
    web.get(changed, "/.opendca/accept-certificate", {
      method: "POST",
      body: new URLSearchParams({ fingerprint }).toString(),
      headers,
    });
  assert.equal((await accept(known, { "Sec-Fetch-Site": "same-site" })).status, 403);
  assert.equal((await accept("anything")).status, 400);
  assert.equal((await web.get(changed, "/")).status, 502);
  assert.equal((await accept(known)).status, 200);
  assert.match((await web.get(changed, "/")).body, /SERIAL7/);
});

Deno.test("a port that does not speak TLS is named", async () => {
  await using web = await startWebAccessFixture({ limits: { connectMs: 5000 } });
  await using plain = await tcpPeer((socket) => socket.end("HTTP/1.0 400 Bad request\r\n\r\n"));
  const answer = await web.get(web.add({ address: "127.0.0.1", port: plain.port, scheme: "https" }), "/");
  assert.deepEqual([answer.status, titleOf(answer)], [502, "The printer does not speak HTTPS on this port"]);
});

const frame = (text: string) => String.fromCharCode(0x81, 0x80 | text.length, 0, 0, 0, 0) + text;

function upgrade(web: WebAccessFixture, session: ReturnType<WebAccessFixture["add"]>, headers: Record<string, string>) {
  const all = {
    Host: web.host(session),
    Connection: "Upgrade",
    Upgrade: "websocket",
    Origin: `https://${web.host(session)}`,
    Cookie: `__Host-opendca=${session.secret}; a=1`,
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
  };
  return `GET /socket HTTP/1.1\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

Deno.test("a WebSocket goes through, for the session's own pages", async () => {
  await using web = await startWebAccessFixture({ limits: { webSockets: 1 } });
  const session = web.add(web.printer);
  const wire = await web.raw(session, upgrade(web, session, {}) + frame("hello"), /\x81.hello/);
  assert.match(wire, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  assert.match(wire, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
  const { headers } = web.simulator.webRequests("printer")[0]!;
  assert.deepEqual([headers.origin, headers.cookie], [`http://127.0.0.1:${web.printer.port}`, "a=1"]);
  await until("it is noted", () => web.notes.length === 1);
  assert.equal(web.notes[0]!.status, 101);
  const refused = [
    [{ Origin: "https://evil.example" }, 403],
    [{ Origin: `https://x.${domain}` }, 403],
    [{ Cookie: "a=1" }, 403],
    [{ Upgrade: "h2c" }, 400],
    [{ Host: "127.0.0.1" }, 421],
  ] as const;
  for (const [headers, status] of refused) {
    const answer = await web.raw(session, upgrade(web, session, headers as Record<string, string>));
    assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), JSON.stringify(headers));
  }
  assert.equal(web.simulator.webRequests("printer").length, 1);
});

Deno.test("a session has few WebSockets, and its end closes them", async () => {
  await using web = await startWebAccessFixture({ limits: { webSockets: 1 } });
  const session = web.add(web.printer);
  const first = web.raw(session, upgrade(web, session, {}));
  await until("it is open", () => web.simulator.webRequests("printer").length === 1);
  assert.match(await web.raw(session, upgrade(web, session, {})), /^HTTP\/1\.1 503 /);
  session.tunnel!.close("ended by a test");
  assert.match(await first, /^HTTP\/1\.1 101 /);
});

Deno.test("a client that sends its headers slowly, or does not finish the handshake, is let go", async () => {
  await using web = await startWebAccessFixture({ headersTimeoutMs: 500 });
  const session = web.add(web.printer);
  await web.raw(session, `GET / HTTP/1.1\r\nHost: ${web.host(session)}\r\nX-Slow: `);
  const silent = new Promise<void>((resolve) => {
    const socket = net.connect(web.port, "127.0.0.1");
    socket.on("error", () => {}).on("close", () => resolve());
  });
  await soon("the end of a connection without a handshake", silent, 60_000);
  assert.equal(web.simulator.webRequests("printer").length, 0);
});

Deno.test("headers and paths of a browser have a limit", async () => {
  await using web = await startWebAccessFixture();
  const session = web.add(web.printer);
  const large = await web.get(session, `/${"x".repeat(40_000)}`);
  assert.ok([400, 414, 431].includes(large.status), String(large.status));
  assert.equal(web.simulator.webRequests("printer").length, 0);
});

Deno.test("connections of browsers have a limit, within which others are still served", async () => {
  await using web = await startWebAccessFixture({
    connections: { mostConnections: 3, mostAnonymous: 3, sureMs: 60_000 },
  });
  const session = web.add(web.printer);
  const idle = await Promise.all([1, 2, 3].map(async () => {
    const socket = net.connect(web.port, "127.0.0.1");
    socket.on("error", () => {});
    await new Promise((resolve) => socket.once("connect", resolve));
    return socket;
  }));
  const beyond = net.connect(web.port, "127.0.0.1");
  const closed = new Promise<void>((resolve) => beyond.on("error", () => {}).on("close", () => resolve()));
  await soon("the end of a connection beyond the limit", closed, 60_000);
  for (const socket of idle) socket.destroy();
  await until("there is room again", async () => {
    const answer = await web.get(session, "/").catch(() => undefined);
    return answer?.status === 200;
  });
});
