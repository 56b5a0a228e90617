/** Saved views of a list: links to them, and a form that saves what is seen. */
import { UsageError } from "../../../common/core/errors.ts";
import {
  listViews,
  mayShare,
  removeView,
  type SavedView,
  saveView,
  type ViewList,
  viewLists,
} from "../../users/saved_views.ts";
import { field } from "../page/form.ts";
import type { CustomerRequest, UserRequest } from "../page/route.ts";
import { viewQuery } from "./list_query.ts";

export function ViewLinks(
  { request: { t, c }, views, all }: { request: CustomerRequest; views: readonly SavedView[]; all: string },
) {
  if (views.length === 0) return null;
  const now = viewQuery(new URL(c.req.url).search);
  const link = (query: string, name: string, isNow: boolean) => (
    <a href={`${c.req.path}?${query || "all=1"}`} aria-current={isNow ? "true" : undefined}>{name}</a>
  );
  return (
    <ul class="tabs views" aria-label={t("views")}>
      <li>{link("all=1", all, now === "")}</li>
      {views.map(({ viewId, name, query, isOwn, isShared }) => (
        <li>
          {link(query, isShared ? t("sharedView", { name }) : name, now !== "" && now === query)}
          {isOwn && (
            <form method="post" action={`/views/${viewId}/remove`}>
              <input type="hidden" name="next" value={c.req.path} />
              <button class="plain" type="submit" aria-label={`${t("viewRemove")}: ${name}`}>×</button>
            </form>
          )}
        </li>
      ))}
    </ul>
  );
}

/** The saved views of a list; `first`: where to go in place of a list that nothing was asked of. */
export async function viewsOf(
  { platform, viewer, c }: CustomerRequest,
  list: ViewList,
): Promise<{ views: SavedView[]; first: string | undefined }> {
  const views = await listViews(platform, viewer, { list });
  const view = views.find(({ isDefault }) => isDefault);
  const isAsked = view === undefined || new URL(c.req.url).search !== "";
  return { views, first: isAsked ? undefined : `${c.req.path}?${view.query || "all=1"}` };
}

export function ViewForm({ request: { t, c, viewer }, list }: { request: UserRequest; list: ViewList }) {
  const query = viewQuery(new URL(c.req.url).search);
  return (
    <details>
      <summary>{t("saveView")}</summary>
      <form class="filters" method="post" action="/views">
        <input type="hidden" name="list" value={list} />
        <input type="hidden" name="query" value={query} />
        <input type="hidden" name="next" value={c.req.path} />
        <div>
          <label for="view-name">{t("viewName")}</label>
          <input id="view-name" name="name" type="text" maxlength={60} required />
        </div>
        <label class="check">
          <input type="checkbox" name="default" value="1" /> {t("viewDefault")}
        </label>
        {mayShare(viewer) && (
          <label class="check">
            <input type="checkbox" name="shared" value="1" /> {t("viewShared")}
          </label>
        )}
        <button type="submit">{t("save")}</button>
      </form>
    </details>
  );
}

export async function saveViewForm({ c, platform, viewer }: UserRequest): Promise<Response> {
  const typed = await field(c, "list"), list = viewLists.find((known) => known === typed);
  if (list === undefined) throw new UsageError("Cannot save a view of this list");
  const query = viewQuery(await field(c, "query"));
  await saveView(platform, viewer, {
    list,
    name: await field(c, "name"),
    query,
    isDefault: await field(c, "default") === "1",
    isShared: await field(c, "shared") === "1",
  });
  return c.redirect(`${await nextList(c)}?${query || "all=1"}`, 303);
}

export async function removeViewForm({ c, platform, viewer }: UserRequest): Promise<Response> {
  await removeView(platform, viewer, { viewId: c.req.param("view") ?? "" });
  return c.redirect(`${await nextList(c)}?all=1`, 303);
}

/* A list of this portal, and nothing else. */
async function nextList(c: UserRequest["c"]): Promise<string> {
  const next = await field(c, "next");
  return /^\/customers\/cus-\w{12}\/(devices|supplies|alerts|agents)$/.test(next) ? next : "/";
}
