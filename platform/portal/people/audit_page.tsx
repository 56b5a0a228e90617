/** The audit log, as a page and as CSV. */
import { csvText } from "../../../common/report/csv_text.ts";
import type { AuditEntry, AuditSearch } from "../../audit/audit_log.ts";
import { listAudit } from "../../audit/read_audit.ts";
import { listUserAudit } from "../../users/users.ts";
import type { Page } from "../../store/page.ts";
import { pageNumber, pageOf, Pager, pageSize, Table } from "../page/layout.tsx";
import type { UserRequest } from "../page/route.ts";
import { auditWords } from "../words/audit_words.ts";

/** Whose log is shown: a customer's, or what concerns the users of the dealer. */
interface AuditChoice {
  id: string;
  name: string;
  entries(page: AuditSearch & Page): Promise<AuditEntry[]>;
}

function auditChoices({ t, platform, by, viewer, customers }: UserRequest): AuditChoice[] {
  const ofDealer: AuditChoice = {
    id: "users",
    name: t("users"),
    entries: (page) => listUserAudit(platform, by, { dealerId: viewer.dealerId, ...page }),
  };
  const ofCustomers = customers.map(({ customerId: id, name }): AuditChoice => ({
    id,
    name,
    entries: (page) => listAudit(platform, by, { customerId: id, ...page }),
  }));
  return viewer.customerId === undefined ? [ofDealer, ...ofCustomers] : ofCustomers;
}

/** In words, and as the log has it, which the search finds; alone if it has no words. */
function actionText(action: string, t: UserRequest["t"]) {
  const key = `audit_${action}`;
  if (!(key in auditWords)) return action;
  return (
    <>
      {t(key as keyof typeof auditWords)} <code class="quiet">{action}</code>
    </>
  );
}

/** Days are whole ones, in UTC; what is no day is left out. */
function searchOf({ c }: UserRequest): AuditSearch {
  const day = (name: string, addDays: number) => {
    const text = c.req.query(name) ?? "", ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(text) : NaN;
    return Number.isNaN(ms) ? undefined : new Date(ms + addDays * 86_400_000);
  };
  return { text: c.req.query("q")?.trim().slice(0, 100) || undefined, since: day("from", 0), until: day("to", 1) };
}

export async function auditPage(request: UserRequest): Promise<Response> {
  const { t, formats, c } = request, page = pageNumber(c), choices = auditChoices(request);
  const chosen = choices.find(({ id }) => id === c.req.query("of")) ?? choices[0];
  if (chosen === undefined) return await pageOf(request, { title: t("audit"), children: <p>{t("noCustomers")}</p> });
  const search = searchOf(request);
  if (c.req.query("format") === "csv") {
    const cells = (await chosen.entries({ ...search, limit: 100_000 })).map((row) => [
      new Date(row.at).toISOString(),
      row.actor,
      row.action,
      row.subject,
      row.detail,
      row.digest,
    ]);
    return c.body(csvText([["at", "actor", "action", "subject", "detail", "digest"], ...cells], { bom: true }), 200, {
      "content-type": "text/csv; charset=utf-8",
      "content-disposition": 'attachment; filename="audit.csv"',
    });
  }
  const rows = (await chosen.entries({ ...search, limit: pageSize + 1, offset: page * pageSize })).reverse();
  const shown = rows.slice(0, pageSize), query = new URLSearchParams(c.req.query());
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
          rows={shown}
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
        <Pager request={request} page={page} shown={shown.length} hasMore={rows.length > pageSize} />
      </>
    ),
  });
}
