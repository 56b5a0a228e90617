/** Rows of a statement, or of what one would say. */
import { explain } from "../../billing/explain.ts";
import { type StatementRow, totalsOf } from "../../billing/statement.ts";
import { Facts, Table } from "../page/layout.tsx";
import type { CustomerRequest } from "../page/route.ts";

export function StatementRows(
  { request: { t, formats, language }, rows, zone, caption }: {
    request: CustomerRequest;
    rows: readonly StatementRow[];
    zone: string;
    caption: string;
  },
) {
  const value = (each: { value: number } | null) => each === null ? null : formats.number(each.value);
  const time = (each: { at: string } | null) => each === null ? null : formats.timeIn(Date.parse(each.at), zone);
  return (
    <Table
      rows={rows}
      empty={t("none")}
      caption={caption}
      isTitled
      columns={[
        { heading: t("serial"), cell: ({ device }) => device.serial ?? device.id },
        { heading: t("model"), cell: ({ device }) => device.model },
        { heading: t("site"), cell: ({ device }) => device.site },
        { heading: t("meter"), cell: ({ meter }) => meter },
        { heading: t("firstRead"), cell: ({ first }) => time(first) },
        { heading: t("firstValue"), cell: ({ first }) => value(first), isNumber: true },
        { heading: t("lastRead"), cell: ({ last }) => time(last) },
        { heading: t("lastValue"), cell: ({ last }) => value(last), isNumber: true },
        { heading: t("billed"), cell: ({ billed }) => formats.number(billed), isNumber: true },
        {
          heading: t("notes"),
          cell: ({ marks }) => marks.map((mark) => <p class="note">{explain(mark, { language, zone })}</p>),
        },
      ]}
    />
  );
}

export function Totals(
  { request: { t, formats }, rows }: { request: CustomerRequest; rows: readonly StatementRow[] },
) {
  const totals = [...totalsOf(rows)].map(([meter, pages]) => [meter, formats.number(pages)] as const);
  if (totals.length === 0) return null;
  return (
    <>
      <h2>{t("totals")}</h2>
      <Facts rows={totals} />
    </>
  );
}
