/** Which address does which work. */
import { UsageError } from "../../../common/core/errors.ts";
import { cancelTask, showTask } from "../../tasks/manage_tasks.ts";
import type { Permission } from "../../users/permissions.ts";
import type { CustomerRequest, Route } from "../page/route.ts";
import { tenantOf, visibleAgents } from "./visible_agents.ts";
import { codesPage, makeCode, withdraw } from "./codes_page.tsx";
import { endSession, linkPage, openPage, sessionPage, sessionsPage } from "./sessions_page.tsx";
import { archive, diagnostics, ofDevice, revoke, scanNow, tasksPage } from "./tasks_page.tsx";

const ofCustomer = (
  method: "GET" | "POST",
  path: string,
  permission: Permission,
  handle: (request: CustomerRequest) => Promise<Response>,
): Route => ({ method, path: `/customers/:customer/${path}`, access: "customer", permission, handle });

export const workRoutes: Route[] = [
  ofCustomer("GET", "codes", "manageAgents", (request) => codesPage(request)),
  ofCustomer("POST", "codes", "manageAgents", makeCode),
  ofCustomer("POST", "codes/:code/withdraw", "manageAgents", withdraw),
  ofCustomer("GET", "tasks", "readFleet", tasksPage),
  ofCustomer("POST", "tasks/:task/cancel", "runTasks", async (request) => {
    const { platform, c, customer } = request, id = c.req.param("task") ?? "";
    const agents = new Set((await visibleAgents(request)).map(({ agent_id }) => agent_id));
    const row = await showTask(platform, tenantOf(request), { taskId: id });
    if (!agents.has(row.agent_id)) throw new UsageError("Cannot find this task");
    await cancelTask(platform, tenantOf(request), { taskId: id });
    return c.redirect(`/customers/${customer.customerId}/tasks`, 303);
  }),
  ofCustomer("GET", "tasks/:task/archive", "runTasks", archive),
  ofCustomer("POST", "agents/:agent/scan", "runTasks", scanNow),
  ofCustomer("POST", "agents/:agent/diagnostics", "runTasks", diagnostics),
  { ...ofCustomer("POST", "agents/:agent/revoke", "manageAgents", revoke), confirmed: true } as Route,
  ofCustomer("POST", "devices/:device/read", "runTasks", (request) => ofDevice(request, "read")),
  ofCustomer("POST", "devices/:device/ping", "runTasks", (request) => ofDevice(request, "ping")),
  ofCustomer("POST", "devices/:device/open", "openWebAccess", openPage),
  ofCustomer("GET", "sessions", "openWebAccess", sessionsPage),
  ofCustomer("GET", "sessions/:session", "openWebAccess", sessionPage),
  ofCustomer("POST", "sessions/:session/link", "openWebAccess", linkPage),
  ofCustomer("POST", "sessions/:session/end", "openWebAccess", endSession),
];
