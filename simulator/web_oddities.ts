/**
 * Answers as real printers give them and no server library would: each is the octets on the connection and what becomes
 * of it. Reached as `/odd/NAME` of a printer's page.
 */
import { gzipSync } from "node:zlib";

export interface OddAnswer {
  /** In this order; each after `everyMs`. */
  parts: Iterable<string | Uint8Array>;
  /** Milliseconds between two parts; default: 0. */
  everyMs?: number;
  /** What happens after the last part: the connection is ended (default), stays open for nothing more, or is cut. */
  then?: "end" | "hold" | "cut";
}

export interface OddRequest {
  /** Of the printer itself, such as `http://127.77.0.11:8080`. */
  origin: string;
  query: URLSearchParams;
}

const html = "Content-Type: text/html";
const okHead = `HTTP/1.1 200 OK\r\n${html}\r\n`;

function length(text: string): string {
  return `Content-Length: ${new TextEncoder().encode(text).length}\r\n`;
}

function redirect(to: string): OddAnswer {
  return { parts: [`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`] };
}

function* endless(first: string, next: (n: number) => string): Iterable<string> {
  yield first;
  for (let n = 0;; n++) yield next(n);
}

const answers: Record<string, (request: OddRequest) => OddAnswer> = {
  "http10": () => ({ parts: [`HTTP/1.0 200 OK\r\n${html}\r\n\r\n<p>HTTP/1.0 without a length</p>`] }),
  "chunked": () => ({
    parts: [`${okHead}Transfer-Encoding: chunked\r\n\r\n`, "4\r\n<p>t\r\n", "8\r\nwo parts\r\n", "0\r\n\r\n"],
    everyMs: 10,
  }),
  "bare-lf": () => ({ parts: [`HTTP/1.1 200 OK\n${html}\nContent-Length: 14\n\n<p>bare LF</p>`] }),
  "folded-header": () => ({ parts: [`${okHead}X-Folded: one\r\n two\r\n${length("<p>folded")}\r\n<p>folded`] }),
  "no-status-line": () => ({ parts: ["<html><p>HTTP/0.9 has no status line</p></html>"] }),
  "two-lengths": () => ({ parts: [`${okHead}Content-Length: 5\r\nContent-Length: 9\r\n\r\n<p>123456`] }),
  "length-and-chunked": () => ({
    parts: [`${okHead}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n<p>both\r\n0\r\n\r\n`],
  }),
  "no-content-type": () => ({ parts: ["HTTP/1.0 200 OK\r\n\r\n<p>no type</p>"] }),
  "slow": ({ query }) => ({
    parts: [`${okHead}${length("<p>slowly</p>")}\r\n`, ..."<p>slowly</p>"],
    everyMs: Number(query.get("ms") ?? 1000),
  }),
  "slow-head": ({ query }) => ({
    parts: `${okHead}${length("late")}\r\nlate`,
    everyMs: Number(query.get("ms") ?? 1000),
  }),
  "headers-for-ever": ({ query }) => ({
    parts: endless("HTTP/1.1 200 OK\r\n", (n) => `X-More-${n}: ${"x".repeat(1000)}\r\n`),
    everyMs: Number(query.get("ms") ?? 1),
  }),
  "body-for-ever": () => ({
    parts: endless(`HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n`, () => "x".repeat(16_384)),
  }),
  "early-close": () => ({ parts: [`${okHead}Content-Length: 1000\r\n\r\n<p>the rest never comes`], then: "cut" }),
  "close-at-once": () => ({ parts: [], then: "cut" }),
  "silent": () => ({ parts: [], then: "hold" }),
  "gzip": ({ origin }) => {
    const body = gzipSync(`<p>compressed <a id="absolute" href="${origin}/supplies">Supplies</a></p>`);
    return { parts: [`${okHead}Content-Encoding: gzip\r\nContent-Length: ${body.length}\r\n\r\n`, body] };
  },
  "to-itself": () => redirect("/supplies"),
  "to-own-address": ({ origin }) => redirect(`${origin}/supplies?from=redirect`),
  "to-another-printer": () => redirect("http://127.77.0.99/"),
  "to-https": ({ origin }) => redirect(`https://${new URL(origin).hostname}/`),
  "to-foreign-host": () => redirect("https://printers.example/support?model=1"),
  "cookies": ({ origin }) => ({
    parts: [
      "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n",
      `Set-Cookie: wide=1; Domain=${new URL(origin).hostname}; Path=/\r\n`,
      "Set-Cookie: site=2; Domain=.example; Path=/odd; Secure\r\n",
      "Set-Cookie: hidden=3; HttpOnly; SameSite=Strict\r\n",
      "Set-Cookie: __Host-opendca=taken; Path=/; Secure\r\n",
      `${length("<p>cookies")}\r\n<p>cookies`,
    ],
  }),
  "hop-by-hop": () => ({
    parts: [
      `${okHead}Connection: X-Private, close\r\nX-Private: of this connection\r\nKeep-Alive: timeout=5\r\n`,
      `Proxy-Connection: close\r\nX-Public: of the answer\r\n${length("<p>hops")}\r\n<p>hops`,
    ],
  }),
  "policy": () => ({
    parts: [
      `${okHead}Content-Security-Policy: script-src 'none'\r\nX-Frame-Options: DENY\r\n`,
      `Strict-Transport-Security: max-age=60\r\nClear-Site-Data: "*"\r\n${length("<p>policy")}\r\n<p>policy`,
    ],
  }),
};

/** Names that may stand after `/odd/`. */
export const oddNames: readonly string[] = Object.keys(answers);

/** The answer of that name; undefined if there is none. */
export function maybeOddAnswer(name: string, request: OddRequest): OddAnswer | undefined {
  return Object.hasOwn(answers, name) ? answers[name]!(request) : undefined;
}
