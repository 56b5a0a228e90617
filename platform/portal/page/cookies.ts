/** The portal's cookies. `__Host-`: of this host alone, by HTTPS alone, so that no neighbour can set them. */
import type { Context } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { challengeMs } from "../../users/challenges.ts";

const names = {
  session: "opendca-session",
  browser: "opendca-browser",
  passkey: "opendca-passkey",
  flow: "opendca-flow",
} as const;
const halfYearSeconds = 180 * 86_400;

/** Undefined unless it looks like one of ours. */
function maybeSecret(c: Context, name: string): string | undefined {
  const value = getCookie(c, name, "host");
  return value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined;
}

export function sessionSecret(c: Context): string | undefined {
  return maybeSecret(c, names.session);
}

export function browserSecret(c: Context): string | undefined {
  return maybeSecret(c, names.browser);
}

/** Binds the question that a passkey is asked, before anybody is signed in, to the browser that it was asked in. */
export function passkeySecret(c: Context): string | undefined {
  return maybeSecret(c, names.passkey);
}

export function setPasskey(c: Context, secret: string): void {
  setCookie(c, names.passkey, secret, {
    prefix: "host",
    httpOnly: true,
    secure: true,
    sameSite: "Strict",
    path: "/",
    maxAge: challengeMs / 1000,
  });
}

/** It ends with the browser; the store ends it sooner. */
export function setSession(c: Context, secret: string): void {
  setCookie(c, names.session, secret, { prefix: "host", httpOnly: true, secure: true, sameSite: "Lax", path: "/" });
}

export function setBrowser(c: Context, secret: string): void {
  setCookie(c, names.browser, secret, {
    prefix: "host",
    httpOnly: true,
    secure: true,
    sameSite: "Lax",
    path: "/",
    maxAge: halfYearSeconds,
  });
}

/** Of a sign-in at a provider, which leads back by a link from there. */
export function flowSecret(c: Context): string | undefined {
  return maybeSecret(c, names.flow);
}

export function setFlow(c: Context, secret: string): void {
  setCookie(c, names.flow, secret, {
    prefix: "host",
    httpOnly: true,
    secure: true,
    sameSite: "Lax",
    path: "/",
    maxAge: 600,
  });
}

export function dropSession(c: Context): void {
  deleteCookie(c, names.session, { prefix: "host", secure: true, path: "/" });
}
