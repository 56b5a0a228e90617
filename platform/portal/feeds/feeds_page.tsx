/** Feeds of a dealer, or of the customer whose user looks. */
import { UsageError } from "../../../common/core/errors.ts";
import {
  createFeed,
  type ListedFeed,
  listFeeds,
  type OneFeed,
  pauseFeed,
  refreshFeed,
  removeFeed,
  resumeFeed,
} from "../../feeds/feeds.ts";
import { feedKinds, isFeedKind } from "../../feeds/feed_kinds.ts";
import { field } from "../page/form.ts";
import { Field, Message, pageOf, Table } from "../page/layout.tsx";
import type { Route, UserRequest } from "../page/route.ts";

const path = "/feeds";
const changes = { pause: pauseFeed, resume: resumeFeed, refresh: refreshFeed, remove: removeFeed } as const;
type Change = keyof typeof changes;
const words = { pause: "feedPause", resume: "feedResume", refresh: "feedRefresh", remove: "feedRemove" } as const;

interface Typed {
  kind?: string;
  address?: string;
  customer?: string;
  user?: string;
  message?: string;
}

async function feedsPage(request: UserRequest, typed: Typed = {}): Promise<Response> {
  const { t, formats, platform, by, viewer, customers } = request;
  const { dealerId, customerId } = viewer;
  const rows = await listFeeds(platform, by, { dealerId, customerId });
  const names = new Map(customers.map(({ customerId, name }) => [customerId, name]));
  return await pageOf(request, {
    title: t("feeds"),
    ...(typed.message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {typed.message !== undefined && <Message>{typed.message}</Message>}
        <p>{t("feedsHelp")}</p>
        <Table
          rows={rows}
          empty={t("none")}
          caption={t("feeds")}
          isTitled
          columns={[
            { heading: t("address"), cell: ({ address }) => address },
            { heading: t("kind"), cell: ({ kind }) => feedKinds[kind].title },
            {
              heading: t("customer"),
              cell: ({ customerId: id }) => id === null ? t("wholeDealer") : names.get(id) ?? id,
            },
            { heading: t("state"), cell: ({ state }) => t(`feed_${state}`) },
            { heading: t("feedDevices"), cell: ({ devices }) => formats.number(devices), isNumber: true },
            {
              heading: t("feedLast"),
              cell: ({ succeededAt }) => succeededAt === null ? t("never") : formats.time(succeededAt),
            },
            {
              heading: t("feedOutcome"),
              cell: ({ failure, sent }) =>
                failure ?? (sent === null ? t("feedNotYet") : t("feedSent", { count: sent })),
            },
            { heading: t("action"), cell: (row) => <Changes request={request} row={row} /> },
          ]}
        />
        <h2>{t("feedAdd")}</h2>
        <AddForm request={request} typed={typed} />
      </>
    ),
  });
}

function Changes({ request: { t }, row }: { request: UserRequest; row: ListedFeed }) {
  if (row.state === "removing") return null;
  const shown: Change[] = [row.state === "paused" ? "resume" : "pause", "refresh", "remove"];
  return (
    <>
      {shown.map((change) => (
        <form method="post" action={`${path}/${row.feedId}/${change}`}>
          <button class="plain" type="submit" aria-label={`${t(words[change])}: ${row.address}`}>
            {t(words[change])}
          </button>
        </form>
      ))}
    </>
  );
}

function AddForm({ request: { t, viewer, customers }, typed }: { request: UserRequest; typed: Typed }) {
  return (
    <form method="post" action={path}>
      <div class="field">
        <label for="kind">{t("kind")}</label>
        <select id="kind" name="kind">
          {Object.entries(feedKinds).map(([kind, { title }]) => (
            <option value={kind} selected={kind === typed.kind}>{title}</option>
          ))}
        </select>
      </div>
      <Field
        name="address"
        label={t("feedAddress")}
        help={t("feedAddressHelp")}
        autocomplete="off"
        {...(typed.address === undefined ? {} : { value: typed.address })}
      />
      <div class="field">
        <label for="customer">{t("customer")}</label>
        <select id="customer" name="customer">
          {viewer.customerId === undefined && <option value="">{t("wholeDealer")}</option>}
          {customers.map(({ customerId, name }) => (
            <option value={customerId} selected={customerId === typed.customer}>{name}</option>
          ))}
        </select>
      </div>
      <Field
        name="user"
        label={t("feedUser")}
        autocomplete="off"
        required={false}
        {...(typed.user === undefined ? {} : { value: typed.user })}
      />
      <Field name="secret" label={t("feedPassword")} type="password" autocomplete="off" required={false} />
      <button type="submit">{t("feedAdd")}</button>
    </form>
  );
}

async function add(request: UserRequest): Promise<Response> {
  const { platform, by, viewer, customers, c } = request;
  const [kind, address, customer, user, password] = [
    await field(c, "kind"),
    (await field(c, "address")).trim(),
    await field(c, "customer"),
    (await field(c, "user")).trim(),
    await field(c, "secret"),
  ];
  try {
    if (!isFeedKind(kind)) throw new UsageError("Cannot add a feed of an unknown kind");
    const known = customers.some(({ customerId }) => customerId === customer);
    if (customer === "" ? viewer.customerId !== undefined : !known) throw new UsageError("Cannot find this customer");
    await createFeed(platform, by, {
      kind,
      address,
      dealer: viewer.dealerId,
      customer: customer === "" ? undefined : customer,
      settings: { ...(user === "" ? {} : { user }), ...(password === "" ? {} : { password }) },
    });
    return c.redirect(path, 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await feedsPage(request, { kind, address, customer, user, message: error.message });
  }
}

async function change(request: UserRequest, work: (typeof changes)[Change]): Promise<Response> {
  const { platform, by, viewer: { dealerId, customerId }, c } = request;
  const one: OneFeed = { feedId: c.req.param("feed") ?? "", dealerId, customerId };
  try {
    await work(platform, by, one);
    return c.redirect(path, 303);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return await feedsPage(request, { message: error.message });
  }
}

const common = { access: "dealer", permission: "manageFeeds" } as const;
export const feedRoutes: readonly Route[] = [
  { ...common, method: "GET", path, handle: (request: UserRequest) => feedsPage(request) },
  // Data leaves the platform from then on.
  { ...common, method: "POST", path, confirmed: true, handle: add },
  ...Object.entries(changes).map(([name, work]): Route => ({
    ...common,
    method: "POST",
    path: `${path}/:feed/${name}`,
    handle: (request: UserRequest) => change(request, work),
  })),
];
