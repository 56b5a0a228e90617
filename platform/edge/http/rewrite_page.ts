/**
 * Replaces absolute addresses of the printer in its pages, scripts and style sheets by the session's origin, in a
 * stream. Replaces only this printer's exact address and port, and only where it is loaded, followed or called: in
 * displayed text or form fields, the replacement could be stored in the printer. It uses the full origin instead of a
 * path, as scripts compose and parse addresses.
 *
 * Texts are the octets as Latin-1 strings: every encoding of pages includes ASCII, and all other octets are unchanged.
 */
import { ownAddressPattern, type PrinterPlace } from "./printer_origin.ts";

export type PageKind = "html" | "css" | "script";

/** Kind of a body by its type; undefined: it is never changed. */
export function maybePageKind(contentType: string | undefined): PageKind | undefined {
  const [type = "", ...parameters] = (contentType ?? "").toLowerCase().split(";").map((part) => part.trim());
  // Not ASCII-compatible.
  if (parameters.some((parameter) => /^charset\s*=\s*"?utf-?(16|32)/.test(parameter))) return undefined;
  if (type === "text/html" || type === "application/xhtml+xml") return "html";
  if (type === "text/css") return "css";
  if (/^(text|application)\/(x-)?(java|ecma)script$/.test(type)) return "script";
  return undefined;
}

export interface Rewriter {
  /** Adds text; returns the part that can be forwarded. */
  push(text: string): string;
  /** Returns the rest. */
  end(): string;
}

/** Maximum length of a match, including attributes and white space; this much of the text is held back. */
const heldBack = 256;

const attributes =
  "href|src|action|formaction|background|data|poster|codebase|cite|longdesc|manifest|lowsrc|xlink:href";

/** Rewrites a text that arrives in parts. */
export function createRewriter(
  { kind, place, ownOrigin }: { kind: PageKind; place: PrinterPlace; ownOrigin: string },
): Rewriter {
  const pattern = patternOf(kind, place);
  // The already sent octet before the held text is kept for lookbehind patterns.
  let before = "", held = "", startsInScript = kind === "script";
  const pass = (part: string, isLast: boolean): string => {
    const text = before + held + part;
    let out = "", done = before.length, inScript = startsInScript;
    const changes: { at: number; inScript: boolean }[] = [];
    pattern.lastIndex = done;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const end = match.index + match[0].length;
      // A host at the end of the present text may continue in the next part.
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

/**
 * In HTML: attributes that load or link; in scripts: any string that begins with the address; in style sheets: any
 * `url()`.
 */
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

/** The session's origin in the form of the address: with or without a scheme, http or ws, escaped or not. */
function ownAddress(address: string, ownOrigin: string): string {
  const host = ownOrigin.slice(ownOrigin.indexOf("//"));
  const scheme = /^wss?:/i.test(address) ? "wss:" : /^https?:/i.test(address) ? "https:" : "";
  const whole = scheme + host;
  return address.includes("\\/") ? whole.replaceAll("/", "\\/") : whole;
}
