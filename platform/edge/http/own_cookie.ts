/**
 * Cookies of a session's origin: the gateway's own, which is never sent to the printer, and the printer's, which cannot
 * have its name. `__Host-` (RFC 6265bis section 4.1.3.2) prevents pages of other origins under the gateway's domain
 * from setting it.
 */
const ownCookieName = "__Host-opendca";

/* As long as a session may last with its extensions; it is worth nothing after its session. */
const maxAgeSeconds = 4 * 3600;

/** Value for `Set-Cookie`. */
export function ownCookie(secret: string): string {
  return `${ownCookieName}=${secret}; Path=/; Max-Age=${maxAgeSeconds}; Secure; HttpOnly; SameSite=Lax`;
}

/** Values of our cookie in a request; a browser sends at most one. */
export function ownSecrets(cookie: string | undefined): string[] {
  return pairs(cookie).filter(({ name }) => name === ownCookieName).map(({ value }) => value);
}

/** The printer's cookies of a request; undefined if there are none. */
export function maybePrinterCookies(cookie: string | undefined): string | undefined {
  const others = pairs(cookie).filter(({ name, value }) => !isLikeOurs(name, value)).map(({ text }) => text);
  return others.length === 0 ? undefined : others.join("; ");
}

/**
 * The printer's `Set-Cookie` for the session's origin: without `Domain`, which would name an address of the customer's
 * network or all sessions, and only over HTTPS. Undefined for a cookie with the name of ours, or an invalid one.
 */
export function maybeSetCookie(header: string): string | undefined {
  const [pair = "", ...attributes] = header.split(";").map((part) => part.trim());
  const at = pair.indexOf("=");
  const name = at < 0 ? "" : pair.slice(0, at).trim(), value = pair.slice(at + 1).trim();
  if (pair === "" || isLikeOurs(name, value) || hasControl(header)) return undefined;
  const kept = attributes.filter((attribute) =>
    attribute !== "" && !/^(domain|secure|partitioned)(\s*=|$)/i.test(attribute)
  );
  return [pair, ...kept, "Secure"].join("; ");
}

/** A cookie without a name is sent as only its value, which could look like our cookie. */
function isLikeOurs(name: string, value: string): boolean {
  return /^__(host|secure)-opendca/i.test(name === "" ? value : name);
}

function hasControl(text: string): boolean {
  return [...text].some((character) => character < " " && character !== "\t" || character === "\x7f");
}

function pairs(cookie: string | undefined): { name: string; value: string; text: string }[] {
  return (cookie ?? "").split(";").map((part) => part.trim()).filter((text) => text !== "").map((text) => {
    const at = text.indexOf("=");
    return { name: at < 0 ? "" : text.slice(0, at).trim(), value: text.slice(at + 1).trim(), text };
  });
}
