/**
 * The REST interface: routes are a table, by which requests are checked, permissions decided and the OpenAPI document is
 * made. Who calls is said by a token alone: cookies are not looked at, so that no page of another site can call by a
 * browser that is signed in.
 */
import { createHash, randomUUID } from "node:crypto";
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import type { HttpBindings } from "@hono/node-server";
import type { Context, MiddlewareHandler } from "hono";
import { messageOf, UnavailableError, UsageError } from "../../../common/core/errors.ts";
import project from "../../../deno.json" with { type: "json" };
import type { Platform } from "../../agents/platform.ts";
import { isCustomerOf } from "../../customers/customers.ts";
import { answerOnce, KeyUsedError } from "../../interfaces/answers.ts";
import { maybeTokenCaller, type TokenCaller, tokenMay, tokenSites } from "../../users/api_tokens.ts";
import { permissions } from "../../users/permissions.ts";
import { historyRoutes } from "./history_routes.ts";
import { listRoutes } from "./list_routes.ts";
import { Problem, problemOf, type ProblemStatus, problemTitles, refuseNul } from "./problem.ts";
import { streamedBody } from "../connections/streamed_body.ts";
import type { RestRequest, RestRoute, Streamed } from "./route.ts";
import { ruleRoutes } from "./rule_routes.ts";
import * as schemas from "./schemas.ts";
import { type TokenGate, tokenOf } from "./token_gate.ts";
import { workRoutes } from "./work_routes.ts";

export const restRoutes: readonly RestRoute[] = [...workRoutes, ...historyRoutes, ...listRoutes, ...ruleRoutes];
export const restRoot = "/api/v1";

const maxBodyBytes = 64 * 1024;
const key = z.string().min(1).max(200).regex(/^[\x21-\x7e]+$/);

export function restApp(platform: Platform, gate: TokenGate): OpenAPIHono {
  const app = new OpenAPIHono({
    defaultHook(result) {
      if (result.success) return;
      const { target, error } = result;
      const errors = error.issues.map(({ path, message }) => ({ at: [target, ...path].join("."), message }));
      throw new Problem(target === "json" ? 422 : 400, "Some values are not as they must be", errors);
    },
  }).basePath(restRoot);
  app.use(async (c, next) => {
    c.header("cache-control", "no-store");
    c.header("x-content-type-options", "nosniff");
    c.header("strict-transport-security", "max-age=31536000");
    refuseNul("address", c.req.url);
    await next();
  });
  app.openAPIRegistry.registerComponent("securitySchemes", "token", {
    type: "http",
    scheme: "bearer",
    description: "A token of opendca-platform token create, or of the portal",
  });
  const document = documentOf(app);
  app.get("/openapi.json", (c) => c.json(document()));
  for (const route of restRoutes) {
    // Who may not do this is told so before anything of the request is looked at.
    const middleware = async (c: Context, next: () => Promise<void>) => {
      const token = await gate.caller(c, tokenOf(c.req.header("authorization"), ["bearer"]));
      c.set("caller", { token, ...await permitted(platform, route, token, c.req.param("customer")) });
      refuseBody(c);
      await next();
    };
    app.openapi(openApiOf(route, middleware), (async (c: Context) => await answer(platform, route, c)) as never);
  }
  app.notFound((c) => problemOf(c, new Problem(404, `There is no ${c.req.method} ${c.req.path}`)));
  app.onError((error, c) => failure(platform, error, c));
  return app;
}

/** Throws Problem for one that is too large, or no JSON. */
function refuseBody({ req }: Context): void {
  if (req.method === "GET" || req.method === "HEAD") return;
  const length = Number(req.header("content-length") ?? 0);
  if (req.header("transfer-encoding") !== undefined || !(length <= maxBodyBytes)) {
    throw new Problem(413, `A request has at most ${maxBodyBytes} bytes, and says how many`);
  }
  if (length > 0 && !/^application\/json\s*(;|$)/i.test(req.header("content-type") ?? "")) {
    throw new Problem(415, "Send application/json");
  }
}

/** Made once, when it is first asked for. */
function documentOf(app: OpenAPIHono): () => unknown {
  let made: unknown;
  return () =>
    made ??= app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "OpenDCA platform",
        version: project.version,
        description:
          "Customers, agents, devices, supplies, meters, alerts, tasks, web access and notifications of a dealer.",
        license: { name: "Apache-2.0" },
      },
      servers: [{ url: "/" }],
      tags: [...new Set(restRoutes.map(({ tag }) => tag))].map((name) => ({ name })),
    });
}

/** A route as the document has it. */
function openApiOf(route: RestRoute, middleware: MiddlewareHandler) {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const failed: ProblemStatus[] = [400, 401, 403, 404, 422, 429, 500, 503, ...(route.isKeyed ? [409 as const] : [])];
  const content = route.isStream
    ? { "application/x-ndjson": { schema: z.string() } }
    : { "application/json": { schema: route.answer ?? z.string() } };
  const hasContent = route.status !== 204;
  return createRoute({
    middleware,
    method: route.method,
    path: route.path,
    tags: [route.tag],
    summary: route.summary,
    operationId: operationOf(route),
    description: route.permission === undefined
      ? "For every token."
      : `Needs the permission \`${route.permission}\`: ${permissions[route.permission]}.`,
    security: [{ token: [] }],
    request: {
      ...(names.length === 0
        ? {}
        : { params: z.object(Object.fromEntries(names.map((name) => [name, z.string().min(1).max(100)]))) }),
      ...(route.query === undefined ? {} : { query: z.strictObject(route.query as Record<string, z.ZodString>) }),
      ...(route.isKeyed
        ? {
          headers: z.object({
            "idempotency-key": key.optional().openapi({
              description: "A request with the same key and content does its work once, for a day",
            }),
          }),
        }
        : {}),
      ...(route.body === undefined
        ? {}
        : { body: { required: true, content: { "application/json": { schema: route.body } } } }),
    },
    responses: {
      [route.status]: { description: "Done", ...(hasContent ? { content } : {}) },
      ...Object.fromEntries(failed.map((status) => [status, {
        description: problemTitles[status],
        content: { "application/problem+json": { schema: schemas.problem } },
      }])),
    },
  });
}

function operationOf({ method, path }: RestRoute): string {
  return [method, ...path.split("/")].map((part) => part.replace(/[{}]/g, "")).filter(Boolean)
    .map((part, i) =>
      i === 0 ? part : part[0]!.toUpperCase() + part.slice(1).replace(/-(\w)/g, (_, x) => x.toUpperCase())
    )
    .join("");
}

async function answer(platform: Platform, route: RestRoute, c: Context): Promise<Response> {
  const caller: Pick<RestRequest, "token" | "by" | "sites"> = c.get("caller"), { token } = caller;
  const request: RestRequest = {
    platform,
    ...caller,
    params: c.req.param(),
    query: route.query === undefined ? {} : c.req.valid("query" as never),
    body: route.body === undefined ? undefined : c.req.valid("json" as never),
  };
  refuseNul("json", JSON.stringify(request.body) ?? "");
  if (route.isStream) {
    const { parts } = await route.handle(request) as Streamed;
    const text = tokenOf(c.req.header("authorization"), ["bearer"])!;
    const body = streamedBody(parts, {
      cut: () => void (c.env as HttpBindings).outgoing.destroy(),
      failed: (error) => platform.log("exportEnded", { path: c.req.path, message: messageOf(error) }),
      async mayGoOn() {
        if (await maybeTokenCaller(platform, text) === undefined) throw new Error("The token no longer works");
      },
    });
    return c.body(body, 200, { "content-type": "application/x-ndjson" });
  }
  const keyText = route.isKeyed ? c.req.header("idempotency-key") : undefined;
  const render = (result: unknown) => ({
    status: route.status,
    body: route.status === 204 ? "" : JSON.stringify(route.show === undefined ? result : route.show(result, request)),
  });
  if (keyText === undefined) return sent(c, render(await route.handle(request)));
  const keyed = {
    tokenId: token.tokenId,
    key: keyText,
    request: JSON.stringify([route.method, c.req.path, request.body]),
    pepper: platform.pepper,
    now: () => platform.clock.now(),
  };
  const done = await answerOnce(platform.store, keyed, {
    work: (store) => route.handle({ ...request, platform: { ...platform, store } }),
    render,
  });
  if (done.isRepeated) c.header("idempotent-replayed", "true");
  return sent(c, done.answer);
}

/** What the token may do there. Throws Problem. */
async function permitted(
  platform: Platform,
  { access, permission }: RestRoute,
  token: TokenCaller,
  customer: string | undefined,
): Promise<Pick<RestRequest, "by" | "sites">> {
  const by = { actor: { kind: "api-token", name: token.tokenId } as const, tenant: customer ?? "" };
  if (access === "token" || permission === undefined) return { by, sites: [] };
  if (!token.permissions.includes(permission)) throw new Problem(403, `The token lacks the permission "${permission}"`);
  if (access === "fleet") return { by, sites: [] };
  if (access === "dealer") {
    if (token.customerId === undefined && tokenMay(token, permission, {})) return { by, sites: "all" };
    throw new Problem(403, `The token has the permission "${permission}" at some customers only`);
  }
  const isOwn = await isCustomerOf(platform, by, { customerId: by.tenant, dealerId: token.dealerId });
  const sites = isOwn ? tokenSites(token, permission, by.tenant) : [];
  if (sites.length === 0) throw new Problem(404, `Cannot find the customer "${by.tenant}"`);
  if (access === "whole" && sites !== "all") {
    throw new Problem(403, `The token has the permission "${permission}" at some sites only`);
  }
  return { by, sites };
}

function sent(c: Context, { status, body }: { status: number; body: string }): Response {
  if (status === 204) return c.body(null, 204);
  if (c.req.method === "GET") {
    const etag = `W/"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
    c.header("etag", etag);
    const known = c.req.header("if-none-match")?.split(",").map((text) => text.trim());
    if (known?.includes(etag)) return c.body(null, 304);
  }
  return c.body(body, status as 200, { "content-type": "application/json" });
}

function failure(platform: Platform, error: Error, c: Context): Response {
  if (error instanceof Problem) {
    if (error.status === 401) c.header("www-authenticate", 'Bearer realm="opendca"');
    return problemOf(c, error);
  }
  if (error instanceof UsageError) return problemOf(c, new Problem(422, error.message));
  if (error instanceof KeyUsedError) return problemOf(c, new Problem(409, error.message));
  if (error instanceof UnavailableError) {
    platform.log("interfaceBusy", { path: c.req.path, message: messageOf(error) });
    c.header("retry-after", "10");
    return problemOf(c, new Problem(503, "The database cannot be reached at this moment; nothing was changed"));
  }
  // Hono's own, of a body that is no JSON.
  if ("status" in error && error.status === 400) return problemOf(c, new Problem(400, "The body is not valid JSON"));
  const id = randomUUID();
  platform.log("interfaceFailed", { id, path: c.req.path, message: messageOf(error), stack: error.stack ?? "" });
  return problemOf(c, new Problem(500, `The server made a mistake, which is in its log under ${id}`));
}
