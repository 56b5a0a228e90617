/**
 * The portal's pages as one application: who looks, whether they may, and what a failure looks like. The routes are a
 * table; nothing is served that is not in it.
 */
import { randomUUID } from "node:crypto";
import { type Context, Hono } from "hono";
import { compress } from "hono/compress";
import { messageOf, UnavailableError, UsageError } from "../../common/core/errors.ts";
import { customerNames } from "../customers/customers.ts";
import { isPermitted, type Permission, permittedSites } from "../users/permissions.ts";
import { keepForm, type KeptForm } from "../users/kept_forms.ts";
import { maybeStaleSession, maybeViewer, noteUnseen, type Viewer } from "../users/sessions.ts";
import { billingRoutes } from "./billing/billing_page.tsx";
import { sessionSecret } from "./page/cookies.ts";
import { feedRoutes } from "./feeds/feeds_page.tsx";
import { deviceRoutes } from "./fleet/device_page.tsx";
import { fleetRoutes } from "./fleet/fleet_routes.ts";
import { liveHeader } from "./page/live.tsx";
import { type LiveStreams, onceChanged } from "./page/live_streams.ts";
import { Message, pageOf } from "./page/layout.tsx";
import { peopleRoutes } from "./people/people_routes.ts";
import type { PortalPlatform, PublicRequest, Route, UserRequest, VisibleCustomer } from "./page/route.ts";
import { notificationRoutes } from "./notifications/rules_pages.tsx";
import { passkeyRoutes } from "./sign_in/passkey_pages.tsx";
import { signInRoutes } from "./sign_in/sign_in_pages.tsx";
import { trustRoutes } from "./trust/trust_pages.tsx";
import { workRoutes } from "./tasks/work_routes.ts";
import { formatsOf, languageOf, translator } from "./words/words.ts";
import htmx from "htmx.org/dist/htmx.min.js" with { type: "text" };
import uplotCss from "uplot/dist/uPlot.min.css" with { type: "text" };
import uplot from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import passkey from "./scripts/passkey.js" with { type: "text" };
import live from "./scripts/live.js" with { type: "text" };
import copy from "./scripts/copy.js" with { type: "text" };
import leadOn from "./scripts/lead_on.js" with { type: "text" };
import countdown from "./scripts/countdown.js" with { type: "text" };
import charts from "./scripts/charts.js" with { type: "text" };
import css from "./portal.css" with { type: "text" };

const icon =
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#0b57a4"/>` +
  `<path d="M4 6V3h8v3m-8 4H2.5V6h11v4H12M4 9h8v4H4z" fill="none" stroke="#fff" stroke-width="1.2"/></svg>`;

const style = "text/css; charset=utf-8", script = "text/javascript; charset=utf-8";

/** By path. A page names the scripts that it needs (`PageParts.scripts`) and works without them. */
const assets: { path: string; type: string; body: string }[] = [
  { path: "/portal.css", type: style, body: css },
  { path: "/icon.svg", type: "image/svg+xml", body: icon },
  { path: "/htmx.js", type: script, body: htmx },
  { path: "/live.js", type: script, body: live },
  { path: "/passkey.js", type: script, body: passkey },
  { path: "/copy.js", type: script, body: copy },
  { path: "/lead_on.js", type: script, body: leadOn },
  { path: "/countdown.js", type: script, body: countdown },
  { path: "/charts.js", type: script, body: charts },
  { path: "/uplot.js", type: script, body: uplot },
  { path: "/uplot.css", type: style, body: uplotCss },
];

export const routes: readonly Route[] = [
  ...signInRoutes,
  ...passkeyRoutes,
  ...fleetRoutes,
  ...deviceRoutes,
  ...workRoutes,
  ...billingRoutes,
  ...notificationRoutes,
  ...peopleRoutes,
  ...trustRoutes,
  ...feedRoutes,
];

/** Nothing but this portal's own files, no frames, nothing within the page itself. */
const policy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; " +
  "form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
const maxFormBytes = 64 * 1024;

export interface PortalOptions {
  /** Such as `https://portal.example.com`. */
  origin: string;
  /** The source of a request: what failed sign-ins are counted by. */
  sourceOf(c: Context): string;
  /** Who the proxy in front says has signed in, by each line of its header; undefined if the request is not the proxy's. */
  remoteUsersOf(c: Context): readonly string[] | undefined;
  live: LiveStreams;
  /** The answer to this request takes as long as a stream. */
  holdOpen(c: Context): void;
}

export function portalApp(platform: PortalPlatform, options: PortalOptions): Hono {
  const { origin, sourceOf, remoteUsersOf, live, holdOpen } = options;
  const app = new Hono();
  const publicRequest = (c: Context, viewer?: Viewer): PublicRequest => {
    const language = viewer?.language ?? languageOf(c.req.header("accept-language"));
    return {
      platform,
      c,
      client: { source: sourceOf(c), browser: c.req.header("user-agent") ?? "" },
      remoteUsers: remoteUsersOf(c),
      origin,
      language,
      t: translator(language),
      formats: formatsOf(language),
      live,
    };
  };

  app.use(async (c, next) => {
    for (const [name, value] of headers) c.header(name, value);
    const fault = requestFault(c, origin);
    if (fault === undefined) return await next();
    const request = publicRequest(c);
    const { t } = request, title = fault === "tooLarge" ? t("wrongTitle") : t("refusedTitle");
    const children = <Message>{t(fault)}</Message>;
    return await pageOf(request, { title, narrow: true, status: fault === "tooLarge" ? 413 : 403, children });
  });
  // Only what was asked for by address: an answer to a form may hold both a secret and a text of somebody else's choice,
  // whose common length would tell of the secret.
  const compressed = compress();
  app.use((c, next) => c.req.method === "GET" ? compressed(c, next) : next());
  for (const { path, type, body } of assets) {
    app.get(path, (c) => c.body(body, 200, { "content-type": type, ...kept }));
  }
  for (const route of routes) {
    app.on(route.method, route.path, async (c) => {
      if (route.isStream) holdOpen(c);
      const send = (form: KeptForm) => app.fetch(sentAgain(c, { form, origin }), c.env);
      return await answer(platform, route, publicRequest(c), { localized: publicRequest, send });
    });
  }
  app.notFound((c) => {
    const request = publicRequest(c), { t } = request;
    return pageOf(request, { title: t("notFoundTitle"), narrow: true, status: 404, children: <p>{t("notFound")}</p> });
  });
  app.onError(async (error, c) => {
    const request = publicRequest(c), { t } = request;
    if (error instanceof UsageError) {
      const children = <Message>{error.message}</Message>;
      return await pageOf(request, { title: t("wrongTitle"), narrow: true, status: 422, children });
    }
    if (error instanceof UnavailableError) {
      platform.log("portalBusy", { path: loggedPath(c), message: messageOf(error) });
      c.header("retry-after", "10");
      const children = <Message>{t("storeAway")}</Message>;
      return await pageOf(request, { title: t("wrongTitle"), narrow: true, status: 503, children });
    }
    const id = randomUUID();
    platform.log("portalFailed", { id, path: loggedPath(c), message: messageOf(error), stack: error.stack ?? "" });
    const children = <Message>{t("bug", { id })}</Message>;
    return await pageOf(request, { title: t("wrongTitle"), narrow: true, status: 500, children });
  });
  return app;
}

const headers: [name: string, value: string][] = [
  ["content-security-policy", policy],
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "same-origin"],
  ["cross-origin-opener-policy", "same-origin"],
  ["cross-origin-resource-policy", "same-origin"],
  ["permissions-policy", "camera=(), geolocation=(), microphone=()"],
  ["strict-transport-security", "max-age=31536000"],
  ["cache-control", "no-store"],
];
const kept = { "cache-control": "public, max-age=3600" };

/** Without the secret of a link. */
function loggedPath({ req }: Context): string {
  return req.path.replace(/^\/(link|notification-stop)\/.*/, "/$1/…");
}

/** Which forms may come from another origin. */
const foreignForms = routes.flatMap(({ method, path, fromElsewhere }) =>
  fromElsewhere === undefined
    ? []
    : [{ method, pattern: new RegExp(`^${path.replace(/:\w+/g, "[\\w-]+")}$`), ...fromElsewhere }]
);

/** Why a request is refused before anything of it is looked at. */
function requestFault({ req }: Context, origin: string): "foreignForm" | "tooLarge" | undefined {
  if (req.method === "GET" || req.method === "HEAD") return undefined;
  const foreign = foreignForms.find(({ method, pattern }) => method === req.method && pattern.test(req.path));
  // Browsers say with every form where it is from (Fetch, 3.2); a request without it is no form of ours.
  if (foreign === undefined && req.header("origin") !== origin) return "foreignForm";
  const length = Number(req.header("content-length") ?? NaN);
  return length <= (foreign?.maxBytes ?? maxFormBytes) ? undefined : "tooLarge";
}

/** Anyone who may not see something is told that there is no such thing. */
async function answer(
  platform: PortalPlatform,
  route: Route,
  request: PublicRequest,
  { localized, send }: { localized(c: Context, viewer: Viewer): PublicRequest } & Pick<UserRequest, "send">,
): Promise<Response> {
  const { c } = request;
  if (route.access === "public") return await route.handle(request);
  const secret = sessionSecret(c);
  const isPassive = route.isStream === true || c.req.header(liveHeader) !== undefined;
  const viewer = secret === undefined ? undefined : await maybeViewer(platform, secret, { isPassive });
  if (viewer === undefined) {
    if (route.isStream) return onceChanged();
    // The whole page is loaded again, and led to the sign-in.
    if (isPassive) {
      if (secret !== undefined) await noteUnseen(platform, secret);
      return c.body(null, 200, { "hx-refresh": "true" });
    }
    const next = c.req.method === "GET" ? c.req.path : "/";
    const stale = secret === undefined ? undefined : await maybeStaleSession(platform, secret);
    if (stale !== undefined) {
      // The provider has to vouch for the person once more, which it does without a question as a rule.
      return c.redirect(`/sign-in/with/${stale.provider_id}?again=1&next=${encodeURIComponent(next)}`, 303);
    }
    return c.redirect(next === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(next)}`, 303);
  }
  const ofUser: UserRequest = {
    ...localized(c, viewer),
    viewer,
    viewerNow: () => maybeViewer(platform, secret!, { isPassive: true }),
    by: { actor: { kind: "user", name: viewer.email } },
    send,
    customers: [],
  };
  if (route.access !== "signedIn") {
    const { permission } = route;
    if (route.access === "dealer" && !isPermitted(viewer.grants, permission, { customerId: viewer.customerId })) {
      return await c.notFound();
    }
    ofUser.customers = await visibleCustomers(ofUser, permission);
  }
  if (route.confirmed && !viewer.isConfirmed) {
    return await askConfirmation(ofUser);
  }
  if (route.access !== "customer") return await route.handle(ofUser);
  const customer = ofUser.customers.find(({ customerId }) => customerId === c.req.param("customer"));
  if (customer === undefined) return await c.notFound();
  return await route.handle({ ...ofUser, customer });
}

/** A page comes after the proof; a form is kept until then, so that nothing is filled in twice. */
async function askConfirmation({ c, platform, viewer }: UserRequest): Promise<Response> {
  const { pathname, search } = new URL(c.req.url), path = pathname + search;
  if (c.req.method === "GET") return c.redirect(`/confirm?next=${encodeURIComponent(path)}`, 303);
  const contentType = c.req.header("content-type") ?? "", body = new Uint8Array(await c.req.arrayBuffer());
  const token = await keepForm(platform, { sessionId: viewer.sessionId, form: { path, contentType, body } });
  // Without it, as after ten minutes, the proof leads to the page that the form was on, roughly.
  const next = `/${pathname.split("/")[1]}`;
  return c.redirect(`/confirm?next=${encodeURIComponent(next)}&form=${token}`, 303);
}

/** A kept form, from the browser that has just sent the proof: its cookies, and its address. */
function sentAgain({ req }: Context, { form, origin }: { form: KeptForm; origin: string }): Request {
  const headers = new Headers({ origin, "content-type": form.contentType, "content-length": `${form.body.length}` });
  for (const name of ["cookie", "user-agent", "accept-language"]) {
    const value = req.header(name);
    if (value !== undefined) headers.set(name, value);
  }
  return new Request(new URL(form.path, origin), { method: "POST", headers, body: form.body });
}

/** Of the viewer's dealer, where the viewer has the permission, by name. */
async function visibleCustomers(
  { platform, by, viewer }: UserRequest,
  permission: Permission,
): Promise<VisibleCustomer[]> {
  const rows = await customerNames(platform, by, { dealerId: viewer.dealerId });
  return rows.flatMap(({ customer_id: customerId, name }) => {
    if (viewer.customerId !== undefined && viewer.customerId !== customerId) return [];
    const sites = permittedSites(viewer.grants, permission, customerId);
    return sites === "all" || sites.length > 0 ? [{ customerId, name, sites }] : [];
  });
}
