/**
 * People of bench/design_load.ts, as a program: each is signed in, and opens a page at its times: the overview, devices by
 * a filter, a device of that list, low supplies. A page that does not come is asked for again two seconds later. A line of
 * JSON on standard input says who they are; each page is a line on standard output.
 */
import { Buffer } from "node:buffer";
import { Agent, request as httpsRequest } from "node:https";
import { gunzipSync, gzipSync } from "node:zlib";
import { type OwnState, watchSelf } from "./own_limits.ts";
import type { Visit } from "./who_noticed.ts";

export type UserLine = { visit: Visit } | { own: OwnState };

export interface UsersInput {
  addresses: string[];
  port: number;
  authorityPem: string;
  users: { cookie: string; customerId: string }[];
  /** Part of the models' names. */
  model: string;
  everySeconds: number;
}

const againMs = 2000, longestMs = 30_000;
const input: UsersInput = JSON.parse(await new Response(Deno.stdin.readable).text());
const tell = (line: UserLine) => console.log(JSON.stringify(line));
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));

interface Answer {
  status: number;
  body: string;
  compressed: number;
}

function ask(
  path: string,
  { cookie, address, agent }: { cookie: string; address: string; agent: Agent },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: address,
      servername: "localhost",
      port: input.port,
      ca: input.authorityPem,
      path,
      agent,
      headers: { host: `localhost:${input.port}`, cookie, "accept-encoding": "gzip" },
    }, (response) => {
      const parts: Uint8Array[] = [];
      response.on("data", (part) => parts.push(part)).on("error", reject).on("end", () => {
        const bytes = Buffer.concat(parts), isPacked = response.headers["content-encoding"] === "gzip";
        const body = isPacked ? gunzipSync(bytes) : bytes;
        const compressed = isPacked ? bytes.length : gzipSync(bytes).length;
        resolve({ status: response.statusCode!, body: body.toString(), compressed });
      });
    });
    const timer = setTimeout(() => request.destroy(new Error("no answer in time")), longestMs);
    request.on("close", () => clearTimeout(timer)).on("error", reject);
    request.end();
  });
}

/** A browser asks once more if a connection that it kept was closed before the answer began. */
async function opened(path: string, of: Parameters<typeof ask>[1]): Promise<Answer> {
  const isKept = Object.values(of.agent.freeSockets).some((sockets) => (sockets?.length ?? 0) > 0);
  try {
    return await ask(path, of);
  } catch (error) {
    if (!isKept) throw error;
    return await ask(path, of);
  }
}

async function visit(user: number, page: string, path: string, of: Parameters<typeof ask>[1]): Promise<string> {
  for (;;) {
    const dueAt = Date.now();
    const told: Visit = { dueAt, page, user, endedAt: 0, status: 0, says: false, why: "", compressed: 0 };
    const say = (more: Partial<Visit>) => tell({ visit: { ...told, endedAt: Date.now(), ...more } });
    try {
      const { status, body, compressed } = await opened(path, of);
      const isWhole = body.trimEnd().endsWith("</html>");
      const says = status === 503 && /The database (cannot be reached|is busy)/.test(body);
      if (status !== 200 || !isWhole) say({ status: isWhole ? status : -1, says, why: status === 200 ? "cut" : body });
      else {
        say({ status, compressed });
        return body;
      }
    } catch (error) {
      say({ why: error instanceof Error ? error.message : String(error) });
    }
    await sleep(againMs);
  }
}

async function person(user: number): Promise<void> {
  const { cookie, customerId } = input.users[user]!;
  const address = input.addresses[user % input.addresses.length]!;
  const of = { cookie, address, agent: new Agent({ keepAlive: true, maxSockets: 1 }) };
  const root = `/customers/${customerId}`, everyMs = input.everySeconds * 1000;
  let device: string | undefined;
  const beganMs = Date.now() + everyMs * user / input.users.length;
  for (let i = 0;; i++) {
    await sleep(beganMs + i * everyMs - Date.now());
    const turn = (i + user) % 4;
    if (turn === 0) await visit(user, "overview", "/", of);
    else if (turn === 1) {
      const body = await visit(
        user,
        "devices, filtered",
        `${root}/devices?model=${encodeURIComponent(input.model)}`,
        of,
      );
      device = /href="(\/customers\/[^"/]+\/devices\/[^"/?]+)"/.exec(body)?.[1] ?? device;
    } else if (turn === 2 && device !== undefined) await visit(user, "device", device, of);
    else await visit(user, "low supplies", `${root}/supplies`, of);
  }
}

using _own = watchSelf((own) => tell({ own }));
await Promise.all(input.users.map((_, user) => person(user)));
