/** Which address shows what of notifications and webhooks. */
import type { Route, UserRequest } from "../page/route.ts";
import { editRule, makeRule, ruleChanges, rulePage, rulesPage, stop, stopPage } from "./rules_pages.tsx";
import { makeWebhook, webhookChanges, webhookPage, webhooksPage } from "./webhooks_pages.tsx";

const common = { access: "dealer", permission: "manageNotifications" } as const;
const stopPath = "/notification-stop/:recipient/:proof";

/* A webhook tells another program all that happens, and its secret is shown: both need a further proof. */
export const notificationRoutes: Route[] = [
  { method: "GET", path: "/notifications", ...common, handle: (request: UserRequest) => rulesPage(request) },
  { method: "POST", path: "/notifications", ...common, handle: makeRule },
  { method: "GET", path: "/notifications/:rule", ...common, handle: (request: UserRequest) => rulePage(request) },
  { method: "POST", path: "/notifications/:rule", ...common, handle: editRule },
  ...(["pause", "resume", "remove", "test"] as const).map((change): Route => ({
    method: "POST",
    path: `/notifications/:rule/${change}`,
    ...common,
    handle: ruleChanges[change],
  })),
  { method: "GET", path: stopPath, access: "public", handle: stopPage },
  // Mail programs send it without a page (RFC 8058); it has no effect but that of its own link.
  { method: "POST", path: stopPath, access: "public", fromElsewhere: { maxBytes: 1024 }, handle: stop },
  { method: "GET", path: "/webhooks", ...common, handle: (request: UserRequest) => webhooksPage(request) },
  { method: "POST", path: "/webhooks", ...common, confirmed: true, handle: makeWebhook },
  { method: "GET", path: "/webhooks/:webhook", ...common, handle: (request: UserRequest) => webhookPage(request) },
  ...(["pause", "resume", "test", "rotate", "resend", "remove"] as const).map((change): Route => ({
    method: "POST",
    path: `/webhooks/:webhook/${change}`,
    ...common,
    ...(change === "rotate" ? { confirmed: true as const } : {}),
    handle: webhookChanges[change],
  })),
];
