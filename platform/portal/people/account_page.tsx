/** One's own account: language, passkeys and sessions. */
import { listUserSessions } from "../../users/sessions.ts";
import { listPasskeys } from "../../users/passkeys.ts";
import { type Language, languages } from "../../users/users.ts";
import { Message, pageOf, Table } from "../page/layout.tsx";
import type { UserRequest } from "../page/route.ts";
import { secondFactors } from "./factors_page.tsx";
import { Passkeys } from "./passkeys_page.tsx";

export async function accountPage(request: UserRequest, message?: string): Promise<Response> {
  const { t, formats, viewer, platform } = request;
  const sessions = await listUserSessions(platform, viewer.userId);
  const passkeys = await listPasskeys(platform, viewer.userId);
  const names: Record<Language, string> = { en: "English", de: "Deutsch", it: "Italiano" };
  return await pageOf(request, {
    title: t("account"),
    ...(message === undefined ? {} : { status: 422 }),
    children: (
      <>
        {message !== undefined && <Message>{message}</Message>}
        <p>{viewer.name}, {viewer.email}</p>
        <form class="filters" method="post" action="/account/language">
          <div>
            <label for="language">{t("language")}</label>
            <select id="language" name="language">
              {languages.map((language) => (
                <option value={language} lang={language} selected={language === viewer.language}>
                  {names[language]}
                </option>
              ))}
            </select>
          </div>
          <button type="submit">{t("save")}</button>
        </form>
        <Passkeys request={request} rows={passkeys} />
        {await secondFactors({ request })}
        <h2>{t("tokens")}</h2>
        <p>
          <a href="/account/tokens">{t("tokens")}</a>
        </p>
        <h2>{t("sessions")}</h2>
        <Table
          rows={sessions}
          empty={t("none")}
          caption={t("sessions")}
          isTitled
          columns={[
            { heading: t("signedIn"), cell: ({ createdAt }) => formats.time(createdAt) },
            { heading: t("lastSeen"), cell: ({ usedAt }) => formats.time(usedAt) },
            { heading: t("source"), cell: ({ source }) => source },
            { heading: t("browser"), cell: ({ browser }) => browser },
            {
              heading: t("action"),
              cell: ({ sessionId }) =>
                sessionId === viewer.sessionId
                  ? t("thisSession")
                  : (
                    <form method="post" action={`/account/sessions/${sessionId}/end`}>
                      <button class="plain" type="submit">{t("end")}</button>
                    </form>
                  ),
            },
          ]}
        />
        {sessions.length > 1 && (
          <form method="post" action="/account/sessions/end-others">
            <button type="submit">{t("endOthers")}</button>
          </form>
        )}
      </>
    ),
  });
}
