/** A portal over HTTPS with customers of two dealers, and browsers that keep cookies and follow nothing by themselves. */
import { Buffer } from "node:buffer";
import { Agent, request as httpsRequest } from "node:https";
import { createCustomer, createSite } from "../../platform/customers/customers.ts";
import { createDealer } from "../../platform/customers/dealers.ts";
import { type Invitation, inviteUser } from "../../platform/users/manage_users.ts";
import { openSecret, totpCode } from "../../platform/users/second_factor.ts";
import { startLiveStreams } from "../../platform/portal/page/live_streams.ts";
import { portalApp } from "../../platform/portal/portal_app.tsx";
import {
  activatedAgent,
  call,
  connect,
  quickHasher,
  startTestPlatform,
  type TestPlatform,
  type TestPlatformOptions,
} from "../fixtures/platform_fixture.ts";
import { batchOf, recordOf } from "../fixtures/platform_uploads.ts";
import type { Reading } from "../../proto/gen/opendca/v1/reading.ts";
import { base32 } from "./base32.ts";
import { operator, password } from "./users_fixture.ts";

export interface Answered {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  /** Of a redirect; empty without one. */
  location: string;
}

export interface Visitor {
  get(path: string, headers?: Record<string, string>): Promise<Answered>;
  /** A form of the portal's own, unless `headers` say otherwise. */
  post(path: string, fields?: Record<string, string>, headers?: Record<string, string>): Promise<Answered>;
  cookies: Map<string, string>;
}

export interface PortalScene extends AsyncDisposable {
  platform: TestPlatform;
  origin: string;
  /** Of all browsers, which keep their connections as real ones do. */
  connections: Agent;
  visitor(): Visitor;
  /**
   * The same person, whose requests go straight to the application that the server passes them to: where thousands of
   * answers are looked at, HTTPS would take most of the time.
   */
  here(visitor: Visitor): Visitor;
  /** Signed in by password and app. */
  signedIn(email: string, invitation?: Partial<Invitation>): Promise<Visitor>;
  /** The code that the user's app shows; the clock goes on by a step first, so that no code comes twice. */
  code(email: string): Promise<string>;
  /** Ids. */
  acme: string;
  berlin: string;
  bonn: string;
  other: string;
  foreign: string;
  /** Uploaded by a new agent at a site; returns the ids of the devices, in order of their addresses. */
  devices(customerId: string, siteId: string, readings: Reading[]): Promise<string[]>;
}

/** One request, and its answer. */
export type Exchange = (request: Request) => Promise<Answered>;

function openVisitor(exchange: Exchange, origin: string, cookies = new Map<string, string>()): Visitor {
  async function send(method: string, path: string, body: string | undefined, headers: Record<string, string>) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const answer = await exchange({
      method,
      path,
      body,
      headers: { ...(cookie === "" ? {} : { cookie }), ...headers },
    });
    for (const text of [answer.headers["set-cookie"] ?? []].flat()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(text)!;
      if (value === "") cookies.delete(name!);
      else cookies.set(name!, value!);
    }
    return answer;
  }
  return {
    cookies,
    get: (path, headers = {}) => send("GET", path, undefined, headers),
    post: (path, fields = {}, headers = {}) =>
      send("POST", path, String(new URLSearchParams(fields)), {
        origin,
        "content-type": "application/x-www-form-urlencoded",
        ...headers,
      }),
  };
}

export async function portalScene(options: TestPlatformOptions = {}): Promise<PortalScene> {
  const test = await startTestPlatform({ portal: { host: "127.0.0.1", port: 0 }, ...options });
  const { platform, clock, queries } = test, { origin, port } = test.portal!;
  await createDealer(platform, operator, { name: "Print Partner" });
  await createDealer(platform, operator, { name: "Foreign" });
  const customer = async (name: string, dealer: string) =>
    (await createCustomer(platform, operator, { name, dealer })).customer_id;
  const connections = new Agent({ keepAlive: true, ca: test.serverAuthority, host: "localhost", port });
  const acme = await customer("Acme", "Print Partner"), other = await customer("Other", "Print Partner");
  const foreign = await customer("Elsewhere", "Foreign");
  const site = async (tenant: string, name: string) =>
    (await createSite(platform, { ...operator, tenant }, { name })).site_id;
  const berlin = await site(acme, "Berlin"), bonn = await site(acme, "Bonn");

  const visitor = () => openVisitor((request) => exchange(connections, request), origin);
  const stack = new DisposableStack();
  let app: App | undefined;
  const fetchHere: Exchange = (request) => exchangeHere(app ??= appHere(platform, origin, stack), origin, request);

  async function code(email: string): Promise<string> {
    clock.advance(30_000);
    const row = await queries.get<{ user_id: string; totp_secret: Uint8Array }>(
      "SELECT user_id, totp_secret FROM users WHERE email = :email",
      { email },
    );
    return totpCode(openSecret(row!.totp_secret, { pepper: platform.pepper, userId: row!.user_id }), clock.now());
  }

  return {
    platform: test,
    origin,
    connections,
    visitor,
    here: ({ cookies }) => openVisitor(fetchHere, origin, cookies),
    code,
    acme,
    berlin,
    bonn,
    other,
    foreign,
    async signedIn(email, invitation = {}) {
      const { token } = await inviteUser(platform, operator, {
        email,
        name: email.split("@")[0]!,
        ...(invitation.customer === undefined ? { dealer: "Print Partner" } : {}),
        grants: [{ role: "administrator" }],
        ...invitation,
      });
      const user = visitor();
      await user.post(`/link/${token}`, { password });
      const typed = /<code>([A-Z2-7 ]+)<\/code>/.exec((await user.get("/set-up")).body)![1]!;
      const done = await user.post("/set-up", { code: totpCode(base32(typed.replaceAll(" ", "")), clock.now()) });
      if (!done.body.includes('class="codes"')) throw new Error(`Cannot sign in: ${done.status} ${done.body}`);
      return user;
    },
    async devices(customerId, siteId, readings) {
      const tenant = queries.tenant(customerId);
      const agent = await activatedAgent(test, { tenant, siteId });
      using client = connect(test, agent.identity);
      const records = readings.map((reading) => recordOf(reading));
      await call(client, { method: client.upload, request: batchOf(agent, { sequence: 1, records }) });
      const rows = await tenant.all<{ device_id: string }>(
        "SELECT device_id FROM devices WHERE customer_id = :customer AND agent_id = :agent ORDER BY address",
        { agent: agent.agentId },
      );
      return rows.map(({ device_id }) => device_id);
    },
    async [Symbol.asyncDispose]() {
      connections.destroy();
      stack.dispose();
      await test[Symbol.asyncDispose]();
    },
  };
}

interface Request {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

function appHere(platform: TestPlatform["platform"], origin: string, stack: DisposableStack): App {
  return portalApp({ ...platform, passwords: quickHasher }, {
    origin,
    live: stack.use(startLiveStreams(platform.store)),
    sourceOf: () => "127.0.0.1",
    holdOpen() {},
    remoteUsersOf: () => undefined,
  });
}

interface App {
  fetch(request: globalThis.Request): globalThis.Response | Promise<globalThis.Response>;
}

/** One request to an application of this process, and its answer. */
export async function exchangeHere(
  app: App,
  origin: string,
  { method, path, headers, body }: Request,
): Promise<Answered> {
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const wish = { method, headers: { ...length, ...headers }, ...(body === undefined ? {} : { body }) };
  const answer = await app.fetch(new globalThis.Request(`${origin}${path}`, wish));
  const isStream = answer.headers.get("content-type") === "text/event-stream";
  if (isStream) await answer.body?.cancel();
  return {
    status: answer.status,
    headers: { ...Object.fromEntries(answer.headers), "set-cookie": answer.headers.getSetCookie() },
    // text() would leave out the mark of the order of bytes.
    body: isStream ? "" : Buffer.from(await answer.arrayBuffer()).toString(),
    location: answer.headers.get("location") ?? "",
  };
}

/** One request and its answer, on a connection that was there before if there is one. */
export function exchange(connections: Agent, { method, path, headers, body }: Request): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const request = httpsRequest({
      ...connections.options,
      agent: connections,
      method,
      path,
      headers: { ...length, ...headers },
    }, (response) => {
      const { statusCode: status, headers } = response;
      // It has no end: what it says is for tests of streams.
      if (headers["content-type"] === "text/event-stream") {
        resolve({ status: status!, headers, body: "", location: "" });
        return void request.destroy();
      }
      const parts: Uint8Array[] = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: status!,
          headers,
          body: Buffer.concat(parts).toString(),
          location: headers.location ?? "",
        }));
    });
    request.on("error", (error: NodeJS.ErrnoException) => {
      // The server may end a connection just when the next request is sent on it.
      if (request.reusedSocket && error.code === "ECONNRESET") {
        resolve(exchange(connections, { method, path, headers, body }));
      } else reject(error);
    });
    request.end(body);
  });
}
