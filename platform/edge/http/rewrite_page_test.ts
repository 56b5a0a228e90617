import assert from "node:assert/strict";
import fc from "fast-check";
import { createRewriter, maybePageKind, type PageKind } from "./rewrite_page.ts";

const place = { scheme: "http", address: "10.1.2.3", port: 80 } as const;
const ownOrigin = "https://abc.access.example";

function rewritten(text: string, kind: PageKind, at: Parameters<typeof createRewriter>[0]["place"] = place): string {
  const rewriter = createRewriter({ kind, place: at, ownOrigin });
  return rewriter.push(text) + rewriter.end();
}

const html = [
  ["a link", '<a href="http://10.1.2.3/a?b#c">', `<a href="${ownOrigin}/a?b#c">`],
  ["a link with the default port", "<a href='http://10.1.2.3:80/a'>", `<a href='${ownOrigin}/a'>`],
  ["a link without quotes", "<img src=http://10.1.2.3/a.png>", `<img src=${ownOrigin}/a.png>`],
  ["a link without a scheme", '<script src="//10.1.2.3/a.js">', '<script src="//abc.access.example/a.js">'],
  ["the address alone", '<a href="http://10.1.2.3">', `<a href="${ownOrigin}">`],
  ["a form's target", '<FORM ACTION = "HTTP://10.1.2.3/go">', `<FORM ACTION = "${ownOrigin}/go">`],
  [
    "a page that moves on",
    '<meta http-equiv=refresh content="0; URL=http://10.1.2.3/x">',
    `<meta http-equiv=refresh content="0; URL=${ownOrigin}/x">`,
  ],
  ["a style attribute", '<p style="background:url(http://10.1.2.3/x)">', `<p style="background:url(${ownOrigin}/x)">`],
  ["a handler", `<a onclick="location='http://10.1.2.3/x'">`, `<a onclick="location='${ownOrigin}/x'">`],
  ["a script in a page", "<script>go('http://10.1.2.3' + p)</script>", `<script>go('${ownOrigin}' + p)</script>`],
  [
    "an escaped address",
    String.raw`<script>u="http:\/\/10.1.2.3\/x"`,
    String.raw`<script>u="https:\/\/abc.access.example\/x"`,
  ],
  ["a socket", '<script>new WebSocket("ws://10.1.2.3/s")', '<script>new WebSocket("wss://abc.access.example/s")'],
] as const;
for (const [name, text, expected] of html) {
  Deno.test(`createRewriter() changes ${name}`, () => assert.equal(rewritten(text, "html"), expected));
}

const untouched = [
  ["another printer", '<a href="http://10.1.2.4/">'],
  ["an address that only begins like it", '<a href="http://10.1.2.30/">'],
  ["a name that only begins like it", '<a href="http://10.1.2.3.example/">'],
  ["another port", '<a href="http://10.1.2.3:8080/">'],
  ["a port that only begins like it", '<a href="http://10.1.2.3:800/">'],
  ["another scheme", '<a href="https://10.1.2.3/">'],
  ["a user's name", '<a href="http://10.1.2.3@evil.example/">'],
  ["a text", "<p>Printer URL: http://10.1.2.3/</p>"],
  ["a field of a form", '<input name="target" value="http://10.1.2.3/inbox">'],
  ["a field after a script", '<script>x()</script><input value="http://10.1.2.3/inbox">'],
  ["a path that holds it", '<a href="/go?to=http://10.1.2.3/">'],
  ["an address with the dots as other characters", '<a href="http://10x1x2x3/">'],
] as const;
for (const [name, text] of untouched) {
  Deno.test(`createRewriter() leaves ${name}`, () => assert.equal(rewritten(text, "html"), text));
}

Deno.test("createRewriter() knows the port of the session and the brackets of IPv6", () => {
  const other = { scheme: "https", address: "fe80::1%eth0", port: 8443 } as const;
  assert.equal(rewritten('<a href="https://[fe80::1]:8443/">', "html", other), `<a href="${ownOrigin}/">`);
  assert.equal(rewritten('<a href="https://[fe80::1]/">', "html", other), '<a href="https://[fe80::1]/">');
});

Deno.test("createRewriter() changes url() of a style sheet and strings of a script only", () => {
  assert.equal(rewritten("a{b:url( 'http://10.1.2.3/x')}", "css"), `a{b:url( '${ownOrigin}/x')}`);
  assert.equal(
    rewritten('@import "http://10.1.2.3/x";/* "http://10.1.2.3/" */', "css"),
    `@import "${ownOrigin}/x";/* "http://10.1.2.3/" */`,
  );
  assert.equal(
    rewritten('// see http://10.1.2.3/\nf("http://10.1.2.3/x")', "script"),
    `// see http://10.1.2.3/\nf("${ownOrigin}/x")`,
  );
});

Deno.test("createRewriter() makes the same of a text however it is cut", () => {
  const pieces = [
    ...html.map(([, text]) => text),
    ...untouched.map(([, text]) => text),
    "</script>",
    "<p>\xe4\xff ",
    " ".repeat(300),
    "http://10.1.2.3",
    '"',
  ];
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...pieces), { maxLength: 12 }),
      fc.array(fc.nat(600), { maxLength: 30 }),
      (parts, cuts) => {
        const text = parts.join(""), rewriter = createRewriter({ kind: "html", place, ownOrigin });
        let out = "", at = 0;
        for (const cut of cuts) {
          out += rewriter.push(text.slice(at, at + cut));
          at += cut;
        }
        assert.equal(out + rewriter.push(text.slice(at)) + rewriter.end(), rewritten(text, "html"));
      },
    ),
    { numRuns: Number(Deno.env.get("OPENDCA_RUNS") ?? 300) },
  );
});

Deno.test("createRewriter() holds back no more than a few hundred octets", () => {
  const rewriter = createRewriter({ kind: "html", place, ownOrigin });
  let sent = 0;
  for (let i = 0; i < 1000; i++) sent += rewriter.push("x".repeat(100)).length;
  assert.ok(sent >= 100_000 - 300);
});

const types = [
  ["text/html; charset=ISO-8859-1", "html"],
  ["TEXT/HTML", "html"],
  ["application/xhtml+xml", "html"],
  ["text/css", "css"],
  ["application/x-javascript", "script"],
  ["text/ecmascript;charset=utf-8", "script"],
  ["text/html; charset=utf-16le", undefined],
  ["application/json", undefined],
  ["image/png", undefined],
  ["application/octet-stream", undefined],
  [undefined, undefined],
] as const;
for (const [type, kind] of types) {
  Deno.test(`maybePageKind() of ${type} is ${kind}`, () => assert.equal(maybePageKind(type), kind));
}
