/** Which statements a viewer may see: somebody who may see some sites sees the statements of those alone. */
import { UsageError } from "../../../common/core/errors.ts";
import type { TenantBy } from "../../audit/use_case.ts";
import type { StatementRecord } from "../../billing/statement.ts";
import { listStatements } from "../../billing/statements.ts";
import type { CustomerRequest } from "../page/route.ts";

export function tenantOf({ by, customer }: CustomerRequest): TenantBy {
  return { ...by, tenant: customer.customerId };
}

/** Latest first. */
export async function visibleStatements(request: CustomerRequest): Promise<StatementRecord[]> {
  const { platform, customer: { sites } } = request;
  const all = await listStatements(platform, tenantOf(request));
  return sites === "all" ? all : all.filter(({ siteId }) => siteId !== "" && sites.includes(siteId));
}

/** That of the address. Throws UsageError. */
export async function visibleStatement(request: CustomerRequest): Promise<StatementRecord> {
  const number = Number(request.c.req.param("number"));
  const found = (await visibleStatements(request)).find((each) => each.number === number);
  if (found === undefined) throw new UsageError(`Cannot find statement ${number}`);
  return found;
}
