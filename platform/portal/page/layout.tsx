/** What all pages have in common. */
import { raw } from "hono/html";
import type { Child } from "hono/jsx";
import { isPermitted, type Permission } from "../../users/permissions.ts";
import type { PublicRequest, UserRequest } from "./route.ts";
import type { Key } from "../words/words.ts";

interface PageParts {
  title: string;
  children: Child;
  status?: 200 | 401 | 403 | 404 | 413 | 422 | 429 | 500 | 503;
  narrow?: boolean;
  /** Paths of scripts and of style sheets beside the portal's own: see portal_app.tsx. */
  scripts?: readonly string[];
  styles?: readonly string[];
  /** Without scripts, the page is loaded again after this time, as something goes on. */
  refreshSeconds?: number | undefined;
}

/** Nothing that the content policy forbids; answers that are no pages leave a page as it is, and open details stay open. */
const htmxConfig = JSON.stringify({
  includeIndicatorCSS: false,
  history: "reload",
  noSwap: [204, 304, "4xx", "5xx"],
  morphIgnore: ["data-htmx-powered", "open"],
});

const menu: { path: string; key: Key; permission: Permission; ofDealer?: true | "alone" }[] = [
  { path: "/", key: "overview", permission: "readFleet" },
  { path: "/customers", key: "customers", permission: "manageCustomers", ofDealer: "alone" },
  { path: "/notifications", key: "notifications", permission: "manageNotifications", ofDealer: true },
  { path: "/users", key: "users", permission: "manageUsers", ofDealer: true },
  { path: "/audit", key: "audit", permission: "readAudit", ofDealer: true },
  { path: "/feeds", key: "feeds", permission: "manageFeeds", ofDealer: true },
  { path: "/trust", key: "trust", permission: "readTrust", ofDealer: true },
  { path: "/data", key: "data", permission: "manageData", ofDealer: true },
];

/** A page; with the menu if somebody is signed in. */
export function pageOf(request: PublicRequest | UserRequest, parts: PageParts): Response | Promise<Response> {
  const { c, t, language } = request;
  const viewer = "viewer" in request ? request.viewer : undefined;
  const place = { customerId: viewer?.customerId };
  const entries = viewer === undefined
    ? []
    : menu.filter(({ permission, ofDealer }) =>
      ofDealer
        ? isPermitted(viewer.grants, permission, place) && (ofDealer !== "alone" || viewer.customerId === undefined)
        : true
    );
  const current = c.req.path;
  return c.html(
    <>
      {raw("<!doctype html>")}
      <html lang={language}>
        <head>
          <meta charset="utf-8" />
          <meta name="viewport" content="width=device-width, initial-scale=1" />
          <title>{`${parts.title} – ${t("product")}`}</title>
          <link rel="stylesheet" href="/portal.css" />
          {parts.refreshSeconds !== undefined && (
            <noscript>
              <meta http-equiv="refresh" content={String(parts.refreshSeconds)} />
            </noscript>
          )}
          {parts.scripts?.includes("/htmx.js") && <meta name="htmx-config" content={htmxConfig} />}
          {parts.styles?.map((path) => <link rel="stylesheet" href={path} />)}
          {parts.scripts?.map((path) => <script src={path} defer></script>)}
          <link rel="icon" href="/icon.svg" type="image/svg+xml" />
        </head>
        <body>
          <a class="skip" href="#main">{t("skip")}</a>
          {viewer !== undefined && (
            <header>
              <a class="product" href="/">{t("product")}</a>
              <nav aria-label={t("navigation")}>
                {entries.map(({ path, key }) => (
                  <a href={path} aria-current={current === path ? "page" : undefined}>{t(key)}</a>
                ))}
              </nav>
              <a href="/account">{viewer.email}</a>
              <form method="post" action="/sign-out">
                <button class="plain" type="submit">{t("signOut")}</button>
              </form>
            </header>
          )}
          <main id="main" class={parts.narrow ? "narrow" : undefined}>
            <h1>{parts.title}</h1>
            {parts.children}
          </main>
        </body>
      </html>
    </>,
    parts.status ?? 200,
  );
}

export function Message({ children, good }: { children?: Child; good?: boolean }) {
  return <div class={good ? "message good" : "message"} role={good ? "status" : "alert"}>{children}</div>;
}

/** A text field with its label. */
export function Field(
  props: {
    name: string;
    label: string;
    type?: "text" | "email" | "password";
    value?: string;
    help?: string;
    autocomplete?: string;
    required?: boolean;
    autofocus?: boolean;
    isFixed?: boolean;
  },
) {
  const helpId = props.help === undefined ? undefined : `${props.name}-help`;
  return (
    <div class="field">
      <label for={props.name}>{props.label}</label>
      <input
        id={props.name}
        name={props.name}
        type={props.type ?? "text"}
        value={props.value}
        autocomplete={props.autocomplete}
        required={props.required ?? true}
        autofocus={props.autofocus}
        readonly={props.isFixed}
        aria-describedby={helpId}
      />
      {helpId !== undefined && <div class="help" id={helpId}>{props.help}</div>}
    </div>
  );
}

/** Names and values in two columns. */
export function Facts({ rows }: { rows: readonly (readonly [name: string, value: Child])[] }) {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </>
      ))}
    </dl>
  );
}

/** A text to copy, with a button where there are scripts: the page names /copy.js. */
export function Copyable({ t, children }: { t: PublicRequest["t"]; children: string }) {
  return (
    <div class="copyable">
      <pre tabindex={0} data-copy={t("copy")} data-copied={t("copied")}>{children}</pre>
    </div>
  );
}

export interface ColumnOf<Row> {
  heading: string;
  cell(row: Row): Child;
  isNumber?: boolean;
  /** Where the list is in the order of this column; `now`: in which it is. */
  sort?: { href: string; now?: "ascending" | "descending" | undefined };
}

/** A table, or a sentence if there are no rows. The first column names the row. */
export function Table<Row>(
  { columns, rows, empty, caption, isTitled }: {
    columns: ColumnOf<Row>[];
    rows: readonly Row[];
    empty: string;
    caption: string;
    /** A heading says the same. */
    isTitled?: boolean;
  },
) {
  if (rows.length === 0) return <p class="quiet">{empty}</p>;
  const kind = ({ isNumber }: ColumnOf<Row>) => isNumber ? "number" : undefined;
  return (
    <div class="scroll" tabindex={0} role="region" aria-label={caption}>
      <table>
        <caption class={isTitled ? "hidden" : undefined}>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" class={kind(column)} aria-sort={column.sort?.now}>
                {column.sort === undefined ? column.heading : <a href={column.sort.href}>{column.heading}</a>}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => <tr>{columns.map((column) => <td class={kind(column)}>{column.cell(row)}</td>)}</tr>)}
        </tbody>
      </table>
    </div>
  );
}
