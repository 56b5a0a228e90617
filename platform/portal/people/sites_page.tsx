/** Customers of a dealer and sites of a customer: made, renamed, closed and reopened. */
import { UsageError } from "../../../common/core/errors.ts";
import { closeCustomer, closeSite, reopenCustomer, reopenSite } from "../../customers/close.ts";
import {
  createCustomer,
  createSite,
  findCustomer,
  listCustomers,
  listSites,
  renameCustomer,
  renameSite,
  type SiteRow,
} from "../../customers/customers.ts";
import { seesSite } from "../../users/permissions.ts";
import { customerPage, rootOf } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { Field, Message, pageOf, Table } from "../page/layout.tsx";
import type { CustomerRequest, UserRequest } from "../page/route.ts";

const most = 100;

/** Throws UsageError. */
async function typedName(c: UserRequest["c"]): Promise<string> {
  const name = (await field(c, "name")).trim();
  if (name !== "" && name.length <= most && !/\p{Cc}/u.test(name)) return name;
  throw new UsageError(`Cannot use the name: it has 1 to ${most} characters and no control characters`);
}

async function typedClosing(c: UserRequest["c"]): Promise<{ reason: string; revokeAgents: boolean }> {
  const reason = (await field(c, "reason")).trim();
  if (reason === "" || reason.length > 200) throw new UsageError("Cannot close it without a reason");
  return { reason, revokeAgents: await field(c, "revoke") === "1" };
}

/* Of the dealer alone: a customer's own people neither make customers nor end themselves. */
export async function customersPage(request: UserRequest, said: { message?: string } = {}): Promise<Response> {
  const { t, c, formats, platform, by, viewer } = request;
  if (viewer.customerId !== undefined) return await c.notFound();
  const rows = await listCustomers(platform, by, { dealer: viewer.dealerId });
  return await pageOf(request, {
    title: t("customers"),
    ...(said.message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {said.message !== undefined && <Message>{said.message}</Message>}
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("customers")}
          isTitled
          columns={[
            {
              heading: t("customer"),
              cell: ({ customer_id, name }) => <a href={`/customers/${customer_id}/sites`}>{name}</a>,
            },
            { heading: t("state"), cell: ({ closed_at }) => stateText(request, closed_at) },
            { heading: t("sites"), isNumber: true, cell: ({ sites }) => formats.number(sites) },
            { heading: t("agents"), isNumber: true, cell: ({ agents }) => formats.number(agents) },
            { heading: t("devices"), isNumber: true, cell: ({ devices }) => formats.number(devices) },
          ]}
        />
        <h2>{t("newCustomer")}</h2>
        <form method="post" action="/customers">
          <Field name="name" label={t("name")} autocomplete="off" />
          <button type="submit">{t("makeIt")}</button>
        </form>
      </>
    ),
  });
}

function stateText({ t, formats }: UserRequest, closedAt: number | null): string {
  return closedAt === null ? t("isOpen") : t("closedSince", { since: formats.day(closedAt) });
}

export async function makeCustomer(request: UserRequest): Promise<Response> {
  const { c, platform, by, viewer } = request;
  if (viewer.customerId !== undefined) return await c.notFound();
  try {
    const made = await createCustomer(platform, by, { name: await typedName(c), dealer: viewer.dealerId });
    return c.redirect(`/customers/${made.customer_id}/sites`, 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await customersPage(request, { message: error.message });
  }
}

export async function sitesPage(request: CustomerRequest, said: { message?: string } = {}): Promise<Response> {
  const { t, customer, viewer } = request, root = `${rootOf(customer)}/sites`;
  const rows = await visibleSites(request);
  const { closed_at } = await findCustomer(request.platform, request.by, { customer: customer.customerId });
  return await customerPage(request, {
    title: `${customer.name}: ${t("sites")}`,
    tab: "sites",
    ...(said.message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {said.message !== undefined && <Message>{said.message}</Message>}
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("sites")}
          isTitled
          columns={[
            { heading: t("site"), cell: ({ name }) => name },
            { heading: t("state"), cell: ({ closed_at }) => stateText(request, closed_at) },
            {
              heading: t("action"),
              cell: (row) => (
                <Changes
                  request={request}
                  action={`${root}/${row.site_id}`}
                  of={{ id: row.site_id, name: row.name, isClosed: row.closed_at !== null }}
                />
              ),
            },
          ]}
        />
        {customer.sites === "all" && (
          <>
            <h2>{t("newSite")}</h2>
            <form method="post" action={root}>
              <Field name="name" label={t("name")} autocomplete="off" />
              <button type="submit">{t("makeIt")}</button>
            </form>
          </>
        )}
        {customer.sites === "all" && viewer.customerId === undefined && (
          <>
            <h2>{t("wholeCustomer")}</h2>
            <Changes
              request={request}
              action={rootOf(customer)}
              of={{ id: customer.customerId, name: customer.name, isClosed: closed_at !== null }}
            />
          </>
        )}
        <p class="help">{t("closeHelp")}</p>
      </>
    ),
  });
}

function Changes(
  { request: { t }, action, of: { id, name, isClosed } }: {
    request: CustomerRequest;
    action: string;
    of: { id: string; name: string; isClosed: boolean };
  },
) {
  return (
    <>
      <details>
        <summary aria-label={`${t("rename")}: ${name}`}>{t("rename")}</summary>
        <form method="post" action={`${action}/rename`}>
          <label for={`name-${id}`}>{t("name")}</label>
          <input id={`name-${id}`} name="name" type="text" value={name} maxlength={most} required />
          <button class="plain" type="submit">{t("rename")}</button>
        </form>
      </details>
      {!isClosed && (
        <details>
          <summary aria-label={`${t("closeIt")}: ${name}`}>{t("closeIt")}</summary>
          <form method="post" action={`${action}/close`}>
            <label for={`reason-${id}`}>{t("reason")}</label>
            <input id={`reason-${id}`} name="reason" type="text" maxlength={200} required />
            <label class="check">
              <input type="checkbox" name="revoke" value="1" /> {t("revokeToo")}
            </label>
            <button class="plain" type="submit">{t("closeIt")}</button>
          </form>
        </details>
      )}
      {isClosed && (
        <form method="post" action={`${action}/reopen`}>
          <button class="plain" type="submit" aria-label={`${t("reopenIt")}: ${name}`}>{t("reopenIt")}</button>
        </form>
      )}
    </>
  );
}

async function visibleSites({ platform, by, customer }: CustomerRequest): Promise<SiteRow[]> {
  const rows = await listSites(platform, { ...by, tenant: customer.customerId });
  return rows.filter(({ site_id }) => seesSite(customer.sites, site_id));
}

type Change = (request: CustomerRequest) => Promise<unknown>;

/* What is refused is said on the page. */
const changed = (change: Change) => async (request: CustomerRequest): Promise<Response> => {
  try {
    await change(request);
    return request.c.redirect(`${rootOf(request.customer)}/sites`, 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await sitesPage(request, { message: error.message });
  }
};

/* Throws UsageError for a site that the viewer may not change. */
async function ofSite(request: CustomerRequest): Promise<{ site: string; by: { tenant: string } & UserRequest["by"] }> {
  const id = request.c.req.param("site");
  const row = (await visibleSites(request)).find(({ site_id }) => site_id === id);
  if (row === undefined) throw new UsageError("Cannot find this site");
  return { site: row.site_id, by: { ...request.by, tenant: request.customer.customerId } };
}

function refuseParts({ customer, viewer }: CustomerRequest): void {
  if (customer.sites === "all" && viewer.customerId === undefined) return;
  throw new UsageError(`Cannot change "${customer.name}" as this is for its dealer`);
}

export const makeSite = changed(async (request) => {
  const { platform, by, customer, c } = request;
  if (customer.sites !== "all") throw new UsageError("Cannot make a site as you may change some sites only");
  await createSite(platform, { ...by, tenant: customer.customerId }, { name: await typedName(c) });
});

export const siteChanges: Record<"rename" | "close" | "reopen", ReturnType<typeof changed>> = {
  rename: changed(async (request) => {
    const { site, by } = await ofSite(request);
    await renameSite(request.platform, by, { site, name: await typedName(request.c) });
  }),
  close: changed(async (request) => {
    const { site, by } = await ofSite(request);
    await closeSite(request.platform, by, { site, ...await typedClosing(request.c) });
  }),
  reopen: changed(async (request) => {
    const { site, by } = await ofSite(request);
    await reopenSite(request.platform, by, { site });
  }),
};

export const customerChanges: Record<"rename" | "close" | "reopen", ReturnType<typeof changed>> = {
  rename: changed(async (request) => {
    refuseParts(request);
    const { customerId: customer } = request.customer;
    await renameCustomer(request.platform, request.by, { customer, name: await typedName(request.c) });
  }),
  close: changed(async (request) => {
    refuseParts(request);
    const { customerId: customer } = request.customer;
    await closeCustomer(request.platform, request.by, { customer, ...await typedClosing(request.c) });
  }),
  reopen: changed(async (request) => {
    refuseParts(request);
    await reopenCustomer(request.platform, request.by, { customer: request.customer.customerId });
  }),
};
