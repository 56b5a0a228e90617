/**
 * Absolute addresses of the printer in its pages, scripts and style sheets, changed to the session's origin as the text
 * passes by. Only exactly this printer's address and port, and only where it is loaded, followed or called: what is
 * shown, or stands in a field of a form, would otherwise be stored in the printer. The origin stands in their place rather
 * than a path alone, as scripts put addresses together and take them apart.
 *
 * Texts are Latin-1 strings of the octets: every encoding that pages use has ASCII in its place, and all other octets pass
 * as they are.
 */
import { ownAddressPattern, type PrinterPlace } from "./printer_origin.ts";

export type PageKind = "html" | "css" | "script";

/** What a body of this type is; undefined: it is never touched. */
export function maybePageKind(contentType: string | undefined): PageKind | undefined {
  const [type = "", ...parameters] = (contentType ?? "").toLowerCase().split(";").map((part) => part.trim());
  // Two octets a character.
  if (parameters.some((parameter) => /^charset\s*=\s*"?utf-?(16|32)/.test(parameter))) return undefined;
  if (type === "text/html" || type === "application/xhtml+xml") return "html";
  if (type === "text/css") return "css";
  if (/^(text|application)\/(x-)?(java|ecma)script$/.test(type)) return "script";
  return undefined;
}

export interface Rewriter {
  /** What can be sent on of the text so far. */
  push(text: string): string;
  /** What is left. */
  end(): string;
}

/** No match is longer than this, addresses and attributes with some space included; so much of the text is held back. */
const heldBack = 256;

const attributes =
  "href|src|action|formaction|background|data|poster|codebase|cite|longdesc|manifest|lowsrc|xlink:href";

/** Rewrites a text that comes in parts. */
export function createRewriter(
  { kind, place, ownOrigin }: { kind: PageKind; place: PrinterPlace; ownOrigin: string },
): Rewriter {
  const pattern = patternOf(kind, place);
  // The octet before what is held is kept for the patterns that look at it; it was sent already.
  let before = "", held = "", startsInScript = kind === "script";
  const pass = (part: string, isLast: boolean): string => {
    const text = before + held + part;
    let out = "", done = before.length, inScript = startsInScript;
    const changes: { at: number; inScript: boolean }[] = [];
    pattern.lastIndex = done;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const end = match.index + match[0].length;
      // A host that ends where the text ends so far may go on: what follows decides.
      if (!isLast && end >= text.length - 8) break;
      const { open, close, lead = "", quote = "", address } = match.groups!;
      if (address === undefined) {
        inScript = open !== undefined && close === undefined;
        changes.push({ at: match.index, inScript });
      } else if (lead !== "" || inScript) {
        out += text.slice(done, match.index) + lead + quote + ownAddress(address, ownOrigin);
        done = end;
      }
    }
    const until = isLast ? text.length : Math.max(done, text.length - heldBack);
    out += text.slice(done, until);
    startsInScript = changes.findLast(({ at }) => at < until)?.inScript ?? startsInScript;
    before = text.slice(until - 1, until);
    held = text.slice(until);
    return out;
  };
  return { push: (text) => pass(text, false), end: () => pass("", true) };
}

/** In HTML: places that load or follow; in scripts: any string that begins with it; in style sheets: any `url()`. */
function patternOf(kind: PageKind, place: PrinterPlace): RegExp {
  const address = `(?<address>${ownAddressPattern(place)})`;
  const css = `\\burl\\(\\s{0,8}["']?|@import\\s{1,8}["']`;
  const moves =
    `\\blocation(?:\\.href)?\\s{0,8}=\\s{0,8}["']|\\blocation\\.(?:assign|replace)\\(\\s{0,8}["']|\\bopen\\(\\s{0,8}["']`;
  const inTags = `(?<=[\\s"'/])(?:${attributes})\\s{0,8}=\\s{0,8}["']?\\s{0,8}`;
  const refresh = `\\bcontent\\s{0,8}=\\s{0,8}["']?\\s{0,8}\\d{1,6}\\s{0,8}[;,]\\s{0,8}url\\s{0,4}=\\s{0,4}["']?`;
  const strings = "(?<quote>[\"'`])";
  switch (kind) {
    case "css":
      return new RegExp(`(?<lead>${css})${address}`, "gi");
    case "script":
      return new RegExp(`${strings}${address}`, "gi");
    case "html":
      return new RegExp(
        `(?<open><script\\b)|(?<close></script\\b)|(?:(?<lead>${inTags}|${refresh}|${css}|${moves})|${strings})${address}`,
        "gi",
      );
  }
}

/** The session's origin in the form that the address had: with or without a scheme, for pages or for sockets, escaped. */
function ownAddress(address: string, ownOrigin: string): string {
  const host = ownOrigin.slice(ownOrigin.indexOf("//"));
  const scheme = /^wss?:/i.test(address) ? "wss:" : /^https?:/i.test(address) ? "https:" : "";
  const whole = scheme + host;
  return address.includes("\\/") ? whole.replaceAll("/", "\\/") : whole;
}
