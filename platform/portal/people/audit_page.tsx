/** The audit log, as a page and as CSV. */
import type { AuditEntry, AuditSearch } from "../../audit/audit_log.ts";
import { exportAudit } from "../../audit/read_audit.ts";
import { newestAudit } from "../../interfaces/newest_first.ts";
import { exportUserAudit, listUserAudit } from "../../users/users.ts";
import type { PageOf, PageWish } from "../../store/page.ts";
import { actionText } from "../page/action_text.tsx";
import { csvOf, csvResponse } from "../page/file_response.ts";
import { pageOf, Table } from "../page/layout.tsx";
import { Pager, shownPage } from "../page/pager.tsx";
import type { UserRequest } from "../page/route.ts";

/** Whose log is shown: a customer's, or what concerns the users of the dealer. */
interface AuditChoice {
  id: string;
  name: string;
  /** The newest first. */
  page(wish: PageWish & { limit: number }): Promise<PageOf<AuditEntry>>;
  /** The oldest first. */
  whole(): AsyncGenerator<AuditEntry[]>;
}

function auditChoices({ t, platform, by, viewer, customers }: UserRequest, search: AuditSearch): AuditChoice[] {
  const ofUsers = { dealerId: viewer.dealerId, ...search };
  const ofDealer: AuditChoice = {
    id: "users",
    name: t("users"),
    page: (wish) => listUserAudit(platform, by, { ...ofUsers, ...wish }),
    whole: () => exportUserAudit(platform, by, ofUsers),
  };
  const ofCustomers = customers.map(({ customerId: id, name }): AuditChoice => ({
    id,
    name,
    page: (wish) => newestAudit(platform, { ...by, tenant: id }, { ...search, ...wish }),
    whole: () => exportAudit(platform, { ...by, tenant: id }, search),
  }));
  return viewer.customerId === undefined ? [ofDealer, ...ofCustomers] : ofCustomers;
}

/** Days are whole ones, in UTC; what is no day is left out. */
function searchOf({ c }: UserRequest): AuditSearch {
  const day = (name: string, addDays: number) => {
    const text = c.req.query(name) ?? "", ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : NaN;
    return Number.isNaN(ms) ? undefined : new Date(ms + addDays * 86_400_000);
  };
  return { text: c.req.query("q")?.trim().slice(0, 100) || undefined, since: day("from", 0), until: day("to", 1) };
}

const csvColumns = {
  at: ({ at }: AuditEntry) => new Date(at).toISOString(),
  actor: ({ actor }: AuditEntry) => actor,
  action: ({ action }: AuditEntry) => action,
  subject: ({ subject }: AuditEntry) => subject,
  detail: ({ detail }: AuditEntry) => detail,
  digest: ({ digest }: AuditEntry) => digest,
};

export async function auditPage(request: UserRequest): Promise<Response> {
  const { t, formats, c } = request, choices = auditChoices(request, searchOf(request));
  const chosen = choices.find(({ id }) => id === c.req.query("of")) ?? choices[0];
  if (chosen === undefined) return await pageOf(request, { title: t("audit"), children: <p>{t("noCustomers")}</p> });
  if (c.req.query("format") === "csv") return csvResponse(request, "audit.csv", csvOf(chosen.whole(), csvColumns));
  const page = await shownPage(request, chosen.page), query = new URLSearchParams(c.req.query());
  query.set("of", chosen.id);
  query.set("format", "csv");
  query.delete("page");
  return await pageOf(request, {
    title: `${t("audit")}: ${chosen.name}`,
    children: (
      <>
        <form class="filters" method="get">
          <div>
            <label for="of">{t("customer")}</label>
            <select id="of" name="of">
              {choices.map(({ id, name }) => <option value={id} selected={id === chosen.id}>{name}</option>)}
            </select>
          </div>
          <div>
            <label for="q">{t("auditText")}</label>
            <input id="q" name="q" type="search" maxlength={100} value={c.req.query("q")} />
          </div>
          {(["from", "to"] as const).map((name) => (
            <div>
              <label for={name}>{t(name === "from" ? "auditFrom" : "auditTo")}</label>
              <input id={name} name={name} type="date" value={c.req.query(name)} />
            </div>
          ))}
          <button type="submit">{t("filter")}</button>
          <a href={`/audit?${query}`}>{t("csv")}</a>
        </form>
        <Table
          rows={page.rows}
          empty={t("none")}
          caption={t("audit")}
          isTitled
          columns={[
            { heading: t("time"), cell: ({ at }) => formats.time(at) },
            { heading: t("who"), cell: ({ actor }) => actor },
            { heading: t("action"), cell: ({ action }) => actionText(action, t) },
            { heading: t("subject"), cell: ({ subject }) => subject },
            { heading: t("detail"), cell: ({ detail }) => detail === "{}" ? "" : detail },
          ]}
        />
        <Pager request={request} page={page} />
      </>
    ),
  });
}
