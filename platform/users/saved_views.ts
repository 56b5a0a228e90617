/** Views of lists that a user has saved, or shares with the other users of the same dealer or customer. */
import { UsageError } from "../../common/core/errors.ts";
import type { Platform } from "../agents/platform.ts";
import { changePlatform, readPlatform } from "../audit/use_case.ts";
import { newId } from "../store/new_id.ts";
import { takeLock } from "../store/store.ts";
import { isPermitted } from "./permissions.ts";
import type { Viewer } from "./sessions.ts";

export const viewLists = ["devices", "supplies", "alerts", "agents"] as const;
export type ViewList = typeof viewLists[number];

export interface SavedView {
  viewId: string;
  name: string;
  /** As in an address: `q=berlin&sort=-pages`. */
  query: string;
  isOwn: boolean;
  isDefault: boolean;
  isShared: boolean;
}

interface ViewRow {
  view_id: string;
  user_id: string;
  name: string;
  query: string;
  is_default: number;
  is_shared: number;
}

type Base = Pick<Platform, "store" | "clock">;

const mostViews = 50;
const by = ({ email: name }: Viewer) => ({ actor: { kind: "user" as const, name } });

/** The viewer's own, then those that others share; by name. */
export function listViews(platform: Base, viewer: Viewer, { list }: { list: ViewList }): Promise<SavedView[]> {
  return readPlatform(platform, by(viewer), async (tx) => {
    const rows = await tx.all<ViewRow>(
      `SELECT v.* FROM saved_views v JOIN users u ON u.user_id = v.user_id
       WHERE v.list = :list AND (v.user_id = :user OR (v.is_shared = 1 AND u.dealer_id = :dealer
         AND coalesce(u.of_customer, '') = :customer AND u.state = 'active'))
       ORDER BY CASE WHEN v.user_id = :user THEN 0 ELSE 1 END, lower(v.name), v.view_id`,
      { list, user: viewer.userId, dealer: viewer.dealerId, customer: viewer.customerId ?? "" },
    );
    return rows.map(({ view_id, user_id, name, query, is_default, is_shared }) => ({
      viewId: view_id,
      name,
      query,
      isOwn: user_id === viewer.userId,
      isDefault: user_id === viewer.userId && is_default === 1,
      isShared: is_shared === 1,
    }));
  });
}

/** One of the same name is replaced. Throws UsageError for a name that cannot be, or a view that may not be shared. */
export function saveView(
  platform: Base,
  viewer: Viewer,
  { list, name: typed, query, isDefault, isShared }: {
    list: ViewList;
    name: string;
    query: string;
    isDefault: boolean;
    isShared: boolean;
  },
): Promise<string> {
  const name = typed.trim(), user = viewer.userId;
  if (name === "" || name.length > 60 || /\p{Cc}/u.test(name)) {
    throw new UsageError("Cannot use the name of the view: it has 1 to 60 characters and no control characters");
  }
  if (query.length > 1000) throw new UsageError("Cannot save the view as its filters are too long");
  if (isShared && !mayShare(viewer)) throw new UsageError("Cannot share the view as you may not");
  return changePlatform(platform, by(viewer), async (tx, at) => {
    await takeLock(tx, `views of ${user}`);
    await tx.run("DELETE FROM saved_views WHERE user_id = :user AND list = :list AND lower(name) = lower(:name)", {
      user,
      list,
      name,
    });
    const { count } = (await tx.get<{ count: number }>(
      "SELECT count(*) AS count FROM saved_views WHERE user_id = :user AND list = :list",
      { user, list },
    ))!;
    if (count >= mostViews) throw new UsageError(`Cannot save the view as you have ${mostViews}`, "remove one first");
    if (isDefault) {
      await tx.run("UPDATE saved_views SET is_default = 0 WHERE user_id = :user AND list = :list", { user, list });
    }
    const viewId = newId("viw");
    await tx.run(
      `INSERT INTO saved_views (view_id, user_id, list, name, query, is_default, is_shared, created_at)
       VALUES (:view, :user, :list, :name, :query, :is_default, :is_shared, :at)`,
      {
        view: viewId,
        user,
        list,
        name,
        query,
        is_default: isDefault ? 1 : 0,
        is_shared: isShared ? 1 : 0,
        at: at.getTime(),
      },
    );
    const detail = { view: viewId, name, shared: isShared };
    return {
      answer: viewId,
      customerId: viewer.customerId ?? null,
      audit: { action: "viewSaved", subject: user, detail },
    };
  });
}

/** Throws UsageError for a view that is not the viewer's own. */
export function removeView(platform: Base, viewer: Viewer, { viewId }: { viewId: string }): Promise<void> {
  return changePlatform(platform, by(viewer), async (tx) => {
    const removed = await tx.get<{ name: string }>(
      "DELETE FROM saved_views WHERE view_id = :view AND user_id = :user RETURNING name",
      { view: viewId, user: viewer.userId },
    );
    if (removed === undefined) throw new UsageError("Cannot find this view among your own");
    return {
      answer: undefined,
      customerId: viewer.customerId ?? null,
      audit: { action: "viewRemoved", subject: viewer.userId, detail: { view: viewId, name: removed.name } },
    };
  });
}

/** Whether the viewer may show views to the others of the same dealer or customer. */
export function mayShare({ grants, customerId }: Viewer): boolean {
  return isPermitted(grants, "shareViews", { customerId });
}
