import assert from "node:assert/strict";
import { destinationOf, hostOf, isDomain, maybeLabel } from "./printer_origin.ts";
import { changedCertificate, leadsOutside, refusalPage, refusals, tlsRefusalOf } from "./refusal.ts";
import { browserHeaders } from "./response_headers.ts";

const ownOrigin = "https://abc.access.example";
const place = { scheme: "http", address: "10.1.2.3", port: 80 } as const;
const view = { place, path: "/dir/page?x", ownOrigin };

const destinations = [
  ["/a?b#c", { kind: "own", url: `${ownOrigin}/a?b#c` }],
  ["a", { kind: "own", url: `${ownOrigin}/dir/a` }],
  ["?y", { kind: "own", url: `${ownOrigin}/dir/page?y` }],
  ["", { kind: "own", url: `${ownOrigin}/dir/page?x` }],
  ["http://10.1.2.3/a", { kind: "own", url: `${ownOrigin}/a` }],
  ["HTTP://10.1.2.3:80/a", { kind: "own", url: `${ownOrigin}/a` }],
  ["//10.1.2.3/a", { kind: "own", url: `${ownOrigin}/a` }],
  ["http:/a", { kind: "own", url: `${ownOrigin}/a` }],
  ["http://10.1.2.3//evil.example/", { kind: "own", url: `${ownOrigin}//evil.example/` }],
  // The same address in another notation.
  ["http://0x0a010203/a", { kind: "own", url: `${ownOrigin}/a` }],
  ["https://10.1.2.3/a", { kind: "other-port", url: "https://10.1.2.3/a", port: 443 }],
  ["http://10.1.2.3:8080/", { kind: "other-port", url: "http://10.1.2.3:8080/", port: 8080 }],
  ["http://10.1.2.4/", { kind: "elsewhere", url: "http://10.1.2.4/" }],
  ["//evil.example/", { kind: "elsewhere", url: "http://evil.example/" }],
  ["/\\evil.example/", { kind: "elsewhere", url: "http://evil.example/" }],
  ["http://10.1.2.3@evil.example/", { kind: "elsewhere", url: "http://10.1.2.3@evil.example/" }],
  ["http://user@10.1.2.3/", { kind: "elsewhere", url: "http://user@10.1.2.3/" }],
  ["javascript:alert(1)", { kind: "elsewhere", url: "javascript:alert(1)" }],
  ["file:///etc/passwd", { kind: "elsewhere", url: "file:///etc/passwd" }],
  ["http://[::bad", { kind: "invalid" }],
] as const;
for (const [location, expected] of destinations) {
  Deno.test(`destinationOf() ${JSON.stringify(location)} is ${expected.kind}`, () => {
    assert.deepEqual(destinationOf(location, view), expected);
  });
}

Deno.test("hostOf() is what a browser would say", () => {
  assert.equal(hostOf(place), "10.1.2.3");
  assert.equal(hostOf({ ...place, port: 8000 }), "10.1.2.3:8000");
  assert.equal(hostOf({ scheme: "https", address: "FE80::1%eth0", port: 443 }), "[fe80::1]");
});

function headersOf(raw: string[], more: { status?: number; rewritten?: boolean } = {}) {
  const { headers, outside } = browserHeaders({ ...view, status: 200, rewritten: false, ...more, raw });
  const all = (name: string) =>
    headers.filter(([given]) => given.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return { all, outside, names: headers.map(([name]) => name.toLowerCase()) };
}

Deno.test("browserHeaders() isolates the session and keeps the printer's own protections", () => {
  const { all } = headersOf([
    ...["Content-Security-Policy", "script-src http://10.1.2.3 http://10.1.2.30", "X-Frame-Options", "DENY"],
    ...["Strict-Transport-Security", "max-age=1", "X-Content-Type-Options", "nosniff", "Referrer-Policy", "unsafe-url"],
    ...["Cross-Origin-Opener-Policy", "unsafe-none", "Cross-Origin-Embedder-Policy", "require-corp"],
  ]);
  const [printers, ours, ...others] = all("content-security-policy");
  assert.equal(printers, `script-src ${ownOrigin} http://10.1.2.30`);
  assert.match(
    ours!,
    /^default-src 'self' .*; connect-src 'self' wss:\/\/abc\.access\.example; .*frame-ancestors 'self'/,
  );
  assert.deepEqual(others, []);
  assert.deepEqual(all("x-frame-options"), ["DENY"]);
  assert.deepEqual(all("strict-transport-security"), ["max-age=1"]);
  assert.deepEqual(all("x-content-type-options"), ["nosniff"]);
  assert.deepEqual(all("cross-origin-embedder-policy"), ["require-corp"]);
  assert.deepEqual(all("cross-origin-opener-policy"), ["same-origin"]);
  assert.deepEqual(all("cross-origin-resource-policy"), ["same-origin"]);
  assert.deepEqual(all("origin-agent-cluster"), ["?1"]);
  assert.match(all("x-robots-tag")[0]!, /noindex/);
  // Weaker than ours is replaced, stricter is kept.
  assert.deepEqual(all("referrer-policy"), ["same-origin"]);
  assert.deepEqual(headersOf(["Referrer-Policy", "no-referrer"]).all("referrer-policy"), ["no-referrer"]);
});

const caches = [
  [[], "private"],
  [["Cache-Control", "public, max-age=60"], "private, max-age=60"],
  [["Cache-Control", "s-maxage=60,no-cache"], "private, no-cache"],
  [["Cache-Control", "no-store"], "private, no-store"],
  [["Pragma", "no-cache"], "private, no-cache"],
] as const;
for (const [raw, expected] of caches) {
  Deno.test(`browserHeaders() of ${raw.join(": ") || "no cache control"} says ${expected}`, () => {
    assert.deepEqual(headersOf([...raw]).all("cache-control"), [expected]);
  });
}

Deno.test("browserHeaders() passes no header of the connection, and nothing that reaches beyond the session", () => {
  const { names, all } = headersOf([
    ...[
      "Connection",
      "X-Private, close",
      "X-Private",
      "1",
      "Keep-Alive",
      "a",
      "Proxy-Authenticate",
      "Basic",
      "Upgrade",
      "h2c",
    ],
    ...["Transfer-Encoding", "chunked", "Trailer", "X", "Alt-Svc", 'h2="evil.example:443"', "Content-Length", "5"],
    ...["Service-Worker-Allowed", "/", "Clear-Site-Data", '"*"', "X-Public", "2", "WWW-Authenticate", "Digest x"],
    ...["Bad Name", "1", "X-Split", "a\r\nSet-Cookie: b=1"],
  ]);
  for (
    const name of [
      ...["connection", "x-private", "keep-alive", "proxy-authenticate", "upgrade", "transfer-encoding", "trailer"],
      ...["alt-svc", "content-length", "service-worker-allowed", "bad name", "x-split"],
    ]
  ) assert.ok(!names.includes(name), name);
  assert.deepEqual(all("x-public"), ["2"]);
  assert.deepEqual(all("www-authenticate"), ["Digest x"]);
  // Cookies are cleared for the whole domain.
  assert.deepEqual(all("clear-site-data"), ['"cache", "storage"']);
  assert.deepEqual(headersOf(["Clear-Site-Data", '"cookies"']).all("clear-site-data"), []);
});

Deno.test("browserHeaders() says nothing of octets that are changed", () => {
  const raw = ["Content-Encoding", "gzip", "ETag", '"1"', "Content-MD5", "x", "Accept-Ranges", "bytes"];
  assert.deepEqual(headersOf(raw).all("etag"), ['"1"']);
  const { names } = headersOf(raw, { rewritten: true });
  for (const name of ["content-encoding", "etag", "content-md5", "accept-ranges"]) {
    assert.ok(!names.includes(name), name);
  }
});

Deno.test("browserHeaders() follows the printer within itself and says where else it leads", () => {
  assert.deepEqual(headersOf(["Location", "http://10.1.2.3/a"], { status: 302 }).all("location"), [`${ownOrigin}/a`]);
  const foreign = headersOf(["Location", "https://evil.example/"], { status: 302 });
  assert.deepEqual([foreign.all("location"), foreign.outside?.kind], [[], "elsewhere"]);
  const created = headersOf(["Location", "http://10.9.9.9/"], { status: 201 });
  assert.deepEqual([created.all("location"), created.outside], [[], undefined]);
  assert.deepEqual(headersOf(["Refresh", "5"]).all("refresh"), ["5"]);
  assert.deepEqual(headersOf(["Refresh", "0; URL='http://10.1.2.3/a'"]).all("refresh"), [`0;url=${ownOrigin}/a`]);
  assert.equal(headersOf(["Refresh", "0;url=http://10.1.2.4/"]).outside?.kind, "elsewhere");
  assert.deepEqual(headersOf(["Refresh", "garbage"]).all("refresh"), []);
});

const labels = [
  ["abcdefghijklmnopqrstuvwxyz.access.example", "abcdefghijklmnopqrstuvwxyz"],
  ["ABCDEFGHIJKLMNOPQRSTUVWXYZ.Access.Example:8444", "abcdefghijklmnopqrstuvwxyz"],
  ["access.example", undefined],
  ["a.access.example", undefined],
  ["abcdefghijklmnopqrstuvwxyz.access.example.evil.example", undefined],
  ["abcdefghijklmnopqrstuvwxyz.evilaccess.example", undefined],
  ["abcdefghijklmnopqrstuvwxyz.x.access.example", undefined],
  ["abcdefghijklmnopqrstuvwxyz.access.example.", undefined],
  ["abcdefghijklmnopqrstuvwxyz.access.example:", undefined],
  ["abcdefghijklmnopqrstuvwxyz.access.example@evil.example", undefined],
  ["127.0.0.1:8444", undefined],
  ["[::1]", undefined],
  ["", undefined],
  [undefined, undefined],
] as const;
for (const [host, expected] of labels) {
  Deno.test(`maybeLabel() of ${host} is ${expected}`, () => assert.equal(maybeLabel(host, "access.example"), expected));
}

Deno.test("isDomain() knows names of two labels or more", () => {
  for (const good of ["access.example.com", "access.localhost", "x-1.a"]) assert.ok(isDomain(good), good);
  for (const bad of ["localhost", "10.1.2.3", "*.example.com", "a..b", "-a.b", "a.b-", "", "a b.c", "::1"]) {
    assert.ok(!isDomain(bad), bad);
  }
});

Deno.test("refusalPage() has no markup of what it shows", () => {
  const evil = '<script>alert(1)</script>"&';
  const pages = [
    refusalPage(refusals.refused(evil)),
    refusalPage(leadsOutside({ kind: "elsewhere", url: evil })),
    refusalPage(changedCertificate({ known: evil, shown: evil })),
  ];
  for (const page of pages) {
    assert.ok(!page.includes("<script"), page);
    assert.ok(page.includes("&lt;script&gt;"), page);
  }
});

const handshakes = [
  ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION", "received fatal alert: ProtocolVersion", undefined],
  ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "received fatal alert: HandshakeFailure", undefined],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate", undefined],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "received corrupt message of type InvalidContentType", /does not speak HTTPS/],
  ["ECONNRESET", "read ECONNRESET", /failed/],
] as const;
for (const [code, message, title] of handshakes) {
  Deno.test(`tlsRefusalOf() names ${code}`, () => {
    const refusal = tlsRefusalOf({ code, message });
    if (title === undefined) assert.equal(refusal, undefined);
    else assert.match(refusal!.title, title);
  });
}
