/** Which address does which work. */
import type { Permission } from "../../users/permissions.ts";
import { liveRoute } from "../page/live.tsx";
import type { CustomerRequest, Route } from "../page/route.ts";
import { unlock, unlockPage } from "./unlock_page.tsx";
import { codesPage, makeCode, newAgentFile, withdraw } from "./codes_page.tsx";
import { endSession, extendPage, linkPage, openPage, sessionPage, sessionsPage } from "./sessions_page.tsx";
import { configurationPage, goBack, saveConfiguration, saveDocument } from "./configuration_page.tsx";
import { setShare, setUpdatePin, updatesPage } from "./updates_page.tsx";
import {
  approvalPage,
  approvalsPage,
  approveRequest,
  refuseRequest,
  setRules,
  withdrawRequest,
} from "./approvals_page.tsx";
import { agentPage, revoke } from "./agent_page.tsx";
import { diagnostics, ofDevice, pingNow, scanNow } from "./start_tasks.ts";
import { archive, cancel, taskPage } from "./task_page.tsx";
import { tasksPage } from "./tasks_page.tsx";

const ofCustomer = (
  method: "GET" | "POST",
  path: string,
  permission: Permission,
  handle: (request: CustomerRequest) => Promise<Response>,
): Route => ({ method, path: `/customers/:customer/${path}`, access: "customer", permission, handle });

export const workRoutes: Route[] = [
  liveRoute("tasks", "readFleet"),
  liveRoute("agents", "readFleet"),
  liveRoute("sessions", "openWebAccess"),
  liveRoute("approvals", "readFleet"),
  ofCustomer("GET", "codes", "manageAgents", (request) => codesPage(request)),
  ofCustomer("POST", "codes", "manageAgents", makeCode),
  ofCustomer("POST", "agent-file", "manageAgents", newAgentFile),
  { ...ofCustomer("GET", "unlock", "manageAgents", (request) => unlockPage(request)), confirmed: true } as Route,
  { ...ofCustomer("POST", "unlock", "manageAgents", unlock), confirmed: true } as Route,
  ofCustomer("POST", "codes/:code/withdraw", "manageAgents", withdraw),
  ofCustomer("GET", "updates", "readFleet", updatesPage),
  { ...ofCustomer("POST", "updates/pin", "manageUpdates", setUpdatePin), confirmed: true } as Route,
  { ...ofCustomer("POST", "updates/share", "manageUpdates", setShare), confirmed: true } as Route,
  ofCustomer("GET", "tasks", "readFleet", tasksPage),
  ofCustomer("GET", "tasks/:task", "readFleet", taskPage),
  ofCustomer("POST", "tasks/:task/cancel", "runTasks", cancel),
  ofCustomer("GET", "tasks/:task/archive", "runTasks", archive),
  ofCustomer("GET", "agents/:agent", "readFleet", agentPage),
  ofCustomer("GET", "agents/:agent/configuration", "readFleet", configurationPage),
  ofCustomer("POST", "agents/:agent/configuration", "manageAgents", saveConfiguration),
  ofCustomer("POST", "agents/:agent/configuration/json", "manageAgents", saveDocument),
  ofCustomer("POST", "agents/:agent/configuration/back", "manageAgents", goBack),
  ofCustomer("POST", "agents/:agent/scan", "runTasks", scanNow),
  ofCustomer("POST", "agents/:agent/ping", "runTasks", pingNow),
  ofCustomer("POST", "agents/:agent/diagnostics", "runTasks", diagnostics),
  { ...ofCustomer("POST", "agents/:agent/revoke", "manageAgents", revoke), confirmed: true } as Route,
  ofCustomer("POST", "devices/:device/read", "runTasks", (request) => ofDevice(request, "read")),
  ofCustomer("POST", "devices/:device/ping", "runTasks", (request) => ofDevice(request, "ping")),
  ofCustomer("POST", "devices/:device/open", "openWebAccess", openPage),
  ofCustomer("GET", "sessions", "openWebAccess", sessionsPage),
  ofCustomer("GET", "sessions/:session", "openWebAccess", sessionPage),
  ofCustomer("POST", "sessions/:session/link", "openWebAccess", linkPage),
  ofCustomer("POST", "sessions/:session/end", "openWebAccess", endSession),
  ofCustomer("POST", "sessions/:session/extend", "openWebAccess", extendPage),
  ofCustomer("GET", "approvals", "readFleet", approvalsPage),
  { ...ofCustomer("POST", "approvals/rules", "manageUsers", setRules), confirmed: true } as Route,
  ofCustomer("GET", "approvals/:approval", "readFleet", approvalPage),
  ofCustomer("POST", "approvals/:approval/approve", "approve", approveRequest),
  ofCustomer("POST", "approvals/:approval/refuse", "approve", refuseRequest),
  ofCustomer("POST", "approvals/:approval/withdraw", "readFleet", withdrawRequest),
];
