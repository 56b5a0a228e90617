/** Export and erasure of all data of a customer or a person. */
import { UsageError } from "../../../common/core/errors.ts";
import { eraseCustomer, erasePerson, type ErasureProof } from "../../trust/erase_data.ts";
import { exportCustomer, exportPerson } from "../../trust/export_data.ts";
import { pageOfUsers } from "../../users/list_users.ts";
import type { ListedUser } from "../../users/users.ts";
import { field } from "../page/form.ts";
import { fileResponse } from "../page/file_response.ts";
import { Message, pageOf, Table } from "../page/layout.tsx";
import { Pager, shownPage } from "../page/pager.tsx";
import type { CustomerRequest, UserRequest } from "../page/route.ts";

/* A dealer's administrator sees all of the dealer; a customer's, those of the customer. */
const visibleOf = ({ viewer: { dealerId, customerId } }: UserRequest) => ({ dealerId, customerId });

export async function dataPage(request: UserRequest, { proof }: { proof?: ErasureProof } = {}): Promise<Response> {
  const { t, customers, platform, by } = request;
  const users = await shownPage(request, (wish) => pageOfUsers(platform, by, { ...visibleOf(request), ...wish }));
  return await pageOf(request, {
    title: t("data"),
    children: (
      <>
        {proof !== undefined && (
          <>
            <Message good>
              {t("erased", { rows: Object.values(proof.rows).reduce((sum, n) => sum + n, 0), left: proof.left })}
            </Message>
            <pre tabindex={0}>{JSON.stringify(proof, undefined, 2)}</pre>
          </>
        )}
        <p>{t("dataHelp")}</p>
        <h2>{t("customers")}</h2>
        <Table
          rows={customers.filter(({ sites }) => sites === "all")}
          empty={t("none")}
          caption={t("customers")}
          isTitled
          columns={[
            { heading: t("customer"), cell: ({ name }) => name },
            {
              heading: t("action"),
              cell: ({ customerId: id, name }) => (
                <Actions request={request} root={`/customers/${id}`} name={name} confirms />
              ),
            },
          ]}
        />
        <h2>{t("users")}</h2>
        <Table
          rows={users.rows}
          empty={t("none")}
          caption={t("users")}
          isTitled
          columns={[
            { heading: t("email"), cell: ({ email }) => email },
            {
              heading: t("action"),
              cell: ({ userId, email, state }) => (
                <Actions request={request} root={`/users/${userId}`} name={email} isExportOnly={state === "active"} />
              ),
            },
          ]}
        />
        {request.c.req.path === "/data" && <Pager request={request} page={users} />}
      </>
    ),
  });
}

function Actions(
  { request: { t }, root, name, confirms, isExportOnly }: {
    request: UserRequest;
    root: string;
    name: string;
    confirms?: boolean;
    isExportOnly?: boolean;
  },
) {
  const id = root.replaceAll("/", "-");
  return (
    <>
      <form method="post" action={`${root}/export`}>
        <button class="plain" type="submit" aria-label={`${t("exportAll")}: ${name}`}>{t("exportAll")}</button>
      </form>
      {!isExportOnly && (
        <details>
          <summary>{t("erase")}</summary>
          <form method="post" action={`${root}/erase`}>
            {confirms && (
              <>
                <label for={`confirm${id}`}>{t("eraseName")}</label>
                <input id={`confirm${id}`} name="confirm" type="text" maxlength={200} required />
              </>
            )}
            <label for={`reason${id}`}>{t("reason")}</label>
            <input id={`reason${id}`} name="reason" type="text" maxlength={200} required />
            <button class="plain" type="submit" aria-label={`${t("erase")}: ${name}`}>{t("erase")}</button>
          </form>
        </details>
      )}
    </>
  );
}

function download(request: UserRequest, parts: AsyncIterable<string>, name: string): Response {
  return fileResponse(request, { name: `${name}.jsonl`, mediaType: "application/x-ndjson", parts });
}

/** Throws UsageError for somebody who sees a part of the customer only. */
function refusePart({ customer }: CustomerRequest, what: string): void {
  if (customer.sites === "all") return;
  throw new UsageError(`Cannot ${what} "${customer.name}" as you may see some of its sites only`);
}

export function exportOfCustomer(request: CustomerRequest): Response {
  const { platform, by, customer: { customerId } } = request;
  refusePart(request, "export");
  return download(request, exportCustomer(platform, by, { customer: customerId }), customerId);
}

export async function eraseOfCustomer(request: CustomerRequest): Promise<Response> {
  const { platform, by, customer, c } = request;
  refusePart(request, "erase");
  const confirm = await field(c, "confirm"), reason = (await field(c, "reason")).trim().slice(0, 200);
  const proof = await eraseCustomer(platform, by, { customer: customer.customerId, confirm, reason });
  const customers = request.customers.filter(({ customerId }) => customerId !== customer.customerId);
  return await dataPage({ ...request, customers }, { proof });
}

async function personOf(request: UserRequest): Promise<ListedUser> {
  const { platform, by, c } = request, userId = c.req.param("user") ?? "";
  const { rows: [user] } = await pageOfUsers(platform, by, { ...visibleOf(request), userId });
  if (user === undefined) throw new UsageError("Cannot find this user");
  return user;
}

export async function exportOfPerson(request: UserRequest): Promise<Response> {
  const { platform, by } = request, { userId } = await personOf(request);
  return download(request, exportPerson(platform, by, { userId }), userId);
}

export async function eraseOfPerson(request: UserRequest): Promise<Response> {
  const { platform, by, c } = request, { userId } = await personOf(request);
  const reason = (await field(c, "reason")).trim().slice(0, 200);
  return await dataPage(request, { proof: await erasePerson(platform, by, { userId, reason }) });
}
