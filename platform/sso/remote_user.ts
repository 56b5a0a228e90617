/**
 * Who has signed in to the proxy in front, as its header says. It is asked for only where the connection is the proxy's: see
 * portal/start_portal.ts.
 */
import { Buffer } from "node:buffer";

export interface RemoteUser {
  /** sAMAccountName. */
  account: string;
  /** Of Kerberos, or what stands before a backslash. */
  realm: string;
}

/* What Windows does not allow in an account's name; a `$` at its end is a computer's, a `/` a service's. */
const form =
  /^(?:([\p{L}\p{N}.-]{1,255})\\)?([^"/\\[\]:;|=,+*?<>@\p{Cc}\p{Cf}\p{Cs}]{1,64})(?:@([\p{L}\p{N}.-]{1,255}))?$/u;

/**
 * The values of the header, as node has them: a character for each byte. `user@REALM` or `DOMAIN\user`; undefined for
 * anything else, none, or more than one.
 */
export function parseRemoteUser(values: readonly string[]): RemoteUser | undefined {
  const [value, ...others] = values;
  if (value === undefined || others.length > 0) return undefined;
  let said: string;
  try {
    said = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, "latin1"));
  } catch {
    return undefined;
  }
  const [, domain, account, realm] = form.exec(said.normalize("NFC")) ?? [];
  if (account === undefined || account.trim() !== account || account.endsWith("$")) return undefined;
  // One of them, and not both.
  if ((domain === undefined) === (realm === undefined)) return undefined;
  return { account, realm: (domain ?? realm)! };
}

/** The values of a header, one for each line of it. */
export function headerValues(rawHeaders: readonly string[], name: string): string[] {
  const wanted = name.toLowerCase();
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === wanted);
}
