/** What a page is given, and what it is for: routes are a table, from which the tests of permissions are made. */
import type { Context } from "hono";
import type { OpenPlatform } from "../../agents/platform.ts";
import type { By } from "../../audit/use_case.ts";
import type { Permission } from "../../users/permissions.ts";
import type { KeptForm } from "../../users/kept_forms.ts";
import type { Viewer } from "../../users/sessions.ts";
import type { Language, UsersPlatform } from "../../users/users.ts";
import type { LiveStreams } from "./live_streams.ts";
import type { formatsOf, Translate } from "../words/words.ts";

export type PortalPlatform = OpenPlatform & UsersPlatform;

/** Of the viewer's dealer; `sites`: those that the viewer may see. */
export interface VisibleCustomer {
  customerId: string;
  name: string;
  sites: "all" | readonly string[];
}

/** Common to pages for everybody and for users. */
export interface PublicRequest {
  platform: PortalPlatform;
  c: Context;
  /** Source address, and what the browser calls itself. */
  client: { source: string; browser: string };
  /** As `PortalOptions.remoteUsersOf`. */
  remoteUsers: readonly string[] | undefined;
  /** How people reach the portal: `https://portal.example.com`. */
  origin: string;
  language: Language;
  t: Translate;
  formats: ReturnType<typeof formatsOf>;
  live: LiveStreams;
}

export interface UserRequest extends PublicRequest {
  /** Answers a form as if the viewer's browser had sent it now. */
  send(form: KeptForm): Response | Promise<Response>;
  viewer: Viewer;
  /** As it is now, without a sign of the person; undefined if nobody is signed in any more. */
  viewerNow(): Promise<Viewer | undefined>;
  by: By;
  /** Those with the permission of the route, by name. */
  customers: readonly VisibleCustomer[];
}

export interface CustomerRequest extends UserRequest {
  customer: VisibleCustomer;
}

interface RouteOf<Request> {
  method: "GET" | "POST";
  /** As hono has it; `:customer` is the id of a customer. */
  path: string;
  /** Its answer goes on: see live_streams.ts. */
  isStream?: true;
  handle(request: Request): Response | Promise<Response>;
  /** A form that comes from another origin, without cookies, as that of a SAML provider; with this many bytes at most. */
  fromElsewhere?: { maxBytes: number };
}

/**
 * `public`: for everybody. `signedIn`: for every user. `dealer`: with the permission for all of the dealer or, for a user
 * of a customer, all of the customer. `fleet`: with the permission anywhere; the page shows those customers alone.
 * `customer`: with the permission for the customer of the path, or some of its sites. `confirmed`: after a further proof.
 */
export type Route =
  | ({ access: "public" } & RouteOf<PublicRequest>)
  | ({ access: "signedIn"; confirmed?: true } & RouteOf<UserRequest>)
  | ({ access: "dealer" | "fleet"; permission: Permission; confirmed?: true } & RouteOf<UserRequest>)
  | ({ access: "customer"; permission: Permission; confirmed?: true } & RouteOf<CustomerRequest>);
