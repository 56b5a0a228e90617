/** Activation codes. */
import { ConfigError, UsageError } from "../../../common/core/errors.ts";
import { agentFile, authorityFingerprint } from "../../agents/agent_file.ts";
import { createCode, listCodes, mostCodeUses, usesLeft, withdrawCode } from "../../agents/activation_codes.ts";
import { seesSite } from "../../users/permissions.ts";
import { chosenSite, customerPage, SiteSelect } from "../page/customer_page.tsx";
import { field } from "../page/form.ts";
import { Copyable, Facts, Message, Table } from "../page/layout.tsx";
import { Live, liveScripts } from "../page/live.tsx";
import type { CustomerRequest } from "../page/route.ts";
import { targetsIn } from "./start_tasks.ts";
import { tenantOf } from "./visible_agents.ts";

const dayMs = 86_400_000;
const validDays = [1, 14, 30], usualDays = 14;

export async function codesPage(
  request: CustomerRequest,
  made?: { code: string; expiresAt: Date; uses: number },
): Promise<Response> {
  const { t, formats, platform, customer } = request, chosen = await chosenSite(request);
  const rows = (await listCodes(platform, tenantOf(request))).filter(({ site_id }) =>
    seesSite(customer.sites, site_id)
  );
  const root = `/customers/${customer.customerId}/codes`;
  return await customerPage(request, {
    title: `${customer.name}: ${t("codes")}`,
    tab: "codes",
    scripts: [...liveScripts, "/copy.js"],
    children: (
      <>
        {made !== undefined && <MadeCode request={request} made={made} />}
        <form class="filters" method="post" action={root}>
          <SiteSelect request={request} chosen={chosen} isNeeded />
          <div>
            <label for="days">{t("codeValid")}</label>
            <select id="days" name="days">
              {validDays.map((count) => (
                <option value={String(count)} selected={count === usualDays}>{t("days", { count })}</option>
              ))}
            </select>
          </div>
          <div>
            <label for="uses">{t("codeUses")}</label>
            <input id="uses" name="uses" type="number" min="1" max={String(mostCodeUses)} value="1" required />
          </div>
          <button type="submit">{t("codeMake")}</button>
        </form>
        <Live request={request} part="agents" said={t("codesOpen", { count: rows.filter(isOpen).length })}>
          <Table
            rows={rows}
            empty={t("none")}
            caption={t("codes")}
            isTitled
            columns={[
              { heading: t("code"), cell: ({ locator }) => `${locator}-…` },
              { heading: t("site"), cell: ({ site }) => site },
              { heading: t("state"), cell: ({ state }) => t(`code_${state}`) },
              { heading: t("codeLeft"), cell: (row) => `${usesLeft(row)}/${row.most_uses}`, isNumber: true },
              { heading: t("until"), cell: ({ expires_at }) => formats.time(expires_at) },
              {
                heading: t("action"),
                cell: ({ code_id, state, locator }) =>
                  state !== "open" ? null : (
                    <form method="post" action={`${root}/${code_id}/withdraw`}>
                      <button class="plain" type="submit" aria-label={`${t("withdraw")}: ${locator}`}>
                        {t("withdraw")}
                      </button>
                    </form>
                  ),
              },
            ]}
          />
        </Live>
        <NewAgent request={request} />
      </>
    ),
  });
}

const isOpen = ({ state }: { state: string }) => state === "open";

function MadeCode(
  { request, made }: { request: CustomerRequest; made: { code: string; expiresAt: Date; uses: number } },
) {
  const { t, formats } = request;
  return (
    <section class="made">
      <Message good>
        {t("codeMade", { until: formats.time(made.expiresAt.getTime()), count: made.uses })}
        <code>{made.code}</code>
      </Message>
      <p>{t("codeInstall")}</p>
      <InstallCommands request={request} code={made.code} />
    </section>
  );
}

/** What a new agent needs beside a code. */
function NewAgent({ request: { t, platform, customer } }: { request: CustomerRequest }) {
  return (
    <>
      <h2>{t("agentFile")}</h2>
      <p>{t("agentFileHelp")}</p>
      <form class="filters" method="post" action={`/customers/${customer.customerId}/agent-file`}>
        <div>
          <label for="targets">{t("agentFileTargets")}</label>
          <input id="targets" name="targets" type="text" maxlength={4000} placeholder="10.1.0.0/24" required />
        </div>
        <div>
          <label for="endpoint">{t("agentFileEndpoint")}</label>
          <input id="endpoint" name="endpoint" type="text" maxlength={260} placeholder="dca.example.com:8443" />
        </div>
        <button type="submit">{t("agentFileGet")}</button>
      </form>
      <Facts rows={[[t("authorityFingerprint"), <code>{authorityFingerprint(platform)}</code>]]} />
      <p>
        <a href={`/customers/${customer.customerId}/unlock`}>{t("unlock")}</a>
      </p>
    </>
  );
}

export async function newAgentFile({ platform, c }: CustomerRequest): Promise<Response> {
  const targets = targetsIn(await field(c, "targets")), endpoint = (await field(c, "endpoint")).trim();
  if (targets.length === 0) throw new UsageError("Cannot make agent.yaml without an address of a printer");
  try {
    const text = agentFile(platform, targets, { network: "office", ...(endpoint === "" ? {} : { endpoint }) });
    return c.body(text, 200, {
      "content-type": "application/yaml; charset=utf-8",
      "content-disposition": 'attachment; filename="agent.yaml"',
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new UsageError("Cannot tell where agents reach the platform: name it, such as dca.example.com:8443");
  }
}

export async function makeCode(request: CustomerRequest): Promise<Response> {
  const { platform, c } = request, wanted = await field(c, "site");
  const { sites } = await chosenSite(request);
  const site = sites.find(({ site_id }) => site_id === wanted) ??
    (wanted === "" && sites.length === 1 ? sites[0] : undefined);
  if (site === undefined) throw new UsageError("Cannot make a code as it needs a site");
  const days = Number(await field(c, "days") || usualDays);
  if (!validDays.includes(days)) throw new UsageError(`Cannot make a code for these days: ${validDays.join(", ")}`);
  return await codesPage(
    request,
    await createCode(platform, tenantOf(request), {
      site: site.site_id,
      validMs: days * dayMs,
      uses: Number(await field(c, "uses") || 1),
    }),
  );
}

export async function withdraw(request: CustomerRequest): Promise<Response> {
  const { platform, c, customer } = request, codeId = c.req.param("code") ?? "";
  const rows = await listCodes(platform, tenantOf(request));
  const row = rows.find(({ code_id }) => code_id === codeId);
  if (row === undefined || !seesSite(customer.sites, row.site_id)) {
    throw new UsageError("Cannot find this code");
  }
  await withdrawCode(platform, tenantOf(request), { codeId });
  return c.redirect(`/customers/${customer.customerId}/codes`, 303);
}

const container = "docker run --rm --interactive --read-only --cap-drop ALL --security-opt no-new-privileges" +
  " --hostname opendca-agent --volume opendca:/var/lib/opendca --volume opendca-guard:/var/lib/opendca-guard" +
  ' --volume "$PWD/agent.yaml:/etc/opendca/agent.yaml:ro"';

/** Of each system: lines of a shell, after which the agent runs. The code is on standard input, where no other user sees it. */
function installCommands(code: string): { system: string; lines: string[] }[] {
  const piped = `printf '%s\\n' ${code}`;
  return [
    {
      system: "Linux",
      lines: [
        "sudo sh install.sh --config agent.yaml",
        `${piped} | sudo -u opendca opendca activate`,
        "sudo systemctl start opendca-agent",
      ],
    },
    {
      system: "Debian, Ubuntu",
      lines: [
        "sudo apt install ./opendca_*_amd64.deb",
        "sudo install -m 640 -o root -g opendca agent.yaml /etc/opendca/agent.yaml",
        `${piped} | sudo -u opendca opendca activate`,
        "sudo systemctl start opendca-agent",
      ],
    },
    {
      system: "Windows",
      lines: [
        "powershell -ExecutionPolicy Bypass -File install.ps1 -Config agent.yaml",
        `"${code}" | & "C:\\Program Files\\OpenDCA\\opendca.cmd" activate`,
        "Start-Service opendca-agent",
      ],
    },
    {
      system: "macOS",
      lines: [
        "sudo sh install-macos.sh --config agent.yaml",
        `${piped} | sudo -u _opendca opendca activate`,
        "sudo launchctl kickstart -k system/org.opendca.agent",
      ],
    },
    {
      system: "Docker",
      lines: [
        "docker volume create opendca && docker volume create opendca-guard",
        `${piped} | ${container} opendca:VERSION activate`,
        `${
          container.replace("--rm --interactive", "--detach --name opendca --restart unless-stopped")
        } opendca:VERSION`,
      ],
    },
  ];
}

function InstallCommands({ request: { t }, code }: { request: CustomerRequest; code: string }) {
  return (
    <>
      {installCommands(code).map(({ system, lines }, index) => (
        <details open={index === 0}>
          <summary>{system}</summary>
          <Copyable t={t}>{lines.join("\n")}</Copyable>
        </details>
      ))}
    </>
  );
}
