/** Forms that start a task; each leads to the page of the task. */
import { UsageError } from "../../../common/core/errors.ts";
import { askForTask } from "../../access/approvals.ts";
import type { TaskPayload } from "../../tasks/manage_tasks.ts";
import { maybeDevice } from "../fleet/device_page.tsx";
import { rootOf } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import type { CustomerRequest } from "../page/route.ts";
import { agentId, tenantOf } from "./visible_agents.ts";

const hourMs = 3_600_000;
export const mostTargets = 100, longestTarget = 253;

async function started(request: CustomerRequest, agent: string, payload: TaskPayload): Promise<Response> {
  const { platform, c, customer } = request;
  const made = await askForTask(platform, tenantOf(request), { agentId: agent, payload, validMs: hourMs });
  const path = "requestId" in made ? `approvals/${made.requestId}?lead=1` : `tasks/${made.taskId}`;
  return c.redirect(`${rootOf(customer)}/${path}`, 303);
}

/** Of a text with spaces, commas or lines between them; the agent decides which of them it may scan. Throws UsageError. */
export function targetsIn(text: string): string[] {
  const targets = text.split(/[\s,;]+/).filter((target) => target !== "");
  const wrong = targets.find((target) => target.length > longestTarget || !/^[\w.:/%[\]-]+$/.test(target));
  if (wrong !== undefined) {
    throw new UsageError(
      `Cannot scan "${
        wrong.slice(0, 60)
      }": an address, a range such as 10.1.0.0/24 or 10.1.0.5-10.1.0.9, or a host name`,
    );
  }
  if (targets.length <= mostTargets) return targets;
  throw new UsageError(`Cannot scan ${targets.length} addresses at once: at most ${mostTargets}; name ranges instead`);
}

export async function scanNow(request: CustomerRequest): Promise<Response> {
  const { c } = request, agent = await agentId(request);
  const targets = targetsIn(await field(c, "targets")), knownDevicesOnly = await field(c, "known") === "1";
  return await started(request, agent, { $case: "scanNow", value: { site: "", targets, knownDevicesOnly } });
}

export async function pingNow(request: CustomerRequest): Promise<Response> {
  const agent = await agentId(request), targets = targetsIn(await field(request.c, "target"));
  if (targets.length !== 1) throw new UsageError("Cannot ping without one address or host name");
  return await started(request, agent, { $case: "ping", value: { target: targets[0]!, count: 4 } });
}

export async function diagnostics(request: CustomerRequest): Promise<Response> {
  return await started(request, await agentId(request), { $case: "diagnostics", value: { logHours: 24 } });
}

export async function ofDevice(request: CustomerRequest, kind: "read" | "ping"): Promise<Response> {
  const device = await maybeDevice(request);
  if (device === undefined) return await request.c.notFound();
  const { agent_id, address } = device.view.row;
  return await started(
    request,
    agent_id,
    kind === "ping"
      ? { $case: "ping", value: { target: address, count: 4 } }
      : { $case: "scanNow", value: { site: "", targets: [address], knownDevicesOnly: false } },
  );
}
