/** A part of a page that shows changes by itself, and without scripts as the page is loaded again. */
import type { Child } from "hono/jsx";
import { noStream } from "./live_streams.ts";
import type { CustomerRequest, Route } from "./route.ts";
import type { ShownPart } from "../../store/channels.ts";
import { type Permission, permittedSites } from "../../users/permissions.ts";

/** Given to a page with a live part, along with `refreshSeconds`. */
export const liveScripts = ["/htmx.js", "/live.js"];
/** Of a request that a page makes by itself, which is no sign of a person. */
export const liveHeader = "opendca-live";

const headers = JSON.stringify({ [liveHeader]: "1" });

/**
 * `children` are taken from the page's new version whenever the part changes; what has the focus keeps it. `said` is what
 * a screen reader says when it has become another text.
 */
export function Live(
  { request: { c, customer }, part, everySeconds, said, children }: {
    request: CustomerRequest;
    part: ShownPart;
    /** Also as often as this, for what no stream tells. */
    everySeconds?: number | undefined;
    said: string;
    children: Child;
  },
) {
  const { pathname, search } = new URL(c.req.url);
  return (
    <div id="stream" data-stream={`/customers/${customer.customerId}/live/${part}`}>
      <div
        id="live"
        hx-get={`${pathname}${search}`}
        hx-trigger={`changed from:#stream${everySeconds === undefined ? "" : `, every ${everySeconds}s`}`}
        hx-select="#live"
        hx-target="#live"
        hx-swap="outerMorph"
        hx-headers={headers}
      >
        <p class="hidden" role="status">{said}</p>
        {children}
      </div>
    </div>
  );
}

/** The stream that belongs to it. */
export function liveRoute(part: ShownPart, permission: Permission): Route {
  return {
    method: "GET",
    path: `/customers/:customer/live/${part}`,
    access: "customer",
    permission,
    isStream: true,
    handle: ({ c, live, customer: { customerId }, viewer, viewerNow }: CustomerRequest) =>
      c.req.method === "HEAD" ? noStream() : live.open({
        part,
        customerId,
        userId: viewer.userId,
        sessionId: viewer.sessionId,
        async mayStay() {
          const now = await viewerNow();
          if (now === undefined || (now.customerId !== undefined && now.customerId !== customerId)) return false;
          const sites = permittedSites(now.grants, permission, customerId);
          return sites === "all" || sites.length > 0;
        },
      }),
  };
}
