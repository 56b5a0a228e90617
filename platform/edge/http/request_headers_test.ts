import assert from "node:assert/strict";
import { maybePrinterCookies, maybeSetCookie, ownSecrets } from "./own_cookie.ts";
import { isFromOwnPage, maybeMalformed, printerHeaders } from "./request_headers.ts";

const ownOrigin = "https://abc.access.example:8444";
const place = { scheme: "http", address: "10.1.2.3", port: 8000 } as const;

function headersFor(raw: string[], method = "GET"): Record<string, string> {
  return Object.fromEntries(
    printerHeaders({ method, raw, ownOrigin, place }).map(([name, value]) => [name.toLowerCase(), value]),
  );
}

Deno.test("printerHeaders() names the printer where the browser named the session", () => {
  const headers = headersFor(
    ["Host", "abc.access.example:8444", "Origin", ownOrigin, "Referer", `${ownOrigin}/login?a=b`],
    "POST",
  );
  assert.deepEqual(headers, {
    host: "10.1.2.3:8000",
    origin: "http://10.1.2.3:8000",
    referer: "http://10.1.2.3:8000/login?a=b",
    "accept-encoding": "identity",
  });
});

const referers = [
  { name: "of another origin", referer: "https://evil.example/", method: "GET", expected: undefined },
  { name: "that only begins like ours", referer: `${ownOrigin}.evil.example/`, method: "GET", expected: undefined },
  { name: "of a page of the gateway", referer: `${ownOrigin}/.opendca/start?token=x`, method: "GET", expected: "/" },
  { name: "of the bare origin", referer: ownOrigin, method: "GET", expected: "/" },
  { name: "that is missing from a form", referer: undefined, method: "POST", expected: "/" },
  { name: "that is missing from a link", referer: undefined, method: "GET", expected: undefined },
];
for (const { name, referer, method, expected } of referers) {
  Deno.test(`printerHeaders() with a referer ${name}`, () => {
    const headers = headersFor(referer === undefined ? [] : ["Referer", referer], method);
    assert.equal(headers["referer"], expected === undefined ? undefined : `http://10.1.2.3:8000${expected}`);
  });
}

Deno.test("printerHeaders() keeps what is of the connection, of proxies and of the browser's own to itself", () => {
  const kept = ["Accept", "text/html", "Authorization", "Digest x", "If-None-Match", '"1"', "X-Requested-With", "a"];
  const headers = headersFor([
    ...kept,
    ...["Connection", "keep-alive, X-Private", "X-Private", "1", "Keep-Alive", "timeout=5", "TE", "trailers"],
    ...["Transfer-Encoding", "chunked", "Upgrade", "h2c", "HTTP2-Settings", "AA", "Proxy-Authorization", "Basic x"],
    ...["X-Forwarded-For", "10.9.9.9", "X-Forwarded-Host", "a", "Forwarded", "for=a", "Via", "1.1 a", "X-Real-IP", "a"],
    ...["Sec-Fetch-Site", "same-origin", "Sec-CH-UA", "a", "Expect", "100-continue", "Content-Length", "5"],
    ...["Cookie", "a=1; __Host-opendca=secret", "Accept-Encoding", "br, gzip"],
  ]);
  assert.deepEqual(headers, {
    host: "10.1.2.3:8000",
    accept: "text/html",
    authorization: "Digest x",
    "if-none-match": '"1"',
    "x-requested-with": "a",
    cookie: "a=1",
    "accept-encoding": "gzip",
  });
});

Deno.test("cookies of the gateway stay with it, and a printer cannot set one", () => {
  assert.equal(maybePrinterCookies("a=1; __Host-opendca=x; b=2; __host-OpenDCA=y; __Host-opendca"), "a=1; b=2");
  assert.equal(maybePrinterCookies("__Host-opendca=x"), undefined);
  assert.deepEqual(ownSecrets("a=1; __Host-opendca=x; __Host-opendca=y; __host-opendca=z"), ["x", "y"]);
  for (
    const refused of [
      "__Host-opendca=x; Path=/; Secure",
      "__host-opendca=x",
      " __HOST-OPENDCA =x",
      "=__Host-opendca=x",
      "__Host-opendca",
      "__Secure-opendca=x",
      "a=1\r\nSet-Cookie: b=2",
      "",
    ]
  ) assert.equal(maybeSetCookie(refused), undefined, refused);
  const cases = [
    ["a=1", "a=1; Secure"],
    ["a=1; Domain=10.1.2.3; Path=/x; HttpOnly", "a=1; Path=/x; HttpOnly; Secure"],
    ["a=1; domain = .access.example;secure; SameSite=None", "a=1; SameSite=None; Secure"],
    [
      "a=b=c; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=5",
      "a=b=c; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Max-Age=5; Secure",
    ],
    ["domain=1", "domain=1; Secure"],
  ];
  for (const [given, expected] of cases) assert.equal(maybeSetCookie(given!), expected);
});

const visits: { name: string; method?: string; headers: Record<string, string>; own: boolean }[] = [
  { name: "the address bar", headers: { "sec-fetch-site": "none" }, own: true },
  { name: "a page of its own", headers: { "sec-fetch-site": "same-origin" }, own: true },
  {
    name: "a form of its own",
    method: "POST",
    headers: { "sec-fetch-site": "same-origin", origin: ownOrigin },
    own: true,
  },
  {
    name: "a form of its own that sends no origin",
    method: "POST",
    headers: { "sec-fetch-site": "same-origin", origin: "null" },
    own: true,
  },
  { name: "another session", headers: { "sec-fetch-site": "same-site" }, own: false },
  { name: "another site", headers: { "sec-fetch-site": "cross-site" }, own: false },
  { name: "something new", headers: { "sec-fetch-site": "same-universe" }, own: false },
  {
    name: "another origin, whatever it says besides",
    headers: { "sec-fetch-site": "same-origin", origin: "https://def.access.example:8444" },
    own: false,
  },
  { name: "an old browser's link", headers: {}, own: true },
  { name: "an old browser's form", method: "POST", headers: { origin: ownOrigin }, own: true },
  {
    name: "an old browser's form of another session",
    method: "POST",
    headers: { origin: "https://def.access.example:8444" },
    own: false,
  },
  { name: "an old browser's frame", method: "POST", headers: { origin: "null" }, own: false },
  { name: "an old browser's form without an origin", method: "POST", headers: {}, own: false },
  { name: "an old browser's link of another page", headers: { referer: "https://evil.example/" }, own: false },
  { name: "an old browser's own link", headers: { referer: `${ownOrigin}/a` }, own: true },
];
for (const { name, method = "GET", headers, own } of visits) {
  Deno.test(`isFromOwnPage() of ${name} is ${own}`, () =>
    assert.equal(isFromOwnPage({ method, headers, ownOrigin }), own));
}

const malformed: { method?: string; url?: string; version?: string; raw?: string[] }[] = [
  { version: "0.9" },
  { version: "1.2" },
  { version: "1.0", raw: ["Host", "a", "Transfer-Encoding", "chunked"] },
  { method: "CONNECT", url: "10.0.0.1:80" },
  { method: "TRACE" },
  { method: "PROPFIND" },
  { url: "http://10.9.9.9/" },
  { url: "*" },
  { url: "" },
  { url: "a" },
  { url: "/a b" },
  { url: "/a#b" },
  { url: "/a\tb" },
  { raw: ["Host", "a", "Host", "b"] },
  { raw: [] },
  { raw: ["Host", "a", "Content-Length", "1", "Content-Length", "1"] },
  { raw: ["Host", "a", "Content-Length", "1", "Transfer-Encoding", "chunked"] },
  { raw: ["Host", "a", "Content-Length", "+1"] },
  { raw: ["Host", "a", "Content-Length", "1, 1"] },
  { raw: ["Host", "a", "Transfer-Encoding", "chunked, identity"] },
  { raw: ["Host", "a", "Transfer-Encoding", "gzip, chunked"] },
  { raw: ["Host", "a", "Transfer-Encoding", "chunked", "transfer-encoding", "chunked"] },
];
for (const { method = "GET", url = "/", version = "1.1", raw = ["Host", "a"] } of malformed) {
  Deno.test(`maybeMalformed() refuses ${JSON.stringify({ method, url, version, raw })}`, () => {
    assert.equal(typeof maybeMalformed({ method, url, version, raw }), "string");
  });
}

Deno.test("maybeMalformed() lets plain requests pass", () => {
  for (const url of ["/", "//a", "/a?b=c&d=%20'\"<>", "/ä".normalize()]) {
    assert.equal(maybeMalformed({ method: "GET", url, version: "1.1", raw: ["Host", "a"] }), undefined, url);
  }
  assert.equal(
    maybeMalformed({ method: "POST", url: "/", version: "1.1", raw: ["Host", "a", "Transfer-Encoding", "Chunked"] }),
    undefined,
  );
  assert.equal(
    maybeMalformed({ method: "POST", url: "/", version: "1.1", raw: ["Host", "a", "Content-Length", "15"] }),
    undefined,
  );
});
