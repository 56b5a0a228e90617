/** One statement, and its files. */
import { UsageError } from "../../../common/core/errors.ts";
import { exportStatement } from "../../billing/export_statement.ts";
import { periodText } from "../../billing/period.ts";
import { type FileForm, fileForms } from "../../billing/settings.ts";
import type { StatementRow } from "../../billing/statement.ts";
import { statementRows } from "../../billing/statements.ts";
import { customerPage, rootOf } from "../page/customer_page.tsx";
import { fileResponse } from "../page/file_response.ts";
import { Facts } from "../page/layout.tsx";
import { pageOfRows, Pager, shownPage } from "../page/pager.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { StatementRows, Totals } from "./statement_rows.tsx";
import { tenantOf, visibleStatement } from "./visible_statements.ts";

export async function statementPage(request: CustomerRequest): Promise<Response> {
  const { t, formats, platform, customer } = request;
  const { number, head, madeAt, hash, supersedes, supersededBy } = await visibleStatement(request);
  const rows: StatementRow[] = await Array.fromAsync(statementRows(platform, tenantOf(request), number));
  const page = await shownPage(request, (wish) => Promise.resolve(pageOfRows(rows, wish)));
  const root = `${rootOf(customer)}/billing/${number}`, title = t("statement", { number });
  const linked = (other: number) => (
    <a href={`${rootOf(customer)}/billing/${other}`}>{t("statement", { number: other })}</a>
  );
  return await customerPage(request, {
    title: `${customer.name}: ${title}`,
    tab: "billing",
    children: (
      <>
        <Facts
          rows={[
            [t("period"), periodText(head.period)],
            [t("timeZone"), head.period.zone],
            ...(head.site === undefined ? [] : [[t("site"), head.site.name] as const]),
            ...(head.device === undefined ? [] : [[t("device"), head.device] as const]),
            [t("made"), formats.time(madeAt)],
            [t("madeBy"), head.madeBy],
            ...(supersedes === null ? [] : [[t("supersede"), linked(supersedes)] as const]),
            ...(supersededBy === null ? [] : [[t("supersededBy"), linked(supersededBy)] as const]),
            [t("hash"), <code class="hash">{hash}</code>],
          ]}
        />
        <p class="files">
          {t("files")}: {fileForms.map((form) => (
            <>
              <a href={`${root}/${form}`}>{form.toUpperCase()}</a>
              {" "}
            </>
          ))}
        </p>
        <StatementRows
          request={request}
          rows={page.rows}
          zone={head.period.zone}
          caption={title}
        />
        <Pager request={request} page={page} />
        <Totals request={request} rows={rows} />
      </>
    ),
  });
}

export async function statementFile(request: CustomerRequest): Promise<Response> {
  const { platform, c } = request, form = c.req.param("form") ?? "";
  if (!(fileForms as readonly string[]).includes(form)) throw new UsageError(`Cannot make a file "${form}"`);
  const { number } = await visibleStatement(request);
  return fileResponse(request, await exportStatement(platform, tenantOf(request), { number, form: form as FileForm }));
}
