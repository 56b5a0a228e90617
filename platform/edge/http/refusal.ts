/** Why a page of a printer cannot be shown: what the user reads, and the status of the answer. */
import { type Markup, markup } from "../../../common/report/markup.ts";

export interface Refusal {
  status: number;
  title: string;
  /** One or two sentences. */
  text: string;
  /** What to do next, or details of the cause. */
  detail?: string | undefined;
  /** Reloads the page after this many seconds. */
  again?: number;
  /** Domain and port of the process that can show it. */
  shownBelow?: string | undefined;
  /** A button or a link at the end. */
  next?: Markup;
}

/** Thrown to answer a request with one of our own pages. */
export class RefusalError extends Error {
  override readonly name = "RefusalError";
  constructor(readonly refusal: Refusal, options?: ErrorOptions) {
    super(refusal.text, options);
  }
}

const noAnswer = "The printer does not answer";

export const refusals = {
  noSuchSession: { status: 404, title: "No such session", text: "There is no web access session at this address." },
  otherHost: { status: 421, title: "Not served here", text: "This server does not serve the host that was asked for." },
  malformed: (why: string) => ({
    status: 400,
    title: "The request was refused",
    text: `The request cannot be passed to a printer: ${why}.`,
  }),
  needsLink: {
    status: 403,
    title: "Open this page by its link",
    text: "This session belongs to the person who opened it. Use the link that was printed when it was opened.",
    detail: "A link works once, in one browser. Print a new one: opendca-platform access link SESSION",
  },
  linkUsed: {
    status: 403,
    title: "This link no longer works",
    text: "It was used already, or it is too old.",
    detail: "Print a new one: opendca-platform access link SESSION",
  },
  fromElsewhere: {
    status: 403,
    title: "Another site led here",
    text:
      "This page was asked for by another site, which may have been made to change the printer. It was not passed on.",
    next: markup`<p><a href="/">Go to the printer's first page</a></p>`,
  },
  waiting: (sessionId: string) => ({
    status: 503,
    title: "Waiting for approval",
    text: "The administrator of the agent has to approve this session. This page looks again every few seconds.",
    detail: `On the agent's machine: opendca sessions approve ${sessionId}`,
    again: 5,
  }),
  elsewhere: ({ web, host }: { web: string | undefined; host: string }) => ({
    status: 503,
    title: "Another process has this session",
    text: web === undefined
      ? `The platform's process at ${host} has the agent's connection, and shows no pages.`
      : `The platform's process at ${host} has the agent's connection, and shows its pages below ${web}.`,
    detail:
      "If the address of this page is below that domain, a balancer has led here: each process needs a domain of " +
      "its own. Otherwise print a link to the other one: opendca-platform access link SESSION",
    again: 10,
    shownBelow: web,
  }),
  connecting: {
    status: 503,
    title: "Waiting for the agent",
    text: "The agent has not connected for this session yet. This page looks again every few seconds.",
    again: 3,
  },
  refused: (reason: string | undefined) => ({
    status: 403,
    title: "The session was refused",
    text: "The agent refused this session.",
    detail: reason,
  }),
  ended: (reason: string | undefined) => ({
    status: 410,
    title: "The session has ended",
    text: "Open a new one to see this printer's pages again.",
    detail: reason,
  }),
  raw: {
    status: 404,
    title: "This session has no web page",
    text: "It was opened for a port that does not speak HTTP.",
    detail: "Use: opendca-platform forward SESSION",
  },
  busy: {
    status: 503,
    title: "Too many requests at once",
    text: "This session has as many requests in progress as it may have. Try again in a moment.",
  },
  tooLarge: { status: 413, title: "The request is too large", text: "A request without a length may have 1 MiB." },
  noWorker: {
    status: 403,
    title: "Not permitted here",
    text: "A service worker would show the printer's pages after the session has ended.",
  },
  unreachable: (detail: string) => ({
    status: 502,
    title: noAnswer,
    text: "The agent could not connect to the printer's port.",
    detail,
  }),
  timeout: (seconds: number) => ({
    status: 504,
    title: noAnswer,
    text: `It took the request and did not begin to answer within ${seconds} seconds.`,
  }),
  closedEarly: { status: 502, title: noAnswer, text: "The printer closed the connection before it answered." },
  cutShort: {
    status: 502,
    title: "The printer's answer is incomplete",
    text: "The printer began to answer and stopped in the middle.",
  },
  notHttp: (detail: string) => ({
    status: 502,
    title: "The printer's answer is not HTTP",
    text: "What it sent cannot be read as an answer.",
    detail,
  }),
  headersTooLarge: {
    status: 502,
    title: "The printer's answer is not HTTP",
    text: "It sent more than 64 KiB of headers.",
  },
  tlsTooOld: (
    { old, deviceId, hasHelper }: { old: readonly string[]; deviceId: string; hasHelper: boolean },
  ) => ({
    status: 502,
    title: "The printer's encryption is too old",
    text: old.length === 0
      ? "This gateway speaks TLS 1.2 and 1.3 with ECDHE and GCM, and keys of 2048 bits, and the printer does not."
      : `This gateway does not speak it, as it is not safe: ${old.join("; ")}.`,
    detail: [
      "Open its HTTP port instead (--port 80), renew its firmware or certificate, or accept the risk for this device",
      hasHelper
        ? `opendca-platform access legacy-tls ${deviceId} --allow`
        : `opendca-platform access legacy-tls ${deviceId} --allow, with opendca-platform serve --legacy-tls-helper socat`,
    ].join(": "),
  }),
  notTls: {
    status: 502,
    title: "The printer does not speak HTTPS on this port",
    text: "The session was opened for HTTPS, and the answer was not TLS.",
  },
  tlsFailed: (detail: string) => ({
    status: 502,
    title: "The encrypted connection to the printer failed",
    text: "The printer and the gateway could not agree.",
    detail,
  }),
} satisfies Record<string, Refusal | ((value: never) => Refusal)>;

/** The printer's certificate differs from the pinned one. */
export function changedCertificate({ known, shown }: { known: string; shown: string }): Refusal {
  return {
    status: 502,
    title: "The printer's certificate has changed",
    text: "It may have been renewed, or something else answers at its address. Nothing was sent to it.",
    detail: `SHA-256 until now: ${known}. Shown now: ${shown}`,
    next: markup`<form method="post" action="/.opendca/accept-certificate">
<input type="hidden" name="fingerprint" value="${shown}">
<button>It was renewed: accept the new certificate</button></form>`,
  };
}

/** The printer redirects the browser to an address outside of the session. */
export function leadsOutside(
  outside: { kind: "other-port"; url: string; port: number } | { kind: "elsewhere"; url: string } | { kind: "invalid" },
): Refusal {
  const base = { status: 502, title: "The printer sends you elsewhere" };
  switch (outside.kind) {
    case "other-port":
      return {
        ...base,
        text: `It leads to ${outside.url}, which is another port than this session's.`,
        detail: `Open a session for it: opendca-platform access open DEVICE --port ${outside.port}`,
      };
    case "elsewhere":
      return {
        ...base,
        text: `It leads to ${outside.url}, which this session does not reach. It was not followed.`,
      };
    case "invalid":
      return { ...base, text: "It leads to a place that is not an address." };
  }
}

/** The refusal for a connection error of a printer; the codes are those of the runtime's HTTP client. */
export function peerRefusalOf(error: Error & { code?: string }): Refusal {
  if (error instanceof RefusalError) return error.refusal;
  const { code = "", message } = error;
  if (code === "HPE_HEADER_OVERFLOW") return refusals.headersTooLarge;
  if (code.startsWith("HPE_")) return refusals.notHttp(message);
  if (code.startsWith("ERR_INVALID") || code.startsWith("ERR_UNESCAPED")) return refusals.malformed(message);
  return refusals.closedEarly;
}

/** The refusal to show for an error; unexpected errors are in the log. */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof RefusalError) return error.refusal;
  return { status: 500, title: "The gateway failed", text: "The log of the platform says why." };
}

/** The refusal for a failed handshake, or `undefined` if the printer's TLS is too old; the codes are the runtime's. */
export function tlsRefusalOf(error: { code?: string; message: string }): Refusal | undefined {
  const { code = "", message } = error;
  if (/WRONG_VERSION_NUMBER|InvalidContentType|corrupt message/i.test(code + message)) return refusals.notTls;
  // The runtime reports a key that is too short with the last code, although certificates are not verified.
  const isOld =
    /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|HANDSHAKE_FAILURE|NO_SHARED_CIPHER|^DEPTH_ZERO_SELF_SIGNED_CERT$/;
  return isOld.test(code) ? undefined : refusals.tlsFailed(message);
}

/** The page for a refusal; it loads no resources. */
export function refusalPage({ title, text, detail, next }: Refusal): string {
  return plainPage(
    title,
    markup`<p>${text}</p>${detail !== undefined && markup`<p class="detail">${detail}</p>`}${next}`,
  );
}

/** One of our own pages at the session's origin. */
export function plainPage(title: string, content: Markup): string {
  return String(markup`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<link rel="stylesheet" href="/.opendca/style.css"></head>
<body><h1>${title}</h1>
${content}
</body></html>
`);
}

/** Content-Security-Policy of our own pages: no scripts, no frames, no requests except for the style sheet. */
export const plainPolicy =
  "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'";

export const plainStyle =
  `body { font-family: system-ui, sans-serif; max-width: 40em; margin: 4em auto; padding: 0 1em; line-height: 1.5 }
h1 { font-size: 1.4em }
th { text-align: left; padding-right: 1em; vertical-align: top; font-weight: normal; color: #555 }
td, .detail { overflow-wrap: anywhere }
.detail { color: #555 }
`;
