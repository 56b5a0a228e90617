/** Requests for the approval of a second person: who asks for what, the decision, and what needs one at all. */
import { markInvisible } from "../../../common/core/escape_invisible.ts";
import { safeText } from "../../../common/core/safe_text.ts";
import { UsageError } from "../../../common/core/errors.ts";
import { approve, refuseApproval, showApproval, type ShownApproval } from "../../access/approvals.ts";
import { newestApprovals } from "../../interfaces/newest_first.ts";
import { approvableKinds, listApprovalRules, setApprovalRules } from "../../tasks/approval_rules.ts";
import { SessionEnd } from "../fleet/device_sessions.tsx";
import { customerPage, may, rootOf } from "../page/customer_page.tsx";
import { fieldList } from "../page/form.ts";
import { Facts, Table } from "../page/layout.tsx";
import { Live, liveScripts } from "../page/live.tsx";
import { Pager, shownPage } from "../page/pager.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { personOf } from "../page/person.ts";
import { kindText, refreshSeconds } from "./task_texts.ts";
import { maybeVisibleAgent, tenantOf, visibleAgents } from "./visible_agents.ts";

export async function approvalsPage(request: CustomerRequest): Promise<Response> {
  const { t, formats, platform, customer } = request, { sites } = customer;
  const page = await shownPage(request, (wish) => newestApprovals(platform, tenantOf(request), { ...wish, sites }));
  const agents = await visibleAgents(request, page.rows.map(({ agent_id }) => agent_id));
  const { rows, place } = page, waiting = rows.filter(({ state }) => state === "waiting").length;
  return await customerPage(request, {
    title: `${customer.name}: ${t("approvals")}`,
    tab: "approvals",
    scripts: liveScripts,
    refreshSeconds: place === undefined && waiting > 0 ? refreshSeconds : undefined,
    children: (
      <>
        <p>{t("approvalsHelp")}</p>
        <Live request={request} part="approvals" said={t("approvalsWaiting", { count: waiting })}>
          <Table
            rows={rows}
            empty={t("none")}
            caption={t("approvals")}
            isTitled
            columns={[
              {
                heading: t("askedFor"),
                cell: (row) => <a href={`${rootOf(customer)}/approvals/${row.request_id}`}>{kindText(t, row.kind)}</a>,
              },
              { heading: t("address"), cell: ({ target }) => shown(target) },
              { heading: t("agent"), cell: ({ agent_id }) => agents.get(agent_id)?.hostname || agent_id },
              { heading: t("askedBy"), cell: ({ asked_by }) => personOf(asked_by) },
              { heading: t("time"), cell: ({ asked_at }) => formats.time(asked_at) },
              { heading: t("state"), cell: ({ state }) => t(`approval_${state}`) },
              { heading: t("action"), cell: (row) => <Decision request={request} row={row} /> },
            ]}
          />
          <Pager request={request} page={page} />
        </Live>
        <Rules request={request} kinds={await listApprovalRules(platform, tenantOf(request))} />
      </>
    ),
  });
}

function shown(text: string): string {
  return safeText(markInvisible(text), 300);
}

/** Approve and refuse for others, withdraw for the person who asked. */
function Decision({ request, row }: { request: CustomerRequest; row: ShownApproval }) {
  const { t, viewer, customer } = request, root = `${rootOf(customer)}/approvals/${row.request_id}`;
  if (row.state !== "waiting") return null;
  const what = `${kindText(t, row.kind)} ${shown(row.target)}`;
  if (row.asked_by === `user:${viewer.email}`) {
    return (
      <form method="post" action={`${root}/withdraw`}>
        <button class="plain" type="submit" aria-label={`${t("withdraw")}: ${what}`}>{t("withdraw")}</button>
      </form>
    );
  }
  if (!may(request, "approve")) return null;
  return (
    <div class="filters">
      <form method="post" action={`${root}/approve`}>
        <button type="submit" aria-label={`${t("approveNow")}: ${what}`}>{t("approveNow")}</button>
      </form>
      <form method="post" action={`${root}/refuse`}>
        <button class="plain" type="submit" aria-label={`${t("refuse")}: ${what}`}>{t("refuse")}</button>
      </form>
    </div>
  );
}

function Rules({ request, kinds }: { request: CustomerRequest; kinds: readonly string[] }) {
  const { t, customer } = request;
  if (customer.sites !== "all" || !may(request, "manageUsers")) {
    if (kinds.length === 0) return null;
    return (
      <>
        <h2>{t("approvalRules")}</h2>
        <ul>{kinds.map((kind) => <li>{kindText(t, kind)}</li>)}</ul>
      </>
    );
  }
  return (
    <form method="post" action={`${rootOf(customer)}/approvals/rules`}>
      <fieldset>
        <legend>{t("approvalRules")}</legend>
        {approvableKinds.map((kind) => (
          <label class="check">
            <input type="checkbox" name="kind" value={kind} checked={kinds.includes(kind)} /> {kindText(t, kind)}
          </label>
        ))}
      </fieldset>
      <p class="help">{t("approvalRulesHelp")}</p>
      <button type="submit">{t("save")}</button>
    </form>
  );
}

/** At an agent of a site that the viewer may see. */
async function maybeVisible(request: CustomerRequest): Promise<ShownApproval | undefined> {
  const { platform, c } = request, requestId = c.req.param("approval") ?? "";
  const row = await showApproval(platform, tenantOf(request), { requestId }).catch((error) => {
    if (error instanceof UsageError) return undefined;
    throw error;
  });
  return row && await maybeVisibleAgent(request, row.agent_id) === undefined ? undefined : row;
}

export async function approvalPage(request: CustomerRequest): Promise<Response> {
  const { t, formats, c } = request, row = await maybeVisible(request);
  if (row === undefined) return await c.notFound();
  const isWaiting = row.state === "waiting", state = t(`approval_${row.state}`);
  const ends = { ends_at: row.expires_at, state: isWaiting ? "waiting" : "closed" } as const;
  return await customerPage(request, {
    title: `${t("approval")}: ${kindText(t, row.kind)}`,
    tab: "approvals",
    scripts: [...liveScripts, "/countdown.js", "/lead_on.js"],
    refreshSeconds: isWaiting ? refreshSeconds : undefined,
    children: (
      <Live
        request={request}
        part="approvals"
        everySeconds={isWaiting ? 5 : undefined}
        said={`${t("approval")}: ${state}`}
      >
        <Facts
          rows={[
            [t("state"), state],
            ...(row.target === "" ? [] : [[t("address"), shown(row.target)] as const]),
            [t("askedBy"), personOf(row.asked_by)],
            [t("time"), formats.time(row.asked_at)],
            ...(isWaiting ? [[t("until"), <SessionEnd request={request} session={ends} />] as const] : []),
            ...(row.decided_by === null ? [] : [[t("decidedBy"), personOf(row.decided_by)] as const]),
          ]}
        />
        {isWaiting && row.asked_by === `user:${request.viewer.email}` && <p class="message">{t("approvalWho")}</p>}
        <MadeLink request={request} row={row} />
        <Decision request={request} row={row} />
      </Live>
    ),
  });
}

/** Where the person who asked continues. */
function MadeLink({ request: { t, customer, viewer }, row }: { request: CustomerRequest; row: ShownApproval }) {
  if (row.state !== "approved" || row.made_id === null) return null;
  const isOwn = row.asked_by === `user:${viewer.email}`;
  const path = row.kind === "openWebAccess"
    ? `sessions/${row.made_id}${isOwn ? "?lead=1" : ""}`
    : `tasks/${row.made_id}`;
  return (
    <p>
      <a class="button" href={`${rootOf(customer)}/${path}`} data-lead={isOwn ? "" : undefined}>{t("goOn")}</a>
    </p>
  );
}

async function decided(
  request: CustomerRequest,
  decide: (requestId: string, row: ShownApproval) => Promise<unknown>,
): Promise<Response> {
  const { c, customer } = request, row = await maybeVisible(request);
  if (row === undefined) throw new UsageError("Cannot find this request");
  await decide(row.request_id, row);
  return c.redirect(`${rootOf(customer)}/approvals`, 303);
}

export function approveRequest(request: CustomerRequest): Promise<Response> {
  return decided(request, (requestId) => approve(request.platform, tenantOf(request), { requestId }));
}

export function refuseRequest(request: CustomerRequest): Promise<Response> {
  return decided(request, (requestId) => refuseApproval(request.platform, tenantOf(request), { requestId }));
}

/** By the person who asked, who needs no permission to decide. */
export function withdrawRequest(request: CustomerRequest): Promise<Response> {
  return decided(request, (requestId, { asked_by }) => {
    if (asked_by !== `user:${request.viewer.email}`) {
      throw new UsageError("Cannot withdraw the request of somebody else");
    }
    return refuseApproval(request.platform, tenantOf(request), { requestId });
  });
}

export async function setRules(request: CustomerRequest): Promise<Response> {
  const { c, customer, platform } = request, wanted = await fieldList(c, "kind");
  if (customer.sites !== "all") {
    throw new UsageError("Cannot set what needs an approval for some sites: it holds for the whole customer");
  }
  await setApprovalRules(platform, tenantOf(request), {
    kinds: approvableKinds.filter((kind) => wanted.includes(kind)),
  });
  return c.redirect(`${rootOf(customer)}/approvals`, 303);
}
