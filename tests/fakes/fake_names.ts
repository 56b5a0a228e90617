import type { HostNames } from "../../src/targets/host_names.ts";

/** Names as a name server of the test knows them; all others are unknown. */
export function fakeNames(names: Readonly<Record<string, readonly string[]>>): HostNames["resolve"] {
  return (name) => {
    const addresses = names[name] ?? [];
    const message = "no name server knows it";
    return Promise.resolve({ addresses, fault: addresses.length > 0 ? null : { reason: "unknown", message } });
  };
}
