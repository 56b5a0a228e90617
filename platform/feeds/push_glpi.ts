/** A round of a feed to GLPI: a POST for each printer. */
import { Buffer } from "node:buffer";
import project from "../../deno.json" with { type: "json" };
import { guardedPost } from "../../common/host/guarded_post.ts";
import { glpiInventory } from "./glpi_inventory.ts";
import type { Pusher, PusherOptions } from "./pusher.ts";

/** What GLPI says in its answer: `{"status":"ok","expiration":24}`, or an error with its message. */
function refusalOf({ status, text }: { status: number; text: string }): string | undefined {
  let answer: { status?: unknown; message?: unknown } = {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) answer = parsed;
  } catch {
    if (status >= 200 && status < 300) return `it answered ${status} without JSON, as GLPI does not`;
  }
  const message = typeof answer.message === "string" ? `: ${answer.message.slice(0, 200)}` : "";
  if (status < 200 || status > 299) return `it answered ${status}${message}`;
  return answer.status === "error" ? `it answered "error"${message}` : undefined;
}

/** Of one printer, and not of the server. */
const isOfOne = (status: number) => status === 400 || status === 422 || status >= 200 && status < 300;

export function glpiPusher({ feed, secrets, settings, timeoutMs, guard, signal }: PusherOptions): Pusher {
  const { user, ca = guard.ca } = settings;
  const authorization = user === undefined
    ? {}
    : { authorization: `Basic ${Buffer.from(`${user}:${secrets.password ?? ""}`).toString("base64")}` };
  const headers = { "content-type": "application/json", "user-agent": "OpenDCA", ...authorization };

  return {
    atOnce: 4,
    itemOf(device) {
      const payload = glpiInventory(device, project.version);
      return {
        customerId: device.customerId,
        deviceId: device.deviceId,
        text: JSON.stringify(payload),
        kept: [],
        payload,
      };
    },
    async send(items) {
      const refusals = new Map<number, string>();
      await Promise.all(items.map(async ({ text }, i) => {
        const request = { url: feed.address, headers, body: text };
        const answer = await guardedPost(request, { ...guard, ca, timeoutMs, mostBytes: 64 * 1024, signal });
        const refusal = refusalOf(answer);
        if (refusal === undefined) return;
        if (!isOfOne(answer.status)) throw new Error(refusal);
        refusals.set(i, refusal);
      }));
      return refusals;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
