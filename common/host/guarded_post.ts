/**
 * A request to an address that somebody else chose: HTTPS only, to addresses of the Internet only, without following
 * redirects, within a time, and with an answer of which little is read. The name is resolved once, and the connection
 * goes to the address that was checked, so that a name that changes its mind leads nowhere else.
 */
import { Buffer } from "node:buffer";
import { lookup } from "node:dns/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { tryParseIp } from "../core/ip.ts";
import { isPublicAddress } from "./public_address.ts";

export interface GuardedOptions {
  /** Names and addresses that an operator allows, whatever they lead to, also by HTTP. */
  allowed: readonly string[];
  /** For all of it. */
  timeoutMs: number;
  /** What is read of the answer's body. */
  mostBytes: number;
  /** What certificates are checked with, PEM; default: the system's authorities. */
  ca?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Default: the system's. */
  resolve?(host: string): Promise<string[]>;
}

export interface GuardedRequest {
  url: string;
  headers: Record<string, string>;
  body: string;
}

/** The receiver may not be called, whatever it answers. */
export class ForbiddenTargetError extends Error {}

/** Why the address cannot be called, as far as its text tells; undefined if it can. */
export function targetFault(text: string, allowed: readonly string[]): string | undefined {
  const url = URL.parse(text);
  if (url === null) return "it is not an address";
  const host = hostOf(url), isAllowed = allowed.includes(host);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isAllowed)) return "it does not begin with https://";
  if (url.username !== "" || url.password !== "") return "it has a user or a password";
  if (isAllowed || tryParseIp(host) === undefined) return undefined;
  return isPublicAddress(host) ? undefined : `${host} is not an address of the Internet`;
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
}

const systemResolve = async (host: string) => (await lookup(host, { all: true })).map(({ address }) => address);

export interface GuardedAnswer {
  status: number;
  /** The first `mostBytes` of its body. */
  text: string;
}

/** The addresses of a host that may be called. Throws ForbiddenTargetError, and the system's errors. */
async function guardedAddresses(
  host: string,
  { allowed, resolve = systemResolve }: Pick<GuardedOptions, "allowed" | "resolve">,
  stop: AbortSignal,
): Promise<string[]> {
  stop.throwIfAborted();
  const addresses = tryParseIp(host) === undefined ? await raced(resolve(host), stop) : [host];
  // One that is not public among others that are is a mistake, or an attempt.
  const wrong = allowed.includes(host) ? undefined : addresses.find((address) => !isPublicAddress(address));
  if (wrong !== undefined) {
    throw new ForbiddenTargetError(`Cannot call ${host}: ${wrong} is not an address of the Internet`);
  }
  return addresses;
}

/* No connection came about, so that nothing was sent. */
const unreached = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EADDRNOTAVAIL|EAFNOSUPPORT)$/;

/**
 * Calls the first address of a host that can be reached: of several, one may be away, or of a family that this machine
 * has no way to. Throws ForbiddenTargetError, and the system's errors.
 */
export async function atGuardedAddress<T>(
  host: string,
  { stop, ...options }: Pick<GuardedOptions, "allowed" | "resolve"> & { stop: AbortSignal },
  call: (address: string) => Promise<T>,
): Promise<T> {
  const addresses = await guardedAddresses(host, options, stop);
  for (const [i, address] of addresses.entries()) {
    // Whatever happened before is not told again.
    stop.throwIfAborted();
    try {
      return await call(address);
    } catch (error) {
      if (i === addresses.length - 1 || !unreached.test(String((error as { code?: unknown }).code))) throw error;
    }
  }
  throw new Error(`Cannot find the address of ${host}`);
}

/** Throws ForbiddenTargetError, and the system's errors. */
export async function guardedPost(request: GuardedRequest, options: GuardedOptions): Promise<GuardedAnswer> {
  const { allowed, timeoutMs, signal } = options;
  const fault = targetFault(request.url, allowed);
  if (fault !== undefined) {
    // Its path may be a secret, and errors are logged.
    const named = URL.parse(request.url)?.host ?? "this address";
    throw new ForbiddenTargetError(`Cannot call ${named}: ${fault}`);
  }
  const url = new URL(request.url), host = hostOf(url);
  const time = AbortSignal.timeout(timeoutMs);
  const stop = signal === undefined ? time : AbortSignal.any([time, signal]);
  try {
    return await atGuardedAddress(
      host,
      { ...options, stop },
      (address) => post(url, address, request, { ...options, stop }),
    );
  } catch (error) {
    if (time.aborted) throw new Error(`Cannot get an answer of ${host} within ${timeoutMs / 1000} s`);
    throw error;
  }
}

function raced<T>(work: Promise<T>, stop: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    stop.addEventListener("abort", () => reject(new Error("Cannot continue as it was stopped")), { once: true });
    work.then(resolve, reject);
  });
}

function post(
  url: URL,
  address: string,
  { headers, body }: GuardedRequest,
  { ca, mostBytes, stop }: GuardedOptions & { stop: AbortSignal },
): Promise<GuardedAnswer> {
  const host = hostOf(url), isTls = url.protocol === "https:", payload = Buffer.from(body);
  return new Promise((resolve, reject) => {
    const sent = (isTls ? httpsRequest : httpRequest)({
      host: address,
      port: url.port === "" ? (isTls ? 443 : 80) : Number(url.port),
      path: `${url.pathname}${url.search}`,
      method: "POST",
      agent: false,
      headers: { ...headers, host: url.host, "content-length": String(payload.length), connection: "close" },
      ...(isTls && tryParseIp(host) === undefined ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca }),
    }, (response) => {
      const parts: Uint8Array[] = [];
      let bytes = 0;
      const done = () => {
        const text = new TextDecoder().decode(Buffer.concat(parts).subarray(0, mostBytes));
        resolve({ status: response.statusCode ?? 0, text });
        // Whatever else it would send: nobody reads it.
        sent.destroy();
      };
      response.on("data", (part: Uint8Array) => {
        parts.push(part);
        bytes += part.length;
        if (bytes > mostBytes) done();
      });
      response.on("end", done);
      response.on("error", reject);
    });
    stop.addEventListener("abort", () => sent.destroy(new Error("Cannot continue as it was stopped")), { once: true });
    sent.on("error", reject);
    sent.end(payload);
  });
}
