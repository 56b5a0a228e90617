/**
 * Requests of the platform to an identity provider: by HTTPS, to the configured host names alone, without following
 * anything elsewhere, with a time limit and a limit of bytes. A provider's document may name any address.
 */
import { request } from "node:https";
import { ProviderRefusal } from "./provider_refusal.ts";

const timeoutMs = 10_000, mostBytes = 1024 * 1024;

export interface Outbound {
  hosts: ReadonlySet<string>;
  /** PEM of what the provider's certificate is checked with, if it is not of a public authority. */
  ca?: string | undefined;
}

export interface FetchOptions {
  method?: string;
  headers?: HeadersInit;
  body?: unknown;
}

/** As `fetch()`, as far as libraries use it. Throws ProviderRefusal ("away"). */
export function providerFetch({ hosts, ca }: Outbound): (url: string, options?: FetchOptions) => Promise<Response> {
  return (text, { method = "GET", headers, body } = {}) => {
    const url = URL.parse(text);
    if (url === null || url.protocol !== "https:" || !hosts.has(url.hostname)) {
      const where = url === null ? "an invalid address" : `${url.protocol}//${url.hostname}`;
      return Promise.reject(
        new ProviderRefusal("away", `Cannot ask the provider at ${where}: it is none of its configured hosts`),
      );
    }
    return send(url, {
      method,
      headers: Object.fromEntries(new Headers(headers)),
      body: body === undefined || body === null ? undefined : String(body),
      ca,
    });
  };
}

interface Sent {
  method: string;
  headers: Record<string, string>;
  body: string | undefined;
  ca: string | undefined;
}

function send(url: URL, { method, headers, body, ca }: Sent): Promise<Response> {
  const away = (what: string, cause?: unknown) =>
    new ProviderRefusal("away", `Cannot ask the provider at ${url.hostname}: ${what}`, { cause });
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false, ...(ca === undefined ? {} : { ca }) }, (answer) => {
      const parts: Uint8Array[] = [];
      let bytes = 0;
      answer.on("data", (part: Uint8Array) => {
        bytes += part.length;
        if (bytes <= mostBytes) return void parts.push(part);
        reject(away(`its answer has more than ${mostBytes} bytes`));
        asked.destroy();
      });
      answer.on("error", (error) => reject(away(error.message, error)));
      answer.on("end", () => {
        const status = answer.statusCode!;
        const whole = new Uint8Array(Math.min(bytes, mostBytes));
        let at = 0;
        for (const part of parts) {
          whole.set(part, at);
          at += part.length;
        }
        const type = answer.headers["content-type"];
        const challenge = answer.headers["www-authenticate"];
        resolve(
          new Response([204, 304].includes(status) ? null : whole, {
            status,
            headers: {
              ...(type === undefined ? {} : { "content-type": type }),
              ...(challenge === undefined ? {} : { "www-authenticate": challenge }),
            },
          }),
        );
      });
    });
    // For the whole of it: a provider that sends a byte now and then must not hold anybody up.
    const timer = setTimeout(() => {
      reject(away(`no whole answer within ${timeoutMs / 1000} seconds`));
      asked.destroy();
    }, timeoutMs);
    asked.on("close", () => clearTimeout(timer));
    asked.on("error", (error) => reject(away(error.message, error)));
    asked.end(body);
  });
}
