import type { UserRequest } from "../page/route.ts";

/** The two parts of what tells others. */
export function NotificationTabs(
  { request: { t }, current }: { request: UserRequest; current: "notifications" | "webhooks" },
) {
  return (
    <nav aria-label={t("notifications")}>
      <ul class="tabs">
        {(["notifications", "webhooks"] as const).map((key) => (
          <li>
            <a href={`/${key}`} aria-current={current === key ? "page" : undefined}>{t(key)}</a>
          </li>
        ))}
      </ul>
    </nav>
  );
}
