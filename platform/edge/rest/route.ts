/** What a request is given, and what it is for: routes are a table, from which document and tests are made. */
import type { z } from "@hono/zod-openapi";
import type { Platform } from "../../agents/platform.ts";
import type { TenantBy } from "../../audit/use_case.ts";
import type { TokenCaller } from "../../users/api_tokens.ts";
import type { Permission } from "../../users/permissions.ts";

export interface RestRequest {
  platform: Platform;
  token: TokenCaller;
  /** With the customer of the path; empty without one. */
  by: TenantBy;
  /** Of the customer of the path, those where the token has the permission. */
  sites: "all" | readonly string[];
  params: Record<string, string>;
  // deno-lint-ignore no-explicit-any -- each route's own schema has checked it
  query: any;
  // deno-lint-ignore no-explicit-any -- each route's own schema has checked it
  body: any;
}

/** Instead of an answer of one piece: parts of NDJSON, each asked for when the one before was taken. */
export interface Streamed {
  parts: AsyncIterable<string>;
}

export interface RestRoute {
  method: "get" | "post" | "put" | "delete";
  /** As OpenAPI has it; `{customer}` is the id of a customer. */
  path: string;
  tag: string;
  summary: string;
  /**
   * `token`: with any token. `dealer`: with the permission for all of the user's dealer. `fleet`: with the permission
   * anywhere; the answer has those customers alone. `customer`: with the permission for the customer of the path, or some
   * of its sites; `whole`: for all of its sites.
   */
  access: "token" | "dealer" | "fleet" | "customer" | "whole";
  permission?: Permission;
  query?: Record<string, z.ZodType>;
  body?: z.ZodType;
  /** Takes an Idempotency-Key. */
  isKeyed?: true;
  status: 200 | 201 | 204;
  /** Undefined for an answer without a body, and for a stream. */
  answer?: z.ZodType;
  isStream?: true;
  handle(request: RestRequest): Promise<unknown>;
  /** The answer made of what handle() returns; of a route that takes a key, that is the answer of the one use case. */
  // deno-lint-ignore no-explicit-any -- what this route's own handle() returns
  show?(answer: any, request: RestRequest): unknown;
}
