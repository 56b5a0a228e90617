/** The table of tools/check_imports.ts: which folder may import which. It is one file, as its order over all is a rule. */

/*
 * From the bottom up: what a folder may know stands before it. The picture in CONTRIBUTING.md has it from the top down.
 * Each folder is followed by what it may import; `src/(a b)` is `src/a src/b`.
 */
const table = `
proto:

common/core:
common/cli:
common/reading: common/core proto
common/report: common/(core reading)
common/protocol: common/core proto
common/host: common/core
common/release: common/(core protocol host)

src/log: common/core
src/snmp: common/core
src/targets: common/core
src/config: common/(core reading protocol) src/(log snmp targets)
src/printers: common/reading src/snmp
src/recording: common/core src/(snmp printers)
src/scan: common/(core reading) src/(snmp targets printers)
src/schedule: common/core src/config
src/store: common/(core reading host) proto
src/link: common/(core reading protocol host) proto src/store
src/activation: common/(core protocol host) proto src/link
src/statement: common/(core protocol reading) proto
src/tasks: common/(core protocol host) proto src/(targets config schedule store)
src/access: common/(core reading protocol host) proto src/(config store tasks)
src/update: common/(core host release) proto src/(log config link)
src/service: common/(core reading protocol host) proto src/(log snmp targets config printers scan schedule store link
  activation tasks update)
src: common/(core host reading) src/(log targets config store link activation tasks access update service)
src/doctor: common/(core host) src/(snmp targets config printers scan store link activation service)
src/cli: common/(core reading cli host release report) src/(log snmp targets config printers recording scan schedule
  store link activation statement tasks access update service doctor) src
src/host: common/(core host) src/(log snmp targets scan store update service doctor cli)

.: src/(cli host)

platform/store: common/(core reading) proto
platform/audit: platform/store
platform/events: platform/store
platform/keys: common/(core protocol host)
platform/customers: common/core platform/(store audit events)
platform/agents: common/(core protocol) proto platform/(store audit events keys customers)
platform/releases: common/(core host release) proto platform/(store audit customers agents)
platform/tasks: common/(core protocol) proto platform/(store audit events agents releases)
platform/devices: common/(core reading protocol) proto platform/(store audit events customers agents releases tasks)
platform/alerts: common/(core reading) proto platform/(store audit customers agents devices)
platform/mail: common/(core host) platform/(store keys)
platform/users: common/core platform/(store audit keys mail customers agents)
platform/access: common/(core protocol host) proto platform/(store audit agents users tasks devices)
platform/sso: common/(core host) platform/(store audit keys customers users)
platform/pdf:
platform/billing: common/(core protocol reading) platform/(pdf store audit mail customers users devices)
platform/interfaces: common/(core host) platform/(store audit events keys customers agents tasks devices access)
platform/notifications: common/(core reading) proto platform/(store audit events mail customers devices alerts users)
platform/feeds: common/(core host) proto platform/(store audit keys customers agents devices)
platform/trust: common/core proto platform/(pdf store audit customers users)
platform/edge/connections: common/core
platform/edge/grpc: common/(core protocol) proto platform/(keys agents releases tasks devices)
  platform/edge/connections
platform/edge/mqtt: common/(core host protocol) proto platform/(store audit keys agents tasks devices)
  platform/edge/connections
platform/edge/ssh: common/(core host protocol) platform/(keys agents access) platform/edge/connections
platform/edge/http: common/(core host report) platform/(keys access) platform/edge/connections
platform/portal/words: common/core platform/(users devices)
platform/portal/page: common/(core report) platform/(access store audit customers agents users interfaces)
  platform/edge/connections platform/portal/words
platform/portal/sign_in: common/core platform/(sso users) platform/portal/page
platform/portal/fleet: common/(core reading report) proto platform/(store agents devices alerts access users)
  platform/portal/(words page)
platform/portal/notifications: common/core platform/(events interfaces notifications users) platform/portal/(words
  page)
platform/portal/tasks: common/(core reading) proto platform/(agents releases tasks access users interfaces audit)
  platform/portal/(words page fleet)
platform/portal/billing: common/core platform/(audit billing users devices) platform/portal/(page fleet)
platform/portal/people: common/core platform/(store audit sso customers users interfaces) platform/portal/(words page fleet
  sign_in)
platform/edge/rest: common/core platform/(store audit customers agents tasks access users interfaces
  notifications feeds) platform/edge/connections
platform/edge/metrics: common/core platform/(agents interfaces)
platform/portal/feeds: common/core platform/feeds platform/portal/page
platform/portal/trust: common/core platform/(trust users) platform/portal/(words page)
platform/portal: common/core platform/(keys customers mail users sso) platform/edge/connections platform/portal/(words
  page sign_in fleet notifications tasks people billing trust feeds)
platform/edge/cli: common/(core cli reading report host release) proto platform/(store audit events keys customers
  agents releases tasks devices alerts access interfaces feeds notifications mail sso users billing trust portal)
  platform/edge/(grpc mqtt ssh http)
platform: common/(core host) platform/(store keys agents devices alerts access mail sso users billing interfaces
  notifications feeds portal) platform/edge/(grpc mqtt ssh http rest metrics cli)

# Entries of threads, of the agent and of the platform.
workers: common/core src/(scan host) platform/users

simulator: common/(core report) src/(snmp recording)

# It tells the whole story, and so knows whom it is about.
demo: common/(core reading report) proto simulator platform src/(cli host) platform/(customers agents devices alerts)
  platform/edge/cli
`;

/** Throws for a line that is not of this form. */
export function parseArrows(text: string): Record<string, string[]> {
  const lines = text.replace(/\n {2}/g, " ").split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return Object.fromEntries(lines.map((line) => {
    const [, folder, rest] = /^([\w./]+):((?: [\w/]+(?:\([\w ]+\))?)*)$/.exec(line) ?? [];
    if (folder === undefined) throw new Error(`Cannot read the line of tools/import_arrows.ts: ${line}`);
    const parts = rest!.match(/[\w/]+(?:\([\w ]+\))?/g) ?? [];
    return [
      folder,
      parts.flatMap((part) => {
        const [prefix, names] = part.split(/[()]/);
        return names === undefined ? [prefix!] : names.split(" ").map((name) => prefix + name);
      }),
    ];
  }));
}

export const allowed = parseArrows(table);
